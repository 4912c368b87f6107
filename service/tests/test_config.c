/* toa_win.conf and the flags: what is read, and what is said about what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

/* A copy that ends at an unmapped page. */
static char *guarded(const char *text, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (len / page + 2) * page;
    char *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    assert_int_equal(mprotect(all + size - page, page, PROT_NONE), 0);
    char *at = all + size - page - len;
    memcpy(at, text, len);
    return at;
}

static bool load_len(const char *text, size_t len, const char *const flags[], size_t n_flags,
                     toa_service_config *out, char error[TOA_CONFIG_ERROR])
{
    toa_config_maker *file = calloc(2, sizeof *file);
    assert_non_null(file);
    toa_config_maker *over = file + 1;
    toa_config_begin(file);
    toa_config_begin(over);
    for (size_t i = 0; i + 1 < n_flags; i += 2) {
        assert_null(toa_config_flag(over, flags[i], flags[i + 1]));
    }
    bool right =
        (text == NULL || toa_config_text(file, "t.conf", guarded(text, len), len, error)) &&
        toa_config_finish(text == NULL ? NULL : file, over, out, error);
    free(file);
    return right;
}

static bool load(const char *text, toa_service_config *out, char error[TOA_CONFIG_ERROR])
{
    return load_len(text, strlen(text), NULL, 0, out, error);
}

/* What the configuration says, without the lines that are at their defaults. */
static void brief(const toa_service_config *config, char *out)
{
    static const char *const defaults[] = {
        "Interface = any\n", "Server = any\n",          "Ttl = 15.000000000\n",
        "Hold = ttl\n",      "Duplicates = first\n",    "Midstream = refuse\n",
        "Decap = no\n",      "Records = 65536\n",       "Listen = 127.0.0.1:9999\n",
        "Held = 4096\n",     "RecordSize = 67108864\n", "RecordFiles = 10\n"};
    (void)toa_config_format(config, out);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        char *found = strstr(out, defaults[i]);
        if (found != NULL) {
            memmove(found, found + strlen(defaults[i]), strlen(found + strlen(defaults[i])) + 1);
        }
    }
}

#define ONE "ServerListenPortList=443\n"

