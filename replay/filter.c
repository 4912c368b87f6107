#include "filter.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Link types in one replay that are compiled for. */
enum { PROGRAMS_MAX = 16, SNAPLEN = 262144 };

typedef struct program {
    int link_type;
    bool compiled;
    struct bpf_program bpf;
} program;

struct toa_filter {
    char *expression;
    size_t n_programs;
    program programs[PROGRAMS_MAX];
};

/* libpcap knows raw IP by another number in memory than in files. */
static int dlt_of(int link_type)
{
    return link_type == 101 ? DLT_RAW : link_type;
}

static bool compile(const char *expression, int link_type, struct bpf_program *out, char *error,
                    size_t size)
{
    pcap_t *pcap = pcap_open_dead(dlt_of(link_type), SNAPLEN);
    if (pcap == NULL) {
        (void)snprintf(error, size, "out of memory");
        return false;
    }
    bool right = pcap_compile(pcap, out, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!right) {
        (void)snprintf(error, size, "%s", pcap_geterr(pcap));
    }
    pcap_close(pcap);
    return right;
}

static program *program_for(toa_filter *filter, int link_type)
{
    char ignored[PCAP_ERRBUF_SIZE];
    for (size_t i = 0; i < filter->n_programs; i++) {
        if (filter->programs[i].link_type == link_type) {
            return &filter->programs[i];
        }
    }
    if (filter->n_programs == PROGRAMS_MAX) {
        return NULL;
    }
    program *added = &filter->programs[filter->n_programs++];
    added->link_type = link_type;
    added->compiled = compile(filter->expression, link_type, &added->bpf, ignored, sizeof ignored);
    return added;
}

toa_filter *toa_filter_new(const char *expression, char *error, size_t size)
{
    struct bpf_program bpf;
    if (!compile(expression, DLT_EN10MB, &bpf, error, size)) {
        return NULL;
    }
    pcap_freecode(&bpf);
    toa_filter *filter = calloc(1, sizeof *filter);
    char *copy = strdup(expression);
    if (filter == NULL || copy == NULL) {
        free(filter);
        free(copy);
        (void)snprintf(error, size, "out of memory");
        return NULL;
    }
    filter->expression = copy;
    return filter;
}

bool toa_filter_accepts(toa_filter *filter, const toa_record *record)
{
    program *compiled = program_for(filter, record->link_type);
    if (compiled == NULL || !compiled->compiled) {
        return false;
    }
    struct pcap_pkthdr header = {.caplen = record->captured_len, .len = record->original_len};
    return pcap_offline_filter(&compiled->bpf, &header, record->bytes) != 0;
}

void toa_filter_free(toa_filter *filter)
{
    if (filter == NULL) {
        return;
    }
    for (size_t i = 0; i < filter->n_programs; i++) {
        if (filter->programs[i].compiled) {
            pcap_freecode(&filter->programs[i].bpf);
        }
    }
    free(filter->expression);
    free(filter);
}
