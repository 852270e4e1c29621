/* The Python face of the C part: module _native, class Client. _native.pyi says what each call promises.
 *
 * Goal: check everything that a caller can get wrong, here and once a batch, so that the hot parts need not.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

/* Python's memory that the C part uses while the client lives. */
enum held { HELD_WORDS, HELD_BLOB, HELD_OFFSETS, HELD_LENGTHS, HELD_KEYS_1, HELD_KEYS_2, HELD_KEYS_3, HELD_OUTCOMES, HELDS };

/* Apart from the Python object, because librdkafka's threads may outlive that. */
struct owned {
    struct client client;
    Py_buffer held[HELDS]; /* obj NULL: none */
    bool has_records;
    bool sending; /* some thread is in send() and has given up the GIL */
    struct owned *next_orphan;
};

typedef struct {
    PyObject_HEAD
    struct owned *owned;
} ClientObject;

static PyObject *fatal_error; /* _native.FatalError */
static PyObject *plugin_path; /* this object's own file */
static struct owned *orphans; /* clients whose Python object was dropped before its Producer */

/* ---- life ---- */

static int state_of(const struct owned *owned) {
    return atomic_load(&owned->client.state);
}

static void release(struct owned *owned, enum held which) {
    if (owned->held[which].obj)
        PyBuffer_Release(&owned->held[which]);
}

static void free_owned(struct owned *owned) {
    for (int which = 0; which < HELDS; which++)
        release(owned, which);
    struct client *client = &owned->client;
    client_free_threads(client);
    in_flight_free(&client->in_flight);
    pthread_mutex_destroy(&client->life);
    PyMem_Free(client->expected);
    PyMem_Free(client->schedule.pieces);
    PyMem_Free(client->topic_name);
    records_free(&client->records);
    PyMem_Free(owned);
}

/* Give the memory back once no thread of librdkafka can use it. on_destroy comes before its threads end; but whoever
 * destroys a Producer waits for them, so by the time that Python lets go of the Client they have ended. Only a Client
 * dropped before its Producer waits, as an orphan, until it is dead and another Client is made. */
static void let_go(struct owned *owned) {
    if (client_pending == &owned->client)
        client_pending = NULL;
    if (state_of(owned) == CLIENT_PENDING || state_of(owned) == CLIENT_DEAD) {
        free_owned(owned);
    } else {
        owned->next_orphan = orphans;
        orphans = owned;
    }
}

static void free_dead_orphans(void) {
    for (struct owned **link = &orphans; *link;) {
        struct owned *owned = *link;
        if (state_of(owned) == CLIENT_DEAD) {
            *link = owned->next_orphan;
            free_owned(owned);
        } else {
            link = &owned->next_orphan;
        }
    }
}

/* The client behind a Python object, if it can still be used from here; else NULL and an exception. */
static struct owned *usable(PyObject *self) {
    struct owned *owned = ((ClientObject *)self)->owned;
    if (!owned)
        PyErr_SetString(PyExc_RuntimeError, "this native.Client is closed");
    else if (owned->client.pid != getpid())
        PyErr_Format(PyExc_RuntimeError,
                     "this native.Client belongs to process %d: librdkafka's threads do not survive a fork; "
                     "make producers in the process that uses them",
                     (int)owned->client.pid);
    else if (owned->sending)
        PyErr_SetString(PyExc_RuntimeError, "this native.Client is sending in another thread");
    else
        return owned;
    return NULL;
}

static struct owned *usable_native(PyObject *self, const char *call) {
    struct owned *owned = usable(self);
    if (owned && !owned->client.native) {
        PyErr_Format(PyExc_RuntimeError, "%s() is for native producers; this one sends from Python", call);
        return NULL;
    }
    return owned;
}

static int refuse_unless_live(const struct owned *owned, const char *call) {
    switch (state_of(owned)) {
    case CLIENT_LIVE:
        return 0;
    case CLIENT_DEAD:
        PyErr_Format(PyExc_RuntimeError, "%s() after the Producer was closed", call);
        return -1;
    default:
        PyErr_Format(PyExc_RuntimeError, "%s() before a Producer was made with this client's plugin_path", call);
        return -1;
    }
}

/* Take hold of `object`'s memory as items of a size; -1 and an exception if it cannot be had. */
static int hold(struct owned *owned, enum held which, PyObject *object, Py_ssize_t item_bytes, const char *name) {
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0)
        return -1;
    if (view.len % item_bytes || (view.len && (uintptr_t)view.buf % (uintptr_t)item_bytes)) {
        PyErr_Format(PyExc_ValueError, "%s: items of %zd bytes are needed", name, item_bytes);
        PyBuffer_Release(&view);
        return -1;
    }
    release(owned, which);
    owned->held[which] = view;
    return 0;
}

