#include <detect/life_judge.h>
#include <math.h>

sv_life_word sv_life_word_of_risk(double risk, double horizon) {
    return (sv_life_word){ .low = risk <= SV_LIFE_SURE ? horizon : 0,
                           .high =
                               horizon > 0 && risk >= 1 - SV_LIFE_SURE ? horizon : SV_LIFE_NO_END };
}

bool sv_life_word_says(const sv_life_word *word) {
    return word->low > 0 || word->high < SV_LIFE_NO_END;
}

bool sv_life_word_is_wrong(const sv_life_word *word, bool failed) {
    return word->high < word->least || (failed && word->low > word->most);
}

bool sv_life_is_wrong(size_t days, size_t wrong_days) {
    return 2 * wrong_days > days;
}

/// That of n lives k or more are wrong, if each is with SV_LIFE_WRONG_MAX.
static double chance(size_t n, size_t k) {
    double term = pow(1 - SV_LIFE_WRONG_MAX, (double) n); // that none is
    double sum = 0;
    for (size_t i = 0; i <= n; i++) {
        sum += i >= k ? term : 0;
        term *= (double) (n - i) / (double) (i + 1) * SV_LIFE_WRONG_MAX / (1 - SV_LIFE_WRONG_MAX);
    }
    return sum;
}

bool sv_lives_are_wrong(size_t ended, size_t wrong) {
    return wrong > 0 && chance(ended, wrong) < SV_LIFE_CHANCE_MIN;
}
