// What a backtest has found of what is unusual, and against labels; private to the files
// backtest*.c.
#ifndef SV_TRIAL_BACKTEST_FOUND_H
#define SV_TRIAL_BACKTEST_FOUND_H

#include <codec/json.h>
#include <trial/backtest.h>

/// Nothing where nothing was looked for, or nobody gave labels.
void backtest_add_unusual(sv_textbuf *out, const sv_backtest *b);
void backtest_add_labels(sv_textbuf *out, const sv_backtest *b);
void backtest_put_unusual(sv_json_out *out, const sv_backtest *b);
void backtest_put_labels(sv_json_out *out, const sv_backtest *b);
/// `2026-11-21T10:30:00`, as a member.
void backtest_put_time(sv_json_out *out, const char *key, int64_t at_us);

#endif