static int check_slab(const Py_buffer *words, Py_ssize_t slot) {
    const uint64_t *header = words->buf;
    if (words->len < (Py_ssize_t)(HEADER_WORDS * sizeof(word)) || header[HEADER_MAGIC] != MAGIC) {
        PyErr_SetString(PyExc_ValueError, "the buffer is no slab");
    } else if (header[HEADER_LAYOUT_VERSION] != LAYOUT_VERSION ||
               header[HEADER_WORDS_OF_SLAB] * sizeof(word) > (uint64_t)words->len ||
               header[HEADER_WORDS_OF_SLAB] != PRODUCERS_AT + header[HEADER_PRODUCERS] * (uint64_t)PRODUCER_WORDS) {
        PyErr_Format(PyExc_ValueError,
                     "slab layout %llu, the C part has layout %d: build it again (pip install), or --instrument python",
                     (unsigned long long)header[HEADER_LAYOUT_VERSION], LAYOUT_VERSION);
    } else if (slot < 0 || (uint64_t)slot >= header[HEADER_PRODUCERS]) {
        PyErr_Format(PyExc_ValueError, "slot %zd: the slab has %llu", slot,
                     (unsigned long long)header[HEADER_PRODUCERS]);
    } else {
        return 0;
    }
    return -1;
}

static PyObject *client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"words", "slot", "mode", "timed", NULL};
    PyObject *words;
    Py_ssize_t slot;
    const char *mode;
    int timed = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Ons|$p", names, &words, &slot, &mode, &timed))
        return NULL;
    bool native = strcmp(mode, "native") == 0;
    if (!native && strcmp(mode, "python") != 0)
        return PyErr_Format(PyExc_ValueError, "mode '%s': native or python", mode);
    if (!rdkafka.rd_kafka_produce_batch) {
        PyErr_SetString(PyExc_RuntimeError, "librdkafka is not attached: use loadgen.native.load()");
        return NULL;
    }
    free_dead_orphans();
    if (client_pending) {
        PyErr_SetString(PyExc_RuntimeError, "another native.Client still waits for its Producer: one at a time");
        return NULL;
    }
    ClientObject *self = (ClientObject *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    struct owned *owned = self->owned = PyMem_Calloc(1, sizeof *owned);
    if (!owned) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    struct client *client = &owned->client;
    pthread_mutex_init(&client->life, NULL);
    if (PyObject_GetBuffer(words, &owned->held[HELD_WORDS], PyBUF_WRITABLE) != 0 ||
        check_slab(&owned->held[HELD_WORDS], slot) != 0) {
        Py_DECREF(self);
        return NULL;
    }
    client->native = native;
    client->timed = timed;
    client->pid = getpid();
    client->partition = -1;
    client->header = owned->held[HELD_WORDS].buf;
    client->slot = client->header + PRODUCERS_AT + (size_t)slot * PRODUCER_WORDS;
    client->sets[PHASE_WARMUP] = client->slot + SETS_AT;
    client->sets[PHASE_MEASURED] = client->slot + SETS_AT + SET_WORDS;
    client_pending = client;
    client_pending_thread = pthread_self();
    return (PyObject *)self;
}

static void client_dealloc(PyObject *self) {
    struct owned *owned = ((ClientObject *)self)->owned;
    if (owned)
        let_go(owned);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *client_close(PyObject *self, PyObject *unused) {
    (void)unused;
    ClientObject *object = (ClientObject *)self;
    if (object->owned && object->owned->sending)
        return usable(self) ? NULL : NULL;
    if (object->owned)
        let_go(object->owned);
    object->owned = NULL;
    Py_RETURN_NONE;
}

/* ---- what to send, and when ---- */

/* Records under way refer to what was set, and broker threads read it. */
static int refuse_after_sending(const struct owned *owned, const char *call) {
    if (!atomic_load(&owned->client.handed))
        return 0;
    PyErr_Format(PyExc_RuntimeError, "%s() after the first record was handed over", call);
    return -1;
}

static PyObject *client_set_topic(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"topic", "partition", NULL};
    const char *topic;
    int partition = -1;
    struct owned *owned = usable_native(self, "set_topic");
    if (!owned || !PyArg_ParseTupleAndKeywords(args, kwargs, "s|i", names, &topic, &partition))
        return NULL;
    if (refuse_after_sending(owned, "set_topic") != 0)
        return NULL;
    char *copy = PyMem_Malloc(strlen(topic) + 1);
    if (!copy)
        return PyErr_NoMemory();
    PyMem_Free(owned->client.topic_name);
    owned->client.topic_name = strcpy(copy, topic);
    owned->client.partition = partition;
    Py_RETURN_NONE;
}

/* whole and rest of number / denominator, both Python integers of any size, the rest not negative. */
static int split(PyObject *number, PyObject *denominator, int64_t *whole, uint64_t *rest) {
    PyObject *both = PyNumber_Divmod(number, denominator);
    if (!both)
        return -1;
    *whole = PyLong_AsLongLong(PyTuple_GET_ITEM(both, 0));
    *rest = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(both, 1));
    Py_DECREF(both);
    return PyErr_Occurred() ? -1 : 0;
}

