#include "test_release.h"

static void what_is_written_is_read_back(void **state) { // [boot-1] [boot-2]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said = release_of(1, bytes);
    sv_boot_header read;
    memset(&read, 0, sizeof read);
    assert_int_equal(sv_boot_header_read(bytes, sizeof bytes, &read), SV_BOOT_GOOD);
    assert_memory_equal(&read, &said, sizeof said);
}

/// The table of docs/spec/boot.md, so that other implementations read what we write.
static void everything_stands_where_the_page_says(void **state) { // [boot-1]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said = release_of(1, bytes);
    static const uint8_t BEGIN[32] = {
        'S', 'v',  'B',  't', 1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0,
        0,   0xa0, 0x86, 1,   0, 0, 0, 0, 0, 7, 0, 0, 0, 2,
    };
    assert_memory_equal(bytes, BEGIN, sizeof BEGIN);
    assert_memory_equal(bytes + 32, said.digest, 32);
    assert_memory_equal(bytes + 64, "lathe-ctl\0", 10);
    assert_memory_equal(bytes + 128, "2.1.0+b~1\0", 10);
    assert_memory_equal(bytes + 192, "rootfs\0", 7);
    assert_memory_equal(bytes + 256, "rev-b\0", 6);
    assert_memory_equal(bytes + 320, "rev-c\0", 6);
    assert_memory_equal(bytes + 928, said.key_id, 32);
    assert_memory_equal(bytes + 960, said.signature, 64);
}

static void no_header_is_told_from_one_of_another_format(void **state) { // [boot-1]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES + 1] = { 0 };
    sv_boot_header header;
    assert_int_equal(sv_boot_header_read(bytes, SV_BOOT_HEADER_BYTES, &header), SV_BOOT_NO_HEADER);
    (void) release_of(1, bytes);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        if (len != SV_BOOT_HEADER_BYTES) {
            assert_int_equal(sv_boot_header_read(bytes, len, &header), SV_BOOT_NO_HEADER);
        }
    }
    for (size_t at = 0; at < 12; at++) {
        bytes[at] ^= 0x80;
        assert_int_equal(sv_boot_header_read(bytes, SV_BOOT_HEADER_BYTES, &header),
                         at < 4 ? SV_BOOT_NO_HEADER : SV_BOOT_OTHER_FORMAT);
        bytes[at] ^= 0x80;
    }
}

/// Each of the 8192 bits means something, or is refused.
static void no_bit_changes_without_being_seen(void **state) { // [boot-2]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    uint8_t again[SV_BOOT_HEADER_BYTES];
    sv_boot_header said = release_of(1, bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        sv_boot_header read;
        memset(&read, 0, sizeof read);
        bytes[bit / 8] ^= (uint8_t) (1U << (bit % 8));
        if (sv_boot_header_read(bytes, sizeof bytes, &read) == SV_BOOT_GOOD) {
            assert_memory_not_equal(&read, &said, sizeof said);
            assert_int_equal(sv_boot_header_write(&read, again), SV_BOOT_GOOD);
            assert_memory_equal(again, bytes, sizeof bytes);
        }
        bytes[bit / 8] ^= (uint8_t) (1U << (bit % 8));
    }
}

static void what_no_header_can_say_is_refused_both_ways(void **state) { // [boot-2]
    (void) state;
    static const struct {
        size_t at;
        const char *bytes;
        size_t len;
    } CASES[] = {
        { 12, "\1", 1 },                         // a flag
        { 16, "\0\0\0", 3 },                     // no image
        { 21, "\2", 1 },                         // an image of 2 TiB
        { 24, "\0", 1 },                         // no counter
        { 28, "\0", 1 },                         // no hardware
        { 28, "\3", 1 },                         // a third id, which is empty
        { 28, "\11", 1 },                        // nine
        { 28, "\1", 1 },                         // one, and bytes behind it
        { 64, "\0", 1 },                         // no product
        { 64, "-", 1 },                          // a name that begins with a dash
        { 64, "a/b", 3 },      { 64, "a b", 3 }, // no such letters in a name
        { 64, "\xc3\xa4", 2 },                   // nor these
        { 64, "a+b", 3 },                        // + is for versions
        { 68, "\0", 1 },                         // bytes behind the end of a name
        { 127, "x", 1 },                         // at the end of the room
        { 128, "2 1", 3 },     { 192, "a:b", 3 }, { 256, "..", 2 },
        { 768, "\1", 1 },      { 927, "\1", 1 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        uint8_t bytes[SV_BOOT_HEADER_BYTES];
        (void) release_of(1, bytes);
        memcpy(bytes + CASES[i].at, CASES[i].bytes, CASES[i].len);
        sv_boot_header header = { .counter = 99 };
        assert_int_equal(sv_boot_header_read(bytes, sizeof bytes, &header), SV_BOOT_MALFORMED);
        assert_int_equal(header.counter, 99);
    }
}

static void nothing_is_written_that_would_not_be_read(void **state) { // [boot-2]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    const sv_boot_header good = release_of(1, bytes);
    sv_boot_header bad[8];
    for (size_t i = 0; i < SV_COUNT(bad); i++) {
        bad[i] = good;
    }
    bad[0].counter = 0;
    bad[1].image_bytes = SV_BOOT_IMAGE_MAX + 1;
    bad[2].hardware_count = SV_BOOT_HARDWARE_MAX + 1;
    bad[3].hardware_count = 3;
    bad[4].product[0] = '\0';
    memset(bad[5].slot, 'x', sizeof bad[5].slot); // 65 letters
    strcpy(bad[6].version, "2.1 beta");
    strcpy(bad[7].hardware[1], "rev/c");
    for (size_t i = 0; i < SV_COUNT(bad); i++) {
        assert_int_equal(sv_boot_header_write(&bad[i], bytes), SV_BOOT_MALFORMED);
    }
}

static void
names_fill_their_rooms_and_an_image_may_be_as_long_as_it_gets(void **state) { // [boot-2]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said = release_of(1, bytes);
    said.image_bytes = SV_BOOT_IMAGE_MAX;
    said.counter = UINT32_MAX;
    said.hardware_count = SV_BOOT_HARDWARE_MAX;
    memset(said.product, 'p', SV_BOOT_NAME_MAX);
    memset(said.version, '9', SV_BOOT_NAME_MAX);
    memset(said.slot, 's', SV_BOOT_NAME_MAX);
    for (unsigned i = 0; i < SV_BOOT_HARDWARE_MAX; i++) {
        memset(said.hardware[i], 'a' + (int) i, SV_BOOT_NAME_MAX);
    }
    sv_boot_header read;
    memset(&read, 0, sizeof read);
    assert_int_equal(sv_boot_header_write(&said, bytes), SV_BOOT_GOOD);
    assert_int_equal(sv_boot_header_read(bytes, sizeof bytes, &read), SV_BOOT_GOOD);
    assert_memory_equal(&read, &said, sizeof said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(everything_stands_where_the_page_says),
        cmocka_unit_test(no_header_is_told_from_one_of_another_format),
        cmocka_unit_test(no_bit_changes_without_being_seen),
        cmocka_unit_test(what_no_header_can_say_is_refused_both_ways),
        cmocka_unit_test(nothing_is_written_that_would_not_be_read),
        cmocka_unit_test(names_fill_their_rooms_and_an_image_may_be_as_long_as_it_gets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
