/*
 * Commits the fault that its argument names, so that a sanitizer that sleeps is noticed. Ends with
 * status 0 only if nothing caught it.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void heap_overflow(void)
{
    volatile size_t len = 16;
    char *bytes = malloc(len);
    if (bytes == NULL)
        return;
    volatile char *past = bytes + len;
    *past = 1;
    free(bytes);
}

static void signed_overflow(void)
{
    volatile int most = INT_MAX;
    most = most + 1;
}

static int raced;

static void *race(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100000; i++)
        raced++;
    return NULL;
}

static void data_race(void)
{
    pthread_t other;
    if (pthread_create(&other, NULL, race, NULL) != 0)
        return;
    race(NULL);
    pthread_join(other, NULL);
}

int main(int argc, char **argv)
{
    const char *fault = argc == 2 ? argv[1] : "";
    if (strcmp(fault, "heap-overflow") == 0)
        heap_overflow();
    else if (strcmp(fault, "signed-overflow") == 0)
        signed_overflow();
    else if (strcmp(fault, "data-race") == 0)
        data_race();
    else {
        fprintf(stderr, "usage: %s heap-overflow|signed-overflow|data-race\n", argv[0]);
        return 2;
    }
    fprintf(stderr, "%s was not caught\n", fault);
    return 0;
}
