#include "inspect_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

enum { LINE_WIDTH = 96, SOURCES_SHOWN = 5, CLIENTS_SHOWN = 4, NAME_COLUMN = 10 };

/* ---- Text: pieces ---------------------------------------------------------------------------- */

void toa_inspect_put_endpoint(toa_buffer *out, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(endpoint, text);
    toa_buffer_text(out, text);
}

/* The word for one, or that for several. */
static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

/* "3 of 4 syn, 1 of 4 ack" */
static void put_stages(toa_buffer *out, const uint64_t counts[TOA_N_STAGES],
                       const uint64_t totals[TOA_N_STAGES])
{
    const char *before = "";
    for (size_t i = 0; i < TOA_N_STAGES; i++) {
        if (counts[i] != 0) {
            toa_buffer_format(out, "%s%" PRIu64 " of %" PRIu64 " %s", before, counts[i], totals[i],
                              toa_stage_name((toa_stage)i));
            before = ", ";
        }
    }
}

/* Blanks between words become line ends where a line would grow too long. */
static void put_wrapped(toa_buffer *out, const char *first, const char *rest, const char *text)
{
    size_t column = strlen(first);
    toa_buffer_text(out, first);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column + 1 + len > LINE_WIDTH) {
            toa_buffer_format(out, "\n%s", rest);
            column = strlen(rest);
        } else if (column > strlen(rest)) {
            toa_buffer_text(out, " ");
            column++;
        }
        toa_buffer_put(out, text, len);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    toa_buffer_text(out, "\n");
}

void toa_inspect_put_dialects(toa_buffer *out, uint32_t dialects)
{
    const char *before = "";
    for (size_t i = 0; i < 32; i++) {
        if ((dialects >> i & 1) != 0) {
            toa_buffer_format(out, "%s%s", before, toa_dialect_at(i)->name);
            before = ", ";
        }
    }
}

void toa_inspect_put_hex(toa_buffer *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        toa_buffer_format(out, "%02x", bytes[i]);
    }
}

/* ---- Text: one option ------------------------------------------------------------------------ */

static void text_sources(toa_buffer *out, const toa_detail *detail)
{
    toa_seen seen[TOA_SEEN_MAX];
    size_t n = toa_seen_by_number(&detail->sources, seen);
    const char *before = "      sources    ";
    for (size_t i = 0; i < n && i < SOURCES_SHOWN; i++) {
        uint64_t segments = toa_seen_segments(&seen[i]);
        toa_buffer_text(out, before);
        toa_inspect_put_endpoint(out, &seen[i].endpoint);
        toa_buffer_format(out, " (%" PRIu64 " %s)", segments,
                          plural(segments, "segment", "segments"));
        before = ", ";
    }
    if (n > SOURCES_SHOWN) {
        toa_buffer_format(out, ", and %s%zu more",
                          detail->sources.n_unlisted != 0 ? "at least " : "", n - SOURCES_SHOWN);
    }
    toa_buffer_text(out, n == 0 ? "" : "\n");
}

static void text_clients(toa_buffer *out, const toa_detail *detail)
{
    toa_seen seen[TOA_SEEN_MAX];
    size_t n = toa_seen_in_order(&detail->clients, seen);
    const char *before = "      clients    ";
    for (size_t i = 0; i < n && i < CLIENTS_SHOWN; i++) {
        toa_buffer_text(out, before);
        toa_inspect_put_endpoint(out, &seen[i].endpoint);
        before = ", ";
    }
    if (n > CLIENTS_SHOWN && detail->clients.n_unlisted != 0) {
        toa_buffer_format(out, ", and at least %zu more", n - CLIENTS_SHOWN);
    } else if (n > CLIENTS_SHOWN) {
        size_t n_addresses = toa_spread_of(&detail->clients).n_addresses;
        toa_buffer_format(out, ", and %zu more; %zu %s in all", n - CLIENTS_SHOWN, n_addresses,
                          plural(n_addresses, "address", "addresses"));
    }
    toa_buffer_text(out, n == 0 ? "" : "\n");
}

