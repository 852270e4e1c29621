/* See records.h. */
#define _GNU_SOURCE
#include "records.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GAMMA 0x9E3779B97F4A7C15u
#define US_PER_S 1000000

static const char PAIRS[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static void write_2(char *at, uint32_t number) {
    memcpy(at, PAIRS + 2 * number, 2);
}

static void write_4(char *at, uint32_t number) {
    write_2(at, number / 100);
    write_2(at + 2, number % 100);
}

static void write_6(char *at, uint32_t number) {
    write_2(at, number / 10000);
    write_4(at + 2, number % 10000);
}

static void write_sequence(char *at, uint64_t sequence) {
    write_6(at, (uint32_t)(sequence / 1000000));
    write_6(at + 6, (uint32_t)(sequence % 1000000));
}

/* "2026-11-23T20:30:11." The calendar is the proleptic Gregorian one, as datetime's: days counted in eras of 400 years
 * that begin in March, so that the leap day is the last of its year. */
static void write_second(char *at, int64_t epoch_s) {
    int64_t days = epoch_s / 86400 + 719468; /* since 0000-03-01 */
    uint32_t in_day = (uint32_t)(epoch_s % 86400);
    uint32_t era = (uint32_t)(days / 146097);
    uint32_t day_of_era = (uint32_t)(days % 146097);
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t march_month = (5 * day_of_year + 2) / 153;
    uint32_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
    uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    uint32_t year = year_of_era + era * 400 + (month <= 2);
    memcpy(at, "0000-00-00T00:00:00.", SECOND_BYTES);
    write_4(at, year);
    write_2(at + 5, month);
    write_2(at + 8, day);
    write_2(at + 11, in_day / 3600);
    write_2(at + 14, in_day / 60 % 60);
    write_2(at + 17, in_day % 60);
}

static void arena_unmap(struct arena *arena) {
    if (arena->copies)
        munmap(arena->copies, arena->mapped_bytes);
    arena->copies = NULL;
}

/* Address space for 64 copies and a spare one; memory comes when a copy is first written. */
static int arena_map(struct records *records) {
    struct arena *arena = &records->arena;
    arena->shift = 12;
    while ((size_t)1 << arena->shift < records->blob_bytes)
        arena->shift++;
    for (int copies = COPIES_LIMIT; copies; copies /= 2) {
        arena->mapped_bytes = (size_t)(copies + 1) << arena->shift;
        void *memory = mmap(NULL, arena->mapped_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory != MAP_FAILED) {
            arena->copies = memory;
            arena->limit = copies;
            arena->usable = copies == 64 ? UINT64_MAX : (1ull << copies) - 1;
            return 0;
        }
    }
    return -1;
}

void records_free(struct records *records) {
    arena_unmap(&records->arena);
    free(records->arena.busy);
    free(records->arena.filled);
    records->arena.busy = NULL;
    records->arena.filled = NULL;
}

int records_prepare(struct records *records) {
    records->next_sequence = 0;
    records->next_index = records->producer % records->count;
    records->step = records->producers % records->count;
    records->second = -1;
    memcpy(records->id, records->prefix, PREFIX_BYTES);
    memcpy(records->key, "key-", 4);
    records_free(records);
    if (!records->stamped)
        return 0;
    records->arena.busy = calloc(records->count, sizeof *records->arena.busy);
    records->arena.filled = calloc(records->count, sizeof *records->arena.filled);
    return records->arena.busy && records->arena.filled ? arena_map(records) : -1;
}

/* A place for the pooled record `index`, filled with it but for what a stamp writes. */
static char *place_for(struct records *records, size_t index, bool claim, bool *spare) {
    struct arena *arena = &records->arena;
    uint64_t busy = atomic_load_explicit(&arena->busy[index], memory_order_acquire);
    uint64_t not_busy = claim ? ~busy & arena->usable : 0;
    int copy = arena->limit;
    *spare = !not_busy;
    if (not_busy) {
        copy = __builtin_ctzll(not_busy);
        atomic_fetch_or_explicit(&arena->busy[index], 1ull << copy, memory_order_relaxed);
    }
    char *place = arena->copies + ((size_t)copy << arena->shift) + records->offsets[index];
    if (*spare || !(arena->filled[index] >> copy & 1)) {
        memcpy(place, records->blob + records->offsets[index], records->lengths[index]);
        memcpy(place + records->id_offset, records->prefix, PREFIX_BYTES);
        memcpy(place + records->time_offset + TIME_BYTES - 6, "+00:00", 6);
        if (!*spare)
            arena->filled[index] |= 1ull << copy;
    }
    return place;
}

void records_release(struct records *records, uint64_t sequence, const void *value) {
    const struct arena *arena = &records->arena;
    size_t offset = (size_t)((uintptr_t)value - (uintptr_t)arena->copies);
    if (!arena->copies || offset >> arena->shift >= (size_t)arena->limit)
        return; /* librdkafka's own copy */
    size_t index = (sequence * records->producers + records->producer) % records->count;
    atomic_fetch_and_explicit(&arena->busy[index], ~(1ull << (offset >> arena->shift)), memory_order_release);
}

size_t records_claimed(const struct records *records) {
    size_t claimed = 0;
    for (size_t index = 0; records->arena.busy && index < records->count; index++)
        claimed += (size_t)__builtin_popcountll(atomic_load_explicit(&records->arena.busy[index], memory_order_relaxed));
    return claimed;
}

size_t records_in_a_row(const struct records *records) {
    size_t count = records->count, step = records->step;
    while (step) { /* Euclid: a walk by `step` comes home after count / gcd(count, step) */
        size_t rest = count % step;
        count = step;
        step = rest;
    }
    return records->count / count;
}

static const char *make_ranked_key(struct records *records, uint64_t rank) {
    records->key[4] = (char)('0' + rank / 1000000);
    write_6(records->key + 5, (uint32_t)(rank % 1000000));
    return records->key;
}

static const char *make_id(struct records *records, uint64_t sequence, const char *value) {
    if (records->id_offset >= 0) /* in the record, patched or as it was pooled */
        return value + records->id_offset;
    write_sequence(records->id + PREFIX_BYTES, sequence);
    return records->id;
}

static void make_key(struct records *records, uint64_t sequence, struct record *record) {
    uint64_t number = sequence * records->producers + records->producer;
    record->key_len = KEY_BYTES;
    switch (records->key_form) {
    case KEY_NONE:
        record->key = NULL;
        record->key_len = 0;
        return;
    case KEY_ORDER:
        record->key = make_id(records, sequence, record->value);
        record->key_len = ID_BYTES;
        return;
    case KEY_UNIFORM: {
        unsigned __int128 place = (unsigned __int128)mix64(records->key_start + number * GAMMA) * records->keys;
        record->key = make_ranked_key(records, (uint64_t)(place >> 64));
        return;
    }
    case KEY_ZIPF: {
        unsigned __int128 place = (unsigned __int128)mix64(records->key_start + number * GAMMA) * records->keys;
        uint64_t column = (uint64_t)(place >> 64);
        bool stays = (double)(uint64_t)place * 0x1p-64 < records->stay[column];
        record->key = make_ranked_key(records, stays ? column : records->other[column]);
        return;
    }
    case KEY_HOT:
        if (records->hot_always || mix64(records->key_start + number * GAMMA) < records->hot_threshold) {
            record->key = "hot";
            record->key_len = 3;
        } else {
            record->key = make_id(records, sequence, record->value);
            record->key_len = ID_BYTES;
        }
        return;
    case KEY_TABLE:
        if (records->key_lengths[record->index] < 0) {
            record->key = NULL;
            record->key_len = 0;
        } else {
            record->key = records->key_blob + records->key_offsets[record->index];
            record->key_len = (size_t)records->key_lengths[record->index];
        }
        return;
    }
}

void records_claim(struct records *records, uint64_t sequence, bool claim, struct record *record) {
    size_t index = records->next_index;
    if (sequence != records->next_sequence)
        index = (sequence * records->producers + records->producer) % records->count;
    records->next_sequence = sequence + 1;
    records->next_index = index + records->step < records->count ? index + records->step
                                                                 : index + records->step - records->count;
    record->index = index;
    record->len = records->lengths[index];
    record->spare = false;
    if (records->stamped) {
        record->value = place_for(records, index, claim, &record->spare);
        __builtin_prefetch(record->value + records->id_offset, 1);
        __builtin_prefetch(record->value + records->time_offset, 1);
    } else {
        record->value = (char *)(uintptr_t)records->blob + records->offsets[index]; /* librdkafka only reads it */
    }
}

void records_stamp(struct records *records, uint64_t sequence, int64_t offset_us, struct record *record) {
    if (records->stamped) {
        int64_t now_us = records->start_epoch_us + offset_us;
        if (now_us / US_PER_S != records->second) {
            records->second = now_us / US_PER_S;
            write_second(records->second_text, records->second);
        }
        write_sequence(record->value + records->id_offset + PREFIX_BYTES, sequence);
        memcpy(record->value + records->time_offset, records->second_text, SECOND_BYTES);
        write_6(record->value + records->time_offset + SECOND_BYTES, (uint32_t)(now_us % US_PER_S));
    }
    make_key(records, sequence, record);
}
