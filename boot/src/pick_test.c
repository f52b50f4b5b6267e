#include "test_release.h"
#include <boot/pick.h>

enum { IMAGE_BYTES = 300 };

typedef struct shelf {
    uint8_t headers[SV_BOOT_SLOTS][SV_BOOT_HEADER_BYTES];
    uint8_t images[SV_BOOT_SLOTS][IMAGE_BYTES];
    sv_boot_place places[SV_BOOT_SLOTS];
    sv_boot_key key;
    unsigned reads;
} shelf;

static shelf S;

static bool read_image(void *arg, uint64_t offset, uint8_t *out, size_t len) {
    memcpy(out, (const uint8_t *) arg + offset, len);
    S.reads++;
    return true;
}

static void put(unsigned slot, uint32_t counter) {
    sv_boot_header header = release_of(1, S.headers[slot]);
    header.counter = counter;
    header.image_bytes = IMAGE_BYTES;
    memset(S.images[slot], (int) (slot + counter), IMAGE_BYTES);
    sv_boot_digest digest;
    sv_boot_digest_begin(&digest);
    sv_boot_digest_add(&digest, S.images[slot], IMAGE_BYTES);
    sv_boot_digest_end(&digest, header.digest);
    assert_int_equal(sv_boot_header_write(&header, S.headers[slot]), SV_BOOT_GOOD);
    sign_header(1, S.headers[slot]);
    S.places[slot] =
        (sv_boot_place){ S.headers[slot], IMAGE_BYTES, { S.images[slot], read_image } };
}

static sv_boot_choice pick(const sv_boot_state *state) {
    uint8_t block[128];
    sv_boot_choice c;
    key_number(1, &S.key);
    const sv_boot_keys keys = { .trusted = &S.key, .trusted_count = 1 };
    const sv_boot_device device = { .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs" };
    S.reads = 0;
    sv_boot_pick(state, S.places, &keys, &device, true, block, sizeof block, &c);
    return c;
}

static void only_the_image_that_is_started_is_read(void **state) { // [boot-12]
    (void) state;
    const sv_boot_state now = {
        .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 }, { SV_BOOT_SLOT_TRIAL, 2 } }, .counter = 7
    };
    put(0, 7);
    put(1, 8);
    sv_boot_choice c = pick(&now);
    assert_int_equal(c.slot, 1);
    assert_int_equal(c.after.slots[1].tries_left, 1);
    assert_int_equal(S.reads, 3);
}

static void a_slot_that_is_not_as_it_was_signed_is_passed_over(
    void **state) { // [boot-12] attacks rows 21 to 24
    (void) state;
    const sv_boot_state now = {
        .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 }, { SV_BOOT_SLOT_TRIAL, 2 } }, .counter = 7
    };
    for (unsigned fault = 0; fault < 6; fault++) {
        put(0, 7);
        put(1, fault == 0 ? 6 : 8);      // replayed: older than what was confirmed
        S.images[1][299] ^= fault == 1;  // damaged
        S.headers[1][960] ^= fault == 2; // not signed
        if (fault == 3) {
            S.places[1].image_max--; // reaches into the trailer
        } else if (fault == 4) {
            S.places[1].header = NULL;
        } else if (fault == 5) { // of another slot's class
            memcpy(S.headers[1] + 192, "kernel", 6);
            sign_header(1, S.headers[1]);
        }
        sv_boot_choice c = pick(&now);
        assert_int_equal(c.slot, 0);
        assert_false(c.trial);
        assert_int_equal(c.after.slots[1].state, SV_BOOT_SLOT_BAD);
    }
}

static void with_both_slots_spoilt_nothing_is_started(void **state) { // [boot-12]
    (void) state;
    const sv_boot_state now = {
        .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 }, { SV_BOOT_SLOT_CONFIRMED, 0 } }, .counter = 7
    };
    put(0, 7);
    put(1, 7);
    S.images[0][0] ^= 1;
    assert_int_equal(pick(&now).slot, 1);
    S.images[1][0] ^= 1;
    sv_boot_choice c = pick(&now);
    assert_int_equal(c.slot, SV_BOOT_NO_SLOT);
    // A medium that comes back is not forgotten.
    assert_memory_equal(c.after.slots, now.slots, sizeof now.slots);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_image_that_is_started_is_read),
        cmocka_unit_test(a_slot_that_is_not_as_it_was_signed_is_passed_over),
        cmocka_unit_test(with_both_slots_spoilt_nothing_is_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
