/* A clock whose readers are interrupted: every 97th reading of a thread is followed by 3 ms in which it does not run, as
 * when the kernel gives its core to another. For LD_PRELOAD; tests/native/test_interrupted.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    static _Thread_local unsigned readings;
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, at);
    if (clock == CLOCK_MONOTONIC && ++readings % 97 == 0)
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    return status;
}
