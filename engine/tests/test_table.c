/*
 * The table: where a flow goes, what it pushes out, and that nothing is lost otherwise. The table
 * of 16 records has two buckets, which are the two choices of every flow: there, the order of
 * replacement can be told exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "place.h"
#include "siphash.h"

/* Memory on a cache line, filled with `value`. */
static void *lines(size_t size, int value)
{
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    return memset(memory, value, size);
}

/* What a slot holds before it is written must not matter. */
static toa_table table_open_holding(void **room, size_t n_records, toa_hold hold)
{
    const uint64_t hash_key[2] = {3, 5};
    size_t size = (TOA_TABLE_SIZE(n_records) + 63) / 64 * 64;
    toa_table table;
    *room = lines(size, 0xa5);
    toa_table_init(&table, *room, n_records, hash_key, hold);
    return table;
}

static toa_table table_open(void **room, size_t n_records)
{
    return table_open_holding(room, n_records, TOA_HOLD_TTL);
}

static toa_endpoint fake_of(unsigned i)
{
    toa_endpoint fake = {.ip = {10, 0}, .port = 40000, .version = 4, .has_port = 1};
    fake.ip[1] = (uint8_t)(i >> 16);
    fake.ip[2] = (uint8_t)(i >> 8);
    fake.ip[3] = (uint8_t)i;
    return fake;
}

static toa_endpoint server_of(unsigned i)
{
    return (toa_endpoint){
        .ip = {192, 0, 2, 1}, .port = (uint16_t)(1 + i), .version = 4, .has_port = 1};
}

/* Puts the record of fake `i` at a place, as one that has this rank. */
static void put(toa_table *table, toa_place place, unsigned i, toa_rank rank)
{
    bool closed = rank.mapping && !rank.held && table->hold == TOA_HOLD_CONNECTION;
    toa_record record = {
        .fake = fake_of(i),
        .server = server_of(0),
        .client = {.version = rank.mapping ? 4 : 0},
        .isn = i,
        .state = closed ? RECORD_CLOSED : 0,
        .opened_at = rank.at,
        .taught_at = rank.at,
        .closed_at = closed ? rank.at : 0,
    };
    toa_table_write(table, place, toa_table_hash(table, &record.fake), &record);
}

static bool read_record(const toa_table *table, toa_place place, toa_record *out)
{
    toa_packed packed;
    if (!toa_table_read(table, place, &packed)) {
        return false;
    }
    toa_packed_record(&packed, out);
    return true;
}

static toa_place find(const toa_table *table, uint64_t hash, const toa_endpoint *fake,
                      const toa_endpoint *server)
{
    toa_packed packed;
    toa_search search = toa_search_begin(table, hash);
    toa_place place = toa_table_find(table, &search, fake, server, &packed);
    assert_true(place == TOA_NO_PLACE || toa_packed_is(&packed, fake, NULL));
    return place;
}

static toa_place claim(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl,
                       toa_worth *worth)
{
    toa_search search = toa_search_begin(table, hash);
    toa_vacancy vacancy = toa_table_claim(table, &search, hash, now, ttl);
    *worth = vacancy.worth;
    return toa_vacancy_place(&vacancy);
}

/* ---- Replacement, on the table itself -------------------------------------------------------- */

/*
 * 16 letters for 16 places; "now" is 1000 ticks, ttl 100 of them:
 *   .  free    p  pending    P  pending, older    m  a mapping that answers
 *   M  likewise, older    h  held    H  held, older than any mapping    e  expired    E  longer ago
 */
#define TICK (INT64_C(1) << 24)

static toa_rank rank_of(char letter)
{
    switch (letter) {
    case 'p':
        return (toa_rank){.at = 990 * TICK};
    case 'P':
        return (toa_rank){.at = 5 * TICK};
    case 'm':
        return (toa_rank){.at = 990 * TICK, .mapping = true};
    case 'M':
        return (toa_rank){.at = 900 * TICK + 1, .mapping = true};
    case 'h':
        return (toa_rank){.at = 985 * TICK, .mapping = true, .held = true};
    case 'H':
        return (toa_rank){.at = 10 * TICK, .mapping = true, .held = true};
    case 'e':
        return (toa_rank){.at = 900 * TICK, .mapping = true};
    default:
        return (toa_rank){.at = 900 * TICK - 1, .mapping = true};
    }
}

static void test_what_is_pushed_out(void **state)
{
    static const struct {
        const char *sentence;
        const char *places;
        const char *taken; /* the letter that goes */
        toa_worth worth;
    } rows[] = {
        {"a free place is taken first", "EEEEPPP.EEEEPPPP", ".", TOA_WORTH_FREE},
        {"in either bucket", "EEEEPPPPEEEEPPP.", ".", TOA_WORTH_FREE},
        {"then an expired mapping", "mmmmpppPmmmepppP", "e", TOA_WORTH_EXPIRED},
        {"though only by 1 ns", "MMMMMMMeMMMMMMMM", "e", TOA_WORTH_EXPIRED},
        {"the one that expired first", "eeeeeeeeeeeeeEee", "E", TOA_WORTH_EXPIRED},
        {"the one that expired first, in the other bucket", "eeeEeeeeeeeeeeee", "E",
         TOA_WORTH_EXPIRED},
        {"then a flow without mapping", "mmmmmmmmmmMMMMMp", "p", TOA_WORTH_PENDING},
        {"the one that was opened first", "mmmpppppppppppPp", "P", TOA_WORTH_PENDING},
        {"then the oldest mapping", "mmmmmmmmmmmMmmmm", "M", TOA_WORTH_MAPPING},
        {"a held mapping is a mapping", "hhhhhhhhHhhhhhhh", "H", TOA_WORTH_MAPPING},
        {"a held mapping that is old does not count as expired", "HHHHHHHHHHHHHHHe", "e",
         TOA_WORTH_EXPIRED},
        {"a held mapping goes after any pending flow", "HHHHHHHHHHHHHHHp", "p", TOA_WORTH_PENDING},
        {"by its age among mappings", "mmmhmmmmmmmmmmmm", "h", TOA_WORTH_MAPPING},
    };
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        void *room;
        toa_table table = table_open_holding(&room, 16, TOA_HOLD_CONNECTION);
        for (toa_place place = 0; place < 16; place++) {
            if (rows[r].places[place] != '.') {
                put(&table, place, (unsigned)place, rank_of(rows[r].places[place]));
            }
        }
        toa_worth worth;
        toa_endpoint fake = fake_of(1000);
        toa_place place =
            claim(&table, toa_table_hash(&table, &fake), 1000 * TICK, 100 * TICK, &worth);
        if (place >= 16 || rows[r].places[place] != rows[r].taken[0] || worth != rows[r].worth) {
            fail_msg("%s: place %zu, worth %d", rows[r].sentence, place, (int)worth);
        }
        free(room);
    }
}

