#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/tests/script.h"

#define MILLISECOND (TOA_SECOND / 1000)
#define HOUR        (3600 * TOA_SECOND)

enum { BALANCERS_MAX = 3, PORTS_MAX = 16, CLIENTS = 12 };

/* How bad the network is; each of a thousand frames. */
typedef struct weather {
    uint32_t lost;
    uint32_t doubled;
    uint32_t late; /* behind frames that were sent after it */
    uint32_t cut;
    uint32_t spoiled;
} weather;

/* A load balancer: whose option it writes, and where. */
typedef struct balancer {
    toa_endpoint fake; /* without the port */
    uint8_t option;    /* of the stock */
    bool on_syn;
    bool on_ack;
    bool last; /* behind the client's own options */
    bool names_vip;
} balancer;

typedef struct maker {
    sim_random random;
    sim_world *world;
    size_t n_most;
    toa_time at; /* where the next episode begins */
    weather weather;
    toa_time pause; /* between episodes, about */
    balancer balancers[BALANCERS_MAX];
    uint32_t n_balancers;
    uint32_t n_ports;
    uint32_t forged; /* connections of a thousand whose client lies */
    uint32_t floods; /* episodes of a thousand */
    uint32_t jumps;  /* of the clock, of a thousand operations */
    uint32_t last_isn[BALANCERS_MAX][PORTS_MAX][SIM_SERVERS_MAX];
    uint32_t n_flooded;
} maker;

/* ---- Options --------------------------------------------------------------------------------- */

/* The client's number goes into the last byte of port and address. */
static const struct {
    uint8_t len;
    uint8_t port_at; /* 0: has none */
    uint8_t ip_at;   /* 0: names nobody */
    uint8_t bytes[TOA_OPTIONS_MAX];
} stock[] = {
    {8, 3, 7, {254, 8, 0x10, 0x00, 203, 0, 113, 0}},
    {8, 3, 7, {200, 8, 0x10, 0x00, 203, 0, 113, 0}},
    {20, 3, 19, {254, 20, 0x10, 0x00, 0x20, 0x01, 0x0d, 0xb8}},
    {20, 3, 19, {253, 20, 0x10, 0x00, 0x20, 0x01, 0x0d, 0xb8}},
    {16, 3, 7, {254, 16, 0x10, 0x00, 203, 0, 113, 0, 0, 0, 0x00, 0x52, 10, 9, 0, 1}},
    {20, 3, 7, {252, 20, 0x10, 0x00, 203, 0, 113, 0, 1, 2, 3, 4, 10, 9, 0, 2, 0x00, 0x53}},
    {7, 0, 6, {28, 7, 1, 203, 0, 113, 0}},
    {19, 0, 18, {28, 19, 1, 0x20, 0x01, 0x0d, 0xb8}},
    {40, 3, 19, {249, 40, 0x10, 0x00, 0x20, 0x01, 0x0d, 0xb8}},
    /* What is no TOA, or may be none: from here on. */
    {8, 3, 7, {253, 8, 0x64, 0x00, 159, 249, 0, 0}},
    {8, 0, 7, {254, 8, 0xf9, 0x89, 203, 0, 113, 0}},
    {8, 0, 0, {254, 8, 0xe2, 0xd4, 0xc3, 0xd9, 0, 0}},
    {8, 0, 0, {250, 8, 0x00, 0x50, 10, 9, 0, 1}},
    {4, 0, 0, {2, 4, 0x05, 0xb4}},
    {10, 0, 0, {8, 10, 1, 2, 3, 4}},
    {1, 0, 0, {1}},
    {1, 0, 0, {0}},
    {2, 0, 0, {254, 1}},
    {4, 0, 0, {254, 40, 0, 0}},
    {1, 0, 0, {254}},
};
enum { STOCK_TOAS = 9, STOCK_VIP = 12, STOCK_MSS = 13, STOCK = sizeof stock / sizeof stock[0] };

/* Adds one of the stock, if there is room. */
static void options_add(sim_frame *frame, uint32_t which, uint32_t client)
{
    uint8_t *at = frame->options + frame->options_len;
    if (frame->options_len + stock[which].len > TOA_OPTIONS_MAX) {
        return;
    }
    memcpy(at, stock[which].bytes, stock[which].len);
    if (stock[which].port_at != 0) {
        at[stock[which].port_at] = (uint8_t)client;
    }
    if (stock[which].ip_at != 0) {
        at[stock[which].ip_at] = (uint8_t)(client + 1);
    }
    frame->options_len = (uint8_t)(frame->options_len + stock[which].len);
}

