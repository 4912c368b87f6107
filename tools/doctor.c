#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <toa/live.h>

#include "ctl_client.h"
#include "privileges.h"
#include "sandbox.h"
#include "story.h"

const char *doctor_result_name(doctor_result result)
{
    static const char *const names[] = {"ok", "warning", "failure", "skipped"};
    return names[result];
}

void doctor_tell(doctor_report *report, const char *name, doctor_result result, const char *format,
                 ...)
{
    doctor_check check = {.name = name, .result = result};
    char all[sizeof check.text + sizeof check.to_do];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(all, sizeof all, format, args);
    va_end(args);
    char *bar = strchr(all, '|');
    if (bar != NULL) {
        *bar = '\0';
        (void)snprintf(check.to_do, sizeof check.to_do, "%.399s", bar + 1);
    }
    (void)snprintf(check.text, sizeof check.text, "%.399s", all);
    report->n[result]++;
    report->tell(report->context, &check);
}

/* ---- The configuration ----------------------------------------------------------------------- */

void doctor_config(doctor_report *report, const toa_service_config *config)
{
    const toa_capture_config *capture = &config->capture;
    if (capture->n_trust == 0) {
        doctor_tell(
            report, "trust", DOCTOR_WARNING,
            "every source is believed|name your load balancers (Trust = 10.1.0.0/16); without it "
            "whoever reaches the server past them can name any client");
    } else {
        doctor_tell(report, "trust", DOCTOR_OK, "%zu %s believed, nobody else", capture->n_trust,
                    capture->n_trust == 1 ? "prefix is" : "prefixes are");
    }
    if (capture->midstream) {
        doctor_tell(
            report, "midstream", DOCTOR_WARNING,
            "options outside of the handshake are believed|Midstream = refuse, unless only a part "
            "of the traffic can be seen");
    }
    if (capture->n_servers == 0) {
        doctor_tell(report, "servers", DOCTOR_OK,
                    "every flow is watched, those of this machine to others included");
    } else {
        doctor_tell(report, "servers", DOCTOR_OK, "%zu %s watched", capture->n_servers,
                    capture->n_servers == 1 ? "server is" : "servers are");
    }
}

/* ---- The service ----------------------------------------------------------------------------- */

/* The value of a metric, which stands at the begin of a line; 0 when it is not there. */
static uint64_t metric(const toa_buffer *metrics, const char *name)
{
    size_t len = strlen(name);
    uint64_t value = 0;
    for (const char *line = metrics->text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t line_len = end == NULL ? strlen(line) : (size_t)(end - line);
        if (line_len > len + 1 && memcmp(line, name, len) == 0 && line[len] == ' ') {
            (void)toa_number_parse(line + len + 1, line_len - len - 1, UINT64_MAX, &value);
        }
        line = end == NULL ? NULL : end + 1;
    }
    return value;
}

/* What is worth a warning as soon as it is not 0. */
static const struct {
    const char *metric;
    const char *name;
    const char *found; /* behind the number */
    const char *to_do;
} suspects[] = {
    {"toa_kernel_drops_total", "drops", "frames were dropped by the kernel",
     "a larger ring (Buffer), or fewer servers watched (Server)"},
    {"toa_frames_total{verdict=\"truncated\"}", "snap_length",
     "segments had headers longer than what is captured of them",
     "tunnels? Decap = yes captures 512 bytes instead of 256"},
    {"toa_frames_total{verdict=\"untrusted\"}", "untrusted",
     "options came from sources that are not trusted",
     "a load balancer that Trust does not name, or somebody who forges them"},
    {"toa_frames_total{verdict=\"conflict\"}", "conflicts",
     "segments named another client than their handshake",
     "clients write the option themselves: /usr/share/doc/toa/SECURITY.md"},
    {"toa_frames_total{verdict=\"midstream\"}", "midstream",
     "options came outside of a handshake, and were not believed",
     "are SYNs captured, too? They may come another way"},
    {"toa_pushed_out_total{what=\"mapping\"}", "table", "live mappings were pushed out",
     "raise Records, unless one fake endpoint has more than 16 flows"},
    {"toa_datagrams_total{kind=\"not_allowed\"}", "askers",
     "questions came from askers that are not allowed", "add them to Allow, if they are yours"},
    {"toa_waits_refused_total", "held", "questions found no place to wait", "raise Held"},
    {"toa_record_stopped", "record", "recording has ended", "make room on the disk, then reload"},
    {"toa_reloads_total{result=\"refused\"}", "reload",
     "times the configuration could not be read anew", "toa serve -c FILE --check says why"},
};

