#include <fleet/version.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Where a sign stands among others; the end and a digit, which ends such a part, are 0.
static int weight(sv_text text, size_t at) {
    if (at >= text.len || is_digit(text.at[at])) {
        return 0;
    }
    char c = text.at[at];
    return c == '~' ? -1 : is_letter(c) ? (unsigned char) c : (unsigned char) c + 256;
}

static size_t skip_zeroes(sv_text text, size_t at) {
    while (at < text.len && text.at[at] == '0') {
        at++;
    }
    return at;
}

/// Numbers of any length: the longer one is the larger, else the first digit that differs decides.
static int compare_numbers(sv_text left, size_t *l, sv_text right, size_t *r) {
    int first = 0;
    *l = skip_zeroes(left, *l);
    *r = skip_zeroes(right, *r);
    while (*l < left.len && is_digit(left.at[*l]) && *r < right.len && is_digit(right.at[*r])) {
        first = first != 0 ? first : left.at[*l] - right.at[*r];
        (*l)++;
        (*r)++;
    }
    bool more_left = *l < left.len && is_digit(left.at[*l]);
    bool more_right = *r < right.len && is_digit(right.at[*r]);
    return more_left ? 1 : more_right ? -1 : first;
}

int sv_version_compare(sv_text left, sv_text right) {
    size_t l = 0;
    size_t r = 0;
    while (l < left.len || r < right.len) {
        int a = weight(left, l);
        int b = weight(right, r);
        while (a != 0 || b != 0) {
            if (a != b) {
                return a - b;
            }
            a = weight(left, ++l);
            b = weight(right, ++r);
        }
        int numbers = compare_numbers(left, &l, right, &r);
        if (numbers != 0) {
            return numbers;
        }
    }
    return 0;
}
