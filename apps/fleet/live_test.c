#include "live.h"

#include <base/test.h>
#include <net/test.h>
#include <stdio.h>
#include <string.h>

static void join(sv_http_request *request, void *arg) {
    sv_person who = { .user = "ada" };
    sv_text site = sv_http_path(request);
    (void) sv_text_cut(&site, '/');
    if (site.len > 0) {
        (void) snprintf(who.sites, sizeof who.sites, "[\"" SV_TEXT_FMT "\"]", SV_TEXT_ARG(site));
    }
    sv_live_join(arg, request, &who);
}

static void turn_until(sv_loop *loop, const sv_live *live, size_t clients) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (sv_live_clients(live) != clients && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, SV_TEST_PATIENCE_US / 100);
    }
    assert_int_equal(sv_live_clients(live), clients);
}

/// `site` "": of all.
static int connect_client(const sv_http_server *server, const char *site) {
    char ask[128];
    int fd = sv_test_connect(sv_http_server_port(server));
    (void) snprintf(ask, sizeof ask, "GET /%s HTTP/1.1\r\nHost: live\r\n\r\n", site);
    assert_int_equal(send(fd, ask, strlen(ask), MSG_NOSIGNAL), strlen(ask));
    return fd;
}

static void a_client_that_leaves_gives_back_its_place_and_its_memory(void **state) {
    (void) state;
    sv_loop *loop = NULL;
    sv_http_server *server = NULL;
    sv_live *live = sv_live_new();
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 4 };
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(loop, &options, join, live, &server, NULL), SV_OK);

    for (int clients = 0; clients <= SV_LIVE_CLIENTS_MAX; clients++) {
        int client = connect_client(server, "");
        turn_until(loop, live, 1);
        (void) close(client);
        turn_until(loop, live, 0);
    }

    // What a client leaves behind, the leak check at the end of this program finds.
    sv_live_drop(&live);
    sv_http_server_drop(&server);
    sv_loop_drop(&loop);
}

/// What a client has been told when `last` has come.
static void listen_until(sv_loop *loop, int fd, const char *last, sv_textbuf *told) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    do {
        assert_true(sv_test_receive(fd, told));
        assert_int_equal(sv_textbuf_end(told), SV_OK);
        sv_loop_turn(loop, 1000);
        assert_true(sv_clock_monotonic_us() < end_us);
    } while (strstr(told->at, last) == NULL);
}

static bool is_ada_of_north(void *arg, const sv_person *who) {
    (void) arg;
    return strcmp(who->sites, "[\"north\"]") == 0;
}

// [people-13]
static void everybody_is_told_of_the_sites_that_he_sees(void **state) {
    (void) state;
    static const char *const SITES[] = { "", "north", "south" };
    static const char *const WANT[] = { "N S A P P E", "N P E", "S P E" };
    sv_loop *loop = NULL;
    sv_http_server *server = NULL;
    sv_live *live = sv_live_new();
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 4 };
    sv_site sites[] = { { .name = "north" }, { .name = "south" } };
    sv_device devices[] = { { .id = "press-1", .site = &sites[0] },
                            { .id = "press-2", .site = &sites[1] } };
    sv_stream streams[] = { { .id = 1, .sensor = "t", .device = &devices[0] },
                            { .id = 2, .sensor = "t", .device = &devices[1] } };
    int fds[SV_COUNT(SITES)];
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(loop, &options, join, live, &server, NULL), SV_OK);
    for (size_t i = 0; i < SV_COUNT(SITES); i++) {
        fds[i] = connect_client(server, SITES[i]);
        turn_until(loop, live, i + 1);
    }
    const char *views[SV_LIVE_CLIENTS_MAX] = { NULL };
    assert_int_equal(sv_live_views(live, views), 3);
    sv_live_send(live, "north", "N", SV_TEXT("1"));
    sv_live_send(live, "south", "S", SV_TEXT("1"));
    sv_live_send(live, NULL, "A", SV_TEXT("1"));
    sv_live_point(live, &streams[0], 1, 1);
    sv_live_point(live, &streams[1], 1, 1);
    sv_live_point(live, &streams[0], 2, 1);
    sv_live_flush(live);
    for (size_t i = 0; i < SV_COUNT(views) && i < 3; i++) {
        sv_live_send_view(live, views[i], "E", SV_TEXT("1"));
    }
    for (size_t i = 0; i < SV_COUNT(SITES); i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(65536);
        listen_until(loop, fds[i], "event: E", &told);
        for (const char *mark = "NSA"; *mark != '\0'; mark++) {
            char event[] = { 'e', 'v', 'e', 'n', 't', ':', ' ', *mark, '\0' };
            assert_int_equal(strstr(told.at, event) != NULL, strchr(WANT[i], *mark) != NULL);
        }
        assert_int_equal(strstr(told.at, "press-1") != NULL, i != 2);
        assert_int_equal(strstr(told.at, "press-2") != NULL, i != 1);
    }
    sv_live_review(live, is_ada_of_north, NULL);
    assert_int_equal(sv_live_clients(live), 1);
    for (size_t i = 0; i < SV_COUNT(SITES); i++) {
        (void) close(fds[i]);
    }
    sv_live_drop(&live);
    sv_http_server_drop(&server);
    sv_loop_drop(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_leaves_gives_back_its_place_and_its_memory),
        cmocka_unit_test(everybody_is_told_of_the_sites_that_he_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
