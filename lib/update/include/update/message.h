// The packets between selvedge-updater, which is root and has no network, and the agent, which has
// the network and no right (docs/spec/updater.md). A packet of a SOCK_SEQPACKET socket is one
// message: a head and what its verb has behind it, numbers little-endian, texts printable ASCII
// behind their length. Whatever is longer, shorter or other than its verb says is refused.
//
// The agent asks, the updater answers. To a CHECK it answers with what it wants from the device
// door, one thing at a time, until it says how that ended:
//
//   agent                                   updater
//   CHECK n ─────────────────────────────▶
//           ◀───────────────────────────── WANT w1 /tuf/director/press-17/metadata/2.root.json
//   ABSENT w1 ───────────────────────────▶
//           ◀───────────────────────────── WANT w2 /artifacts/<sha256>/zstd, 4194304 bytes from 0
//   GIVE w2 from 0, GIVE w2 from 65536, … ▶
//           ◀───────────────────────────── PROGRESS n
//           ◀───────────────────────────── IDLE n, REBOOT n or REFUSED n
//
// Nothing of what the agent gives is believed; it is judged. No I/O here.
#ifndef SV_UPDATE_MESSAGE_H
#define SV_UPDATE_MESSAGE_H

#include <update/history.h>
#include <update/image.h>
#include <update/journal.h>

enum {
    SV_UPDATER_FORMAT = 1,
    SV_UPDATER_HEAD_BYTES = 20,             ///< "SvUp", u8 format, u8 verb, u16 0, u64 number, u32
    SV_UPDATER_PAYLOAD_MAX = 72 * 1024,     ///< bytes behind the head
    SV_UPDATER_PIECE_MAX = 64 * 1024,       ///< bytes of one GIVE
    SV_UPDATER_RANGE_MAX = 4 * 1024 * 1024, ///< bytes of one WANT of chunks
    SV_UPDATER_KEY_BYTES = 32,              ///< of a content key
    SV_UPDATER_ID_ROOM = 64 + 1,            ///< of the device's id
    SV_UPDATER_PATH_ROOM = 512,             ///< of a WANT
    SV_UPDATER_WHY_ROOM = SV_WHY_MAX,       ///< of a sentence
    SV_UPDATER_PACKET_MAX = SV_UPDATER_HEAD_BYTES + SV_UPDATER_PAYLOAD_MAX,
    SV_UPDATER_ANSWER_MS = 60000, ///< a WANT has its next GIVE, ABSENT or FAILED by then
};

typedef enum sv_updater_verb {
    // The agent's. `number` of a GIVE, ABSENT or FAILED is the WANT's; of the others the agent's
    // choice, and the answer has it.
    SV_UPDATER_ASK = 1, ///< → STATUS. At any time, also while another connection's CHECK runs
    SV_UPDATER_CHECK,   ///< see above. One at a time; to close the connection is to give it up
    SV_UPDATER_GIVE,    ///< the next bytes of what is wanted
    SV_UPDATER_ABSENT,  ///< the door says that there is no such thing (404)
    SV_UPDATER_FAILED,  ///< it could not be got. The CHECK ends with REFUSED, `unavailable`
    SV_UPDATER_HEALTH, ///< the release that runs has, or has not, proved itself → STATUS, or REBOOT
    SV_UPDATER_DELIVERED, ///< reports up to a number have reached the fleet → STATUS
    SV_UPDATER_ROLLBACK,  ///< start the release before → REBOOT
    SV_UPDATER_FORGIVE,   ///< an image that did not prove itself may be tried again → STATUS
    SV_UPDATER_WITHDRAW,  ///< the update is not wanted; what is armed is not started → STATUS
    SV_UPDATER_HISTORY,   ///< → ENTRIES. At any time, as ASK
    // The updater's. Each of the agent's may be answered with REFUSED.
    SV_UPDATER_STATUS = 64,
    SV_UPDATER_WANT,
    SV_UPDATER_PROGRESS, ///< of the CHECK; any number of them
    SV_UPDATER_IDLE,     ///< the CHECK's end: there is nothing to do now
    SV_UPDATER_REBOOT,   ///< the end: the machine, or the updater, starts again now
    SV_UPDATER_REFUSED,  ///< the end: no, and why
    SV_UPDATER_ENTRIES,  ///< what updates before came to
} sv_updater_verb;

/// "check", "want"; "unknown" for what is none.
const char *sv_updater_verb_name(unsigned verb);
/// Is it one that the agent may send?
bool sv_updater_verb_is_agents(unsigned verb);

typedef struct sv_updater_check {
    int64_t now_us;  ///< what the agent believes the time is; 0: it does not know
    bool hold;       ///< fetch and write, but do not arm (the maintenance window is closed)
    uint32_t action; ///< of the fleet server, that this is done for; 0: none that is known
} sv_updater_check;

typedef struct sv_updater_give {
    uint64_t offset; ///< where in what is wanted, from 0; one piece follows the other
    bool last;       ///< nothing more comes
    sv_text bytes;   ///< at most SV_UPDATER_PIECE_MAX, none only with `last`; borrows
} sv_updater_give;

typedef struct sv_updater_health {
    bool healthy;
    char why[SV_UPDATER_WHY_ROOM]; ///< what is wrong with it
} sv_updater_health;

typedef enum sv_updater_want_kind {
    SV_UPDATER_METADATA, ///< a whole file of at most `bytes`; longer is FAILED
    SV_UPDATER_INDEX,    ///< a whole file of exactly `bytes`
    SV_UPDATER_KEY,      ///< fetch the CMS, open it with the device's key, give what is inside
    SV_UPDATER_CHUNKS,   ///< exactly `bytes` of the file from `offset` on
    SV_UPDATER_WANT_KIND__COUNT
} sv_updater_want_kind;