static void options_end(sim_frame *frame)
{
    while (frame->options_len % 4 != 0) {
        frame->options[frame->options_len++] = 0;
    }
    frame->options_there = frame->options_len;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static sim_op *op_add(maker *make, toa_time at, sim_kind kind)
{
    sim_world *world = make->world;
    if (world->n_ops == make->n_most) {
        make->n_most *= 2;
        sim_op *grown = realloc(world->ops, make->n_most * sizeof *grown);
        if (grown == NULL) {
            abort();
        }
        world->ops = grown;
    }
    sim_op *op = &world->ops[world->n_ops++];
    memset(op, 0, sizeof *op);
    op->at = at;
    op->kind = kind;
    return op;
}

/* Cuts or garbles one of some frames. */
static void capture_frame(maker *make, sim_frame *frame)
{
    if (frame->options_len != 0 && random_permille(&make->random, make->weather.cut)) {
        frame->options_there = (uint8_t)random_below(&make->random, frame->options_len);
    }
    if (random_permille(&make->random, make->weather.spoiled)) {
        frame->damage = (uint8_t)random_below(&make->random, SIM_DAMAGES);
        if (frame->damage == SIM_FRAGMENT && frame->source.version == 6) {
            frame->damage = SIM_CUT;
        }
    }
}

static toa_endpoint mapped(const toa_endpoint *plain)
{
    toa_endpoint form = *plain;
    if (plain->version == 4) {
        form = (toa_endpoint){.port = plain->port, .version = 6, .has_port = 1};
        form.ip[10] = form.ip[11] = 0xff;
        memcpy(form.ip + 12, plain->ip, 4);
    }
    return form;
}

/* About a flow, by its fake endpoint alone or not. */
static sim_op *ask(maker *make, toa_time at, const toa_endpoint *fake, const toa_endpoint *server)
{
    sim_random *random = &make->random;
    sim_op *op = op_add(make, at, SIM_OP_ASK);
    op->ask.fake = random_permille(random, 100) ? mapped(fake) : *fake;
    if (random_permille(random, 500)) {
        op->ask.server = random_permille(random, 100) ? mapped(server) : *server;
    }
    return op;
}

/* What a frame taught, or closed, ends a ttl later: somebody asks for just then, or uses the port
 * again, and one nanosecond makes the difference. */
static void at_the_edge(maker *make, toa_time at, const sim_frame *frame)
{
    sim_random *random = &make->random;
    toa_time edge = make->world->setup.ttl - 1 + random_below(random, 3);
    if (random_permille(random, 100)) {
        ask(make, at, &frame->source, &frame->destination)->ask.later = edge;
    }
    if (random_permille(random, 20)) {
        sim_op *op = op_add(make, at + edge, SIM_OP_FRAME);
        op->frame = *frame;
        op->frame.flags = TOA_TCP_SYN;
        op->frame.seq += 100000;
    }
}

/* Sends a frame: it comes when the network likes, so often as it likes. */
static void send(maker *make, toa_time at, const sim_frame *frame)
{
    uint32_t copies = random_permille(&make->random, make->weather.lost) ? 0 : 1;
    copies += random_permille(&make->random, make->weather.doubled);
    for (uint32_t i = 0; i < copies; i++) {
        toa_time delay = random_below(&make->random, 2000) * (TOA_SECOND / 1000000);
        if (i != 0 || random_permille(&make->random, make->weather.late)) {
            delay +=
                random_below_64(&make->random, i % 2 == 0 ? 300 * MILLISECOND : 4 * TOA_SECOND);
        }
        sim_op *op = op_add(make, at + delay, SIM_OP_FRAME);
        op->frame = *frame;
        capture_frame(make, &op->frame);
        at_the_edge(make, at + delay, frame);
    }
}

static void ask_service(maker *make, toa_time at, const toa_endpoint *fake,
                        const toa_endpoint *server)
{
    sim_random *random = &make->random;
    sim_datagram asked = {.fake = *fake,
                          .id = (uint32_t)random_next(random),
                          .version = fake->version == 4 && random_permille(random, 300) ? 1 : 2,
                          .asker = (uint8_t)random_below(random, SIM_ASKERS)};
    if (asked.version == 2) {
        asked.fake = random_permille(random, 100) ? mapped(fake) : *fake;
        asked.wait_ms = (uint16_t)(random_permille(random, 600) ? random_below(random, 5000) : 0);
        if (random_permille(random, 500)) {
            asked.server = *server;
        }
    }
    uint32_t copies = !random_permille(random, make->weather.lost) +
                      random_permille(random, make->weather.doubled);
    for (uint32_t i = 0; i < copies; i++) {
        sim_op *op = op_add(make, at + random_below_64(random, 5 * MILLISECOND), SIM_OP_DATAGRAM);
        op->datagram = asked;
        op->datagram.broken =
            (uint8_t)(random_permille(random, 20) ? 1 + random_below(random, 90) : 0);
    }
}

/* ---- Connections ----------------------------------------------------------------------------- */

typedef struct connection {
    const balancer *through;
    toa_endpoint fake;
    toa_endpoint server;
    uint32_t client;
    uint32_t liar; /* whom the client claims to be; CLIENTS: it does not lie */
    uint32_t *last_isn;
    uint32_t isn;
    uint16_t syn_data_len;
    toa_time at;
} connection;

/* Server `i` by the address that a flow of this IP version goes to. */
static toa_endpoint server_of(const maker *make, uint32_t i, uint8_t version)
{
    toa_endpoint server = make->world->setup.servers[i];
    if (version == 6) {
        server = (toa_endpoint){
            .ip = {0x20, 1, 0x0d, 0xb8}, .port = server.port, .version = 6, .has_port = 1};
    }
    return server;
}

static void connection_make(maker *make, connection *out)
{
    sim_random *random = &make->random;
    uint32_t which = random_below(random, make->n_balancers);
    uint32_t port = random_below(random, make->n_ports);
    uint32_t server = random_below(random, (uint32_t)make->world->setup.n_servers);
    *out = (connection){.through = &make->balancers[which],
                        .fake = make->balancers[which].fake,
                        .server = server_of(make, server, make->balancers[which].fake.version),
                        .client = random_below(random, CLIENTS),
                        .liar = CLIENTS,
                        .last_isn = &make->last_isn[which][port][server],
                        .at = make->at};
    out->fake.port = (uint16_t)(40000 + port);
    out->fake.has_port = 1;
}

static sim_frame segment(const connection *of, uint8_t flags, uint32_t seq)
{
    return (sim_frame){.source = of->fake, .destination = of->server, .seq = seq, .flags = flags};
}

/* Options as client and load balancer write them. */
static void options_make(maker *make, const connection *of, sim_frame *frame, bool toa)
{
    sim_random *random = &make->random;
    if (toa && !of->through->last) {
        options_add(frame, of->through->option, of->client);
    }
    if ((frame->flags & TOA_TCP_SYN) != 0) {
        options_add(frame, STOCK_MSS, 0);
    }
    if (of->liar != CLIENTS && random_permille(random, 700)) {
        options_add(frame, random_below(random, STOCK_TOAS), of->liar);
    }
    if (random_permille(random, 60)) {
        options_add(frame, random_below(random, STOCK), of->client);
    }
    if (toa && of->through->last) {
        options_add(frame, of->through->option, of->client);
    }
    if (toa && of->through->names_vip) {
        options_add(frame, STOCK_VIP, 0);
    }
    options_end(frame);
}

static void handshake(maker *make, connection *now)
{
    sim_random *random = &make->random;
    sim_frame syn = segment(now, TOA_TCP_SYN, now->isn);
    syn.data_len = now->syn_data_len;
    options_make(make, now, &syn, now->through->on_syn);
    send(make, now->at, &syn);
    if (random_permille(random, 50)) { /* again, because the answer was lost */
        now->at += TOA_SECOND;
        send(make, now->at, &syn);
    }
    sim_frame back = {.source = now->server,
                      .destination = now->fake,
                      .seq = (uint32_t)random_next(random),
                      .flags = TOA_TCP_SYN | TOA_TCP_ACK};
    send(make, now->at + MILLISECOND, &back);
    now->at += 2 * MILLISECOND + random_below_64(random, 80 * MILLISECOND);
    if (random_permille(random, 50)) { /* the client gives up */
        return;
    }
    bool taken = random_permille(random, 500); /* the data of the SYN */
    uint32_t first = now->isn + 1 + (taken ? now->syn_data_len : 0);
    sim_frame ack = segment(now, TOA_TCP_ACK, first);
    options_make(make, now, &ack, now->through->on_ack);
    send(make, now->at, &ack);
    sim_frame data = segment(now, TOA_TCP_ACK | TOA_TCP_PSH, first);
    data.data_len = (uint16_t)(1 + random_below(random, 1400));
    options_make(make, now, &data, now->through->on_ack && random_permille(random, 800));
    send(make, now->at + MILLISECOND, &data);
}

static void conversation(maker *make, connection *now)
{
    sim_random *random = &make->random;
    uint32_t seq = now->isn + 2000;
    for (uint32_t n = random_below(random, 4); n != 0; n--) {
        now->at += random_below_64(random, 2 * TOA_SECOND);
        sim_frame data = segment(now, TOA_TCP_ACK | TOA_TCP_PSH, seq);
        data.data_len = 100;
        options_make(make, now, &data, random_permille(random, 30));
        if (random_permille(random, 400)) {
            data.source = now->server;
            data.destination = now->fake;
        }
        seq += data.data_len;
        send(make, now->at, &data);
    }
    uint32_t end = random_below(random, 10);
    if (end < 7) {
        sim_frame last = segment(now, end < 5 ? TOA_TCP_FIN | TOA_TCP_ACK : TOA_TCP_RST, seq);
        now->at += random_below_64(random, 2 * TOA_SECOND);
        options_make(make, now, &last, random_permille(random, 100));
        send(make, now->at, &last);
    }
}

/* What an attacker who can send through the load balancer does to a handshake. */
static void spoil(maker *make, const connection *at)
{
    static const uint8_t flags[] = {TOA_TCP_SYN,
                                    TOA_TCP_SYN,
                                    TOA_TCP_FIN | TOA_TCP_ACK,
                                    TOA_TCP_RST,
                                    TOA_TCP_ACK,
                                    TOA_TCP_ACK | TOA_TCP_PSH,
                                    TOA_TCP_SYN | TOA_TCP_FIN,
                                    TOA_TCP_SYN | TOA_TCP_RST,
                                    0};
    sim_random *random = &make->random;
    const uint32_t seqs[] = {at->isn, at->isn + 1, at->isn + 2, (uint32_t)random_next(random)};
    sim_frame frame =
        segment(at, flags[random_below(random, sizeof flags)], seqs[random_below(random, 4)]);
    options_make(make, at, &frame, random_permille(random, 500));
    send(make, at->at + random_below_64(random, 100 * MILLISECOND), &frame);
}

static void connect(maker *make)
{
    sim_random *random = &make->random;
    connection now;
    connection_make(make, &now);
    now.isn = (uint32_t)random_next(random);
    if (random_permille(random, 80)) { /* as the connection before */
        now.isn = *now.last_isn;
    } else if (random_permille(random, 50)) { /* so that numbers wrap */
        now.isn = UINT32_MAX - random_below(random, 3);
    }
    *now.last_isn = now.isn;
    now.syn_data_len = (uint16_t)(random_permille(random, 80) ? 1 + random_below(random, 1000) : 0);
    if (random_permille(random, make->forged)) {
        now.liar = random_below(random, CLIENTS);
        for (uint32_t n = random_below(random, 3); n != 0; n--) {
            spoil(make, &now);
        }
    }
    toa_time begin = now.at;
    handshake(make, &now);
    for (uint32_t n = random_below(random, 6); n != 0; n--) {
        toa_time when = random_permille(random, 300) ? make->world->setup.ttl - MILLISECOND : 0;
        ask(make, begin + when + random_below_64(random, 200 * MILLISECOND), &now.fake,
            &now.server);
    }
    for (uint32_t n = random_below(random, 3); n != 0; n--) {
        ask_service(make, begin - MILLISECOND + random_below_64(random, 200 * MILLISECOND),
                    &now.fake, &now.server);
    }
    conversation(make, &now);
}

/* SYNs of many, some of whom bring an option of their own. */
static void flood(maker *make)
{
    sim_random *random = &make->random;
    connection one;
    connection_make(make, &one);
    uint32_t n = 1 + random_below(random, 60);
    bool sixes = one.fake.version == 6;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = make->n_flooded++;
        one.fake = (toa_endpoint){.ip = {198, 18, (uint8_t)(number >> 8), (uint8_t)number},
                                  .port = (uint16_t)(1024 + number % 60000),
                                  .version = 4,
                                  .has_port = 1};
        if (sixes) {
            one.fake.ip[0] = 0x20;
            one.fake.ip[15] = 1;
            one.fake.version = 6;
        }
        sim_frame frame = segment(&one, TOA_TCP_SYN, (uint32_t)random_next(random));
        options_make(make, &one, &frame, random_permille(random, 300));
        toa_time at = make->at + (toa_time)i * (TOA_SECOND / 100000);
        send(make, at, &frame);
        if (random_permille(random, 100)) {
            ask(make, at + MILLISECOND, &one.fake, &one.server);
        }
    }
}

