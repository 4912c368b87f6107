#include "advice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *toa_grade_name(toa_grade grade)
{
    static const char *const names[] = {"none",     "implausible", "unproven", "rare",
                                        "doubtful", "few",         "good"};
    return (size_t)grade < sizeof names / sizeof names[0] ? names[grade] : "?";
}

/* ---- How plausible? -------------------------------------------------------------------------- */

static int compare_endpoints(const void *a, const void *b)
{
    const toa_seen *left = a;
    const toa_seen *right = b;
    int order = memcmp(left->endpoint.ip, right->endpoint.ip, sizeof left->endpoint.ip);
    return order != 0 ? order : (int)left->endpoint.port - (int)right->endpoint.port;
}

static int compare_ports(const void *a, const void *b)
{
    const toa_seen *left = a;
    const toa_seen *right = b;
    return (int)left->endpoint.port - (int)right->endpoint.port;
}

static bool same_ip(const toa_seen *a, const toa_seen *b)
{
    return memcmp(a->endpoint.ip, b->endpoint.ip, sizeof a->endpoint.ip) == 0;
}

toa_spread toa_spread_of(const toa_seen_set *set)
{
    toa_seen list[TOA_SEEN_MAX];
    toa_spread spread = {.n_endpoints = toa_seen_in_order(set, list)};
    size_t n = spread.n_endpoints;

    qsort(list, n, sizeof list[0], compare_endpoints);
    for (size_t i = 0; i < n; i++) {
        bool again = i != 0 && same_ip(&list[i - 1], &list[i]);
        bool third = i > 1 && same_ip(&list[i - 2], &list[i]);
        spread.n_addresses += !again;
        spread.n_many_ports += again && !third;
    }
    qsort(list, n, sizeof list[0], compare_ports);
    for (size_t i = 0; i < n; i++) {
        spread.n_ports += i == 0 || list[i - 1].endpoint.port != list[i].endpoint.port;
    }
    return spread;
}

/* Clients change their port with every connection; what has one port all the time is something
 * else. */
static bool port_is_constant(const toa_detail *detail, const toa_spread *spread)
{
    return detail->reading.row.client_port_at != 0 && spread->n_endpoints >= 8 &&
           spread->n_ports == 1;
}

/* A guess is worth a suggestion when random bytes would not look like this: all addresses
 * somebody's, ports that change, and either many clients or some that come again. */
static bool guess_proves(const toa_detail *detail, const toa_spread *spread)
{
    return detail->plausible == detail->decoded && spread->n_endpoints >= 4 &&
           spread->n_ports * 2 >= spread->n_endpoints &&
           (spread->n_addresses >= 32 || spread->n_many_ports >= 2);
}

static uint64_t n_handshake(const toa_detail *detail)
{
    return detail->segments[TOA_STAGE_ACK] + detail->segments[TOA_STAGE_DATA];
}

static toa_grade grade_of(const toa_tallies *tallies, const toa_detail *detail)
{
    if (!detail->readable || detail->decoded == 0) {
        return TOA_GRADE_NONE;
    }
    toa_spread spread = toa_spread_of(&detail->clients);
    if (detail->plausible * 2 <= detail->decoded || port_is_constant(detail, &spread)) {
        return TOA_GRADE_IMPLAUSIBLE;
    }
    if (detail->reading.dialects == 0 && !guess_proves(detail, &spread)) {
        return TOA_GRADE_UNPROVEN;
    }
    if (detail->flows * 20 < tallies->flows) {
        return TOA_GRADE_RARE;
    }
    if (detail->plausible * 10 < detail->decoded * 9) {
        return TOA_GRADE_DOUBTFUL;
    }
    return spread.n_endpoints < 3 ? TOA_GRADE_FEW : TOA_GRADE_GOOD;
}

static void grade_all(const toa_tallies *tallies, toa_advice *out)
{
    for (size_t i = 0; i < tallies->n_details; i++) {
        out->grades[i] = grade_of(tallies, &tallies->details[i]);
        out->wanted[i] = out->grades[i] >= TOA_GRADE_DOUBTFUL;
    }
}

/* ---- Which dialects? ------------------------------------------------------------------------- */

/* The dialect that reads the most of what is wanted and not read yet; the first of several. */
static size_t best_dialect(const toa_tallies *tallies, const bool *left, size_t *n_read)
{
    size_t best = 0;
    *n_read = 0;
    for (size_t d = 0; d < 32 && toa_dialect_at(d) != NULL; d++) {
        size_t n = 0;
        for (size_t i = 0; i < tallies->n_details; i++) {
            n += left[i] && (tallies->details[i].reading.dialects >> d & 1) != 0;
        }
        if (n > *n_read) {
            best = d;
            *n_read = n;
        }
    }
    return best;
}

