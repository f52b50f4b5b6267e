#include <arpa/inet.h>
#include <base/test.h>
#include <net/reach.h>
#include <netinet/in.h>
#include <stdbool.h>

static sv_err judge(const char *text, sv_why *why) {
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return sv_reach_public((const struct sockaddr *) &v4, why);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return sv_reach_public((const struct sockaddr *) &v6, why);
}

/// The first and the last address of each range, and their neighbours outside. [notify-7]
static void addresses_that_are_not_everybodys_are_refused_by_name(void **state) {
    (void) state;
    static const struct {
        const char *address, *range;
    } CASES[] = {
        { "0.0.0.0", "unspecified" },
        { "0.255.255.255", "unspecified" },
        { "1.0.0.0", NULL },
        { "9.255.255.255", NULL },
        { "10.0.0.0", "private" },
        { "10.255.255.255", "private" },
        { "11.0.0.0", NULL },
        { "100.63.255.255", NULL },
        { "100.64.0.0", "shared" },
        { "100.127.255.255", "shared" },
        { "100.128.0.0", NULL },
        { "126.255.255.255", NULL },
        { "127.0.0.1", "loopback" },
        { "127.255.255.255", "loopback" },
        { "128.0.0.0", NULL },
        { "169.253.255.255", NULL },
        { "169.254.169.254", "link-local" },
        { "169.255.0.0", NULL },
        { "172.15.255.255", NULL },
        { "172.16.0.0", "private" },
        { "172.31.255.255", "private" },
        { "172.32.0.0", NULL },
        { "192.167.255.255", NULL },
        { "192.168.0.1", "private" },
        { "192.169.0.0", NULL },
        { "198.17.255.255", NULL },
        { "198.18.0.0", "benchmark" },
        { "198.19.255.255", "benchmark" },
        { "198.20.0.0", NULL },
        { "223.255.255.255", NULL },
        { "224.0.0.1", "multicast" },
        { "239.255.255.255", "multicast" },
        { "240.0.0.0", "reserved" },
        { "255.255.255.255", "reserved" },
        { "::", "unspecified" },
        { "::1", "loopback" },
        { "::2", "reserved" },
        { "::127.0.0.1", "reserved" },
        { "::ffff:127.0.0.1", "IPv4-mapped" },
        { "::ffff:93.184.216.34", "IPv4-mapped" },
        { "64:ff9b::7f00:1", "IPv4-translated" },
        { "fc00::1", "private" },
        { "fdff::1", "private" },
        { "fe80::1", "link-local" },
        { "febf::1", "link-local" },
        { "fec0::1", "reserved" },
        { "ff02::1", "multicast" },
        { "2001:db8::1", "documentation" },
        { "2001::1", "reserved" },
        { "2002:7f00:1::", "IPv4-embedded" },
        { "3fff:0fff::1", "documentation" },
        { "2a00:1450:4001::1", NULL },
        { "2606:4700::1111", NULL },
        { "4000::1", "reserved" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        sv_err err = judge(CASES[i].address, &why);
        bool fits = CASES[i].range == NULL
                        ? err == SV_OK
                        : err == SV_ERR_UNTRUSTED && strstr(why.text, CASES[i].range) != NULL;
        if (!fits) {
            fail_msg("%s: %s", CASES[i].address, why.text);
        }
    }
}

static void what_is_no_internet_address_is_refused(void **state) {
    (void) state;
    struct sockaddr local = { .sa_family = AF_UNIX };
    assert_int_equal(sv_reach_public(&local, NULL), SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_are_not_everybodys_are_refused_by_name),
        cmocka_unit_test(what_is_no_internet_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
