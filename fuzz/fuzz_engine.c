/*
 * The engine against a naive model (engine/tests/model.h), after every operation.
 *
 * The input: five bytes of configuration, then operations, each a byte and what it needs. The
 * spaces of flows, sequence numbers, options and times are small, so that they meet. Byte 0 of the
 * configuration chooses between a table that is large enough for all flows, where every answer must
 * be the model's, and one of 16 records, where flows are pushed out: there every address that is
 * handed out must be one that the model might say, and the counters must add up.
 */
#include "../engine/tests/compare.h"
#include "../engine/tests/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The input, byte by byte; zeros behind its end ------------------------------------------- */

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static unsigned take(input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_engine: %s\n", what);
        abort();
    }
}

/* ---- What is tested -------------------------------------------------------------------------- */

struct trial {
    toa_dialects dialects;
    toa_server servers[2];
    toa_prefix trust[2];
    toa_config config;
    bool tiny;
    bool shown; /* print what happens: TOA_FUZZ_SHOW is set */
    void *memory;
    toa_engine *engine;
    toa_model *model;
    toa_time now;
    unsigned n_segments; /* so far */
};

enum { N_FAKES = 4, N_SERVERS = 4, SEGMENTS_MAX = 300, HINTS_MAX = 40 };

/* Of each four fakes two are IPv4, one is IPv6 and one is IPv4 in IPv6 form. */
static toa_endpoint fake_of(unsigned i)
{
    toa_endpoint fake = {.port = (uint16_t)(40000 + i / N_FAKES), .version = 4, .has_port = 1};
    if (i % N_FAKES < 2) {
        fake.ip[0] = 10;
        fake.ip[3] = (uint8_t)(i % N_FAKES);
        return fake;
    }
    fake.version = 6;
    fake.ip[10] = fake.ip[11] = i % N_FAKES == 2 ? 0x20 : 0xff;
    fake.ip[12] = 10;
    return fake;
}

/* IPv4 in IPv6 form: see fake_of. */
static bool is_mapped(const toa_endpoint *endpoint)
{
    return endpoint->version == 6 && endpoint->ip[10] == 0xff;
}

/* The servers of a fake: three of IPv4, and for an IPv6 fake two that begin as the first does, and
 * are of IPv6. */
static toa_endpoint server_of(const toa_endpoint *fake, unsigned i)
{
    toa_endpoint server = {
        .ip = {192, 0, 2, 1}, .port = (uint16_t)(443 + i % 3), .version = 4, .has_port = 1};
    if (fake->version == 6 && i >= 2) {
        server.version = 6;
        server.port = 443;
        server.ip[15] = (uint8_t)i;
    }
    return server;
}

static void use_dialects(struct trial *trial, unsigned choice)
{
    static const char *const names[] = {"tencent", "lvs",         "ucloud",      "bytedance",
                                        "cdn",     "alibaba-vpc", "alibaba-vpc6"};
    if (choice % 2 == 0) {
        toa_dialects_default(&trial->dialects);
        return;
    }
    toa_dialects_clear(&trial->dialects);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        must(toa_dialects_add(&trial->dialects, names[i], strlen(names[i])) == NULL, "dialects");
    }
}

static void use_config(struct trial *trial, input *in)
{
    static const toa_time ttls[] = {1, 2, 10, TOA_SECOND, TOA_TTL_DEFAULT, INT64_MAX};
    unsigned modes = take(in);
    unsigned more = take(in);
    trial->tiny = modes % 2 == 1;
    use_dialects(trial, modes >> 1);
    trial->config = (toa_config){
        .dialects = &trial->dialects,
        .ttl = ttls[take(in) % (sizeof ttls / sizeof ttls[0])],
        .hash_key = {take(in), take(in)},
        .hold = (modes >> 2) % 2 == 0 ? TOA_HOLD_TTL : TOA_HOLD_CONNECTION,
        .duplicates = (toa_duplicates)(more % 3),
        .midstream = !trial->tiny && (modes >> 3) % 2 == 1,
    };
    if ((modes >> 4) % 2 == 1) { /* only the first two servers are watched */
        trial->config.servers = trial->servers;
        trial->config.n_servers = 2;
        const toa_endpoint fake = fake_of(0);
        for (unsigned i = 0; i < 2; i++) {
            toa_endpoint server = server_of(&fake, i);
            trial->servers[i] = (toa_server){
                .port_low = server.port, .port_high = server.port, .version = i == 0 ? 4 : 0};
            memcpy(trial->servers[i].ip, server.ip, i == 0 ? 4 : 0);
        }
    }
    if ((modes >> 5) % 2 == 1) { /* not the second fake of four */
        trial->config.trust = trial->trust;
        trial->config.n_trust = 2;
        trial->trust[0] = (toa_prefix){.ip = {10}, .version = 4, .bits = 32};
        trial->trust[1] = (toa_prefix){.version = 6, .bits = 0};
    }
}