static const char *fault_text(toa_fault fault)
{
    static const char *const texts[TOA_N_FAULTS] = {"with port 0",
                                                    "with an unspecified address",
                                                    "with a loopback address",
                                                    "with a link-local address",
                                                    "with a multicast address",
                                                    "with a reserved address",
                                                    "with the server's own address"};
    return texts[fault];
}

static void text_plausible(toa_buffer *out, const toa_detail *detail)
{
    const char *before = ": ";
    if (detail->decoded == 0) {
        return;
    }
    toa_buffer_format(out, "      plausible  %" PRIu64 " of %" PRIu64, detail->plausible,
                      detail->decoded);
    for (size_t i = 0; i < TOA_N_FAULTS; i++) {
        if (detail->faults[i] != 0) {
            toa_buffer_format(out, "%s%" PRIu64 " %s", before, detail->faults[i],
                              fault_text((toa_fault)i));
            before = ", ";
        }
    }
    toa_buffer_text(out, "\n");
}

static void text_experiments(toa_buffer *out, const toa_detail *detail)
{
    for (size_t i = TOA_EXPERIMENT_NONE + 1; i < TOA_N_EXPERIMENTS; i++) {
        if (detail->experiments[i] != 0) {
            toa_buffer_format(out, "      experiment %" PRIu64 " begin with %s, the id of %s\n",
                              detail->experiments[i], toa_experiment_id((toa_experiment)i),
                              toa_experiment_name((toa_experiment)i));
        }
    }
}

static void text_vips(toa_buffer *out, const toa_detail *detail)
{
    const char *before = "      virtual server ";
    for (size_t i = 0; i < detail->n_vips; i++) {
        toa_buffer_text(out, before);
        toa_inspect_put_endpoint(out, &detail->vips[i]);
        before = ", ";
    }
    toa_buffer_text(out, detail->n_vips == 0 ? "" : "\n");
}

static void text_samples(toa_buffer *out, const toa_detail *detail)
{
    const char *before = "      bytes      ";
    for (size_t i = 0; i < detail->n_samples; i++) {
        toa_buffer_text(out, before);
        toa_inspect_put_hex(out, detail->samples[i], detail->len);
        before = ", ";
    }
    toa_buffer_text(out, "\n");
}

static bool names_client(const toa_detail *detail)
{
    return detail->readable && detail->reading.row.client_version != 0;
}

static void text_detail(toa_buffer *out, const toa_tallies *tallies, const toa_detail *detail)
{
    toa_buffer_text(out, "      segments   ");
    put_stages(out, detail->segments, tallies->segments);
    toa_buffer_format(out, "; %" PRIu64 " of %" PRIu64 " %s\n", detail->flows, tallies->flows,
                      plural(tallies->flows, "flow", "flows"));
    text_sources(out, detail);
    text_clients(out, detail);
    text_plausible(out, detail);
    text_vips(out, detail);
    text_experiments(out, detail);
    if (!detail->readable) {
        text_samples(out, detail);
    }
}

static const char *grade_text(toa_grade grade)
{
    static const char *const texts[] = {
        [TOA_GRADE_NONE] = "nothing to decode",
        [TOA_GRADE_IMPLAUSIBLE] = "hardly clients",
        [TOA_GRADE_UNPROVEN] = "a guess, unproven",
        [TOA_GRADE_RARE] = "plausible but rare, may be forged",
        [TOA_GRADE_DOUBTFUL] = "clients, some of them implausible",
        [TOA_GRADE_FEW] = "plausible, few clients",
        [TOA_GRADE_GOOD] = "plausible",
    };
    return texts[grade];
}

static void text_naming(toa_buffer *out, const toa_tallies *tallies, const toa_advice *advice,
                        size_t i)
{
    const toa_detail *detail = &tallies->details[i];
    size_t from = out->len;
    toa_buffer_format(out, "  %u/%u", detail->kind, detail->len);
    toa_buffer_pad(out, from, NAME_COLUMN);
    if (detail->reading.dialects != 0) {
        toa_inspect_put_dialects(out, detail->reading.dialects);
    } else {
        toa_buffer_text(out, "no known dialect; read as port and address");
    }
    toa_buffer_format(out, ": %s\n", grade_text(advice->grades[i]));
    text_detail(out, tallies, detail);
}