static int parse_piece(PyObject *item, struct piece *piece) {
    unsigned long long first;
    PyObject *numerator, *step, *denominator;
    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "a piece is (first, numerator, step, denominator)");
        return -1;
    }
    if (!PyArg_ParseTuple(item, "KO!O!O!;a piece is (first, numerator, step, denominator)", &first, &PyLong_Type,
                          &numerator, &PyLong_Type, &step, &PyLong_Type, &denominator))
        return -1;
    long long divisor = PyLong_AsLongLong(denominator);
    if (divisor == -1 && PyErr_Occurred())
        return -1;
    if (divisor < 1) {
        PyErr_SetString(PyExc_ValueError, "a piece's denominator is at least 1");
        return -1;
    }
    piece->first = first;
    piece->denominator = (uint64_t)divisor;
    if (split(numerator, denominator, &piece->whole_ns, &piece->rest) != 0 ||
        split(step, denominator, &piece->step_whole_ns, &piece->step_rest) != 0)
        return -1;
    return 0;
}

static PyObject *client_set_schedule(PyObject *self, PyObject *pieces) {
    struct owned *owned = usable(self);
    if (!owned || refuse_after_sending(owned, "set_schedule") != 0)
        return NULL;
    PyObject *items = PySequence_Fast(pieces, "pieces: a sequence of (first, numerator, step, denominator)");
    if (!items)
        return NULL;
    size_t count = (size_t)PySequence_Fast_GET_SIZE(items);
    struct piece *parsed = PyMem_Calloc(count + 1, sizeof *parsed);
    if (!parsed) {
        Py_DECREF(items);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; i < count; i++) {
        if (parse_piece(PySequence_Fast_GET_ITEM(items, (Py_ssize_t)i), &parsed[i]) != 0)
            break;
        if (i ? parsed[i].first < parsed[i - 1].first : parsed[i].first != 0) {
            PyErr_SetString(PyExc_ValueError, "pieces begin at sequence 0 and do not descend");
            break;
        }
    }
    Py_DECREF(items);
    if (PyErr_Occurred()) {
        PyMem_Free(parsed);
        return NULL;
    }
    PyMem_Free(owned->client.schedule.pieces);
    owned->client.schedule.pieces = parsed;
    owned->client.schedule.count = count;
    Py_RETURN_NONE;
}

/* Every record must lie inside the blob, and what is patched inside the record. */
static int check_records(const struct owned *owned, const struct records *records) {
    uint64_t blob_bytes = (uint64_t)owned->held[HELD_BLOB].len;
    if (!records->count || owned->held[HELD_LENGTHS].len != (Py_ssize_t)(records->count * sizeof(uint32_t))) {
        PyErr_SetString(PyExc_ValueError, "offsets (8 bytes each) and lengths (4 bytes each): as many, at least one");
        return -1;
    }
    uint64_t needed = 0;
    if (records->id_offset >= 0)
        needed = (uint64_t)records->id_offset + ID_BYTES;
    if (records->stamped && (uint64_t)records->time_offset + TIME_BYTES > needed)
        needed = (uint64_t)records->time_offset + TIME_BYTES;
    for (size_t i = 0; i < records->count; i++) {
        if (records->offsets[i] > blob_bytes || records->lengths[i] > blob_bytes - records->offsets[i]) {
            PyErr_Format(PyExc_ValueError, "record %zu does not lie inside the blob", i);
            return -1;
        }
        if (records->lengths[i] < needed) {
            PyErr_Format(PyExc_ValueError, "record %zu of %u bytes has no room for an id and a time", i,
                         (unsigned)records->lengths[i]);
            return -1;
        }
    }
    return 0;
}

static PyObject *client_set_records(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"blob", "offsets", "lengths", "run_token", "producer", "producers", "stamped",
                            "id_offset", "time_offset", "start_epoch_us", NULL};
    PyObject *blob, *offsets, *lengths;
    const char *run_token;
    unsigned long long producer, producers;
    int stamped = 0;
    long long id_offset = -1, time_offset = -1, start_epoch_us = 0;
    struct owned *owned = usable_native(self, "set_records");
    if (!owned || !PyArg_ParseTupleAndKeywords(args, kwargs, "OOOsKK|$pLLL", names, &blob, &offsets, &lengths,
                                               &run_token, &producer, &producers, &stamped, &id_offset, &time_offset,
                                               &start_epoch_us) ||
        refuse_after_sending(owned, "set_records") != 0)
        return NULL;
    if (strlen(run_token) != 8 || producer >= producers || producers > 0x10000)
        return PyErr_Format(PyExc_ValueError, "run token '%s', producer %llu of %llu: 8 hex digits and up to 65536 are "
                            "possible", run_token, producer, producers);
    if (stamped && (id_offset < 0 || time_offset < 0 || start_epoch_us < 0 || start_epoch_us > 250000000000000000))
        return PyErr_Format(PyExc_ValueError, "stamped records need id_offset, time_offset and start_epoch_us");
    owned->has_records = false;
    if (hold(owned, HELD_BLOB, blob, 1, "blob") != 0 || hold(owned, HELD_OFFSETS, offsets, 8, "offsets") != 0 ||
        hold(owned, HELD_LENGTHS, lengths, 4, "lengths") != 0)
        return NULL;
    struct records *records = &owned->client.records;
    records->blob = owned->held[HELD_BLOB].buf;
    records->offsets = owned->held[HELD_OFFSETS].buf;
    records->lengths = owned->held[HELD_LENGTHS].buf;
    records->count = (size_t)owned->held[HELD_OFFSETS].len / sizeof(uint64_t);
    records->blob_bytes = (size_t)owned->held[HELD_BLOB].len;
    records->stamped = stamped;
    records->id_offset = id_offset < 0 ? -1 : id_offset;
    records->time_offset = time_offset;
    records->producer = producer;
    records->producers = producers;
    records->start_epoch_us = start_epoch_us;
    snprintf(records->id, sizeof records->id, "%s-%04llx-", run_token, producer);
    memcpy(records->prefix, records->id, PREFIX_BYTES);
    if (check_records(owned, records) != 0)
        return NULL;
    if (records_prepare(records) != 0)
        return PyErr_NoMemory();
    records->key_form = KEY_NONE;
    owned->has_records = true;
    Py_RETURN_NONE;
}

