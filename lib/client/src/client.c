// A client's life: options, opening, running on its own thread or in turns, waiting, closing.
#include "client.h"

#include "quiet.h"

#include <base/fd.h>
#include <base/mem.h>
#include <base/time.h>
#include <crypto/identity.h>
#include <crypto/random.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MS_US = 1000 };

bool client_is_inside(selvedge_client *client) {
    (void) pthread_mutex_lock(&client->lock);
    bool inside = client->shared.in_callback;
    (void) pthread_mutex_unlock(&client->lock);
    return inside && (!client->has_thread || pthread_equal(pthread_self(), client->thread) != 0);
}

void client_ring(const selvedge_client *client) {
    (void) eventfd_write(client->bell, 1);
}

static sv_err take_options(const selvedge_options *given, selvedge_options *out, sv_why *why) {
    if (given->size != sizeof *given) {
        return sv_fail(why, SV_ERR_INVALID,
                       "options.size is %zu and %zu is known: set it to sizeof(selvedge_options), "
                       "and run with the library you compiled for",
                       given->size, sizeof *given);
    }
    *out = *given;
    out->port = given->port == 0 ? SELVEDGE_PORT_DEFAULT : given->port;
    out->keepalive_s = given->keepalive_s == 0 ? SELVEDGE_KEEPALIVE_S_DEFAULT : given->keepalive_s;
    out->queue_bytes = given->queue_bytes == 0 ? SELVEDGE_QUEUE_BYTES_DEFAULT : given->queue_bytes;
    if (out->host == NULL || out->host[0] == '\0' || out->cert_file == NULL
        || out->key_file == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "host, cert_file and key_file are needed");
    }
    if (out->keepalive_s > SELVEDGE_KEEPALIVE_S_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "keepalive_s is %u; at most %d", out->keepalive_s,
                       SELVEDGE_KEEPALIVE_S_MAX);
    }
    if (out->queue_bytes < SELVEDGE_QUEUE_BYTES_MIN
        || out->queue_bytes > SELVEDGE_QUEUE_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "queue_bytes is %zu; %d to %d are taken",
                       out->queue_bytes, SELVEDGE_QUEUE_BYTES_MIN, SELVEDGE_QUEUE_BYTES_MAX);
    }
    return SV_OK;
}

static void name_topics(selvedge_client *client) {
    sv_textbuf since = SV_TEXTBUF(client->since);
    sv_time_add(&since, sv_clock_wall_us());
    (void) sv_textbuf_end(&since);
    sv_textbuf topic = SV_TEXTBUF(client->presence_topic);
    sv_textbuf online = SV_TEXTBUF(client->online);
    sv_textbuf offline = SV_TEXTBUF(client->offline);
    sv_textbuf commands = SV_TEXTBUF(client->commands_filter);
    sv_textbuf_addf(&topic, "presence/%s", client->id);
    sv_textbuf_addf(&online, "{\"online\":true,\"since\":\"%s\"}", client->since);
    sv_textbuf_addf(&offline, "{\"online\":false,\"since\":\"%s\"}", client->since);
    sv_textbuf_addf(&commands, "commands/%s/+", client->id);
    (void) sv_textbuf_end(&topic);
    (void) sv_textbuf_end(&online);
    (void) sv_textbuf_end(&offline);
    (void) sv_textbuf_end(&commands);
}

static void make_lock(selvedge_client *client) {
    pthread_condattr_t by_monotonic;
    (void) pthread_condattr_init(&by_monotonic);
    (void) pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&client->changed, &by_monotonic);
    (void) pthread_condattr_destroy(&by_monotonic);
    (void) pthread_mutex_init(&client->lock, NULL);
}