static void text_other(toa_buffer *out, const toa_tallies *tallies, uint8_t kind, uint8_t len)
{
    bool detailed = false;
    size_t from = out->len;
    toa_buffer_format(out, "  %u/%u", kind, len);
    toa_buffer_pad(out, from, NAME_COLUMN);
    toa_buffer_text(out, toa_option_name(kind, len));
    for (size_t i = 0; i < tallies->n_details; i++) {
        const toa_detail *detail = &tallies->details[i];
        if (detail->kind == kind && detail->len == len && !names_client(detail)) {
            toa_buffer_text(out, "\n");
            text_detail(out, tallies, detail);
            detailed = true;
        }
    }
    if (!detailed) {
        toa_buffer_text(out, ": ");
        put_stages(out, tallies->options[kind][len], tallies->segments);
        toa_buffer_text(out, "\n");
    }
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* The details of one kind and length, in the order of the dialects. Returns how many. */
static size_t details_of(const toa_tallies *tallies, size_t kind, size_t len,
                         size_t out[TOA_DETAILS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < tallies->n_details; i++) {
        if (tallies->details[i].kind == kind && tallies->details[i].len == len) {
            out[n++] = i;
        }
    }
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j > 0 && tallies->details[out[j]].reading.dialects <
                                        tallies->details[out[j - 1]].reading.dialects;
             j--) {
            size_t swapped = out[j];
            out[j] = out[j - 1];
            out[j - 1] = swapped;
        }
    }
    return n;
}

/* Whether some of these options are not counted among those that may name a client. */
static bool has_others(const toa_tallies *tallies, size_t kind, size_t len)
{
    size_t places[TOA_DETAILS_MAX];
    size_t n = details_of(tallies, kind, len, places);
    bool all_name = n != 0;
    for (size_t i = 0; i < n; i++) {
        all_name = all_name && names_client(&tallies->details[places[i]]);
    }
    return !all_name && toa_stages_sum(tallies->options[kind][len]) != 0;
}

/* ---- Text: the whole ------------------------------------------------------------------------- */

static void text_begin(toa_buffer *out, const toa_tallies *tallies)
{
    uint64_t segments = toa_stages_sum(tallies->segments);
    const char *before = ": ";
    toa_buffer_format(out, "%" PRIu64 " %s, %" PRIu64 " TCP %s of %" PRIu64 " %s", tallies->records,
                      plural(tallies->records, "frame", "frames"), segments,
                      plural(segments, "segment", "segments"), tallies->flows,
                      plural(tallies->flows, "flow", "flows"));
    for (size_t i = 0; i < TOA_N_STAGES; i++) {
        if (tallies->segments[i] != 0) {
            toa_buffer_format(out, "%s%" PRIu64 " %s", before, tallies->segments[i],
                              toa_stage_name((toa_stage)i));
            before = ", ";
        }
    }
    before = "\nnot looked at: ";
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        if (tallies->not_found[i] != 0) {
            toa_buffer_format(out, "%s%" PRIu64 " %s", before, tallies->not_found[i],
                              toa_word_name((toa_word)i));
            before = ", ";
        }
    }
    if (tallies->unwatched != 0) {
        toa_buffer_format(out, "%s%" PRIu64 " of other servers", before, tallies->unwatched);
    }
    toa_buffer_text(out, "\n");
}

static void text_namings(toa_buffer *out, const toa_tallies *tallies, const toa_advice *advice)
{
    const char *title = "\nOptions that may name a client\n";
    size_t places[TOA_DETAILS_MAX];
    for (size_t kind = 2; kind < 256; kind++) {
        for (size_t len = 2; len <= TOA_OPTIONS_MAX; len++) {
            size_t n = details_of(tallies, kind, len, places);
            for (size_t i = 0; i < n; i++) {
                if (names_client(&tallies->details[places[i]])) {
                    toa_buffer_text(out, title);
                    text_naming(out, tallies, advice, places[i]);
                    title = "";
                }
            }
        }
    }
}

