#include "interface.h"
#include "pcap_functions.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <iphlpapi.h> /* from here on "interface" is a macro */
#include <stdio.h>
#include <stdlib.h>

const char toa_interface_lister[] = "ipconfig /all";

/* ---- What Npcap lists ------------------------------------------------------------------------ */

static bool has_address(const pcap_if_t *device, const toa_endpoint *ip)
{
    for (const struct pcap_addr *one = device->addresses; one != NULL; one = one->next) {
        if (one->addr == NULL) {
            continue;
        }
        if (ip->version == 4 && one->addr->sa_family == AF_INET) {
            struct sockaddr_in at;
            memcpy(&at, one->addr, sizeof at);
            if (memcmp(&at.sin_addr, ip->ip, 4) == 0) {
                return true;
            }
        } else if (ip->version == 6 && one->addr->sa_family == AF_INET6) {
            struct sockaddr_in6 at;
            memcpy(&at, one->addr, sizeof at);
            if (memcmp(&at.sin6_addr, ip->ip, 16) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* "{GUID}" of "\Device\NPF_{GUID}"; all of it when it has none. */
static const char *guid_of(const char *name)
{
    const char *brace = strchr(name, '{');
    return brace == NULL ? name : brace;
}

static bool is_named(const pcap_if_t *device, const char *what, const char *guid)
{
    return _stricmp(device->name, what) == 0 || _stricmp(guid_of(device->name), what) == 0 ||
           (device->description != NULL && _stricmp(device->description, what) == 0) ||
           (guid[0] != '\0' && _stricmp(guid_of(device->name), guid) == 0);
}

/* ---- What Windows says ----------------------------------------------------------------------- */

/* To be freed; NULL: nothing. */
static IP_ADAPTER_ADDRESSES *adapters_new(void)
{
    const ULONG flags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER;
    ULONG size = 32 * 1024;
    for (int i = 0; i < 4; i++) { /* adapters may come between two calls */
        IP_ADAPTER_ADDRESSES *all = malloc(size);
        ULONG wrong = all == NULL ? ERROR_NOT_ENOUGH_MEMORY
                                  : GetAdaptersAddresses(AF_UNSPEC, flags, NULL, all, &size);
        if (wrong == NO_ERROR) {
            return all;
        }
        free(all);
        if (wrong != ERROR_BUFFER_OVERFLOW) {
            return NULL;
        }
    }
    return NULL;
}

/* The GUID of the adapter that people call `what` ("Ethernet 2"); "": none. */
static const char *guid_of_friend(const IP_ADAPTER_ADDRESSES *adapter, const char *what)
{
    char name[TOA_INTERFACE_NAME * 4];
    for (; adapter != NULL; adapter = adapter->Next) {
        if (adapter->FriendlyName != NULL &&
            WideCharToMultiByte(CP_UTF8, 0, adapter->FriendlyName, -1, name, sizeof name, NULL,
                                NULL) > 0 &&
            _stricmp(name, what) == 0) {
            return adapter->AdapterName;
        }
    }
    return "";
}

/* The number, and whether it is up. One that Windows does not know (Npcap's loopback) is up. */
static void describe(const IP_ADAPTER_ADDRESSES *adapter, toa_interface *out)
{
    out->index = 1;
    out->up = true;
    for (; adapter != NULL; adapter = adapter->Next) {
        if (_stricmp(adapter->AdapterName, guid_of(out->name)) == 0) {
            out->index = adapter->IfIndex != 0 ? adapter->IfIndex : adapter->Ipv6IfIndex;
            out->up = adapter->OperStatus == IfOperStatusUp;
        }
    }
}

/* ---- Finding --------------------------------------------------------------------------------- */

static toa_live_error find(const pcap_if_t *devices, const char *what, toa_interface *out)
{
    toa_endpoint ip = {.version = 0};
    bool address = toa_ip_parse(what, strlen(what), &ip) == NULL;
    IP_ADAPTER_ADDRESSES *adapters = adapters_new();
    const char *guid = address ? "" : guid_of_friend(adapters, what);
    toa_interface found = {.up = false};
    for (const pcap_if_t *one = devices; one != NULL && !found.up; one = one->next) {
        bool is = address ? has_address(one, &ip) : is_named(one, what, guid);
        if (is && strlen(one->name) < sizeof found.name) {
            (void)snprintf(found.name, sizeof found.name, "%s", one->name);
            describe(adapters, &found);
        }
    }
    free(adapters);
    if (found.name[0] == '\0') {
        return !address && toa_interface_like_address(what) ? TOA_LIVE_BAD_ADDRESS
                                                            : TOA_LIVE_NO_INTERFACE;
    }
    *out = found;
    return TOA_LIVE_OK;
}

toa_live_error toa_interface_find(const char *what, toa_interface *out)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_if_t *devices = NULL;
    const toa_pcap_functions *pcap = toa_pcap_functions_get();
    if (pcap == NULL || pcap->findalldevs(&devices, why) != 0 || devices == NULL) {
        return TOA_LIVE_NO_PCAP;
    }
    toa_live_error error = TOA_LIVE_OK;
    if (strcmp(what, "any") == 0) {
        *out = (toa_interface){.name = "any", .up = true};
    } else {
        error = find(devices, what, out);
    }
    pcap->freealldevs(devices);
    return error;
}

/* Nothing to wait on: the capture thread looks every second. */
int toa_interface_watch(void)
{
    return -1;
}

bool toa_interface_changed(int watch)
{
    (void)watch;
    return false;
}

void toa_interface_unwatch(int watch)
{
    (void)watch;
}
