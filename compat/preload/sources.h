/* sources.h - who may know the client of an accepted socket. */
#ifndef TOA_PRELOAD_SOURCES_H
#define TOA_PRELOAD_SOURCES_H

#include "settings.h"

/* What is asked about. */
typedef struct preload_question {
    int fd;              /* of the accepted socket */
    toa_endpoint fake;   /* its peer, as the kernel says */
    toa_endpoint server; /* its own end; version 0: not known */
} preload_question;

/*
 * Asks one source. TOA_FOUND, and *client; or the reason why not. The saved SYN can be read once in
 * the life of a socket; what TOA_NEVER_SEEN means there is that the kernel saved none (it was not
 * asked to in time, or answered with a SYN cookie), and of the service that it does not run.
 */
toa_word preload_ask(const preload_settings *settings, preload_source source,
                     const preload_question *question, toa_endpoint *client);

/* Whether a peer is one whose TOA is believed. */
bool preload_trusts(const preload_settings *settings, const toa_endpoint *peer);

/* Tells the kernel to save the SYNs of a listening socket's connections from now on. */
void preload_save_syns(int fd);

/* The same for the listeners that systemd passed on to this process (sd_listen_fds(3)). */
void preload_save_syns_passed_on(void);

#endif
