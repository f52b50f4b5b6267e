#include "quiet.h"

#include <base/test.h>
#include <base/time.h>
#include <crypto/pki.h>
#include <math.h>
#include <poll.h>
#include <selvedge/client.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <unistd.h>

static char folder[] = "/tmp/selvedge-client-XXXXXX";
static char ca[64], cert[64], key[64];

static int make_device(void **state) {
    (void) state;
    const sv_pki_leaf leaf = { .id = "press-1", .role = SV_ROLE_DEVICE, .out = folder };
    if (mkdtemp(folder) == NULL || sv_pki_init(&(sv_pki_setup){ .dir = folder }, NULL) != SV_OK
        || sv_pki_issue(folder, &leaf, NULL) != SV_OK) {
        return -1;
    }
    (void) snprintf(ca, sizeof ca, "%s/ca.crt", folder);
    (void) snprintf(cert, sizeof cert, "%s/press-1.crt", folder);
    (void) snprintf(key, sizeof key, "%s/press-1.key", folder);
    return 0;
}

static int drop_device(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

/// A gateway that is not there: port 1 of this machine.
static selvedge_options options(void) {
    return (selvedge_options){
        .size = sizeof(selvedge_options),
        .host = "127.0.0.1",
        .port = 1,
        .ca_file = ca,
        .cert_file = cert,
        .key_file = key,
    };
}

static selvedge_client *opened(const selvedge_options *with) {
    selvedge_client *client = NULL;
    assert_int_equal(selvedge_client_open(with, &client, NULL), SELVEDGE_OK);
    assert_non_null(client);
    return client;
}

static void the_header_and_the_library_are_one_version(void **state) {
    (void) state;
    char parts[32];
    (void) snprintf(parts, sizeof parts, "%d.%d.%d", SELVEDGE_CLIENT_VERSION_MAJOR,
                    SELVEDGE_CLIENT_VERSION_MINOR, SELVEDGE_CLIENT_VERSION_PATCH);
    assert_string_equal(parts, SELVEDGE_CLIENT_VERSION);
    assert_string_equal(selvedge_client_version(), SELVEDGE_CLIENT_VERSION);
    assert_string_equal(selvedge_code_name(SELVEDGE_FULL), "full");
    assert_string_equal(selvedge_code_name((selvedge_code) 99), "unknown");
}

static void a_wrong_option_is_refused_with_its_value(void **state) {
    (void) state;
    struct {
        selvedge_options with;
        selvedge_code code;
        const char *words;
    } cases[] = {
        { options(), SELVEDGE_INVALID, "options.size is 0" },
        { options(), SELVEDGE_INVALID, "host, cert_file and key_file are needed" },
        { options(), SELVEDGE_INVALID, "host, cert_file and key_file are needed" },
        { options(), SELVEDGE_INVALID, "keepalive_s is 3601; at most 3600" },
        { options(), SELVEDGE_INVALID, "queue_bytes is 4095; 4096 to 268435456 are taken" },
        { options(), SELVEDGE_NOT_FOUND, "cannot open 'nowhere.crt'" },
        { options(), SELVEDGE_INVALID, "holds no certificate" },
        { options(), SELVEDGE_INVALID, "holds no private key" },
        { options(), SELVEDGE_NOT_FOUND, "cannot read 'nowhere.ca'" },
    };
    cases[0].with.size = 0;
    cases[1].with.host = NULL;
    cases[2].with.key_file = NULL;
    cases[3].with.keepalive_s = SELVEDGE_KEEPALIVE_S_MAX + 1;
    cases[4].with.queue_bytes = SELVEDGE_QUEUE_BYTES_MIN - 1;
    cases[5].with.cert_file = "nowhere.crt";
    cases[6].with.cert_file = key;
    cases[7].with.key_file = ca;
    cases[8].with.ca_file = "nowhere.ca";
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        selvedge_client *client = (selvedge_client *) &cases;
        selvedge_error error = { SELVEDGE_OK, "" };
        assert_int_equal(selvedge_client_open(&cases[i].with, &client, &error), cases[i].code);
        assert_null(client);
        assert_int_equal(error.code, cases[i].code);
        if (strstr(error.text, cases[i].words) == NULL) {
            fail_msg("case %zu: '%s' instead of '%s'", i, error.text, cases[i].words);
        }
    }
}