static unsigned n_records(const toa_table *table, size_t bucket)
{
    unsigned n = 0;
    for (toa_place i = 0; i < 8; i++) {
        toa_record record;
        n += read_record(table, bucket * 8 + i, &record);
    }
    return n;
}

/* But for a flow's first bucket, which takes it while half of it is free, and where readers fetch
 * first. */
static void test_free_places_are_taken_where_more_of_them_are(void **state)
{
    (void)state;
    for (unsigned flows = 0; flows < 100; flows++) {
        void *room;
        toa_table table = table_open(&room, 16);
        for (unsigned i = 0; i < 16; i++) {
            toa_worth worth;
            toa_endpoint fake = fake_of(16 * flows + i);
            uint64_t hash = toa_table_hash(&table, &fake);
            size_t first = toa_first_bucket_(&table, hash);
            unsigned n_first = n_records(&table, first);
            unsigned n_second = n_records(&table, 1 - first);
            toa_record record;
            toa_place pair = toa_preferred_(&table, hash);
            bool pair_full =
                read_record(&table, pair, &record) && read_record(&table, pair + 1, &record);
            toa_place place = claim(&table, hash, 0, 1, &worth);
            assert_int_equal(worth, TOA_WORTH_FREE);
            assert_true(place / 8 == first ? n_first <= n_second || n_first <= 4
                                           : n_second < n_first);
            assert_true(n_first > 4 || pair_full || place / 2 == pair / 2);
            put(&table, place, 16 * flows + i, (toa_rank){.at = 0});
        }
        free(room);
    }
}

/* Else flows of one bucket would be where others are fetched. */
static void test_no_pair_of_a_bucket_is_preferred_to_the_others(void **state)
{
    enum { RECORDS = 4096, FLOWS = 100 * RECORDS / 8 };
    void *room;
    toa_table table = table_open(&room, RECORDS);
    unsigned n_of_pair[4] = {0};
    (void)state;
    for (unsigned i = 0; i < FLOWS; i++) {
        const toa_endpoint fake = fake_of(i);
        const toa_place pair = toa_preferred_(&table, toa_table_hash(&table, &fake)) / 2;
        n_of_pair[pair % 4] += pair / 4 == 5; /* the bucket */
    }
    for (size_t pair = 0; pair < 4; pair++) {
        assert_in_range(n_of_pair[pair], 10, 40); /* 25 are expected */
    }
    free(room);
}

/* All of 64 bits are times: 2^61 ns after 1970 is the year 2043. */
static void test_what_is_pushed_out_at_any_time(void **state)
{
    static const toa_time nows[] = {INT64_MIN + 100,
                                    INT64_MIN / 2,
                                    -1,
                                    0,
                                    TICK - 1,
                                    TICK,
                                    TICK + 5,
                                    9 * TICK,
                                    INT64_C(1) << 61,
                                    INT64_C(3) << 61,
                                    INT64_MAX - 1,
                                    INT64_MAX};
    (void)state;
    for (size_t r = 0; r < sizeof nows / sizeof nows[0]; r++) {
        void *room;
        toa_table table = table_open(&room, 16);
        toa_worth worth;
        toa_endpoint fake = fake_of(1000);
        uint64_t hash = toa_table_hash(&table, &fake);
        for (toa_place place = 0; place < 16; place++) {
            put(&table, place, (unsigned)place,
                (toa_rank){.at = nows[r] - 10 - (toa_time)(place == 5), .mapping = true});
        }
        toa_place oldest = claim(&table, hash, nows[r], 12, &worth);
        assert_true(oldest == 5 || oldest == 8); /* of its bucket */
        assert_int_equal(worth, TOA_WORTH_MAPPING);
        assert_int_equal(claim(&table, hash, nows[r], 11, &worth), 5);
        assert_int_equal(worth, TOA_WORTH_EXPIRED);
        free(room);
    }
}

/* Around every edge of a tick, for lives shorter and longer than one. */
static void test_a_mapping_expires_to_the_nanosecond(void **state)
{
    static const toa_time ttls[] = {1, TICK - 1, TICK, TICK + 1, 15 * TOA_SECOND, INT64_MAX / 2};
    (void)state;
    for (size_t r = 0; r < sizeof ttls / sizeof ttls[0]; r++) {
        for (toa_time begin = -TICK; begin < 2 * TICK; begin += TICK / 7) {
            void *room;
            toa_table table = table_open(&room, 16);
            toa_worth worth;
            toa_endpoint fake = fake_of(1000);
            uint64_t hash = toa_table_hash(&table, &fake);
            for (toa_place place = 0; place < 16; place++) {
                put(&table, place, (unsigned)place, (toa_rank){.at = begin, .mapping = true});
            }
            (void)claim(&table, hash, begin + ttls[r] - 1, ttls[r], &worth);
            assert_int_equal(worth, TOA_WORTH_MAPPING);
            (void)claim(&table, hash, begin + ttls[r], ttls[r], &worth);
            assert_int_equal(worth, ttls[r] < INT64_MAX / 2 ? TOA_WORTH_EXPIRED : worth);
            free(room);
        }
    }
}

