#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE (TOA_SECOND / 1000)

static bool still_found(const sim_world *world, trial_finding *finding)
{
    static const trial_tap nobody;
    trial_tally tally = {.worlds = 0};
    trial_finding now;
    trial_run(world, &nobody, false, &tally, &now);
    if (!now.found || strcmp(now.what, finding->what) != 0) {
        return false;
    }
    *finding = now;
    return true;
}

/* Leaves out `n` operations from `first` on, if they are not needed. */
static bool leave_out(sim_world *world, trial_finding *finding, size_t first, size_t n)
{
    sim_world less = *world;
    less.n_ops -= n;
    less.ops = malloc((less.n_ops + 1) * sizeof *less.ops);
    if (less.ops == NULL) {
        abort();
    }
    memcpy(less.ops, world->ops, first * sizeof *less.ops);
    memcpy(less.ops + first, world->ops + first + n, (less.n_ops - first) * sizeof *less.ops);
    if (!still_found(&less, finding)) {
        free(less.ops);
        return false;
    }
    free(world->ops);
    world->ops = less.ops;
    world->n_ops = finding->op + 1;
    return true;
}

static void fewer_operations(sim_world *world, trial_finding *finding)
{
    bool again = true;
    while (again) {
        again = false;
        for (size_t n = world->n_ops / 2; n != 0; n /= 2) {
            for (size_t first = 0; first + n <= world->n_ops;) {
                bool gone = leave_out(world, finding, first, n);
                again = again || gone;
                first += gone ? 0 : n;
            }
        }
    }
}

static void simpler_setup(sim_world *world, trial_finding *finding)
{
    for (unsigned i = 0; i < 7; i++) {
        sim_setup before = world->setup;
        sim_setup *setup = &world->setup;
        setup->trust = setup->trust && i != 0;
        setup->n_watched = i == 1 ? 0 : setup->n_watched;
        setup->hold_connection = setup->hold_connection && i != 2;
        setup->midstream = setup->midstream && i != 3;
        setup->duplicates = i == 4 ? TOA_DUPLICATES_FIRST : setup->duplicates;
        setup->n_dialects = i == 5 ? 0 : setup->n_dialects;
        setup->ttl = i == 6 ? TOA_TTL_DEFAULT : setup->ttl;
        if (!still_found(world, finding)) {
            world->setup = before;
        }
    }
}

/* Brings an operation, and all behind it, as near to the one before it as can be. */
static void shorter_pauses(sim_world *world, trial_finding *finding)
{
    for (size_t first = 0; first < world->n_ops; first++) {
        toa_time before = first == 0 ? 0 : world->ops[first - 1].at;
        toa_time stamp_before = first == 0 ? 0 : world->ops[first - 1].stamp;
        toa_time less = world->ops[first].at - before - PAUSE;
        toa_time stamp_less = world->ops[first].stamp - stamp_before - PAUSE;
        if (less <= 0 && stamp_less <= 0) {
            continue;
        }
        for (size_t i = first; i < world->n_ops; i++) {
            world->ops[i].at -= less;
            world->ops[i].stamp -= stamp_less;
        }
        if (still_found(world, finding)) {
            continue;
        }
        for (size_t i = first; i < world->n_ops; i++) {
            world->ops[i].at += less;
            world->ops[i].stamp += stamp_less;
        }
    }
}

void shrink_world(sim_world *world, trial_finding *finding)
{
    world->n_ops = finding->op + 1;
    fewer_operations(world, finding);
    simpler_setup(world, finding);
    shorter_pauses(world, finding);
    fewer_operations(world, finding);
}
