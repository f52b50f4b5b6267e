// Labels for a backtest: a CSV file with a header, a row for each stretch of time in which
// something was wrong. Columns: from, to, and where they are there device and sensor (empty: any).
#ifndef SELVEDGE_BACKTEST_LABELS_H
#define SELVEDGE_BACKTEST_LABELS_H

#include <trial/backtest.h>

/// Every fault of the file is one: SV_ERR_INVALID with its line.
sv_err backtest_read_labels(const char *path, sv_backtest *into, sv_why *why);

#endif