static void tell_unheard(doctor_report *report, const uint64_t counts[TOA_STORY_DIALECTS],
                         const char *when)
{
    size_t n = 0;
    for (size_t i = 0; i < TOA_STORY_DIALECTS && toa_dialect_at(i) != NULL; i++) {
        if (counts[i] != 0) {
            const toa_dialect *dialect = toa_dialect_at(i);
            n++;
            doctor_tell(report, "dialects", DOCTOR_WARNING,
                        "%" PRIu64
                        " segments have an option of dialect %s (%s), which is not listened "
                        "for%s|if it names clients: Dialect = %s (toa inspect tells)",
                        counts[i], dialect->name, dialect->who, when, dialect->name);
        }
    }
    if (n == 0) {
        doctor_tell(report, "dialects", DOCTOR_OK,
                    "no option of a dialect that is not listened for%s", when);
    }
}

static void tell_metrics(doctor_report *report, const toa_buffer *metrics)
{
    uint64_t unheard[TOA_STORY_DIALECTS] = {0};
    char name[128];
    bool captures = metrics->text != NULL && strstr(metrics->text, "\ntoa_capturing ") != NULL;
    if (captures && metric(metrics, "toa_capturing") == 0) {
        doctor_tell(
            report, "service", DOCTOR_FAILURE,
            "it runs, and the interface that it captures from is away|%s; it is opened anew "
            "by itself",
            doctor_interfaces);
    } else {
        doctor_tell(report, "service", DOCTOR_OK, "it runs%s, %" PRIu64 " mappings answer",
                    captures ? ", and captures" : "", metric(metrics, "toa_mappings"));
    }
    for (size_t i = 0; i < sizeof suspects / sizeof suspects[0]; i++) {
        uint64_t count = metric(metrics, suspects[i].metric);
        if (count != 0) {
            doctor_tell(report, suspects[i].name, DOCTOR_WARNING,
                        "%" PRIu64 " %s since it began|%s", count, suspects[i].found,
                        suspects[i].to_do);
        }
    }
    for (size_t i = 0; i < TOA_STORY_DIALECTS && toa_dialect_at(i) != NULL; i++) {
        (void)snprintf(name, sizeof name, "toa_unheard_options_total{dialect=\"%s\"}",
                       toa_dialect_at(i)->name);
        unheard[i] = metric(metrics, name);
    }
    if (captures) {
        tell_unheard(report, unheard, ", since it began");
    }
}

void doctor_service(doctor_report *report, const char *socket_path, bool named)
{
    toa_buffer metrics = {.text = NULL};
    ctl_result result = ctl_ask(socket_path, "metrics", CTL_SHORT_PATIENCE_MS, &metrics);
    switch (result) {
    case CTL_ANSWERED:
        tell_metrics(report, &metrics);
        break;
    case CTL_SILENT:
        doctor_tell(report, "service", DOCTOR_FAILURE,
                    "%s|the service has died, or hangs: start it anew; its messages say more",
                    metrics.text);
        break;
    case CTL_ABSENT:
    case CTL_WRONG:
    case CTL_UNREACHED:
    default:
        doctor_tell(report, "service",
                    named && result == CTL_ABSENT ? DOCTOR_WARNING : DOCTOR_SKIPPED,
                    "%s|toa serve --control PATH, and toa doctor --socket PATH", metrics.text);
        break;
    }
    toa_buffer_free(&metrics);
}

/* ---- A capture ------------------------------------------------------------------------------- */

typedef struct sample {
    toa_stories *stories; /* what is not listened for */
    bool open_tunnels;
    const toa_dialects *listened;
    uint64_t n_syns;
    uint64_t n_named; /* segments with an option that is listened for, and believed */
    uint64_t verdicts[TOA_N_WORDS];
} sample;

static void on_frame(void *context, const toa_live_frame *frame)
{
    sample *taken = context;
    toa_segment segment;
    toa_word verdict = frame->event->verdict;
    taken->verdicts[verdict]++;
    taken->n_named += (verdict == TOA_LEARN || verdict == TOA_REPEAT) &&
                      taken->listened->row_of_kind[frame->event->mapping.kind] != 0;
    toa_stories_note(taken->stories, frame->bytes, frame->captured_len, frame->link_type,
                     taken->open_tunnels, frame->event, frame->time);
    if (frame->event->fake.version != 0 &&
        toa_segment_parse(frame->bytes, frame->captured_len, frame->link_type, taken->open_tunnels,
                          &segment) == TOA_FOUND) {
        taken->n_syns += (segment.flags & TOA_TCP_SYN) != 0;
    }
}

