#include "key_tpm.h"
#include <base/mem.h>
#include <crypto/random.h>
#include <crypto/tpm_counter.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>

enum { VALUE_BYTES = 8, SECRET_DIGITS = 32, SECRET_FILE_ROOM = SECRET_DIGITS + 8 };

struct sv_tpm_counter {
    sv_tpm tpm;
    uint32_t index;
    const char *secret_file; ///< only while it is opened
    ESYS_TR count, begin;    ///< both indexes
    ESYS_TR reads;           ///< who reads the first one: itself, or its owner where it is not ours
    sv_why warning;          ///< what is not as it should be
    bool locked;             ///< … and keeps it from being raised
    uint64_t begun;          ///< what is in the second one
};

/// Who has its secret reads and counts, its owner reads, and no wrong one locks it. Where it began
/// has none.
static const TPMA_NV OPEN =
    TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;
static const TPMA_NV COUNTS = TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT;
static const TPMA_NV ONCE = TPMA_NV_WRITEDEFINE;
static const TPMA_NV KIND =
    TPMA_NV_TPM2_NT_MASK | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_WRITEDEFINE;

static sv_err judge(const sv_tpm_counter *c, TSS2_RC code, const char *what, sv_why *why) {
    TSS2_RC plain = (code & TPM2_RC_FMT1) != 0 ? code & (TPM2_RC_FMT1 | 0x3f) : code;
    if (code == TSS2_RC_SUCCESS) {
        return SV_OK;
    }
    if ((code & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "the TPM at '%s' went away: it did not %s the counter at 0x%08" PRIx32
                       " (0x%x)",
                       sv_tpm_name(), what, c->index, (unsigned) code);
    }
    if (plain == TPM2_RC_BAD_AUTH || plain == TPM2_RC_AUTH_FAIL || code == TPM2_RC_NV_AUTHORIZATION
        || code == TPM2_RC_LOCKOUT) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "this TPM does not %s the counter at 0x%08" PRIx32
                       " without a password: take the owner's password away until the updater has "
                       "started once",
                       what, c->index);
    }
    return sv_fail(why, SV_ERR_UNAVAILABLE,
                   "the TPM did not %s the counter at 0x%08" PRIx32 ": TPM error 0x%x%s", what,
                   c->index, (unsigned) code,
                   code == TPM2_RC_NV_SPACE ? ", no room is left for it" : "");
}

