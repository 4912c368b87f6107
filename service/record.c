#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pcap_file.h"
#include "record_system.h"
#include "say.h"
#include "udp_frame.h"

enum { WRITE_EVERY_MS = 50, NAME_MAX_LEN = 64 };
#define QUEUE_MAX ((size_t)16 * 1024 * 1024)
/* Two threads that take the time and then queue are never this far apart. */
#define REORDER (20 * TOA_SECOND / 1000)
/* An answer may know segments that were taken a moment later: before a file ends, so long only
 * what they may have been is written, and no answers. */
#define ENDING_SPAN (3 * TOA_SECOND / 1000)

typedef enum entry_kind { FRAME, QUESTION, ANSWER } entry_kind;

/* In the queue, bytes behind it, rounded up to its alignment. */
typedef struct entry {
    toa_time time;
    uint64_t flow; /* hash of fake and server; answers: 0 when they are about none */
    uint32_t captured_len;
    uint32_t original_len;
    int32_t link_type;
    uint8_t kind;
    uint8_t word; /* of the verdict, or of the answer */
} entry;

/* Entries one behind the other. */
typedef struct queue {
    uint8_t *bytes;
    size_t len;
    size_t n;
} queue;

/* Flows whose SYN is in the file: hashes, open addressing; 0 is an empty place. */
typedef struct flow_set {
    uint64_t *places;
    size_t size; /* a power of two */
    size_t n;
} flow_set;

struct toa_record {
    toa_service_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, up to the next comment */
    pthread_cond_t news;
    queue incoming;
    bool ending;
    toa_record_counters counters;
    /* Written before the first entry is. */
    uint16_t services[TOA_CONFIG_LISTENS];
    size_t n_services;
    /* The thread's own. */
    queue work; /* taken from `incoming`; what is too young to be sorted stays */
    queue spare;
    const entry **order;
    size_t order_size;
    toa_time newest;
    bool idle; /* nothing came since the last look */
    toa_pcap_file file;
    bool file_open;
    bool file_ending;
    toa_time file_ends_at;
    int link_type; /* of the file */
    flow_set flows;
    int last_link_type; /* of the latest frame; -1: none came yet */
    unsigned n_files;
    toa_time wall; /* what is added to the engine's time to get the date */
    bool stopped;
};

/* ---- Flows ----------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t hash, const toa_endpoint *endpoint)
{
    const uint8_t *bytes = endpoint->ip;
    for (size_t i = 0; i < 16; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    hash = (hash ^ endpoint->port) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 31;
}

static uint64_t flow_of(const toa_endpoint *fake, const toa_endpoint *server)
{
    toa_endpoint plain = toa_endpoint_unmapped(fake);
    uint64_t hash = mixed(mixed(UINT64_C(0xcbf29ce484222325), &plain), server);
    return hash + (hash == 0);
}

static bool set_has(const flow_set *set, uint64_t flow)
{
    for (size_t i = 0; i < set->size; i++) {
        uint64_t there = set->places[(flow + i) & (set->size - 1)];
        if (there == flow || there == 0) {
            return there == flow;
        }
    }
    return false;
}

static void set_put(flow_set *set, uint64_t flow)
{
    size_t at = flow & (set->size - 1);
    while (set->places[at] != 0 && set->places[at] != flow) {
        at = (at + 1) & (set->size - 1);
    }
    set->n += set->places[at] == 0;
    set->places[at] = flow;
}

/* When memory is short the flow is left out, and its answers with it. */
static void set_add(flow_set *set, uint64_t flow)
{
    if (set->n * 2 >= set->size) {
        flow_set larger = {.size = set->size == 0 ? 1024 : set->size * 2};
        larger.places = calloc(larger.size, sizeof larger.places[0]);
        if (larger.places == NULL) {
            return;
        }
        for (size_t i = 0; i < set->size; i++) {
            if (set->places[i] != 0) {
                set_put(&larger, set->places[i]);
            }
        }
        free(set->places);
        *set = larger;
    }
    set_put(set, flow);
}