/* The oldest of a bucket goes, and be it the oldest by a nanosecond; of two buckets' oldest the
 * older, when ticks can tell. Wherever it stands, in whatever order they came. */
static void check_the_oldest_goes(bool mapping, toa_time now, toa_time older)
{
    const toa_time begin = now - TICK;
    for (unsigned oldest = 0; oldest < 16; oldest++) {
        void *room;
        toa_table table = table_open(&room, 16);
        toa_worth worth;
        toa_endpoint fake = fake_of(1000);
        uint64_t hash = toa_table_hash(&table, &fake);
        unsigned oldest_of_other = oldest < 8 ? 8 : 0;
        for (unsigned i = 0; i < 16; i++) {
            unsigned place = (i * 5 + 3) % 16;
            toa_rank rank = {.at = begin + 100 + place, .mapping = mapping};
            rank.at = place == oldest ? begin + 99 - older : rank.at;
            put(&table, place, place, rank);
        }
        toa_place taken = claim(&table, hash, now, 10 * TICK, &worth);
        assert_true(taken == oldest || (older == 0 && taken == oldest_of_other));
        assert_int_equal(worth, mapping ? TOA_WORTH_MAPPING : TOA_WORTH_PENDING);
        free(room);
    }
}

/* And where the number of ticks wraps, or is about to have its highest bit. */
static void test_the_oldest_goes(void **state)
{
    (void)state;
    for (toa_time turn = 0; turn < 3; turn++) {
        for (toa_time i = 0; i < 10; i++) {
            const toa_time now = turn * (TICK << 31) + i * TICK;
            check_the_oldest_goes(false, now, 0);
            check_the_oldest_goes(true, now, 0);
            check_the_oldest_goes(false, now, TICK);
            check_the_oldest_goes(true, now, TICK);
        }
    }
}

/* One tick more, and it would seem the newest. */
static void test_the_oldest_that_ticks_can_tell_of_goes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        void *room;
        toa_table table = table_open(&room, 16);
        toa_worth worth;
        const toa_endpoint fake = fake_of(1000);
        const unsigned oldest = i / 2;
        const bool mapping = i % 2 == 1;
        const toa_time now = TICK * UINT32_MAX;
        put(&table, oldest, oldest, (toa_rank){.at = 0, .mapping = mapping});
        for (unsigned place = 0; place < 16; place++) {
            if (place != oldest) {
                put(&table, place, place, (toa_rank){.at = now, .mapping = mapping});
            }
        }
        assert_int_equal(claim(&table, toa_table_hash(&table, &fake), now, INT64_MAX, &worth),
                         oldest);
        assert_int_equal(worth, mapping ? TOA_WORTH_MAPPING : TOA_WORTH_PENDING);
        free(room);
    }
}

/* Though a later one was written between them. */
static void test_of_one_time_the_one_written_first_goes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 128; i++) {
        const unsigned first = i % 8;
        const unsigned second = i / 8 % 8;
        const bool mapping = i / 64 == 1;
        void *room;
        toa_table table = table_open(&room, 16);
        toa_worth worth;
        const toa_endpoint fake = fake_of(1000);
        put(&table, first, first, (toa_rank){.at = 5, .mapping = mapping});
        for (unsigned place = 0; place < 16; place++) {
            if (place != first && place != second) {
                const toa_time at = place < 8 ? 6 : TICK;
                put(&table, place, place, (toa_rank){.at = at, .mapping = mapping});
            }
        }
        put(&table, second, second, (toa_rank){.at = 5, .mapping = mapping});
        assert_int_equal(claim(&table, toa_table_hash(&table, &fake), TICK, TICK, &worth), first);
        free(room);
    }
}

/* ---- Finding --------------------------------------------------------------------------------- */

static void test_every_flow_is_found_where_it_was_put(void **state)
{
    enum { RECORDS = 4096, FLOWS = RECORDS / 2 };
    void *room;
    toa_table table = table_open(&room, RECORDS);
    (void)state;
    for (unsigned i = 0; i < FLOWS; i++) {
        toa_endpoint fake = fake_of(i);
        toa_endpoint server = server_of(0);
        uint64_t hash = toa_table_hash(&table, &fake);
        toa_worth worth;
        assert_int_equal(find(&table, hash, &fake, &server), TOA_NO_PLACE);
        put(&table, claim(&table, hash, 0, 1, &worth), i, (toa_rank){.at = 0});
        assert_int_equal(worth, TOA_WORTH_FREE);
    }
    for (unsigned i = 0; i < 2 * FLOWS; i++) {
        toa_endpoint fake = fake_of(i);
        toa_endpoint server = server_of(0);
        toa_endpoint other = server_of(1);
        toa_record record;
        uint64_t hash = toa_table_hash(&table, &fake);
        toa_place place = find(&table, hash, &fake, &server);
        assert_int_equal(place != TOA_NO_PLACE, i < FLOWS);
        assert_int_equal(find(&table, hash, &fake, &other), TOA_NO_PLACE);
        if (place != TOA_NO_PLACE) {
            assert_true(read_record(&table, place, &record));
            assert_int_equal(record.isn, i);
        }
    }
    free(room);
}