static int set_zipf(struct owned *owned, PyObject *stay, PyObject *other) {
    struct records *records = &owned->client.records;
    if (hold(owned, HELD_KEYS_1, stay, 8, "stay") != 0 || hold(owned, HELD_KEYS_2, other, 4, "other") != 0)
        return -1;
    if ((uint64_t)owned->held[HELD_KEYS_1].len != records->keys * 8 ||
        (uint64_t)owned->held[HELD_KEYS_2].len != records->keys * 4) {
        PyErr_SetString(PyExc_ValueError, "stay (8 bytes each) and other (4 bytes each): one a key");
        return -1;
    }
    records->stay = owned->held[HELD_KEYS_1].buf;
    records->other = owned->held[HELD_KEYS_2].buf;
    for (uint64_t i = 0; i < records->keys; i++) {
        if (records->other[i] >= records->keys) {
            PyErr_SetString(PyExc_ValueError, "other: an index beyond the keys");
            return -1;
        }
    }
    return 0;
}

static int set_key_table(struct owned *owned, PyObject *blob, PyObject *offsets, PyObject *lengths) {
    struct records *records = &owned->client.records;
    if (hold(owned, HELD_KEYS_1, blob, 1, "blob") != 0 || hold(owned, HELD_KEYS_2, offsets, 8, "offsets") != 0 ||
        hold(owned, HELD_KEYS_3, lengths, 4, "lengths") != 0)
        return -1;
    records->key_blob = owned->held[HELD_KEYS_1].buf;
    records->key_offsets = owned->held[HELD_KEYS_2].buf;
    records->key_lengths = owned->held[HELD_KEYS_3].buf;
    uint64_t blob_bytes = (uint64_t)owned->held[HELD_KEYS_1].len;
    bool fits = (size_t)owned->held[HELD_KEYS_2].len == records->count * 8 &&
                (size_t)owned->held[HELD_KEYS_3].len == records->count * 4;
    for (size_t i = 0; fits && i < records->count; i++)
        fits = records->key_lengths[i] < 0 || (records->key_offsets[i] <= blob_bytes &&
               (uint64_t)records->key_lengths[i] <= blob_bytes - records->key_offsets[i]);
    if (!fits)
        PyErr_SetString(PyExc_ValueError, "a key table needs an offset and a length a record, inside its blob");
    return fits ? 0 : -1;
}

static PyObject *client_set_keys(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"form", "start", "keys", "stay", "other", "threshold", "blob", "offsets", "lengths", NULL};
    const char *form;
    PyObject *start = NULL, *stay = Py_None, *other = Py_None, *threshold = NULL;
    PyObject *blob = Py_None, *offsets = Py_None, *lengths = Py_None;
    unsigned long long keys = 0;
    struct owned *owned = usable_native(self, "set_keys");
    if (!owned || !PyArg_ParseTupleAndKeywords(args, kwargs, "s|$O!KOOO!OOO", names, &form, &PyLong_Type, &start,
                                               &keys, &stay, &other, &PyLong_Type, &threshold, &blob, &offsets,
                                               &lengths) ||
        refuse_after_sending(owned, "set_keys") != 0)
        return NULL;
    if (!owned->has_records) {
        PyErr_SetString(PyExc_RuntimeError, "set_keys() before set_records()");
        return NULL;
    }
    struct records *records = &owned->client.records;
    records->key_form = KEY_NONE;
    records->keys = keys;
    if (start) {
        records->key_start = PyLong_AsUnsignedLongLongMask(start);
        if (PyErr_Occurred())
            return NULL;
    }
    if (strcmp(form, "none") == 0)
        Py_RETURN_NONE;
    if (strcmp(form, "order") == 0) {
        records->key_form = KEY_ORDER;
        Py_RETURN_NONE;
    }
    if (strcmp(form, "table") == 0) {
        if (set_key_table(owned, blob, offsets, lengths) != 0)
            return NULL;
        records->key_form = KEY_TABLE;
        Py_RETURN_NONE;
    }
    bool is_zipf = strcmp(form, "zipf") == 0;
    if (is_zipf || strcmp(form, "uniform") == 0) {
        if (keys < 1 || keys > KEYS_LIMIT)
            return PyErr_Format(PyExc_ValueError, "%llu keys: 1 to %u are possible", keys, KEYS_LIMIT);
        if (is_zipf && set_zipf(owned, stay, other) != 0)
            return NULL;
        records->key_form = is_zipf ? KEY_ZIPF : KEY_UNIFORM;
        Py_RETURN_NONE;
    }
    if (strcmp(form, "hot") == 0 && threshold) {
        records->hot_threshold = PyLong_AsUnsignedLongLong(threshold);
        records->hot_always = PyErr_Occurred() != NULL; /* 2^64: a share of 1 */
        PyErr_Clear();
        records->key_form = KEY_HOT;
        Py_RETURN_NONE;
    }
    return PyErr_Format(PyExc_ValueError, "keys '%s': none, order, uniform, zipf, hot (with threshold) or table", form);
}

