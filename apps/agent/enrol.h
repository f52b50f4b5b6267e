// `selvedge-agent enrol`: a machine that is nobody yet becomes a device. The token comes from the
// standard input, the authority is known by its pin, the key is made here and stays here; each step
// that fails is named with what to do about it (docs/guide/first-device.md).
#ifndef SV_AGENT_ENROL_H
#define SV_AGENT_ENROL_H

#include <base/err.h>
#include <base/text.h>
#include <crypto/est_answer.h>
#include <model/id.h>
#include <sys/disk.h>

enum {
    SV_AGENT_TOKEN_MIN = 20, ///< characters: letters, digits, `-`, `_`
    SV_AGENT_TOKEN_MAX = 128,
    SV_AGENT_ENROL_HOST_MAX = 256,
};

typedef struct sv_agent_enrolment {
    char id[SV_ID_ROOM];
    char at[SV_AGENT_ENROL_HOST_MAX]; ///< as it was written
    char host[SV_AGENT_ENROL_HOST_MAX];
    uint16_t port;
    char gateway[SV_AGENT_ENROL_HOST_MAX]; ///< of agent.yaml
    uint16_t gateway_port;
    sv_pin pin;
    char out[SV_PATH_MAX]; ///< folder for what is written
    char key[SV_PATH_MAX]; ///< a path, or where hardware keeps it
    const char *org, *unit;
    char token[SV_AGENT_TOKEN_MAX + 1];
} sv_agent_enrolment;

/// The words after `enrol`; `*help`: it was asked for. SV_ERR_INVALID with the sentence; a token
/// among them is refused and not repeated. [est-5]
sv_err sv_agent_enrol_parse(int argc, char **argv, sv_agent_enrolment *out, bool *help,
                            sv_why *why);
/// What came on the standard input. [est-5]
sv_err sv_agent_token_parse(sv_text text, char token[SV_AGENT_TOKEN_MAX + 1], sv_why *why);
/// Something that must not stand on a command line.
bool sv_agent_looks_like_token(const char *word);

/// The whole of it, with its exit code: 0 done, 2 wrong usage, 3 unreachable, 4 refused, 5 this
/// machine.
int sv_agent_enrol(int argc, char **argv);

#endif