static void test_a_search_meets_few_others(void **state)
{
    enum { RECORDS = 4096 };
    void *room;
    toa_table table = table_open(&room, RECORDS);
    size_t n_candidates = 0;
    (void)state;
    for (unsigned i = 0; i < RECORDS / 2; i++) {
        toa_endpoint fake = fake_of(i);
        toa_worth worth;
        uint64_t hash = toa_table_hash(&table, &fake);
        put(&table, claim(&table, hash, 0, 1, &worth), i, (toa_rank){.at = 0});
    }
    for (unsigned i = 0; i < 100000; i++) {
        toa_endpoint fake = fake_of(RECORDS + i);
        toa_packed packed;
        toa_search search = toa_search_begin(&table, toa_table_hash(&table, &fake));
        for (toa_place place = toa_search_next(&search); place != TOA_NO_PLACE;
             place = toa_search_next(&search)) {
            assert_true(toa_table_read(&table, place, &packed));
            n_candidates++;
        }
    }
    assert_true(n_candidates < 6000); /* 8 bits, 8 of 16 places: one in 32 is expected */
    free(room);
}

static void test_the_two_buckets_of_a_flow_differ(void **state)
{
    (void)state;
    for (size_t n = 16; n <= 1024; n *= 2) {
        void *room;
        toa_table table = table_open(&room, n);
        for (unsigned i = 0; i < 20; i++) { /* as many flows of one fake as it may have, and more */
            toa_worth worth;
            toa_endpoint fake = fake_of(7);
            toa_record record = {.fake = fake, .server = server_of(i), .opened_at = (toa_time)i};
            uint64_t hash = toa_table_hash(&table, &fake);
            toa_place place = claim(&table, hash, 0, 1, &worth);
            assert_true(place < n);
            assert_int_equal(worth == TOA_WORTH_FREE, i < TOA_FLOWS_PER_FAKE);
            toa_table_write(&table, place, hash, &record);
        }
        free(room);
    }
}

static void test_the_sequence_count_wraps(void **state)
{
    void *room;
    toa_table table = table_open(&room, 16);
    toa_record record;
    (void)state;
    memset(&record, 0, sizeof record);
    table.n_written = UINT32_MAX / 2;
    put(&table, 3, 1, (toa_rank){.at = 0});
    assert_true(read_record(&table, 3, &record));
    put(&table, 3, 2, (toa_rank){.at = 0});
    assert_true(read_record(&table, 3, &record));
    assert_int_equal(record.isn, 2);
    free(room);
}

/* By the count a reader knows that it was overtaken. */
static void test_no_two_writes_have_the_same_count(void **state)
{
    enum { WRITES = 20, PLACE = 3 };
    const toa_vacancy vacancy = {.record = PLACE, .worth = TOA_WORTH_EXPIRED};
    const toa_segment syn = {.source = fake_of(1), .destination = server_of(0)};
    uint32_t counts[WRITES];
    void *room;
    toa_table table = table_open(&room, 16);
    (void)state;
    for (unsigned i = 0; i < WRITES; i++) {
        if (i % 3 == 0) {
            put(&table, PLACE, 1, (toa_rank){.at = 0});
        } else {
            toa_table_write_syn(&table, &vacancy, 1, &syn, NULL, 0, i);
        }
        counts[i] = atomic_load(&table.slots[PLACE].seq);
        assert_int_equal(counts[i] % 2, 0);
        for (unsigned before = 0; before < i; before++) {
            assert_int_not_equal(counts[i], counts[before]);
        }
    }
    free(room);
}