static PyObject *client_set_outcomes(PyObject *self, PyObject *buffer) {
    struct owned *owned = usable(self);
    if (!owned || refuse_after_sending(owned, "set_outcomes") != 0)
        return NULL;
    struct client *client = &owned->client;
    client->outcomes_count = 0;
    release(owned, HELD_OUTCOMES);
    if (PyObject_GetBuffer(buffer, &owned->held[HELD_OUTCOMES], PyBUF_WRITABLE) != 0)
        return NULL;
    client->outcomes = owned->held[HELD_OUTCOMES].buf;
    client->outcomes_count = (uint64_t)owned->held[HELD_OUTCOMES].len * 4;
    Py_RETURN_NONE;
}

/* ---- hot: once a batch ---- */

/* A batch as Python says it, checked. */
struct asked {
    uint64_t first, count;
    Py_buffer offsets; /* obj NULL: none */
};

static void forget(struct asked *asked) {
    if (asked->offsets.obj)
        PyBuffer_Release(&asked->offsets);
}

static int parse_batch(PyObject *first, PyObject *count, PyObject *offsets, const char *call, struct asked *asked) {
    asked->offsets.obj = NULL;
    asked->first = PyLong_AsUnsignedLongLong(first);
    if (PyErr_Occurred())
        return -1;
    asked->count = PyLong_AsUnsignedLongLong(count);
    if (PyErr_Occurred())
        return -1;
    if (asked->first >= SEQUENCE_LIMIT || asked->count > SEQUENCE_LIMIT - asked->first) {
        PyErr_Format(PyExc_ValueError, "%s(): sequences are below 10^12", call);
        return -1;
    }
    if (!offsets || offsets == Py_None)
        return 0;
    if (PyObject_GetBuffer(offsets, &asked->offsets, PyBUF_SIMPLE) != 0)
        return -1;
    /* of an empty array Python gives an address that is nobody's, aligned by chance */
    if (asked->count &&
        ((uint64_t)asked->offsets.len / 8 < asked->count || (uintptr_t)asked->offsets.buf % 8)) {
        PyErr_Format(PyExc_ValueError, "%s(): offsets_ns holds fewer than %llu 64-bit integers", call,
                     (unsigned long long)asked->count);
        forget(asked);
        return -1;
    }
    return 0;
}

static struct owned *ready_to_send(PyObject *self, const char *call) {
    struct owned *owned = usable_native(self, call);
    if (!owned || refuse_unless_live(owned, call) != 0)
        return NULL;
    if (!owned->has_records || !owned->client.topic_name) {
        PyErr_Format(PyExc_RuntimeError, "%s() before set_topic() and set_records()", call);
        return NULL;
    }
    return owned;
}

/* Run the sender without the GIL; 0, or -1 and an exception. `pace` NULL: at once. */
static int send_batch(struct owned *owned, const struct asked *asked, struct pace *pace, struct batch *batch) {
    struct client *client = &owned->client;
    const int64_t *offsets_ns = asked->offsets.obj ? asked->offsets.buf : NULL;
    int status;
    owned->sending = true;
    Py_BEGIN_ALLOW_THREADS
    if (pace) {
        pace->offsets_ns = offsets_ns;
        status = sender_send_due(client, asked->first, asked->count, pace, batch);
    } else {
        status = sender_send(client, asked->first, asked->count, offsets_ns, batch);
    }
    Py_END_ALLOW_THREADS
    owned->sending = false;
    if (status != 0) {
        PyErr_Format(PyExc_RuntimeError,
                     "no topic handle for '%s': the Producer was closed, or the name is not a topic's",
                     client->topic_name);
    } else if (batch->fatal && !batch->accepted && !batch->rejected) {
        PyObject *arguments = Py_BuildValue("(is)", batch->fatal, batch->fatal_text);
        if (arguments)
            PyErr_SetObject(fatal_error, arguments);
        Py_XDECREF(arguments);
        status = -1;
    }
    return status;
}

static PyObject *client_send(PyObject *self, PyObject *const *args, Py_ssize_t given) {
    if (given < 2 || given > 3)
        return PyErr_Format(PyExc_TypeError, "send(first_sequence, count, offsets_ns=None)");
    struct owned *owned = ready_to_send(self, "send");
    struct asked asked;
    if (!owned || parse_batch(args[0], args[1], given == 3 ? args[2] : NULL, "send", &asked) != 0)
        return NULL;
    struct batch batch = {0};
    int status = send_batch(owned, &asked, NULL, &batch);
    forget(&asked);
    if (status != 0)
        return NULL;
    return Py_BuildValue("(KK)", (unsigned long long)batch.accepted, (unsigned long long)batch.rejected);
}

