/* What is under way of a Python producer: from a message's address to its sequence and intended time.
 *
 * Goal: librdkafka passes the same address to on_send and to on_acknowledgement, so an address names a record while it is
 * in flight. An open-addressed table without a lock: one thread puts in, any broker thread takes out.
 * Not here: native producers, whose records carry both in their opaque (sender.c).
 */
#ifndef LOADGEN_IN_FLIGHT_H
#define LOADGEN_IN_FLIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record that was handed over. */
struct sent {
    uint64_t sequence;
    int64_t intended_us; /* monotonic; meaningless unless paced */
    bool paced;          /* open loop: it has an intended time */
};

struct in_flight_entry {
    _Atomic uintptr_t address; /* 0: free */
    struct sent sent;          /* written before librdkafka's queue lock lets another thread see the message */
};

struct in_flight {
    struct in_flight_entry *entries;
    size_t mask;
    int shift;
    _Atomic size_t longest_probe;
    struct in_flight_entry *last_put;
};

/* Room for twice as many records as can be in flight. Returns -1 without memory. */
int in_flight_init(struct in_flight *table, size_t records);
void in_flight_free(struct in_flight *table);

/* False when the table is full: the record will be counted, but not timed. 15-40 ns. */
bool in_flight_put(struct in_flight *table, const void *address, const struct sent *sent);
bool in_flight_take(struct in_flight *table, const void *address, struct sent *sent);

/* Forget what was put last: the client refused it after on_send. */
void in_flight_take_back(struct in_flight *table);

#endif
