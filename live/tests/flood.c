#define _GNU_SOURCE

#include "flood.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, FRAME_LEN = 14 + 20 + 28 };

bool flood_open(flood *flood, const char *interface)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET};
    int on = 1;
    at.sll_ifindex = (int)if_nametoindex(interface);
    flood->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (flood->socket >= 0 && at.sll_ifindex != 0 &&
        bind(flood->socket, (const struct sockaddr *)&at, sizeof at) == 0) {
        (void)setsockopt(flood->socket, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
        return true;
    }
    flood_close(flood);
    return false;
}

void flood_close(flood *flood)
{
    if (flood->socket >= 0) {
        (void)close(flood->socket);
    }
    flood->socket = -1;
}

toa_endpoint flood_fake(uint8_t network, uint32_t number)
{
    toa_endpoint fake = {.ip = {10, network}, .version = 4, .has_port = 1};
    fake.ip[2] = (uint8_t)(number >> 20);
    fake.ip[3] = (uint8_t)(number >> 12);
    fake.port = (uint16_t)(10000 + (number & 0xfff));
    return fake;
}

toa_endpoint flood_client(uint32_t number)
{
    toa_endpoint client = {.ip = {100}, .version = 4, .has_port = 1};
    client.ip[1] = (uint8_t)(number >> 16);
    client.ip[2] = (uint8_t)(number >> 8);
    client.ip[3] = (uint8_t)number;
    client.port = (uint16_t)(number ^ 0x5555);
    return client;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Checksums are left out: the engine does not look at them, and the kernel's TCP stays silent. */
static void write_syn(uint8_t frame[FRAME_LEN], const flood_part *part, uint32_t number)
{
    static const uint8_t head[34] = {0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0x08, 0,   0x45, 0,   0,
                                     48, 0, 0, 0, 0, 64, 6, 0, 0, 0, 0, 0, 0,    198, 51,   100, 2};
    toa_endpoint fake = flood_fake(part->network, number);
    toa_endpoint client = flood_client(number);
    memset(frame, 0, FRAME_LEN);
    memcpy(frame, head, sizeof head);
    memcpy(frame + 26, fake.ip, 4);
    put16(frame + 34, fake.port);
    put16(frame + 36, 443);
    put16(frame + 38, number >> 16); /* its initial sequence number */
    put16(frame + 40, number & 0xffff);
    frame[46] = 7 << 4;
    frame[47] = TOA_TCP_SYN;
    memset(frame + 54, 1, 8); /* no operation */
    if (part->toa) {
        frame[54] = 254;
        frame[55] = 8;
        put16(frame + 56, client.port);
        memcpy(frame + 58, client.ip, 4);
    }
}

static bool send_batch(const flood *flood, struct mmsghdr *messages, unsigned n)
{
    unsigned sent = 0;
    while (sent < n) {
        int now = sendmmsg(flood->socket, messages + sent, n - sent, 0);
        if (now < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        sent += now < 0 ? 0 : (unsigned)now;
    }
    return true;
}

bool flood_send(const flood *flood, const flood_part *part)
{
    uint8_t frames[BATCH][FRAME_LEN];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    bool sent = true;
    memset(messages, 0, sizeof messages);
    for (uint32_t i = 0; i < part->n && sent; i += BATCH) {
        unsigned n = part->n - i < BATCH ? part->n - i : BATCH;
        for (unsigned k = 0; k < n; k++) {
            write_syn(frames[k], part, part->first + i + k);
            parts[k] = (struct iovec){frames[k], FRAME_LEN};
            messages[k].msg_hdr.msg_iov = &parts[k];
            messages[k].msg_hdr.msg_iovlen = 1;
        }
        sent = send_batch(flood, messages, n);
    }
    return sent;
}
