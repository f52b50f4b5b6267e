// Statements about what is kept: disks, databases, copies of them, and what leaves a site.
#include "checklist.h"
#include "show.h"

#include <string.h>

enum { FULL_PERCENT = 80, FREE_PERCENT = 10, BACKUP_DAYS = 7, OTHERS = 0077 };

typedef void judge_database(const sv_fact_database *db, sv_finding *f);

static void each_database(const sv_facts *facts, sv_finding *f, judge_database *judge) {
    for (size_t i = 0; i < facts->database_count; i++) {
        const sv_fact_database *db = &facts->databases[i];
        if (sv_fact_known(&db->missing)) {
            judge(db, f);
        } else {
            sv_finding_unknown(f, "%s: %.200s", db->of, db->missing.text);
        }
    }
    if (f->count == 0 && !sv_fact_known(&facts->programs_missing)) {
        sv_finding_unknown(f, "%s", facts->programs_missing.text);
    } else if (f->count == 0) {
        sv_finding_not_applicable(f, "no program here keeps a database");
    }
}

static void judge_free(const sv_fact_database *db, sv_finding *f) {
    long long mib = (long long) (db->free_bytes / (UINT64_C(1024) * 1024));
    long long percent =
        db->disk_bytes > 0 ? (long long) (db->free_bytes / (db->disk_bytes / 100 + 1)) : 0;
    if (percent < FREE_PERCENT) {
        sv_finding_broken(f, "%s: %lld MiB (%lld %%) are free on its disk", db->path, mib, percent);
    } else {
        sv_finding_holds(f, "%s: %lld MiB (%lld %%) are free on its disk", db->path, mib, percent);
    }
}

static void judge_spool(const sv_json *gateway, sv_finding *f) {
    sv_text id = sv_show_words(gateway, "id");
    double fill = 0;
    (void) sv_json_number(sv_json_get(gateway, "spool_fill"), &fill);
    const sv_json *dropped = sv_json_get(gateway, "dropped");
    int64_t alerts = sv_show_number(dropped, "alerts");
    int percent = (int) (fill * 100);
    if (sv_show_is(gateway, "full") || percent >= FULL_PERCENT) {
        sv_finding_broken(f, SV_TEXT_FMT ": its spool is %d %% full", SV_TEXT_ARG(id), percent);
    } else if (alerts > 0) {
        sv_finding_broken(f, SV_TEXT_FMT ": its spool has dropped %lld alerts", SV_TEXT_ARG(id),
                          (long long) alerts);
    } else {
        sv_finding_holds(f, SV_TEXT_FMT ": its spool is %d %% full; no alert was dropped",
                         SV_TEXT_ARG(id), percent);
    }
}

static void each_gateway(const sv_facts *facts, sv_finding *f) {
    const sv_json *sites = sv_json_get(facts->told[SV_ASK_OVERVIEW].pages[0], "sites");
    for (size_t s = 0; s < sv_json_count(sites); s++) {
        const sv_json *gateways = sv_json_get(sv_json_at(sites, s), "gateways");
        for (size_t i = 0; i < sv_json_count(gateways); i++) {
            judge_spool(sv_json_at(gateways, i), f);
        }
    }
}

static void check_bounded(const sv_facts *facts, sv_finding *f) {
    const sv_why *missing = &facts->told[SV_ASK_OVERVIEW].missing;
    each_database(facts, f, judge_free);
    if (sv_fact_known(missing)) {
        each_gateway(facts, f);
    } else {
        sv_finding_unknown(f, "%s", missing->text);
    }
}

static void judge_whole(const sv_fact_database *db, sv_finding *f) {
    if (strcmp(db->check, "ok") == 0) {
        sv_finding_holds(f, "%s: quick_check says ok", db->path);
    } else {
        sv_finding_broken(f, "%s: quick_check says %s", db->path, db->check);
    }
}

static void check_databases(const sv_facts *facts, sv_finding *f) {
    each_database(facts, f, judge_whole);
}

