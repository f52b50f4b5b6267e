// Sends every number that comes on stdin as a temperature. usage: thermometer HOST PORT
// Its files are what `selvedge pki issue --id thermometer --out .` writes.
#include <selvedge/client.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    selvedge_options options = { .size = sizeof options,
                                 .host = argc > 1 ? argv[1] : "localhost",
                                 .port = (uint16_t) (argc > 2 ? atoi(argv[2]) : 0),
                                 .ca_file = "ca.crt",
                                 .cert_file = "thermometer.crt",
                                 .key_file = "thermometer.key" };
    selvedge_client *client = NULL;
    selvedge_error error = { SELVEDGE_OK, "" };
    double celsius = 0;
    selvedge_code code = selvedge_client_open(&options, &client, &error);
    while (code == SELVEDGE_OK && scanf("%lf", &celsius) == 1) {
        code = selvedge_client_publish(client, "temperature", celsius, "°C", SELVEDGE_NOW, NULL,
                                       &error);
    }
    (void) selvedge_client_close(&client, 5000, &error);
    (void) puts(error.code == SELVEDGE_OK ? "every reading is on the gateway's disk" : error.text);
    return error.code == SELVEDGE_OK ? 0 : 1;
}
