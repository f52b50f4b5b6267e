// Heads are signed by selvedge-signer.
#include "fleet.h"
#include "signer.h"
#include "standing_push.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

typedef struct asked {
    sv_standing_head head;
    sv_standing_signed_fn *done;
    void *arg;
} asked;

static void on_answer(void *arg, sv_err err, sv_text bytes, const sv_why *why) {
    SV_DEFER(sv_mem_drop) asked *a = arg;
    sv_why fault = { .text = "" };
    if (err == SV_OK && bytes.len > sizeof a->head.signature) {
        err = sv_fail(&fault, SV_ERR_INVALID, "the signer's signature has %zu bytes", bytes.len);
        why = &fault;
    }
    if (err == SV_OK) {
        memcpy(a->head.signature, bytes.at, bytes.len);
        a->head.signature_bytes = bytes.len;
    }
    a->done(a->arg, err, &a->head, why);
}

void sv_standing_ask_signer(void *signer, const sv_standing_head *head, sv_standing_signed_fn *done,
                            void *arg) {
    asked *a = sv_mem_new(sizeof *a);
    sv_why why = { .text = "" };
    *a = (asked){ .head = *head, .done = done, .arg = arg };
    sv_err err =
        sv_signer_standing(signer, head->version, head->hash, head->at_us, on_answer, a, &why);
    if (err != SV_OK) {
        on_answer(a, err, SV_TEXT(""), &why);
    }
}
