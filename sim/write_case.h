/*
 * write_case.h - a world as a case that `toa check` runs: the frames as a capture, and what the
 * model says of each of them and of each question. docs/CASES.md tells the form.
 */
#ifndef TOA_SIM_WRITE_CASE_H
#define TOA_SIM_WRITE_CASE_H

#include "trial.h"

/*
 * Writes DIRECTORY/NAME.case and DIRECTORY/NAME.pcap. `why` is a line for people. A question is
 * left out where a case cannot ask it: with a frame behind it that is not stamped later. So are
 * datagrams to the service. Returns NULL, or what is wrong, static; errno is set.
 */
const char *write_case(const sim_world *world, const char *directory, const char *name,
                       const char *why);

#endif