static PyObject *client_send_due(PyObject *self, PyObject *const *args, Py_ssize_t given) {
    if (given < 4 || given > 5)
        return PyErr_Format(PyExc_TypeError,
                            "send_due(first_sequence, count, until_ns, shortest_wait_ns, offsets_ns=None)");
    struct owned *owned = ready_to_send(self, "send_due");
    struct asked asked;
    if (!owned || parse_batch(args[0], args[1], given == 5 ? args[4] : NULL, "send_due", &asked) != 0)
        return NULL;
    struct pace pace = {.until_ns = PyLong_AsLongLong(args[2])};
    if (!PyErr_Occurred())
        pace.shortest_wait_ns = PyLong_AsLongLong(args[3]);
    if (!PyErr_Occurred() && !asked.offsets.obj && !owned->client.schedule.count)
        PyErr_SetString(PyExc_RuntimeError, "send_due() without a schedule or offsets_ns: nothing says what is due");
    struct batch batch = {0};
    int status = PyErr_Occurred() ? -1 : send_batch(owned, &asked, &pace, &batch);
    forget(&asked);
    if (status != 0)
        return NULL;
    return Py_BuildValue("(KKO)", (unsigned long long)batch.accepted, (unsigned long long)batch.rejected,
                         batch.full ? Py_True : Py_False);
}

static PyObject *client_expect(PyObject *self, PyObject *const *args, Py_ssize_t given) {
    if (given < 2 || given > 3)
        return PyErr_Format(PyExc_TypeError, "expect(first_sequence, count, offsets_ns=None)");
    struct owned *owned = usable(self);
    struct asked asked;
    if (!owned || refuse_unless_live(owned, "expect") != 0)
        return NULL;
    struct client *client = &owned->client;
    if (client->native) {
        PyErr_SetString(PyExc_RuntimeError, "expect() is for producers that send from Python");
        return NULL;
    }
    if (parse_batch(args[0], args[1], given == 3 ? args[2] : NULL, "expect", &asked) != 0)
        return NULL;
    if (asked.count > client->expected_room) {
        struct sent *room = PyMem_Realloc(client->expected, asked.count * sizeof *room);
        if (!room) {
            forget(&asked);
            return PyErr_NoMemory();
        }
        client->expected = room;
        client->expected_room = asked.count;
    }
    client_expect_batch(client, asked.first, asked.count, asked.offsets.obj ? asked.offsets.buf : NULL);
    forget(&asked);
    Py_RETURN_NONE;
}

static PyObject *client_settle(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    producing = NULL;
    Py_RETURN_NONE;
}

/* ---- what came of it ---- */

static PyObject *client_failures(PyObject *self, PyObject *unused) {
    (void)unused;
    struct owned *owned = usable(self);
    PyObject *list = owned ? PyList_New(0) : NULL;
    if (!list)
        return NULL;
    word *tail = owned->client.slot + SLOT_RING_TAIL;
    uint64_t place = word_get(tail);
    while (place != word_get(owned->client.slot + SLOT_RING_HEAD)) {
        word *entry = owned->client.slot + RING_AT + place % RING_ENTRIES * RING_COLUMNS;
        uint64_t code = atomic_load_explicit(entry + 1, memory_order_acquire);
        if (!code)
            break; /* its writer is between two stores: next time */
        PyObject *pair = Py_BuildValue("(Ki)", (unsigned long long)word_get(entry), (int)code - CODE_OFFSET);
        int status = pair ? PyList_Append(list, pair) : -1;
        Py_XDECREF(pair);
        if (status != 0) {
            Py_DECREF(list);
            return NULL;
        }
        word_set(entry + 1, 0);
        atomic_store_explicit(tail, ++place, memory_order_release);
    }
    return list;
}

static PyObject *client_mark_rejected(PyObject *self, PyObject *sequence) {
    struct owned *owned = usable(self);
    if (!owned)
        return NULL;
    uint64_t number = PyLong_AsUnsignedLongLong(sequence);
    if (PyErr_Occurred())
        return NULL;
    client_mark(&owned->client, number, OUTCOME_REJECTED);
    Py_RETURN_NONE;
}

static PyObject *client_record(PyObject *self, PyObject *args) {
    unsigned long long sequence;
    long long offset_us;
    struct owned *owned = usable_native(self, "record");
    if (!owned || !PyArg_ParseTuple(args, "KL", &sequence, &offset_us))
        return NULL;
    if (!owned->has_records || sequence >= SEQUENCE_LIMIT) {
        PyErr_SetString(PyExc_ValueError, "record() needs set_records() and a sequence below 10^12");
        return NULL;
    }
    struct record record;
    records_claim(&owned->client.records, sequence, false, &record);
    records_stamp(&owned->client.records, sequence, offset_us, &record);
    return Py_BuildValue("(y#y#)", record.key, (Py_ssize_t)record.key_len, record.value, (Py_ssize_t)record.len);
}

