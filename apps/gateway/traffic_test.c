// What sensors cost the link.
#include "ingest_fixture.h"

// [traffic-1]
static void every_byte_of_a_message_is_shared_out_by_its_readings(void **state) {
    fixture *f = *state;
    static const char PACK[] = "[{\"n\":\"a\",\"v\":1},{\"n\":\"b\",\"v\":1},{\"n\":\"a\",\"v\":2},"
                               "{\"n\":\"a\",\"v\":\"no number\"}]";
    (void) gw_ingest_message(&f->g, SV_TEXT("sensors/press-1/a"), sv_text_of(PACK));
    const gw_stream *a = gw_stream_known(&f->g, SV_TEXT("press-1"), SV_TEXT("a"));
    const gw_stream *b = gw_stream_known(&f->g, SV_TEXT("press-1"), SV_TEXT("b"));
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->traffic.bytes[GW_WAY_IN] + b->traffic.bytes[GW_WAY_IN], sizeof PACK - 1);
    assert_in_range(b->traffic.bytes[GW_WAY_IN], (sizeof PACK - 1) / 3, (sizeof PACK - 1) / 3 + 1);
    assert_null(f->g.traffic.hand[GW_WAY_IN].of);
    // One that is refused as a whole is nobody's.
    (void) gw_ingest_message(&f->g, SV_TEXT("sensors/press-1/a"), SV_TEXT("{"));
    assert_int_equal(f->g.traffic.bytes[SV_UPLINK_CHANGE][GW_WAY_IN], sizeof PACK - 1);
}

// [traffic-1]
static void what_is_shared_out_comes_to_what_there_was(void **state) {
    fixture *f = *state;
    char name[24];
    uint64_t sum = 0;
    uint64_t all = 0;
    for (uint64_t round = 1; round < 50; round++) {
        for (uint64_t i = 0; i <= round; i++) {
            (void) snprintf(name, sizeof name, "s%llu", (unsigned long long) i);
            gw_traffic_note(&f->g, GW_WAY_UP,
                            gw_stream_of(&f->g, SV_TEXT("press-1"), sv_text_of(name)),
                            1 + i * round % 7);
        }
        gw_traffic_share(&f->g, GW_WAY_UP, round * 1001);
        all += round * 1001;
    }
    for (size_t i = 0; i < sv_map_count(f->g.streams); i++) {
        const gw_stream *s = sv_map_at(f->g.streams, i, NULL);
        sum += s->traffic.bytes[GW_WAY_UP];
    }
    assert_int_equal(sum, all);
    assert_int_equal(f->g.traffic.bytes[SV_UPLINK_CHANGE][GW_WAY_UP], all);
    // The part of a sensor that is not known any more is nobody's.
    gw_traffic_note(&f->g, GW_WAY_UP, NULL, 3);
    gw_traffic_note(&f->g, GW_WAY_UP, gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("s0")), 1);
    gw_traffic_share(&f->g, GW_WAY_UP, 400);
    assert_int_equal(f->g.traffic.bytes[SV_UPLINK_CHANGE][GW_WAY_UP], all + 100);
}

static int setup(void **state) {
    return open_fixture(state, "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_byte_of_a_message_is_shared_out_by_its_readings),
        TEST(what_is_shared_out_comes_to_what_there_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