static void closing_twice_or_nothing_is_fine(void **state) {
    (void) state;
    assert_int_equal(selvedge_client_close(NULL, 0, NULL), SELVEDGE_OK);
    for (int own_loop = 0; own_loop <= 1; own_loop++) {
        selvedge_options with = options();
        with.own_loop = own_loop == 1;
        selvedge_client *client = opened(&with);
        assert_string_equal(selvedge_client_id(client), "press-1");
        assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_OK);
        assert_null(client);
        assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_OK);
    }
}

static void a_client_that_is_not_there_is_refused(void **state) {
    (void) state;
    selvedge_error error = { SELVEDGE_OK, "" };
    selvedge_health health;
    selvedge_health_init(&health, sizeof health);
    assert_int_equal(selvedge_client_publish(NULL, "a", 1, NULL, SELVEDGE_NOW, NULL, &error),
                     SELVEDGE_INVALID);
    assert_string_equal(error.text, "there is no client: it was not opened, or is closed");
    assert_int_equal(selvedge_client_health(NULL, &health, NULL, NULL), SELVEDGE_INVALID);
    assert_int_equal(selvedge_client_answer(NULL, "a", "", 0, NULL, NULL), SELVEDGE_INVALID);
    assert_int_equal(selvedge_client_flush(NULL, 0, NULL), SELVEDGE_INVALID);
    assert_int_equal(selvedge_client_wait_connected(NULL, 0, NULL), SELVEDGE_INVALID);
    assert_int_equal(selvedge_client_turn(NULL, 0), SELVEDGE_INVALID);
    assert_int_equal(selvedge_client_fd(NULL), -1);
    assert_string_equal(selvedge_client_id(NULL), "");
    selvedge_state now = { .size = sizeof now, .accepted = 7 };
    selvedge_client_state(NULL, &now);
    assert_int_equal(now.accepted, 0);
    assert_int_equal(now.size, sizeof now);
}

