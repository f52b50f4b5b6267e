// What rules cost, in process and in CPU time: a rule judged upon a reading, the memory it takes,
// reading a file of ten thousand of them again.
//
//   bench-rules ROUNDS READINGS     one line of JSON per round: nanoseconds per rule judged
//   bench-rules once NAME READINGS  one way only, for counting instructions
//   bench-rules memory              bytes per rule
//   bench-rules reload ROUNDS       one line of JSON per round: milliseconds
//   bench-rules store FILE READINGS a gateway's store of so many packed readings, for backtests
#include <base/mem.h>
#include <base/prng.h>
#include <codec/block.h>
#include <edge/guard.h>
#include <edge/stream.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <store/db.h>
#include <string.h>
#include <time.h>

enum {
    DEVICES = 500,
    VALUES = 4096,
    RULES = 10000,    ///< of the file that is read again
    STRETCH = 262144, ///< samples packed together, as the gateway does
    STORE_STREAMS = 1000,
    YAML_MAX = 8 * 1024 * 1024,
};

#define SECOND_US SV_TIME_SECOND_US

static const int64_t START_US = INT64_C(1795328104) * 1000000;

/// The stated mix: a threshold, a window, a quantile and a condition over two sensors, each for
/// every device.
static const char MIX[] = "thresholds: {default: {high: 80, low: 10, hysteresis: 5, hold: 10s}}\n"
                          "rules:\n"
                          "  default:\n"
                          "    hot: {when: 'mean(temperature, 5m) > 80', clear: 1m}\n"
                          "    dry: {when: pressure < 2 and pump_current > 5 for 10 s}\n";
static const char QUANTILE[] = "rules: {default: {rough: {when: 'p95(vibration, 5m) > 8'}}}\n";

