/* The sender: hands pooled, stamped records to the client that confluent_kafka configured, without the GIL.
 *
 * Goal: what a message costs is librdkafka's own work and little else; confluent_kafka keeps configuration, security,
 * metadata, life cycle and errors.
 * Non-goal: waiting. A full queue ends the batch; the sending loop decides what to do about it.
 *
 * Records go to rd_kafka_produce_batch in groups: it reads the clock once a group instead of twice a record and takes
 * the topic's lock once, 100 ns a record less. A group has one time of sending, that of its first record, which is a few
 * microseconds before its last.
 */
#include "client.h"

#include <string.h>

#define GROUP 32       /* records: 8 us */
#define STOP_EVERY 32  /* groups between two looks at the stop word: 1,024 records, 1 ms */

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
    struct due due;
};

/* Make records `from` ... `from` + `count` - 1 of the batch. */
static void make_group(struct sending *sending, struct group *group, uint64_t from, size_t count) {
    struct client *client = sending->client;
    int64_t sent_us = sending->paced ? 0 : now_ns() / 1000;
    group->copied = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t sequence = sending->first + from + i;
        int64_t offset_ns = sending->offsets_ns ? sending->offsets_ns[from + i] : sending->due.offset_ns;
        struct record record;
        records_make(&client->records, sequence, sending->paced ? offset_ns / 1000 : (int64_t)sequence, true,
                     &record);
        group->copied |= record.spare;
        if (record.key == client->records.id || record.key == client->records.key)
            record.key = memcpy(group->keys[i], record.key, record.key_len);
        group->messages[i] = (rd_kafka_message_t){
            .payload = record.value,
            .len = record.len,
            .key = (void *)(uintptr_t)record.key,
            .key_len = record.key_len,
            ._private = opaque_of(sequence, sending->paced,
                                  sending->paced ? (sending->t0_ns + offset_ns) / 1000 : sent_us),
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
            return false; /* and with it the rest of the group */
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

static int send_locked(struct sending *sending, uint64_t count) {
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
    client_hand_over(client, sending->first, count);

    size_t group_limit = client->records.stamped ? records_in_a_row(&client->records) : GROUP;
    if (group_limit > GROUP)
        group_limit = GROUP;
    struct group group;
    uint64_t groups = 0;
    for (uint64_t from = 0; from < count;) {
        size_t size = count - from < group_limit ? (size_t)(count - from) : group_limit;
        make_group(sending, &group, from, size);
        rdkafka.rd_kafka_produce_batch(client->topic, client->partition, group.copied ? MSG_F_COPY : 0, group.messages,
                                       (int)size);
        if (!book_group(sending, &group, from, size))
            break;
        from += size;
        if (++groups % STOP_EVERY == 0 && word_get(client->header + HEADER_STOP))
            break;
    }
    return 0;
}

int sender_send(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns,
                struct batch *batch) {
    struct sending sending = {.client = client, .batch = batch, .offsets_ns = offsets_ns, .first = first};
    pthread_mutex_lock(&client->life);
    producing = client;
    int status = send_locked(&sending, count);
    producing = NULL;
    pthread_mutex_unlock(&client->life);
    return status;
}
