// `selvedge gateway set-aside` and `release`: what becomes of quarantined devices at a site.
#include "command.h"
#include "gateway_status.h"
#include "show.h"
#include <codec/json.h>
#include <model/id.h>
#include <stdio.h>
#include <stdlib.h>

static void show_devices(const sv_json *root) {
    const sv_json *items = sv_json_get(root, "items");
    if (sv_json_count(items) == 0) {
        (void) puts("Nothing is set aside.");
        return;
    }
    (void) printf("%-30s %10s %10s\n", "device", "messages", "had to go");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        const sv_json *one = sv_json_at(items, i);
        double messages = 0;
        double dropped = 0;
        (void) sv_json_number(sv_json_get(one, "messages"), &messages);
        (void) sv_json_number(sv_json_get(one, "dropped"), &dropped);
        (void) printf("%-30.*s %10.0f %10.0f\n", SV_TEXT_ARG(sv_show_words(one, "device")),
                      messages, dropped);
    }
}

static void show_messages(const sv_json *root) {
    const sv_json *items = sv_json_get(root, "items");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        const sv_json *one = sv_json_at(items, i);
        sv_show_time(one, "at");
        (void) printf("  %-20.*s ", SV_TEXT_ARG(sv_show_words(one, "sensor")));
        sv_show_plain(sv_show_words(one, "payload"));
        (void) puts("");
    }
}

static sv_option port_option(int64_t *port) {
    return (sv_option){ .name = "port",
                        .value = "PORT",
                        .kind = SV_OPTION_INT,
                        .target = port,
                        .min = 1,
                        .max = 65535,
                        .help = "the gateway's local page, `http: port` of its configuration "
                                "[9464]" };
}

static int set_aside(uint16_t port, const char *device, bool json) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_why why = { .text = "" };
    char path[128];
    (void) snprintf(path, sizeof path, "/v1/set-aside%s%s",
                    device == NULL ? "" : "?device=", device == NULL ? "" : device);
    sv_err err = gateway_fetch(port, path, json, &root, &why);
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    if (!json) {
        (device == NULL ? show_devices : show_messages)(root);
    }
    return SV_EXIT_DONE;
}

int cmd_gateway_set_aside(int argc, char **argv) {
    int64_t port = GATEWAY_PORT;
    const char *device = NULL;
    const char *output = "table";
    const sv_option options[] = {
        port_option(&port),
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &device,
          .help = "its messages, the newest first" },
        SV_OUTPUT_OPTION(output),
    };
    bool json = false;
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge gateway set-aside [--device ID] [--port PORT]",
                        "What quarantined devices have measured: kept by the gateway on this "
                        "machine, within bounds, and counted nowhere.\n\n"
                        "  selvedge gateway set-aside --device press-17",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &json, &why);
    }
    if (err == SV_OK && device != NULL) {
        err = sv_id_check("device id", sv_text_of(device), &why);
    }
    return err != SV_OK ? sv_exit_with(err, &why) : set_aside((uint16_t) port, device, json);
}

static int release(uint16_t port, const char *device, const char *by) {
    char path[128];
    char room[256];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_why why = { .text = "" };
    (void) snprintf(path, sizeof path, "/v1/devices/%s/release", device);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "by", by);
    sv_json_close_object(&out);
    sv_err err = gateway_change(port, path, sv_textbuf_text(&body), &why);
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    (void) printf("%s counts again at this gateway\n", device);
    return SV_EXIT_DONE;
}

int cmd_gateway_release(int argc, char **argv) {
    int64_t port = GATEWAY_PORT;
    const char *plain[2] = { NULL };
    const char *by = getenv("USER");
    const sv_option options[] = {
        port_option(&port),
        { .name = "by",
          .value = "NAME",
          .kind = SV_OPTION_TEXT,
          .target = &by,
          .help = "who decides it, for the log [$USER]" },
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge gateway release DEVICE [--by NAME] [--port PORT]",
                        "End a quarantine that the gateway on this machine began by itself, "
                        "because it saw one key at two places.\nOne that the fleet server knows of "
                        "is ended there: selvedge device release DEVICE.\n\n"
                        "  selvedge gateway release press-17 --by ann",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "name the device: selvedge gateway release press-17");
    }
    if (err == SV_OK) {
        err = sv_id_check("device id", sv_text_of(plain[0]), &why);
    }
    return err != SV_OK ? sv_exit_with(err, &why)
                        : release((uint16_t) port, plain[0], by == NULL ? "somebody" : by);
}
