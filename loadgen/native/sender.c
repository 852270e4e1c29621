/* The sender: hands pooled, stamped records to the client that confluent_kafka configured, without the GIL.
 *
 * Goal: what a message costs is librdkafka's own produce() and little else; confluent_kafka keeps configuration,
 * security, metadata, life cycle and errors.
 * Non-goal: waiting. A full queue ends the batch; the sending loop decides what to do about it.
 */
#include "client.h"

#define STOP_EVERY 1024 /* records between two looks at the stop word: 1 ms */

static int send_locked(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns,
                       struct batch *batch) {
    if (!client->handle)
        return -1;
    if (!client->topic) { /* not in on_new, which runs before the client can make one */
        client->topic = rdkafka.rd_kafka_topic_new(client->handle, client->topic_name, NULL);
        if (!client->topic)
            return -1;
    }
    bool paced = offsets_ns || client->schedule.count;
    int64_t t0_ns = (int64_t)word_get(client->header + HEADER_T0_NS);
    struct due due = {0};
    if (!offsets_ns && paced)
        due_seek(&due, &client->schedule, first);
    client_hand_over(client, first, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sequence = first + i;
        int64_t offset_ns = offsets_ns ? offsets_ns[i] : due.offset_ns;
        struct record record;
        records_make(&client->records, sequence, paced ? offset_ns / 1000 : (int64_t)sequence, &record);
        void *opaque = opaque_of(sequence, paced, (t0_ns + offset_ns) / 1000);
        if (rdkafka.rd_kafka_produce(client->topic, client->partition, client->records.stamped ? MSG_F_COPY : 0, record.value, record.len,
                                     record.key, record.key_len, opaque) == 0) {
            batch->accepted++;
        } else {
            rd_kafka_resp_err_t error = rdkafka.rd_kafka_last_error();
            if (error == ERR_QUEUE_FULL)
                break;
            if (error == ERR_FATAL) {
                batch->fatal = rdkafka.rd_kafka_fatal_error(client->handle, batch->fatal_text,
                                                            sizeof batch->fatal_text);
                word_set(client->header + HEADER_FATAL_CODE, (uint64_t)(batch->fatal + CODE_OFFSET));
                break;
            }
            batch->rejected++;
            client_mark(client, sequence, OUTCOME_REJECTED);
            client_report_failure(client, sequence, error);
        }
        if (paced && !offsets_ns)
            due_next(&due);
        if (i % STOP_EVERY == STOP_EVERY - 1 && word_get(client->header + HEADER_STOP))
            break;
    }
    return 0;
}

int sender_send(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns,
                struct batch *batch) {
    pthread_mutex_lock(&client->life);
    producing = client;
    int status = send_locked(client, first, count, offsets_ns, batch);
    producing = NULL;
    pthread_mutex_unlock(&client->life);
    return status;
}
