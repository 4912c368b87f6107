#include "explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MILLISECOND (TOA_SECOND / 1000)

/* The smallest TOA is that of IPv4, the other that of IPv6. */
enum { TOA_LEN_V4 = 8, TOA_LEN_V6 = 20 };

const char *toa_explain_meaning(toa_word word)
{
    static const char *const meanings[TOA_N_WORDS] = {
        [TOA_FOUND] = "The handshake named the client.",
        [TOA_NEVER_SEEN] = "No SYN of this connection was seen.",
        [TOA_PENDING] = "The SYN was seen, and since then no segment that names a client.",
        [TOA_NO_OPTION] = "The handshake is over, and none of its segments named a client.",
        [TOA_EXPIRED] = "The client was known, and the time for which it answers is over.",
        [TOA_REPLACED] = "It was known, and pushed out by newer connections: the table is full.",
        [TOA_UNTRUSTED] = "An option named a client, but came from a source that is not trusted.",
        [TOA_MALFORMED] = "The TCP options of the handshake contradict themselves.",
        [TOA_TRUNCATED] = "The capture ends before the TCP options do.",
        [TOA_AMBIGUOUS] = "The option on the SYN may be another one of kind 254 (Fast Open, SMC, "
                          "Accurate ECN), and the ACK had none.",
        [TOA_DUPLICATE] = "Several options name a client, and the policy is to believe none.",
        [TOA_CONFLICT] = "The SYN named one client, and a later segment that does not count "
                         "another one.",
        [TOA_MIDSTREAM] = "An option named a client outside of the handshake, where it is not "
                          "believed.",
    };
    if (word == TOA_CAPTURE_DROPS) {
        return "No client is known, and the kernel lost frames a moment ago.";
    }
    return toa_word_is_answer(word) ? meanings[word] : "?";
}

static const char *advice_for_room(unsigned free)
{
    if (free < TOA_LEN_V4) {
        return "The TCP header was full: no TOA fits. The load balancer leaves it out then; fewer "
               "options help (no time stamps on the client's side).";
    }
    if (free < TOA_LEN_V6) {
        return "There was room for the option of an IPv4 client, not for that of an IPv6 one. If "
               "the client has IPv4: is TOA switched on at the load balancer?";
    }
    return "There was room. Is TOA switched on at the load balancer, and did the connection come "
           "through it?";
}

const char *toa_explain_advice(const toa_answer *answer)
{
    static const char *const advice[TOA_N_WORDS] = {
        [TOA_NEVER_SEEN] =
            "Is it the peer address that accept() gave, is its server one of Server, "
            "does it come in by the interface, and did it begin after the service?",
        [TOA_PENDING] = "If the connection is older than a moment: is TOA switched on at the load "
                        "balancer, and is its dialect one that is listened for (Dialect)?",
        [TOA_EXPIRED] = "Ask right after accept(), raise Ttl, or set Hold = connection.",
        [TOA_REPLACED] = "Raise Records.",
        [TOA_UNTRUSTED] = "If the source is a load balancer of yours, add it to Trust; else "
                          "somebody goes around it.",
        [TOA_MALFORMED] = "Look at the options: toa capture -w FILE, toa inspect FILE.",
        [TOA_TRUNCATED] = "The options lie behind more headers than the capture has room for, or "
                          "the capture file was cut (tcpdump -s 0).",
        [TOA_AMBIGUOUS] = "The load balancer has to put the option on the ACK, too.",
        [TOA_DUPLICATE] = "Duplicates = first for LVS and DPVS, last for load balancers that "
                          "append.",
        [TOA_CONFLICT] = "A client writes the option itself. The load balancer should take it off; "
                         "see /usr/share/doc/toa/SECURITY.md.",
        [TOA_MIDSTREAM] = "The SYN was before the capture, or came another way. Midstream = accept "
                          "believes it, for traffic of which only a part is seen.",
        [TOA_CAPTURE_DROPS] = "Raise Buffer. toa ctl stats has the kernel drops.",
    };
    if (answer->word == TOA_NO_OPTION) {
        return advice_for_room(answer->options_free);
    }
    if (answer->word == TOA_FOUND && answer->mapping.carrier == TOA_CARRIER_SYN) {
        return "The SYN alone said so. Where a load balancer lets the client's own options pass, "
               "a client can write that.";
    }
    return answer->word < TOA_N_WORDS && advice[answer->word] != NULL ? advice[answer->word] : "";
}

