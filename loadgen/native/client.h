/* One producer as the C part knows it: where it counts, what it sends, whether its librdkafka handle is alive.
 *
 * Life: pending (made, waits for its Producer) -> configured (conf_init) -> live (on_new) -> dead (on_destroy).
 */
#ifndef LOADGEN_CLIENT_H
#define LOADGEN_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "in_flight.h"
#include "rdkafka_abi.h"
#include "records.h"
#include "schedule.h"
#include "slab.h"

enum client_state { CLIENT_PENDING, CLIENT_CONFIGURED, CLIENT_LIVE, CLIENT_DEAD };

/* Two bits a sequence, or-ed into zeroes: what was never answered is unknown without anybody writing it. */
enum outcome { OUTCOME_UNKNOWN, OUTCOME_ACKED, OUTCOME_FAILED, OUTCOME_REJECTED };

struct broker_thread;

struct client {
    _Atomic int state;
    bool native; /* sends from C; else Python sends and only the clockwork is ours */
    bool timed;  /* false with acks=0, whose acknowledgement says only that the socket took the record */
    pid_t pid;

    word *header, *slot, *sets[PHASES];
    _Atomic uint8_t *outcomes;
    uint64_t outcomes_count;

    pthread_mutex_t life; /* held by a send while it uses the handle, by on_destroy while it takes it away */
    rd_kafka_t *handle;
    rd_kafka_topic_t *topic;
    char *topic_name;
    int32_t partition;
    _Atomic uint64_t handed; /* sequences below it were handed over, or are being */

    struct schedule schedule;
    struct records records; /* native */

    struct in_flight in_flight;   /* Python: from here on */
    struct sent *expected;        /* what the next on_send's are, in order */
    size_t expected_count, expected_room, expected_next;

    struct broker_thread *_Atomic threads;
};

/* The client whose produce() this thread is inside of: what librdkafka acknowledges meanwhile, it refuses. */
extern _Thread_local struct client *producing;

/* Made in this thread and waiting for the Producer that binds it; NULL. Changed with the GIL held. */
extern struct client *client_pending;
extern pthread_t client_pending_thread;

int64_t now_ns(void);

/* The set of the phase that a sequence belongs to. */
static inline word *client_set_of(const struct client *client, uint64_t sequence) {
    return client->sets[sequence >= word_get(client->slot + SLOT_FIRST_MEASURED)];
}

static inline void client_mark(const struct client *client, uint64_t sequence, enum outcome outcome) {
    if (sequence < client->outcomes_count)
        atomic_fetch_or_explicit(&client->outcomes[sequence >> 2], (uint8_t)(outcome << (2 * (sequence & 3))),
                                 memory_order_relaxed);
}

/* Once a batch, before it: the phase's first sending, and how far the sequences have got. */
void client_hand_over(struct client *client, uint64_t first, uint64_t count);

/* Announce the next `count` records that this thread hands over from Python; `expected` has room for them. */
void client_expect_batch(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns);

/* Free what the broker threads kept; after they have ended. */
void client_free_threads(struct client *client);

/* The file that this object was loaded from. */
const char *own_path(void);

/* Write (sequence, code) where Python finds it: reports of native producers reach no callback. */
void client_report_failure(struct client *client, uint64_t sequence, rd_kafka_resp_err_t code);

/* What became of a batch: `accepted` + `rejected` from its front; what is left found the queue full, or was not tried. */
struct batch {
    uint64_t accepted, rejected;
    bool full; /* it ended at a full queue */
    rd_kafka_resp_err_t fatal; /* the code that ended the client for good, or 0 */
    char fatal_text[256];
};

/* Returns -1 when the client has no live handle. `offsets_ns`, from T0, overrides the schedule; NULL. No GIL needed. */
int sender_send(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns, struct batch *batch);

/* How far ahead sender_send_due goes by itself. Offsets are from T0, in ns. */
struct pace {
    const int64_t *offsets_ns; /* due times of the batch; NULL: the schedule's */
    int64_t until_ns;          /* return then, or when all are sent */
    int64_t shortest_wait_ns;  /* what falls due meanwhile is sent together */
};

/* Send events of one phase as they fall due, sleeping in between. Ends at `until_ns`, at a full queue, and at the
 * coordinator's stop and breaker words, which are seen whenever it wakes. Keeps NEXT_SEQUENCE, ATTEMPTED, REJECTED and
 * CLIENT_STALL_US_MAX meanwhile. */
int sender_send_due(struct client *client, uint64_t first, uint64_t count, const struct pace *pace,
                    struct batch *batch);

/* A record's opaque on a native producer: everything that its acknowledgement needs to know, in 64 bits.
 *
 *   63     1: ours (OPAQUE_OURS)
 *   62     whether the next but one is the intended time, or the time of sending
 *   61-32  the sequence, modulo 2^30; in flight are far fewer
 *   31-0   that time in us, modulo 2^32: 71 minutes, the histograms' range
 *
 * So a record in flight needs no memory of ours, and its acknowledgement no look-up. on_acknowledgement sets the opaque
 * to NULL before the report is queued, because confluent_kafka takes one for a pointer of its own. */
#define OPAQUE_INTENDED (1ull << 62)
#define OPAQUE_SEQUENCE_MASK ((1ull << 30) - 1)

_Static_assert(sizeof(void *) == 8, "an opaque carries 64 bits");

static inline void *opaque_of(uint64_t sequence, bool intended, int64_t at_us) {
    uint64_t bits = OPAQUE_OURS | (intended ? OPAQUE_INTENDED : 0) | (sequence & OPAQUE_SEQUENCE_MASK) << 32 |
                    (uint32_t)at_us;
    return (void *)(uintptr_t)bits;
}

/* The newest sequence below `handed` with those low bits. */
static inline uint64_t opaque_sequence(uint64_t bits, uint64_t handed) {
    uint64_t newest = handed - 1;
    return newest - ((newest - (bits >> 32)) & OPAQUE_SEQUENCE_MASK);
}

/* The newest instant, by now, with those low bits. The last minute of the range is taken for the future: an event that
 * was sent before it was due, which NEGATIVE then counts. */
static inline int64_t opaque_us(uint64_t bits, int64_t now_us) {
    uint32_t ago_us = (uint32_t)((uint64_t)now_us - bits);
    return now_us - (ago_us > UINT32_MAX - 60000000u ? (int64_t)ago_us - ((int64_t)UINT32_MAX + 1) : (int64_t)ago_us);
}

#endif
