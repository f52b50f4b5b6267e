// Selvedge's client library: your program becomes a device of a site. It connects to the gateway
// over mutual TLS, comes back by itself, numbers readings so that each counts once, and takes
// commands. C99, and C++.
//
// An accepted publication waits in memory until the gateway has acknowledged it: then it is on the
// gateway's disk (behind a broker of another make: with the broker). Until then it is sent again
// after every loss of the connection. What still waits when your program ends is lost.
//
// Two ways to run a client:
//
//   a thread of the library's (the default)   every function may be called from any thread;
//                                             callbacks run on the library's thread
//   a loop of your own (own_loop)             wait until selvedge_client_fd can be read, then call
//                                             selvedge_client_turn; callbacks run inside of turn
//
// Inside a callback every function may be called but close, flush, wait_connected and turn, which
// answer SELVEDGE_STATE there. Callbacks are called one at a time and hold no lock of the library.
//
// Texts are UTF-8 and NUL-terminated; what you pass is copied before the call returns. A pointer
// that may be NULL is said so; a NULL client is refused with SELVEDGE_INVALID. The library writes
// nothing to stdout, stderr or a log, and changes no signal handler; a system without memory or
// without random numbers ends the process with a sentence on stderr. After fork() only the parent
// may use a client.
#ifndef SELVEDGE_CLIENT_H
#define SELVEDGE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SELVEDGE_CLIENT_VERSION_MAJOR 0
#define SELVEDGE_CLIENT_VERSION_MINOR 1
#define SELVEDGE_CLIENT_VERSION_PATCH 0
#define SELVEDGE_CLIENT_VERSION "0.1.0"

#define SELVEDGE_API __attribute__((visibility("default")))
#define SELVEDGE_CHECKED SELVEDGE_API __attribute__((warn_unused_result))

/// Limits; what lies outside is refused with SELVEDGE_INVALID.
enum {
    SELVEDGE_ID_MAX = 64,             ///< of a device, sensor or command: letters, digits, - and _
    SELVEDGE_UNIT_MAX = 16,           ///< bytes
    SELVEDGE_VERSION_TEXT_MAX = 63,   ///< bytes of firmware_version, slot, boot_state
    SELVEDGE_PAYLOAD_MAX = 64 * 1024, ///< bytes of a command or an answer
    SELVEDGE_ERROR_TEXT_MAX = 384,    ///< with its NUL
    SELVEDGE_PORT_DEFAULT = 8883,
    SELVEDGE_KEEPALIVE_S_DEFAULT = 30, ///< a dead connection is noticed after as long
    SELVEDGE_KEEPALIVE_S_MAX = 3600,
    SELVEDGE_QUEUE_BYTES_DEFAULT = 1024 * 1024,
    SELVEDGE_QUEUE_BYTES_MIN = 4 * 1024,
    SELVEDGE_QUEUE_BYTES_MAX = 256 * 1024 * 1024,
    SELVEDGE_CONNECT_MS = 10 * 1000, ///< name, connection and TLS; as long again for MQTT's answer
    SELVEDGE_BACKOFF_MS_MIN = 250,   ///< pause before the next try: doubles, half of it chance
    SELVEDGE_BACKOFF_MS_MAX = 60 * 1000
};

/// When a reading may have been measured: the years 1 to 9999, in microseconds since 1970 UTC.
#define SELVEDGE_AT_UNIX_US_MIN INT64_C(-62135596800000000)
#define SELVEDGE_AT_UNIX_US_MAX INT64_C(253402300799999999)

/// What the caller can do about it.
typedef enum selvedge_code {
    SELVEDGE_OK = 0,
    SELVEDGE_INVALID,    ///< breaks a format or a limit; again cannot help
    SELVEDGE_NOT_FOUND,  ///< a file that does not exist
    SELVEDGE_FULL,       ///< the queue is full; later
    SELVEDGE_IO,         ///< the kernel refused
    SELVEDGE_UNTRUSTED,  ///< a certificate was refused, the gateway's or yours; tell somebody
    SELVEDGE_STATE,      ///< not now, or not from here
    SELVEDGE_UNAVAILABLE ///< the gateway is not reachable now, or the time is over; later
} selvedge_code;

