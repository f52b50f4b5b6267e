// A symmetric matrix as its lower triangle, row after row, and the one question detectors ask it:
// how unusual are these deviations together, and whose doing is it?
#ifndef SV_DETECT_PACKED_H
#define SV_DETECT_PACKED_H

#include <stddef.h>

#define SV_PACKED_COUNT(n) ((size_t) (n) * ((size_t) (n) + 1) / 2)

/// Where row and column, `column <= row`, stand.
static inline size_t sv_packed_at(size_t row, size_t column) {
    return row * (row + 1) / 2 + column;
}

/// Sums of products in, the Cholesky factor of their correlations out, in place. The correlations
/// are drawn towards independence by `shrink`, more than 0 and at most 1, so that there is a factor
/// however few rows there were. What never moved is independent of everything.
void sv_packed_factor(double *sums, size_t n, double shrink);

/// The squared Mahalanobis distance of `x`, and in `solved` the inverse of the matrix times `x`:
/// x[i] * solved[i] is what i has put in.
double sv_packed_distance(const double *factor, size_t n, const double *x, double *solved);

#endif
