#include "config.h"
#include <unistd.h>

void gw_mosquitto_config(const gw_config *config, const gw_mosquitto_options *options,
                         sv_textbuf *out) {
    // Started by root, mosquitto changes to its own user, who cannot read keys of mode 0600.
    sv_textbuf_add_str(out, geteuid() == 0 ? "user root\n" : "");
    sv_textbuf_addf(out, "listener %lld %s\n", (long long) config->broker.port,
                    config->broker.host);
    sv_textbuf_addf(out, "cafile %s\ncertfile %s\nkeyfile %s\n", config->tls.ca, options->cert,
                    options->key);
    if (config->tls.crl[0] != '\0') {
        sv_textbuf_addf(out, "crlfile %s\n", config->tls.crl);
    }
    sv_textbuf_add_str(out, "require_certificate true\nuse_identity_as_username true\n"
                            "use_username_as_clientid true\ntls_version tlsv1.2\n"
                            "allow_anonymous false\nset_tcp_nodelay true\n");
    sv_textbuf_addf(out, "acl_file %s\npersistence true\npersistence_location %s/\n", options->acl,
                    options->data);
    // What is larger than a reading may be still comes through, to be counted by the gateway.
    sv_textbuf_add_str(
        out, "autosave_interval 30\nmax_queued_messages 100000\n"
             "max_queued_bytes 268435456\nmessage_size_limit 2097152\n"
             "max_inflight_messages 1000\npersistent_client_expiration 14d\nlog_dest stderr\n"
             "log_type error\nlog_type warning\nlog_type notice\n");
}

void gw_mosquitto_acl(const gw_config *config, sv_textbuf *out) {
    sv_textbuf_addf(out,
                    "user %s\ntopic read sensors/#\ntopic read health/+\ntopic read presence/+\n"
                    "topic read results/#\ntopic write alerts/#\ntopic write updates/#\n"
                    "topic write commands/#\ntopic write acks/#\n\n",
                    config->id);
    for (size_t i = 0; i < config->app_count; i++) {
        sv_textbuf_addf(out, "user %s\ntopic read %s\n", config->apps[i].id,
                        config->apps[i].filter);
    }
    sv_textbuf_add_str(out, "pattern write sensors/%u/#\npattern write health/%u\n"
                            "pattern write presence/%u\npattern write results/%u/#\n"
                            "pattern read updates/%u\npattern read commands/%u/#\n"
                            "pattern read acks/%u\n"
                            "pattern read alerts/%u\n");
}
