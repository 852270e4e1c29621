/* A worker's slab as C sees it: the same words as loadgen/recorder/slab.py (a test compares every one of them).
 *
 * Goal: the one place that says where the C part counts. Not here: who counts what, and when (instrument.c, sender.c).
 */
#ifndef LOADGEN_SLAB_H
#define LOADGEN_SLAB_H

#include <stdatomic.h>
#include <stdint.h>

#define MAGIC 0x31304E454744414Fu
#define LAYOUT_VERSION 1

/* Histogram cells: HdrHistogram's for 1 us ... 2^32 us at three digits; recorder/histogram.py. */
#define SUB_BUCKET_BITS 11
#define HALF_BITS (SUB_BUCKET_BITS - 1)
#define MAX_VALUE_US 0xFFFFFFFFll
#define CELLS (((32 - SUB_BUCKET_BITS) << HALF_BITS) + (1 << SUB_BUCKET_BITS))

enum header {
    HEADER_MAGIC = 0,
    HEADER_LAYOUT_VERSION = 1,
    HEADER_WORDS_OF_SLAB = 2,
    HEADER_PRODUCERS = 3,
    HEADER_T0_NS = 6,
    HEADER_STOP = 7,
    HEADER_BREAKER = 8,
    HEADER_CLIENT_STALL_US_MAX = 18,
    HEADER_FATAL_CODE = 20,
};

enum slot {
    SLOT_NEXT_SEQUENCE = 1,
    SLOT_FIRST_MEASURED = 2,
    SLOT_RING_HEAD = 3,
    SLOT_RING_OVERFLOW = 4,
    SLOT_RING_TAIL = 9,
};

enum count {
    COUNT_ATTEMPTED = 0,
    COUNT_REJECTED = 1,
    COUNT_ACKED = 2,
    COUNT_FAILED = 3,
    COUNT_UNKNOWN = 4,
    COUNT_PAYLOAD_BYTES = 5,
    COUNT_WIRE_BYTES = 6,
    COUNT_REQUESTS = 7,
    COUNT_REQUEST_RECORDS = 8,
    COUNT_FIRST_SENT_NS = 11,
    COUNT_LAST_ACK_NS = 12,
    COUNT_BATCH_BYTES = 13,
    COUNT_NEGATIVE = 14,
    COUNT_UNTIMED = 15,
    COUNT_METRICS = 16, /* four words a metric: sum, maximum, overflow, spare */
};

enum metric { METRIC_LATENESS, METRIC_SERVICE, METRIC_RESPONSE, METRIC_REQUEST_RTT, METRICS };
enum phase { PHASE_WARMUP, PHASE_MEASURED, PHASES };

#define CODE_OFFSET 256
#define CODES 512
#define COARSE_SHIFT 5
#define BREAKDOWN_ROWS (CELLS >> COARSE_SHIFT)
#define BREAKDOWN_COLUMNS 4 /* records, lateness us, client queue us, network and broker us */

#define HEADER_WORDS 64
#define SLOT_WORDS 64
#define RING_ENTRIES 4096
#define RING_COLUMNS 2 /* sequence, code + CODE_OFFSET; a code of 0 means free */
#define COUNT_WORDS 64
#define CODES_AT COUNT_WORDS
#define BREAKDOWN_AT (CODES_AT + CODES)
#define HISTOGRAMS_AT (BREAKDOWN_AT + BREAKDOWN_ROWS * BREAKDOWN_COLUMNS)
#define SET_WORDS (HISTOGRAMS_AT + METRICS * CELLS)
#define RING_AT SLOT_WORDS
#define SETS_AT (RING_AT + RING_ENTRIES * RING_COLUMNS)
#define PRODUCER_WORDS (SETS_AT + PHASES * SET_WORDS)
#define CONTROL_AT HEADER_WORDS
#define PRODUCERS_AT (CONTROL_AT + CELLS)

/* Several threads count (brokers, librdkafka's main thread, a purging application thread) and another process reads:
 * every access is atomic and relaxed. 3 ns an addition. */
typedef _Atomic uint64_t word;

static inline uint64_t word_get(const word *at) {
    return atomic_load_explicit(at, memory_order_relaxed);
}

static inline void word_set(word *at, uint64_t value) {
    atomic_store_explicit(at, value, memory_order_relaxed);
}

static inline void word_add(word *at, uint64_t amount) {
    atomic_fetch_add_explicit(at, amount, memory_order_relaxed);
}

static inline void word_raise(word *at, uint64_t value) {
    uint64_t seen = word_get(at);
    while (seen < value && !atomic_compare_exchange_weak_explicit(at, &seen, value, memory_order_relaxed,
                                                                  memory_order_relaxed)) {
    }
}

/* The cell of a value of 0 ... MAX_VALUE_US. */
static inline uint32_t cell_of(uint32_t value_us) {
    int bits = value_us ? 32 - __builtin_clz(value_us) : 0;
    int shift = bits > SUB_BUCKET_BITS ? bits - SUB_BUCKET_BITS : 0;
    return ((uint32_t)shift << HALF_BITS) + (value_us >> shift);
}

/* Count one value of a metric into a set; one below zero is counted as such and taken for zero, as acks.py does. */
static inline void set_record(word *set, enum metric metric, int64_t value_us) {
    word *sum = set + COUNT_METRICS + 4 * metric;
    if (value_us < 0) {
        word_add(set + COUNT_NEGATIVE, 1);
        value_us = 0;
    }
    word_add(sum, (uint64_t)value_us);
    if (word_get(sum + 1) < (uint64_t)value_us)
        word_raise(sum + 1, (uint64_t)value_us);
    if (value_us > MAX_VALUE_US)
        word_add(sum + 2, 1);
    else
        word_add(set + HISTOGRAMS_AT + (uint32_t)metric * CELLS + cell_of((uint32_t)value_us), 1);
}

#endif