/* ---- The capture's clock --------------------------------------------------------------------- */

static toa_time jump(maker *make)
{
    const toa_time sizes[] = {MILLISECOND, TOA_SECOND, 20 * TOA_SECOND, HOUR, 48 * HOUR};
    toa_time size = random_below_64(&make->random, sizes[random_below(&make->random, 5)]);
    return random_permille(&make->random, 600) ? size : -size;
}

/* Merges two halves of `n` operations that are in order, the first of `half`. */
static void merge_ops(sim_op *ops, sim_op *room, size_t half, size_t n)
{
    memcpy(room, ops, half * sizeof *ops);
    size_t left = 0;
    size_t right = half;
    for (size_t i = 0; left < half; i++) {
        bool take = right < n && ops[right].at < room[left].at;
        ops[i] = take ? ops[right++] : room[left++];
    }
}

/* By time; equal times stay in their order, as qsort does not promise. */
static void sort_ops(sim_op *ops, size_t n)
{
    sim_op *room = malloc(n * sizeof *room);
    if (room == NULL) {
        abort();
    }
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t at = 0; at + half < n; at += 2 * half) {
            merge_ops(ops + at, room, half, n - at < 2 * half ? n - at : 2 * half);
        }
    }
    free(room);
}

static void stamp_ops(maker *make)
{
    toa_time offset = 0;
    for (size_t i = 0; i < make->world->n_ops; i++) {
        sim_op *op = &make->world->ops[i];
        if (random_permille(&make->random, make->jumps)) {
            offset += jump(make);
        }
        op->stamp = op->at + offset < 0 ? 0 : op->at + offset;
    }
}

