/*
 * One connection over loopback to a server that somebody else is, with a TOA on its segments.
 * Prints "FAKE REAL", then what the server says to a GET; the connection stays until the input
 * ends. Call: toa_connect PORT NUMBER   another NUMBER is another client
 */
#include <toa/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections.h"

static void print_answer(int fd)
{
    static const char get[] = "GET / HTTP/1.0\r\n\r\n";
    struct timeval patience = {.tv_sec = 20};
    char text[2048];
    ssize_t n = send(fd, get, sizeof get - 1, MSG_NOSIGNAL);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (n > 0 && (n = recv(fd, text, sizeof text, 0)) > 0) {
        (void)fwrite(text, 1, (size_t)n, stdout);
    }
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    option_writer writer;
    const char *why = NULL;
    char ignored;
    if (argc != 3) {
        return 2;
    }
    if (!option_writer_start(&writer, 4, CARRY_ON_BOTH, &why)) {
        fprintf(stderr, "toa_connect: %s\n", why);
        return 77;
    }
    connections_plan plan = {
        .writer = &writer, .version = 4, .port = (uint16_t)strtoul(argv[1], NULL, 10)};
    size_t number = strtoul(argv[2], NULL, 10);
    toa_endpoint fake = connections_fake(&plan, number);
    int fd = connections_open(&plan, number);
    if (fd >= 0) {
        toa_endpoint real = connections_client(&plan, fake.port);
        char texts[2][TOA_ENDPOINT_TEXT];
        (void)toa_endpoint_format(&fake, texts[0]);
        (void)toa_endpoint_format(&real, texts[1]);
        printf("%s %s\n", texts[0], texts[1]);
        print_answer(fd);
        while (read(STDIN_FILENO, &ignored, 1) > 0) {
        }
        connections_close(&plan, number, fd);
    }
    option_writer_stop(&writer);
    return fd >= 0 ? 0 : 1;
}