static void trial_open(struct trial *trial)
{
    size_t size = toa_engine_size(trial->tiny ? 1 : 1024);
    trial->shown = getenv("TOA_FUZZ_SHOW") != NULL;
    trial->memory = malloc(size);
    must(trial->memory != NULL, "memory");
    memset(trial->memory, 0xa5, size);
    trial->engine = toa_engine_init(trial->memory, size, &trial->config);
    must(trial->engine != NULL, "init");
    must(toa_engine_init(trial->memory, toa_engine_size(1) - 1, &trial->config) == NULL &&
             toa_engine_size(SIZE_MAX) == 0,
         "an engine without room");
    toa_config wrong = trial->config;
    wrong.dialects = NULL;
    must(toa_engine_init(trial->memory, size, &wrong) == NULL, "an engine without dialects");
    wrong = trial->config;
    wrong.ttl = 0;
    must(toa_engine_init(trial->memory, size, &wrong) == NULL, "an engine without a ttl");
    trial->model = model_open(&trial->config);
}

static void trial_close(struct trial *trial)
{
    model_close(trial->model);
    free(trial->memory);
}

/* ---- Comparisons ----------------------------------------------------------------------------- */

static void ask(const struct trial *trial, const toa_endpoint *fake, const toa_endpoint *server,
                toa_time now)
{
    toa_answer got;
    toa_answer wanted;
    memset(&got, 0x5a, sizeof got);
    toa_word word = toa_engine_lookup(trial->engine, fake, server, now, &got);
    (void)model_lookup(trial->model, fake, server, now, &wanted);
    if (trial->shown) {
        compare_show_endpoint(stderr, "ask", fake);
        fprintf(stderr, "%s at %lld\n", server == NULL ? "" : " and server", (long long)now);
        compare_show_answer(stderr, "engine", &got);
        compare_show_answer(stderr, "model", &wanted);
    }
    must(word == got.word && toa_word_is_answer(word), "not an answer");
    must(got.age >= 0, "an age below 0");
    must((word == TOA_FOUND) == (got.mapping.client.version != 0), "a client without being found");
    if (!trial->tiny) {
        must(compare_answers(&got, &wanted), "another answer than the model's");
    } else if (word == TOA_FOUND) {
        toa_time latest = toa_engine_now(trial->engine);
        toa_endpoint of = *fake;
        if (is_mapped(&of)) {
            of = (toa_endpoint){.port = fake->port, .version = 4, .has_port = 1};
            memcpy(of.ip, fake->ip + 12, 4);
        }
        must(model_might_say(trial->model, &of, &got.server, &got.mapping.client,
                             now < latest ? latest : now),
             "an address that is wrong");
    }
}

static void check_counters(const struct trial *trial)
{
    toa_counters got;
    toa_counters wanted;
    uint64_t sum = 0;
    toa_engine_counters(trial->engine, &got);
    model_counters(trial->model, &wanted);
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        sum += got.verdicts[i];
        must(trial->tiny || got.verdicts[i] == wanted.verdicts[i], "another count of verdicts");
    }
    must(got.frames == sum && sum == wanted.frames, "frames are not the sum of verdicts");
    must(got.time_backwards == wanted.time_backwards, "another count of times");
    must(got.several == wanted.several, "another count of several");
    if (!trial->tiny) {
        must(got.replaced == wanted.replaced, "another count of replaced");
        must(got.broken_rest == wanted.broken_rest, "another count of broken lists");
        must(got.pushed_expired + got.pushed_pending + got.pushed_mapping == 0, "pushed out");
    }
}