static void test_what_is_read(void **state)
{
    static const struct {
        const char *sentence;
        const char *text;
        const char *means;
    } rows[] = {
        {"a port is enough", "ServerListenPortList=443", "Server = any:443\n"},
        {"a range is enough", "PortRange=10001-10005", "Server = any:10001-10005\n"},
        {"all of the vendor's keys",
         "ToaWinPort=8888\nNetworkCardIP=10.75.132.39\nServerListenIP=10.0.0.80\n"
         "ServerListenPortList=1111,2222,3333\nPortRange=10001-10005,20001-20005,30001-30005\n"
         "CacheSeconds=30\n",
         "Interface = 10.75.132.39\nServer = 10.0.0.80:1111; 10.0.0.80:2222; 10.0.0.80:3333; "
         "10.0.0.80:10001-10005; 10.0.0.80:20001-20005; 10.0.0.80:30001-30005\n"
         "Ttl = 30.000000000\nListen = 127.0.0.1:8888\n"},
        {"an equals sign with blanks", "ServerListenPortList = 443", "Server = any:443\n"},
        {"a colon", "ServerListenPortList: 443", "Server = any:443\n"},
        {"a colon with blanks", "ServerListenPortList : 443", "Server = any:443\n"},
        {"tabs", "\tServerListenPortList\t=\t443\t", "Server = any:443\n"},
        {"lines that end as on Windows", "ToaWinPort=1\r\nServerListenPortList=443\r\n",
         "Server = any:443\nListen = 127.0.0.1:1\n"},
        {"a byte order mark", "\xef\xbb\xbfServerListenPortList=443", "Server = any:443\n"},
        {"comments of both kinds, and empty lines",
         "# one\n; two\n\n  # three\nServerListenPortList=443\n", "Server = any:443\n"},
        {"sections are for people",
         "[Capture]\n" ONE " [ service ] \nHeld = 7\n[toa]\nCacheSeconds=9\n",
         "Server = any:443\nTtl = 9.000000000\nHeld = 7\n"},
        {"a sandbox that is not wanted", ONE "Sandbox = no\n", "Server = any:443\nSandbox = no\n"},
        {"messages for a log", ONE "Log = JSON\n", "Server = any:443\nLog = json\n"},
        {"a socket for toa ctl", ONE "Control = /run/toa/control\n",
         "Server = any:443\nControl = /run/toa/control\n"},
        {"a comment behind a value", ONE "CacheSeconds = 20 # seconds\n",
         "Server = any:443\nTtl = 20.000000000\n"},
        {"a comment behind a single value, with a semicolon", ONE "CacheSeconds = 20 ; s\n",
         "Server = any:443\nTtl = 20.000000000\n"},
        {"a comment behind a list", "ServerListenPortList = 1,2 # web\n",
         "Server = any:1; any:2\n"},
        {"a list with commas", "ServerListenPortList=1,2,3", "Server = any:1; any:2; any:3\n"},
        {"a list with semicolons", "ServerListenPortList=1;2;3", "Server = any:1; any:2; any:3\n"},
        {"a list with blanks", "ServerListenPortList=1 2 3", "Server = any:1; any:2; any:3\n"},
        {"a list with everything", "ServerListenPortList= 1 , 2 ;3,",
         "Server = any:1; any:2; any:3\n"},
        {"ranges with blanks around the dash", "PortRange=10 - 15, 20 -25 30- 35",
         "Server = any:10-15; any:20-25; any:30-35\n"},
        {"a range of one port", "PortRange=10-10", "Server = any:10\n"},
        {"keys in any case", "serverlistenportlist=443", "Server = any:443\n"},
        {"an empty card is any", "NetworkCardIP=\n" ONE, "Server = any:443\n"},
        {"an empty server address is any", "ServerListenIP =\n" ONE, "Server = any:443\n"},
        {"an empty port list beside a range", "ServerListenPortList=\nPortRange=1-2",
         "Server = any:1-2\n"},
        {"an IPv6 server", "ServerListenIP=2001:db8::80\n" ONE, "Server = [2001:db8::80]:443\n"},
        {"a server of our own", "Server = 10.0.0.80:443,8000-8010; [2001:db8::1]:80\n",
         "Server = 10.0.0.80:443; 10.0.0.80:8000-8010; [2001:db8::1]:80\n"},
        {"every server", "Server = any", ""},
        {"a custom dialect", ONE "Dialect = lvs; kind=77,len=8,port=2,ip=4\n",
         "Server = any:443\nDialect = lvs; kind=77,len=8,port=2,ip=4\n"},
        {"the rest of our own",
         ONE "Interface=eth0\nTrust=10.1.0.0/16, 2001:db8::/32\nListen=[::1]:1 127.0.0.2\n"
             "Allow=::1 127.0.0.0/8\nTtl=0.5\nHold=connection\nDuplicates=last\n"
             "Midstream=accept\nDecap=yes\nRecords=100\nBuffer=1000000\nHeld=0\nUser=toa\n"
             "Record=/var/log/toa\nRecordSize=100000\nRecordFiles=3\n",
         "Interface = eth0\nServer = any:443\nTrust = 10.1.0.0/16; 2001:db8::/32\n"
         "Ttl = 0.500000000\nHold = connection\nDuplicates = last\nMidstream = accept\n"
         "Decap = yes\nRecords = 100\nBuffer = 1000000\nListen = [::1]:1, 127.0.0.2:9999\n"
         "Allow = ::1/128, 127.0.0.0/8\nHeld = 0\nUser = toa\nRecord = /var/log/toa\n"
         "RecordSize = 100000\nRecordFiles = 3\n"},
    };
    char *text = malloc(TOA_CONFIG_TEXT_MAX);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_service_config config;
        char error[TOA_CONFIG_ERROR] = "";
        if (!load(rows[i].text, &config, error)) {
            fail_msg("%s: %s", rows[i].sentence, error);
        }
        brief(&config, text);
        if (strcmp(text, rows[i].means) != 0) {
            fail_msg("%s: is\n%s", rows[i].sentence, text);
        }
    }
    free(text);
}

