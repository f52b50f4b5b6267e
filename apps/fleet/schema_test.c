#include "schema.h"

#include <stdlib.h>
#include <store/test.h>

enum { COUNTED = 41 };

static void what_was_counted_stays_as_it_was(void **state) {
    (void) state;
    sv_test_counted_are(SV_FLEET_SCHEMA, COUNTED,
                        "1-first,2-received,3-ledger,4-push,rules,command,acknowledged,clock,"
                        "site-rules,notify,maintenance,audit,standing,enrol,belief,proved,"
                        "standing cut,belief doubt,audit chain,people,unusual,checklist,images,"
                        "action,target token,machine,campaign,models,model why,savings,"
                        "prestage,went wrong,campaign zone,gateway token,certificate shown,"
                        "site groups,director root,versions,shown until,failure,machine past,");
}

static void a_database_of_every_version_is_taken_over(void **state) {
    (void) state;
    char dir[] = "/tmp/selvedge-schema-XXXXXX";
    assert_non_null(mkdtemp(dir));
    sv_test_takes_over(dir, SV_FLEET_SCHEMA, SV_FLEET_SCHEMA_COUNT, COUNTED);
    assert_int_equal(sv_disk_remove_tree(dir, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_counted_stays_as_it_was),
        cmocka_unit_test(a_database_of_every_version_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