typedef struct sv_updater_want {
    uint8_t kind;    ///< sv_updater_want_kind
    uint64_t offset; ///< 0 unless of chunks
    uint64_t bytes;
    char path[SV_UPDATER_PATH_ROOM]; ///< at the device door
} sv_updater_want;

/// Would an updater of the device `id` want that? What the agent asks before it asks the door: the
/// updater gets nothing else fetched. SV_ERR_INVALID with what is wrong. [updater-5]
sv_err sv_updater_want_check(const sv_updater_want *want, sv_text id, sv_why *why);

typedef struct sv_updater_progress {
    uint64_t bytes, of; ///< of the image, in the slot
    uint64_t fetched;   ///< stored bytes of chunks that came in this CHECK
    char encoding[SV_TRIAL_ENCODING_ROOM];
    char version[SV_BOOT_NAME_ROOM];
} sv_updater_progress;

typedef enum sv_updater_idle_reason {
    SV_UPDATER_NOTHING, ///< no image is assigned
    SV_UPDATER_CURRENT, ///< the one that is assigned runs
    SV_UPDATER_HELD,    ///< it is written; a CHECK without `hold` arms it
    SV_UPDATER_IDLE__COUNT
} sv_updater_idle_reason;

typedef struct sv_updater_refused {
    /// sv_err. SV_ERR_UNAVAILABLE: try later. SV_ERR_UNTRUSTED, SV_ERR_INVALID, SV_ERR_NOT_FOUND:
    /// what is published or assigned is not right. SV_ERR_NO_SPACE, SV_ERR_IO: this machine.
    /// SV_ERR_STATE: not now, the sentence says what is first.
    uint8_t err;
    char why[SV_UPDATER_WHY_ROOM];
} sv_updater_refused;

/// A release that lies in a slot, or is to.
typedef struct sv_updater_release {
    bool known; ///< false: there is none, or none that was signed for this device
    uint32_t counter;
    uint64_t image_bytes;
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    char product[SV_BOOT_NAME_ROOM];
    char version[SV_BOOT_NAME_ROOM];
} sv_updater_release;

typedef struct sv_updater_status {
    char id[SV_UPDATER_ID_ROOM]; ///< of the device, as the updater was told
    char product[SV_TARGET_NAME_ROOM];
    char hardware[SV_TARGET_NAME_ROOM];
    char slot_class[SV_TARGET_NAME_ROOM];
    uint8_t running;             ///< slot; SV_BOOT_NO_SLOT: nobody knows
    uint8_t boot[SV_BOOT_SLOTS]; ///< sv_boot_slot_state
    uint32_t counter;            ///< the highest that was confirmed
    sv_updater_release runs;     ///< what runs
    sv_updater_release other;    ///< what lies in the other slot, when that was confirmed
    uint8_t state;               ///< sv_trial_state of the update under way, or the last
    uint8_t next;                ///< sv_trial_act; SV_TRIAL_ASK_HEALTH waits for HEALTH
    uint8_t slot;                ///< of the update
    uint32_t action;             ///< that it is done for; 0: none that is known
    sv_updater_release update;   ///< known: there is or was one
    char encoding[SV_TRIAL_ENCODING_ROOM];
    uint64_t written;            ///< bytes of it in the slot
    char why[SV_TRIAL_WHY_ROOM]; ///< it failed or was rolled back
    bool busy;                   ///< a CHECK runs
    uint64_t start;              ///< names the start of what runs, by chance
    uint32_t start_ms;           ///< how long ago that was
    uint32_t health_ms;          ///< until the trial is given up; 0: none runs
    uint64_t reports_lost;       ///< made room for newer ones
    uint8_t report_count;        ///< not yet DELIVERED
    sv_journal_report reports[SV_JOURNAL_REPORTS_MAX]; ///< the oldest first
    uint8_t bad_count;
    uint8_t bad[SV_JOURNAL_BAD_MAX][SV_BOOT_DIGEST_BYTES]; ///< images that did not prove themselves
} sv_updater_status;

/// So many entries, the oldest first, SV_HISTORY_ENTRY_BYTES each. Borrows.
typedef struct sv_updater_entries {
    size_t count;
    const uint8_t *bytes;
} sv_updater_entries;

typedef struct sv_updater_message {
    uint8_t verb; ///< sv_updater_verb; of those that are not below nothing is behind the head
    uint64_t number;
    union {
        sv_updater_check check;
        sv_updater_give give;
        sv_updater_refused failed; ///< of FAILED; the same shape as REFUSED
        sv_updater_health health;
        uint64_t delivered; ///< the report's number
        uint8_t forgive[SV_BOOT_DIGEST_BYTES];
        sv_updater_status status;
        sv_updater_want want;
        sv_updater_progress progress;
        uint8_t idle; ///< sv_updater_idle_reason
        sv_updater_refused refused;
        sv_updater_entries entries;
    };
} sv_updater_message;

/// One packet. SV_ERR_INVALID with what is wrong; `packet` need not be aligned, and what `out`
/// borrows lives as long as it does. Who may send such a verb is the caller's to ask. [updater-1]
sv_err sv_updater_read(const void *packet, size_t bytes, sv_updater_message *out, sv_why *why);
/// Its packet, and how long that is. Characters that are not printable ASCII become '?', texts end
/// with NUL within their room; the rest of `message` is to be as sv_updater_read gives it.
size_t sv_updater_write(const sv_updater_message *message, uint8_t out[SV_UPDATER_PACKET_MAX]);

#endif
