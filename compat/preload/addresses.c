#include "addresses.h"

#include <string.h>

bool preload_endpoint(const preload_address *address, toa_endpoint *out)
{
    toa_endpoint endpoint = {.has_port = 1};
    if (address->any.sa_family == AF_INET) {
        endpoint.version = 4;
        endpoint.port = ntohs(address->v4.sin_port);
        memcpy(endpoint.ip, &address->v4.sin_addr, 4);
    } else if (address->any.sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr) != 0;
        endpoint.version = mapped ? 4 : 6;
        endpoint.port = ntohs(address->v6.sin6_port);
        memcpy(endpoint.ip, address->v6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    } else {
        return false;
    }
    *out = endpoint;
    return true;
}

bool preload_put_client(const toa_endpoint *client, preload_address *address)
{
    if (address->any.sa_family == AF_INET) {
        if (client->version != 4) {
            return false;
        }
        memcpy(&address->v4.sin_addr, client->ip, 4);
        address->v4.sin_port = client->has_port != 0 ? htons(client->port) : address->v4.sin_port;
        return true;
    }
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint8_t *ip = address->v6.sin6_addr.s6_addr;
    bool is_v4 = client->version == 4;
    memcpy(ip, mapped, sizeof mapped);
    memcpy(ip + (is_v4 ? 12 : 0), client->ip, is_v4 ? 4 : 16);
    address->v6.sin6_port = client->has_port != 0 ? htons(client->port) : address->v6.sin6_port;
    address->v6.sin6_scope_id = 0; /* of the load balancer's address */
    return true;
}

void preload_hand_out(const preload_address *from, socklen_t from_len, struct sockaddr *address,
                      socklen_t *len)
{
    if (address != NULL && len != NULL) {
        memcpy(address, from, *len < from_len ? *len : from_len);
        *len = from_len;
    }
}
