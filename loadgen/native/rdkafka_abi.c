/* Finds librdkafka's functions in the library that confluent_kafka has loaded. */
#include "rdkafka_abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct rdkafka rdkafka;

int rdkafka_attach(const char *path, char *reason, size_t reason_size) {
    if (rdkafka.rd_kafka_version)
        return 0; /* clients may be alive: their functions stay */
    /* NOLOAD: a second copy of the library would have clients of its own; we want the one that is there. */
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD | RTLD_LOCAL);
    if (!library) {
        snprintf(reason, reason_size, "%s is not loaded in this process", path);
        return -1;
    }
    struct rdkafka found;
    const char *missing = NULL;
    /* A function pointer and an object pointer are the same size wherever dlsym exists (POSIX); ISO C has no cast. */
#define LOOK_UP(type, name, parameters)                                                                                \
    {                                                                                                                  \
        void *symbol = dlsym(library, #name);                                                                          \
        if (!symbol)                                                                                                   \
            missing = #name;                                                                                           \
        memcpy(&found.name, &symbol, sizeof symbol);                                                                   \
    }
    RDKAFKA_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    if (missing) {
        snprintf(reason, reason_size, "librdkafka at %s has no function %s", path, missing);
    } else if (found.rd_kafka_version() < OLDEST_VERSION) {
        snprintf(reason, reason_size, "librdkafka %s is older than 2.16.0 (confluent-kafka 2.16.1)",
                 found.rd_kafka_version_str());
    } else {
        rdkafka = found; /* the library stays open: it outlives every client */
        return 0;
    }
    dlclose(library);
    return -1;
}
