/*
 * The same with the vendor's class ToaFetcher, as its document uses it. C++98 and later.
 * Call: vendor_server IP PORT   needs CAP_NET_RAW; libraries: toa::fetcher
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <toa_fetcher.h>
#include <unistd.h>

static void answer(ToaFetcher *fetcher, int fd, const sockaddr_in *peer)
{
    u_long fake_ip = 0;
    u_long real_ip = 0;
    u_short fake_port = 0;
    u_short real_port = 0;
    char request[1024];
    char text[128];
    memcpy(&fake_ip, &peer->sin_addr, 4);
    memcpy(&fake_port, &peer->sin_port, 2);
    if (!fetcher->FetchToaValue(fake_ip, fake_port, real_ip, real_port)) {
        real_ip = fake_ip;
        real_port = fake_port;
    }
    in_addr client;
    memcpy(&client, &real_ip, 4);
    if (recv(fd, request, sizeof request, 0) > 0) {
        int len = snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\n\r\nclient=%s %d\n",
                           inet_ntoa(client), ntohs(real_port));
        if (send(fd, text, static_cast<size_t>(len), MSG_NOSIGNAL) < 0) {
            perror("send");
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: vendor_server IP PORT\n");
        return 2;
    }
    char any[] = "";
    u_short ports[1] = {static_cast<u_short>(strtoul(argv[2], 0, 10))};
    ToaFetcher fetcher;
    if (!fetcher.InitUpToaFetcher(any, any, ports, 1)) {
        int code = 0;
        char message[50];
        fetcher.FetchErrorInfo(&code, message);
        fprintf(stderr, "%d %s\n", code, message);
        return 1;
    }
    sockaddr_in at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_port = htons(ports[0]);
    at.sin_addr.s_addr = inet_addr(argv[1]);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, reinterpret_cast<const sockaddr *>(&at), sizeof at) != 0 ||
        listen(listener, 128) != 0) {
        perror("listen");
        return 1;
    }
    for (;;) {
        sockaddr_in peer;
        socklen_t len = sizeof peer;
        int fd = accept(listener, reinterpret_cast<sockaddr *>(&peer), &len);
        if (fd >= 0) {
            answer(&fetcher, fd, &peer);
            close(fd);
        }
    }
}