/* Every field, as far as it goes, comes out as it went in. */
static void test_a_record_is_read_as_it_was_written(void **state)
{
    static const toa_endpoint ends[] = {
        {.version = 0},
        {.ip = {255, 254, 253, 252}, .port = 65535, .version = 4, .has_port = 1},
        {.ip = {203, 0, 113, 9}, .version = 4},
        {.ip = {255, 254, 253, 252, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
         .port = 0x8001,
         .version = 6,
         .has_port = 1},
        {.ip = {0x20, 1, 0x0d, 0xb8, [15] = 1}, .version = 6},
    };
    enum { ENDS = sizeof ends / sizeof ends[0] };
    void *room;
    toa_table table = table_open(&room, 16);
    (void)state;
    for (unsigned i = 0; i < ENDS * ENDS * ENDS * ENDS; i++) {
        bool closed = i % 3 == 0;
        toa_record record = {
            .fake = ends[i % ENDS],
            .server = ends[i / ENDS % ENDS],
            .client = ends[i / ENDS / ENDS % ENDS],
            .vip = ends[i / ENDS / ENDS / ENDS],
            .isn = UINT32_MAX - i,
            .syn_data_len = UINT32_MAX - 2 * i,
            .kind = (uint8_t)(255 - i),
            .carrier = (uint8_t)(i % 4),
            .state = (uint8_t)((i % 32 & ~4U) | (closed ? RECORD_CLOSED : 0)),
            .reason = (uint8_t)(i % 16),
            .options_free = (uint8_t)(i % (TOA_OPTIONS_MAX + 1)),
            .opened_at = INT64_MIN + i,
            .taught_at = INT64_MAX - i,
            .closed_at = closed ? -(toa_time)i - 1 : 0,
            .serial = (UINT64_C(1) << 56) - 1 - i,
        };
        toa_record read;
        memset(&read, 0x5a, sizeof read);
        toa_table_write(&table, i % 16, i, &record);
        assert_true(read_record(&table, i % 16, &read));
        assert_memory_equal(&read, &record, sizeof read);
    }
    free(room);
}

static void test_the_hash_is_of_address_port_and_both_keys(void **state)
{
    static const uint64_t keys[2] = {3, 5}; /* of table_open */
    static const uint8_t v4_bytes[] = {10, 1, 2, 3, 0x9c, 0x41};
    static const uint8_t v6_bytes[] = {0x20, 1,  2,  3,  4,  5,  6,  7,    8,
                                       9,    10, 11, 12, 13, 14, 15, 0x9c, 0x41};
    toa_table table = {.hash_key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    toa_endpoint v4 = {.port = 40001, .version = 4, .has_port = 1};
    toa_endpoint v6 = {.port = 40001, .version = 6, .has_port = 1};
    void *room;
    (void)state;
    memcpy(v4.ip, v4_bytes, 4);
    memcpy(v6.ip, v6_bytes, 16);
    assert_int_equal(toa_table_hash(&table, &v4),
                     siphash13(table.hash_key, v4_bytes, sizeof v4_bytes));
    assert_int_equal(toa_table_hash(&table, &v6),
                     siphash13(table.hash_key, v6_bytes, sizeof v6_bytes));
    table = table_open(&room, 16);
    assert_int_equal(toa_table_hash(&table, &v4), siphash13(keys, v4_bytes, sizeof v4_bytes));
    free(room);
}

static void test_ipv4_and_ipv6_hash_apart(void **state)
{
    void *room;
    toa_table table = table_open(&room, 16);
    toa_endpoint v4 = fake_of(1);
    toa_endpoint v6 = v4;
    (void)state;
    v6.version = 6;
    assert_true(toa_table_hash(&table, &v4) != toa_table_hash(&table, &v6));
    free(room);
}

/* ---- Replacement, seen from outside ---------------------------------------------------------- */

static toa_dialects dialects;

static int setup(void **state)
{
    (void)state;
    toa_dialects_default(&dialects);
    return toa_dialects_add(&dialects, "alibaba-vpc6", strlen("alibaba-vpc6")) != NULL;
}

struct world {
    void *memory;
    toa_engine *engine;
};

static struct world world_open(size_t n_records, toa_time ttl)
{
    toa_config config = {.dialects = &dialects, .ttl = ttl, .hash_key = {11, 13}};
    size_t size = toa_engine_size(n_records);
    struct world world = {.memory = malloc(size)};
    assert_non_null(world.memory);
    world.engine = toa_engine_init(world.memory, size, &config);
    assert_non_null(world.engine);
    return world;
}

/* A SYN of fake `i` to server `s`; with a TOA, or without. */
static toa_word syn(const struct world *world, unsigned i, unsigned s, bool toa, toa_time now)
{
    static const uint8_t option[8] = {254, 8, 0, 1, 203, 0, 113, 1};
    size_t len = toa ? sizeof option : 0;
    toa_segment segment = {.source = fake_of(i),
                           .destination = server_of(s),
                           .seq = i + 1,
                           .options = toa_options_begin(option, len, len),
                           .flags = TOA_TCP_SYN,
                           .options_len = (uint8_t)len};
    return toa_engine_segment(world->engine, &segment, now, NULL);
}

static toa_word ask(const struct world *world, unsigned i, const toa_endpoint *server, toa_time now)
{
    toa_endpoint fake = fake_of(i);
    toa_answer answer;
    return toa_engine_lookup(world->engine, &fake, server, now, &answer);
}

static toa_counters counters_of(const struct world *world)
{
    toa_counters counters;
    toa_engine_counters(world->engine, &counters);
    return counters;
}

static void test_a_mapping_that_was_pushed_out_is_replaced(void **state)
{
    struct world world = world_open(16, 100 * TICK);
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(syn(&world, i, 0, true, i * TICK), TOA_LEARN);
    }
    assert_int_equal(syn(&world, 16, 0, true, 16 * TICK), TOA_LEARN);
    assert_int_equal(ask(&world, 0, NULL, 16 * TICK), TOA_REPLACED);
    assert_int_equal(ask(&world, 16, NULL, 16 * TICK), TOA_FOUND);
    assert_int_equal(ask(&world, 17, NULL, 16 * TICK), TOA_NEVER_SEEN);
    for (unsigned i = 1; i < 16; i++) {
        assert_int_equal(ask(&world, i, NULL, 16 * TICK), TOA_FOUND);
    }
    assert_int_equal(counters_of(&world).pushed_mapping, 1);
    assert_int_equal(counters_of(&world).pushed_pending, 0);
    assert_int_equal(counters_of(&world).pushed_expired, 0);
    assert_int_equal(toa_engine_live(world.engine, 16 * TICK), 16);

    assert_int_equal(syn(&world, 0, 0, true, 17 * TICK), TOA_LEARN); /* it comes back */
    assert_int_equal(ask(&world, 0, NULL, 17 * TICK), TOA_FOUND);
    assert_int_equal(ask(&world, 1, NULL, 17 * TICK), TOA_REPLACED);
    free(world.memory);
}

/* One hash of 2^22 is taken for another's, of which each bucket remembers two; in a large table,
 * too, where the bucket says less of the hash. */
static void test_hardly_a_flow_that_never_was_is_called_replaced(void **state)
{
    static const unsigned sizes[] = {16, 16384};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct world world = world_open(sizes[s], INT64_MAX);
        const unsigned n_flows = 3 * sizes[s];
        unsigned n_replaced = 0;
        for (unsigned i = 0; i < n_flows; i++) {
            assert_int_equal(syn(&world, i, 0, true, i * TICK), TOA_LEARN);
        }
        for (unsigned i = 100000; i < 600000; i++) {
            n_replaced += ask(&world, i, NULL, n_flows * TICK) == TOA_REPLACED;
        }
        assert_true(n_replaced < 5);
        free(world.memory);
    }
}

