#include "listener_fixture.h"

#include <openssl/ssl.h>
#include <sys/resource.h>

static void a_device_is_known_and_both_sides_are_heard(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    owner *o = &s->owners[0];
    assert_string_equal(o->identity.id, "press-1");
    assert_int_equal(o->identity.role, SV_ROLE_DEVICE);
    assert_memory_equal(o->peer, "127.0.0.1:", 10);
    caller_write(&c, "hello", 5);
    TURN_UNTIL(s, o->heard_len == 5);
    assert_memory_equal(o->heard, "hello", 5);
    sv_link_write(o->link, SV_TEXT("welcome"));
    char heard[7];
    assert_int_equal(caller_read(&c, heard, sizeof heard), sizeof heard);
    assert_memory_equal(heard, "welcome", sizeof heard);
    sv_listener_counts counts = sv_listener_count(s->listener);
    assert_int_equal(counts.links, 1);
    assert_int_equal(counts.handshakes, 0);
    assert_int_equal(counts.accepted, 1);
}

static void many_writes_of_a_turn_are_one_record(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    for (int i = 0; i < 100; i++) {
        sv_link_write(s->owners[0].link, SV_TEXT("0123456789"));
    }
    assert_int_equal(sv_link_waiting(s->owners[0].link), 1000);
    turn_for(s, 10000);
    assert_int_equal(sv_link_waiting(s->owners[0].link), 0);
    assert_null(s->owners[0].link->out.at);
    // SSL_read never gives more than one record.
    char heard[2000];
    assert_int_equal(SSL_read(c.ssl, heard, sizeof heard), 1000);
}

static void an_idle_link_holds_no_buffer(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    s->take_at_least = 6;
    caller_write(&c, "half", 4);
    TURN_UNTIL(s, s->owners[0].shown_len == 4);
    turn_for(s, 5000);
    assert_non_null(s->owners[0].link->kept.at);
    caller_write(&c, " done", 5);
    TURN_UNTIL(s, s->owners[0].heard_len == 9); // what was left is shown again with more
    assert_int_equal(s->owners[0].shown_len, 9);
    assert_memory_equal(s->owners[0].heard, "half done", 9);
    turn_for(s, 5000);
    assert_null(s->owners[0].link->kept.at);
}

static void what_is_taken_in_pieces_is_whole(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    s->take_at_most = 777;
    static char sent[200000];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (char) ('a' + i % 23);
    }
    caller_write(&c, sent, sizeof sent);
    TURN_UNTIL(s, s->owners[0].heard_len == sizeof sent);
    assert_memory_equal(s->owners[0].heard, sent, sizeof sent);
}

static void who_sends_without_an_end_is_closed(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    s->take_at_least = HEARD_MAX;
    static char sent[300 * 1024];
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (s->owners[0].downs == 0 && sv_clock_monotonic_us() < end_us) {
        size_t len = 0;
        (void) SSL_write_ex(c.ssl, sent, sizeof sent, &len);
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_int_equal(s->owners[0].downs, 1);
    assert_non_null(strstr(s->owners[0].why, "came without an end, more than 262144"));
    assert_int_equal(sv_listener_count(s->listener).links, 0);
}

static void a_slow_reader_waits_alone_and_is_told_when_it_is_through(void **state) {
    (void) state;
    enum { CHUNK = 100 * 1024, CHUNKS = 100 };
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller slow = caller_open(s);
    SV_DEFER(caller_drop) caller quick = caller_open(s);
    static char chunk[CHUNK];
    for (int i = 0; i < CHUNKS; i++) {
        memset(chunk, 'a' + i % 26, sizeof chunk);
        sv_link_write(s->owners[0].link, (sv_text){ .at = chunk, .len = sizeof chunk });
    }
    sv_link_write(s->owners[1].link, SV_TEXT("quick"));
    char heard[CHUNK];
    assert_int_equal(caller_read(&quick, heard, 5), 5);
    turn_for(s, 50000);
    assert_true(sv_link_waiting(s->owners[0].link) > 0);
    assert_int_equal(sv_link_waiting(s->owners[1].link), 0);
    assert_int_equal(s->owners[0].drained, 0);
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(caller_read(&slow, heard, sizeof heard), sizeof heard);
        memset(chunk, 'a' + i % 26, sizeof chunk);
        assert_memory_equal(heard, chunk, sizeof chunk);
    }
    TURN_UNTIL(s, s->owners[0].drained == 1);
    assert_int_equal(s->owners[1].drained, 0);
    assert_null(s->owners[0].link->out.at);
}

static void hold_in_bytes(owner *o) {
    sv_listener_hold(o->site->listener, true);
}

