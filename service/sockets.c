#include "sockets.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SPACE = TOA_DATAGRAM_MAX + 1, CONTROL = 64, RECEIVE_BUFFER = 4 * 1024 * 1024 };
enum { SEND_TRIES = 3, SEND_WAIT_MS = 1 };

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static socklen_t address_of(const toa_endpoint *endpoint, uint32_t scope, address *out)
{
    memset(out, 0, sizeof *out);
    if (endpoint->version == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(endpoint->port);
        memcpy(&out->v4.sin_addr, endpoint->ip, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(endpoint->port);
    out->v6.sin6_scope_id = scope;
    memcpy(&out->v6.sin6_addr, endpoint->ip, 16);
    return sizeof out->v6;
}

static toa_endpoint endpoint_of(const address *from)
{
    toa_endpoint endpoint = {.version = 4, .has_port = 1};
    if (from->any.sa_family == AF_INET6) {
        endpoint.version = 6;
        endpoint.port = ntohs(from->v6.sin6_port);
        memcpy(endpoint.ip, &from->v6.sin6_addr, 16);
    } else {
        endpoint.port = ntohs(from->v4.sin_port);
        memcpy(endpoint.ip, &from->v4.sin_addr, 4);
    }
    return endpoint;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool is_wildcard(const toa_endpoint *at)
{
    static const uint8_t zeros[16];
    return memcmp(at->ip, zeros, sizeof zeros) == 0;
}

static bool set_options(int fd, const toa_endpoint *at)
{
    int one = 1;
    int size = RECEIVE_BUFFER;
    if (at->version == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) {
        return false;
    }
    if (is_wildcard(at)) {
        int level = at->version == 4 ? IPPROTO_IP : IPPROTO_IPV6;
        int name = at->version == 4 ? IP_PKTINFO : IPV6_RECVPKTINFO;
        if (setsockopt(fd, level, name, &one, sizeof one) != 0) {
            return false;
        }
    }
    /* As much as the system allows; less is no error. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return true;
}

/* Whether the kernel can cut a message into datagrams: Linux from 4.18 on. An older one would not
 * refuse the message, but send it in one piece. */
static bool cuts_messages(int fd)
{
    int none = 0;
    return setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
}

bool toa_socket_open(toa_socket *out, const toa_endpoint *at, uint32_t number,
                     char error[TOA_SOCKET_ERROR])
{
    char text[TOA_ENDPOINT_TEXT];
    address bound;
    socklen_t len = address_of(at, 0, &bound);
    int fd = socket(bound.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool right = fd >= 0 && set_options(fd, at) && bind(fd, &bound.any, len) == 0 &&
                 getsockname(fd, &bound.any, &len) == 0;
    if (!right) {
        (void)toa_endpoint_format(at, text);
        (void)snprintf(error, TOA_SOCKET_ERROR, "cannot listen on %s: %s", text, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    *out = (toa_socket){.fd = fd,
                        .at = *at,
                        .bound = endpoint_of(&bound),
                        .number = number,
                        .wildcard = is_wildcard(at),
                        .cuts = cuts_messages(fd)};
    return true;
}

void toa_socket_close(toa_socket *closed)
{
    if (closed->fd >= 0) {
        (void)close(closed->fd);
        closed->fd = -1;
    }
}

/* ---- The address that was asked -------------------------------------------------------------- */

static void read_control(struct msghdr *head, toa_endpoint *to)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(head); part != NULL; part = CMSG_NXTHDR(head, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof info);
            memcpy(to->ip, &info.ipi_spec_dst, 4);
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof info);
            memcpy(to->ip, &info.ipi6_addr, 16);
        }
    }
}

/* Names the address that an answer comes from; `control` has CONTROL bytes. */
static void write_control(struct msghdr *head, const toa_endpoint *from, uint8_t *control)
{
    memset(control, 0, CONTROL);
    head->msg_control = control;
    head->msg_controllen = CONTROL;
    struct cmsghdr *part = CMSG_FIRSTHDR(head);
    if (from->version == 4) {
        struct in_pktinfo info;
        memset(&info, 0, sizeof info);
        memcpy(&info.ipi_spec_dst, from->ip, 4);
        part->cmsg_level = IPPROTO_IP;
        part->cmsg_type = IP_PKTINFO;
        part->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(part), &info, sizeof info);
        head->msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info;
        memset(&info, 0, sizeof info);
        memcpy(&info.ipi6_addr, from->ip, 16);
        part->cmsg_level = IPPROTO_IPV6;
        part->cmsg_type = IPV6_PKTINFO;
        part->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(part), &info, sizeof info);
        head->msg_controllen = CMSG_SPACE(sizeof info);
    }
}

/* ---- Batches --------------------------------------------------------------------------------- */

struct toa_batch {
    const toa_socket *from;
    size_t n;
    struct mmsghdr received[TOA_BATCH];
    struct iovec into[TOA_BATCH];
    address peers[TOA_BATCH];
    uint8_t bytes[TOA_BATCH][SPACE];
    _Alignas(struct cmsghdr) uint8_t control[TOA_BATCH][CONTROL];
    struct mmsghdr sent[TOA_BATCH]; /* messages: several answers to one peer are one */
    struct iovec out_of[TOA_BATCH];
    uint8_t answers[TOA_BATCH][TOA_DATAGRAM_MAX];
    _Alignas(struct cmsghdr) uint8_t sent_control[TOA_BATCH][CONTROL];
    toa_endpoint asked[TOA_BATCH];
    size_t n_answers;
    size_t n_messages;
};

toa_batch *toa_batch_new(void)
{
    toa_batch *batch = calloc(1, sizeof *batch);
    for (size_t i = 0; batch != NULL && i < TOA_BATCH; i++) {
        batch->into[i] = (struct iovec){batch->bytes[i], SPACE};
        batch->received[i].msg_hdr.msg_iov = &batch->into[i];
        batch->received[i].msg_hdr.msg_iovlen = 1;
        batch->sent[i].msg_hdr.msg_iovlen = 1;
    }
    return batch;
}

void toa_batch_free(toa_batch *batch)
{
    free(batch);
}

size_t toa_batch_receive(toa_batch *batch, const toa_socket *from)
{
    int n = 0;
    for (size_t i = 0; i < TOA_BATCH; i++) {
        struct msghdr *head = &batch->received[i].msg_hdr;
        head->msg_name = &batch->peers[i];
        head->msg_namelen = sizeof batch->peers[i];
        head->msg_control = from->wildcard ? batch->control[i] : NULL;
        head->msg_controllen = from->wildcard ? CONTROL : 0;
    }
    do {
        n = recvmmsg(from->fd, batch->received, TOA_BATCH, MSG_DONTWAIT, NULL);
    } while (n < 0 && errno == EINTR);
    batch->from = from;
    batch->n = n < 0 ? 0 : (size_t)n;
    batch->n_answers = 0;
    batch->n_messages = 0;
    return batch->n;
}

const uint8_t *toa_batch_datagram(toa_batch *batch, size_t i, size_t *len, toa_peer *peer)
{
    struct mmsghdr *message = &batch->received[i];
    *peer = (toa_peer){.from = endpoint_of(&batch->peers[i]),
                       .to = batch->from->bound,
                       .socket = batch->from->number};
    if (batch->peers[i].any.sa_family == AF_INET6) {
        peer->scope = batch->peers[i].v6.sin6_scope_id;
    }
    if (batch->from->wildcard) {
        read_control(&message->msg_hdr, &peer->to);
    }
    batch->asked[i] = peer->to;
    *len = message->msg_len;
    return batch->bytes[i];
}

uint8_t *toa_batch_answer(toa_batch *batch, size_t i)
{
    return batch->answers[i];
}

/* Whether an answer of this length to datagram `i` goes to the last message's peer and is as long
 * as those before it: then the kernel sends them all in one go, which for somebody who asks a lot
 * at once makes a tenth to a fifth more answers a second (bench/serve.sh). */
static bool joins_last(const toa_batch *batch, size_t i, size_t len)
{
    const struct msghdr *to = &batch->received[i].msg_hdr;
    if (batch->n_messages == 0 || !batch->from->cuts || batch->from->wildcard) {
        return false;
    }
    const struct msghdr *last = &batch->sent[batch->n_messages - 1].msg_hdr;
    return last->msg_iov->iov_len == len && last->msg_namelen == to->msg_namelen &&
           memcmp(last->msg_name, to->msg_name, to->msg_namelen) == 0;
}

void toa_batch_answered(toa_batch *batch, size_t i, size_t len)
{
    struct iovec *part = &batch->out_of[batch->n_answers++];
    *part = (struct iovec){batch->answers[i], len};
    if (joins_last(batch, i, len)) {
        batch->sent[batch->n_messages - 1].msg_hdr.msg_iovlen++;
        return;
    }
    size_t n = batch->n_messages++;
    struct msghdr *head = &batch->sent[n].msg_hdr;
    *head = (struct msghdr){.msg_name = batch->received[i].msg_hdr.msg_name,
                            .msg_namelen = batch->received[i].msg_hdr.msg_namelen,
                            .msg_iov = part,
                            .msg_iovlen = 1};
    if (batch->from->wildcard) {
        write_control(head, &batch->asked[i], batch->sent_control[n]);
    }
}

static_assert(TOA_BATCH <= 64, "UDP_MAX_SEGMENTS of Linux before 6.10");

/* Has the kernel cut a message into datagrams as long as its first part. It refuses to where one
 * is too long for a packet: see send_apart. */
static void write_segment(struct msghdr *head, uint8_t *control)
{
    const uint16_t len = (uint16_t)head->msg_iov->iov_len;
    memset(control, 0, CONTROL);
    head->msg_control = control;
    head->msg_controllen = CMSG_SPACE(sizeof len);
    struct cmsghdr *part = CMSG_FIRSTHDR(head);
    part->cmsg_level = SOL_UDP;
    part->cmsg_type = UDP_SEGMENT;
    part->cmsg_len = CMSG_LEN(sizeof len);
    memcpy(CMSG_DATA(part), &len, sizeof len);
}

/* Whether a failed send is worth another try, after waiting for room. */
static bool may_try_again(int fd, unsigned *n_tries)
{
    if (errno == EINTR) {
        return true;
    }
    if ((errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM) || ++*n_tries > SEND_TRIES) {
        return false;
    }
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    (void)poll(&room, 1, SEND_WAIT_MS);
    return true;
}

static bool send_message(int fd, const struct msghdr *head)
{
    unsigned n_tries = 0;
    while (sendmsg(fd, head, MSG_DONTWAIT) < 0) {
        if (!may_try_again(fd, &n_tries)) {
            return false;
        }
    }
    return true;
}

/* A message that could not be sent, by its datagrams: one that is refused need not be all. Returns
 * how many were. */
static size_t send_apart(int fd, const struct msghdr *head)
{
    size_t n_lost = 0;
    for (size_t i = 0; i < head->msg_iovlen; i++) {
        struct msghdr alone = *head;
        alone.msg_iov = &head->msg_iov[i];
        alone.msg_iovlen = 1;
        if (head->msg_iovlen > 1) {
            alone.msg_control = NULL;
            alone.msg_controllen = 0;
        }
        n_lost += !send_message(fd, &alone);
    }
    return n_lost;
}

size_t toa_batch_send(toa_batch *batch, const toa_socket *to)
{
    size_t done = 0;
    size_t n_lost = 0;
    for (size_t i = 0; i < batch->n_messages; i++) {
        struct msghdr *head = &batch->sent[i].msg_hdr;
        if (head->msg_iovlen > 1) {
            write_segment(head, batch->sent_control[i]);
        }
    }
    while (done < batch->n_messages) {
        struct mmsghdr *next = &batch->sent[done];
        int n = sendmmsg(to->fd, next, (unsigned)(batch->n_messages - done), MSG_DONTWAIT);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        n_lost += send_apart(to->fd, &next->msg_hdr);
        done++;
    }
    return n_lost;
}

bool toa_socket_send(const toa_socket *socket, const toa_peer *peer, const uint8_t *bytes,
                     size_t len)
{
    _Alignas(struct cmsghdr) uint8_t control[CONTROL];
    uint8_t copy[TOA_DATAGRAM_MAX];
    address to;
    struct iovec out_of = {copy, len};
    struct msghdr head = {.msg_iov = &out_of, .msg_iovlen = 1, .msg_name = &to};
    memcpy(copy, bytes, len);
    head.msg_namelen = address_of(&peer->from, peer->scope, &to);
    if (socket->wildcard) {
        write_control(&head, &peer->to, control);
    }
    return send_message(socket->fd, &head);
}