/// A failure as one sentence for a person. Yours: every function with an `error` fills it when it
/// fails and leaves it alone otherwise; it holds until you use it again. May be NULL.
typedef struct selvedge_error {
    selvedge_code code;
    char text[SELVEDGE_ERROR_TEXT_MAX];
} selvedge_error;

typedef struct selvedge_client selvedge_client;

/// A command for this device, from `commands/<id>/<name>`. It and its texts live until the callback
/// returns. While there is no connection commands are not kept for the device.
typedef struct selvedge_command {
    const char *name;
    const char *payload; ///< followed by a NUL that does not count
    size_t payload_bytes;
    bool retained; ///< published earlier and kept by the gateway; comes again at every connection
} selvedge_command;

/// Zero is the default of everything but `size`, `host`, `cert_file` and `key_file`.
typedef struct selvedge_options {
    size_t size;         ///< sizeof(selvedge_options), so that older programs meet newer libraries
    const char *host;    ///< the gateway's name or address; its certificate must be for it
    uint16_t port;       ///< 0: SELVEDGE_PORT_DEFAULT
    const char *ca_file; ///< PEM; NULL: the system's
    const char *cert_file; ///< PEM, leaf first; its CN is the device's id
    const char *key_file;  ///< PEM, without a passphrase
    unsigned keepalive_s;  ///< 0: SELVEDGE_KEEPALIVE_S_DEFAULT
    size_t queue_bytes;    ///< of what waits, SELVEDGE_QUEUE_BYTES_MIN to _MAX; 0: _DEFAULT
    bool own_loop;         ///< true: no thread; see selvedge_client_fd
    void *arg;             ///< handed to the callbacks
    /// NULL: the device takes no commands.
    void (*command)(void *arg, selvedge_client *client, const selvedge_command *command);
    /// The connection is there (`trouble` NULL), has ended or could not be made (the sentence; it
    /// lives until the callback returns). The next try comes by itself. May be NULL.
    void (*connection)(void *arg, selvedge_client *client, const selvedge_error *trouble);
    /// Every publication up to `number` is acknowledged. May be NULL.
    void (*acknowledged)(void *arg, selvedge_client *client, uint64_t number);
} selvedge_options;

/// How the device is doing. What is unknown is SELVEDGE_UNKNOWN, a text NULL.
typedef struct selvedge_health {
    size_t size;           ///< set by selvedge_health_init
    double cpu_percent;    ///< warning above 90
    double memory_percent; ///< warning above 85
    double disk_percent;   ///< critical above 90
    double temperature_c;  ///< critical above 80
    double uptime_s;
    double net_sent_bytes, net_received_bytes; ///< since the start of the machine
    const char *firmware_version, *slot, *boot_state;
} selvedge_health;

/// Not a number.
#define SELVEDGE_UNKNOWN ((double) __builtin_nanf(""))

/// Where a client stands. Counted since it was opened; its presence messages do not count.
typedef struct selvedge_state {
    size_t size; ///< sizeof(selvedge_state), set by you
    bool connected;
    uint64_t accepted;     ///< publications taken: the number of the last one
    uint64_t acknowledged; ///< those on the gateway's disk: 1, 2, ... up to this number
    size_t waiting_bytes;  ///< of the accepted ones that are not acknowledged, against queue_bytes
    uint64_t commands;     ///< handed to the callback
    uint64_t commands_ignored; ///< their name or size was outside the limits
    selvedge_error trouble;    ///< the last one with the connection; SELVEDGE_OK: none so far
} selvedge_state;

/// Now, by the machine's clock. While no time server has set that, the reading says how long after
/// the machine's start it was taken as well, and the gateway corrects it once the time is known.
#define SELVEDGE_NOW INT64_C(0)

/// The library's own version, "0.1.0"; compare it with SELVEDGE_CLIENT_VERSION.
SELVEDGE_API const char *selvedge_client_version(void);
/// "unavailable", for a log; never NULL.
SELVEDGE_API const char *selvedge_code_name(selvedge_code code);