static void release(selvedge_client **variable) {
    selvedge_client *client = *variable;
    *variable = NULL;
    if (client == NULL) {
        return;
    }
    quiet before = quiet_begin();
    client_link_drop(client);
    client_outbox_drop(client);
    if (client->loop != NULL) {
        sv_loop_turn(client->loop, 0); // what libevent had put off for the connection just dropped
    }
    sv_beacon_drop(&client->beacon);
    sv_tls_drop(&client->tls);
    sv_tls_drop(&client->shared.next_tls);
    sv_loop_drop(&client->loop);
    sv_fd_drop(&client->bell);
    quiet_end(&before);
    (void) pthread_cond_destroy(&client->changed);
    (void) pthread_mutex_destroy(&client->lock);
    free(client->host);
    free(client->ca_file);
    free(client->cert_file);
    free(client->key_file);
    free(client);
}

static void *live(void *arg) {
    selvedge_client *client = arg;
    sv_why why;
    if (sv_loop_run(client->loop, &why) != SV_OK) {
        (void) pthread_mutex_lock(&client->lock);
        client->shared.state.connected = false;
        (void) client_failed(&why, &client->shared.state.trouble);
        (void) pthread_cond_broadcast(&client->changed);
        (void) pthread_mutex_unlock(&client->lock);
    }
    return NULL;
}

/// No signal of the program's is ever handled on our thread, and no SIGPIPE leaves it.
static sv_err start_thread(selvedge_client *client, sv_why *why) {
    sigset_t all;
    sigset_t before;
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&client->thread, NULL, live, client);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    client->has_thread = failed == 0;
    return failed == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot start a thread: %s", sv_errno_text(failed));
}

/// A renewal may change certificate and key between our two looks; the second time they fit.
static sv_err read_files(const selvedge_client *client, char id[SV_ID_ROOM], sv_tls **out,
                         sv_why *why) {
    const sv_tls_files files = {
        .ca = client->ca_file,
        .cert = client->cert_file,
        .key = client->key_file,
    };
    SV_TRY(sv_identity_cn_of_file(client->cert_file, id, why));
    return sv_tls_client(&files, out, NULL) == SV_OK ? SV_OK : sv_tls_client(&files, out, why);
}

selvedge_code selvedge_client_reload(selvedge_client *client, selvedge_error *error) {
    char id[SV_ID_ROOM];
    sv_why why;
    sv_tls *tls = NULL;
    if (client_check(client, error) != SELVEDGE_OK) {
        return SELVEDGE_INVALID;
    }
    if (read_files(client, id, &tls, &why) != SV_OK) {
        return client_failed(&why, error);
    }
    if (strcmp(id, client->id) != 0) {
        sv_tls_drop(&tls);
        return client_fail(error, SELVEDGE_INVALID, "'%.128s' is for '%s', and this is '%s'",
                           client->cert_file, id, client->id);
    }
    (void) pthread_mutex_lock(&client->lock);
    sv_tls *unused = client->shared.next_tls;
    client->shared.next_tls = tls;
    (void) pthread_mutex_unlock(&client->lock);
    sv_tls_drop(&unused);
    client_ring(client);
    return SELVEDGE_OK;
}

static sv_err open_client(selvedge_client *client, const selvedge_options *options, sv_why *why) {
    SV_TRY(read_files(client, client->id, &client->tls, why));
    name_topics(client);
    client->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (client->bell < 0) {
        return sv_fail(why, SV_ERR_IO, "no descriptor for the client: %m");
    }
    SV_TRY(sv_loop_open_guest(&client->loop, why));
    SV_TRY(client_link_open(client, options, why));
    return options->own_loop ? sv_beacon_open(client->loop, &client->beacon, why)
                             : start_thread(client, why);
}

static char *copy_of(const char *text) {
    return text == NULL ? NULL : sv_mem_copy_str(text, strlen(text));
}