static void check_backup(const sv_facts *facts, sv_finding *f) {
    const sv_fact_database *copy = &facts->backup;
    if (!sv_fact_known(&copy->missing)) {
        sv_finding_unknown(f, "%s", copy->missing.text);
        return;
    }
    int64_t days = (facts->at_us - copy->changed_us) / SV_TIME_DAY_US;
    const sv_fact_database *live = NULL;
    for (size_t i = 0; i < facts->database_count; i++) {
        const sv_fact_database *one = &facts->databases[i];
        live = one->kind == SV_PROGRAM_FLEET && sv_fact_known(&one->missing) ? one : live;
    }
    if (strcmp(copy->check, "ok") != 0) {
        sv_finding_broken(f, "%s: quick_check says %s", copy->path, copy->check);
    } else if (copy->devices < 0) {
        sv_finding_broken(f, "%s is no copy of a fleet server's database", copy->path);
    } else if (live != NULL && copy->schema > live->schema) {
        sv_finding_broken(f, "%s is of a newer version (schema %lld) than what runs (%lld)",
                          copy->path, (long long) copy->schema, (long long) live->schema);
    } else if (days > BACKUP_DAYS) {
        sv_finding_broken(f, "%s is %lld days old", copy->path, (long long) days);
    } else if ((copy->mode & OTHERS) != 0) {
        sv_finding_broken(f, "%s has mode %04o: others than its owner may read it", copy->path,
                          copy->mode);
    } else {
        sv_finding_holds(f, "%s opens, is whole, has %lld devices and is %lld days old", copy->path,
                         (long long) copy->devices, (long long) days);
    }
}

static void judge_declared(const sv_fact_program *gateway, sv_finding *f) {
    if (gateway->settings.all_goes_up) {
        sv_finding_broken(f, "%s: uplink: {default: all} sends every value of every sensor up",
                          gateway->settings.file);
    } else {
        sv_finding_holds(f, "%s: values go up when they change, as sums, or not at all",
                         gateway->settings.file);
    }
}

static void check_declared(const sv_facts *facts, sv_finding *f) {
    sv_finding_each_gateway(facts, f, judge_declared);
}

const sv_statement SV_STATEMENTS_STORAGE[] = {
    { .id = "storage-bounded",
      .title = "Disks have room left, and no gateway's spool is nearly full or has lost an alert.",
      .looks = "free space of the file system of each database that a configuration names; "
               "spool_fill, full and dropped of each gateway",
      .answers = "EN 303 645 5.9-1; IEC 62443-4-2 CR 7.2 and CR 2.9; CRA Annex I Part I (2)(h)",
      .remedy = "Make room, or keep less (`store.retention`, `store.bytes`); mend the gateway's "
                "link, or let its spool be larger (`fleet.spool`).",
      .check = check_bounded },
    { .id = "databases-whole",
      .title = "Every database is whole.",
      .looks = "SQLite's quick_check of each database that a configuration names, while it is in "
               "use",
      .answers = "IEC 62443-4-2 CR 3.4; CRA Annex I Part I (2)(f)",
      .remedy = "Stop the program, keep the file, and restore the newest copy that is whole.",
      .check = check_databases },
    { .id = "backup-restores",
      .title = "There is a copy of the fleet server's database that can be restored.",
      .looks = "the copy that --backup names: opened, checked, compared with what runs",
      .answers = "IEC 62443-4-2 CR 7.3 RE(1) and CR 7.4; CRA Annex I Part I (2)(h)",
      .remedy =
          "Copy it every day: `sqlite3 fleet.db \".backup copy.db\"`, mode 0600, and people.key to "
          "another machine, and name it with --backup.",
      .check = check_backup },
    { .id = "little-leaves",
      .title = "No site sends up everything that is measured there.",
      .looks = "uplink.default in the configuration of each gateway",
      .answers = "CRA Annex I Part I (2)(g); EN 303 645 6-4; OWASP I6",
      .remedy =
          "Set uplink.default to change, and name the sensors of which every value is wanted.",
      .check = check_declared },
};
const size_t SV_STATEMENTS_STORAGE_COUNT = SV_COUNT(SV_STATEMENTS_STORAGE);