static void check_live(const struct trial *trial, toa_time now)
{
    size_t n = toa_engine_live(trial->engine, now);
    must(n <= toa_engine_records(trial->engine), "more mappings than records");
    must(trial->tiny || n == model_live(trial->model, now), "another number of mappings");
}

/* ---- Operations ------------------------------------------------------------------------------ */

/* Options that may stand in a list, broken ones last. The fourth byte of a client's address, and
 * of its port, is replaced by a small number. */
static const struct {
    uint8_t len;
    uint8_t vary_at; /* 0: nothing */
    uint8_t bytes[40];
} stock[] = {
    {8, 7, {254, 8, 0x10, 0x00, 203, 0, 113, 0}},
    {8, 7, {200, 8, 0x10, 0x00, 203, 0, 113, 0}},
    {20, 19, {254, 20, 0x20, 0x00, 0x20, 0x01, 0x0d, 0xb8}},
    {20, 19, {253, 20, 0x20, 0x00, 0x20, 0x01, 0x0d, 0xb8}},
    {8, 7, {253, 8, 0x10, 0x00, 203, 0, 113, 0}},
    {8, 7, {254, 8, 0xf9, 0x89, 203, 0, 113, 0}},
    {8, 7, {254, 8, 0xe2, 0xd4, 0xc3, 0xd9, 0, 0}},
    {8, 7, {250, 8, 0x00, 0x50, 10, 9, 0, 0}},
    {8, 7, {202, 8, 0x00, 0x51, 10, 9, 0, 0}},
    {16, 7, {254, 16, 0x10, 0x00, 203, 0, 113, 0, 0, 0, 0x00, 0x52, 10, 9, 0, 1}},
    {20, 7, {252, 20, 0x10, 0x00, 203, 0, 113, 0, 1, 2, 3, 4, 10, 9, 0, 2, 0x00, 0x53}},
    {40, 19, {249, 40, 0x20, 0x00, 0x20, 0x01}},
    {7, 6, {28, 7, 1, 203, 0, 113, 0}},
    {19, 18, {28, 19, 1, 0x20, 0x01}},
    {4, 0, {2, 4, 0x05, 0xb4}},
    {1, 0, {1}},
    {1, 0, {0}},
    {2, 0, {254, 1}},
    {1, 0, {254}},
    {4, 0, {254, 40, 0, 0}},
};

/* One to three options of the stock, or bytes of the input as they are. */
static size_t make_options(input *in, uint8_t out[TOA_OPTIONS_MAX])
{
    unsigned how = take(in);
    size_t len = 0;
    if (how >= 0xf8) {
        for (len = 0; len < (how & 7) * 4 && in->left != 0; len++) {
            out[len] = (uint8_t)take(in);
        }
        return len;
    }
    for (unsigned n = how & 3; n > 0; n--) {
        unsigned which = take(in);
        size_t i = which % (sizeof stock / sizeof stock[0]);
        if (len + stock[i].len > TOA_OPTIONS_MAX) {
            break;
        }
        memcpy(out + len, stock[i].bytes, stock[i].len);
        if (stock[i].vary_at != 0) {
            out[len + stock[i].vary_at] = (uint8_t)(1 + (how >> 2) % 2 + which / 128);
        }
        len += stock[i].len;
    }
    return len;
}

static uint32_t make_seq(unsigned choice)
{
    static const uint32_t isns[] = {100, 5000, UINT32_MAX, 101};
    static const uint32_t behind[] = {0, 1, 1, 1, 2, 1 + 70, 1 + 4464, UINT32_MAX};
    return isns[choice % 4] + behind[(choice >> 2) % 8];
}

static uint32_t make_data_len(unsigned choice)
{
    static const uint32_t lens[] = {0, 0, 0, 70, 1, 65536 + 4464, 70, UINT32_MAX};
    return lens[choice % 8];
}

