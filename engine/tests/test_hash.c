/* SipHash-1-3 against vectors that others published or computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "siphash.h"

/*
 * The vectors of Rust's library (library/coretests/tests/hash/sip.rs, test_siphash_1_3): the key is
 * the bytes 00 to 0f, vector n the hash of the bytes 0 to n - 1, written as little-endian bytes.
 */
static const uint64_t rust_key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
static const char *const rust_vectors[64] = {
    "dcc40f055801acab", "93ca577df39bf4c9", "4dd4c74d029bcb82", "fbf7dde7b80af88b",
    "2883d388605775cf", "673b53492fd5f9de", "a7229fc5502b0dc5", "4011b19b987d92d3",
    "8e9a298d11959036", "e43d066cb38ea425", "7f09ff92ee85de79", "52c34df9c118c170",
    "a2d9b457b184a378", "a7ff29120c766f30", "345df9c011a15a60", "5699512a6dd820d3",
    "668b907d1add4fcc", "0cd8db639068f29c", "3ee673b49c38fc8f", "1c7d298de59d1ff2",
    "40e0cca6462fdcc0", "44f8452bfeab92b9", "2e8720a39b7bfe7f", "23c1e6da7f0e5a52",
    "8c9c3467b2ae64f4", "79095b702859cd45", "a51399cae3353e3a", "353bde4a4ec71da9",
    "0dd06cef02ed0bfb", "f4e1b14ab43cd988", "63e6c543d6110f54", "bcd1218c1fdd7023",
    "0db6a7166c7b1581", "bff98f7ae5b9544d", "3e752a1f78129f75", "916b18bfbea3a1ce",
    "0662a2add308f52c", "5730c3a32d1c10b6", "a1363aae9674f4b3", "9283107b54576b62",
    "3115e4993236d2c1", "44d91a3f92c17c66", "258813c8fe4f7065", "a64989c2d180f224",
    "6b87f8faed1ccac2", "9621049ffc4b16c2", "23d6b168939c6ea1", "fd14518b9c16fb49",
    "464c07dff843319f", "b386cc1224affdc6", "8f09520ad149af7e", "9a2f299d5513f31c",
    "121ff4a2dd304ac4", "d01ea74389e9fa36", "e6bcf0734cb38f31", "80e9a77036bf7aa2",
    "756d3c24dbc0bcb4", "1315b7fd52d8f823", "088a7da64d5f038f", "48f1e8b7e5d09cd8",
    "ee44a6f7bce6f4f6", "f237180fd89ac5ae", "e094664b15f6b2c3", "a8b3bbb76290199d",
};

static unsigned digit_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static uint64_t little_endian(const char *hex)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1])) << (8 * i);
    }
    return value;
}

/* The bytes 0, 1, 2 and so on. */
static void count_up(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)i;
    }
}

static void test_published_vectors(void **state)
{
    uint8_t bytes[64];
    (void)state;
    count_up(bytes, sizeof bytes);
    for (size_t len = 0; len < 64; len++) {
        assert_int_equal(siphash13(rust_key, bytes, len), little_endian(rust_vectors[len]));
    }
}

/*
 * hash(bytes(i & 255 for i in range(n))) of CPython 3.11, whose algorithm is SipHash-1-3:
 * PYTHONHASHSEED=0 (all-zero key) and PYTHONHASHSEED=1.
 */
static void test_vectors_of_python(void **state)
{
    static const struct {
        uint64_t key[2];
        size_t len;
        uint64_t hash;
    } rows[] = {
        {{0, 0}, 1, UINT64_C(0x68a914128e01e473)},
        {{0, 0}, 6, UINT64_C(0xe3c25f87624f1cdb)},
        {{0, 0}, 18, UINT64_C(0xadc2c0b63044067d)},
        {{0, 0}, 256, UINT64_C(0x31ae646afba70308)},
        {{0, 0}, 257, UINT64_C(0xef7cec81c6f56af4)},
        {{UINT64_C(0xaed66ce184be2329), UINT64_C(0xebe9bbf1f1499052)},
         6,
         UINT64_C(0xa77f099d6ffed90e)},
        {{UINT64_C(0xaed66ce184be2329), UINT64_C(0xebe9bbf1f1499052)},
         18,
         UINT64_C(0xc8481dd155697ab5)},
        {{UINT64_C(0xaed66ce184be2329), UINT64_C(0xebe9bbf1f1499052)},
         64,
         UINT64_C(0x7e644b6edc375dc8)},
    };
    uint8_t bytes[257];
    (void)state;
    count_up(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(siphash13(rows[i].key, bytes, rows[i].len), rows[i].hash);
    }
}

static void test_bytes_need_no_alignment(void **state)
{
    uint8_t room[80];
    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        count_up(room + shift, 63);
        assert_int_equal(siphash13(rust_key, room + shift, 63), little_endian(rust_vectors[63]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_vectors_of_python),
        cmocka_unit_test(test_bytes_need_no_alignment),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