static void set_clear(flow_set *set)
{
    if (set->n != 0) {
        memset(set->places, 0, set->size * sizeof set->places[0]);
        set->n = 0;
    }
}

/* ---- The queue ------------------------------------------------------------------------------- */

static size_t entry_size(uint32_t captured_len)
{
    size_t align = _Alignof(entry);
    return (sizeof(entry) + captured_len + align - 1) / align * align;
}

static void queue_put(queue *to, const entry *head, const uint8_t *bytes)
{
    memcpy(to->bytes + to->len, head, sizeof *head);
    if (head->captured_len != 0) {
        memcpy(to->bytes + to->len + sizeof *head, bytes, head->captured_len);
    }
    to->len += entry_size(head->captured_len);
    to->n++;
}

static void add(toa_record *record, const entry *head, const uint8_t *bytes)
{
    (void)pthread_mutex_lock(&record->lock);
    if (record->counters.stopped) {
        (void)pthread_mutex_unlock(&record->lock);
        return;
    }
    bool was_half = record->incoming.len > QUEUE_MAX / 2;
    if (entry_size(head->captured_len) > QUEUE_MAX - record->incoming.len) {
        record->counters.lost++;
    } else {
        queue_put(&record->incoming, head, bytes);
    }
    if (!was_half && record->incoming.len > QUEUE_MAX / 2) {
        (void)pthread_cond_signal(&record->news);
    }
    (void)pthread_mutex_unlock(&record->lock);
}

void toa_record_frame(toa_record *record, const uint8_t *bytes, uint32_t captured_len,
                      uint32_t original_len, int link_type, const toa_event *event, toa_time time)
{
    entry head = {.time = time,
                  .captured_len = captured_len < TOA_PCAP_SNAP ? captured_len : TOA_PCAP_SNAP,
                  .original_len = original_len,
                  .link_type = link_type,
                  .kind = FRAME,
                  .word = (uint8_t)event->verdict};
    if (event->fake.version != 0) {
        head.flow = flow_of(&event->fake, &event->server);
    }
    add(record, &head, bytes);
}

/* The endpoints stand in front of the datagram: the link type is known when it is written. */
static void add_datagram(toa_record *record, entry *head, const toa_endpoint *from,
                         const toa_endpoint *to, const uint8_t *bytes, size_t len)
{
    uint8_t all[2 * sizeof(toa_endpoint) + TOA_UDP_DATA_MAX];
    if (len > TOA_UDP_DATA_MAX) {
        return;
    }
    memcpy(all, from, sizeof *from);
    memcpy(all + sizeof *from, to, sizeof *to);
    memcpy(all + 2 * sizeof *from, bytes, len);
    head->captured_len = (uint32_t)(2 * sizeof *from + len);
    add(record, head, all);
}

static void on_asked(void *context, const toa_peer *peer, const uint8_t *bytes, size_t len,
                     toa_time now)
{
    entry head = {.time = now, .kind = QUESTION};
    add_datagram(context, &head, &peer->from, &peer->to, bytes, len);
}

static void on_answered(void *context, const toa_peer *peer, const toa_query *query,
                        const toa_answer *answer, const uint8_t *bytes, size_t len, toa_time now)
{
    entry head = {.time = now, .kind = ANSWER, .word = (uint8_t)answer->word};
    if (answer->server.version != 0) {
        head.flow = flow_of(&query->fake, &answer->server);
    }
    add_datagram(context, &head, &peer->to, &peer->from, bytes, len);
}

