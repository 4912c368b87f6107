/* shrink.h - the least of a world that still shows the difference that was found. */
#ifndef TOA_SIM_SHRINK_H
#define TOA_SIM_SHRINK_H

#include "trial.h"

/* Leaves out operations, settings and pauses as long as the same thing is found. */
void shrink_world(sim_world *world, trial_finding *finding);

#endif
