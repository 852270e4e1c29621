/* The sender: hands pooled, stamped records to the client that confluent_kafka configured, without the GIL.
 *
 * Goal: what a message costs is librdkafka's own work and little else; confluent_kafka keeps configuration, security,
 * metadata, life cycle and errors.
 * Non-goal: waiting for room. A full queue ends the batch; the sending loop decides what to do about it.
 *
 * Records go to rd_kafka_produce_batch in groups: it reads the clock once a group instead of twice a record and takes
 * the topic's lock once, 100 ns a record less. A group has one time of sending, that of its first record, which is a few
 * microseconds before its last.
 */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define GROUP 32      /* records: 8 us */
#define STOP_EVERY 32 /* groups between two looks at the stop word: 1,024 records, 1 ms */

/* A group of records, and what their keys are made of: a text is overwritten by the next record's. */
struct group {
    rd_kafka_message_t messages[GROUP];
    char keys[GROUP][ID_BYTES];
    bool copied; /* by librdkafka, all of them; else it reads them where they stand */
};

/* Where the batch is, and what it needs. */
struct sending {
    struct client *client;
    struct batch *batch;
    const int64_t *offsets_ns; /* NULL: by the schedule, or flat out */
    uint64_t first;
    bool paced;
    int64_t t0_ns;
    struct due due; /* of the next event, when the schedule gives it */
    size_t group_limit;
};

/* Make records `from` ... `from` + `count` - 1 of the batch. */
static void make_group(struct sending *sending, struct group *group, uint64_t from, size_t count) {
    struct client *client = sending->client;
    int64_t sent_us = now_ns() / 1000;
    struct record records[GROUP];
    group->copied = false;
    for (size_t i = 0; i < count; i++) {
        records_claim(&client->records, sending->first + from + i, true, &records[i]);
        group->copied |= records[i].spare;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t sequence = sending->first + from + i;
        int64_t offset_ns = sending->offsets_ns ? sending->offsets_ns[from + i] : sending->due.offset_ns;
        struct record *record = &records[i];
        records_stamp(&client->records, sequence, sending->paced ? offset_ns / 1000 : (int64_t)sequence, record);
        if (record->key == client->records.id || record->key == client->records.key)
            record->key = memcpy(group->keys[i], record->key, record->key_len);
        group->messages[i] = (rd_kafka_message_t){
            .payload = record->value,
            .len = record->len,
            .key = (void *)(uintptr_t)record->key,
            .key_len = record->key_len,
            ._private = sending->offsets_ns ? opaque_of(sequence, true, (sending->t0_ns + offset_ns) / 1000)
                                            : opaque_of(sequence, false, sent_us),
        };
        if (sending->paced && !sending->offsets_ns)
            due_next(&sending->due);
    }
}

/* Book what became of a group; false when nothing more is to be sent. */
static bool book_group(struct sending *sending, const struct group *group, uint64_t from, size_t count) {
    struct client *client = sending->client;
    for (size_t i = 0; i < count; i++) { /* what librdkafka did not take, or has copied, stands there for nobody */
        if (group->copied || group->messages[i].err)
            records_release(&client->records, sending->first + from + i, group->messages[i].payload);
    }
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = group->messages[i].err;
        if (!error) {
            sending->batch->accepted++;
        } else if (error == ERR_QUEUE_FULL) {
            sending->batch->full = true; /* and the rest of the group found it so too */
            return false;
        } else if (error == ERR_FATAL) {
            sending->batch->fatal = rdkafka.rd_kafka_fatal_error(client->handle, sending->batch->fatal_text,
                                                                 sizeof sending->batch->fatal_text);
            word_set(client->header + HEADER_FATAL_CODE, (uint64_t)(sending->batch->fatal + CODE_OFFSET));
            return false;
        } else {
            sending->batch->rejected++;
            client_mark(client, sending->first + from + i, OUTCOME_REJECTED);
            client_report_failure(client, sending->first + from + i, error);
        }
    }
    return true;
}

/* Hand over the group of `size` records that begins `from` records into the batch; false: nothing more is to be sent. */
static bool send_group(struct sending *sending, uint64_t from, size_t size) {
    struct client *client = sending->client;
    struct group group;
    make_group(sending, &group, from, size);
    rdkafka.rd_kafka_produce_batch(client->topic, client->partition, group.copied ? MSG_F_COPY : 0, group.messages,
                                   (int)size);
    return book_group(sending, &group, from, size);
}

/* Returns -1 when there is no live handle, or no topic of that name. */
static int prepare(struct sending *sending) {
    struct client *client = sending->client;
    if (!client->handle)
        return -1;
    if (!client->topic) { /* not in on_new, which runs before the client can make one */
        client->topic = rdkafka.rd_kafka_topic_new(client->handle, client->topic_name, NULL);
        if (!client->topic)
            return -1;
    }
    sending->paced = sending->offsets_ns || client->schedule.count;
    sending->t0_ns = (int64_t)word_get(client->header + HEADER_T0_NS);
    if (sending->paced && !sending->offsets_ns)
        due_seek(&sending->due, &client->schedule, sending->first);
    size_t in_a_row = client->records.stamped ? records_in_a_row(&client->records) : GROUP;
    sending->group_limit = in_a_row < GROUP ? in_a_row : GROUP;
    return 0;
}