static void who_is_held_is_not_read_and_loses_nothing(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    owner *o = &s->owners[0];
    s->in_bytes = hold_in_bytes;
    s->take_at_most = 3;
    caller_write(&c, "abcdef", 6); // held after the first piece of it
    TURN_UNTIL(s, o->heard_len == 3);
    caller_write(&c, "ghi", 3);
    (void) SSL_shutdown(c.ssl);
    sv_fd_drop(&c.fd); // the end waits as well
    turn_for(s, 20000);
    assert_int_equal(o->heard_len, 3);
    assert_int_equal(o->downs, 0);
    s->in_bytes = NULL;
    sv_listener_hold(s->listener, false);
    TURN_UNTIL(s, o->downs == 1);
    assert_int_equal(o->heard_len, 9);
    assert_memory_equal(o->heard, "abcdefghi", 9);
    assert_string_equal(o->why, "closed by the other side");
}

static void while_held_others_come_in_and_are_written_to(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    sv_listener_hold(s->listener, true);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    caller_write(&c, "x", 1);
    sv_link_write(s->owners[0].link, SV_TEXT("y"));
    char heard[1];
    assert_int_equal(caller_read(&c, heard, 1), 1);
    assert_int_equal(s->owners[0].heard_len, 0);
    sv_listener_hold(s->listener, false);
    TURN_UNTIL(s, s->owners[0].heard_len == 1);
}

static void a_caller_that_just_goes_is_a_normal_end(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    caller c = caller_open(s);
    caller_write(&c, "last", 4);
    caller_drop(&c);
    TURN_UNTIL(s, s->owners[0].downs == 1);
    assert_string_equal(s->owners[0].why, "closed by the other side");
    assert_int_equal(s->owners[0].heard_len, 4);
}

static void what_came_before_a_failed_write_is_still_heard(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    caller c = caller_open(s);
    s->listener->held = true; // as if its turn to be read were late
    caller_write(&c, "testament", 9);
    caller_drop(&c);
    for (int i = 0; i < 3; i++) { // the second one meets the reset of the first
        sv_link_write(s->owners[0].link, SV_TEXT("are you there?"));
        turn_for(s, 10000);
    }
    assert_int_equal(s->owners[0].downs, 0);
    sv_listener_hold(s->listener, false);
    TURN_UNTIL(s, s->owners[0].downs == 1);
    assert_int_equal(s->owners[0].heard_len, 9);
}

static void last_words_arrive_though_more_had_come(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    sv_listener_hold(s->listener, true);
    caller_write(&c, "never read", 10);
    static char words[500 * 1024];
    memset(words, 'w', sizeof words);
    sv_link_write(s->owners[0].link, (sv_text){ .at = words, .len = sizeof words });
    sv_link_close(s->owners[0].link, true);
    assert_int_equal(sv_listener_count(s->listener).links, 0);
    static char heard[sizeof words + 1];
    assert_int_equal(caller_read(&c, heard, sizeof heard), sizeof words);
    assert_memory_equal(heard, words, sizeof words);
    assert_int_equal(SSL_get_shutdown(c.ssl), SSL_RECEIVED_SHUTDOWN);
    turn_for(s, 20000);
    assert_int_equal(recv(c.fd, heard, 1, 0), 0); // the end, and no reset
    caller_drop(&c);
    TURN_UNTIL(s, s->listener->count[SV_LINK_LEAVING] == 0);
    assert_int_equal(s->owners[0].downs, 0);
}

static void who_does_not_hear_last_words_is_given_a_second(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    static char words[8 * 1024 * 1024];
    sv_link_write(s->owners[0].link, (sv_text){ .at = words, .len = sizeof words });
    sv_link_close(s->owners[0].link, true);
    turn_for(s, SV_LISTENER_PARTING_US / 2);
    assert_int_equal(s->listener->count[SV_LINK_LEAVING], 1);
    TURN_UNTIL(s, s->listener->count[SV_LINK_LEAVING] == 0);
}

static void close_in_event(owner *o) {
    sv_link_write(o->link, SV_TEXT("bye"));
    sv_link_close(o->link, false);
}

static void flush_and_close_in_event(owner *o) {
    sv_link_write(o->link, SV_TEXT("bye"));
    sv_link_close(o->link, true);
}

static void drop_in_event(owner *o) {
    sv_link_write(o->link, SV_TEXT("bye"));
    sv_listener_drop(&o->site->listener);
}

static void drop_in_refused(site *s) {
    sv_listener_drop(&s->listener);
}

static void (*const FAREWELLS[])(owner *) = { close_in_event, flush_and_close_in_event,
                                              drop_in_event };

