/* See in_flight.h. */
#include "in_flight.h"

#include <stdlib.h>

int in_flight_init(struct in_flight *table, size_t records) {
    size_t entries = 1024;
    int bits = 10;
    while (entries < 2 * records) {
        entries *= 2;
        bits++;
    }
    table->entries = calloc(entries, sizeof *table->entries); /* zero pages: memory is used as it is touched */
    table->mask = entries - 1;
    table->shift = 64 - bits;
    atomic_init(&table->longest_probe, 0);
    table->last_put = NULL;
    return table->entries ? 0 : -1;
}

void in_flight_free(struct in_flight *table) {
    free(table->entries);
    table->entries = NULL;
}

static size_t home_of(const struct in_flight *table, const void *address) {
    /* Fibonacci hashing: allocations of one size lie evenly, and this spreads what is even. */
    return (size_t)(((uint64_t)(uintptr_t)address * 0x9E3779B97F4A7C15u) >> table->shift);
}

bool in_flight_put(struct in_flight *table, const void *address, const struct sent *sent) {
    size_t home = home_of(table, address);
    for (size_t probe = 0; probe <= table->mask; probe++) {
        struct in_flight_entry *entry = &table->entries[(home + probe) & table->mask];
        uintptr_t seen = 0;
        if (atomic_load_explicit(&entry->address, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&entry->address, &seen, (uintptr_t)address, memory_order_acquire,
                                                    memory_order_relaxed)) {
            entry->sent = *sent;
            size_t longest = atomic_load_explicit(&table->longest_probe, memory_order_relaxed);
            while (longest < probe && !atomic_compare_exchange_weak_explicit(&table->longest_probe, &longest, probe,
                                                                             memory_order_relaxed,
                                                                             memory_order_relaxed)) {
            }
            table->last_put = entry;
            return true;
        }
    }
    table->last_put = NULL;
    return false;
}

bool in_flight_take(struct in_flight *table, const void *address, struct sent *sent) {
    size_t home = home_of(table, address);
    /* Entries come and go, so a free one proves nothing: look as far as anything was ever put. */
    size_t longest = atomic_load_explicit(&table->longest_probe, memory_order_relaxed);
    for (size_t probe = 0; probe <= longest; probe++) {
        struct in_flight_entry *entry = &table->entries[(home + probe) & table->mask];
        if (atomic_load_explicit(&entry->address, memory_order_relaxed) == (uintptr_t)address) {
            *sent = entry->sent;
            atomic_store_explicit(&entry->address, 0, memory_order_release);
            return true;
        }
    }
    return false;
}

void in_flight_take_back(struct in_flight *table) {
    if (table->last_put)
        atomic_store_explicit(&table->last_put->address, 0, memory_order_release);
    table->last_put = NULL;
}