static void choose_dialects(const toa_tallies *tallies, toa_advice *out)
{
    bool left[TOA_DETAILS_MAX];
    size_t n_read = 0;
    memcpy(left, out->wanted, sizeof left);
    for (;;) {
        size_t best = best_dialect(tallies, left, &n_read);
        if (n_read == 0) {
            break;
        }
        out->dialects[out->n_dialects++] = toa_dialect_at(best)->name;
        for (size_t i = 0; i < tallies->n_details; i++) {
            left[i] = left[i] && (tallies->details[i].reading.dialects >> best & 1) == 0;
        }
    }
    for (size_t i = 0; i < tallies->n_details; i++) {
        if (left[i]) {
            out->rows[out->n_rows++] = i;
        }
    }
}

/* ---- Which sources? -------------------------------------------------------------------------- */

static unsigned bit_of(const toa_endpoint *endpoint, size_t bit)
{
    return (unsigned)endpoint->ip[bit / 8] >> (7 - bit % 8) & 1U;
}

/* How many leading bits two addresses share. */
static size_t common_bits(const toa_endpoint *a, const toa_endpoint *b)
{
    size_t width = a->version == 4 ? 32 : 128;
    size_t bits = 0;
    while (bits < width && bit_of(a, bits) == bit_of(b, bits)) {
        bits++;
    }
    return bits;
}

static toa_prefix prefix_of(const toa_endpoint *endpoint, size_t bits)
{
    toa_prefix prefix = {.version = endpoint->version, .bits = (uint8_t)bits};
    for (size_t i = 0; i < bits; i++) {
        prefix.ip[i / 8] |= (uint8_t)(bit_of(endpoint, i) << (7 - i % 8));
    }
    return prefix;
}

/* Whether `n` of the addresses that share `bits` are enough to take all of them. */
static bool covers(size_t n, size_t bits, size_t width)
{
    size_t free = width - bits;
    uint64_t size = free < 32 ? UINT64_C(1) << free : UINT64_MAX;
    return n == size || (n >= 8 && n >= size / 2);
}

size_t toa_trust_cover(const toa_endpoint *sorted, size_t n, toa_trust *out, size_t max)
{
    struct {
        size_t from;
        size_t to;
    } ranges[130]; /* each is shorter by a bit than the one below it */
    size_t n_ranges = 0;
    size_t n_out = 0;

    if (n != 0) {
        ranges[n_ranges].from = 0;
        ranges[n_ranges++].to = n;
    }
    while (n_ranges != 0) {
        size_t from = ranges[--n_ranges].from;
        size_t to = ranges[n_ranges].to;
        size_t bits = common_bits(&sorted[from], &sorted[to - 1]);
        if (covers(to - from, bits, sorted[from].version == 4 ? 32 : 128)) {
            if (n_out < max) {
                out[n_out] = (toa_trust){prefix_of(&sorted[from], bits), to - from};
            }
            n_out++;
            continue;
        }
        size_t middle = from;
        while (bit_of(&sorted[middle], bits) == 0) {
            middle++;
        }
        ranges[n_ranges].from = middle;
        ranges[n_ranges++].to = to;
        ranges[n_ranges].from = from;
        ranges[n_ranges++].to = middle;
    }
    return n_out;
}

/* Addresses of all sources that are believed, each once. */
typedef struct source_list {
    toa_seen all[TOA_SEEN_MAX];
    size_t n;
    size_t n_syn_only; /* sources left out: their option was never on an ACK, others' was */
    size_t n_outside;  /* left out: it was never in a handshake, others' was */
} source_list;

static int compare_sources(const void *a, const void *b)
{
    const toa_seen *left = a;
    const toa_seen *right = b;
    if (left->endpoint.version != right->endpoint.version) {
        return left->endpoint.version < right->endpoint.version ? -1 : 1;
    }
    return memcmp(left->endpoint.ip, right->endpoint.ip, sizeof left->endpoint.ip);
}

static bool add_source(source_list *list, const toa_seen *source)
{
    for (size_t i = 0; i < list->n; i++) {
        if (toa_endpoint_equal(&list->all[i].endpoint, &source->endpoint)) {
            return true;
        }
    }
    if (list->n == TOA_SEEN_MAX) {
        return false;
    }
    list->all[list->n++] = *source;
    return true;
}

