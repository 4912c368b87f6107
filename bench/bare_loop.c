/*
 * The yardstick of `toa replay`: libpcap reads a capture, and a callback does nothing.
 * Call: bench_bare_loop FILE
 */
#include <pcap/pcap.h>
#include <stdio.h>

static void nothing(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)context;
    (void)header;
    (void)bytes;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    if (argc != 2) {
        fprintf(stderr, "call: bench_bare_loop FILE\n");
        return 2;
    }
    pcap_t *pcap = pcap_open_offline(argv[1], error);
    if (pcap == NULL) {
        fprintf(stderr, "bench_bare_loop: %s\n", error);
        return 1;
    }
    int end = pcap_loop(pcap, -1, nothing, NULL);
    if (end != 0) {
        fprintf(stderr, "bench_bare_loop: %s\n", pcap_geterr(pcap));
    }
    pcap_close(pcap);
    return end == 0 ? 0 : 1;
}
