/* When each event is due: exact, by integers, as arrivals/plan.py's Linear says it.
 *
 * Goal: intended_ns(sequence) is one floor division of integers, so that C and Python agree to the nanosecond; going to
 * the next sequence is two additions. Ramps and Poisson arrivals are computed in Python and handed over as a buffer.
 */
#ifndef LOADGEN_SCHEDULE_H
#define LOADGEN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* offset_ns(sequence) = floor((numerator + (sequence - first) * step) / denominator), both split into whole ns and a rest
 * below the denominator: so that nothing but one product needs more than 64 bits. */
struct piece {
    uint64_t first;
    int64_t whole_ns;
    uint64_t rest;
    int64_t step_whole_ns;
    uint64_t step_rest;
    uint64_t denominator;
};

struct schedule {
    struct piece *pieces; /* ascending by first; none: flat out */
    size_t count;
};

struct due {
    const struct schedule *schedule;
    size_t position; /* of the piece */
    uint64_t sequence;
    int64_t offset_ns;
    uint64_t rest;
};

static inline void due_seek(struct due *due, const struct schedule *schedule, uint64_t sequence) {
    size_t position = 0, end = schedule->count; /* the last piece that begins at or before the sequence */
    while (end - position > 1) {
        size_t middle = position + (end - position) / 2;
        if (schedule->pieces[middle].first <= sequence)
            position = middle;
        else
            end = middle;
    }
    const struct piece *piece = &schedule->pieces[position];
    unsigned __int128 steps = sequence - piece->first;
    unsigned __int128 rest = piece->rest + steps * piece->step_rest;
    due->schedule = schedule;
    due->position = position;
    due->sequence = sequence;
    due->offset_ns = piece->whole_ns + (int64_t)steps * piece->step_whole_ns + (int64_t)(rest / piece->denominator);
    due->rest = (uint64_t)(rest % piece->denominator);
}

static inline void due_next(struct due *due) {
    const struct piece *piece = &due->schedule->pieces[due->position];
    due->sequence++;
    if (due->position + 1 < due->schedule->count && piece[1].first <= due->sequence) {
        due_seek(due, due->schedule, due->sequence);
        return;
    }
    due->offset_ns += piece->step_whole_ns;
    if (due->rest >= piece->denominator - piece->step_rest) {
        due->rest -= piece->denominator - piece->step_rest;
        due->offset_ns++;
    } else {
        due->rest += piece->step_rest;
    }
}

#endif
