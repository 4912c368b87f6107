/*
 * A server that says to each client who it is: libtoa-live in the process, no service beside it.
 * Call: accept_loop IP PORT [INTERFACE]   needs CAP_NET_RAW; libraries: toa::live
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <toa/live.h>
#include <toa/text.h>
#include <unistd.h>

static int listen_at(const char *ip, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || inet_pton(AF_INET, ip, &at.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 128) != 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static toa_live *capture(const char *interface, const char *port)
{
    toa_dialects dialects;
    toa_server servers[4];
    size_t n_servers = 0;
    char text[256];
    char watched[32];
    toa_live *live = NULL;

    toa_dialects_default(&dialects);
    (void)snprintf(watched, sizeof watched, "any:%s", port);
    if (toa_servers_parse(watched, strlen(watched), servers, 4, &n_servers) != NULL) {
        exit(2);
    }
    const toa_config config = {
        .dialects = &dialects, .servers = servers, .n_servers = n_servers, .ttl = TOA_TTL_DEFAULT};
    const toa_live_options options = {.interface = interface, .config = &config};
    if (toa_live_start(&live, &options, text, sizeof text) != TOA_LIVE_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    return live;
}

/* Who it is, or the peer itself, and why. */
static const char *find(toa_live *live, const struct sockaddr_in *peer, toa_endpoint *client)
{
    toa_answer answer;
    toa_endpoint fake = {.version = 4, .has_port = 1, .port = ntohs(peer->sin_port)};
    memcpy(fake.ip, &peer->sin_addr, 4);
    /* The segments of the handshake are captured when accept() returns: no race, and no wait. */
    toa_word word = toa_live_lookup(live, &fake, NULL, 0, &answer);
    *client = word == TOA_FOUND ? answer.mapping.client : fake;
    return toa_word_name(word);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: accept_loop IP PORT [INTERFACE]\n");
        return 2;
    }
    toa_live *live = capture(argc > 3 ? argv[3] : "any", argv[2]);
    int listener = listen_at(argv[1], argv[2]);
    for (;;) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        toa_endpoint client;
        char request[1024];
        char text[256];
        char address[TOA_ENDPOINT_TEXT];
        int fd = accept(listener, (struct sockaddr *)&peer, &len);
        if (fd < 0) {
            continue;
        }
        const char *word = find(live, &peer, &client);
        unsigned port = client.port;
        client.port = client.has_port = 0; /* the address alone is printed */
        (void)toa_endpoint_format(&client, address);
        if (recv(fd, request, sizeof request, 0) > 0) {
            int text_len = snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\n\r\nclient=%s %u\n%s\n",
                                    address, port, word);
            /* A client that has gone would end us by SIGPIPE. */
            if (send(fd, text, (size_t)text_len, MSG_NOSIGNAL) < 0) {
                perror("send");
            }
        }
        (void)close(fd);
    }
}
