/* What is under way of a Python producer: a place a record, named by the record's opaque.
 *
 * Goal: on_acknowledgement knows sequence and intended time of each record, at the cost of a store and a load. on_send
 * puts the opaque that confluent_kafka gave aside and leaves the place's number in its stead; on_acknowledgement, which
 * librdkafka calls before every report, puts it back. One thread puts in, any broker thread takes out; no lock.
 * Not here: native producers, whose opaque holds all there is to know (client.h).
 */
#ifndef LOADGEN_IN_FLIGHT_H
#define LOADGEN_IN_FLIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPAQUE_OURS (1ull << 63) /* a pointer of Python's has it 0 */
#define NOT_PACED INT64_MIN

/* A record that was handed over. */
struct sent {
    uint64_t sequence;
    int64_t intended_us; /* monotonic; NOT_PACED flat out */
    int64_t sent_us;
};

struct place {
    struct sent sent; /* written before librdkafka's queue lock lets another thread see the message */
    void *opaque;
};

struct in_flight {
    struct place *places;
    _Atomic uint64_t *taken; /* a bit a place */
    size_t words;
    size_t hint; /* words before it are full, or were a moment ago */
    uint64_t last;
};

/* Room for as many records as can be in flight. Returns -1 without memory. */
int in_flight_init(struct in_flight *table, size_t records);
void in_flight_free(struct in_flight *table);

/* Look for free places from the lowest on again: few in flight stay in little memory. */
void in_flight_rewind(struct in_flight *table);

/* Returns the opaque to leave in the message; its own when there is no room: it will be counted, but not timed. 5 ns. */
void *in_flight_put(struct in_flight *table, const struct sent *sent, void *opaque);

/* True when the opaque names a place; then it is replaced by the message's own, and the place is free. */
bool in_flight_take(struct in_flight *table, void **opaque, struct sent *sent);

/* Forget what was put last: the client refused it after on_send. */
void in_flight_take_back(struct in_flight *table);

#endif