/* ---- Worlds ---------------------------------------------------------------------------------- */

static void make_setup(maker *make)
{
    static const char *const all[] = {"tencent", "lvs",         "ucloud",      "bytedance",
                                      "cdn",     "alibaba-vpc", "alibaba-vpc6"};
    static const toa_time ttls[] = {
        1, 50 * MILLISECOND, TOA_SECOND, 15 * TOA_SECOND, 15 * TOA_SECOND, HOUR, 30 * 24 * HOUR};
    static const size_t records[] = {16, 16, 64, 256, 1024};
    sim_random *random = &make->random;
    sim_setup *setup = &make->world->setup;
    setup->n_servers = 1 + random_below(random, SIM_SERVERS_MAX);
    for (uint32_t i = 0; i < SIM_SERVERS_MAX; i++) {
        setup->servers[i] = (toa_endpoint){
            .ip = {192, 0, 2, 1}, .port = (uint16_t)(443 + i), .version = 4, .has_port = 1};
    }
    setup->n_watched = random_below(random, 3) == 0 ? 1 + random_below(random, 2) : 0;
    if (random_permille(random, 600)) {
        memcpy(setup->dialects, all, sizeof all);
        setup->n_dialects = sizeof all / sizeof all[0];
    }
    setup->trust = random_permille(random, 300);
    setup->ttl = ttls[random_below(random, sizeof ttls / sizeof ttls[0])];
    setup->hold_connection = random_permille(random, 300);
    setup->duplicates =
        (toa_duplicates)(random_permille(random, 500) ? 0 : random_below(random, 3));
    setup->midstream = random_permille(random, 250);
    setup->n_records = records[random_below(random, 5)];
    setup->hash_key = random_next(random);
    setup->n_held = 1 + random_below(random, 12);
}