/* The sources of one option that sent it where others do: on ACKs, or else on SYNs, or anywhere. A
 * source that has it on SYNs alone may be a client that writes it itself. */
static bool add_sources(source_list *list, const toa_detail *detail)
{
    toa_seen seen[TOA_SEEN_MAX];
    size_t n = toa_seen_by_number(&detail->sources, seen);
    bool whole = detail->sources.n_unlisted == 0;
    bool in_handshakes = n_handshake(detail) + detail->segments[TOA_STAGE_SYN] != 0;
    for (size_t i = 0; i < n; i++) {
        if (n_handshake(detail) != 0 && seen[i].n_handshake == 0 && seen[i].n_syn != 0) {
            list->n_syn_only++;
        } else if (in_handshakes && seen[i].n_handshake + seen[i].n_syn == 0) {
            list->n_outside++;
        } else {
            whole = add_source(list, &seen[i]) && whole;
        }
    }
    return whole;
}

static void cover_sources(source_list *list, toa_advice *out)
{
    toa_endpoint sorted[TOA_SEEN_MAX];
    size_t n4 = 0;
    qsort(list->all, list->n, sizeof list->all[0], compare_sources);
    for (size_t i = 0; i < list->n; i++) {
        sorted[i] = list->all[i].endpoint;
        n4 += sorted[i].version == 4;
    }
    size_t needed = toa_trust_cover(sorted, n4, out->trust, TOA_TRUST_MAX);
    size_t room = needed < TOA_TRUST_MAX ? TOA_TRUST_MAX - needed : 0;
    needed += toa_trust_cover(sorted + n4, list->n - n4, out->trust + TOA_TRUST_MAX - room, room);
    out->n_trust_needed = needed;
    out->n_trust = needed <= TOA_TRUST_MAX ? needed : 0;
}

/* The word for one, or that for several. */
static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

/* ---- Cautions -------------------------------------------------------------------------------- */

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
caution(toa_advice *out, const char *code, const char *format, ...)
{
    if (out->n_cautions == TOA_CAUTIONS_MAX) {
        out->n_unsaid++;
        return;
    }
    toa_caution *added = &out->cautions[out->n_cautions++];
    va_list args;
    added->code = code;
    va_start(args, format);
    (void)vsnprintf(added->text, sizeof added->text, format, args);
    va_end(args);
}

static void choose_trust(const toa_tallies *tallies, toa_advice *out)
{
    source_list list = {.n = 0};
    for (size_t i = 0; i < tallies->n_details; i++) {
        if (out->wanted[i] && !add_sources(&list, &tallies->details[i])) {
            out->trust_unknown = true;
        }
    }
    if (out->trust_unknown) {
        caution(out, "many_sources",
                "more sources sent it than are kept here: no --trust can be told from this "
                "capture; ask for the load balancer's address range");
        return;
    }
    cover_sources(&list, out);
    if (out->n_trust_needed > TOA_TRUST_MAX) {
        caution(out, "scattered_sources",
                "%zu sources sent it, %zu prefixes would be needed to name them: ask for the load "
                "balancer's address range, and say --trust with that",
                list.n, out->n_trust_needed);
    }
    if (list.n_syn_only != 0) {
        caution(out, "syn_only_sources",
                "%zu source%s sent it on the SYN and never on the ACK, where others have it: they "
                "may be clients that forge it, and are not in --trust",
                list.n_syn_only, plural(list.n_syn_only, "", "s"));
    }
    if (list.n_outside != 0) {
        caution(out, "midstream_sources",
                "%zu source%s sent it outside handshakes alone, and %s not in --trust",
                list.n_outside, plural(list.n_outside, "", "s"),
                plural(list.n_outside, "is", "are"));
    }
}

/* What is listened for, together. */
typedef struct carried {
    uint64_t syn;
    uint64_t handshake;
    uint64_t own_source;
    uint64_t plausible;
} carried;

static carried carried_of(const toa_tallies *tallies, const toa_advice *advice)
{
    carried sum = {.syn = 0};
    for (size_t i = 0; i < tallies->n_details; i++) {
        const toa_detail *detail = &tallies->details[i];
        if (advice->wanted[i]) {
            sum.syn += detail->segments[TOA_STAGE_SYN];
            sum.handshake += n_handshake(detail);
            sum.own_source += detail->own_source;
            sum.plausible += detail->plausible;
        }
    }
    return sum;
}

