// What one reading costs in the gateway's pipeline, in process and in CPU time: topic and JSON
// parsed, its stream found, moving average, thresholds, significant change. The same payloads go
// through jansson alone in turns, so that the ratio says what our part is on any machine; and the
// same stream with and without looking for what is unusual.
//
//   bench-pipeline ROUNDS READINGS      one line of JSON per round: nanoseconds per reading
//   bench-pipeline once NAME READINGS   one way only, for counting instructions
#include <base/map.h>
#include <base/mem.h>
#include <base/prng.h>
#include <base/time.h>
#include <edge/stream.h>
#include <edge/usual.h>
#include <model/reading.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DEVICES = 25,
    SENSORS = 4,
    STREAMS = DEVICES * SENSORS,
    MESSAGES = 2000,
    TOPIC_ROOM = 64,
    PAYLOAD_ROOM = 256,
    HIGH = 80,
    LOW = 20,
};

typedef struct message {
    char topic[TOPIC_ROOM], payload[PAYLOAD_ROOM];
    sv_text topic_text, payload_text;
    double value;
    int64_t at_us;
} message;

typedef struct tracked {
    sv_stream stream;
    sv_stream_rules rules;
} tracked;

typedef struct bench {
    message *plain;    ///< value, timestamp, device_id: what the specification asks for
    message *numbered; ///< with unit, epoch and seq as well: what the agent sends
    sv_map *streams;
    tracked *by_number, *watched; ///< the latter with looking for what is unusual
    int64_t watched_us;           ///< their time goes on
    uint64_t significant, alerts, refused;
} bench;

static const int64_t START_US = INT64_C(1795328104) * 1000000;

static void name_stream(unsigned stream, char device[24], char sensor[16]) {
    (void) snprintf(device, 24, "device-%03u", stream / SENSORS + 1);
    (void) snprintf(sensor, 16, "sensor-%u", stream % SENSORS + 1);
}

static void write_message(message *m, unsigned number, bool numbered, sv_prng *prng) {
    char device[24];
    char sensor[16];
    name_stream(number % STREAMS, device, sensor);
    // Hundredths, as sensors give them; the average leaves 20 to 80 now and then.
    m->value = (double) (int) (100 * (50 + 25 * sv_prng_normal(prng))) / 100;
    m->at_us = START_US + (int64_t) number * 10001;
    sv_reading reading = { .key = { .device_id = sv_text_of(device), .sensor = sv_text_of(sensor) },
                           .value = m->value,
                           .at_us = m->at_us };
    if (numbered) {
        reading.unit = SV_TEXT("mm/s");
        reading.epoch = SV_TEXT("9f2c4b7a01d3e865");
        reading.seq = number + 1;
    }
    sv_textbuf topic = SV_TEXTBUF(m->topic);
    sv_textbuf payload = SV_TEXTBUF(m->payload);
    sv_reading_key_format(&reading.key, &topic);
    sv_reading_format(&reading, &payload);
    if (sv_textbuf_end(&topic) != SV_OK || sv_textbuf_end(&payload) != SV_OK) {
        abort();
    }
    m->topic_text = sv_textbuf_text(&topic);
    m->payload_text = sv_textbuf_text(&payload);
}

static message *write_messages(bool numbered) {
    message *all = sv_mem_array(MESSAGES, sizeof *all);
    sv_prng prng = { .state = 7 };
    for (unsigned i = 0; i < MESSAGES; i++) {
        write_message(&all[i], i, numbered, &prng);
    }
    return all;
}

static void open_streams(bench *b) {
    b->streams = sv_map_new(STREAMS, NULL);
    b->by_number = sv_mem_array(STREAMS, sizeof *b->by_number);
    for (unsigned i = 0; i < STREAMS; i++) {
        char device[24];
        char sensor[16];
        char name[2 * SV_ID_ROOM];
        name_stream(i, device, sensor);
        (void) snprintf(name, sizeof name, "%s/%s", device, sensor);
        tracked *t = &b->by_number[i];
        sv_stream_start(&t->stream, INT64_MIN);
        t->rules = (sv_stream_rules){
            .threshold = { .high = { .given = true, .at = HIGH },
                           .low = { .given = true, .at = LOW } },
            .change = { .amount = 1.0 },
            .uplink = SV_UPLINK_CHANGE,
        };
        if (sv_map_put(b->streams, sv_text_of(name), t) != SV_OK) {
            abort();
        }
    }
}

static void open_watched(bench *b) {
    b->watched = sv_mem_array(STREAMS, sizeof *b->watched);
    b->watched_us = START_US;
    for (unsigned i = 0; i < STREAMS; i++) {
        sv_stream_start(&b->watched[i].stream, INT64_MIN);
        b->watched[i].rules = b->by_number[i].rules;
        b->watched[i].rules.detect = (sv_detect){ SV_DETECTION_NORMAL, SV_TIME_DAY_US, 0 };
    }
}