selvedge_code selvedge_client_open(const selvedge_options *given, selvedge_client **out,
                                   selvedge_error *error) {
    *out = NULL;
    sv_why why;
    selvedge_options options;
    if (take_options(given, &options, &why) != SV_OK) {
        return client_failed(&why, error);
    }
    SV_DEFER(release) selvedge_client *client = sv_mem_new(sizeof *client);
    client->options = options;
    client->host = sv_mem_copy_str(options.host, strlen(options.host));
    client->ca_file = copy_of(options.ca_file);
    client->cert_file = copy_of(options.cert_file);
    client->key_file = copy_of(options.key_file);
    client->bell = -1;
    make_lock(client);
    sv_random_hex(client->epoch);
    sv_clock_boot(client->shared.uptime.boot);
    if (client->shared.uptime.boot[0] == '\0') {
        memcpy(client->shared.uptime.boot, client->epoch, sizeof client->epoch);
    }
    if (open_client(client, &options, &why) != SV_OK) {
        return client_failed(&why, error);
    }
    *out = client;
    client = NULL;
    return SELVEDGE_OK;
}

const char *selvedge_client_id(const selvedge_client *client) {
    return client == NULL ? "" : client->id;
}

int selvedge_client_fd(const selvedge_client *client) {
    return client == NULL || client->beacon == NULL ? -1 : sv_beacon_fd(client->beacon);
}

static void turn(selvedge_client *client, int64_t wait_us) {
    quiet before = quiet_begin();
    sv_loop_turn(client->loop, wait_us);
    sv_beacon_update(client->beacon);
    quiet_end(&before);
}

selvedge_code selvedge_client_turn(selvedge_client *client, int wait_ms) {
    if (client == NULL) {
        return SELVEDGE_INVALID;
    }
    if (client->beacon == NULL || client_is_inside(client)) {
        return SELVEDGE_STATE;
    }
    turn(client, wait_ms > 0 ? (int64_t) wait_ms * MS_US : 0);
    return SELVEDGE_OK;
}

void selvedge_client_state(const selvedge_client *client, selvedge_state *state) {
    size_t size = state->size < sizeof *state ? state->size : sizeof *state;
    selvedge_state now = { .size = 0 };
    if (client != NULL) {
        // The lock is the one part of a client that looking at it changes.
        pthread_mutex_t *lock = (pthread_mutex_t *) (uintptr_t) &client->lock;
        (void) pthread_mutex_lock(lock);
        now = client->shared.state;
        (void) pthread_mutex_unlock(lock);
    }
    now.size = state->size;
    memcpy(state, &now, size);
}

/// What is waited for, with the lock held.
typedef bool client_condition(const selvedge_client *client, uint64_t number);

static bool is_connected_or_refused(const selvedge_client *client, uint64_t unused) {
    (void) unused;
    const selvedge_state *state = &client->shared.state;
    return state->connected || state->trouble.code == SELVEDGE_UNTRUSTED;
}

static bool is_acknowledged(const selvedge_client *client, uint64_t number) {
    return client->shared.state.acknowledged >= number;
}

static bool is_finished(const selvedge_client *client, uint64_t unused) {
    (void) unused;
    return client->shared.finished;
}

static bool holds(selvedge_client *client, client_condition *condition, uint64_t number) {
    (void) pthread_mutex_lock(&client->lock);
    bool yes = condition(client, number);
    (void) pthread_mutex_unlock(&client->lock);
    return yes;
}

static void await_in_turns(selvedge_client *client, client_condition *condition, uint64_t number,
                           int64_t end_us) {
    int64_t left_us = end_us - sv_clock_monotonic_us();
    while (!holds(client, condition, number) && left_us > 0) {
        turn(client, left_us);
        left_us = end_us - sv_clock_monotonic_us();
    }
}

static void await_thread(selvedge_client *client, client_condition *condition, uint64_t number,
                         int64_t end_us) {
    const struct timespec end = {
        .tv_sec = end_us / SV_TIME_SECOND_US,
        .tv_nsec = end_us % SV_TIME_SECOND_US * MS_US,
    };
    (void) pthread_mutex_lock(&client->lock);
    while (!condition(client, number)
           && pthread_cond_timedwait(&client->changed, &client->lock, &end) == 0) {
    }
    (void) pthread_mutex_unlock(&client->lock);
}

static int64_t after_ms(int timeout_ms) {
    return sv_clock_monotonic_us() + (timeout_ms > 0 ? (int64_t) timeout_ms * MS_US : 0);
}

