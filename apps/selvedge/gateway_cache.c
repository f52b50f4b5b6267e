// `selvedge gateway status`, of the artifact cache.
#include "gateway_status.h"
#include "show.h"

#include <base/num.h>
#include <stdio.h>

static double number(const sv_json *cache, const char *key) {
    double value = SV_NAN;
    (void) sv_json_number(sv_json_get(cache, key), &value);
    return value;
}

void gateway_show_cache(const sv_json *cache) {
    char room[4][SV_SHOW_BYTES_ROOM];
    if (cache == NULL) {
        return;
    }
    (void) printf("cache     %s of at most %s, %.0f images; devices got %s, %s came from the fleet "
                  "server\n",
                  sv_show_bytes(number(cache, "bytes"), room[0]),
                  sv_show_bytes(number(cache, "bytes_max"), room[1]), number(cache, "images"),
                  sv_show_bytes(number(cache, "served_bytes"), room[2]),
                  sv_show_bytes(number(cache, "up_bytes"), room[3]));
    (void) printf("          %.0f chunks were there, %.0f had to come; saved %s\n",
                  number(cache, "hits"), number(cache, "misses"),
                  sv_show_bytes(number(cache, "saved_bytes"), room[0]));
    double wrong = number(cache, "wrong") + number(cache, "rotten");
    if (wrong > 0) {
        (void) printf("          %.0f were not what they had to be and were thrown away\n", wrong);
    }
    if (number(cache, "unstored") > 0) {
        (void) printf("          NO ROOM: %.0f were handed on and not kept\n",
                      number(cache, "unstored"));
    }
}