static void judge(bench *b, tracked *t, double value, int64_t at_us) {
    sv_decision decision;
    sv_stream_take(&t->stream, &t->rules, value, at_us, &decision);
    b->significant += decision.significant ? 1 : 0;
    b->alerts += decision.turns[SV_CAUSE_HIGH].event == SV_ALERT_RAISED
                         || decision.turns[SV_CAUSE_LOW].event == SV_ALERT_RAISED
                     ? 1
                     : 0;
}

static void take(void *arg, const sv_reading *reading) {
    bench *b = arg;
    char room[2 * SV_ID_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_add(&name, reading->key.device_id);
    sv_textbuf_add_char(&name, '/');
    sv_textbuf_add(&name, reading->key.sensor);
    judge(b, sv_map_get(b->streams, sv_textbuf_text(&name)), reading->value, reading->at_us);
}

static void refuse(void *arg, sv_reading_fault fault, const sv_reading *numbered,
                   const sv_why *why) {
    (void) numbered;
    (void) fault;
    (void) why;
    ((bench *) arg)->refused++;
}

static void whole_way(bench *b, const message *m) {
    sv_reading_key key;
    if (sv_reading_key_parse(m->topic_text, &key, NULL) != SV_OK) {
        b->refused++;
        return;
    }
    sv_reading_payload_parse(&key, m->payload_text, m->at_us, take, refuse, b);
}

static void json_alone(bench *b, const message *m) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    b->refused += sv_json_parse(m->payload_text, &root, NULL, NULL) == SV_OK ? 0 : 1;
}

static void plain_json(bench *b, unsigned number) {
    json_alone(b, &b->plain[number]);
}

static void plain_whole(bench *b, unsigned number) {
    whole_way(b, &b->plain[number]);
}

static void numbered_json(bench *b, unsigned number) {
    json_alone(b, &b->numbered[number]);
}

static void numbered_whole(bench *b, unsigned number) {
    whole_way(b, &b->numbered[number]);
}

static void stream_alone(bench *b, unsigned number) {
    judge(b, &b->by_number[number % STREAMS], b->plain[number].value, b->plain[number].at_us);
}

static void watched_alone(bench *b, unsigned number) {
    b->watched_us += SV_TIME_SECOND_US / STREAMS;
    judge(b, &b->watched[number % STREAMS], b->plain[number].value, b->watched_us);
}

static const struct {
    const char *name;
    void (*run)(bench *b, unsigned number);
} WAYS[] = {
    { "jansson_plain", plain_json },       { "pipeline_plain", plain_whole },
    { "jansson_numbered", numbered_json }, { "pipeline_numbered", numbered_whole },
    { "without_json", stream_alone },      { "watched", watched_alone },
};

static double cpu_ns(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

static double run(bench *b, size_t way, unsigned long readings) {
    double start_ns = cpu_ns();
    for (unsigned long i = 0; i < readings; i++) {
        WAYS[way].run(b, (unsigned) (i % MESSAGES));
    }
    return readings == 0 ? 0 : (cpu_ns() - start_ns) / (double) readings;
}

static void run_round(bench *b, unsigned long readings) {
    for (size_t way = 0; way < SV_COUNT(WAYS); way++) {
        (void) printf("%s\"%s\":%.1f", way == 0 ? "{" : ",", WAYS[way].name, run(b, way, readings));
    }
    (void) printf(",\"stream_bytes\":%zu,\"watched_bytes\":%zu}\n", sizeof(sv_stream),
                  sizeof(sv_stream) + sizeof(sv_usual));
    (void) fflush(stdout);
}

static int run_once(bench *b, const char *name, unsigned long readings) {
    for (size_t way = 0; way < SV_COUNT(WAYS); way++) {
        if (strcmp(WAYS[way].name, name) == 0) {
            (void) run(b, way, readings);
            return 0;
        }
    }
    (void) fprintf(stderr, "bench-pipeline: there is no way '%s'\n", name);
    return 2;
}

static void close_bench(bench *b) {
    sv_map_drop(&b->streams);
    free(b->by_number);
    for (unsigned i = 0; i < STREAMS; i++) {
        sv_stream_drop(&b->watched[i].stream);
    }
    free(b->watched);
    free(b->plain);
    free(b->numbered);
}

int main(int argc, char **argv) {
    bool once = argc == 4 && strcmp(argv[1], "once") == 0;
    if (argc != 3 && !once) {
        (void) fputs("usage: bench-pipeline ROUNDS READINGS | once NAME READINGS\n", stderr);
        return 2;
    }
    bench b = { .plain = write_messages(false), .numbered = write_messages(true) };
    open_streams(&b);
    open_watched(&b);
    unsigned long readings = strtoul(argv[argc - 1], NULL, 10);
    int code = once ? run_once(&b, argv[2], readings) : 0;
    unsigned long rounds = once ? 0 : strtoul(argv[1], NULL, 10);
    for (unsigned long i = 0; i < rounds; i++) {
        run_round(&b, readings);
    }
    if (b.refused > 0) {
        (void) fprintf(stderr, "bench-pipeline: %llu messages were refused\n",
                       (unsigned long long) b.refused);
        code = 1;
    }
    close_bench(&b);
    return code;
}