static uint64_t get(const uint8_t bytes[VALUE_BYTES]) {
    uint64_t value = 0;
    for (size_t i = 0; i < VALUE_BYTES; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void put(uint64_t value, uint8_t out[VALUE_BYTES]) {
    for (size_t i = VALUE_BYTES; i-- > 0; value >>= 8) {
        out[i] = (uint8_t) value;
    }
}

// ---- one index ----------------------------------------------------------------------------------

static sv_err define(const sv_tpm_counter *c, TPM2_HANDLE at, TPMA_NV kind,
                     const TPM2B_AUTH *secret, ESYS_TR *out, sv_why *why) {
    const TPM2B_NV_PUBLIC open = {
        .nvPublic = { .nvIndex = at,
                      .nameAlg = TPM2_ALG_SHA256,
                      .attributes = OPEN | kind,
                      .dataSize = VALUE_BYTES },
    };
    return judge(c,
                 c->tpm.call->Esys_NV_DefineSpace(c->tpm.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                                  ESYS_TR_NONE, ESYS_TR_NONE, secret, &open, out),
                 "define", why);
}

/// What kind of index it is now; SV_ERR_STATE for one that is not ours.
static sv_err look(const sv_tpm_counter *c, ESYS_TR index, TPMA_NV kind, TPMA_NV *out,
                   sv_why *why) {
    TPM2B_NV_PUBLIC *open = NULL;
    SV_TRY(judge(c,
                 c->tpm.call->Esys_NV_ReadPublic(c->tpm.esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
                                                 ESYS_TR_NONE, &open, NULL),
                 "look at", why));
    const TPMS_NV_PUBLIC there = open->nvPublic;
    c->tpm.call->Esys_Free(open);
    *out = there.attributes;
    return (there.attributes & KIND) == ((OPEN | kind) & KIND) && there.dataSize == VALUE_BYTES
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "something else than the updater's counter is at the TPM's NV index "
                         "0x%08" PRIx32 ": name another one, counter: {tpm: 0x…}",
                         (uint32_t) there.nvIndex);
}

static sv_err find(const sv_tpm_counter *c, TPM2_HANDLE at, ESYS_TR *out, sv_why *why) {
    return judge(c,
                 c->tpm.call->Esys_TR_FromTPMPublic(c->tpm.esys, at, ESYS_TR_NONE, ESYS_TR_NONE,
                                                    ESYS_TR_NONE, out),
                 "find", why);
}

/// `who` gives the right to: the index itself, or its owner.
static sv_err read_index(const sv_tpm_counter *c, ESYS_TR who, ESYS_TR index, uint64_t *out,
                         sv_why *why) {
    TPM2B_MAX_NV_BUFFER *bytes = NULL;
    SV_TRY(judge(c,
                 c->tpm.call->Esys_NV_Read(c->tpm.esys, who, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                           ESYS_TR_NONE, VALUE_BYTES, 0, &bytes),
                 "read", why));
    *out = bytes->size == VALUE_BYTES ? get(bytes->buffer) : 0;
    c->tpm.call->Esys_Free(bytes);
    return SV_OK;
}

static sv_err step(const sv_tpm_counter *c, sv_why *why) {
    return judge(c,
                 c->tpm.call->Esys_NV_Increment(c->tpm.esys, c->count, c->count, ESYS_TR_PASSWORD,
                                                ESYS_TR_NONE, ESYS_TR_NONE),
                 "raise", why);
}

// ---- its secret ---------------------------------------------------------------------------------

/// Nothing in `out` when there is no such file, or it holds something else.
static sv_err read_secret(const char *path, TPM2B_AUTH *out, sv_why *why) {
    char room[SECRET_FILE_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_err err = sv_disk_read(path, &text, why);
    const sv_text digits = sv_text_trim(sv_textbuf_text(&text));
    out->size = 0;
    if (err == SV_OK && digits.len == SECRET_DIGITS) {
        memcpy(out->buffer, digits.at, SECRET_DIGITS);
        out->size = SECRET_DIGITS;
    }
    explicit_bzero(room, sizeof room);
    return err == SV_ERR_NOT_FOUND || err == SV_ERR_NO_SPACE ? SV_OK : err;
}

/// On the disk before the TPM has it; one that is there is used again.
static sv_err make_secret(const char *path, TPM2B_AUTH *out, sv_why *why) {
    char digits[SECRET_DIGITS + 1];
    SV_TRY(read_secret(path, out, why));
    if (out->size > 0) {
        return SV_OK;
    }
    sv_random_hex(digits);
    memcpy(out->buffer, digits, SECRET_DIGITS);
    out->size = SECRET_DIGITS;
    explicit_bzero(digits, sizeof digits);
    return sv_disk_replace(
        path, (sv_text){ .at = (const char *) out->buffer, .len = SECRET_DIGITS }, 0600, why);
}

static sv_err set_secret(const sv_tpm_counter *c, const TPM2B_AUTH *secret, sv_why *why) {
    return judge(c, c->tpm.call->Esys_TR_SetAuth(c->tpm.esys, c->count, secret), "open", why);
}

/// Does what is set open it? One that was never counted up, or with another fault, is open so far.
static bool opens(const sv_tpm_counter *c) {
    uint64_t now = 0;
    return read_index(c, c->count, c->count, &now, NULL) != SV_ERR_UNTRUSTED;
}

/// Without its secret it is read by its owner, where that has no password, and stays where it is.
static sv_err go_without(sv_tpm_counter *c, sv_why *why) {
    uint64_t now = 0;
    c->reads = ESYS_TR_RH_OWNER;
    c->locked = true;
    (void) sv_fail(
        &c->warning, SV_ERR_UNTRUSTED,
        "the secret of the TPM's counter at 0x%08" PRIx32
        " is not in '%s': put that file back, or have the TPM's owner delete the counter "
        "(tpm2_nvundefine 0x%08" PRIx32 ", then 0x%08" PRIx32 ") and start the updater again",
        c->index, c->secret_file, c->index, c->index + 1);
    return read_index(c, c->reads, c->count, &now, NULL) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "%s", c->warning.text);
}

/// An index that is there: of ours with the secret, from before there was one, or somebody else's.
static sv_err unlock(sv_tpm_counter *c, TPM2B_AUTH *secret, sv_why *why) {
    if (opens(c)) {
        (void) sv_fail(&c->warning, SV_ERR_UNTRUSTED,
                       "the TPM's counter at 0x%08" PRIx32
                       " has no secret: whoever may use the TPM may raise it, past all releases. "
                       "Have the TPM's owner delete it (tpm2_nvundefine 0x%08" PRIx32
                       ", then 0x%08" PRIx32 ") and start the updater again, which makes it anew",
                       c->index, c->index, c->index + 1);
        return SV_OK;
    }
    SV_TRY(read_secret(c->secret_file, secret, why));
    SV_TRY(set_secret(c, secret, why));
    return secret->size > 0 && opens(c) ? SV_OK : go_without(c, why);
}

// ---- both ---------------------------------------------------------------------------------------

/// Where it began is written once, and locked; cut before that, it is done again.
static sv_err begin_at(const sv_tpm_counter *c, TPMA_NV is, sv_why *why) {
    TPM2B_MAX_NV_BUFFER bytes = { .size = VALUE_BYTES };
    uint64_t now = 0;
    if ((is & TPMA_NV_WRITELOCKED) != 0) {
        return SV_OK;
    }
    if ((is & TPMA_NV_WRITTEN) == 0) {
        SV_TRY(read_index(c, c->reads, c->count, &now, why));
        put(now, bytes.buffer);
        SV_TRY(judge(c,
                     c->tpm.call->Esys_NV_Write(c->tpm.esys, c->begin, c->begin, ESYS_TR_PASSWORD,
                                                ESYS_TR_NONE, ESYS_TR_NONE, &bytes, 0),
                     "begin", why));
    }
    return judge(c,
                 c->tpm.call->Esys_NV_WriteLock(c->tpm.esys, c->begin, c->begin, ESYS_TR_PASSWORD,
                                                ESYS_TR_NONE, ESYS_TR_NONE),
                 "lock the begin of", why);
}

/// The first index: made with the secret, or there already, and then its kind is judged first.
static sv_err count_at(sv_tpm_counter *c, TPMA_NV *is, sv_why *why) {
    TPM2B_AUTH secret = { 0 };
    bool taken = false;
    SV_TRY(sv_tpm_is_taken(&c->tpm, c->index, &taken, why));
    sv_err err = SV_OK;
    if (taken) {
        SV_TRY(find(c, c->index, &c->count, why));
        SV_TRY(look(c, c->count, COUNTS, is, why));
        c->reads = c->count;
        err = unlock(c, &secret, why);
    } else {
        err = make_secret(c->secret_file, &secret, why);
        err = err == SV_OK ? define(c, c->index, COUNTS, &secret, &c->count, why) : err;
        err = err == SV_OK ? set_secret(c, &secret, why) : err;
        err = err == SV_OK ? look(c, c->count, COUNTS, is, why) : err;
        c->reads = c->count;
    }
    explicit_bzero(&secret, sizeof secret);
    return err;
}

static sv_err begin(sv_tpm_counter *c, sv_why *why) {
    static const TPM2B_AUTH NONE;
    TPMA_NV is = 0;
    bool taken = false;
    SV_TRY(count_at(c, &is, why));
    if ((is & TPMA_NV_WRITTEN) == 0) {
        SV_TRY(step(c, why));
    }
    SV_TRY(sv_tpm_is_taken(&c->tpm, c->index + 1, &taken, why));
    SV_TRY(taken ? find(c, c->index + 1, &c->begin, why)
                 : define(c, c->index + 1, ONCE, &NONE, &c->begin, why));
    SV_TRY(look(c, c->begin, ONCE, &is, why));
    SV_TRY(begin_at(c, is, why));
    return read_index(c, c->begin, c->begin, &c->begun, why);
}

/// Both are there, are ours, and one of them is where the other began.
static sv_err find_both(sv_tpm_counter *c, sv_why *why) {
    TPM2B_AUTH secret = { 0 };
    TPMA_NV is = 0;
    bool taken[2] = { false, false };
    SV_TRY(sv_tpm_is_taken(&c->tpm, c->index, &taken[0], why));
    SV_TRY(sv_tpm_is_taken(&c->tpm, c->index + 1, &taken[1], why));
    if (!taken[0]) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "no counter is at the TPM's NV index 0x%08" PRIx32,
                       c->index);
    }
    SV_TRY(find(c, c->index, &c->count, why));
    SV_TRY(look(c, c->count, COUNTS, &is, why));
    c->reads = c->count;
    sv_err err = unlock(c, &secret, why);
    explicit_bzero(&secret, sizeof secret);
    SV_TRY(err);
    if (taken[1]) {
        SV_TRY(find(c, c->index + 1, &c->begin, why));
        SV_TRY(look(c, c->begin, ONCE, &is, why));
    }
    return taken[1] && (is & TPMA_NV_WRITELOCKED) != 0
               ? read_index(c, c->begin, c->begin, &c->begun, why)
               : sv_fail(why, SV_ERR_NOT_FOUND,
                         "where the counter at 0x%08" PRIx32 " began was not kept yet", c->index);
}

