/* The instrument: every acknowledgement counted and timed where it arrives, on librdkafka's broker thread.
 *
 * Goal: no wait for poll() and no Python in any latency; each record counted exactly once, in the phase of its sequence.
 * Non-goal: deciding anything; the sending side of the ledger (attempted, rejected), which the sending loop keeps.
 * Place: librdkafka loads this object as a plug-in and calls conf_init; the rest are its interceptors.
 *
 *   produce() -> on_send -> ... -> on_request_sent -> network -> on_response_received -> on_acknowledgement, a record each
 *                                                   '------- one broker thread, one answer after the other ------'
 *
 * Nothing here locks, calls back into Python, or allocates once a connection has sent its first request.
 */
#define _GNU_SOURCE
#include "client.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME "loadgen"
#define REQUESTS_REMEMBERED 256 /* a connection; beyond, bytes are still summed, but phases may blur */
#define AGE_TRIES 8

_Thread_local struct client *producing;
struct client *client_pending;
pthread_t client_pending_thread;

/* What one broker thread knows of its requests. A broker thread serves one client, and answers come in order. */
struct broker_thread {
    struct broker_thread *next;
    int64_t rtt_us; /* of the answer whose records are being acknowledged; -1: none yet */
    int64_t answered_ns, answered_us; /* one reading of the clock an answer, not a record */
    bool answer_open; /* its records have not shown yet to which phase it belongs */
    uint64_t answer_wire_bytes;
    uint64_t written, answered; /* requests ever */
    uint64_t wire_bytes[REQUESTS_REMEMBERED]; /* of request n at n % ...: answers come in the order of the requests */
};

/* A pointer, so that it fits the few bytes of fast thread-local storage that an object loaded late may have. */
static _Thread_local struct broker_thread *here;

void client_free_threads(struct client *client) {
    struct broker_thread *thread = atomic_load(&client->threads);
    while (thread) {
        struct broker_thread *next = thread->next;
        free(thread);
        thread = next;
    }
    atomic_store(&client->threads, NULL);
}

const char *own_path(void) {
    Dl_info info;
    return dladdr((const void *)&client_pending, &info) && info.dli_fname ? info.dli_fname : "";
}

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* the clock of librdkafka and of time.monotonic_ns(); 30 ns */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool is_dead(const struct client *client) {
    return atomic_load_explicit(&client->state, memory_order_relaxed) == CLIENT_DEAD;
}

/* For what belongs to no record: the phase that is being sent. */
static word *current_set(const struct client *client) {
    uint64_t handed = atomic_load_explicit(&client->handed, memory_order_relaxed);
    return client_set_of(client, handed ? handed - 1 : 0);
}

static struct broker_thread *broker_thread(struct client *client) {
    if (!here) {
        here = calloc(1, sizeof *here);
        if (!here)
            return NULL;
        here->rtt_us = -1;
        here->next = atomic_load(&client->threads);
        while (!atomic_compare_exchange_weak(&client->threads, &here->next, here)) {
        }
    }
    return here;
}

static void forget_oldest_request(const struct client *client, struct broker_thread *thread) {
    word_add(current_set(client) + COUNT_WIRE_BYTES, thread->wire_bytes[thread->answered++ % REQUESTS_REMEMBERED]);
}

static rd_kafka_resp_err_t on_request_sent(rd_kafka_t *handle, int socket, const char *broker, int32_t broker_id,
                                           int16_t api_key, int16_t version, int32_t correlation_id, size_t size,
                                           void *opaque) {
    (void)handle, (void)socket, (void)broker, (void)broker_id, (void)version, (void)correlation_id;
    struct client *client = opaque;
    if (api_key != API_KEY_PRODUCE || is_dead(client))
        return ERR_NO_ERROR;
    struct broker_thread *thread = broker_thread(client);
    if (!client->timed || !thread) { /* acks=0: no answer will say more */
        word *set = current_set(client);
        word_add(set + COUNT_REQUESTS, 1);
        word_add(set + COUNT_WIRE_BYTES, size);
        return ERR_NO_ERROR;
    }
    if (thread->written - thread->answered == REQUESTS_REMEMBERED)
        forget_oldest_request(client, thread);
    thread->wire_bytes[thread->written++ % REQUESTS_REMEMBERED] = size;
    return ERR_NO_ERROR;
}