static void cautions_of_carriers(const toa_tallies *tallies, const carried *sum, toa_advice *out)
{
    uint64_t n_behind = tallies->segments[TOA_STAGE_ACK] + tallies->segments[TOA_STAGE_DATA];
    if (sum->syn == 0 && sum->handshake == 0) {
        out->midstream = true;
        caution(out, "no_handshake",
                "it was seen outside handshakes alone: --midstream believes it; better capture "
                "from before the connections begin");
    } else if (sum->syn == 0 && tallies->segments[TOA_STAGE_SYN] != 0) {
        caution(out, "not_on_syn",
                "it is on the ACK and never on the SYN, as DPVS does from 1.9.6 on: one on a SYN "
                "would be the client's own, that is forged");
    } else if (sum->handshake == 0 && n_behind == 0) {
        caution(out, "syns_alone",
                "the capture holds nothing of the handshakes but SYNs: whether the ACK carries it "
                "too is not known");
    } else if (sum->handshake == 0) {
        caution(out, "not_on_ack",
                "it is on the SYN and never on the ACK: nothing confirms it, so a forged one would "
                "count; say --trust");
    }
    if (sum->plausible != 0 && sum->own_source * 2 > sum->plausible) {
        caution(out, "own_source",
                "it mostly repeats the segment's own source address: either nothing replaces "
                "that, or the senders write the option themselves");
    }
}

/* A source that has it on most ACKs and on few SYNs: those on the SYNs are not its own. */
static void cautions_of_syns(const toa_detail *detail, toa_advice *out)
{
    toa_seen seen[TOA_SEEN_MAX];
    size_t n = toa_seen_by_number(&detail->sources, seen);
    size_t n_sources = 0;
    uint64_t n_syns = 0;
    char first[TOA_ENDPOINT_TEXT] = "";
    for (size_t i = 0; i < n; i++) {
        if (seen[i].n_syn != 0 && seen[i].n_syn * 3 < seen[i].n_handshake) {
            if (n_sources++ == 0) {
                (void)toa_endpoint_format(&seen[i].endpoint, first);
            }
            n_syns += seen[i].n_syn;
        }
    }
    if (n_sources != 0) {
        caution(out, "few_on_syn",
                "%u/%u: %s%s sent it behind the SYN mostly, and on %" PRIu64 " %s: that may be the "
                "client's own, which is forged; the ACK's value beats the SYN's",
                detail->kind, detail->len, first, plural(n_sources, "", " and others"), n_syns,
                plural(n_syns, "SYN", "SYNs"));
    }
}

static void cautions_of_grades(const toa_tallies *tallies, toa_advice *out)
{
    for (size_t i = 0; i < tallies->n_details; i++) {
        const toa_detail *detail = &tallies->details[i];
        switch (out->grades[i]) {
        case TOA_GRADE_IMPLAUSIBLE:
            caution(out, "implausible",
                    "%u/%u fits by kind and length, but hardly names clients: %" PRIu64
                    " of %" PRIu64 " are plausible%s",
                    detail->kind, detail->len, detail->plausible, detail->decoded,
                    detail->plausible * 2 > detail->decoded ? ", and all have one port" : "");
            break;
        case TOA_GRADE_RARE:
            caution(out, "rare",
                    "%u/%u is on %" PRIu64 " of %" PRIu64 " flows only: it may be forged. If these "
                    "are your load balancer's, look at them alone (-f, --server)",
                    detail->kind, detail->len, detail->flows, tallies->flows);
            break;
        case TOA_GRADE_DOUBTFUL:
            caution(out, "doubtful",
                    "%u/%u: only %" PRIu64 " of %" PRIu64 " are plausible; make sure with a "
                    "connection from an address that you know",
                    detail->kind, detail->len, detail->plausible, detail->decoded);
            break;
        case TOA_GRADE_FEW:
            caution(out, "few",
                    "%u/%u: fewer than three clients were seen; make sure with a connection from "
                    "an address that you know",
                    detail->kind, detail->len);
            break;
        case TOA_GRADE_UNPROVEN:
            caution(out, "unproven",
                    "%u/%u is of no known dialect. Connect from an address that you know; if it "
                    "shows in the option: --dialect kind=%u,len=%u,port=2,ip=4",
                    detail->kind, detail->len, detail->kind, detail->len);
            break;
        case TOA_GRADE_NONE:
        case TOA_GRADE_GOOD:
        default:
            break;
        }
    }
}