static void a_wrong_reading_costs_only_itself(void **state) {
    (void) state;
    selvedge_options with = options();
    selvedge_client *client = opened(&with);
    const struct {
        const char *sensor;
        double value;
        const char *unit;
        int64_t at_us;
        const char *words;
    } cases[] = {
        { "oil pressure", 1, NULL, 0, "sensor \"oil pressure\" is not valid" },
        { NULL, 1, NULL, 0, "sensor \"\" is not valid" },
        { "a", SELVEDGE_UNKNOWN, NULL, 0, "the value of a is not a finite number" },
        { "a", -(double) INFINITY, NULL, 0, "the value of a is not a finite number" },
        { "a", 1, "furlongs/fortnight", 0, "the unit of a is not UTF-8 of at most 16 bytes" },
        { "a", 1, "\xff", 0, "the unit of a is not UTF-8 of at most 16 bytes" },
        { "a", 1, NULL, INT64_MAX, "the time of a is outside the years" },
        { "a", 1, NULL, INT64_MIN, "the time of a is outside the years" },
        { "a", 1, NULL, SELVEDGE_AT_UNIX_US_MIN - 1, "the time of a is outside the years" },
        { "a", 1, NULL, SELVEDGE_AT_UNIX_US_MAX + 1, "the time of a is outside the years" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        selvedge_error error = { SELVEDGE_OK, "" };
        uint64_t number = 77;
        assert_int_equal(selvedge_client_publish(client, cases[i].sensor, cases[i].value,
                                                 cases[i].unit, cases[i].at_us, &number, &error),
                         SELVEDGE_INVALID);
        assert_int_equal(number, 77);
        if (strstr(error.text, cases[i].words) == NULL) {
            fail_msg("case %zu: '%s' instead of '%s'", i, error.text, cases[i].words);
        }
    }
    uint64_t number = 0;
    assert_int_equal(selvedge_client_publish(client, "a", 1, "°C", SELVEDGE_NOW, &number, NULL),
                     SELVEDGE_OK);
    assert_int_equal(number, 1);
    (void) selvedge_client_close(&client, 0, NULL);
}

static void the_first_and_the_last_moment_are_times_of_ours(void **state) {
    (void) state;
    int64_t first_us = 0;
    int64_t last_us = 0;
    assert_int_equal(sv_time_parse(SV_TEXT("0001-01-01T00:00:00Z"), &first_us), SV_OK);
    assert_int_equal(sv_time_parse(SV_TEXT("9999-12-31T23:59:59.999999Z"), &last_us), SV_OK);
    assert_true(first_us == SELVEDGE_AT_UNIX_US_MIN && last_us == SELVEDGE_AT_UNIX_US_MAX);
    selvedge_options with = options();
    selvedge_client *client = opened(&with);
    assert_int_equal(selvedge_client_publish(client, "a", 1, NULL, first_us, NULL, NULL),
                     SELVEDGE_OK);
    assert_int_equal(selvedge_client_publish(client, "a", 1, NULL, last_us, NULL, NULL),
                     SELVEDGE_OK);
    (void) selvedge_client_close(&client, 0, NULL);
}

static void answers_and_reports_have_their_limits(void **state) {
    (void) state;
    selvedge_options with = options();
    selvedge_client *client = opened(&with);
    selvedge_error error = { SELVEDGE_OK, "" };
    char *large = calloc(1, SELVEDGE_PAYLOAD_MAX + 1);
    assert_int_equal(selvedge_client_answer(client, "a/b", "", 0, NULL, &error), SELVEDGE_INVALID);
    assert_int_equal(
        selvedge_client_answer(client, "a", large, SELVEDGE_PAYLOAD_MAX + 1, NULL, &error),
        SELVEDGE_INVALID);
    assert_string_equal(error.text, "an answer of 65537 bytes; at most 65536 are taken");
    assert_int_equal(selvedge_client_answer(client, "a", large, SELVEDGE_PAYLOAD_MAX, NULL, &error),
                     SELVEDGE_OK);
    assert_int_equal(selvedge_client_answer(client, "a", NULL, 0, NULL, &error), SELVEDGE_OK);
    free(large);

    selvedge_health health = { .size = 0 };
    assert_int_equal(selvedge_client_health(client, &health, NULL, &error), SELVEDGE_INVALID);
    selvedge_health_init(&health, sizeof health);
    char version[SELVEDGE_VERSION_TEXT_MAX + 2];
    memset(version, '1', sizeof version);
    version[sizeof version - 1] = '\0';
    health.firmware_version = version;
    assert_int_equal(selvedge_client_health(client, &health, NULL, &error), SELVEDGE_INVALID);
    assert_string_equal(error.text, "firmware_version is not UTF-8 of at most 63 bytes");
    health.firmware_version = version + 1;
    assert_int_equal(selvedge_client_health(client, &health, NULL, &error), SELVEDGE_OK);
    (void) selvedge_client_close(&client, 0, NULL);
}

static void a_full_queue_refuses_and_forgets_nothing(void **state) {
    (void) state;
    for (int own_loop = 0; own_loop <= 1; own_loop++) {
        selvedge_options with = options();
        with.queue_bytes = SELVEDGE_QUEUE_BYTES_MIN;
        with.own_loop = own_loop == 1;
        selvedge_client *client = opened(&with);
        selvedge_error error = { SELVEDGE_OK, "" };
        uint64_t number = 0;
        uint64_t last = 0;
        while (selvedge_client_publish(client, "a", 1, NULL, SELVEDGE_NOW, &number, &error)
               == SELVEDGE_OK) {
            assert_int_equal(number, last + 1);
            last = number;
        }
        assert_int_equal(error.code, SELVEDGE_FULL);
        assert_true(last > 10 && last < 40);
        selvedge_state now = { .size = sizeof now };
        selvedge_client_state(client, &now);
        assert_int_equal(now.accepted, last);
        assert_int_equal(now.acknowledged, 0);
        assert_true(now.waiting_bytes > 3500 && now.waiting_bytes <= with.queue_bytes);

        assert_int_equal(selvedge_client_flush(client, 200, &error), SELVEDGE_UNAVAILABLE);
        assert_non_null(strstr(error.text, "are not acknowledged by 127.0.0.1:1: connection "));
        char words[64];
        (void) snprintf(words, sizeof words, "%d publications are not", (int) last);
        error.text[0] = '\0';
        assert_int_equal(selvedge_client_close(&client, 0, &error), SELVEDGE_UNAVAILABLE);
        assert_non_null(strstr(error.text, words));
        assert_null(client);
    }
}

static void waiting_ends_in_time_with_the_last_trouble(void **state) {
    (void) state;
    for (int own_loop = 0; own_loop <= 1; own_loop++) {
        selvedge_options with = options();
        with.own_loop = own_loop == 1;
        selvedge_client *client = opened(&with);
        selvedge_error error = { SELVEDGE_OK, "" };
        assert_int_equal(selvedge_client_wait_connected(client, 500, &error), SELVEDGE_UNAVAILABLE);
        assert_string_equal(error.text,
                            "not connected to 127.0.0.1:1: connection refused (127.0.0.1:1)");
        assert_int_equal(selvedge_client_flush(client, 0, &error), SELVEDGE_OK);
        assert_int_equal(selvedge_client_close(&client, 100, &error), SELVEDGE_OK);
    }
}

static void count(void *arg, selvedge_client *client, const selvedge_error *trouble) {
    (void) client;
    assert_int_equal(trouble->code, SELVEDGE_UNAVAILABLE);
    (*(int *) arg)++;
}

static void a_loop_of_ones_own_is_called_by_the_descriptor(void **state) {
    (void) state;
    int troubles = 0;
    selvedge_options with = options();
    with.own_loop = true;
    with.connection = count;
    with.arg = &troubles;
    selvedge_client *client = opened(&with);
    struct pollfd watched = { .fd = selvedge_client_fd(client), .events = POLLIN };
    int turns = 0;
    // The first try and a second one after its pause; by nothing but the descriptor.
    while (troubles < 2 && poll(&watched, 1, 5000) == 1) {
        assert_int_equal(selvedge_client_turn(client, 0), SELVEDGE_OK);
        turns++;
    }
    assert_int_equal(troubles, 2);
    assert_true(turns < 100);
    assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_OK);
}

