#include "packed.h"
#include <math.h>

static void correlate(double *sums, size_t n, double shrink) {
    for (size_t row = n; row-- > 0;) {
        double own = sums[sv_packed_at(row, row)];
        for (size_t column = 0; column < row; column++) {
            double both = own * sums[sv_packed_at(column, column)];
            double *cell = &sums[sv_packed_at(row, column)];
            double correlation = both > 0 ? *cell / sqrt(both) : 0;
            *cell = isfinite(correlation) ? (1 - shrink) * correlation : 0;
        }
        sums[sv_packed_at(row, row)] = 1;
    }
}

void sv_packed_factor(double *sums, size_t n, double shrink) {
    correlate(sums, n, shrink);
    for (size_t row = 0; row < n; row++) {
        for (size_t column = 0; column <= row; column++) {
            double rest = sums[sv_packed_at(row, column)];
            for (size_t k = 0; k < column; k++) {
                rest -= sums[sv_packed_at(row, k)] * sums[sv_packed_at(column, k)];
            }
            // In exact arithmetic no pivot is below `shrink`.
            sums[sv_packed_at(row, column)] = row == column
                                                  ? sqrt(fmax(rest, shrink / 2))
                                                  : rest / sums[sv_packed_at(column, column)];
        }
    }
}

double sv_packed_distance(const double *factor, size_t n, const double *x, double *solved) {
    double squared = 0;
    for (size_t row = 0; row < n; row++) {
        double rest = x[row];
        for (size_t k = 0; k < row; k++) {
            rest -= factor[sv_packed_at(row, k)] * solved[k];
        }
        solved[row] = rest / factor[sv_packed_at(row, row)];
        squared += solved[row] * solved[row];
    }
    for (size_t row = n; row-- > 0;) {
        double rest = solved[row];
        for (size_t k = row + 1; k < n; k++) {
            rest -= factor[sv_packed_at(k, row)] * solved[k];
        }
        solved[row] = rest / factor[sv_packed_at(row, row)];
    }
    return squared;
}
