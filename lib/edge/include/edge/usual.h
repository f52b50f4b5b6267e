// What is usual for one stream (lib/detect), kept where its rules want it: section `detect`, by
// default `normal`. Every raw reading is judged and learnt from; an episode that is unusual enough
// is the cause `unusual` of an ANOMALY alert, which ends with the episode. [edge-18] [edge-19]
#ifndef SV_EDGE_USUAL_H
#define SV_EDGE_USUAL_H

#include <detect/stream.h>
#include <edge/rules.h>

typedef struct sv_usual {
    sv_stream_detector detector;
    sv_stream_verdict last; ///< on the last reading
    sv_stream_verdict told; ///< on the reading that raised the alert; span_us 0: never
    char *reason;           ///< of an alert that was open when the program ended; else NULL
} sv_usual;

sv_usual *sv_usual_new(void);
void sv_usual_drop(sv_usual **usual);

/// As a detector understands it.
sv_aim sv_usual_aim(const sv_detect *rule);

/// Judge a reading, then learn from it. The level is not OFF.
void sv_usual_take(sv_usual *usual, const sv_detect *rule, double value, int64_t at_us);

/// 0 to 100: how unusual a verdict finds its reading, whether or not that is news.
double sv_usual_score(const sv_stream_verdict *verdict);
/// The score of the alert.
double sv_usual_alert_score(const sv_usual *usual);

/// `info` below 60, `critical` from 98 on.
sv_severity sv_usual_severity(double score);

/// Why the alert was raised, as a sentence: "Stuck at 0 for 14 min".
void sv_usual_add_reason(sv_textbuf *out, const sv_usual *usual);
/// The alert goes on with the words it had.
void sv_usual_reopen(sv_usual *usual, const char *reason);

#endif
