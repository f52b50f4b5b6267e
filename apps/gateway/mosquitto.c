// The configuration of a mosquitto 2.0.11 that lets as little pass as it can
// (docs/guide/brokers.md says what it cannot).
#include "config.h"

#include <unistd.h>

/// What is larger than a reading may be still comes through, to be counted by the gateway.
enum {
    MESSAGE_MAX = 2 * 1024 * 1024,
    PACKET_MAX = MESSAGE_MAX + 64 * 1024 + 16, ///< topic and properties of its own
};

static void put_tls(const gw_config *config, const gw_mosquitto_options *options, sv_textbuf *out) {
    const char *crl = config->broker.crl[0] != '\0' ? config->broker.crl : config->tls.crl;
    sv_textbuf_addf(out, "cafile %s\ncertfile %s\nkeyfile %s\n", config->tls.ca, options->cert,
                    options->key);
    if (crl[0] != '\0') {
        sv_textbuf_addf(out, "crlfile %s\n", crl);
    }
    // `tls_version` is the lowest one. The suites are those of our own doors.
    sv_textbuf_add_str(out,
                       "require_certificate true\nuse_identity_as_username true\n"
                       "use_username_as_clientid true\nallow_anonymous false\ntls_version tlsv1.2\n"
                       "ciphers ECDHE+AESGCM:ECDHE+CHACHA20\n"
                       "ciphers_tls1.3 TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                       "TLS_CHACHA20_POLY1305_SHA256\n");
}

static void put_bounds(sv_textbuf *out) {
    sv_textbuf_addf(out,
                    "max_connections %d\nmax_keepalive %d\nmax_packet_size %d\n"
                    "message_size_limit %d\nmax_topic_alias 10\n",
                    GW_BROKER_CONNECTIONS, GW_BROKER_KEEPALIVE_S, PACKET_MAX, MESSAGE_MAX);
    // The queue is the gateway's while it is away; mosquitto has one bound for everybody.
    sv_textbuf_add_str(out, "max_queued_messages 100000\nmax_queued_bytes 268435456\n"
                            "max_inflight_messages 1000\nqueue_qos0_messages false\n"
                            "persistent_client_expiration 14d\ncheck_retain_source true\n");
}

void gw_mosquitto_config(const gw_config *config, const gw_mosquitto_options *options,
                         sv_textbuf *out) {
    // Started by root, mosquitto changes to its own user, who cannot read keys of mode 0600.
    sv_textbuf_add_str(out, geteuid() == 0 ? "user root\n" : "");
    sv_textbuf_addf(out, "per_listener_settings false\nlistener %lld %s\n",
                    (long long) config->broker.port, config->broker.host);
    put_tls(config, options, out);
    put_bounds(out);
    sv_textbuf_addf(out,
                    "set_tcp_nodelay true\nacl_file %s\npersistence true\n"
                    "persistence_location %s/\nautosave_interval 30\n",
                    options->acl, options->data);
    if (config->broker.pid_file[0] != '\0') {
        sv_textbuf_addf(out, "pid_file %s\n", config->broker.pid_file);
    }
    sv_textbuf_add_str(out, "log_dest stderr\nlog_type error\nlog_type warning\n"
                            "log_type notice\n");
}

void gw_mosquitto_acl(const gw_config *config, sv_textbuf *out) {
    sv_textbuf_addf(out,
                    "user %s\ntopic read sensors/+/+\ntopic read health/+\ntopic read presence/+\n"
                    "topic read results/+/+\ntopic write alerts/+\ntopic write updates/+\n"
                    "topic write commands/+/+\ntopic write acks/+\n\n",
                    config->id);
    for (size_t i = 0; i < config->app_count; i++) {
        sv_textbuf_addf(out, "user %s\ntopic read %s\n", config->apps[i].id,
                        config->apps[i].filter);
    }
    sv_textbuf_add_str(out, "pattern write sensors/%u/+\npattern write health/%u\n"
                            "pattern write presence/%u\npattern write results/%u/+\n"
                            "pattern read updates/%u\npattern read commands/%u/+\n"
                            "pattern read acks/%u\n"
                            "pattern read alerts/%u\n");
}
