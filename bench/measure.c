/*
 * Runs two commands by turns, and prints what they took. Their output is thrown away.
 * Call: bench_measure ROUNDS COMMAND... -- COMMAND...
 * Prints one line: the median of the rounds' ratios, first to second; the medians of the first's
 * and the second's seconds; their most resident memory in KiB.
 *
 * Time is what the processor spent, for the program and for the kernel on its behalf: both read
 * from the page cache and wait for nothing, so on an idle machine it is the time on the wall, and
 * on a busy one it still means something.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS_MAX = 101 };

extern char **environ;

typedef struct cost {
    double seconds;
    long resident; /* KiB, the most of all rounds */
} cost;

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void die(const char *command, const char *what)
{
    fprintf(stderr, "bench_measure: %s: %s\n", command, what);
    exit(1);
}

static cost run(char **command)
{
    pid_t child;
    int status;
    struct rusage used;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&child, command[0], &actions, NULL, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        die(command[0], strerror(error));
    }
    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            die(command[0], strerror(errno));
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        die(command[0], "failed");
    }
    return (cost){seconds_of(used.ru_utime) + seconds_of(used.ru_stime), used.ru_maxrss};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof values[0], compare);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    double ratios[ROUNDS_MAX];
    double firsts[ROUNDS_MAX];
    double seconds[ROUNDS_MAX];
    long resident[2] = {0, 0};
    char **other = NULL;
    unsigned long rounds = argc > 4 ? strtoul(argv[1], NULL, 10) : 0;

    for (int i = 3; i < argc - 1 && other == NULL; i++) {
        if (strcmp(argv[i], "--") == 0) {
            argv[i] = NULL;
            other = argv + i + 1;
        }
    }
    if (rounds == 0 || rounds > ROUNDS_MAX || other == NULL) {
        fprintf(stderr, "call: bench_measure ROUNDS COMMAND... -- COMMAND...\n");
        return 2;
    }
    for (size_t i = 0; i < rounds; i++) {
        cost first = run(argv + 2);
        cost second = run(other);
        firsts[i] = first.seconds;
        seconds[i] = second.seconds;
        ratios[i] = first.seconds / second.seconds;
        resident[0] = first.resident > resident[0] ? first.resident : resident[0];
        resident[1] = second.resident > resident[1] ? second.resident : resident[1];
    }
    printf("%.3f %.3f %.3f %ld %ld\n", median(ratios, rounds), median(firsts, rounds),
           median(seconds, rounds), resident[0], resident[1]);
    return 0;
}