static void cautions_of_lookalikes(const toa_tallies *tallies, toa_advice *out)
{
    uint64_t n_experiments = 0;
    for (size_t i = 0; i < tallies->n_details; i++) {
        const toa_detail *detail = &tallies->details[i];
        for (size_t e = TOA_EXPERIMENT_NONE + 1; e < TOA_N_EXPERIMENTS; e++) {
            n_experiments += detail->experiments[e];
        }
        if (detail->reading.row.client_version != 0 &&
            detail->segments[TOA_STAGE_SYN_ACK] + detail->segments[TOA_STAGE_SERVER] != 0) {
            caution(out, "from_server", "%u/%u is on segments from servers too: no TOA is",
                    detail->kind, detail->len);
        }
    }
    if (toa_stages_sum(tallies->options[253][8]) != 0) {
        caution(out, "smartnat",
                "253/8 names no client: Alibaba's smartnat puts bytes there that decode to a wrong "
                "address. Do not listen for it");
    }
    if (n_experiments != 0) {
        caution(out, "experiment",
                "%" PRIu64
                " %s of kind 253 or 254 with a known experiment id (RFC 6994): not taken "
                "for clients here; on a SYN the verdict is ambiguous",
                n_experiments, plural(n_experiments, "option", "options"));
    }
}

static void cautions_of_several(const toa_tallies *tallies, toa_advice *out)
{
    const toa_several *several = &tallies->several;
    if (several->segments == 0) {
        return;
    }
    const char *what = "which is the load balancer's cannot be told here. LVS and DPVS put theirs "
                       "first (the default), JD last (--duplicates last)";
    if (several->alike == several->segments) {
        what = "they say the same";
    } else if (several->ack_first > several->ack_last) {
        what = "what the ACKs confirm stands first: leave --duplicates as it is";
    } else if (several->ack_last > several->ack_first) {
        what = "what the ACKs confirm stands last: --duplicates last";
        out->duplicates_last = true;
    }
    caution(out, "several",
            "several options name a client on %" PRIu64 " %s (the same one on %" PRIu64 "): %s",
            several->segments, plural(several->segments, "segment", "segments"), several->alike,
            what);
}

static void cautions_of_capture(const toa_tallies *tallies, toa_advice *out)
{
    uint64_t no_room = toa_stages_sum(tallies->no_room);
    if (tallies->cut != 0) {
        caution(out, "cut",
                "the capture cuts the options of %" PRIu64 " %s: capture with a longer snap length "
                "(tcpdump -s 0)",
                tallies->cut, plural(tallies->cut, "segment", "segments"));
    }
    if (tallies->malformed != 0) {
        caution(out, "malformed", "the list of options of %" PRIu64 " %s is malformed",
                tallies->malformed, plural(tallies->malformed, "segment", "segments"));
    }
    if (tallies->flows_named != 0 && no_room != 0) {
        caution(out, "no_room",
                "on %" PRIu64 " %s of handshakes no client is named, and less than 8 option bytes "
                "are free: no TOA fits",
                no_room, plural(no_room, "segment", "segments"));
    }
    if (tallies->flows_no_syn != 0) {
        caution(out, "no_syn",
                "the SYN of %" PRIu64 " of %" PRIu64
                " flows is not in the capture: their options are "
                "not believed without --midstream",
                tallies->flows_no_syn, tallies->flows);
    }
    if (tallies->in_tunnels != 0) {
        caution(out, "tunnels",
                "the TCP segments of %" PRIu64 " %s are inside tunnels: --decap looks into them",
                tallies->in_tunnels, plural(tallies->in_tunnels, "frame", "frames"));
    }
    if (tallies->flows_forgotten != 0) {
        caution(out, "forgotten",
                "%" PRIu64 " open %s forgotten for newer ones: later segments count as no_syn",
                tallies->flows_forgotten,
                plural(tallies->flows_forgotten, "flow was", "flows were"));
    }
    if (tallies->unlisted != 0) {
        caution(out, "unlisted",
                "more kinds and lengths came than are kept: %" PRIu64 " %s counted and not read",
                tallies->unlisted, plural(tallies->unlisted, "option was", "options were"));
    }
}

void toa_advise(const toa_tallies *tallies, toa_advice *out)
{
    *out = (toa_advice){.n_dialects = 0};
    grade_all(tallies, out);
    choose_dialects(tallies, out);
    if (out->n_dialects + out->n_rows != 0) {
        carried sum = carried_of(tallies, out);
        cautions_of_carriers(tallies, &sum, out);
        for (size_t i = 0; i < tallies->n_details; i++) {
            if (out->wanted[i]) {
                cautions_of_syns(&tallies->details[i], out);
            }
        }
        choose_trust(tallies, out);
    }
    cautions_of_lookalikes(tallies, out);
    cautions_of_several(tallies, out);
    cautions_of_capture(tallies, out);
    cautions_of_grades(tallies, out);
}