static void test_an_engine_begun_anew_in_the_same_memory_knows_nobody(void **state)
{
    enum { FLOWS = 1024 };
    const toa_config config = {.dialects = &dialects, .ttl = 100, .hash_key = {11, 13}};
    struct world world = world_open(FLOWS, 100);
    (void)state;
    for (unsigned i = 0; i < FLOWS; i++) {
        assert_int_equal(syn(&world, i, 0, true, 0), TOA_LEARN);
    }
    world.engine = toa_engine_init(world.memory, toa_engine_size(FLOWS), &config);
    for (unsigned i = 0; i < FLOWS; i++) {
        assert_int_equal(ask(&world, i, NULL, 0), TOA_NEVER_SEEN);
    }
    assert_int_equal(toa_engine_live(world.engine, 0), 0);
    free(world.memory);
}

static void test_the_list_of_flows(void **state)
{
    struct world world = world_open(64, 100);
    bool seen[20] = {false};
    toa_endpoint fake;
    toa_answer listed;
    toa_answer asked;
    size_t n = 0;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        (void)syn(&world, i, i, i % 2 == 0,
                  10 * i); /* some have expired at 190, some are pending */
    }
    for (size_t i = 0; i < toa_engine_records(world.engine); i++) {
        if (!toa_engine_flow(world.engine, i, 190, &fake, &listed)) {
            continue;
        }
        n++;
        assert_false(seen[fake.ip[3]]);
        seen[fake.ip[3]] = true;
        (void)toa_engine_lookup(world.engine, &fake, &listed.server, 190, &asked);
        assert_int_equal(listed.word, asked.word);
        assert_int_equal(listed.age, asked.age);
        assert_int_equal(listed.ambiguous, asked.ambiguous);
        assert_int_equal(listed.options_free, asked.options_free);
        assert_memory_equal(&listed.mapping, &asked.mapping, sizeof asked.mapping);
        assert_memory_equal(&listed.former, &asked.former, sizeof asked.former);
        assert_memory_equal(&listed.server, &asked.server, sizeof asked.server);

        /* an earlier time counts as the latest seen */
        assert_true(toa_engine_flow(world.engine, i, 5, &fake, &asked));
        assert_int_equal(listed.word, asked.word);
        assert_int_equal(listed.age, asked.age);
    }
    assert_int_equal(n, 20);
    fake = fake_of(77);
    assert_false(
        toa_engine_flow(world.engine, toa_engine_records(world.engine), 190, &fake, &listed));
    assert_int_equal(fake.ip[3], 77);
    free(world.memory);
}

/* ---- Nearly the same endpoint ---------------------------------------------------------------- */

/* Where in an endpoint two bytes may differ: each word of the address, and the port. */
static const size_t places[] = {0, 6, 10, 14, offsetof(toa_endpoint, port)};
enum { N_PLACES = sizeof places / sizeof places[0] };

static toa_endpoint wide(uint8_t filling)
{
    toa_endpoint endpoint = {.port = 40001, .version = 6, .has_port = 1};
    for (size_t i = 0; i < sizeof endpoint.ip; i++) {
        endpoint.ip[i] = (uint8_t)(filling + i);
    }
    return endpoint;
}

static toa_endpoint narrow(uint8_t filling)
{
    toa_endpoint endpoint = wide(filling);
    memset(endpoint.ip + 4, 0, sizeof endpoint.ip - 4);
    endpoint.version = 4;
    return endpoint;
}

static toa_endpoint differing(toa_endpoint endpoint, size_t place, uint16_t by)
{
    uint8_t *at = (uint8_t *)&endpoint + places[place];
    at[0] ^= (uint8_t)by;
    at[1] ^= (uint8_t)(by >> 8);
    return endpoint;
}

static void learn_between(const struct world *world, const toa_endpoint *fake,
                          const toa_endpoint *server)
{
    uint8_t option[40] = {249, 40};
    for (size_t i = 2; i < sizeof option; i++) {
        option[i] = (uint8_t)(100 + i);
    }
    toa_segment segment = {.source = *fake,
                           .destination = *server,
                           .options = toa_options_begin(option, sizeof option, sizeof option),
                           .flags = TOA_TCP_SYN,
                           .options_len = sizeof option};
    assert_int_equal(toa_engine_segment(world->engine, &segment, 0, NULL), TOA_LEARN);
}

static toa_word ask_between(const struct world *world, const toa_endpoint *fake,
                            const toa_endpoint *server, toa_answer *answer)
{
    return toa_engine_lookup(world->engine, fake, server, 0, answer);
}

static bool has_place(const toa_endpoint *endpoint, size_t place)
{
    return endpoint->version == 6 || place % (N_PLACES - 1) == 0;
}

static void check_near_server(const struct world *world, const toa_endpoint *fake,
                              const toa_endpoint *server, size_t place)
{
    toa_answer answer;
    for (uint16_t by = 1; by != 0; by = (uint16_t)(by << 1)) {
        toa_endpoint other = differing(*server, place, by);
        assert_int_equal(ask_between(world, fake, &other, &answer), TOA_NEVER_SEEN);
    }
}

/* In a table of two buckets a search for anything of the same tag meets the one record there is. */
static void check_near_fake(const struct world *world, const toa_endpoint *fake,
                            const toa_endpoint *server, size_t place)
{
    const toa_table table = {.hash_key = {11, 13}};
    const uint64_t tag = toa_tag_(toa_table_hash(&table, fake));
    toa_answer answer;
    unsigned n_same = 0;
    for (uint16_t by = 1; n_same < 20; by++) {
        toa_endpoint other = differing(*fake, place, by);
        if (toa_tag_(toa_table_hash(&table, &other)) == tag) {
            n_same++;
            assert_int_equal(ask_between(world, &other, NULL, &answer), TOA_NEVER_SEEN);
            assert_int_equal(ask_between(world, &other, server, &answer), TOA_NEVER_SEEN);
        }
    }
}

