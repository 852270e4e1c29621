/* The few functions of librdkafka that are used, declared by hand and looked up at run time.
 *
 * Goal: neither building nor importing needs librdkafka or its headers; the very library that confluent_kafka loaded is
 * used. These signatures are librdkafka's public ABI (rdkafka.h, unchanged since 1.0).
 */
#ifndef LOADGEN_RDKAFKA_ABI_H
#define LOADGEN_RDKAFKA_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;
typedef int rd_kafka_resp_err_t; /* an enum in rdkafka.h: an int in every C ABI we build for */

typedef struct rd_kafka_message_s {
    rd_kafka_resp_err_t err;
    rd_kafka_topic_t *rkt;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *_private; /* the opaque of produce() */
} rd_kafka_message_t;

enum {
    ERR_NO_ERROR = 0,
    ERR_FAIL = -196,
    ERR_QUEUE_FULL = -184,
    ERR_FATAL = -150,
    API_KEY_PRODUCE = 0,
    MSG_F_COPY = 0x2,
    MSG_STATUS_NOT_PERSISTED = 0,
    CONF_OK = 0,
    OLDEST_VERSION = 0x021000ff, /* librdkafka 2.16.0, the one inside confluent-kafka 2.16.1 */
};

typedef rd_kafka_resp_err_t on_new_f(rd_kafka_t *, const rd_kafka_conf_t *, void *, char *, size_t);
typedef rd_kafka_resp_err_t on_conf_destroy_f(void *);
typedef rd_kafka_resp_err_t on_destroy_f(rd_kafka_t *, void *);
typedef rd_kafka_resp_err_t on_message_f(rd_kafka_t *, rd_kafka_message_t *, void *);
typedef rd_kafka_resp_err_t on_request_sent_f(rd_kafka_t *, int, const char *, int32_t, int16_t, int16_t, int32_t,
                                              size_t, void *);
typedef rd_kafka_resp_err_t on_response_received_f(rd_kafka_t *, int, const char *, int32_t, int16_t, int16_t, int32_t,
                                                   size_t, int64_t, rd_kafka_resp_err_t, void *);
typedef rd_kafka_resp_err_t on_broker_state_change_f(rd_kafka_t *, int32_t, const char *, const char *, int, const char *,
                                                     void *);

/* X(return type, name, parameters) */
#define RDKAFKA_FUNCTIONS(X)                                                                                           \
    X(int, rd_kafka_version, (void))                                                                                   \
    X(const char *, rd_kafka_version_str, (void))                                                                      \
    X(int, rd_kafka_conf_set, (rd_kafka_conf_t *, const char *, const char *, char *, size_t))                         \
    X(int, rd_kafka_conf_get, (const rd_kafka_conf_t *, const char *, char *, size_t *))                               \
    X(rd_kafka_resp_err_t, rd_kafka_conf_interceptor_add_on_new, (rd_kafka_conf_t *, const char *, on_new_f *, void *)) \
    X(rd_kafka_resp_err_t, rd_kafka_conf_interceptor_add_on_conf_destroy,                                              \
      (rd_kafka_conf_t *, const char *, on_conf_destroy_f *, void *))                                                  \
    X(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_destroy, (rd_kafka_t *, const char *, on_destroy_f *, void *))  \
    X(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_send, (rd_kafka_t *, const char *, on_message_f *, void *))     \
    X(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_acknowledgement,                                                \
      (rd_kafka_t *, const char *, on_message_f *, void *))                                                            \
    X(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_request_sent,                                                   \
      (rd_kafka_t *, const char *, on_request_sent_f *, void *))                                                       \
    X(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_response_received,                                              \
      (rd_kafka_t *, const char *, on_response_received_f *, void *))                                                  \
    X(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_broker_state_change,                                            \
      (rd_kafka_t *, const char *, on_broker_state_change_f *, void *))                                                \
    X(int64_t, rd_kafka_message_latency, (const rd_kafka_message_t *))                                                 \
    X(int, rd_kafka_message_status, (const rd_kafka_message_t *))                                                      \
    X(rd_kafka_topic_t *, rd_kafka_topic_new, (rd_kafka_t *, const char *, rd_kafka_topic_conf_t *))                   \
    X(void, rd_kafka_topic_destroy, (rd_kafka_topic_t *))                                                              \
    X(int, rd_kafka_produce_batch, (rd_kafka_topic_t *, int32_t, int, rd_kafka_message_t *, int))                      \
    X(rd_kafka_resp_err_t, rd_kafka_fatal_error, (rd_kafka_t *, char *, size_t))

/* One pointer a function: rdkafka.rd_kafka_produce(...). All NULL before rdkafka_attach(). */
struct rdkafka {
#define AS_POINTER(type, name, parameters) type(*name) parameters;
    RDKAFKA_FUNCTIONS(AS_POINTER)
#undef AS_POINTER
};

extern struct rdkafka rdkafka;

/* Fill `rdkafka`, once and for all, from the library already loaded from `path`. Returns 0, or -1 with the reason in `reason`. */
int rdkafka_attach(const char *path, char *reason, size_t reason_size);

#endif