static void with_a_thread_there_is_no_descriptor(void **state) {
    (void) state;
    selvedge_options with = options();
    selvedge_client *client = opened(&with);
    assert_int_equal(selvedge_client_fd(client), -1);
    assert_int_equal(selvedge_client_turn(client, 0), SELVEDGE_STATE);
    assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_OK);
}

static void close_inside(void *arg, selvedge_client *client, const selvedge_error *trouble) {
    (void) trouble;
    selvedge_error error = { SELVEDGE_OK, "" };
    bool *refused = arg;
    *refused =
        selvedge_client_close(&client, 0, &error) == SELVEDGE_STATE
        && selvedge_client_flush(client, 0, NULL) == SELVEDGE_STATE
        && selvedge_client_wait_connected(client, 0, NULL) == SELVEDGE_STATE
        && selvedge_client_turn(client, 0) == SELVEDGE_STATE
        && selvedge_client_publish(client, "a", 1, NULL, SELVEDGE_NOW, NULL, NULL) == SELVEDGE_OK
        && strstr(error.text, "selvedge_client_close cannot be called inside") != NULL;
}

static void inside_a_callback_one_publishes_and_does_not_wait(void **state) {
    (void) state;
    for (int own_loop = 0; own_loop <= 1; own_loop++) {
        bool refused = false;
        selvedge_options with = options();
        with.own_loop = own_loop == 1;
        with.connection = close_inside;
        with.arg = &refused;
        selvedge_client *client = opened(&with);
        assert_int_equal(selvedge_client_wait_connected(client, 500, NULL), SELVEDGE_UNAVAILABLE);
        assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_UNAVAILABLE);
        assert_true(refused);
    }
}

static void clients_live_beside_each_other(void **state) {
    (void) state;
    selvedge_options with = options();
    selvedge_client *first = opened(&with);
    selvedge_client *second = opened(&with);
    with.own_loop = true;
    selvedge_client *third = opened(&with);
    assert_int_equal(selvedge_client_publish(second, "a", 1, NULL, SELVEDGE_NOW, NULL, NULL),
                     SELVEDGE_OK);
    assert_int_equal(selvedge_client_wait_connected(third, 300, NULL), SELVEDGE_UNAVAILABLE);
    assert_int_equal(selvedge_client_close(&first, 0, NULL), SELVEDGE_OK);
    assert_int_equal(selvedge_client_close(&second, 0, NULL), SELVEDGE_UNAVAILABLE);
    assert_int_equal(selvedge_client_close(&third, 0, NULL), SELVEDGE_OK);
}

static void copy_file(const char *from, const char *to) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(65536);
    assert_int_equal(sv_disk_read(from, &bytes, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(to, sv_textbuf_text(&bytes), 0600, NULL), SV_OK);
}