/// Reads the certificates and starts connecting; does not wait for it. SELVEDGE_INVALID,
/// SELVEDGE_NOT_FOUND and SELVEDGE_IO say what is wrong with an option or a file. `*client` is
/// yours until close; it is NULL after a failure.
SELVEDGE_CHECKED selvedge_code selvedge_client_open(const selvedge_options *options,
                                                    selvedge_client **client,
                                                    selvedge_error *error);

/// Waits at most `timeout_ms` until all that waits is acknowledged, says good-bye and frees the
/// client, whose variable becomes NULL; NULL in it (a second close) is fine. SELVEDGE_UNAVAILABLE:
/// closed, and the sentence says how many publications were not acknowledged. No other thread may
/// use the client any more.
SELVEDGE_API selvedge_code selvedge_client_close(selvedge_client **client, int timeout_ms,
                                                 selvedge_error *error);

/// The CN of the certificate; lives as long as the client.
SELVEDGE_API const char *selvedge_client_id(const selvedge_client *client);

/// One reading, numbered by the library. `value` is finite; `unit` may be NULL; `at_unix_us` is
/// when it was measured, in microseconds since 1970 UTC, or SELVEDGE_NOW. `number` (may be NULL)
/// gets the number of the publication, as `acknowledged` counts them. SELVEDGE_FULL: not taken,
/// queue_bytes wait already.
SELVEDGE_CHECKED selvedge_code selvedge_client_publish(selvedge_client *client, const char *sensor,
                                                       double value, const char *unit,
                                                       int64_t at_unix_us, uint64_t *number,
                                                       selvedge_error *error);

/// Everything unknown; `size` is sizeof(selvedge_health).
SELVEDGE_API void selvedge_health_init(selvedge_health *health, size_t size);
/// A health report, of now. `number` may be NULL. As publish.
SELVEDGE_CHECKED selvedge_code selvedge_client_health(selvedge_client *client,
                                                      const selvedge_health *health,
                                                      uint64_t *number, selvedge_error *error);

/// The answer to the command `name`, on `results/<id>/<name>`. `number` may be NULL. As publish.
SELVEDGE_CHECKED selvedge_code selvedge_client_answer(selvedge_client *client, const char *name,
                                                      const void *payload, size_t payload_bytes,
                                                      uint64_t *number, selvedge_error *error);

/// Fills `state`, whose `size` is set; with zeroes when `client` is NULL.
SELVEDGE_API void selvedge_client_state(const selvedge_client *client, selvedge_state *state);

/// Waits until there is a connection. SELVEDGE_UNTRUSTED as soon as a certificate is refused;
/// SELVEDGE_UNAVAILABLE, with the last trouble, after `timeout_ms`. The client goes on trying.
SELVEDGE_CHECKED selvedge_code selvedge_client_wait_connected(selvedge_client *client,
                                                              int timeout_ms,
                                                              selvedge_error *error);

/// Waits until everything accepted so far is acknowledged. SELVEDGE_UNTRUSTED or
/// SELVEDGE_UNAVAILABLE, with the last trouble, after `timeout_ms`; what waits goes on waiting.
SELVEDGE_CHECKED selvedge_code selvedge_client_flush(selvedge_client *client, int timeout_ms,
                                                     selvedge_error *error);

/// For a certificate that was renewed: reads the three files of the options again, by the same
/// names, and goes on with them. The connection says good-bye and comes back; `connection` hears of
/// the new one. Nothing that was accepted is lost. A failure (SELVEDGE_INVALID, SELVEDGE_NOT_FOUND,
/// SELVEDGE_IO: a file, or the id is another) leaves everything as it was. From any thread, also
/// inside a callback.
SELVEDGE_CHECKED selvedge_code selvedge_client_reload(selvedge_client *client,
                                                      selvedge_error *error);

/// With own_loop, a descriptor for your poll(): readable when selvedge_client_turn has something to
/// do, which may also be a timer. It stays the client's. -1 without own_loop.
SELVEDGE_API int selvedge_client_fd(const selvedge_client *client);

/// With own_loop, does what is due, after waiting for it at most `wait_ms`. Turn, flush,
/// wait_connected and close belong to one thread; publish, health, answer, reload and state to any.
/// SELVEDGE_STATE without own_loop.
SELVEDGE_API selvedge_code selvedge_client_turn(selvedge_client *client, int wait_ms);

#ifdef __cplusplus
}
#endif

#endif
