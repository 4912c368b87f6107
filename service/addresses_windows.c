#include "addresses_windows.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <iphlpapi.h>
#include <string.h>

static toa_address address_of(const MIB_UNICASTIPADDRESS_ROW *row)
{
    toa_address address = {.ip = {.version = 4}};
    if (row->Address.si_family == AF_INET) {
        memcpy(address.ip.ip, &row->Address.Ipv4.sin_addr, 4);
    } else {
        address.ip.version = 6;
        memcpy(address.ip.ip, &row->Address.Ipv6.sin6_addr, 16);
        address.scope =
            IN6_IS_ADDR_LINKLOCAL(&row->Address.Ipv6.sin6_addr) ? row->InterfaceIndex : 0;
    }
    return address;
}

int toa_addresses_list(unsigned version, toa_addresses *out)
{
    MIB_UNICASTIPADDRESS_TABLE *table = NULL;
    DWORD why = GetUnicastIpAddressTable(version == 4 ? AF_INET : AF_INET6, &table);
    if (why != NO_ERROR) {
        return (int)why;
    }
    out->n = table->NumEntries < TOA_ADDRESSES_MAX ? table->NumEntries : TOA_ADDRESSES_MAX;
    out->n_left_out = table->NumEntries - out->n;
    for (size_t i = 0; i < out->n; i++) {
        out->all[i] = address_of(&table->Table[i]);
    }
    FreeMibTable(table);
    return 0;
}

bool toa_address_equal(const toa_address *a, const toa_address *b)
{
    return toa_endpoint_equal(&a->ip, &b->ip) && a->scope == b->scope;
}