static void an_owner_may_close_inside_any_event(void **state) {
    (void) state;
    for (size_t i = 0; i < 3 * SV_COUNT(FAREWELLS); i++) {
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SV_DEFER(caller_drop) caller bystander = caller_open(s);
        s->in_up = i % 3 == 0 ? FAREWELLS[i / 3] : NULL;
        s->in_bytes = i % 3 == 1 ? FAREWELLS[i / 3] : NULL;
        s->in_down = i % 3 == 2 ? FAREWELLS[i / 3] : NULL;
        caller c = caller_open(s);
        if (i % 3 == 1) {
            caller_write(&c, "hello", 5);
            char heard[8];
            (void) caller_read(&c, heard, sizeof heard);
        }
        caller_drop(&c);
        turn_for(s, 20000);
        assert_int_equal(s->owners[1].downs, i % 3 == 2 ? 1 : 0);
        assert_int_equal(s->owners[0].downs, 0);
    }
}

static void a_listener_may_be_dropped_with_links_in_every_state(void **state) {
    (void) state;
    for (int way = 0; way < 2; way++) {
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SV_DEFER(caller_drop) caller idle = caller_open(s);
        SV_DEFER(caller_drop) caller full = caller_open(s);
        SV_DEFER(caller_drop) caller leaving = caller_open(s);
        SV_DEFER(caller_drop) caller unread = caller_open(s);
        SV_DEFER(sv_fd_drop) int silent = call_port(sv_listener_port(s->listener));
        turn_for(s, 5000);
        static char much[8 * 1024 * 1024];
        sv_text words = { .at = much, .len = sizeof much };
        sv_link_write(s->owners[1].link, words);
        sv_link_write(s->owners[2].link, words);
        sv_link_close(s->owners[2].link, true);
        caller_write(&unread, "?", 1);
        sv_listener_hold(s->listener, true);
        turn_for(s, 5000);
        sv_link_write(s->owners[0].link, SV_TEXT("good night"));
        if (way == 0) {
            sv_listener_drop(&s->listener);
        } else {
            s->in_refused = drop_in_refused;
            SV_DEFER(sv_fd_drop) int plain = call_port(sv_listener_port(s->listener));
            assert_int_equal(write(plain, "GET / HTTP/1.1\r\n", 16), 16);
            TURN_UNTIL(s, s->listener == NULL);
        }
        turn_for(s, 5000);
        char heard[10];
        assert_int_equal(caller_read(&idle, heard, sizeof heard), sizeof heard);
    }
}

static void a_unix_socket_names_nobody(void **state) {
    (void) state;
    const char *path = in_folder("door");
    mode_t before = umask(077);
    SV_DEFER(site_drop) site *s = site_open(path, 8, 8);
    (void) umask(before);
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0660);
    SV_DEFER(sv_fd_drop) int fd = call_path(path);
    assert_int_equal(write(fd, "hello", 5), 5);
    TURN_UNTIL(s, s->count == 1 && s->owners[0].heard_len == 5);
    assert_string_equal(s->owners[0].identity.id, "");
    assert_string_equal(s->owners[0].peer, "local");
    sv_link_write(s->owners[0].link, SV_TEXT("welcome"));
    sv_link_close(s->owners[0].link, true);
    turn_for(s, 5000);
    char heard[8];
    assert_int_equal(read(fd, heard, sizeof heard), 7);
    assert_int_equal(read(fd, heard, sizeof heard), 0);
    sv_listener_drop(&s->listener);
    assert_int_equal(lstat(path, &info), -1);
}

static sv_err try_to_open(sv_loop *loop, const sv_listener_options *options, sv_why *why) {
    sv_listener *listener = NULL;
    sv_err err = sv_listener_open(loop, options, &EVENTS, NULL, &listener, why);
    sv_listener_drop(&listener);
    return err;
}

static sv_err try_path(sv_loop *loop, const char *path, sv_why *why) {
    const sv_listener_options options = { .path = path, .links_max = 1 };
    return try_to_open(loop, &options, why);
}

// [mqtt-26]
static void without_tls_this_machine_alone_is_served(void **state) {
    (void) state;
    static const char *const OTHERS[] = { "0.0.0.0",         "::",        "192.0.2.7",
                                          "126.255.255.255", "128.0.0.1", "::ffff:127.0.0.1" };
    SV_DEFER(site_drop) site *s = site_open(in_folder("beside"), 8, 8);
    sv_listener_drop(&s->listener);
    sv_listener_options options = { .links_max = 8, .arrived_max = ARRIVED_MAX };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        sv_why why;
        options.bind = OTHERS[i];
        assert_int_equal(try_to_open(s->loop, &options, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "needs TLS"));
    }
    options.bind = "127.0.0.1";
    assert_int_equal(sv_listener_open(s->loop, &options, &EVENTS, s, &s->listener, NULL), SV_OK);
    SV_DEFER(sv_fd_drop) int fd = call_port(sv_listener_port(s->listener));
    assert_int_equal(write(fd, "hello", 5), 5);
    TURN_UNTIL(s, s->count == 1 && s->owners[0].heard_len == 5);
    assert_string_equal(s->owners[0].identity.id, "");
    assert_memory_equal(s->owners[0].peer, "127.0.0.1:", 10);
}