/* ---- Segments -------------------------------------------------------------------------------- */

static const char *segment_name(const toa_story_line *line)
{
    if ((line->flags & TOA_TCP_RST) != 0) {
        return "RST";
    }
    if ((line->flags & TOA_TCP_SYN) != 0) {
        return "SYN";
    }
    if ((line->flags & TOA_TCP_FIN) != 0) {
        return "FIN";
    }
    return line->carries != 0 ? "data" : "ACK";
}

static const char *option_name(uint8_t kind)
{
    static const char *const names[] = {
        [2] = "mss", [3] = "wscale", [4] = "sackOK", [5] = "sack", [8] = "ts", [19] = "md5"};
    return kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}

/* What is usual by its name, the rest by its bytes. */
static void put_option(toa_text *out, const toa_option *option)
{
    const char *name = option_name(option->kind);
    if (name != NULL) {
        toa_text_put(out, " %s", name);
        return;
    }
    toa_text_put(out, " %u/%u:", (unsigned)option->kind, (unsigned)option->len);
    for (size_t i = 0; i < option->len; i++) {
        toa_text_put(out, "%02x", (unsigned)option->bytes[i]);
    }
}

static void put_options(toa_text *out, const toa_story_line *line)
{
    toa_options walk = toa_options_begin(line->options, line->n_options, line->options_len);
    toa_option option;
    toa_word word = TOA_FOUND;
    toa_text_put(out, "options");
    while ((word = toa_options_next(&walk, &option)) == TOA_FOUND) {
        put_option(out, &option);
    }
    toa_text_put(out, "%s%s, %u of 40 bytes", word == TOA_NO_OPTION ? "" : " ",
                 word == TOA_NO_OPTION ? "" : toa_word_name(word), (unsigned)line->options_len);
}

static void put_age(toa_text *out, toa_time at, toa_time now)
{
    uint64_t age = now <= at ? 0 : ((uint64_t)now - (uint64_t)at) / MILLISECOND;
    toa_text_put(out, "%6" PRIu64 ".%03" PRIu64 " s ago", age / 1000, age % 1000);
}

static void put_line(toa_text *out, const toa_story_line *line, toa_time now)
{
    char text[TOA_ENDPOINT_TEXT];
    toa_text_put(out, "  ");
    put_age(out, line->at, now);
    toa_text_put(out, "  %-4s  %-10s  ", segment_name(line),
                 toa_word_name((toa_word)line->verdict));
    put_options(out, line);
    if (line->named.version != 0) {
        (void)toa_endpoint_format(&line->named, text);
        toa_text_put(out, "; names %s", text);
    }
    toa_text_put(out, "\n");
}

static void put_story(const toa_explain_case *about, toa_text *out)
{
    const toa_story *story = about->story;
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(&story->server, text);
    toa_text_put(out, "segments to %s, on %s:\n", text,
                 about->capture == NULL ? "a file" : about->capture->interface);
    for (size_t i = 0; i < story->n_lines; i++) {
        if (i + 1 == story->n_lines && story->n_omitted != 0) {
            toa_text_put(out, "  ... %" PRIu64 " more\n", story->n_omitted);
        }
        put_line(out, &story->lines[i], about->now);
    }
    if (story->n_passed != 0) {
        toa_text_put(out, "  and %" PRIu64 " that changed nothing\n", story->n_passed);
    }
}

/* ---- What to change -------------------------------------------------------------------------- */