static void must_be(const toa_endpoint *endpoint, uint8_t first)
{
    assert_int_equal(endpoint->version, 6);
    for (size_t i = 0; i < sizeof endpoint->ip; i++) {
        assert_int_equal(endpoint->ip[i], first + i);
    }
}

static void test_an_endpoint_that_is_nearly_the_same_is_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const toa_endpoint fake = i % 2 == 0 ? wide(1) : narrow(1);
        const toa_endpoint server = i / 2 == 0 ? wide(50) : narrow(50);
        struct world world = world_open(16, 100);
        toa_answer answer;
        learn_between(&world, &fake, &server);
        for (size_t place = 0; place < N_PLACES; place++) {
            if (has_place(&server, place)) {
                check_near_server(&world, &fake, &server, place);
            }
            if (has_place(&fake, place)) {
                check_near_fake(&world, &fake, &server, place);
            }
        }
        for (unsigned both = 0; both < 2; both++) {
            const toa_endpoint *to = both == 1 ? &server : NULL;
            assert_int_equal(ask_between(&world, &fake, to, &answer), TOA_FOUND);
            assert_true(toa_endpoint_equal(&answer.server, &server));
            must_be(&answer.mapping.client, 104);
            must_be(&answer.mapping.vip, 124);
        }
        free(world.memory);
    }
}

static void test_each_kind_of_replacement_is_counted(void **state)
{
    struct world world = world_open(16, 100 * TICK);
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(syn(&world, i, 0, true, 0), TOA_LEARN); /* expired at 100 */
    }
    for (unsigned i = 4; i < 8; i++) {
        assert_int_equal(syn(&world, i, 0, false, 50 * TICK), TOA_OPEN);
    }
    for (unsigned i = 8; i < 16; i++) {
        assert_int_equal(syn(&world, i, 0, true, (60 + i) * TICK), TOA_LEARN);
    }
    for (unsigned i = 16; i < 25; i++) {
        assert_int_equal(syn(&world, i, 0, true, 100 * TICK), TOA_LEARN);
    }
    toa_counters counters = counters_of(&world);
    assert_int_equal(counters.pushed_expired, 4);
    assert_int_equal(counters.pushed_pending, 4);
    assert_int_equal(counters.pushed_mapping, 1);
    assert_int_equal(ask(&world, 8, NULL, 100 * TICK), TOA_REPLACED); /* the oldest mapping */
    for (unsigned i = 9; i < 25; i++) {
        assert_int_equal(ask(&world, i, NULL, 100 * TICK), TOA_FOUND);
    }
    free(world.memory);
}

/* An ACK of fake `i`, behind its SYN, without a TOA. */
static toa_word ack(const struct world *world, unsigned i, toa_time now)
{
    toa_segment segment = {
        .source = fake_of(i), .destination = server_of(0), .seq = i + 2, .flags = TOA_TCP_ACK};
    return toa_engine_segment(world->engine, &segment, now, NULL);
}

static void test_a_segment_that_passes_saves_nobody_of_the_same_time(void **state)
{
    struct world quiet = world_open(16, 100 * TICK);
    struct world busy = world_open(16, 100 * TICK);
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        (void)syn(&quiet, i, 0, true, 0);
        (void)syn(&busy, i, 0, true, 0);
        (void)ack(&quiet, i, 0); /* ends the handshake */
        (void)ack(&busy, i, 0);
    }
    for (unsigned i = 16; i-- > 0;) {
        assert_int_equal(ack(&busy, i, 0), TOA_PASS);
    }
    for (unsigned i = 16; i < 20; i++) {
        (void)syn(&quiet, i, 0, true, TICK);
        (void)syn(&busy, i, 0, true, TICK);
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(ask(&busy, i, NULL, TICK), ask(&quiet, i, NULL, TICK));
    }
    assert_int_equal(counters_of(&quiet).pushed_mapping, 4);
    free(quiet.memory);
    free(busy.memory);
}

static void test_seventeen_flows_of_one_fake(void **state)
{
    struct world world = world_open(1024, 100);
    (void)state;
    for (unsigned s = 0; s < TOA_FLOWS_PER_FAKE + 1; s++) {
        assert_int_equal(syn(&world, 1, s, true, s), TOA_LEARN);
    }
    for (unsigned s = 0; s < TOA_FLOWS_PER_FAKE + 1; s++) {
        toa_endpoint server = server_of(s);
        assert_int_equal(ask(&world, 1, &server, 17), s == 0 ? TOA_REPLACED : TOA_FOUND);
    }
    assert_int_equal(counters_of(&world).pushed_mapping, 1);
    assert_int_equal(ask(&world, 1, NULL, 17), TOA_FOUND);
    free(world.memory);
}

static void test_a_flood_of_syns_pushes_out_no_mapping(void **state)
{
    enum { RECORDS = 4096, FLOOD = 100 * RECORDS };
    static const unsigned loads[] = {RECORDS / 8, RECORDS / 4, RECORDS / 2};
    (void)state;
    for (size_t l = 0; l < sizeof loads / sizeof loads[0]; l++) {
        struct world world = world_open(RECORDS, TOA_TTL_DEFAULT);
        for (unsigned i = 0; i < loads[l]; i++) {
            assert_int_equal(syn(&world, i, 0, true, i), TOA_LEARN);
        }
        for (unsigned i = 0; i < FLOOD; i++) {
            (void)syn(&world, 100000 + i, 0, false, 100000 + i);
        }
        assert_int_equal(counters_of(&world).pushed_mapping, 0);
        assert_true(counters_of(&world).pushed_pending >= FLOOD - RECORDS);
        for (unsigned i = 0; i < loads[l]; i++) {
            assert_int_equal(ask(&world, i, NULL, FLOOD), TOA_FOUND);
        }
        free(world.memory);
    }
}

