#include <base/test.h>
#include <codec/url.h>

static void an_address_gives_what_a_client_needs_to_connect_and_ask(void **state) {
    (void) state;
    static const struct {
        const char *text, *host, *path;
        bool tls;
        uint16_t port;
    } CASES[] = {
        { "https://fleet.example", "fleet.example", "/", true, 443 },
        { "http://10.0.0.7:8080/a/b?c=d#e", "10.0.0.7", "/a/b?c=d", false, 8080 },
        { "https://[::1]:8444/v1", "::1", "/v1", true, 8444 },
        { "https://h?q", "h", "/?q", true, 443 },
        { "http://h#f", "h", "/", false, 80 },
        { "http://h/a@b", "h", "/a@b", false, 80 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_url url;
        assert_int_equal(sv_url_parse(sv_text_of(CASES[i].text), &url, NULL), SV_OK);
        assert_string_equal(url.host, CASES[i].host);
        assert_string_equal(url.path, CASES[i].path);
        assert_int_equal(url.tls, CASES[i].tls);
        assert_int_equal(url.port, CASES[i].port);
    }
}

static void a_broken_address_is_refused_with_a_sentence(void **state) {
    (void) state;
    static const struct {
        const char *text, *why;
    } CASES[] = {
        { "", "the address must start with http:// or https://" },
        { "ftp://h/", "the address must start with http:// or https://" },
        { "https://", "the address names no host" },
        { "https://:80/", "the address names no host" },
        { "https://me:pw@h/", "an address may not hold a user name or password" },
        { "https://h:0/", "\"0\" is not a port between 1 and 65535" },
        { "https://h:65536/", "\"65536\" is not a port between 1 and 65535" },
        { "https://h:/", "\"\" is not a port between 1 and 65535" },
        { "https://[::1/", "the address has a [ without its ]" },
        { "https://[::1]x/", "after the host only a colon and a port may stand" },
        { "https://h/a b", "an address cannot hold the character at place 12: percent-encode it" },
        { "https://h/\r\nX: y",
          "an address cannot hold the character at place 11: percent-encode it" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_url url;
        sv_why why;
        assert_int_equal(sv_url_parse(sv_text_of(CASES[i].text), &url, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
    }
}

static void a_host_or_path_is_taken_up_to_its_bound_and_not_beyond(void **state) {
    (void) state;
    char host[SV_URL_HOST_MAX + 8];
    memset(host, 'h', sizeof host);
    char room[SV_URL_HOST_MAX];
    uint16_t port = 0;
    sv_text fits = { .at = host, .len = SV_URL_HOST_MAX - 1 };
    sv_text longer = { .at = host, .len = SV_URL_HOST_MAX };
    assert_int_equal(sv_host_port_parse(fits, 7, room, &port, NULL), SV_OK);
    assert_int_equal(port, 7);
    assert_int_equal(sv_host_port_parse(longer, 7, room, &port, NULL), SV_ERR_INVALID);

    static char text[SV_URL_PATH_MAX + 16] = "http://h/";
    memset(text + 9, 'p', SV_URL_PATH_MAX);
    sv_url url;
    assert_int_equal(
        sv_url_parse((sv_text){ .at = text, .len = 8 + SV_URL_PATH_MAX - 1 }, &url, NULL), SV_OK);
    assert_int_equal(sv_url_parse((sv_text){ .at = text, .len = 8 + SV_URL_PATH_MAX }, &url, NULL),
                     SV_ERR_INVALID);
}

static void a_host_and_a_port_are_told_apart(void **state) {
    (void) state;
    char host[SV_URL_HOST_MAX];
    uint16_t port = 0;
    assert_int_equal(sv_host_port_parse(SV_TEXT("[fe80::1]:9"), 8883, host, &port, NULL), SV_OK);
    assert_string_equal(host, "fe80::1");
    assert_int_equal(port, 9);
    assert_int_equal(sv_host_port_parse(SV_TEXT("gw"), 8883, host, &port, NULL), SV_OK);
    assert_int_equal(port, 8883);
    assert_int_equal(sv_host_port_parse(SV_TEXT("a:1:2"), 8883, host, &port, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_host_port_parse(SV_TEXT("a\0b"), 8883, host, &port, NULL), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_gives_what_a_client_needs_to_connect_and_ask),
        cmocka_unit_test(a_broken_address_is_refused_with_a_sentence),
        cmocka_unit_test(a_host_or_path_is_taken_up_to_its_bound_and_not_beyond),
        cmocka_unit_test(a_host_and_a_port_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