static void files_that_do_not_serve_leave_a_client_as_it_was(void **state) {
    (void) state;
    const sv_pki_leaf leaf = { .id = "press-2", .role = SV_ROLE_DEVICE, .out = folder };
    char mine[80];
    char mine_key[80];
    char other[80];
    char other_key[80];
    (void) snprintf(mine, sizeof mine, "%s/mine.crt", folder);
    (void) snprintf(mine_key, sizeof mine_key, "%s/mine.key", folder);
    (void) snprintf(other, sizeof other, "%s/press-2.crt", folder);
    (void) snprintf(other_key, sizeof other_key, "%s/press-2.key", folder);
    assert_int_equal(sv_pki_issue(folder, &leaf, NULL), SV_OK);
    copy_file(cert, mine);
    copy_file(key, mine_key);
    selvedge_options with = options();
    with.cert_file = mine;
    with.key_file = mine_key;
    selvedge_client *client = opened(&with);
    selvedge_error error = { SELVEDGE_OK, "" };
    assert_int_equal(selvedge_client_reload(client, &error), SELVEDGE_OK);
    copy_file(other, mine); // somebody else's certificate, then with its key
    assert_int_equal(selvedge_client_reload(client, &error), SELVEDGE_INVALID);
    assert_non_null(strstr(error.text, "is not the key of"));
    copy_file(other_key, mine_key);
    assert_int_equal(selvedge_client_reload(client, &error), SELVEDGE_INVALID);
    assert_non_null(strstr(error.text, "is for 'press-2', and this is 'press-1'"));
    assert_int_equal(unlink(mine), 0);
    assert_int_equal(selvedge_client_reload(client, &error), SELVEDGE_NOT_FOUND);
    assert_int_equal(selvedge_client_reload(NULL, &error), SELVEDGE_INVALID);
    assert_string_equal(selvedge_client_id(client), "press-1");
    assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_OK);
}

static void the_programs_signals_are_left_alone(void **state) {
    (void) state;
    struct sigaction before;
    struct sigaction after;
    sigset_t mask_before;
    sigset_t mask_after;
    (void) sigaction(SIGPIPE, NULL, &before);
    (void) pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    for (int own_loop = 0; own_loop <= 1; own_loop++) {
        selvedge_options with = options();
        with.own_loop = own_loop == 1;
        selvedge_client *client = opened(&with);
        assert_int_equal(selvedge_client_wait_connected(client, 50, NULL), SELVEDGE_UNAVAILABLE);
        assert_int_equal(selvedge_client_close(&client, 0, NULL), SELVEDGE_OK);
    }
    (void) sigaction(SIGPIPE, NULL, &after);
    (void) pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    assert_true(before.sa_handler == SIG_DFL && after.sa_handler == SIG_DFL);
    assert_int_equal(sigismember(&mask_before, SIGPIPE), sigismember(&mask_after, SIGPIPE));
    assert_int_equal(sigismember(&mask_after, SIGPIPE), 0);
}

static void a_broken_pipe_of_ours_is_taken_back(void **state) {
    (void) state;
    quiet before = quiet_begin();
    assert_int_equal(raise(SIGPIPE), 0);
    quiet_end(&before); // or this process would end here
    sigset_t pending;
    (void) sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_and_the_library_are_one_version),
        cmocka_unit_test(a_wrong_option_is_refused_with_its_value),
        cmocka_unit_test(closing_twice_or_nothing_is_fine),
        cmocka_unit_test(a_client_that_is_not_there_is_refused),
        cmocka_unit_test(a_wrong_reading_costs_only_itself),
        cmocka_unit_test(the_first_and_the_last_moment_are_times_of_ours),
        cmocka_unit_test(answers_and_reports_have_their_limits),
        cmocka_unit_test(a_full_queue_refuses_and_forgets_nothing),
        cmocka_unit_test(waiting_ends_in_time_with_the_last_trouble),
        cmocka_unit_test(a_loop_of_ones_own_is_called_by_the_descriptor),
        cmocka_unit_test(with_a_thread_there_is_no_descriptor),
        cmocka_unit_test(inside_a_callback_one_publishes_and_does_not_wait),
        cmocka_unit_test(clients_live_beside_each_other),
        cmocka_unit_test(files_that_do_not_serve_leave_a_client_as_it_was),
        cmocka_unit_test(the_programs_signals_are_left_alone),
        cmocka_unit_test(a_broken_pipe_of_ours_is_taken_back),
    };
    return cmocka_run_group_tests(tests, make_device, drop_device);
}