static PyObject *client_intended_ns(PyObject *self, PyObject *sequence) {
    struct owned *owned = usable(self);
    if (!owned)
        return NULL;
    uint64_t number = PyLong_AsUnsignedLongLong(sequence);
    if (PyErr_Occurred())
        return NULL;
    if (!owned->client.schedule.count) {
        PyErr_SetString(PyExc_ValueError, "intended_ns() without a schedule");
        return NULL;
    }
    struct due due;
    if (number) { /* by the step too, as send() goes */
        due_seek(&due, &owned->client.schedule, number - 1);
        due_next(&due);
    } else {
        due_seek(&due, &owned->client.schedule, 0);
    }
    return PyLong_FromLongLong(due.offset_ns);
}

static PyObject *client_count_value(PyObject *self, PyObject *args) {
    int phase, metric;
    long long value_us;
    struct owned *owned = usable(self);
    if (!owned || !PyArg_ParseTuple(args, "iiL", &phase, &metric, &value_us))
        return NULL;
    if (phase < 0 || phase >= PHASES || metric < 0 || metric >= METRICS) {
        PyErr_SetString(PyExc_ValueError, "no such phase or metric");
        return NULL;
    }
    set_record(owned->client.sets[phase], (enum metric)metric, value_us);
    Py_RETURN_NONE;
}

static PyObject *client_get_answered(PyObject *self, void *unused) {
    (void)unused;
    struct owned *owned = usable(self);
    if (!owned)
        return NULL;
    uint64_t answered = 0;
    for (int phase = 0; phase < PHASES; phase++)
        for (int count = COUNT_ACKED; count <= COUNT_UNKNOWN; count++)
            answered += word_get(owned->client.sets[phase] + count);
    return PyLong_FromUnsignedLongLong(answered);
}

static PyObject *client_get_claimed(PyObject *self, void *unused) {
    (void)unused;
    struct owned *owned = usable_native(self, "claimed");
    return owned ? PyLong_FromSize_t(records_claimed(&owned->client.records)) : NULL;
}

static PyObject *client_get_state(PyObject *self, void *unused) {
    (void)unused;
    static const char *const names[] = {"pending", "configured", "live", "dead"};
    struct owned *owned = ((ClientObject *)self)->owned;
    return PyUnicode_FromString(owned ? names[state_of(owned)] : "closed");
}

static PyObject *client_get_plugin_path(PyObject *self, void *unused) {
    (void)self, (void)unused;
    return Py_NewRef(plugin_path);
}

/* Casts between function types go through void *: CPython calls each by its flags. */
#define METHOD(name, flags) {#name, (PyCFunction)(void (*)(void))client_##name, flags, NULL}

