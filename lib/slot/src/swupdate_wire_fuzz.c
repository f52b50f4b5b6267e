// Whatever comes over SWUpdate's progress socket: a START that tells another mark is another one's,
// percents are some, and what it says are texts.
#include "swupdate_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = offsetof(swu_progress, info) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    swu_course course = { .mark = "selvedge 07" };
    while (size > 0 && course.end == SWU_GOES_ON) { // the first bytes of each, and of its mark
        swu_progress message;
        size_t bytes = size < HEAD_BYTES + 16 ? size : HEAD_BYTES + 16;
        memset(&message, 0, sizeof message);
        memcpy(&message, data, bytes);
        data += bytes;
        size -= bytes;
        swu_follow(&message, &course);
        bool other = message.status == SWU_START && strncmp(message.info, "selvedge 07", 11) != 0;
        if (course.percent < 0 || course.percent > 100
            || memchr(course.says, '\0', sizeof course.says) == NULL
            || (other && !course.foreign)) {
            abort();
        }
    }
    return 0;
}
