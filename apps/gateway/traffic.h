// What each sensor costs the link: bytes that came in for it and bytes that went up because of it,
// since the gateway started. What is about several sensors is shared out: a message by its
// readings, a batch, compressed as it is, by the size of what is in it. [traffic-1]
#ifndef SELVEDGE_GATEWAY_TRAFFIC_H
#define SELVEDGE_GATEWAY_TRAFFIC_H

#include <base/text.h>
#include <edge/rules.h>

struct gw;
struct gw_stream;

typedef enum gw_way { GW_WAY_IN, GW_WAY_UP, GW_WAY__COUNT } gw_way;

/// Of one sensor of a device.
typedef struct gw_traffic {
    uint64_t bytes[GW_WAY__COUNT];
    struct {
        uint64_t weight;
        struct gw_stream *next; ///< that has some, too
    } hand[GW_WAY__COUNT];      ///< in what is in hand
} gw_traffic;

/// Of all sensors, by what of them may leave the site.
typedef struct gw_traffic_all {
    uint64_t bytes[SV_UPLINK__COUNT][GW_WAY__COUNT];
    struct {
        uint64_t weight;
        struct gw_stream *of; ///< the sensors that it is about
    } hand[GW_WAY__COUNT];    ///< a message that comes, a batch that goes
} gw_traffic_all;

/// What is in hand is about this sensor, too; NULL: about one that is not known any more.
void gw_traffic_note(struct gw *g, gw_way way, struct gw_stream *s, uint64_t weight);
/// So many bytes it was, and nothing is in hand any more; 0: it did not go.
void gw_traffic_share(struct gw *g, gw_way way, uint64_t bytes);
/// All of it was about one sensor, or about NULL.
void gw_traffic_add(struct gw *g, gw_way way, struct gw_stream *s, uint64_t bytes);

void gw_traffic_metrics(const struct gw *g, sv_textbuf *out);

#endif