static double cpu_ns(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

static sv_rules *rules_of(sv_text yaml) {
    sv_config_faults faults = { .file = "bench" };
    sv_config_node *root = NULL;
    sv_rules *rules = NULL;
    if (sv_config_parse(yaml, &root, &faults) != SV_OK
        || sv_rules_read(root, &rules, &faults) != SV_OK) {
        (void) fprintf(stderr, "bench-rules: %s", faults.text.at);
        abort();
    }
    sv_config_node_drop(&root);
    return rules;
}

static void name_device(unsigned number, char out[16]) {
    (void) snprintf(out, 16, "device-%05u", number + 1);
}

// ---- judging ------------------------------------------------------------------------------------

typedef struct machine {
    sv_stream stream; ///< of its temperature
    sv_stream_rules rules;
    sv_guard *guard, *quantile;
    sv_tap temperature, pressure, pump_current, vibration;
} machine;

typedef struct bench {
    sv_rules *rules, *quantile_rules;
    machine *machines;
    double values[VALUES];
    uint64_t raised;
} bench;

static void told(void *arg, const sv_guard_turn *turn) {
    ((bench *) arg)->raised += turn->event == SV_ALERT_RAISED ? 1 : 0;
}

static void open_machine(bench *b, machine *m, unsigned number) {
    char name[16];
    name_device(number, name);
    sv_text id = sv_text_of(name);
    sv_stream_start(&m->stream, INT64_MIN);
    sv_rules_for(b->rules, id, SV_TEXT("temperature"), &m->rules);
    m->guard = sv_guard_new(b->rules, id);
    m->quantile = sv_guard_new(b->quantile_rules, id);
    m->temperature = sv_guard_tap(m->guard, SV_TEXT("temperature"));
    m->pressure = sv_guard_tap(m->guard, SV_TEXT("pressure"));
    m->pump_current = sv_guard_tap(m->guard, SV_TEXT("pump_current"));
    m->vibration = sv_guard_tap(m->quantile, SV_TEXT("vibration"));
}

static void open_bench(bench *b) {
    sv_prng prng = { .state = 7 };
    for (unsigned i = 0; i < VALUES; i++) {
        // Hundredths, as sensors give them.
        b->values[i] = (double) (int) (100 * (50 + 25 * sv_prng_normal(&prng))) / 100;
    }
    b->rules = rules_of(sv_text_of(MIX));
    b->quantile_rules = rules_of(sv_text_of(QUANTILE));
    b->machines = sv_mem_array(DEVICES, sizeof *b->machines);
    for (unsigned i = 0; i < DEVICES; i++) {
        open_machine(b, &b->machines[i], i);
    }
}

static void close_bench(bench *b) {
    for (unsigned i = 0; i < DEVICES; i++) {
        sv_stream_drop(&b->machines[i].stream);
        sv_guard_drop(&b->machines[i].guard);
        sv_guard_drop(&b->machines[i].quantile);
    }
    free(b->machines);
    sv_rules_drop(&b->rules);
    sv_rules_drop(&b->quantile_rules);
}

/// Every device speaks once a second.
static int64_t time_of(unsigned long number) {
    return START_US + (int64_t) (number / DEVICES) * SECOND_US
           + (int64_t) (number % DEVICES) * (SECOND_US / DEVICES);
}

static void guard(bench *b, sv_guard *of, sv_tap tap, double value, int64_t at_us) {
    const sv_guard_now now = { .at_us = at_us, .tick_us = at_us, .told = told, .arg = b };
    const sv_expression_input input = { .raw = value, .average = value, .at_us = at_us };
    sv_guard_take(of, tap, &input, &now);
}

static void threshold(bench *b, unsigned long number) {
    sv_decision decision;
    machine *m = &b->machines[number % DEVICES];
    m->stream.heard_us = time_of(number);
    sv_stream_take(&m->stream, &m->rules, b->values[number % VALUES], time_of(number), &decision);
    b->raised += decision.turns[SV_CAUSE_HIGH].event == SV_ALERT_RAISED ? 1 : 0;
}

static void window(bench *b, unsigned long number) {
    machine *m = &b->machines[number % DEVICES];
    guard(b, m->guard, m->temperature, b->values[number % VALUES], time_of(number));
}

static void quantile(bench *b, unsigned long number) {
    machine *m = &b->machines[number % DEVICES];
    guard(b, m->quantile, m->vibration, b->values[number % VALUES] / 10, time_of(number));
}

/// Its two sensors in turns.
static void condition(bench *b, unsigned long number) {
    machine *m = &b->machines[number % DEVICES];
    bool pressure = number / DEVICES % 2 == 0;
    guard(b, m->guard, pressure ? m->pressure : m->pump_current,
          b->values[number % VALUES] / (pressure ? 20 : 10), time_of(number));
}

static void mix(bench *b, unsigned long number) {
    static void (*const WAYS[])(bench * b, unsigned long number) = { threshold, window, condition };
    // Blocks of all devices, so that time goes on for each way.
    WAYS[number / DEVICES % SV_COUNT(WAYS)](b, number);
}

static const struct {
    const char *name;
    void (*run)(bench *b, unsigned long number);
} WAYS[] = {
    { "threshold", threshold }, { "window", window }, { "quantile", quantile },
    { "condition", condition }, { "mix", mix },
};

static double run(bench *b, size_t way, unsigned long readings) {
    double start_ns = cpu_ns();
    for (unsigned long i = 0; i < readings; i++) {
        WAYS[way].run(b, i);
    }
    return readings == 0 ? 0 : (cpu_ns() - start_ns) / (double) readings;
}

static int judge(unsigned long rounds, unsigned long readings, const char *only) {
    for (unsigned long i = 0; i < rounds; i++) {
        for (size_t way = 0; way < SV_COUNT(WAYS); way++) {
            if (only != NULL && strcmp(WAYS[way].name, only) != 0) {
                continue;
            }
            // Each with streams of its own, which time finds empty.
            bench b = { .raised = 0 };
            open_bench(&b);
            double ns = run(&b, way, readings);
            (void) printf("%s\"%s\":%.1f", way == 0 || only != NULL ? "{" : ",", WAYS[way].name,
                          ns);
            close_bench(&b);
        }
        (void) puts("}");
        (void) fflush(stdout);
    }
    return 0;
}

// ---- memory -------------------------------------------------------------------------------------

/// What is asked for and what the heap takes for it, large pieces included.
static size_t heap_bytes(void) {
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static int memory(void) {
    size_t before = heap_bytes();
    bench b = { .raised = 0 };
    open_bench(&b);
    for (unsigned i = 0; i < 3 * DEVICES; i++) {
        mix(&b, i);
    }
    double mixed = (double) (heap_bytes() - before) / (3.0 * DEVICES);
    before = heap_bytes();
    for (unsigned i = 0; i < DEVICES; i++) {
        quantile(&b, i);
    }
    double one = (double) (heap_bytes() - before) / DEVICES;
    (void) printf("{\"mix\":%.0f,\"quantile\":%.0f}\n", mixed, one);
    close_bench(&b);
    return 0;
}

// ---- reading ten thousand rules again ----------------------------------------------------------

/// Half of them thresholds, half conditions, twenty a device.
static void write_rules(sv_textbuf *out, unsigned generation) {
    char name[16];
    sv_textbuf_add_str(out, "thresholds:\n  devices:\n");
    for (unsigned i = 0; i < RULES / 20; i++) {
        name_device(i, name);
        sv_textbuf_addf(out, "    %s:\n      sensors:\n", name);
        for (unsigned k = 0; k < 10; k++) {
            sv_textbuf_addf(out, "        sensor-%u: {high: %u, hysteresis: 2, hold: 30s}\n", k,
                            80 + k + generation);
        }
    }
    sv_textbuf_add_str(out, "rules:\n  devices:\n");
    for (unsigned i = 0; i < RULES / 20; i++) {
        name_device(i, name);
        sv_textbuf_addf(out, "    %s:\n", name);
        for (unsigned k = 0; k < 10; k++) {
            sv_textbuf_addf(
                out,
                "      rule-%u: {when: \"'sensor-%u' < %u and mean('sensor-%u', 5m) > 5 "
                "for 10s\"}\n",
                k, k, 2 + generation, (k + 1) % 10);
        }
    }
}

typedef struct site {
    sv_rules *rules;
    sv_guard *guards[RULES / 20];
    sv_stream_rules *streams;
} site;

static void apply(site *s, sv_rules *rules) {
    char name[16];
    char sensor[16];
    const sv_guard_now now = { .at_us = START_US, .tick_us = START_US };
    for (unsigned i = 0; i < RULES / 20; i++) {
        name_device(i, name);
        for (unsigned k = 0; k < 10; k++) {
            (void) snprintf(sensor, sizeof sensor, "sensor-%u", k);
            sv_rules_for(rules, sv_text_of(name), sv_text_of(sensor), &s->streams[i * 10 + k]);
        }
        if (s->guards[i] == NULL) {
            s->guards[i] = sv_guard_new(rules, sv_text_of(name));
        } else if (!sv_guard_move(s->guards[i], rules, sv_text_of(name), &now)) {
            abort();
        }
        for (unsigned k = 0; k < 10; k++) {
            (void) snprintf(sensor, sizeof sensor, "sensor-%u", k);
            sv_expression_input input = { .raw = k, .average = k, .at_us = START_US };
            sv_guard_take(s->guards[i], sv_guard_tap(s->guards[i], sv_text_of(sensor)), &input,
                          &now);
        }
    }
    sv_rules_drop(&s->rules);
    s->rules = rules;
}

static int reload(unsigned long rounds) {
    site s = { .streams = sv_mem_array(RULES / 2, sizeof *s.streams) };
    for (unsigned long i = 0; i <= rounds; i++) {
        sv_textbuf yaml = SV_TEXTBUF_HEAP(YAML_MAX);
        write_rules(&yaml, (unsigned) i);
        double start_ns = cpu_ns();
        sv_config_faults faults = { .file = "bench" };
        sv_config_node *root = NULL;
        if (sv_config_parse(sv_textbuf_text(&yaml), &root, &faults) != SV_OK) {
            abort();
        }
        double parsed_ns = cpu_ns();
        sv_rules *rules = NULL;
        if (sv_rules_read(root, &rules, &faults) != SV_OK) {
            abort();
        }
        double read_ns = cpu_ns();
        sv_config_node_drop(&root);
        apply(&s, rules);
        double end_ns = cpu_ns();
        if (i > 0) { // the first finds nothing to keep
            (void) printf("{\"yaml\":%.1f,\"read\":%.1f,\"apply\":%.1f,\"all\":%.1f}\n",
                          (parsed_ns - start_ns) / 1e6, (read_ns - parsed_ns) / 1e6,
                          (end_ns - read_ns) / 1e6, (end_ns - start_ns) / 1e6);
        }
        sv_textbuf_drop(&yaml);
    }
    for (unsigned i = 0; i < SV_COUNT(s.guards); i++) {
        sv_guard_drop(&s.guards[i]);
    }
    free(s.streams);
    sv_rules_drop(&s.rules);
    return 0;
}

// ---- a store ------------------------------------------------------------------------------------

static const sv_db_migration SCHEMA[] = {
    { "store",
      "CREATE TABLE stream (id INTEGER PRIMARY KEY, device TEXT NOT NULL, sensor TEXT NOT NULL);"
      "CREATE TABLE stretch (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, state INTEGER NOT "
      "NULL, "
      "upto INTEGER NOT NULL);"
      "CREATE TABLE block (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
      "CREATE TABLE boot (id INTEGER PRIMARY KEY, known INTEGER, start INTEGER);"
      "CREATE VIEW reading_row AS SELECT 1 AS id, 1 AS stream, 1 AS received, 1 AS at, 1 AS value, "
      "1 AS uptime, 1 AS boot WHERE 0" },
};

static void must(sv_err err, const sv_why *why) {
    if (err != SV_OK) {
        (void) fprintf(stderr, "bench-rules: %s\n", why->text);
        exit(1);
    }
}

static void put_streams(sv_db *db, sv_why *why) {
    static const char *const SENSORS[] = { "temperature", "pressure", "pump_current", "vibration" };
    for (unsigned i = 0; i < STORE_STREAMS; i++) {
        char name[16];
        sv_stmt *stmt = NULL;
        name_device(i / SV_COUNT(SENSORS), name);
        must(sv_db_stmt(db, "INSERT INTO stream VALUES (?, ?, ?)", &stmt, why), why);
        sv_stmt_bind_int(stmt, 1, i + 1);
        sv_stmt_bind_str(stmt, 2, name);
        sv_stmt_bind_str(stmt, 3, SENSORS[i % SV_COUNT(SENSORS)]);
        must(sv_stmt_run(stmt, why), why);
    }
}

static void put_block(sv_db *db, int64_t stretch, unsigned stream, int64_t from_us, sv_prng *prng,
                      sv_why *why) {
    static sv_block block;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_BLOCK_BYTES_MAX);
    sv_stmt *stmt = NULL;
    block.columns = 1;
    block.count = STRETCH / STORE_STREAMS;
    for (size_t i = 0; i < block.count; i++) {
        block.at_us[i] = from_us + (int64_t) i * SECOND_US + (int64_t) stream * 997;
        block.values[0][i] = (double) (int) (100 * (50 + 10 * sv_prng_normal(prng))) / 100;
    }
    must(sv_block_pack(&block, &bytes), why);
    must(sv_db_stmt(db, "INSERT INTO block VALUES (?, ?)", &stmt, why), why);
    sv_stmt_bind_int(stmt, 1, (stretch << 24 | (stream + 1)) << 14);
    sv_stmt_bind_bytes(stmt, 2, sv_textbuf_text(&bytes));
    must(sv_stmt_run(stmt, why), why);
}

static int store(const char *path, unsigned long readings) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_why why = { .text = "it does not fit" };
    sv_prng prng = { .state = 3 };
    must(sv_db_open(path, SCHEMA, SV_COUNT(SCHEMA), &db, &why), &why);
    must(sv_db_begin(db, &why), &why);
    put_streams(db, &why);
    int64_t stretches = (int64_t) (readings / STRETCH) + 1;
    for (int64_t stretch = 1; stretch <= stretches; stretch++) {
        sv_stmt *stmt = NULL;
        int64_t from_us = START_US + stretch * (STRETCH / STORE_STREAMS) * SECOND_US;
        must(sv_db_stmt(db, "INSERT INTO stretch VALUES (?1, 0, 1, ?1)", &stmt, &why), &why);
        sv_stmt_bind_int(stmt, 1, stretch);
        must(sv_stmt_run(stmt, &why), &why);
        for (unsigned stream = 0; stream < STORE_STREAMS; stream++) {
            put_block(db, stretch, stream, from_us, &prng, &why);
        }
    }
    must(sv_db_commit(db, &why), &why);
    return 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    unsigned long number = argc > 2 ? strtoul(argv[argc - 1], NULL, 10) : 0;
    if (argc == 4 && strcmp(verb, "once") == 0) {
        return judge(1, number, argv[2]);
    }
    if (argc == 2 && strcmp(verb, "memory") == 0) {
        return memory();
    }
    if (argc == 3 && strcmp(verb, "reload") == 0) {
        return reload(number);
    }
    if (argc == 4 && strcmp(verb, "store") == 0) {
        return store(argv[2], number);
    }
    if (argc == 3) {
        return judge(strtoul(argv[1], NULL, 10), number, NULL);
    }
    (void) fputs(
        "usage: bench-rules ROUNDS READINGS | once NAME READINGS | memory | reload ROUNDS | "
        "store FILE READINGS\n",
        stderr);
    return 2;
}
