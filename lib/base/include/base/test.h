// What every unit test includes: cmocka with the headers it wants before it.
#ifndef SV_BASE_TEST_H
#define SV_BASE_TEST_H

#include <base/attr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
