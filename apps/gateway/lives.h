// Every machine's life by each model that the site has (detect/machine_life.h). Live models raise
// one FAILURE alert of a machine; what they say goes up when it has changed; of every model what it
// says of a machine is recorded once a day. A copy of each life is kept in the store, after a row
// and 15 minutes, with its alarm and at an orderly end. [model-33..36]
#ifndef SELVEDGE_GATEWAY_LIVES_H
#define SELVEDGE_GATEWAY_LIVES_H

#include "models.h"

#include <base/map.h>

enum {
    GW_LIVES_MAX = 1000, ///< machines; 18 KiB each and model: 72 MiB at most
    GW_LIFE_DAYS = 400,  ///< what was recorded is kept
};
/// What is left has moved when it did by this part of the horizon.
#define GW_LIFE_MOVED 0.05
#define GW_LIFE_MOVED_US SV_TIME_MINUTE_US

struct gw;
struct gw_stream;
typedef struct gw_lives gw_lives; ///< of one machine

void gw_lives_open(struct gw *g, const uint8_t key[16]);
void gw_lives_close(struct gw *g);
/// A reading that was judged. `quiet`: nothing is raised by it.
void gw_lives_take(struct gw *g, struct gw_stream *s, double value, int64_t at_us, bool quiet);
void gw_lives_replay(struct gw *g, struct gw_stream *s, double value, int64_t at_us, int64_t row);
/// The model in this slot is another one, or gone.
void gw_lives_forget(struct gw *g, size_t slot);
/// The model in this slot has other terms, or another mode.
void gw_lives_again(struct gw *g, size_t slot);
/// Once a second.
void gw_lives_tick(struct gw *g, int64_t now_us);
void gw_lives_keep_all(struct gw *g);

bool gw_life_is_news(const struct gw *g, const char *device, int64_t now_us);
/// `"life":{…}` or null, where there is news.
void gw_life_tell(struct gw *g, const char *device, int64_t now_us, sv_json_out *out);
void gw_lives_untold(struct gw *g);

#endif
