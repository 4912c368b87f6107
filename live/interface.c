#define _DEFAULT_SOURCE

#include "interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char toa_interface_lister[] = "ip addr";

static bool has_address(const struct ifaddrs *entry, const toa_endpoint *ip)
{
    if (entry->ifa_addr == NULL) {
        return false;
    }
    if (ip->version == 4 && entry->ifa_addr->sa_family == AF_INET) {
        struct sockaddr_in at;
        memcpy(&at, entry->ifa_addr, sizeof at);
        return memcmp(&at.sin_addr, ip->ip, 4) == 0;
    }
    if (ip->version == 6 && entry->ifa_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 at;
        memcpy(&at, entry->ifa_addr, sizeof at);
        return memcmp(&at.sin6_addr, ip->ip, 16) == 0;
    }
    return false;
}

/* An address that two interfaces have: the one that is up. */
static const struct ifaddrs *find(const struct ifaddrs *entry, const char *name,
                                  const toa_endpoint *ip)
{
    const struct ifaddrs *found = NULL;
    for (; entry != NULL; entry = entry->ifa_next) {
        bool is = ip == NULL ? strcmp(entry->ifa_name, name) == 0 : has_address(entry, ip);
        if (is && (found == NULL || (found->ifa_flags & IFF_UP) == 0)) {
            found = entry;
        }
    }
    return found;
}

toa_live_error toa_interface_find(const char *what, toa_interface *out)
{
    toa_endpoint ip = {.version = 0};
    struct ifaddrs *all = NULL;

    if (strcmp(what, "any") == 0) {
        *out = (toa_interface){.name = "any", .up = true};
        return TOA_LIVE_OK;
    }
    if (getifaddrs(&all) != 0) {
        return TOA_LIVE_NO_PCAP;
    }
    bool address = toa_ip_parse(what, strlen(what), &ip) == NULL;
    const struct ifaddrs *found = find(all, what, address ? &ip : NULL);
    toa_live_error error = TOA_LIVE_OK;
    if (found == NULL) {
        error = !address && toa_interface_like_address(what) ? TOA_LIVE_BAD_ADDRESS
                                                             : TOA_LIVE_NO_INTERFACE;
    } else {
        *out = (toa_interface){
            .index = if_nametoindex(found->ifa_name),
            .up = (found->ifa_flags & IFF_UP) != 0,
        };
        (void)snprintf(out->name, sizeof out->name, "%s", found->ifa_name);
        error = out->index == 0 && errno != ENODEV ? TOA_LIVE_NO_PCAP : TOA_LIVE_OK;
    }
    freeifaddrs(all);
    return error;
}

int toa_interface_watch(void)
{
    struct sockaddr_nl groups = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
    };
    int watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (watch < 0) {
        return -1;
    }
    if (bind(watch, (const struct sockaddr *)&groups, sizeof groups) != 0) {
        (void)close(watch);
        return -1;
    }
    return watch;
}

bool toa_interface_changed(int watch)
{
    char bytes[8192];
    bool any = false;
    ssize_t got = 0;
    do {
        got = recv(watch, bytes, sizeof bytes, 0);
        any = any || got >= 0 || errno == ENOBUFS; /* ENOBUFS: there was more than fitted */
    } while (got >= 0 || errno == ENOBUFS || errno == EINTR);
    return any;
}

void toa_interface_unwatch(int watch)
{
    if (watch >= 0) {
        (void)close(watch);
    }
}
