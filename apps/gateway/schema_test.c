#include "schema.h"

#include <stdlib.h>
#include <store/test.h>

enum { COUNTED = 22 };

static void what_was_counted_stays_as_it_was(void **state) {
    (void) state;
    sv_test_counted_are(GW_SCHEMA, COUNTED,
                        "first,door,availability,series,push,local,command,rules,spool,boot,"
                        "spool alert,site-rules,seen,maintenance,standing,standing line,belief,"
                        "usual,machine,model,life end,members,");
}

static void a_database_of_every_version_is_taken_over(void **state) {
    (void) state;
    char dir[] = "/tmp/selvedge-schema-XXXXXX";
    assert_non_null(mkdtemp(dir));
    sv_test_takes_over(dir, GW_SCHEMA, GW_SCHEMA_COUNT, COUNTED);
    assert_int_equal(sv_disk_remove_tree(dir, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_counted_stays_as_it_was),
        cmocka_unit_test(a_database_of_every_version_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