/// True when it came to be so before the time was over.
static bool await(selvedge_client *client, client_condition *condition, uint64_t number,
                  int timeout_ms) {
    (client->has_thread ? await_thread : await_in_turns)(client, condition, number,
                                                         after_ms(timeout_ms));
    return holds(client, condition, number);
}

/// The end of a sentence about something that did not come in time.
static const char *reason(const selvedge_state *state) {
    if (state->connected) {
        return "the gateway has not answered yet";
    }
    return state->trouble.code == SELVEDGE_OK ? "no connection yet" : state->trouble.text;
}

static selvedge_code code_of(const selvedge_state *state) {
    return !state->connected && state->trouble.code == SELVEDGE_UNTRUSTED ? SELVEDGE_UNTRUSTED
                                                                          : SELVEDGE_UNAVAILABLE;
}

static selvedge_code refuse_inside(const char *what, selvedge_error *error) {
    return client_fail(error, SELVEDGE_STATE, "%s cannot be called inside a callback", what);
}

selvedge_code selvedge_client_wait_connected(selvedge_client *client, int timeout_ms,
                                             selvedge_error *error) {
    if (client_check(client, error) != SELVEDGE_OK) {
        return SELVEDGE_INVALID;
    }
    if (client_is_inside(client)) {
        return refuse_inside("selvedge_client_wait_connected", error);
    }
    (void) await(client, is_connected_or_refused, 0, timeout_ms);
    selvedge_state state = { .size = sizeof state };
    selvedge_client_state(client, &state);
    return state.connected
               ? SELVEDGE_OK
               : client_fail(error, code_of(&state), "not connected to %.64s:%u: %.280s",
                             client->host, client->options.port, reason(&state));
}

static selvedge_code fail_unsettled(const selvedge_client *client, const selvedge_state *state,
                                    uint64_t number, selvedge_error *error) {
    unsigned long long left = number - state->acknowledged;
    return client_fail(
        error, code_of(state), "%llu publication%s not acknowledged by %.64s:%u: %.240s", left,
        left == 1 ? " is" : "s are", client->host, client->options.port, reason(state));
}

selvedge_code selvedge_client_flush(selvedge_client *client, int timeout_ms,
                                    selvedge_error *error) {
    if (client_check(client, error) != SELVEDGE_OK) {
        return SELVEDGE_INVALID;
    }
    if (client_is_inside(client)) {
        return refuse_inside("selvedge_client_flush", error);
    }
    selvedge_state state = { .size = sizeof state };
    selvedge_client_state(client, &state);
    uint64_t number = state.accepted;
    if (await(client, is_acknowledged, number, timeout_ms)) {
        return SELVEDGE_OK;
    }
    selvedge_client_state(client, &state);
    return state.acknowledged >= number ? SELVEDGE_OK
                                        : fail_unsettled(client, &state, number, error);
}

static void end(selvedge_client *client, int timeout_ms) {
    (void) pthread_mutex_lock(&client->lock);
    client->shared.close_by_us = after_ms(timeout_ms);
    (void) pthread_mutex_unlock(&client->lock);
    client_ring(client);
    if (client->has_thread) {
        (void) pthread_join(client->thread, NULL);
        return;
    }
    // The loop's own alarm ends it; the time beyond that is for a machine that is slow.
    await_in_turns(client, is_finished, 0, after_ms(timeout_ms) + SV_TIME_SECOND_US);
}

selvedge_code selvedge_client_close(selvedge_client **variable, int timeout_ms,
                                    selvedge_error *error) {
    selvedge_client *client = variable == NULL ? NULL : *variable;
    if (client == NULL) {
        return SELVEDGE_OK;
    }
    if (client_is_inside(client)) {
        return refuse_inside("selvedge_client_close", error);
    }
    end(client, timeout_ms);
    selvedge_state state = { .size = sizeof state };
    selvedge_client_state(client, &state);
    selvedge_code code = state.acknowledged == state.accepted
                             ? SELVEDGE_OK
                             : fail_unsettled(client, &state, state.accepted, error);
    release(variable);
    return code;
}
