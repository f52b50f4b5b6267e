// A valve that opens and closes on command, in a program with a loop of its own, until stdin ends.
// usage: valve HOST PORT; its files are what `selvedge pki issue --id valve --out .` writes.
#include <poll.h>
#include <selvedge/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_command(void *arg, selvedge_client *client, const selvedge_command *command) {
    bool *is_open = arg;
    if (strcmp(command->name, "open") == 0 || strcmp(command->name, "close") == 0) {
        *is_open = strcmp(command->name, "open") == 0;
        (void) printf("%s %s\n", command->name, command->payload);
        (void) fflush(stdout);
    }
    const char *answer = *is_open ? "{\"open\":true}" : "{\"open\":false}";
    if (selvedge_client_answer(client, command->name, answer, strlen(answer), NULL, NULL)
        != SELVEDGE_OK) {
        (void) fprintf(stderr, "the answer to %s was not taken\n", command->name);
    }
}

static void on_connection(void *arg, selvedge_client *client, const selvedge_error *trouble) {
    (void) arg;
    (void) fprintf(stderr, "%s: %s\n", selvedge_client_id(client),
                   trouble == NULL ? "connected" : trouble->text);
}

int main(int argc, char **argv) {
    bool is_open = false;
    selvedge_options options = { .size = sizeof options,
                                 .host = argc > 1 ? argv[1] : "localhost",
                                 .port = (uint16_t) (argc > 2 ? atoi(argv[2]) : 0),
                                 .ca_file = "ca.crt",
                                 .cert_file = "valve.crt",
                                 .key_file = "valve.key",
                                 .own_loop = true,
                                 .arg = &is_open,
                                 .command = on_command,
                                 .connection = on_connection };
    selvedge_client *client = NULL;
    selvedge_error error = { SELVEDGE_OK, "" };
    if (selvedge_client_open(&options, &client, &error) != SELVEDGE_OK) {
        (void) fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    struct pollfd watched[] = { { .fd = selvedge_client_fd(client), .events = POLLIN },
                                { .fd = 0, .events = POLLIN } };
    while (poll(watched, 2, -1) >= 0 && watched[1].revents == 0) {
        (void) selvedge_client_turn(client, 0);
    }
    return selvedge_client_close(&client, 2000, NULL) == SELVEDGE_OK ? 0 : 1;
}