static uint8_t make_flags(unsigned choice)
{
    static const uint8_t flags[] = {
        TOA_TCP_SYN,
        TOA_TCP_SYN,
        TOA_TCP_SYN,
        TOA_TCP_ACK,
        TOA_TCP_ACK,
        TOA_TCP_ACK,
        TOA_TCP_ACK | TOA_TCP_PSH,
        TOA_TCP_ACK | TOA_TCP_PSH,
        TOA_TCP_ACK | TOA_TCP_FIN,
        TOA_TCP_RST,
        TOA_TCP_ACK | TOA_TCP_RST,
        TOA_TCP_SYN | TOA_TCP_ACK,
        TOA_TCP_SYN | TOA_TCP_FIN,
        TOA_TCP_SYN | TOA_TCP_RST,
        0,
        TOA_TCP_SYN | TOA_TCP_URG | 0xc0,
    };
    return flags[choice % 16];
}

/* A segment, whose options are bytes of `room`. *cut of them are not captured. */
static toa_segment make_segment(const struct trial *trial, input *in, unsigned op,
                                uint8_t room[TOA_OPTIONS_MAX], size_t *len, size_t *cut)
{
    unsigned who = take(in);
    unsigned where = take(in);
    toa_endpoint fake = fake_of(trial->tiny ? who % 64 : who % 8);
    toa_endpoint server = server_of(&fake, (who >> 6) % N_SERVERS);
    bool back = where >= 0xf0; /* from the server */
    toa_segment segment = {
        .source = back ? server : fake,
        .destination = back ? fake : server,
        .seq = make_seq(where),
        .ack = where,
        .data_len = make_data_len(where >> 5),
        .flags = make_flags(op),
    };
    *len = make_options(in, room);
    *cut = where % 32 == 31 && *len > 0 ? 1 + where / 32 % *len : 0;
    segment.options_len =
        (uint8_t)((*len + 3) / 4 * 4 > TOA_OPTIONS_MAX ? TOA_OPTIONS_MAX : (*len + 3) / 4 * 4);
    segment.options = toa_options_begin(room, *len - *cut, *len);
    return segment;
}

static void op_segment(struct trial *trial, input *in, unsigned op)
{
    uint8_t options[TOA_OPTIONS_MAX];
    size_t len;
    size_t cut;
    toa_segment segment = make_segment(trial, in, op, options, &len, &cut);
    bool back = (segment.ack & 0xff) >= 0xf0;
    const toa_endpoint fake = back ? segment.destination : segment.source;
    const toa_endpoint server = back ? segment.source : segment.destination;
    toa_event got;
    toa_event wanted;

    trial->n_segments++;
    toa_word word = toa_engine_segment(trial->engine, &segment, trial->now, &got);
    (void)model_segment(trial->model, &segment, trial->now, &wanted);
    if (trial->shown) {
        fprintf(stderr, "%lld flags %02x seq %u data %u", (long long)trial->now, segment.flags,
                segment.seq, segment.data_len);
        compare_show_endpoint(stderr, "from", &segment.source);
        compare_show_endpoint(stderr, "to", &segment.destination);
        fprintf(stderr, " options");
        for (size_t i = 0; i < len; i++) {
            fprintf(stderr, "%s%02x", i == len - cut ? "|" : " ", options[i]);
        }
        fprintf(stderr, "\n");
        compare_show_event(stderr, "engine", &got);
        compare_show_event(stderr, "model", &wanted);
    }
    must(word == got.verdict, "the verdict is not the event's");
    const bool said = got.mapping.carrier != TOA_CARRIER_NONE;
    must(said == (strcmp(toa_carrier_name((toa_carrier)got.mapping.carrier), "-") != 0),
         "a carrier without a name");
    must(trial->tiny || compare_events(&got, &wanted), "another event than the model's");
    ask(trial, &fake, NULL, trial->now);
    ask(trial, &fake, &server, trial->now);
}

enum { LINK_RAW_IP = 12, IP_HEADER_MAX = 40, TCP_HEADER = 20, DATA_MAX = 60000 };

