// Was a model right? What it said of a machine, day by day, is held against what
// became of the machine: a life is wrong when the truth lay outside the interval on more than half
// of its days. Nine words in ten should hold, so at most one life in five may be wrong by Markov's
// inequality, however alike the days of a life are; a model whose last lives were wrong more often
// than such a chance explains in one case of a hundred is not to be believed.
//
// A model of classes that says what fails within a horizon gives probabilities, no interval. Where
// it says a tenth or less, nine machines in ten must last for longer, and where it says nine tenths
// or more, nine in ten must fail within it: the same bound. In between it says nothing that one
// machine could show to be wrong. No I/O, no state.
#ifndef SV_DETECT_LIFE_JUDGE_H
#define SV_DETECT_LIFE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

enum { SV_LIVES_JUDGED = 20 }; ///< the last lives that ended; older ones say nothing of today

#define SV_LIFE_WRONG_MAX 0.2   ///< of the lives of a model that is right
#define SV_LIFE_CHANCE_MIN 0.01 ///< what is less likely is no chance
#define SV_LIFE_SURE 0.1        ///< a probability so near to 0 or 1 says that it will, or will not
#define SV_LIFE_NO_END 1e300    ///< of an interval that is open

/// What a model said on one day, in rows, and the rows between that day's two ends and the end of
/// the life: it was said somewhere on the day.
typedef struct sv_life_word {
    double low, high;
    double least, most;
} sv_life_word;

/// What a probability of failing within so many rows says; nothing of a horizon of 0.
sv_life_word sv_life_word_of_risk(double risk, double horizon);
/// Could any end be outside of it?
bool sv_life_word_says(const sv_life_word *word);
/// `failed`: the machine ran until it failed. Else it was renewed before it did, and would have
/// lasted longer, nobody knows how long: only a word that gave it less is wrong.
bool sv_life_word_is_wrong(const sv_life_word *word, bool failed);
/// Of one life.
bool sv_life_is_wrong(size_t days, size_t wrong_days);
/// Of the last `ended` lives, SV_LIVES_JUDGED at most.
bool sv_lives_are_wrong(size_t ended, size_t wrong);

#endif