/* What a broken connection wrote was written, but no answer will tell by which records. */
static rd_kafka_resp_err_t on_broker_state_change(rd_kafka_t *handle, int32_t broker_id, const char *protocol,
                                                  const char *name, int port, const char *state, void *opaque) {
    (void)handle, (void)broker_id, (void)protocol, (void)name, (void)port;
    struct client *client = opaque;
    if (here && strcmp(state, "DOWN") == 0 && !is_dead(client)) {
        while (here->answered < here->written)
            forget_oldest_request(client, here);
    }
    return ERR_NO_ERROR;
}

/* Book the last answer to the phase of the first record that it acknowledged. */
static void close_answer(struct broker_thread *thread, word *set) {
    thread->answer_open = false;
    word_add(set + COUNT_REQUESTS, 1);
    word_add(set + COUNT_WIRE_BYTES, thread->answer_wire_bytes);
    if (thread->rtt_us >= 0)
        set_record(set, METRIC_REQUEST_RTT, thread->rtt_us);
}

static rd_kafka_resp_err_t on_response_received(rd_kafka_t *handle, int socket, const char *broker, int32_t broker_id,
                                                int16_t api_key, int16_t version, int32_t correlation_id, size_t size,
                                                int64_t rtt_us, rd_kafka_resp_err_t error, void *opaque) {
    (void)handle, (void)socket, (void)broker, (void)broker_id, (void)version, (void)correlation_id, (void)size;
    (void)error;
    struct client *client = opaque;
    if (api_key != API_KEY_PRODUCE || is_dead(client))
        return ERR_NO_ERROR;
    struct broker_thread *thread = broker_thread(client);
    if (!thread)
        return ERR_NO_ERROR;
    if (thread->answer_open) /* an answer without records of its own: all of them will be tried again */
        close_answer(thread, current_set(client));
    /* not by correlation id: librdkafka 2.16 passes 0 for it here */
    thread->answer_wire_bytes =
        thread->answered < thread->written ? thread->wire_bytes[thread->answered++ % REQUESTS_REMEMBERED] : 0;
    thread->rtt_us = rtt_us;
    thread->answered_ns = now_ns();
    thread->answered_us = thread->answered_ns / 1000;
    thread->answer_open = true;
    return ERR_NO_ERROR;
}

/* Once a batch: the phase's first sending, and how far the sequences have got. */
void client_hand_over(struct client *client, uint64_t first, uint64_t count) {
    if (atomic_load_explicit(&client->handed, memory_order_relaxed) < first + count)
        atomic_store_explicit(&client->handed, first + count, memory_order_relaxed);
    word *first_sent = client_set_of(client, first) + COUNT_FIRST_SENT_NS;
    if (!word_get(first_sent))
        word_set(first_sent, (uint64_t)now_ns());
}

void client_expect_batch(struct client *client, uint64_t first, uint64_t count, const int64_t *offsets_ns) {
    bool paced = offsets_ns || client->schedule.count;
    int64_t t0_ns = (int64_t)word_get(client->header + HEADER_T0_NS);
    struct due due = {0};
    if (!offsets_ns && paced)
        due_seek(&due, &client->schedule, first);
    client_hand_over(client, first, count);
    for (uint64_t i = 0; i < count; i++) {
        int64_t offset_ns = offsets_ns ? offsets_ns[i] : due.offset_ns;
        client->expected[i] = (struct sent){first + i, paced ? (t0_ns + offset_ns) / 1000 : NOT_PACED, 0};
        if (paced && !offsets_ns)
            due_next(&due);
    }
    client->expected_count = count;
    client->expected_next = 0;
    in_flight_rewind(&client->in_flight);
    producing = client;
}