static void put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value & 0xffff);
}

/* The headers of a segment, behind no link header; returns their length. Data is not captured. */
static size_t make_frame(const toa_segment *segment, const uint8_t *options, uint8_t *out)
{
    const toa_endpoint *from = &segment->source;
    const toa_endpoint *to = &segment->destination;
    const size_t address = from->version == 4 ? 4 : 16;
    const size_t ip_len = from->version == 4 ? 20 : 40;
    const unsigned tcp_len = TCP_HEADER + segment->options_len;
    const unsigned data_len = segment->data_len % DATA_MAX;
    memset(out, 0, ip_len + TCP_HEADER + TOA_OPTIONS_MAX);
    out[0] = from->version == 4 ? 0x45 : 0x60;
    put16(out + (from->version == 4 ? 2 : 4), tcp_len + data_len + (from->version == 4 ? 20 : 0));
    out[from->version == 4 ? 9 : 6] = 6;
    memcpy(out + ip_len - 2 * address, from->ip, address);
    memcpy(out + ip_len - address, to->ip, address);
    out += ip_len;
    put16(out, from->port);
    put16(out + 2, to->port);
    put32(out + 4, segment->seq);
    put32(out + 8, segment->ack);
    out[12] = (uint8_t)(tcp_len / 4 << 4);
    out[13] = segment->flags;
    memcpy(out + TCP_HEADER, options, segment->options_len);
    return ip_len + tcp_len;
}

/* A segment as it comes from a wire, cut somewhere, to the function that parses and feeds at once.
 */
static void op_feed(struct trial *trial, input *in, unsigned op)
{
    uint8_t options[TOA_OPTIONS_MAX] = {0};
    uint8_t frame[IP_HEADER_MAX + TCP_HEADER + TOA_OPTIONS_MAX];
    size_t len;
    size_t cut;
    const int link_type = op % 4 >= 2 ? -1 : LINK_RAW_IP;
    toa_segment segment = make_segment(trial, in, take(in), options, &len, &cut);
    toa_segment parsed;
    toa_event got;
    toa_event wanted;
    if (segment.source.version != segment.destination.version) {
        return;
    }
    len = make_frame(&segment, options, frame) - cut;
    trial->n_segments++;
    toa_word word = toa_segment_parse(frame, len, link_type, trial->config.open_tunnels, &parsed);
    toa_word said = toa_engine_feed(trial->engine, frame, len, link_type, trial->now,
                                    op % 2 == 0 ? &got : NULL);
    if (word == TOA_FOUND) {
        (void)model_segment(trial->model, &parsed, trial->now, &wanted);
    } else {
        model_frame(trial->model, word, trial->now);
        wanted = (toa_event){.verdict = word};
    }
    must(trial->tiny || said == wanted.verdict, "another verdict than the model's");
    if (op % 2 == 0) {
        must(said == got.verdict, "the verdict is not the event's");
        must(trial->tiny || compare_events(&got, &wanted), "another event than the model's");
    }
}

/* Hints about what comes next, if nothing but segments does: nothing may depend on them. */
static void op_hint(const struct trial *trial, const input *in, unsigned op)
{
    static const size_t most[] = {2, 4, 8, HINTS_MAX};
    uint8_t options[HINTS_MAX][TOA_OPTIONS_MAX];
    toa_segment segments[HINTS_MAX];
    input ahead = *in;
    size_t n = 0;
    size_t len;
    size_t cut;
    while (n < most[op % 4] && ahead.left != 0) {
        unsigned next = take(&ahead);
        segments[n] = make_segment(trial, &ahead, next, options[n], &len, &cut);
        n++;
    }
    toa_engine_expect(trial->engine, segments, n);
}

/* A SYN of each of up to 32 flows, with a TOA or without: they fill the table of 16 records. */
static void op_flood(struct trial *trial, input *in, unsigned op)
{
    unsigned first = take(in);
    unsigned where = take(in) % 0xf0;
    for (unsigned i = 0; i < 2 * (op % 16 + 1); i++) {
        const uint8_t bytes[4] = {(uint8_t)(first + i), (uint8_t)where, first % 2, 0};
        input one = {bytes, sizeof bytes};
        op_segment(trial, &one, 0);
    }
}