sv_err sv_tpm_counter_look(uint32_t index, const char *secret_file, uint32_t *out, sv_why *warning,
                           sv_why *why) {
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *c = sv_mem_new(sizeof *c);
    *c = (sv_tpm_counter){
        .index = index, .secret_file = secret_file, .count = ESYS_TR_NONE, .begin = ESYS_TR_NONE
    };
    SV_TRY(sv_tpm_connect(&c->tpm, why));
    SV_TRY(find_both(c, why));
    SV_TRY(sv_tpm_counter_read(c, out, why));
    *warning = c->warning;
    return SV_OK;
}

sv_err sv_tpm_answers(sv_why *why) {
    sv_tpm tpm = { 0 };
    bool taken = false;
    SV_TRY(sv_tpm_connect(&tpm, why));
    sv_err err = sv_tpm_is_taken(&tpm, SV_TPM_COUNTER_INDEX, &taken, why);
    sv_tpm_hang_up(&tpm);
    return err;
}

sv_err sv_tpm_counter_open(uint32_t index, const char *secret_file, sv_tpm_counter **out,
                           sv_why *why) {
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *c = sv_mem_new(sizeof *c);
    *c = (sv_tpm_counter){
        .index = index, .secret_file = secret_file, .count = ESYS_TR_NONE, .begin = ESYS_TR_NONE
    };
    SV_TRY(sv_tpm_connect(&c->tpm, why));
    SV_TRY(begin(c, why));
    c->secret_file = NULL;
    *out = c;
    c = NULL;
    return SV_OK;
}