static void tell_sample(doctor_report *report, const sample *taken, uint64_t kernel_drops,
                        uint64_t seconds)
{
    uint64_t named = taken->n_named;
    if (taken->n_syns == 0) {
        doctor_tell(report, "traffic", DOCTOR_WARNING,
                    "no SYN to a watched server came in %" PRIu64
                    " s|is it the right interface, and are "
                    "these the servers? Or it is just quiet: --seconds 60",
                    seconds);
    } else if (named == 0) {
        doctor_tell(report, "traffic", DOCTOR_WARNING,
                    "%" PRIu64 " SYNs came in %" PRIu64
                    " s, and nothing named a client|is TOA switched on "
                    "at the load balancer, and do connections come through it?",
                    taken->n_syns, seconds);
    } else {
        doctor_tell(report, "traffic", DOCTOR_OK,
                    "%" PRIu64 " SYNs came in %" PRIu64 " s, and %" PRIu64
                    " segments named a client",
                    taken->n_syns, seconds, named);
    }
    if (taken->verdicts[TOA_TRUNCATED] != 0) {
        doctor_tell(report, "snap_length", DOCTOR_WARNING,
                    "%" PRIu64
                    " segments had headers longer than what is captured of them|tunnels? "
                    "Decap = yes captures 512 bytes instead of 256",
                    taken->verdicts[TOA_TRUNCATED]);
    } else {
        doctor_tell(report, "snap_length", DOCTOR_OK, "all headers are whole");
    }
    tell_unheard(report, toa_stories_unheard(taken->stories), "");
    if (kernel_drops != 0) {
        doctor_tell(report, "drops", DOCTOR_WARNING,
                    "the kernel dropped %" PRIu64 " frames meanwhile|a larger ring (Buffer)",
                    kernel_drops);
    } else {
        doctor_tell(report, "drops", DOCTOR_OK, "the kernel dropped nothing meanwhile");
    }
}

static void run_capture(doctor_report *report, const toa_capture_config *config, sample *taken,
                        uint64_t seconds)
{
    char text[512] = "";
    toa_live *live = NULL;
    toa_live_counters counters;
    toa_dialects all;
    struct timespec span = {.tv_sec = (time_t)seconds};
    toa_config_dialects(config, &all);
    toa_config engine = toa_config_engine(config, &all);
    for (size_t i = 0; toa_dialect_at(i) != NULL; i++) {
        const char *name = toa_dialect_at(i)->name;
        (void)toa_dialects_add(&all, name, strlen(name)); /* one that contradicts is left out */
    }
    const toa_live_options options = {.interface = config->interface,
                                      .config = &engine,
                                      .buffer_size = (size_t)config->buffer_size,
                                      .frame = on_frame,
                                      .context = taken};
    if (toa_live_start(&live, &options, text, sizeof text) != TOA_LIVE_OK) {
        doctor_tell(report, "interface", DOCTOR_FAILURE, "%s", text);
        return;
    }
    doctor_tell(report, "interface", DOCTOR_OK, "%s is captured from", config->interface);
    if (text[0] != '\0') {
        doctor_tell(report, "filter", DOCTOR_WARNING,
                    "%s|name fewer servers, or whole ranges of ports", text);
    } else {
        doctor_tell(report, "filter", DOCTOR_OK, "the kernel keeps away what cannot teach");
    }
    while (nanosleep(&span, &span) != 0 && errno == EINTR) {
    }
    toa_live_counters_get(live, &counters);
    toa_live_stop(live); /* from here on the sample is ours */
    tell_sample(report, taken, counters.kernel_drops, seconds);
}

void doctor_capture(doctor_report *report, const toa_service_config *config, uint64_t seconds)
{
    const toa_sandbox_needs needs = {.capture = true};
    char error[256] = "";
    toa_dialects listened;
    sample taken = {.open_tunnels = config->capture.open_tunnels, .listened = &listened};
    uint64_t hash_key = 0;
    toa_config_dialects(&config->capture, &listened);
    if (toa_live_random(&hash_key, sizeof hash_key)) {
        taken.stories = toa_stories_new(1024, hash_key, &listened);
    }
    if (taken.stories == NULL) {
        doctor_tell(report, "interface", DOCTOR_SKIPPED, "out of memory");
    } else if (!toa_privileges_drop(config->user, true, error, sizeof error) ||
               (config->sandbox && !toa_sandbox_enter(&needs, error, sizeof error))) {
        doctor_tell(report, "interface", DOCTOR_SKIPPED, "%s", error);
    } else {
        if (error[0] != '\0') {
            doctor_tell(report, "sandbox", DOCTOR_WARNING,
                        "%s|Linux 5.13 has it; see lsm= in the kernel's command line", error);
        }
        run_capture(report, &config->capture, &taken, seconds);
    }
    toa_stories_free(taken.stories);
}