static void test_what_is_wrong(void **state)
{
    static const struct {
        const char *sentence;
        const char *text;
        const char *says;
    } rows[] = {
        {"no port at all", "CacheSeconds=15\n", "t.conf:1: neither ServerListenPortList nor"},
        {"an empty file", "", "t.conf:1: neither"},
        {"both lists empty", "ServerListenPortList=\nPortRange=\n", "t.conf:2: neither"},
        {"a form that is none", ONE "Log = xml\n",
         "t.conf:2: Log: 'xml': log is text, logfmt or json"},
        {"an unknown section", ONE "[capture]\n[vender]\n",
         "t.conf:3: '[vender]': no such section"},
        {"a section without an end", ONE "[capture\n", "t.conf:2: '[capture': no such section"},
        {"half a section", ONE "[\n", "t.conf:2: '[': no such section"},
        {"an unknown key", ONE "\nToaWinPrt=1\n", "t.conf:3: 'ToaWinPrt': unknown key; there are"},
        {"a line without a value", ONE "CacheSeconds\n", "t.conf:2: 'CacheSeconds': not a key"},
        {"a key twice", ONE "CacheSeconds=1\ncacheseconds=1\n",
         "t.conf:3: CacheSeconds: is there already"},
        {"four ports", "ServerListenPortList=1,2,3,4\n", "more than 3; the limit is 3"},
        {"four ranges", "PortRange=1-2,3-4,5-6,7-8\n", "t.conf:1: PortRange: more than 3"},
        {"port 0", "ServerListenPortList=0\n", "'0': not a port from 1 to 65535"},
        {"port 65536", "ServerListenPortList=65536\n", "'65536': not a port"},
        {"a port that is a word", "ServerListenPortList=http\n", "'http': not a port"},
        {"a range that falls", "PortRange=5-1\n", "'5-1': not a rising range"},
        {"a range without an end", "PortRange=5-\n", "not a rising range"},
        {"a range that is a port", "PortRange=5\n", "'5': not a rising range"},
        {"a range of three", "PortRange=1-2-3\n", "not a rising range"},
        {"a service port of 0", ONE "ToaWinPort=0\n", "t.conf:2: ToaWinPort: '0'"},
        {"an empty service port", ONE "ToaWinPort=\n", "ToaWinPort: '': needs a value"},
        {"a card that is a name", ONE "NetworkCardIP=eth0\n", "not an IP address"},
        {"a server that is a name", ONE "ServerListenIP=www\n", "not an IP address"},
        {"no seconds", ONE "CacheSeconds=0\n", "seconds from 1 to 65535"},
        {"too many seconds", ONE "CacheSeconds=65536\n", "seconds from 1 to 65535"},
        {"half seconds", ONE "CacheSeconds=1.5\n", "seconds from 1 to 65535"},
        {"less than nothing", ONE "CacheSeconds=-1\n", "seconds from 1 to 65535"},
        {"both ways to say how long", ONE "CacheSeconds=1\nTtl=1\n", "exclude each other"},
        {"both ways to say where", ONE "NetworkCardIP=1.2.3.4\nInterface=lo\n",
         "NetworkCardIP and Interface exclude each other"},
        {"both ways to say what", ONE "Server=any:1\n", "ServerListenPortList and Server exclude"},
        {"UTF-16", "\xff\xfeT\0o\0", "zero byte"},
        {"a wrong dialect", ONE "Dialect=lsv\n", "t.conf:2: Dialect: 'lsv'"},
        {"a wrong prefix", ONE "Trust=10.0.0.1/8\n", "t.conf:2: Trust: '10.0.0.1/8'"},
        {"an address without a number", ONE "Listen=localhost\n", "not an address to listen on"},
        {"everybody's address and nobody named", ONE "Listen=0.0.0.0\n",
         "0.0.0.0:9999 is not loopback: say who may ask"},
        {"an IPv6 address and nobody named", ONE "Listen=[::]:1\n", "[::]:1 is not loopback"},
        {"the same address twice", ONE "Listen=127.0.0.1:1 127.0.0.1:1\n", "is there twice"},
        {"hold that is none", ONE "Hold=long\n", "hold is connection or ttl"},
        {"too many files", ONE "RecordFiles=100001\n", "from 1 to 100000"},
        {"no records", ONE "Records=0\n", "from 1 to 4294967296"},
        {"too small a ring", ONE "Buffer=65535\n", "from 65536 to 1073741824"},
        {"too many that wait", ONE "Held=1048577\n", "from 0 to 1048576"},
        {"files that are too small", ONE "RecordSize=1\n", "from 65536 to 1099511627776"},
        {"an empty name", ONE "User=\n", "needs a value"},
        {"an empty list of our own", ONE "Trust=\n", "t.conf:2: Trust: needs a value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_service_config config;
        char error[TOA_CONFIG_ERROR] = "";
        size_t len = rows[i].text[0] == '\xff' ? 6 : strlen(rows[i].text); /* zeros in it */
        memset(&config, 0x5a, sizeof config);
        if (load_len(rows[i].text, len, NULL, 0, &config, error)) {
            fail_msg("%s: is accepted", rows[i].sentence);
        }
        if (strstr(error, rows[i].says) == NULL) {
            fail_msg("%s: says %s", rows[i].sentence, error);
        }
        for (size_t k = 0; k < sizeof config; k++) {
            assert_int_equal(((const uint8_t *)&config)[k], 0x5a);
        }
    }
}

static void test_flags_stand_over_the_file(void **state)
{
    static const char file[] =
        "ServerListenPortList=1\nCacheSeconds=5\nToaWinPort=77\nTrust=10.0.0.0/8\nUser=a\n";
    static const char *const flags[] = {"server",    "any:2", "ttl",        "6",         "listen",
                                        "127.0.0.3", "trust", "11.0.0.0/8", "midstream", "",
                                        "server",    "any:3", "user",       "b"};
    toa_service_config config;
    char error[TOA_CONFIG_ERROR];
    char *text = malloc(TOA_CONFIG_TEXT_MAX);
    (void)state;
    assert_non_null(text);
    assert_true(
        load_len(file, sizeof file - 1, flags, sizeof flags / sizeof flags[0], &config, error));
    brief(&config, text);
    assert_string_equal(text, "Server = any:2; any:3\nTrust = 11.0.0.0/8\nTtl = 6.000000000\n"
                              "Midstream = accept\nListen = 127.0.0.3:77\nUser = b\n");
    assert_true(load_len(NULL, 0, NULL, 0, &config, error));
    brief(&config, text);
    assert_string_equal(text, ""); /* no port is needed without a file */
    free(text);
}

static void test_flags_that_are_wrong(void **state)
{
    static const char *const rows[][2] = {
        {"listen", "x"}, {"allow", "x"}, {"server", "x"},     {"dialect", "x"}, {"trust", "x"},
        {"ttl", "0"},    {"hold", "x"},  {"duplicates", "x"}, {"held", "x"},    {"records", "0"},
        {"user", ""},    {"record", ""}, {"no-such", "x"},    {"port", "1"},
    };
    toa_config_maker *flags = malloc(sizeof *flags);
    (void)state;
    assert_non_null(flags);
    toa_config_begin(flags);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (toa_config_flag(flags, rows[i][0], rows[i][1]) == NULL) {
            fail_msg("--%s '%s' is accepted", rows[i][0], rows[i][1]);
        }
    }
    assert_int_equal(flags->given, 0);
    free(flags);
}

static void test_same_capture(void **state)
{
    static const struct {
        const char *text;
        bool same;
    } rows[] = {
        {ONE, true},
        {ONE "Listen=127.0.0.5\nHeld=1\nUser=x\nRecord=/x\n", true},
        {ONE "CacheSeconds=15\nNetworkCardIP=\n", true},
        {ONE "CacheSeconds=16\n", false},
        {ONE "Dialect=lvs\n", false},
        {ONE "Interface=lo\n", false},
        {ONE "Trust=10.0.0.0/8\n", false},
        {"ServerListenPortList=444\n", false},
    };
    toa_service_config first;
    char error[TOA_CONFIG_ERROR];
    (void)state;
    assert_true(load(ONE, &first, error));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_service_config other;
        assert_true(load(rows[i].text, &other, error));
        assert_int_equal(toa_config_same_capture(&first.capture, &other.capture), rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_flags_stand_over_the_file),
        cmocka_unit_test(test_flags_that_are_wrong),
        cmocka_unit_test(test_same_capture),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
