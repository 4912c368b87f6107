/*
 * One writer, several readers, no lock. Every field of what is written is a function of one number,
 * so that a reader can tell half a record from a whole one. Meant for -fsanitize=thread too.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "place.h"
#include "state.h"

enum { READERS = 3, WRITES = 150000, READS_LEAST = 1000 };

/* What the threads share, besides what is tested. */
struct stage {
    toa_table table;
    toa_engine *engine;
    pthread_barrier_t begin;
    _Atomic bool over;
    _Atomic unsigned long n_read;
    _Atomic unsigned long n_torn;
    _Atomic unsigned long n_wrong; /* whole, and not what may be there */
};

/* Runs the writer beside the readers, to its end. */
static void run(struct stage *stage, void *(*write)(void *), void *(*read)(void *))
{
    pthread_t writer;
    pthread_t readers[READERS];
    assert_int_equal(pthread_barrier_init(&stage->begin, NULL, READERS + 1), 0);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read, stage), 0);
    }
    assert_int_equal(pthread_create(&writer, NULL, write, stage), 0);
    assert_int_equal(pthread_join(writer, NULL), 0);
    atomic_store(&stage->over, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&stage->begin), 0);
    assert_int_equal(stage->n_torn, 0);
    assert_int_equal(stage->n_wrong, 0);
    assert_true(stage->n_read >= READERS * READS_LEAST);
}

static uint64_t mix(uint64_t n)
{
    return n * UINT64_C(0x9e3779b97f4a7c15) ^ n >> 7;
}

static toa_endpoint endpoint_of(uint64_t n)
{
    toa_endpoint endpoint = {.port = (uint16_t)n, .version = 6, .has_port = 1};
    for (size_t i = 0; i < sizeof endpoint.ip; i++) {
        endpoint.ip[i] = (uint8_t)(mix(n + i) >> 32);
    }
    return endpoint;
}

/* ---- The table ------------------------------------------------------------------------------- */

enum { PLACES = 3 }; /* few, so that readers meet the writer often */

/* Every other round of the places is written as plain SYNs are. */
static bool is_syn(uint64_t n)
{
    return n / PLACES % 2 != 0;
}

static toa_endpoint plain_of(uint64_t n)
{
    toa_endpoint endpoint = {.port = (uint16_t)n, .version = 4, .has_port = 1};
    const uint64_t mixed = mix(n);
    memcpy(endpoint.ip, &mixed, 4);
    return endpoint;
}

static toa_record syn_record_of(uint64_t n)
{
    return (toa_record){
        .fake = plain_of(n),
        .server = plain_of(n + 1),
        .client = plain_of(n + 2),
        .isn = (uint32_t)mix(n),
        .syn_data_len = (uint32_t)mix(n + 4),
        .kind = (uint8_t)n,
        .carrier = TOA_CARRIER_SYN,
        .state = RECORD_SYN_SEEN,
        .reason = TOA_PENDING,
        .opened_at = (toa_time)mix(n + 5),
        .taught_at = (toa_time)mix(n + 5),
        .serial = n,
    };
}

static toa_record record_of(uint64_t n)
{
    if (is_syn(n)) {
        return syn_record_of(n);
    }
    return (toa_record){
        .fake = endpoint_of(n),
        .server = endpoint_of(n + 1),
        .client = endpoint_of(n + 2),
        .vip = endpoint_of(n + 3),
        .isn = (uint32_t)mix(n),
        .syn_data_len = (uint32_t)mix(n + 4),
        .kind = (uint8_t)n,
        .carrier = n >> 8 & 3,
        .state = RECORD_CLOSED | (n >> 10 & 16),
        .reason = mix(n) & 15,
        .options_free = ~n & 63,
        .opened_at = (toa_time)mix(n + 5),
        .taught_at = (toa_time)mix(n + 6),
        .closed_at = (toa_time)mix(n + 7),
        .serial = n,
    };
}

static void write_record(toa_table *table, uint64_t n)
{
    const toa_record record = record_of(n);
    if (!is_syn(n)) {
        toa_table_write(table, n % PLACES, mix(n), &record);
        return;
    }
    const toa_vacancy vacancy = {.record = n % PLACES,
                                 .worth = n <= PLACES ? TOA_WORTH_FREE : TOA_WORTH_EXPIRED};
    const toa_segment syn = {.source = record.fake,
                             .destination = record.server,
                             .seq = record.isn,
                             .data_len = record.syn_data_len};
    const toa_sighting taught = {.client = record.client, .kind = record.kind};
    toa_table_write_syn(table, &vacancy, mix(n), &syn, &taught, record.opened_at, n);
}

