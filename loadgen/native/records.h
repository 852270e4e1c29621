/* The next record's bytes: a pooled event, stamped or as it is, and its key.
 *
 * Goal: byte for byte what messages/source.py makes for the same sequence (a test compares them), at the cost of a few
 * dozen stores. Not here: making events; sending.
 */
#ifndef LOADGEN_RECORDS_H
#define LOADGEN_RECORDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_BYTES 26   /* 7f3a9c21-0003-000000012345 */
#define PREFIX_BYTES 14
#define TIME_BYTES 32 /* 2026-11-23T20:30:11.000123+00:00 */
#define SECOND_BYTES 20
#define KEY_BYTES 11  /* key-0000000 */
#define SEQUENCE_LIMIT 1000000000000u
#define KEYS_LIMIT 10000000u

enum key_form { KEY_NONE, KEY_ORDER, KEY_UNIFORM, KEY_ZIPF, KEY_HOT, KEY_TABLE };

#define COPIES_LIMIT 64

/* Where stamped records stand while they are in flight: copies of the whole pool, each record of each copy free or busy.
 *
 * librdkafka reads a record from here instead of copying it: a third of what a stamped record costs. The lowest free
 * copy is taken, so few in flight touch little memory; as many as 64 of each pooled record can be under way, those beyond
 * are stamped in a spare copy and copied by librdkafka. */
struct arena {
    char *copies; /* `limit` of them and the spare one, 2^shift bytes apart; NULL unless stamped */
    int limit, shift;
    size_t mapped_bytes;
    uint64_t usable; /* a bit a copy */
    _Atomic uint64_t *busy; /* a bit a copy, a word a pooled record; set by the sender, cleared by any broker thread */
    uint64_t *filled; /* the same, once the pooled record has been copied there */
};

/* What the memory behind the pointers belongs to is the caller's affair (module.c keeps the Python buffers). */
struct records {
    const char *blob;
    const uint64_t *offsets;
    const uint32_t *lengths;
    size_t count;
    size_t blob_bytes;
    bool stamped;
    int64_t id_offset; /* -1: no id in the record; one is made for the key */
    int64_t time_offset;
    char prefix[PREFIX_BYTES];
    uint64_t producer, producers;
    int64_t start_epoch_us;
    struct arena arena;

    enum key_form key_form;
    uint64_t key_start; /* SplitMix64's state before number 0 */
    uint64_t keys;
    const double *stay; /* zipf: Walker's alias table */
    const uint32_t *other;
    uint64_t hot_threshold; /* hot below it ... */
    bool hot_always;        /* ... or always: 2^64 does not fit */
    const char *key_blob;   /* table: a key a pooled record */
    const uint64_t *key_offsets;
    const int32_t *key_lengths; /* -1: none */

    uint64_t next_sequence; /* the cursor: what comes next costs an addition, anything else a division */
    size_t next_index, step;
    int64_t second; /* the one that `second_text` says */
    char second_text[SECOND_BYTES];
    char id[ID_BYTES];
    char key[KEY_BYTES];
};

struct record {
    const void *key;
    size_t key_len;
    char *value;
    size_t len;
    size_t index; /* in the pool */
    bool spare; /* stamped in the spare copy: to be copied before the next one is made */
};

/* Once, after the fields above are set. Returns -1 without memory. */
int records_prepare(struct records *records);
void records_free(struct records *records);

/* How many records in a row stand in different places of the pool. */
size_t records_in_a_row(const struct records *records);

/* Where record `sequence` will stand. `claim`: a stamped one stays there until records_release; else it is in the spare
 * copy. Apart from stamping, so that the memory of a whole group is on its way before the first is written: 100 ns less
 * a record when many are in flight. */
void records_claim(struct records *records, uint64_t sequence, bool claim, struct record *record);

/* Its bytes, made `offset_us` after the run's start, and its key, which is valid until the next call. 10-20 ns. */
void records_stamp(struct records *records, uint64_t sequence, int64_t offset_us, struct record *record);

/* The record's place is free again: it was acknowledged, or not taken. Any thread. */
void records_release(struct records *records, uint64_t sequence, const void *value);

/* How many places are taken. */
size_t records_claimed(const struct records *records);

/* SplitMix64's output function; events/splitmix.py. */
static inline uint64_t mix64(uint64_t state) {
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    return state ^ (state >> 31);
}

#endif
