/*
 * Drives engine and service through seeded worlds, one seed after the other, until all operations
 * are done or engine, service and model say different things.
 *
 *   --seed N        of the first world (1)
 *   --operations N  over all worlds (1000000)
 *   --world N       operations of one world (5000)
 *   --write DIR     where a finding goes, as a case that `toa check` runs (.)
 *   --record        writes the first world as a case, though nothing is found, and ends
 *   --show          prints every operation
 *
 * Status 0: no difference; 1: a finding; 2: usage; 4: something cannot be written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shrink.h"
#include "write_case.h"

/* Operations after which every word must have been seen. */
#define ALL_WORDS_AFTER 200000

typedef struct options {
    uint64_t seed;
    uint64_t operations;
    uint64_t world;
    const char *directory;
    bool record;
    bool show;
} options;

static bool number(const char *text, uint64_t *out)
{
    return text != NULL && toa_number_parse(text, strlen(text), UINT64_MAX, out) == NULL;
}

static bool read_options(char **argv, options *out)
{
    *out = (options){.seed = 1, .operations = 1000000, .world = 5000, .directory = "."};
    for (char **at = argv + 1; *at != NULL; at++) {
        bool right = true;
        if (strcmp(*at, "--record") == 0) {
            out->record = true;
        } else if (strcmp(*at, "--show") == 0) {
            out->show = true;
        } else if (strcmp(*at, "--seed") == 0) {
            right = number(*++at, &out->seed);
        } else if (strcmp(*at, "--operations") == 0) {
            right = number(*++at, &out->operations) && out->operations != 0;
        } else if (strcmp(*at, "--world") == 0) {
            right = number(*++at, &out->world) && out->world != 0;
        } else if (strcmp(*at, "--write") == 0) {
            right = (out->directory = *++at) != NULL;
        } else {
            right = false;
        }
        if (!right) {
            return false;
        }
    }
    return true;
}

static int write_out(const sim_world *world, const options *how, const char *why)
{
    char name[64];
    (void)snprintf(name, sizeof name, "sim-%" PRIu64, world->seed);
    const char *wrong = write_case(world, how->directory, name, why);
    if (wrong != NULL) {
        (void)fprintf(stderr, "%s/%s: %s: %s\n", how->directory, name, wrong, strerror(errno));
        return 4;
    }
    printf("toa check --hash-key %" PRIu64 " %s/%s.case\n", world->setup.hash_key, how->directory,
           name);
    return 0;
}

static int report(sim_world *world, const options *how, trial_finding *finding)
{
    static const trial_tap nobody;
    trial_tally tally = {.worlds = 0};
    printf("seed %" PRIu64 ", operation %zu of %zu: %s\n", world->seed, finding->op, world->n_ops,
           finding->what);
    shrink_world(world, finding);
    printf("shrunk to %zu operations:\n", world->n_ops);
    trial_run(world, &nobody, true, &tally, finding);
    int status = write_out(world, how, finding->what);
    return status == 0 ? 1 : status;
}

static void print_words(const char *what, const uint64_t counts[TOA_N_WORDS])
{
    printf("%s:", what);
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        if (counts[i] != 0) {
            printf(" %" PRIu64 " %s", counts[i], toa_word_name((toa_word)i));
        }
    }
    printf("\n");
}

/* A run in which something never happened does not test it. */
static bool all_words(const trial_tally *tally)
{
    bool all = true;
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        toa_word word = (toa_word)i;
        bool verdict = word == TOA_NO_OPTION || word >= TOA_UNTRUSTED;
        if (word == TOA_NESTED || word == TOA_CAPTURE_DROPS) {
            continue; /* tunnels stay closed, and nothing is captured live */
        }
        if ((verdict && tally->verdicts[i] == 0) ||
            (toa_word_is_answer(word) && tally->answers[i] == 0)) {
            printf("never happened: %s\n", toa_word_name(word));
            all = false;
        }
    }
    return all;
}

static void summary(const trial_tally *tally, uint64_t operations, const options *how)
{
    printf("%" PRIu64 " operations in %" PRIu64 " worlds, seeds %" PRIu64 " to %" PRIu64
           ", %lld days of virtual time\n",
           operations, tally->worlds, how->seed, how->seed + tally->worlds - 1,
           (long long)(tally->span / 86400));
    printf("%" PRIu64 " frames, %" PRIu64 " lookups, %" PRIu64 " datagrams, %" PRIu64
           " answers to them, %" PRIu64 " of which waited; %" PRIu64 " flows pushed out\n",
           tally->frames, tally->asks, tally->datagrams, tally->replies, tally->waited,
           tally->pushed);
    print_words("frames", tally->verdicts);
    print_words("lookups", tally->answers);
}

int main(int argc, char **argv)
{
    static const trial_tap nobody;
    options how;
    trial_tally tally = {.worlds = 0};
    (void)argc;
    if (!read_options(argv, &how)) {
        (void)fprintf(stderr,
                      "usage: %s [--seed N] [--operations N] [--world N] [--write DIR] "
                      "[--record] [--show]\n",
                      argv[0]);
        return 2;
    }
    for (uint64_t done = 0; done < how.operations; done += how.world) {
        sim_world world;
        trial_finding finding;
        world_make(&world, how.seed + done / how.world, (size_t)how.world);
        trial_run(&world, &nobody, how.show, &tally, &finding);
        int status = finding.found ? report(&world, &how, &finding)
                     : how.record ? write_out(&world, &how, "Made up; nothing is known against it.")
                                  : 0;
        world_free(&world);
        if (status != 0 || how.record) {
            return status;
        }
    }
    uint64_t operations = tally.worlds * how.world;
    summary(&tally, operations, &how);
    return operations < ALL_WORDS_AFTER || all_words(&tally) ? 0 : 1;
}