static rd_kafka_resp_err_t on_send(rd_kafka_t *handle, rd_kafka_message_t *message, void *opaque) {
    (void)handle;
    struct client *client = opaque;
    if (producing != client || is_dead(client))
        return ERR_NO_ERROR; /* not announced: nobody knows its sequence */
    if (client->expected_next < client->expected_count) {
        struct sent *sent = &client->expected[client->expected_next++];
        sent->sent_us = now_ns() / 1000; /* 30 ns; librdkafka's own stamp is a batch's, and asking for it costs as much */
        message->_private = in_flight_put(&client->in_flight, sent, message->_private);
    }
    return ERR_NO_ERROR;
}

/* The arrival of the answer, not a record's turn in the row of those that it acknowledges: no reading of the clock. */
static int64_t answered_us(void) {
    return here && here->answered_us ? here->answered_us : now_ns() / 1000;
}

/* When librdkafka took the record: its clock's reading minus the age that it tells. Exact when our clock reads the same
 * microsecond before and after; whoever is interrupted in between asks again. 100 ns. */
static int64_t taken_us(const rd_kafka_message_t *message) {
    int64_t before_us, age_us, after_us = now_ns() / 1000;
    int tries = 0;
    do {
        before_us = after_us;
        age_us = rdkafka.rd_kafka_message_latency(message);
        after_us = now_ns() / 1000;
    } while (after_us != before_us && ++tries < AGE_TRIES);
    return before_us - age_us;
}

/* A native record carries its time of sending, and the schedule gives its intended time by a division: 5 ns. One whose
 * due time came in a buffer carries that instead, and librdkafka knows when it was sent. */
static void recall_times(const struct client *client, const rd_kafka_message_t *message, uint64_t bits,
                         struct sent *sent) {
    if (bits & OPAQUE_INTENDED) {
        sent->sent_us = taken_us(message);
        sent->intended_us = opaque_us(bits, answered_us());
        return;
    }
    sent->sent_us = opaque_us(bits, answered_us());
    sent->intended_us = NOT_PACED;
    if (client->schedule.count) {
        struct due due;
        due_seek(&due, &client->schedule, sent->sequence);
        sent->intended_us = ((int64_t)word_get(client->header + HEADER_T0_NS) + due.offset_ns) / 1000;
    }
}

/* Latencies of an acknowledged record, and where its time went. */
static void count_times(word *set, const struct sent *sent) {
    int64_t acked_us = answered_us();
    int64_t service_us = acked_us - sent->sent_us;
    int64_t lateness_us = 0, caller_waits_us = service_us;
    set_record(set, METRIC_SERVICE, service_us);
    if (sent->intended_us != NOT_PACED) {
        caller_waits_us = acked_us - sent->intended_us;
        lateness_us = sent->sent_us - sent->intended_us;
        set_record(set, METRIC_RESPONSE, caller_waits_us);
        set_record(set, METRIC_LATENESS, lateness_us);
    }
    if (!here || here->rtt_us < 0 || service_us < 0 || caller_waits_us < 0 || caller_waits_us > MAX_VALUE_US)
        return;
    int64_t network_us = here->rtt_us < service_us ? here->rtt_us : service_us;
    word *row = set + BREAKDOWN_AT + (cell_of((uint32_t)caller_waits_us) >> COARSE_SHIFT) * BREAKDOWN_COLUMNS;
    word_add(row, 1);
    if (lateness_us > 0)
        word_add(row + 1, (uint64_t)lateness_us);
    word_add(row + 2, (uint64_t)(service_us - network_us));
    word_add(row + 3, (uint64_t)network_us);
}

static void count_acked(const struct client *client, const rd_kafka_message_t *message, word *set) {
    word_add(set + COUNT_ACKED, 1);
    word_add(set + COUNT_PAYLOAD_BYTES, message->len);
    word_add(set + COUNT_BATCH_BYTES, message->len + message->key_len);
    if (client->timed)
        word_add(set + COUNT_REQUEST_RECORDS, 1);
    word_set(set + COUNT_LAST_ACK_NS, (uint64_t)(here && here->answered_ns ? here->answered_ns : now_ns()));
}