int sender_send(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns,
                struct batch *batch) {
    struct sending sending = {.client = client, .batch = batch, .offsets_ns = offsets_ns, .first = first};
    pthread_mutex_lock(&client->life);
    int status = prepare(&sending);
    if (status == 0) {
        producing = client;
        client_hand_over(client, first, count);
        uint64_t groups = 0;
        for (uint64_t from = 0; from < count;) {
            uint64_t rest = count - from;
            size_t size = rest < sending.group_limit ? (size_t)rest : sending.group_limit;
            if (!send_group(&sending, from, size))
                break;
            from += size;
            if (++groups % STOP_EVERY == 0 && word_get(client->header + HEADER_STOP))
                break;
        }
        producing = NULL;
    }
    pthread_mutex_unlock(&client->life);
    return status;
}

/* How many events of a group, from the cursor on, are due by an offset from the start. `from` events of the batch are gone. */
static size_t due_by(const struct sending *sending, uint64_t from, uint64_t count, int64_t offset_ns) {
    struct due due = sending->due;
    size_t size = 0;
    while (size < sending->group_limit && from + size < count) {
        if ((sending->offsets_ns ? sending->offsets_ns[from + size] : due.offset_ns) > offset_ns)
            break;
        size++;
        if (!sending->offsets_ns)
            due_next(&due);
    }
    return size;
}

static void sleep_until(int64_t instant_ns) {
    struct timespec until = {.tv_sec = instant_ns / 1000000000, .tv_nsec = instant_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static bool must_end(const struct client *client) {
    return word_get(client->header + HEADER_STOP) || word_get(client->header + HEADER_BREAKER);
}

/* How much later than it meant to the loop came round. */
static void note_stall(const struct client *client, int64_t late_ns) {
    if (late_ns > 0)
        word_raise(client->header + HEADER_CLIENT_STALL_US_MAX, (uint64_t)late_ns / 1000);
}

/* Hand over a group and book it, as the sending loop books a batch of its own: NEXT_SEQUENCE is raised before, so that a
 * worker killed in between leaves a bound of what it may have sent. */
static bool send_booked(struct sending *sending, uint64_t from, size_t size) {
    struct client *client = sending->client;
    struct batch *batch = sending->batch;
    uint64_t first = sending->first + from, rejected = batch->rejected;
    word *set = client_set_of(client, first);
    word_set(client->slot + SLOT_NEXT_SEQUENCE, first + size);
    client_hand_over(client, first, size);
    bool more = send_group(sending, from, size);
    uint64_t taken = batch->accepted + batch->rejected - from;
    word_set(client->slot + SLOT_NEXT_SEQUENCE, first + taken);
    word_add(set + COUNT_ATTEMPTED, taken);
    word_add(set + COUNT_REJECTED, batch->rejected - rejected);
    return more;
}

/* When to come round again: at the next event, but not before what falls due soon can go with it. */
static int64_t next_round_ns(const struct sending *sending, uint64_t from, const struct pace *pace, int64_t offset_ns) {
    int64_t next_ns = sending->offsets_ns ? sending->offsets_ns[from] : sending->due.offset_ns;
    if (next_ns < offset_ns + pace->shortest_wait_ns)
        next_ns = offset_ns + pace->shortest_wait_ns;
    return next_ns < pace->until_ns ? next_ns : pace->until_ns;
}

static void send_paced(struct sending *sending, uint64_t count, const struct pace *pace) {
    const struct client *client = sending->client;
    int64_t expected_ns = now_ns() - sending->t0_ns;
    for (uint64_t from = 0; from < count && !must_end(client);) {
        int64_t offset_ns = now_ns() - sending->t0_ns;
        note_stall(client, offset_ns - expected_ns);
        expected_ns = offset_ns;
        size_t size = due_by(sending, from, count, offset_ns);
        if (size) {
            if (!send_booked(sending, from, size))
                break;
            from += size;
            if (size == sending->group_limit || from == count)
                continue; /* more may be due, or nothing is left */
        }
        if (offset_ns >= pace->until_ns)
            break;
        expected_ns = next_round_ns(sending, from, pace, offset_ns);
        sleep_until(sending->t0_ns + expected_ns);
    }
}

int sender_send_due(struct client *client, uint64_t first, uint64_t count, const struct pace *pace,
                    struct batch *batch) {
    struct sending sending = {.client = client, .batch = batch, .offsets_ns = pace->offsets_ns, .first = first};
    pthread_mutex_lock(&client->life);
    int status = prepare(&sending);
    if (status == 0) {
        producing = client;
        send_paced(&sending, count, pace);
        producing = NULL;
    }
    pthread_mutex_unlock(&client->life);
    return status;
}