static void test_what_is_learned_in_a_flood_stays(void **state)
{
    enum { RECORDS = 4096, LOAD = RECORDS / 2 };
    struct world world = world_open(RECORDS, TOA_TTL_DEFAULT);
    toa_time now = 0;
    (void)state;
    for (unsigned i = 0; i < RECORDS; i++) {
        (void)syn(&world, 100000 + i, 0, false, now++);
    }
    for (unsigned i = 0; i < LOAD; i++) {
        assert_int_equal(syn(&world, i, 0, true, now++), TOA_LEARN);
        for (unsigned n = 0; n < 20; n++) {
            (void)syn(&world, 200000 + 20 * i + n, 0, false, now++);
        }
    }
    assert_int_equal(counters_of(&world).pushed_mapping, 0);
    assert_int_equal(toa_engine_live(world.engine, now), LOAD);
    free(world.memory);
}

/* Two engines get the same segments; one is told what comes, now and then wrongly. */
static void test_no_result_depends_on_what_is_expected(void **state)
{
    enum { SEGMENTS = 20000, FLOWS = 60, AHEAD = 40 };
    static const uint8_t toa[8] = {254, 8, 0x9c, 0x41, 203, 0, 113, 9};
    static toa_segment segments[SEGMENTS + AHEAD];
    struct world told = world_open(32, 1000);
    struct world untold = world_open(32, 1000);
    uint64_t random = 1;
    (void)state;
    for (size_t i = 0; i < SEGMENTS + AHEAD; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned choice = (unsigned)(random >> 33);
        segments[i] = (toa_segment){
            .source = fake_of(choice % FLOWS),
            .destination = server_of(choice >> 8 & 1),
            .seq = choice >> 9 & 3,
            .options = toa_options_begin(toa, (choice >> 12 & 1) * 8, (choice >> 12 & 1) * 8),
            .options_len = (uint8_t)((choice >> 12 & 1) * 8),
            .flags = (choice >> 13 & 3) != 0   ? TOA_TCP_SYN
                     : (choice >> 15 & 7) != 0 ? TOA_TCP_ACK
                                               : TOA_TCP_FIN | TOA_TCP_ACK,
        };
    }
    for (size_t i = 0; i < SEGMENTS; i++) {
        toa_event a;
        toa_event b;
        memset(&a, 0, sizeof a);
        memset(&b, 0, sizeof b);
        if (i % 7 == 0) {
            size_t n = i % 5 == 0 ? AHEAD : i % 11;
            toa_engine_expect(told.engine, &segments[i + (i % 3 == 0)], n);
        }
        (void)toa_engine_segment(told.engine, &segments[i], (toa_time)i, &a);
        (void)toa_engine_segment(untold.engine, &segments[i], (toa_time)i, &b);
        assert_memory_equal(&a, &b, sizeof a);
    }
    toa_counters one = counters_of(&told);
    toa_counters other = counters_of(&untold);
    assert_memory_equal(&one, &other, sizeof one);
    assert_true(one.verdicts[TOA_LEARN] > 1000 && one.pushed_mapping > 1000);
    free(told.memory);
    free(untold.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_result_depends_on_what_is_expected),
        cmocka_unit_test(test_what_is_pushed_out),
        cmocka_unit_test(test_free_places_are_taken_where_more_of_them_are),
        cmocka_unit_test(test_no_pair_of_a_bucket_is_preferred_to_the_others),
        cmocka_unit_test(test_what_is_pushed_out_at_any_time),
        cmocka_unit_test(test_a_mapping_expires_to_the_nanosecond),
        cmocka_unit_test(test_the_oldest_goes),
        cmocka_unit_test(test_the_oldest_that_ticks_can_tell_of_goes),
        cmocka_unit_test(test_of_one_time_the_one_written_first_goes),
        cmocka_unit_test(test_a_record_is_read_as_it_was_written),
        cmocka_unit_test(test_every_flow_is_found_where_it_was_put),
        cmocka_unit_test(test_a_search_meets_few_others),
        cmocka_unit_test(test_the_two_buckets_of_a_flow_differ),
        cmocka_unit_test(test_the_sequence_count_wraps),
        cmocka_unit_test(test_no_two_writes_have_the_same_count),
        cmocka_unit_test(test_the_hash_is_of_address_port_and_both_keys),
        cmocka_unit_test(test_ipv4_and_ipv6_hash_apart),
        cmocka_unit_test(test_a_mapping_that_was_pushed_out_is_replaced),
        cmocka_unit_test(test_hardly_a_flow_that_never_was_is_called_replaced),
        cmocka_unit_test(test_an_engine_begun_anew_in_the_same_memory_knows_nobody),
        cmocka_unit_test(test_the_list_of_flows),
        cmocka_unit_test(test_an_endpoint_that_is_nearly_the_same_is_another),
        cmocka_unit_test(test_each_kind_of_replacement_is_counted),
        cmocka_unit_test(test_a_segment_that_passes_saves_nobody_of_the_same_time),
        cmocka_unit_test(test_seventeen_flows_of_one_fake),
        cmocka_unit_test(test_a_flood_of_syns_pushes_out_no_mapping),
        cmocka_unit_test(test_what_is_learned_in_a_flood_stays),
    };
    return cmocka_run_group_tests_name("table", tests, setup, NULL);
}
