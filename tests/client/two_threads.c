// One client, used from several threads at once while the gateway answers, commands arrive and its
// certificate is read again and again; built with ThreadSanitizer.
// usage: two_threads HOST PORT CA CERT KEY READINGS-PER-THREAD
#include <pthread.h>
#include <selvedge/client.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 2 };

typedef struct worker {
    pthread_t thread;
    selvedge_client *client;
    const char *sensor;
    int readings;
    selvedge_error error;
} worker;

static selvedge_code send_one(worker *self, int value) {
    selvedge_health health;
    selvedge_state state = { .size = sizeof state };
    selvedge_health_init(&health, sizeof health);
    health.firmware_version = "1.0";
    selvedge_client_state(self->client, &state);
    selvedge_code code = selvedge_client_publish(self->client, self->sensor, value, NULL,
                                                 SELVEDGE_NOW, NULL, &self->error);
    if (code == SELVEDGE_OK && value % 10 == 0) {
        code = selvedge_client_health(self->client, &health, NULL, &self->error);
    }
    if (code == SELVEDGE_OK && value % 40 == 0) {
        code = selvedge_client_reload(self->client, &self->error);
    }
    if (code == SELVEDGE_OK && value % 50 == 0) {
        code = selvedge_client_flush(self->client, 10000, &self->error);
    }
    return code;
}

static void *work(void *arg) {
    worker *self = arg;
    for (int i = 1; i <= self->readings && self->error.code == SELVEDGE_OK; i++) {
        (void) (send_one(self, i) == SELVEDGE_OK);
    }
    return NULL;
}

static void on_command(void *arg, selvedge_client *client, const selvedge_command *command) {
    (void) arg;
    if (selvedge_client_answer(client, command->name, "done", 4, NULL, NULL) != SELVEDGE_OK
        || selvedge_client_flush(client, 0, NULL) != SELVEDGE_STATE
        || selvedge_client_close(&client, 0, NULL) != SELVEDGE_STATE) {
        abort();
    }
}

/// The numbers rise; the last one is read when the library's thread has gone.
static void on_acknowledged(void *arg, selvedge_client *client, uint64_t number) {
    (void) client;
    uint64_t *last = arg;
    if (number <= *last) {
        abort();
    }
    *last = number;
}

static int say(const selvedge_error *error) {
    (void) fprintf(stderr, "%s\n", error->text);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 7) {
        return 2;
    }
    selvedge_error error = { SELVEDGE_OK, "" };
    uint64_t acknowledged = 0;
    const selvedge_options options = { .size = sizeof options,
                                       .host = argv[1],
                                       .port = (uint16_t) strtol(argv[2], NULL, 10),
                                       .ca_file = argv[3],
                                       .cert_file = argv[4],
                                       .key_file = argv[5],
                                       .arg = &acknowledged,
                                       .command = on_command,
                                       .acknowledged = on_acknowledged };
    selvedge_client *client = NULL;
    if (selvedge_client_open(&options, &client, &error) != SELVEDGE_OK
        || selvedge_client_wait_connected(client, 10000, &error) != SELVEDGE_OK) {
        (void) selvedge_client_close(&client, 0, NULL);
        return say(&error);
    }
    worker workers[THREADS] = { { .sensor = "left" }, { .sensor = "right" } };
    for (int i = 0; i < THREADS; i++) {
        workers[i].client = client;
        workers[i].readings = (int) strtol(argv[6], NULL, 10);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            abort();
        }
    }
    int status = 0;
    for (int i = 0; i < THREADS; i++) {
        (void) pthread_join(workers[i].thread, NULL);
        status = workers[i].error.code == SELVEDGE_OK ? status : say(&workers[i].error);
    }
    selvedge_state state = { .size = sizeof state };
    while (state.commands == 0 && status == 0) { // the scenario sends one
        selvedge_client_state(client, &state);
    }
    if (selvedge_client_close(&client, 10000, &error) != SELVEDGE_OK) {
        return say(&error);
    }
    return acknowledged >= state.accepted ? status : 1;
}