static void make_balancers(maker *make)
{
    sim_random *random = &make->random;
    make->n_balancers = 1 + random_below(random, BALANCERS_MAX);
    make->n_ports = 1 + random_below(random, PORTS_MAX);
    for (uint32_t i = 0; i < make->n_balancers; i++) {
        balancer *one = &make->balancers[i];
        uint32_t style = random_below(random, 4);
        *one = (balancer){.fake = {.ip = {10, 0, 1, (uint8_t)(7 + i)}, .version = 4},
                          .option = (uint8_t)random_below(random, STOCK_TOAS),
                          .on_syn = style != 0,
                          .on_ack = style != 1,
                          .last = random_permille(random, 200),
                          .names_vip = random_permille(random, 200)};
        if (i == 2) {
            one->fake.version = 6; /* a:1:9:: */
        }
    }
}

static void make_weather(maker *make)
{
    static const toa_time pauses[] = {10 * MILLISECOND, TOA_SECOND, 20 * TOA_SECOND, HOUR,
                                      8 * HOUR};
    sim_random *random = &make->random;
    uint32_t storm = random_below(random, 4) == 0 ? 100 : 10;
    make->weather = (weather){.lost = random_below(random, storm),
                              .doubled = random_below(random, storm),
                              .late = random_below(random, storm),
                              .cut = random_below(random, storm),
                              .spoiled = random_below(random, storm / 2)};
    make->pause = pauses[random_below(random, 5)];
    make->forged = random_below(random, 300);
    make->floods = random_below(random, 40);
    make->jumps = random_below(random, 3);
}

