/* See in_flight.h. */
#include "in_flight.h"

#include <stdlib.h>

#define NONE UINT64_MAX

int in_flight_init(struct in_flight *table, size_t records) {
    table->words = records / 64 + 1;
    table->places = calloc(table->words * 64, sizeof *table->places); /* zero pages: memory comes as it is touched */
    table->taken = calloc(table->words, sizeof *table->taken);
    table->hint = 0;
    table->last = NONE;
    return table->places && table->taken ? 0 : -1;
}

void in_flight_free(struct in_flight *table) {
    free(table->places);
    free(table->taken);
    table->places = NULL;
    table->taken = NULL;
}

void in_flight_rewind(struct in_flight *table) {
    table->hint = 0;
}

void *in_flight_put(struct in_flight *table, const struct sent *sent, void *opaque) {
    table->last = NONE;
    for (; table->hint < table->words; table->hint++) {
        uint64_t taken = atomic_load_explicit(&table->taken[table->hint], memory_order_acquire);
        if (taken == UINT64_MAX)
            continue;
        int bit = __builtin_ctzll(~taken);
        atomic_fetch_or_explicit(&table->taken[table->hint], 1ull << bit, memory_order_relaxed);
        table->last = table->hint * 64 + (uint64_t)bit;
        table->places[table->last] = (struct place){.sent = *sent, .opaque = opaque};
        return (void *)(uintptr_t)(OPAQUE_OURS | table->last);
    }
    return opaque;
}

static void give_free(struct in_flight *table, uint64_t place) {
    atomic_fetch_and_explicit(&table->taken[place / 64], ~(1ull << place % 64), memory_order_release);
}

bool in_flight_take(struct in_flight *table, void **opaque, struct sent *sent) {
    uint64_t bits = (uint64_t)(uintptr_t)*opaque;
    if (!(bits & OPAQUE_OURS))
        return false;
    uint64_t place = bits & ~OPAQUE_OURS;
    *sent = table->places[place].sent;
    *opaque = table->places[place].opaque;
    give_free(table, place);
    return true;
}

void in_flight_take_back(struct in_flight *table) {
    if (table->last != NONE)
        give_free(table, table->last);
    table->last = NONE;
}