static void text_others(toa_buffer *out, const toa_tallies *tallies)
{
    const char *title = "\nOther options\n";
    for (size_t kind = 2; kind < 256; kind++) {
        for (size_t len = 2; len <= TOA_OPTIONS_MAX; len++) {
            if (has_others(tallies, kind, len)) {
                toa_buffer_text(out, title);
                text_other(out, tallies, (uint8_t)kind, (uint8_t)len);
                title = "";
            }
        }
    }
}

/* An address alone means itself. */
static const char *short_prefix(const toa_prefix *prefix, char text[TOA_PREFIX_TEXT])
{
    (void)toa_prefix_format(prefix, text);
    if (prefix->bits == (prefix->version == 4 ? 32 : 128)) {
        *strrchr(text, '/') = '\0';
    }
    return text;
}

/* The advised options, for a command line. */
static void put_advised(toa_buffer *out, const toa_tallies *tallies, const toa_advice *advice)
{
    char prefix[TOA_PREFIX_TEXT];
    for (size_t i = 0; i < advice->n_dialects; i++) {
        toa_buffer_format(out, " --dialect %s", advice->dialects[i]);
    }
    for (size_t i = 0; i < advice->n_rows; i++) {
        const toa_row *row = &tallies->details[advice->rows[i]].reading.row;
        toa_buffer_format(out, " --dialect kind=%u,len=%u,port=%u,ip=%u", row->kind, row->len,
                          row->client_port_at, row->client_ip_at);
    }
    for (size_t i = 0; i < advice->n_trust; i++) {
        toa_buffer_format(out, " --trust %s", short_prefix(&advice->trust[i].prefix, prefix));
    }
    if (advice->duplicates_last) {
        toa_buffer_text(out, " --duplicates last");
    }
    if (advice->midstream) {
        toa_buffer_text(out, " --midstream");
    }
}

static bool something_advised(const toa_advice *advice)
{
    return advice->n_dialects + advice->n_rows != 0;
}

/* Why nothing is advised. */
static const char *why_nothing(const toa_tallies *tallies, const toa_advice *advice)
{
    for (size_t i = 0; i < tallies->n_details; i++) {
        if (advice->grades[i] > TOA_GRADE_IMPLAUSIBLE) {
            return "Something here may be the client's address, but not for sure:";
        }
    }
    return toa_stages_sum(tallies->segments) == 0
               ? "No TCP segment was looked at."
               : "No option here can be taken for the client's address.";
}