static void a_path_is_taken_only_from_the_dead(void **state) {
    (void) state;
    sv_why why;
    SV_DEFER(site_drop) site *s = site_open(in_folder("live"), 8, 8);
    assert_int_equal(try_path(s->loop, in_folder("live"), &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "somebody listens on '"));
    SV_DEFER(sv_fd_drop) int still = call_path(in_folder("live"));
    assert_int_equal(try_path(s->loop, in_folder("site/ca.crt"), &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "is no socket"));
    char lengthy[200];
    memset(lengthy, 'x', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_int_equal(try_path(s->loop, lengthy, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "has 199 bytes; 1 to 107 are taken"));
    struct sockaddr_un dead = { .sun_family = AF_UNIX };
    (void) snprintf(dead.sun_path, sizeof dead.sun_path, "%s", in_folder("dead"));
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &dead, sizeof dead), 0);
    assert_int_equal(try_path(s->loop, dead.sun_path, &why), SV_OK);
}

static void without_descriptors_accepting_rests_and_goes_on_by_itself(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller in_already = caller_open(s);
    SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
    SV_DEFER(caller_drop) caller late = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = { .rlim_cur = (rlim_t) late.fd + 1, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turn_for(s, SV_LISTENER_REST_US * INT64_C(3));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(s->refusals, 1); // told once, not every time
    assert_string_equal(s->refused, "new links must wait: Too many open files");
    caller_write(&in_already, "here", 4);
    TURN_UNTIL(s, s->owners[0].heard_len == 4);
    assert_true(caller_shake(&late));
    TURN_UNTIL(s, s->count == 2);
}

static void echo_in_bytes(owner *o) {
    sv_link_write(o->link, SV_TEXT("!"));
}

static void a_storm_of_handshakes_is_interleaved_with_who_is_in(void **state) {
    (void) state;
    enum { STORM = 24 };
    SV_DEFER(site_drop) site *s = site_open(NULL, 64, 64);
    SV_DEFER(caller_drop) caller in_already = caller_open(s);
    s->in_bytes = echo_in_bytes;
    SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
    caller storm[STORM];
    for (int i = 0; i < STORM; i++) {
        storm[i] = caller_begin(s, ctx);
        assert_int_equal(SSL_connect(storm[i].ssl), -1); // its hello is under way
    }
    TURN_UNTIL(s, s->listener->ready_count > STORM / 2);
    size_t waiting = s->listener->ready_count;
    caller_write(&in_already, "?", 1);
    char heard = 0;
    while (SSL_read(in_already.ssl, &heard, 1) != 1) {
        sv_loop_turn(s->loop, 0);
        assert_true(s->listener->ready_count + 4 > waiting); // before the storm is over
    }
    for (int i = 0; i < STORM; i++) {
        assert_true(caller_shake(&storm[i]));
        caller_drop(&storm[i]);
    }
    SSL_CTX_free(ctx);
    TURN_UNTIL(s, s->count == STORM + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_known_and_both_sides_are_heard),
        cmocka_unit_test(many_writes_of_a_turn_are_one_record),
        cmocka_unit_test(an_idle_link_holds_no_buffer),
        cmocka_unit_test(what_is_taken_in_pieces_is_whole),
        cmocka_unit_test(who_sends_without_an_end_is_closed),
        cmocka_unit_test(a_slow_reader_waits_alone_and_is_told_when_it_is_through),
        cmocka_unit_test(who_is_held_is_not_read_and_loses_nothing),
        cmocka_unit_test(while_held_others_come_in_and_are_written_to),
        cmocka_unit_test(a_caller_that_just_goes_is_a_normal_end),
        cmocka_unit_test(what_came_before_a_failed_write_is_still_heard),
        cmocka_unit_test(last_words_arrive_though_more_had_come),
        cmocka_unit_test(who_does_not_hear_last_words_is_given_a_second),
        cmocka_unit_test(an_owner_may_close_inside_any_event),
        cmocka_unit_test(a_listener_may_be_dropped_with_links_in_every_state),
        cmocka_unit_test(a_unix_socket_names_nobody),
        cmocka_unit_test(without_tls_this_machine_alone_is_served),
        cmocka_unit_test(a_path_is_taken_only_from_the_dead),
        cmocka_unit_test(without_descriptors_accepting_rests_and_goes_on_by_itself),
        cmocka_unit_test(a_storm_of_handshakes_is_interleaved_with_who_is_in),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
