// Models of remaining life and of classes that the fleet server gives (docs/spec/model.md): fetched
// whole when an event says that they have changed, believed when the site's own `models.key` has
// signed them, written to disk, and run at every machine that has their sensors (lives.h): in
// shadow they are watched and raise nothing, live they raise FAILURE alerts. One that sees machines
// unlike those it has learnt from, or was wrong about those that ended, is withdrawn by the gateway
// itself. [model-30..]
#ifndef SELVEDGE_GATEWAY_MODELS_H
#define SELVEDGE_GATEWAY_MODELS_H

#include "pause.h"

#include <codec/json.h>
#include <crypto/verifier.h>
#include <detect/machine_life.h>
#include <sys/loop.h>

enum {
    GW_MODELS_MAX = 4, ///< at a site, shadows among them
    GW_MODEL_WHY_MAX = 256,
    GW_MODEL_SHA256_ROOM = 65,
    GW_MODEL_SIGNATURE_MAX = 1024,
    GW_MODEL_KEY_MAX = 8 * 1024,
};

/// A model is withdrawn when more than this share of what machines say is strange to it.
#define GW_MODEL_STRANGE_MAX 0.2

struct gw;

typedef struct gw_model {
    char name[SV_ID_ROOM];
    int64_t version;
    bool live;      ///< as the fleet server wants it; else shadow
    bool withdrawn; ///< it raises nothing, whatever the fleet server wants
    sv_mlife_terms terms;
    char sha256[GW_MODEL_SHA256_ROOM];
    sv_textbuf bytes;           ///< of the file, which `model` borrows
    sv_model *model;            ///< NULL: refused, or the slot is free
    char why[GW_MODEL_WHY_MAX]; ///< it was refused, or withdrawn
    uint64_t alarms;            ///< that it has raised, or would have, since the start
    // By the last look at its machines:
    size_t machines;
    double strange;
    size_t ended,
        wrong; ///< of its last lives (lives_end.h): that are over, that it was wrong about
} gw_model;

typedef struct gw_models {
    gw_model at[GW_MODELS_MAX];
    sv_verifier *key; ///< NULL: no model is believed
    bool wanted, under_way;
    gw_pause pause;
    sv_timer *timer;
} gw_models;

/// What is on disk; before streams are made.
sv_err gw_models_open(struct gw *g, sv_why *why);
void gw_models_start(struct gw *g);
void gw_models_close(struct gw *g);
/// Ask for all of them.
void gw_models_lost(struct gw *g);
/// What the fleet server answered. False: that is no list of models.
bool gw_models_take(struct gw *g, const sv_json *given);
/// Is there anything to say of models?
bool gw_models_told(const struct gw *g);
/// Does it raise alerts?
bool gw_model_is_live(const gw_model *model);
/// It raises nothing more until somebody decides anew; `why` goes to people.
void gw_model_withdraw(struct gw *g, size_t slot, const char *why);
/// Its machines were looked at.
void gw_model_looked(struct gw *g, gw_model *model, size_t machines, double strange);
/// [{"name","version","task"?,"mode","machines","alarms","strange","ended","wrong","why"?},…]
void gw_models_write(const struct gw *g, sv_json_out *out);

#endif