void world_make(sim_world *world, uint64_t seed, size_t n_ops)
{
    maker make = {.random = {seed}, .world = world, .n_most = n_ops + 64, .at = TOA_SECOND};
    *world = (sim_world){.seed = seed, .ops = malloc(make.n_most * sizeof *world->ops)};
    make_setup(&make);
    make_balancers(&make);
    make_weather(&make);
    while (world->n_ops < n_ops) {
        make.at += random_below_64(&make.random, 2 * make.pause);
        if (random_permille(&make.random, make.floods)) {
            flood(&make);
        } else {
            connect(&make);
        }
    }
    sort_ops(world->ops, world->n_ops);
    world->n_ops = n_ops;
    stamp_ops(&make);
}

void world_free(sim_world *world)
{
    free(world->ops);
}

const char *const world_trust[2] = {"10.0.1.0/24", "a00:100::/24"};
const char *const world_watched[2] = {"192.0.2.1:443", "any:444"};

void world_config(const sim_setup *setup, sim_config *room)
{
    memset(room, 0, sizeof *room);
    toa_dialects_default(&room->dialects);
    if (setup->n_dialects != 0) {
        toa_dialects_clear(&room->dialects);
    }
    for (size_t i = 0; i < setup->n_dialects; i++) {
        if (toa_dialects_add(&room->dialects, setup->dialects[i], strlen(setup->dialects[i])) !=
            NULL) {
            abort();
        }
    }
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        if (toa_servers_parse(world_watched[i], strlen(world_watched[i]), &room->servers[i], 1,
                              &n) != NULL ||
            toa_prefix_parse(world_trust[i], strlen(world_trust[i]), &room->trust[i]) != NULL) {
            abort();
        }
    }
    room->config = (toa_config){.dialects = &room->dialects,
                                .servers = room->servers,
                                .n_servers = setup->n_watched,
                                .trust = room->trust,
                                .n_trust = setup->trust ? 2 : 0,
                                .ttl = setup->ttl,
                                .hash_key = {setup->hash_key, 0},
                                .hold = setup->hold_connection ? TOA_HOLD_CONNECTION : TOA_HOLD_TTL,
                                .duplicates = setup->duplicates,
                                .midstream = setup->midstream};
}

/* ---- Frames ---------------------------------------------------------------------------------- */

toa_segment world_segment(const sim_frame *frame)
{
    return (toa_segment){
        .source = frame->source,
        .destination = frame->destination,
        .seq = frame->seq,
        .options = toa_options_begin(frame->options, frame->options_there, frame->options_len),
        .data_len = frame->data_len,
        .flags = frame->flags,
        .options_len = frame->options_len,
    };
}

uint8_t *world_frame(const sim_frame *frame, size_t *len)
{
    toa_segment made = world_segment(frame);
    uint8_t *bytes = script_frame(&made, len);
    size_t ip_len = made.source.version == 4 ? 20 : 40;
    switch ((sim_damage)frame->damage) {
    case SIM_FRAGMENT:
        bytes[7] = 100; /* RFC 791: fragment offset */
        break;
    case SIM_CUT:
        *len = ip_len + 13;
        break;
    case SIM_OFFSET:
        bytes[ip_len + 12] = 0x40;
        break;
    case SIM_DATAGRAM:
        bytes[made.source.version == 4 ? 9 : 6] = 17;
        break;
    case SIM_SOUND:
    case SIM_DAMAGES:
    default:
        break;
    }
    return bytes;
}

toa_word world_damage_word(sim_damage damage)
{
    static const toa_word words[SIM_DAMAGES] = {TOA_FOUND, TOA_FRAGMENT, TOA_TRUNCATED,
                                                TOA_MALFORMED, TOA_FOREIGN};
    return words[damage];
}
