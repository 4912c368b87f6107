#include "config_system.h"

#include <stdio.h>
#include <string.h>

#include "control.h"

bool toa_config_on_system(const toa_service_config *config, char error[TOA_CONFIG_ERROR])
{
    if (config->user[0] != '\0') { /* it would be silently without effect */
        (void)snprintf(error, TOA_CONFIG_ERROR, "User is not there on Windows");
        return false;
    }
    if (config->control[0] != '\0' &&
        strncmp(config->control, TOA_CONTROL_PIPES, sizeof TOA_CONTROL_PIPES - 1) != 0) {
        (void)snprintf(error, TOA_CONFIG_ERROR,
                       "control: %.200s: on Windows it is a pipe (" TOA_CONTROL_PIPES "toa)",
                       config->control);
        return false;
    }
    return true;
}
