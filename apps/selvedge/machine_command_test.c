#include "machine_command.h"

#include <base/test.h>
#include <string.h>

static const char *obey(sv_machine *machine, const char *name, const char *request) {
    static char room[SV_MACHINE_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    room[0] = '\0';
    bool answered = sv_machine_obey(machine, sv_text_of(name), sv_text_of(request), 1000, &answer);
    return answered ? room : NULL;
}

// [command-1]
static void it_stops_and_starts_and_says_so(void **state) {
    (void) state;
    sv_machine machine = { .stopped = false };
    assert_string_equal(obey(&machine, "ping", "{\"id\":\"c1\",\"until\":1000}"),
                        "{\"id\":\"c1\",\"state\":\"running\"}");
    assert_string_equal(obey(&machine, "stop", "{\"id\":\"c2\",\"payload\":null}"),
                        "{\"id\":\"c2\",\"state\":\"stopped\"}");
    assert_true(machine.stopped);
    assert_string_equal(obey(&machine, "ping", "{\"id\":\"c3\"}"),
                        "{\"id\":\"c3\",\"state\":\"stopped\"}");
    assert_string_equal(obey(&machine, "start", "{\"id\":\"c4\"}"),
                        "{\"id\":\"c4\",\"state\":\"running\"}");
    assert_false(machine.stopped);
}

// [command-1]
static void what_it_does_not_do_it_says_in_error(void **state) {
    (void) state;
    sv_machine machine = { .stopped = false };
    assert_non_null(strstr(obey(&machine, "dance", "{\"id\":\"c1\"}"), "start, stop and ping"));
    assert_non_null(strstr(obey(&machine, "stop", "{\"id\":\"c1\",\"until\":999}"), "too late"));
    assert_false(machine.stopped);
    assert_non_null(strstr(obey(NULL, "stop", "{\"id\":\"c1\"}"), "replays a file"));
    assert_non_null(strstr(obey(NULL, "ping", "{\"id\":\"c1\"}"), "running"));
}

// [command-1]
static void without_an_id_there_is_nobody_to_answer_to(void **state) {
    static const char *const REQUESTS[] = {
        "", "{", "7", "[]", "{}", "{\"id\":7}", "{\"id\":\"\"}", "{\"id\":\"a/b\"}"
    };
    (void) state;
    sv_machine machine = { .stopped = false };
    for (size_t i = 0; i < SV_COUNT(REQUESTS); i++) {
        assert_null(obey(&machine, "stop", REQUESTS[i]));
    }
    assert_false(machine.stopped);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stops_and_starts_and_says_so),
        cmocka_unit_test(what_it_does_not_do_it_says_in_error),
        cmocka_unit_test(without_an_id_there_is_nobody_to_answer_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