void client_report_failure(struct client *client, uint64_t sequence, rd_kafka_resp_err_t code) {
    word *head = client->slot + SLOT_RING_HEAD;
    uint64_t place = word_get(head);
    do {
        if (place - word_get(client->slot + SLOT_RING_TAIL) >= RING_ENTRIES) {
            word_add(client->slot + SLOT_RING_OVERFLOW, 1);
            return;
        }
    } while (!atomic_compare_exchange_weak_explicit(head, &place, place + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    word *entry = client->slot + RING_AT + place % RING_ENTRIES * RING_COLUMNS;
    word_set(entry, sequence);
    atomic_store_explicit(entry + 1, (uint64_t)(code + CODE_OFFSET), memory_order_release);
}

/* No acknowledgement: never written is failed, possibly written is unknown. rdkafka.h promises the status only in
 * delivery reports; that it is right here too is held by the twelve cases of tests/native/test_outcomes.py. */
static void count_not_acked(struct client *client, const rd_kafka_message_t *message, const struct sent *sent,
                            word *set) {
    bool failed = rdkafka.rd_kafka_message_status(message) == MSG_STATUS_NOT_PERSISTED;
    int code = message->err + CODE_OFFSET;
    word_add(set + (failed ? COUNT_FAILED : COUNT_UNKNOWN), 1);
    word_add(set + CODES_AT + (code < 0 ? 0 : code < CODES ? code : CODES - 1), 1);
    if (!sent)
        return;
    if (failed)
        client_mark(client, sent->sequence, OUTCOME_FAILED);
    if (client->native)
        client_report_failure(client, sent->sequence, message->err);
}

/* What is known of an acknowledged message; and its opaque is Python's again: a pointer of its own, or NULL. */
static bool recognise(struct client *client, rd_kafka_message_t *message, uint64_t bits, struct sent *sent) {
    if (!client->native)
        return in_flight_take(&client->in_flight, &message->_private, sent);
    if (!(bits & OPAQUE_OURS))
        return false;
    message->_private = NULL;
    sent->sequence = opaque_sequence(bits, atomic_load_explicit(&client->handed, memory_order_relaxed));
    records_release(&client->records, sent->sequence, message->payload);
    return true;
}

static rd_kafka_resp_err_t on_acknowledgement(rd_kafka_t *handle, rd_kafka_message_t *message, void *opaque) {
    (void)handle;
    struct client *client = opaque;
    uint64_t bits = (uint64_t)(uintptr_t)message->_private;
    struct sent sent;
    if (producing == client) { /* refused inside produce(), whose result says so: rejected, not failed */
        if (!client->native && !in_flight_take(&client->in_flight, &message->_private, &sent))
            in_flight_take_back(&client->in_flight); /* produce_batch passes the caller's own message */
        return ERR_NO_ERROR;
    }
    bool known = recognise(client, message, bits, &sent);
    if (is_dead(client))
        return ERR_NO_ERROR;
    word *set = known ? client_set_of(client, sent.sequence) : current_set(client);
    if (!known)
        word_add(set + COUNT_UNTIMED, 1);
    if (here && here->answer_open)
        close_answer(here, set);
    if (message->err) {
        count_not_acked(client, message, known ? &sent : NULL, set);
        return ERR_NO_ERROR;
    }
    count_acked(client, message, set);
    if (!known)
        return ERR_NO_ERROR;
    client_mark(client, sent.sequence, OUTCOME_ACKED);
    if (client->timed) {
        if (client->native)
            recall_times(client, message, bits, &sent);
        count_times(set, &sent);
    }
    return ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_destroy(rd_kafka_t *handle, void *opaque) {
    (void)handle;
    struct client *client = opaque;
    pthread_mutex_lock(&client->life); /* a send may be inside the handle */
    atomic_store(&client->state, CLIENT_DEAD);
    if (client->topic)
        rdkafka.rd_kafka_topic_destroy(client->topic);
    client->topic = NULL;
    client->handle = NULL;
    pthread_mutex_unlock(&client->life);
    return ERR_NO_ERROR;
}

static size_t queue_limit(const rd_kafka_conf_t *conf) {
    char text[32];
    size_t size = sizeof text;
    if (rdkafka.rd_kafka_conf_get(conf, "queue.buffering.max.messages", text, &size) != CONF_OK)
        return 1 << 20;
    unsigned long long messages = strtoull(text, NULL, 10);
    return messages && messages < 1 << 22 ? (size_t)messages : 1 << 22; /* 0: no limit */
}

/* Runs before the client has locks and threads: only keep the handle. */
static rd_kafka_resp_err_t on_new(rd_kafka_t *handle, const rd_kafka_conf_t *conf, void *opaque, char *reason,
                                  size_t reason_size) {
    struct client *client = opaque;
    if (!client->native && in_flight_init(&client->in_flight, queue_limit(conf)) != 0) {
        snprintf(reason, reason_size, "no memory for the records in flight");
        return ERR_FAIL;
    }
    rd_kafka_resp_err_t error = rdkafka.rd_kafka_interceptor_add_on_destroy(handle, NAME, on_destroy, client);
    if (!error && !client->native)
        error = rdkafka.rd_kafka_interceptor_add_on_send(handle, NAME, on_send, client);
    if (!error)
        error = rdkafka.rd_kafka_interceptor_add_on_acknowledgement(handle, NAME, on_acknowledgement, client);
    if (!error)
        error = rdkafka.rd_kafka_interceptor_add_on_request_sent(handle, NAME, on_request_sent, client);
    if (!error)
        error = rdkafka.rd_kafka_interceptor_add_on_response_received(handle, NAME, on_response_received, client);
    if (!error)
        error = rdkafka.rd_kafka_interceptor_add_on_broker_state_change(handle, NAME, on_broker_state_change, client);
    if (error) {
        snprintf(reason, reason_size, "an interceptor was refused: librdkafka error %d", error);
        return error;
    }
    client->handle = handle;
    atomic_store(&client->state, CLIENT_LIVE);
    return ERR_NO_ERROR;
}

/* The Producer was not made after all. */
static rd_kafka_resp_err_t on_conf_destroy(void *opaque) {
    struct client *client = opaque;
    int configured = CLIENT_CONFIGURED;
    atomic_compare_exchange_strong(&client->state, &configured, CLIENT_DEAD);
    return ERR_NO_ERROR;
}

__attribute__((visibility("default"))) rd_kafka_resp_err_t conf_init(rd_kafka_conf_t *conf, void **plug_opaque,
                                                                     char *reason, size_t reason_size);

/* librdkafka's way in, while a configuration with our path in plugin.library.paths is being made. */
rd_kafka_resp_err_t conf_init(rd_kafka_conf_t *conf, void **plug_opaque, char *reason, size_t reason_size) {
    struct client *client = client_pending;
    *plug_opaque = NULL;
    if (!client || !pthread_equal(client_pending_thread, pthread_self())) {
        snprintf(reason, reason_size,
                 "loadgen's plug-in serves loadgen's own producers: no native.Client is waiting in this thread");
        return ERR_FAIL;
    }
    client_pending = NULL;
    if (client->native && rdkafka.rd_kafka_conf_set(conf, "delivery.report.only.error", "true", reason, reason_size) !=
                              CONF_OK)
        return ERR_FAIL;
    rd_kafka_resp_err_t error = rdkafka.rd_kafka_conf_interceptor_add_on_new(conf, NAME, on_new, client);
    if (!error)
        error = rdkafka.rd_kafka_conf_interceptor_add_on_conf_destroy(conf, NAME, on_conf_destroy, client);
    atomic_store(&client->state, error ? CLIENT_DEAD : CLIENT_CONFIGURED);
    return error;
}