static PyMethodDef client_methods[] = {
    METHOD(close, METH_NOARGS),
    METHOD(set_topic, METH_VARARGS | METH_KEYWORDS),
    METHOD(set_schedule, METH_O),
    METHOD(set_records, METH_VARARGS | METH_KEYWORDS),
    METHOD(set_keys, METH_VARARGS | METH_KEYWORDS),
    METHOD(set_outcomes, METH_O),
    METHOD(send, METH_FASTCALL),
    METHOD(send_due, METH_FASTCALL),
    METHOD(expect, METH_FASTCALL),
    METHOD(settle, METH_NOARGS),
    METHOD(failures, METH_NOARGS),
    METHOD(mark_rejected, METH_O),
    METHOD(record, METH_VARARGS),
    METHOD(intended_ns, METH_O),
    METHOD(count_value, METH_VARARGS),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef client_properties[] = {
    {"plugin_path", client_get_plugin_path, NULL, NULL, NULL},
    {"state", client_get_state, NULL, NULL, NULL},
    {"answered", client_get_answered, NULL, NULL, NULL},
    {"claimed", client_get_claimed, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject client_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "loadgen.native._native.Client",
    .tp_basicsize = sizeof(ClientObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = client_new,
    .tp_dealloc = client_dealloc,
    .tp_methods = client_methods,
    .tp_getset = client_properties,
};

/* ---- the module ---- */

static PyObject *attach(PyObject *module, PyObject *path) {
    (void)module;
    char reason[512];
    PyObject *bytes;
    if (!PyUnicode_FSConverter(path, &bytes))
        return NULL;
    int status = rdkafka_attach(PyBytes_AS_STRING(bytes), reason, sizeof reason);
    Py_DECREF(bytes);
    if (status != 0) {
        PyErr_SetString(PyExc_ImportError, reason);
        return NULL;
    }
    return PyUnicode_FromString(rdkafka.rd_kafka_version_str());
}

static PyObject *py_cell_of(PyObject *module, PyObject *value) {
    (void)module;
    unsigned long long value_us = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred())
        return NULL;
    if (value_us > MAX_VALUE_US)
        return PyErr_Format(PyExc_ValueError, "%llu us is outside the histogram", value_us);
    return PyLong_FromUnsignedLong(cell_of((uint32_t)value_us));
}

static PyMethodDef module_methods[] = {
    {"attach", attach, METH_O, NULL},
    {"cell_of", py_cell_of, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* Every number of slab.h that slab.py has too, by the name it has there. */
static int add_layout(PyObject *module) {
    static const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"MAGIC", MAGIC}, {"LAYOUT_VERSION", LAYOUT_VERSION}, {"CELLS", CELLS}, {"CODE_OFFSET", CODE_OFFSET},
        {"CODES", CODES}, {"COARSE_SHIFT", COARSE_SHIFT}, {"BREAKDOWN_ROWS", BREAKDOWN_ROWS},
        {"BREAKDOWN_COLUMNS", BREAKDOWN_COLUMNS}, {"HEADER_WORDS", HEADER_WORDS}, {"SLOT_WORDS", SLOT_WORDS},
        {"RING_ENTRIES", RING_ENTRIES}, {"RING_COLUMNS", RING_COLUMNS}, {"COUNT_WORDS", COUNT_WORDS},
        {"CODES_AT", CODES_AT}, {"BREAKDOWN_AT", BREAKDOWN_AT}, {"HISTOGRAMS_AT", HISTOGRAMS_AT},
        {"SET_WORDS", SET_WORDS}, {"RING_AT", RING_AT}, {"SETS_AT", SETS_AT}, {"PRODUCER_WORDS", PRODUCER_WORDS},
        {"CONTROL_AT", CONTROL_AT}, {"PRODUCERS_AT", PRODUCERS_AT}, {"Header.MAGIC", HEADER_MAGIC},
        {"Header.LAYOUT_VERSION", HEADER_LAYOUT_VERSION}, {"Header.WORDS", HEADER_WORDS_OF_SLAB},
        {"Header.PRODUCERS", HEADER_PRODUCERS}, {"Header.T0_NS", HEADER_T0_NS}, {"Header.STOP", HEADER_STOP},
        {"Header.BREAKER", HEADER_BREAKER}, {"Header.CLIENT_STALL_US_MAX", HEADER_CLIENT_STALL_US_MAX},
        {"Header.FATAL_CODE", HEADER_FATAL_CODE}, {"Slot.NEXT_SEQUENCE", SLOT_NEXT_SEQUENCE},
        {"Slot.FIRST_MEASURED", SLOT_FIRST_MEASURED},
        {"Slot.RING_HEAD", SLOT_RING_HEAD}, {"Slot.RING_OVERFLOW", SLOT_RING_OVERFLOW},
        {"Slot.RING_TAIL", SLOT_RING_TAIL}, {"Count.ATTEMPTED", COUNT_ATTEMPTED},
        {"Count.REJECTED", COUNT_REJECTED}, {"Count.ACKED", COUNT_ACKED}, {"Count.FAILED", COUNT_FAILED},
        {"Count.UNKNOWN", COUNT_UNKNOWN}, {"Count.PAYLOAD_BYTES", COUNT_PAYLOAD_BYTES},
        {"Count.WIRE_BYTES", COUNT_WIRE_BYTES}, {"Count.REQUESTS", COUNT_REQUESTS},
        {"Count.REQUEST_RECORDS", COUNT_REQUEST_RECORDS}, {"Count.FIRST_SENT_NS", COUNT_FIRST_SENT_NS},
        {"Count.LAST_ACK_NS", COUNT_LAST_ACK_NS}, {"Count.BATCH_BYTES", COUNT_BATCH_BYTES},
        {"Count.NEGATIVE", COUNT_NEGATIVE}, {"Count.UNTIMED", COUNT_UNTIMED}, {"Count.METRICS", COUNT_METRICS},
        {"Metric.LATENESS", METRIC_LATENESS}, {"Metric.SERVICE", METRIC_SERVICE},
        {"Metric.RESPONSE", METRIC_RESPONSE}, {"Metric.REQUEST_RTT", METRIC_REQUEST_RTT},
        {"Phase.WARMUP", PHASE_WARMUP}, {"Phase.MEASURED", PHASE_MEASURED},
    };
    PyObject *layout = PyDict_New();
    for (size_t i = 0; layout && i < sizeof numbers / sizeof *numbers; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(numbers[i].value);
        if (!value || PyDict_SetItemString(layout, numbers[i].name, value) != 0)
            Py_CLEAR(layout);
        Py_XDECREF(value);
    }
    int status = layout ? PyModule_AddObjectRef(module, "LAYOUT", layout) : -1;
    Py_XDECREF(layout);
    return status;
}

/* librdkafka loads the very file that Python imported: both then share this object's memory. */
static int find_plugin_path(PyObject *module, const char *path) {
    plugin_path = PyUnicode_DecodeFSDefault(path);
    return plugin_path ? PyModule_AddObjectRef(module, "PLUGIN_PATH", plugin_path) : -1;
}

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "loadgen.native._native",
    .m_size = -1,
    .m_methods = module_methods,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&module_definition);
    if (!module)
        return NULL;
    fatal_error = PyErr_NewException("loadgen.native._native.FatalError", NULL, NULL);
    if (!fatal_error || PyModule_AddObjectRef(module, "FatalError", fatal_error) != 0 ||
        PyType_Ready(&client_type) != 0 ||
        PyModule_AddObjectRef(module, "Client", (PyObject *)&client_type) != 0 || add_layout(module) != 0 ||
        find_plugin_path(module, own_path()) != 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