/* An option of a dialect that is not listened for is the best reason there is. */
static void put_unheard(const toa_explain_case *about, toa_text *out)
{
    toa_dialects listened;
    bool said[TOA_STORY_DIALECTS] = {false};
    toa_config_dialects(about->capture, &listened);
    for (size_t i = 0; i < about->story->n_lines; i++) {
        const toa_story_line *line = &about->story->lines[i];
        toa_options walk = toa_options_begin(line->options, line->n_options, line->options_len);
        toa_option option;
        size_t number = 0;
        while (toa_options_next(&walk, &option) == TOA_FOUND) {
            const toa_dialect *dialect = toa_dialect_unheard(&listened, &option, &number);
            if (dialect != NULL && !said[number]) {
                said[number] = true;
                toa_text_put(out,
                             "to do: kind %u with length %u is an option of dialect %s (%s), which "
                             "is not listened for: Dialect = %s\n",
                             (unsigned)option.kind, (unsigned)option.len, dialect->name,
                             dialect->who, dialect->name);
            }
        }
    }
}

/* What the figures say about a connection that nobody saw. */
static void put_suspects(const toa_explain_case *about, toa_text *out)
{
    const toa_figures *figures = about->figures;
    bool captures = (figures->present >> TOA_FIGURES_CAPTURE & 1U) != 0;
    if (captures && figures->capturing == 0) {
        toa_text_put(out, "to do: the interface %s is away just now\n", about->capture->interface);
    }
    if (captures && figures->kernel_drops != 0) {
        toa_text_put(out, "to do: the kernel has dropped %" PRIu64 " frames: a larger Buffer\n",
                     figures->kernel_drops);
    }
    if (figures->pushed_pending + figures->pushed_mapping != 0) {
        toa_text_put(out,
                     "to do: %" PRIu64 " flows were pushed out of the table: more Records, "
                     "unless one fake endpoint had more than %d\n",
                     figures->pushed_pending + figures->pushed_mapping, TOA_FLOWS_PER_FAKE);
    }
    if (captures && figures->captured == 0) {
        toa_text_put(out, "to do: no frame at all has come up from %s: is it the right one?\n",
                     about->capture->interface);
    }
}

static void put_head(const toa_explain_case *about, toa_text *out)
{
    const toa_answer *answer = about->answer;
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(about->fake, text);
    toa_text_put(out, "%s: ", text);
    if (answer->word == TOA_FOUND) {
        (void)toa_endpoint_format(&answer->mapping.client, text);
        toa_text_put(out, "%s, by option %u on the %s\n", text, (unsigned)answer->mapping.kind,
                     toa_carrier_name((toa_carrier)answer->mapping.carrier));
    } else {
        toa_text_put(out, "%s\n", toa_word_name(answer->word));
    }
}

/* Whether no segment of the connection was seen. */
static bool is_unseen(const toa_answer *answer)
{
    return answer->word == TOA_NEVER_SEEN ||
           (answer->word == TOA_CAPTURE_DROPS && answer->server.version == 0);
}

void toa_explain(const toa_explain_case *about, toa_text *out)
{
    const char *advice = toa_explain_advice(about->answer);
    toa_word word = about->answer->word;
    bool unseen = is_unseen(about->answer);
    put_head(about, out);
    if (about->story != NULL) {
        put_story(about, out);
    } else if (!unseen) {
        toa_text_put(out, about->capture == NULL
                              ? "segments: of a file none are kept; toa replay FILE tells them\n"
                              : "segments: not kept any more\n");
    }
    toa_text_put(out, "meaning: %s\n", toa_explain_meaning(word));
    if (about->story != NULL && about->capture != NULL && word != TOA_FOUND) {
        put_unheard(about, out);
    }
    if (advice[0] != '\0') {
        toa_text_put(out, "to do: %s\n", advice);
    }
    if (about->figures != NULL && (unseen || word == TOA_REPLACED)) {
        put_suspects(about, out);
    }
}
