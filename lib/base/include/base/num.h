// Numbers as people and JSON write them.
#ifndef SV_BASE_NUM_H
#define SV_BASE_NUM_H

#include <base/text.h>

/// Not a number, as a double: to clang NAN is a float.
#define SV_NAN ((double) __builtin_nanf(""))

enum { SV_NUM_TEXT_MAX = 32 };

/// Append the shortest decimal that reads back as exactly `value` (ECMA-262 Number::toString): 45,
/// 91.2, 0.000001, 1e-7, 1e+21 is written 1e21. Not-a-number and infinities are written null.
void sv_num_add(sv_textbuf *buf, double value);

/// A JSON number (RFC 8259 §6) that is finite as a double. SV_ERR_INVALID for anything else.
sv_err sv_num_parse(sv_text text, double *out);

/// To so many significant digits (at most 17), as near as a double comes to it.
double sv_num_round(double value, int digits);

#endif
