#include "config_system.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

bool toa_config_on_system(const toa_service_config *config, char error[TOA_CONFIG_ERROR])
{
    bool right = strlen(config->control) < sizeof((struct sockaddr_un *)NULL)->sun_path;
    if (!right) {
        (void)snprintf(error, TOA_CONFIG_ERROR, "control: %.200s: the path is too long",
                       config->control);
    }
    return right;
}