static void *write_records(void *arg)
{
    struct stage *stage = arg;
    pthread_barrier_wait(&stage->begin);
    for (uint64_t n = 1; n <= WRITES; n++) {
        write_record(&stage->table, n);
        if (n % 1024 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void *read_records(void *arg)
{
    struct stage *stage = arg;
    uint64_t latest[PLACES] = {0};
    unsigned long n_read = 0;
    unsigned long n_torn = 0;
    unsigned long n_wrong = 0;
    pthread_barrier_wait(&stage->begin);
    for (toa_place place = 0; !atomic_load(&stage->over) || n_read < READS_LEAST;
         place = (place + 1) % PLACES) {
        toa_packed packed;
        toa_record record;
        if (!toa_table_read(&stage->table, place, &packed)) {
            continue;
        }
        toa_packed_record(&packed, &record);
        toa_record wanted = record_of(record.serial);
        n_torn += memcmp(&record, &wanted, sizeof record) != 0;
        n_wrong += record.serial < latest[place] || record.serial % PLACES != place;
        latest[place] = record.serial;
        n_read++;
    }
    atomic_fetch_add(&stage->n_read, n_read);
    atomic_fetch_add(&stage->n_torn, n_torn);
    atomic_fetch_add(&stage->n_wrong, n_wrong);
    return NULL;
}

static void test_no_reader_sees_half_a_record(void **state)
{
    static struct stage stage;
    static _Alignas(64) uint8_t memory[TOA_TABLE_SIZE(16)];
    (void)state;
    toa_table_init(&stage.table, memory, 16, (uint64_t[2]){1, 2}, TOA_HOLD_TTL);
    run(&stage, write_records, read_records);
}

/* ---- The engine ------------------------------------------------------------------------------ */

enum { FAKES = 20, RECORDS = 16, TTL = 64 }; /* more flows than records: some are pushed out */

static toa_endpoint fake_of(uint64_t n)
{
    return (toa_endpoint){
        .ip = {10, 0, 0, (uint8_t)(n % FAKES)}, .port = 40000, .version = 4, .has_port = 1};
}

/* Client and virtual server of round `n`: of fake n % FAKES alone. */
static void put_options(uint64_t n, uint8_t out[16])
{
    const uint8_t port[2] = {(uint8_t)(n >> 8), (uint8_t)n};
    memcpy(out, (uint8_t[]){200, 8, port[0], port[1], 203, 0, 113, (uint8_t)(n % FAKES)}, 8);
    memcpy(out + 8, (uint8_t[]){250, 8, port[1], port[0], 10, 9, 0, (uint8_t)(n % FAKES)}, 8);
}

static void *write_flows(void *arg)
{
    struct stage *stage = arg;
    pthread_barrier_wait(&stage->begin);
    for (uint64_t n = 1; n <= WRITES; n++) {
        uint8_t options[16];
        put_options(n, options);
        toa_segment segment = {
            .source = fake_of(n),
            .destination = {.ip = {192, 0, 2, 1}, .port = 443, .version = 4, .has_port = 1},
            .seq = (uint32_t)n,
            .options = toa_options_begin(options, sizeof options, sizeof options),
            .options_len = sizeof options,
            .flags = TOA_TCP_SYN};
        (void)toa_engine_segment(stage->engine, &segment, (toa_time)n, NULL);
        if (n % 1024 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* The answer about fake `f` is one that could be given at some moment. */
static bool answer_is_sound(const toa_answer *answer, uint64_t f)
{
    const toa_mapping *mapping = answer->word == TOA_EXPIRED ? &answer->former : &answer->mapping;
    const toa_endpoint *client = &mapping->client;
    const toa_endpoint *vip = &mapping->vip;
    if (answer->word == TOA_NEVER_SEEN || answer->word == TOA_REPLACED) {
        return answer->age == 0 && client->version == 0;
    }
    if (answer->word != TOA_FOUND && answer->word != TOA_EXPIRED) {
        return false;
    }
    return client->ip[3] == f && vip->ip[3] == f && mapping->kind == 200 &&
           mapping->carrier == TOA_CARRIER_SYN && answer->server.port == 443 &&
           (client->port >> 8 | (client->port & 0xff) << 8) == vip->port && answer->age >= 0 &&
           (answer->word == TOA_EXPIRED || answer->age < TTL) && answer->age <= WRITES;
}

static void *read_answers(void *arg)
{
    struct stage *stage = arg;
    unsigned long n_read = 0;
    unsigned long n_torn = 0;
    unsigned long n_wrong = 0;
    pthread_barrier_wait(&stage->begin);
    for (uint64_t f = 0; !atomic_load(&stage->over) || n_read < READS_LEAST; f = (f + 1) % FAKES) {
        toa_endpoint fake = fake_of(f);
        toa_answer answer;
        toa_counters counters;
        uint64_t sum = 0;
        (void)toa_engine_lookup(stage->engine, &fake, NULL, toa_engine_now(stage->engine), &answer);
        n_torn += !answer_is_sound(&answer, f);
        toa_engine_counters(stage->engine, &counters);
        for (size_t i = 0; i < TOA_N_WORDS; i++) {
            sum += counters.verdicts[i];
        }
        n_wrong += counters.frames != sum || sum > WRITES;
        n_wrong += toa_engine_live(stage->engine, toa_engine_now(stage->engine)) > RECORDS;
        n_read++;
    }
    atomic_fetch_add(&stage->n_read, n_read);
    atomic_fetch_add(&stage->n_torn, n_torn);
    atomic_fetch_add(&stage->n_wrong, n_wrong);
    return NULL;
}

static void test_no_reader_gets_an_answer_that_never_was(void **state)
{
    static struct stage stage;
    toa_dialects dialects;
    size_t size = toa_engine_size(RECORDS);
    void *memory = malloc(size);
    toa_config config = {.dialects = &dialects, .ttl = TTL, .hash_key = {1, 2}};
    (void)state;
    toa_dialects_default(&dialects);
    stage.engine = toa_engine_init(memory, size, &config);
    assert_non_null(stage.engine);
    run(&stage, write_flows, read_answers);
    free(memory);
}

struct question {
    const toa_engine *engine;
    toa_answer answer;
    pthread_barrier_t begin;
    _Atomic bool answered;
};

static void *ask_once(void *arg)
{
    struct question *question = arg;
    const toa_endpoint fake = fake_of(0);
    pthread_barrier_wait(&question->begin);
    (void)toa_engine_lookup(question->engine, &fake, NULL, 0, &question->answer);
    atomic_store(&question->answered, true);
    return NULL;
}

/* The writer may be stopped anywhere: here it has written a client's address, and not the port. */
static void test_a_lookup_waits_for_a_writer_who_is_in_the_middle(void **state)
{
    static struct question question;
    pthread_t reader;
    toa_dialects dialects;
    size_t size = toa_engine_size(RECORDS);
    void *memory = malloc(size);
    toa_config config = {.dialects = &dialects, .ttl = TTL, .hash_key = {1, 2}};
    uint8_t option[8] = {200, 8, 0x9c, 0x40, 203, 0, 113, 1};
    const toa_segment segment = {
        .source = fake_of(0),
        .destination = {.ip = {192, 0, 2, 1}, .port = 443, .version = 4, .has_port = 1},
        .options = toa_options_begin(option, sizeof option, sizeof option),
        .options_len = sizeof option,
        .flags = TOA_TCP_SYN};
    (void)state;
    toa_dialects_default(&dialects);
    toa_engine *engine = toa_engine_init(memory, size, &config);
    question.engine = engine;
    assert_int_equal(toa_engine_segment(engine, &segment, 0, NULL), TOA_LEARN);
    toa_search search =
        toa_search_begin(&engine->table, toa_table_hash(&engine->table, &segment.source));
    toa_slot *slot = &engine->table.slots[toa_search_next(&search)];

    atomic_fetch_add(&slot->seq, 1);
    atomic_fetch_add(&slot->words[1], UINT64_C(1) << 56); /* 203.0.113.1 becomes ....2 */
    assert_int_equal(pthread_barrier_init(&question.begin, NULL, 2), 0);
    assert_int_equal(pthread_create(&reader, NULL, ask_once, &question), 0);
    pthread_barrier_wait(&question.begin);
    for (int i = 0; i < 1000; i++) {
        sched_yield();
        assert_false(atomic_load(&question.answered));
    }
    atomic_fetch_add(&slot->words[2], UINT64_C(1) << 32); /* port 40000 becomes 40001 */
    atomic_fetch_add(&slot->seq, 1);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&question.begin), 0);
    assert_int_equal(question.answer.word, TOA_FOUND);
    assert_int_equal(question.answer.mapping.client.ip[3], 2);
    assert_int_equal(question.answer.mapping.client.port, 40001);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lookup_waits_for_a_writer_who_is_in_the_middle),
        cmocka_unit_test(test_no_reader_sees_half_a_record),
        cmocka_unit_test(test_no_reader_gets_an_answer_that_never_was),
    };
    return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