const sv_why *sv_tpm_counter_warning(const sv_tpm_counter *counter) {
    return &counter->warning;
}

void sv_tpm_counter_drop(sv_tpm_counter **counter) {
    if (*counter != NULL) {
        if ((*counter)->tpm.call != NULL) {
            sv_tpm_hang_up(&(*counter)->tpm);
        }
        free(*counter);
        *counter = NULL;
    }
}

sv_err sv_tpm_counter_read(const sv_tpm_counter *counter, uint32_t *out, sv_why *why) {
    uint64_t now = 0;
    SV_TRY(read_index(counter, counter->reads, counter->count, &now, why));
    if (now < counter->begun || now - counter->begun > UINT32_MAX) {
        return sv_fail(why, SV_ERR_STATE,
                       "the TPM's counter at 0x%08" PRIx32 " is at %" PRIu64
                       " and began at %" PRIu64 ": somebody made it anew",
                       counter->index, now, counter->begun);
    }
    *out = (uint32_t) (now - counter->begun);
    return SV_OK;
}

/// Steps take as long as the TPM likes, and wear it: a number that is far away is not gone to.
static sv_err is_near(const sv_tpm_counter *counter, uint32_t now, uint32_t to, sv_why *why) {
    return now >= to || to - now <= SV_TPM_COUNTER_STEPS
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "the TPM counts by one, and its counter at 0x%08" PRIx32
                         " stays at %" PRIu32 ": release counter %" PRIu32
                         " is more than %d above it. Sign releases "
                         "with counters that go up by one (no dates, no build numbers), or leave "
                         "out 'counter'",
                         counter->index, now, to, SV_TPM_COUNTER_STEPS);
}

sv_err sv_tpm_counter_raise(const sv_tpm_counter *counter, uint32_t to, const sv_tpm_pace *pace,
                            sv_why *why) {
    const int64_t until_us = sv_clock_monotonic_us() + SV_TPM_COUNTER_RAISE_US;
    uint32_t now = 0;
    SV_TRY(sv_tpm_counter_read(counter, &now, why));
    if (now < to && counter->locked) {
        return sv_fail(why, counter->warning.code, "%s", counter->warning.text);
    }
    SV_TRY(is_near(counter, now, to, why));
    for (; now < to && sv_clock_monotonic_us() < until_us; now++) {
        if (pace != NULL && pace->tick != NULL) {
            pace->tick(pace->arg);
        }
        SV_TRY(step(counter, why));
    }
    return now >= to ? SV_OK
                     : sv_fail(why, SV_ERR_UNAVAILABLE,
                               "the TPM counts by one: it is at %" PRIu32
                               ", and goes on to %" PRIu32 " at the next start",
                               now, to);
}