toa_core_tap toa_record_tap(toa_record *record)
{
    return (toa_core_tap){.context = record, .asked = on_asked, .answered = on_answered};
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void stop_writing(toa_record *record, const char *what)
{
    int why = errno;
    if (record->file_open) {
        record->file_open = false;
        (void)toa_pcap_close(&record->file);
    }
    record->stopped = true;
    (void)pthread_mutex_lock(&record->lock);
    record->counters.stopped = true;
    (void)pthread_mutex_unlock(&record->lock);
    toa_complain("recording ends: %s: %s: %s; answering goes on", record->config.record.dir, what,
                 strerror(why));
}

/* "toa-20260131T235959-0001", and the ending. */
static bool is_ours(const char *name)
{
    static const char form[] = "toa-dddddddd?dddddd-dddd";
    size_t len = sizeof form - 1;
    if (strlen(name) < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (form[i] == 'd' ? !digit : form[i] != '?' && form[i] != name[i]) {
            return false;
        }
    }
    return strcmp(name + len, ".case") == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The cases that are there, by age, which their names sort by. free() all and each; -1: none. */
static int find_ours(const char *dir, char ***names)
{
    int n = 0;
    DIR *directory = opendir(dir);
    *names = NULL;
    if (directory == NULL) {
        return -1;
    }
    for (struct dirent *one = readdir(directory); one != NULL; one = readdir(directory)) {
        char *name = is_ours(one->d_name) ? strdup(one->d_name) : NULL;
        char **all = name == NULL ? NULL : realloc(*names, ((size_t)n + 1) * sizeof all[0]);
        if (all == NULL) {
            free(name); /* when memory is short, it stays for the next time */
            continue;
        }
        *names = all;
        all[n++] = name;
    }
    (void)closedir(directory);
    if (n != 0) {
        qsort(*names, (size_t)n, sizeof **names, compare_names);
    }
    return n;
}

static void remove_pair(const char *dir, const char *case_name)
{
    char path[TOA_CONFIG_PATH + 300];
    int len = snprintf(path, sizeof path, "%s/%s", dir, case_name);
    (void)remove(path);
    memcpy(path + len - 4, "pcap", 4);
    (void)remove(path);
}

/* Removes the oldest cases, so that with one more there are as many as may be. */
static void prune(const toa_record *record)
{
    char **names = NULL;
    int n = find_ours(record->config.record.dir, &names);
    int surplus = n < 0 ? 0 : n + 1 - (int)record->config.record.files;
    for (int i = 0; i < n; i++) {
        if (i < surplus) {
            remove_pair(record->config.record.dir, names[i]);
        }
        free(names[i]);
    }
    free(names);
}

static void recover_pair(const char *dir, const char *case_name)
{
    char path[TOA_CONFIG_PATH + 300];
    struct stat info;
    uint64_t left = 0;
    uint64_t cut = 0;
    int len = snprintf(path, sizeof path, "%s/%s", dir, case_name);
    bool empty = stat(path, &info) == 0 && info.st_size == 0;
    memcpy(path + len - 4, "pcap", 4);
    if (!toa_pcap_repair(path, &left, &cut)) {
        toa_complain("%s: cannot be looked at: %s", path, strerror(errno));
    } else if (empty || left == 0) {
        remove_pair(dir, case_name);
        toa_complain("%s: removed, for it holds nothing: its program was killed", path);
    } else if (cut != 0) {
        toa_complain(
            "%s: %llu bytes at its end were half a record and are taken off: its program was "
            "killed",
            path, (unsigned long long)cut);
    }
}

void toa_record_recover(const toa_record_config *config)
{
    char **names = NULL;
    int n = config->dir[0] == '\0' ? -1 : find_ours(config->dir, &names);
    if (n > 0) {
        recover_pair(config->dir, names[n - 1]);
    }
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
}

static bool write_case(const toa_record *record, const char *path, const char *name)
{
    char *settings = malloc(TOA_CONFIG_TEXT_MAX);
    FILE *file = settings == NULL ? NULL : toa_record_create(path);
    if (file == NULL) {
        free(settings);
        return false;
    }
    (void)toa_config_format_case(&record->config, settings);
    (void)fprintf(file,
                  "# Recorded by toa serve on \"%s\": what came up from the kernel, the questions, "
                  "and the answers.\ncapture  %s.pcap\nsource   recorded, toa serve --record\n%s",
                  record->config.capture.interface, name, settings);
    for (size_t i = 0; i < record->n_services; i++) {
        (void)fprintf(file, "service %u\n", (unsigned)record->services[i]);
    }
    bool right = ferror(file) == 0;
    right = fclose(file) == 0 && right;
    free(settings);
    return right;
}

/* A file that is not there yet, named by date and number. */
static bool create_file(toa_record *record, char name[NAME_MAX_LEN])
{
    char path[TOA_CONFIG_PATH + NAME_MAX_LEN + 8];
    time_t seconds = (time_t)((record->newest + record->wall) / TOA_SECOND);
    struct tm date;
    (void)gmtime_r(&seconds, &date);
    size_t len = strftime(name, NAME_MAX_LEN, "toa-%Y%m%dT%H%M%S", &date);
    do {
        (void)snprintf(name + len, NAME_MAX_LEN - len, "-%04u", record->n_files++ % 10000);
        (void)snprintf(path, sizeof path, "%s/%s.pcap", record->config.record.dir, name);
        int fd = toa_pcap_open(path, false);
        record->file_open = fd >= 0 && toa_pcap_begin(&record->file, fd, record->link_type);
    } while (!record->file_open && errno == EEXIST && record->n_files < 10000);
    if (!record->file_open) {
        stop_writing(record, path);
        return false;
    }
    if (!toa_pcap_flush(&record->file)) { /* a case has a capture, whatever happens between */
        stop_writing(record, path);
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/%s.case", record->config.record.dir, name);
    if (!write_case(record, path, name)) {
        stop_writing(record, path);
        return false;
    }
    return true;
}

static bool next_file(toa_record *record)
{
    char name[NAME_MAX_LEN];
    if (record->file_open) {
        record->file_open = false;
        if (!toa_pcap_close(&record->file)) {
            stop_writing(record, "write");
            return false;
        }
    }
    prune(record);
    record->file_ending = false;
    record->link_type = record->last_link_type;
    set_clear(&record->flows);
    if (!create_file(record, name)) {
        return false;
    }
    (void)pthread_mutex_lock(&record->lock);
    record->counters.files++;
    (void)pthread_mutex_unlock(&record->lock);
    return true;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static const uint8_t *bytes_of(const entry *head)
{
    return (const uint8_t *)head + sizeof *head;
}

/* A SYN that began the flow anew: what is known about it from here on is in this file. */
static bool begins_flow(const entry *head)
{
    toa_segment segment;
    bool may = head->flow != 0 && head->word != TOA_PASS && head->word != TOA_REPEAT &&
               head->word != TOA_CONFLICT && head->word != TOA_CLOSE;
    return may &&
           toa_segment_parse(bytes_of(head), head->captured_len, head->link_type, true, &segment) ==
               TOA_FOUND &&
           (segment.flags & (TOA_TCP_SYN | TOA_TCP_ACK)) == TOA_TCP_SYN;
}

static bool may_be_checked(const toa_record *record, const entry *head)
{
    return head->kind != ANSWER || (!record->file_ending && head->word != TOA_REPLACED &&
                                    (head->flow == 0 || set_has(&record->flows, head->flow)));
}

static bool put_datagram(toa_record *record, const entry *head)
{
    toa_endpoint from;
    toa_endpoint to;
    uint8_t frame[TOA_UDP_FRAME_MAX];
    const uint8_t *bytes = bytes_of(head);
    memcpy(&from, bytes, sizeof from);
    memcpy(&to, bytes + sizeof from, sizeof to);
    size_t len = toa_udp_frame(record->link_type, &from, &to, bytes + 2 * sizeof from,
                               head->captured_len - 2 * sizeof from, frame);
    return len == 0 || toa_pcap_put(&record->file, head->time + record->wall, frame, (uint32_t)len,
                                    (uint32_t)len);
}

static bool put_entry(toa_record *record, const entry *head)
{
    if (head->kind != FRAME) {
        return put_datagram(record, head);
    }
    if (begins_flow(head)) {
        set_add(&record->flows, head->flow);
    }
    return toa_pcap_put(&record->file, head->time + record->wall, bytes_of(head),
                        head->captured_len, head->original_len);
}

static void write_entry(toa_record *record, const entry *head)
{
    if (head->kind == FRAME) {
        record->last_link_type = head->link_type;
    }
    if (record->file_open && !record->file_ending &&
        toa_pcap_len(&record->file) >= record->config.record.size) {
        record->file_ending = true;
        record->file_ends_at = head->time + ENDING_SPAN;
    }
    bool full = record->file_open && record->file_ending && head->time > record->file_ends_at;
    if (record->last_link_type < 0) {
        record->last_link_type = TOA_LINK_RAW_FILE; /* nobody was there to be asked about */
    }
    bool other_link = head->kind == FRAME && record->link_type != head->link_type;
    if ((!record->file_open || full || other_link) && !next_file(record)) {
        return;
    }
    bool checked = may_be_checked(record, head);
    if (checked && !put_entry(record, head)) {
        stop_writing(record, "write");
        return;
    }
    (void)pthread_mutex_lock(&record->lock);
    record->counters.written += checked;
    record->counters.unchecked += !checked;
    (void)pthread_mutex_unlock(&record->lock);
}

/* By time; what has the same time stays in the order in which it came. */
static int compare_entries(const void *a, const void *b)
{
    const entry *x = *(const entry *const *)a;
    const entry *y = *(const entry *const *)b;
    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

static bool sort_work(toa_record *record)
{
    if (record->order_size < record->work.n) {
        const entry **larger = realloc(record->order, record->work.n * sizeof(const entry *));
        if (larger == NULL) {
            return false;
        }
        record->order = larger;
        record->order_size = record->work.n;
    }
    size_t at = 0;
    for (size_t i = 0; i < record->work.n; i++) {
        const entry *head = (const entry *)(const void *)(record->work.bytes + at);
        record->order[i] = head;
        record->newest = head->time > record->newest ? head->time : record->newest;
        at += entry_size(head->captured_len);
    }
    qsort(record->order, record->work.n, sizeof(const entry *), compare_entries);
    return true;
}

/* A question may come before the first frame: the file is made for the frames. */
static void find_link_type(toa_record *record)
{
    for (size_t i = 0; i < record->work.n && record->last_link_type < 0; i++) {
        if (record->order[i]->kind == FRAME) {
            record->last_link_type = record->order[i]->link_type;
        }
    }
}

/* Writes what is old enough to be in order; with `all`, everything. */
static void write_work(toa_record *record, bool all)
{
    size_t n = 0;
    if (record->work.n == 0 || record->stopped) {
        record->work.len = 0;
        record->work.n = 0;
        return;
    }
    if (!sort_work(record)) {
        errno = ENOMEM;
        stop_writing(record, "sort");
        return;
    }
    find_link_type(record);
    while (n < record->work.n && !record->stopped &&
           (all || record->order[n]->time <= record->newest - REORDER)) {
        write_entry(record, record->order[n++]);
    }
    queue rest = {.bytes = record->spare.bytes};
    for (; n < record->work.n && !record->stopped; n++) {
        queue_put(&rest, record->order[n], bytes_of(record->order[n]));
    }
    record->spare = record->work;
    record->work = rest;
    if (record->file_open && !toa_pcap_flush(&record->file)) {
        stop_writing(record, "write");
    }
}

/* Takes over what came, behind what was left. Returns false when it is time to end. */
static bool take_incoming(toa_record *record)
{
    (void)pthread_mutex_lock(&record->lock);
    bool woken = true;
    while (!record->ending && record->incoming.len <= QUEUE_MAX / 2 && woken) {
        woken = toa_record_condition_wait(&record->news, &record->lock, WRITE_EVERY_MS);
    }
    record->idle = record->incoming.n == 0;
    memcpy(record->work.bytes + record->work.len, record->incoming.bytes, record->incoming.len);
    record->work.len += record->incoming.len;
    record->work.n += record->incoming.n;
    record->incoming.len = 0;
    record->incoming.n = 0;
    bool ending = record->ending;
    (void)pthread_mutex_unlock(&record->lock);
    return !ending;
}

static void *work(void *context)
{
    toa_record *record = context;
    bool going = true;
    while (going) {
        /* Room for what comes: what is left is small, or else it is written out of order. */
        bool crowded = record->work.len > QUEUE_MAX;
        going = take_incoming(record);
        write_work(record, !going || record->idle || crowded);
    }
    if (record->file_open && !toa_pcap_close(&record->file)) {
        record->file_open = false;
        stop_writing(record, "write");
    }
    record->file_open = false;
    return NULL;
}

/* ---- Starting and ending --------------------------------------------------------------------- */

static bool wrong(char error[TOA_CONFIG_ERROR], const char *dir, const char *why)
{
    (void)snprintf(error, TOA_CONFIG_ERROR, "cannot record to %.300s: %s", dir, why);
    return false;
}

bool toa_record_prepare(const toa_record_config *config, const char *user,
                        char error[TOA_CONFIG_ERROR])
{
    const char *why = config->dir[0] == '\0' ? NULL : toa_record_dir_make(config->dir, user);
    return why == NULL || wrong(error, config->dir, why);
}

static bool make(toa_record *record)
{
    record->incoming.bytes = malloc(QUEUE_MAX);
    record->work.bytes = malloc(3 * QUEUE_MAX);
    record->spare.bytes = malloc(3 * QUEUE_MAX);
    return record->incoming.bytes != NULL && record->work.bytes != NULL &&
           record->spare.bytes != NULL && toa_record_condition_init(&record->news) &&
           pthread_mutex_init(&record->lock, NULL) == 0;
}

static void discard(toa_record *record)
{
    free(record->incoming.bytes);
    free(record->work.bytes);
    free(record->spare.bytes);
    free(record->order);
    free(record->flows.places);
    free(record);
}

toa_record *toa_record_start(const toa_service_config *config, toa_time now,
                             char error[TOA_CONFIG_ERROR])
{
    struct timespec wall;
    toa_record *record = calloc(1, sizeof *record);
    if (record == NULL || !make(record)) {
        (void)wrong(error, config->record.dir, "out of memory");
        if (record != NULL) {
            discard(record);
        }
        return NULL;
    }
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    record->config = *config;
    record->wall = (toa_time)wall.tv_sec * TOA_SECOND + wall.tv_nsec - now;
    record->newest = now;
    record->last_link_type = -1;
    if (!toa_record_dir_open(config->record.dir) ||
        pthread_create(&record->thread, NULL, work, record) != 0) {
        char why[192];
        (void)snprintf(why, sizeof why,
                       "%s, as the user that this runs as (another directory than at the start "
                       "takes a restart: the sandbox)",
                       strerror(errno));
        (void)wrong(error, config->record.dir, why);
        discard(record);
        return NULL;
    }
    return record;
}

void toa_record_services(toa_record *record, const uint16_t ports[], size_t n)
{
    for (size_t i = 0; i < n && i < TOA_CONFIG_LISTENS; i++) {
        record->services[i] = ports[i];
        record->n_services = i + 1;
    }
}

void toa_record_stop(toa_record *record)
{
    if (record == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&record->lock);
    record->ending = true;
    (void)pthread_cond_signal(&record->news);
    (void)pthread_mutex_unlock(&record->lock);
    (void)pthread_join(record->thread, NULL);
    (void)pthread_mutex_destroy(&record->lock);
    (void)pthread_cond_destroy(&record->news);
    discard(record);
}

void toa_record_count(toa_record *record, toa_record_counters *out)
{
    (void)pthread_mutex_lock(&record->lock);
    *out = record->counters;
    (void)pthread_mutex_unlock(&record->lock);
}