/* Exact edges of the expiry are hit by small steps, and by steps of the ttl. */
static void op_time(struct trial *trial, input *in)
{
    static const toa_time steps[] = {0, 1, 2, 9, 10, TOA_SECOND, 14 * TOA_SECOND, -1, -10};
    unsigned choice = take(in);
    toa_time step = steps[choice % (sizeof steps / sizeof steps[0])];
    if (choice >= 0xf0) {
        static const toa_time ends[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};
        trial->now = ends[choice % 6];
        return;
    }
    if (choice >= 0xe0) {
        step = trial->config.ttl;
    } else if (choice >= 0xd0) {
        step = trial->config.ttl - 1;
    }
    if (step >= 0 ? trial->now <= INT64_MAX - step : trial->now >= INT64_MIN - step) {
        trial->now += step;
    }
}

static void op_ask(const struct trial *trial, input *in)
{
    unsigned who = take(in);
    unsigned when = take(in);
    toa_endpoint fake = fake_of(trial->tiny ? who % 64 : who % 8);
    toa_endpoint server = server_of(&fake, (who >> 6) % N_SERVERS);
    toa_time now = trial->now;
    if (when < 0x80 && now <= INT64_MAX - TOA_TTL_DEFAULT) {
        now += when % 2 == 0 ? (toa_time)when : TOA_TTL_DEFAULT - when / 2 % 2;
    }
    ask(trial, &fake, (when & 4) == 0 ? NULL : &server, now);
}

static void op_ask_all(const struct trial *trial)
{
    const toa_endpoint nobody = {.version = 0};
    ask(trial, &nobody, NULL, trial->now);
    for (unsigned f = 0; f < (trial->tiny ? 64 : 8); f++) {
        toa_endpoint fake = fake_of(f);
        ask(trial, &fake, NULL, trial->now);
        for (unsigned s = 0; s < N_SERVERS; s++) {
            toa_endpoint server = server_of(&fake, s);
            ask(trial, &fake, &server, trial->now);
        }
    }
}

/* Each flow of the list is answered, asked for alone, as the list has it. */
static void check_flows(const struct trial *trial)
{
    const size_t n_records = toa_engine_records(trial->engine);
    size_t n = 0;
    size_t n_found = 0;
    toa_endpoint fake;
    toa_answer listed;
    toa_answer asked;
    for (size_t i = 0; i < n_records; i++) {
        if (toa_engine_flow(trial->engine, i, trial->now, &fake, &listed)) {
            n++;
            n_found += listed.word == TOA_FOUND;
            if (is_mapped(&fake) || is_mapped(&listed.server)) {
                continue; /* asked for, it counts as IPv4, which on a wire it is not */
            }
            (void)toa_engine_lookup(trial->engine, &fake, &listed.server, trial->now, &asked);
            must(compare_answers(&listed, &asked), "the list has another answer");
        }
    }
    must(n_found == toa_engine_live(trial->engine, trial->now), "not all live ones are listed");
    must(trial->tiny || n == model_n_flows(trial->model), "not all flows are listed");
    must(!toa_engine_flow(trial->engine, n_records, trial->now, &fake, &listed), "one too many");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    struct trial trial = {.now = 0};
    use_config(&trial, &in);
    trial_open(&trial);
    while (in.left != 0 && trial.n_segments < SEGMENTS_MAX) {
        unsigned op = take(&in);
        if (op < 0xc0) {
            op_segment(&trial, &in, op);
        } else if (op < 0xe4) {
            op_time(&trial, &in);
        } else if (op < 0xe8) {
            op_feed(&trial, &in, op);
        } else if (op < 0xec) {
            op_ask(&trial, &in);
        } else if (op < 0xf0) {
            op_hint(&trial, &in, op);
        } else {
            op_flood(&trial, &in, op);
        }
        check_counters(&trial);
    }
    op_ask_all(&trial);
    check_live(&trial, trial.now);
    check_flows(&trial);
    trial_close(&trial);
    return 0;
}
