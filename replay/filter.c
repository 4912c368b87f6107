#include "filter.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toa/parser.h>

enum { SNAPLEN = 262144, ERROR_MAX = PCAP_ERRBUF_SIZE + 64 };

/* The expression, compiled for a link type. */
typedef struct program {
    int link_type;
    bool passes; /* every record: it has no meaning for a link type that is not parsed either */
    struct bpf_program bpf;
} program;

struct toa_filter {
    char *expression;
    size_t n_programs;
    program *programs; /* one for each link type that occurred */
    char error[ERROR_MAX];
};

/* libpcap knows raw IP by one number in memory, and files have three, as systems differ. */
static int dlt_of(int link_type)
{
    return link_type == 101 || link_type == 12 || link_type == 14 ? DLT_RAW : link_type;
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

static program *program_add(toa_filter *filter, int link_type)
{
    program added = {.link_type = link_type};
    char why[PCAP_ERRBUF_SIZE];
    bool fits = compile(filter->expression, link_type, &added.bpf, why, sizeof why);
    added.passes = !fits && !toa_link_known(link_type);
    if (!fits && !added.passes) {
        (void)snprintf(filter->error, sizeof filter->error,
                       "the filter does not fit link type %d: %s", link_type, why);
        return NULL;
    }
    program *programs = realloc(filter->programs, (filter->n_programs + 1) * sizeof programs[0]);
    if (programs == NULL) {
        pcap_freecode(&added.bpf);
        (void)snprintf(filter->error, sizeof filter->error, "out of memory");
        return NULL;
    }
    filter->programs = programs;
    programs[filter->n_programs] = added;
    return &programs[filter->n_programs++];
}

static program *program_for(toa_filter *filter, int link_type)
{
    for (size_t i = 0; i < filter->n_programs; i++) {
        if (filter->programs[i].link_type == link_type) {
            return &filter->programs[i];
        }
    }
    return program_add(filter, link_type);
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

toa_filter_result toa_filter_look(toa_filter *filter, const toa_record *record)
{
    program *compiled = program_for(filter, record->link_type);
    if (compiled == NULL) {
        return TOA_FILTER_FAILED;
    }
    if (compiled->passes) {
        return TOA_FILTER_ACCEPTED;
    }
    struct pcap_pkthdr header = {.caplen = record->captured_len, .len = record->original_len};
    return pcap_offline_filter(&compiled->bpf, &header, record->bytes) != 0 ? TOA_FILTER_ACCEPTED
                                                                            : TOA_FILTER_REFUSED;
}

const char *toa_filter_error(const toa_filter *filter)
{
    return filter->error;
}

void toa_filter_free(toa_filter *filter)
{
    if (filter == NULL) {
        return;
    }
    for (size_t i = 0; i < filter->n_programs; i++) {
        pcap_freecode(&filter->programs[i].bpf);
    }
    free(filter->programs);
    free(filter->expression);
    free(filter);
}