static void text_verdict(toa_buffer *out, const toa_tallies *tallies, const toa_advice *advice,
                         const char *command)
{
    const char *before = "";
    toa_buffer_text(out, "\nVerdict\n");
    if (!something_advised(advice)) {
        toa_buffer_format(out, "  %s\n", why_nothing(tallies, advice));
    } else {
        toa_buffer_text(out, "  Clients are named by ");
        for (size_t i = 0; i < advice->n_dialects; i++) {
            toa_buffer_format(out, "%s%s", before, advice->dialects[i]);
            before = ", ";
        }
        for (size_t i = 0; i < advice->n_rows; i++) {
            const toa_detail *detail = &tallies->details[advice->rows[i]];
            toa_buffer_format(out, "%s%u/%u (no known dialect)", before, detail->kind, detail->len);
            before = ", ";
        }
        toa_buffer_format(out, ":\n    %s", command);
        put_advised(out, tallies, advice);
        toa_buffer_text(out, "\n");
    }
    for (size_t i = 0; i < advice->n_cautions; i++) {
        put_wrapped(out, "  - ", "    ", advice->cautions[i].text);
    }
    if (advice->n_unsaid != 0) {
        toa_buffer_format(out, "  - and %zu more\n", advice->n_unsaid);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_stages(toa_buffer *out, const char *key, const uint64_t counts[TOA_N_STAGES])
{
    toa_json_open(out, key, "{");
    for (size_t i = 0; i < TOA_N_STAGES; i++) {
        if (counts[i] != 0) {
            toa_json_number(out, toa_stage_name((toa_stage)i), counts[i]);
        }
    }
    toa_json_close(out, "}");
}

void toa_inspect_json_dialects(toa_buffer *out, uint32_t dialects)
{
    toa_json_open(out, "dialects", "[");
    for (size_t i = 0; i < 32; i++) {
        if ((dialects >> i & 1) != 0) {
            toa_json_string(out, NULL, toa_dialect_at(i)->name);
        }
    }
    toa_json_close(out, "]");
}

static void json_clients(toa_buffer *out, const toa_detail *detail)
{
    toa_seen seen[TOA_SEEN_MAX];
    size_t n = toa_seen_in_order(&detail->clients, seen);
    toa_json_number(out, "decoded", detail->decoded);
    toa_json_number(out, "plausible", detail->plausible);
    toa_json_open(out, "faults", "{");
    for (size_t i = 0; i < TOA_N_FAULTS; i++) {
        if (detail->faults[i] != 0) {
            toa_json_number(out, toa_fault_name((toa_fault)i), detail->faults[i]);
        }
    }
    toa_json_close(out, "}");
    toa_json_number(out, "clients", n);
    toa_json_number(out, "addresses", toa_spread_of(&detail->clients).n_addresses);
    toa_json_open(out, "examples", "[");
    for (size_t i = 0; i < n && i < CLIENTS_SHOWN; i++) {
        toa_json_endpoint(out, NULL, &seen[i].endpoint);
    }
    toa_json_close(out, "]");
    if (detail->clients.n_unlisted != 0) {
        toa_json_number(out, "clients_unlisted", detail->clients.n_unlisted);
    }
}

static void json_sources(toa_buffer *out, const toa_detail *detail)
{
    toa_seen seen[TOA_SEEN_MAX];
    size_t n = toa_seen_by_number(&detail->sources, seen);
    toa_json_open(out, "sources", "[");
    for (size_t i = 0; i < n; i++) {
        toa_json_open(out, NULL, "{");
        toa_json_endpoint(out, "ip", &seen[i].endpoint);
        toa_json_number(out, "segments", toa_seen_segments(&seen[i]));
        toa_json_close(out, "}");
    }
    toa_json_close(out, "]");
    if (detail->sources.n_unlisted != 0) {
        toa_json_number(out, "sources_unlisted", detail->sources.n_unlisted);
    }
}

static void json_experiments(toa_buffer *out, const toa_detail *detail)
{
    toa_json_open(out, "experiments", "{");
    for (size_t i = TOA_EXPERIMENT_NONE + 1; i < TOA_N_EXPERIMENTS; i++) {
        if (detail->experiments[i] != 0) {
            toa_json_number(out, toa_experiment_id((toa_experiment)i), detail->experiments[i]);
        }
    }
    toa_json_close(out, "}");
}

static void json_detail(toa_buffer *out, const toa_detail *detail, toa_grade grade)
{
    toa_json_number(out, "flows", detail->flows);
    if (detail->readable) {
        toa_inspect_json_dialects(out, detail->reading.dialects);
    }
    if (names_client(detail)) {
        toa_json_string(out, "grade", toa_grade_name(grade));
        json_clients(out, detail);
    }
    if (detail->n_vips != 0) {
        toa_json_open(out, "vips", "[");
        for (size_t i = 0; i < detail->n_vips; i++) {
            toa_json_endpoint(out, NULL, &detail->vips[i]);
        }
        toa_json_close(out, "]");
    }
    json_experiments(out, detail);
    json_sources(out, detail);
    toa_json_open(out, "samples", "[");
    for (size_t i = 0; i < detail->n_samples; i++) {
        toa_json_hex(out, NULL, detail->samples[i], detail->len);
    }
    toa_json_close(out, "]");
}

static void json_option(toa_buffer *out, uint8_t kind, uint8_t len,
                        const uint64_t counts[TOA_N_STAGES], const toa_detail *detail,
                        toa_grade grade)
{
    toa_json_open(out, NULL, "{");
    toa_json_string(out, "event", "option");
    toa_json_number(out, "kind", kind);
    toa_json_number(out, "len", len);
    if (detail == NULL || !names_client(detail)) {
        toa_json_string(out, "name", toa_option_name(kind, len));
    }
    json_stages(out, "segments", counts);
    if (detail != NULL) {
        json_detail(out, detail, grade);
    }
    toa_json_close(out, "}\n");
}

static void json_options(toa_buffer *out, const toa_tallies *tallies, const toa_advice *advice)
{
    size_t places[TOA_DETAILS_MAX];
    for (size_t kind = 2; kind < 256; kind++) {
        for (size_t len = 2; len <= TOA_OPTIONS_MAX; len++) {
            const uint64_t *counts = tallies->options[kind][len];
            size_t n = details_of(tallies, kind, len, places);
            for (size_t i = 0; i < n; i++) {
                const toa_detail *detail = &tallies->details[places[i]];
                json_option(out, detail->kind, detail->len, detail->segments, detail,
                            advice->grades[places[i]]);
            }
            if (n == 0 && toa_stages_sum(counts) != 0) {
                json_option(out, (uint8_t)kind, (uint8_t)len, counts, NULL, TOA_GRADE_NONE);
            }
        }
    }
}

static void json_verdict(toa_buffer *out, const toa_tallies *tallies, const toa_advice *advice,
                         const char *command)
{
    char prefix[TOA_PREFIX_TEXT];
    toa_json_open(out, NULL, "{");
    toa_json_string(out, "event", "verdict");
    toa_json_open(out, "dialects", "[");
    for (size_t i = 0; i < advice->n_dialects; i++) {
        toa_json_string(out, NULL, advice->dialects[i]);
    }
    for (size_t i = 0; i < advice->n_rows; i++) {
        const toa_row *row = &tallies->details[advice->rows[i]].reading.row;
        char text[48];
        (void)snprintf(text, sizeof text, "kind=%u,len=%u,port=%u,ip=%u", row->kind, row->len,
                       row->client_port_at, row->client_ip_at);
        toa_json_string(out, NULL, text);
    }
    toa_json_close(out, "]");
    toa_json_open(out, "trust", "[");
    for (size_t i = 0; i < advice->n_trust; i++) {
        (void)toa_prefix_format(&advice->trust[i].prefix, prefix);
        toa_json_open(out, NULL, "{");
        toa_json_string(out, "prefix", prefix);
        toa_json_number(out, "seen", advice->trust[i].n_seen);
        toa_json_close(out, "}");
    }
    toa_json_close(out, "]");
    if (something_advised(advice)) {
        toa_buffer line = {.text = NULL};
        toa_buffer_text(&line, command);
        put_advised(&line, tallies, advice);
        toa_json_string(out, "command", line.failed ? "" : line.text);
        out->failed = out->failed || line.failed;
        toa_buffer_free(&line);
    }
    toa_json_close(out, "}\n");
}

static void json_cautions(toa_buffer *out, const toa_advice *advice)
{
    for (size_t i = 0; i < advice->n_cautions; i++) {
        toa_json_open(out, NULL, "{");
        toa_json_string(out, "event", "caution");
        toa_json_string(out, "code", advice->cautions[i].code);
        toa_json_string(out, "text", advice->cautions[i].text);
        toa_json_close(out, "}\n");
    }
}

static void json_summary(toa_buffer *out, const toa_tallies *tallies)
{
    toa_json_open(out, NULL, "{");
    toa_json_string(out, "event", "summary");
    toa_json_number(out, "frames", tallies->records);
    json_stages(out, "segments", tallies->segments);
    toa_json_open(out, "not_looked_at", "{");
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        if (tallies->not_found[i] != 0) {
            toa_json_number(out, toa_word_name((toa_word)i), tallies->not_found[i]);
        }
    }
    if (tallies->unwatched != 0) {
        toa_json_number(out, "unwatched", tallies->unwatched);
    }
    toa_json_close(out, "}");
    toa_json_number(out, "flows", tallies->flows);
    toa_json_number(out, "flows_no_syn", tallies->flows_no_syn);
    toa_json_number(out, "flows_named", tallies->flows_named);
    toa_json_close(out, "}\n");
}

void toa_inspect_report(toa_buffer *out, toa_report_form form, const toa_tallies *tallies,
                        const toa_advice *advice, const char *command)
{
    if (form == TOA_REPORT_JSON) {
        json_options(out, tallies, advice);
        json_cautions(out, advice);
        json_verdict(out, tallies, advice, command);
        json_summary(out, tallies);
    } else {
        text_begin(out, tallies);
        text_namings(out, tallies, advice);
        text_others(out, tallies);
        text_verdict(out, tallies, advice, command);
    }
}
