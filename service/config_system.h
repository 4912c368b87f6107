/*
 * config_system.h - what a configuration may not ask of this system: config_system.c, on Windows
 * config_system_windows.c. A start, a check and a reload refuse the same.
 */
#ifndef TOA_SERVICE_CONFIG_SYSTEM_H
#define TOA_SERVICE_CONFIG_SYSTEM_H

#include "config.h"

/* False: `error` has one line. */
bool toa_config_on_system(const toa_service_config *config, char error[TOA_CONFIG_ERROR]);

#endif
