#include "live.h"

#include <base/test.h>
#include <net/test.h>
#include <string.h>

static void join(sv_http_request *request, void *arg) {
    sv_live_join(arg, request);
}

static void turn_until(sv_loop *loop, const sv_live *live, size_t clients) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (sv_live_clients(live) != clients && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, SV_TEST_PATIENCE_US / 100);
    }
    assert_int_equal(sv_live_clients(live), clients);
}

static int connect_client(const sv_http_server *server) {
    static const char ASK[] = "GET / HTTP/1.1\r\nHost: live\r\n\r\n";
    int fd = sv_test_connect(sv_http_server_port(server));
    assert_int_equal(send(fd, ASK, strlen(ASK), MSG_NOSIGNAL), strlen(ASK));
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
        int client = connect_client(server);
        turn_until(loop, live, 1);
        (void) close(client);
        turn_until(loop, live, 0);
    }

    // What a client leaves behind, the leak check at the end of this program finds.
    sv_live_drop(&live);
    sv_http_server_drop(&server);
    sv_loop_drop(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_leaves_gives_back_its_place_and_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
