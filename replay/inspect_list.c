#include "inspect_list.h"

#include <string.h>

#include "inspect_report.h"
#include "json.h"

/* ---- One list of options --------------------------------------------------------------------- */

static int digit_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

const char *toa_inspect_hex(const char *text, uint8_t out[TOA_INSPECT_HEX_MAX], size_t *n)
{
    size_t len = 0;
    uint8_t bytes[TOA_INSPECT_HEX_MAX];
    while (*text != '\0') {
        if (strchr(" \t\r\n:,", *text) != NULL) {
            text++;
            continue;
        }
        if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
            text += 2;
        }
        int high = digit_of(text[0]);
        int low = high < 0 ? -1 : digit_of(text[1]);
        if (low < 0) {
            return high >= 0 ? "a byte has two hexadecimal digits" : "not hexadecimal digits";
        }
        if (len == TOA_INSPECT_HEX_MAX) {
            return "longer than any list of options (a TCP header holds 40 bytes)";
        }
        bytes[len++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (len == 0) {
        return "no bytes";
    }
    memcpy(out, bytes, len);
    *n = len;
    return NULL;
}

/* One option of the list and what can be read from it. */
typedef struct item {
    const toa_option *option;
    size_t offset;
    const toa_readings *readings;
} list_item;

/* Whether some dialect takes it for a client: then that says better what it is than its name. */
static bool reads_client(const list_item *item)
{
    toa_endpoint client;
    toa_endpoint vip;
    for (size_t i = 0; i < item->readings->n; i++) {
        const toa_row *row = &item->readings->all[i].row;
        if (row->client_version != 0 && toa_row_decode(row, item->option, &client, &vip)) {
            return true;
        }
    }
    return false;
}

static void text_decoded(toa_buffer *out, const toa_reading *reading, const toa_endpoint *client,
                         const toa_endpoint *vip)
{
    toa_buffer_text(out, "            ");
    if (reading->dialects != 0) {
        toa_inspect_put_dialects(out, reading->dialects);
    } else {
        toa_buffer_text(out, "no known dialect; as port and address");
    }
    toa_buffer_text(out, ": ");
    if (client->version != 0) {
        toa_inspect_put_endpoint(out, client);
    }
    if (vip->version != 0) {
        toa_buffer_text(out, client->version != 0 ? ", virtual server " : "virtual server ");
        toa_inspect_put_endpoint(out, vip);
    }
    toa_buffer_text(out, "\n");
}

static void text_item(toa_buffer *out, const list_item *item)
{
    const toa_option *option = item->option;
    toa_endpoint client;
    toa_endpoint vip;
    toa_reading guess;
    bool fits = false;
    toa_experiment experiment = toa_experiment_of(option);

    toa_buffer_format(out, "%4zu  %u/%u  ", item->offset, option->kind, option->len);
    toa_inspect_put_hex(out, option->bytes, option->len);
    if (reads_client(item)) {
        toa_buffer_text(out, "\n");
    } else {
        toa_buffer_format(out, "  %s\n", toa_option_name(option->kind, option->len));
    }
    if (experiment != TOA_EXPERIMENT_NONE) {
        toa_buffer_format(out, "            begins with %s, the id of %s: ambiguous on a SYN\n",
                          toa_experiment_id(experiment), toa_experiment_name(experiment));
    }
    for (size_t i = 0; i < item->readings->n; i++) {
        const toa_reading *reading = &item->readings->all[i];
        if (toa_row_decode(&reading->row, option, &client, &vip)) {
            text_decoded(out, reading, &client, &vip);
            fits = true;
        }
    }
    if (!fits && toa_reading_guess(option->kind, option->len, &guess) &&
        toa_row_decode(&guess.row, option, &client, &vip)) {
        text_decoded(out, &guess, &client, &vip);
    }
}

static void json_decoded(toa_buffer *out, const toa_reading *reading, const toa_endpoint *client,
                         const toa_endpoint *vip)
{
    toa_json_open(out, NULL, "{");
    toa_inspect_json_dialects(out, reading->dialects);
    if (client->version != 0) {
        toa_json_endpoint(out, "real", client);
    }
    if (vip->version != 0) {
        toa_json_endpoint(out, "vip", vip);
    }
    toa_json_close(out, "}");
}

static void json_item(toa_buffer *out, const list_item *item)
{
    const toa_option *option = item->option;
    toa_endpoint client;
    toa_endpoint vip;
    toa_json_open(out, NULL, "{");
    toa_json_string(out, "event", "option");
    toa_json_number(out, "offset", item->offset);
    toa_json_number(out, "kind", option->kind);
    toa_json_number(out, "len", option->len);
    toa_json_hex(out, "bytes", option->bytes, option->len);
    if (!reads_client(item)) {
        toa_json_string(out, "name", toa_option_name(option->kind, option->len));
    }
    toa_experiment experiment = toa_experiment_of(option);
    if (experiment != TOA_EXPERIMENT_NONE) {
        toa_json_string(out, "experiment", toa_experiment_id(experiment));
    }
    toa_json_open(out, "readings", "[");
    for (size_t i = 0; i < item->readings->n; i++) {
        const toa_reading *reading = &item->readings->all[i];
        if (toa_row_decode(&reading->row, option, &client, &vip)) {
            json_decoded(out, reading, &client, &vip);
        }
    }
    toa_json_close(out, "]");
    toa_json_close(out, "}\n");
}

/* Why a list breaks where it breaks. */
static const char *break_of(const uint8_t *at, size_t left)
{
    if (left == 1) {
        return "the list ends behind a kind, its length is missing";
    }
    return at[1] < 2 ? "a length is 2 at least: it counts the kind and itself"
                     : "the option is longer than what is left of the list";
}

static void list_end(toa_buffer *out, toa_report_form form, const uint8_t *at, size_t offset,
                     size_t len)
{
    size_t left = len - offset;
    unsigned length = left > 1 ? at[1] : 0;
    if (form == TOA_REPORT_JSON) {
        toa_json_open(out, NULL, "{");
        toa_json_string(out, "event", "malformed");
        toa_json_number(out, "offset", offset);
        toa_json_number(out, "kind", at[0]);
        toa_json_string(out, "text", break_of(at, left));
        toa_json_close(out, "}\n");
    } else if (left == 1) {
        toa_buffer_format(out, "%4zu  %u/?  malformed: %s\n", offset, at[0], break_of(at, left));
    } else {
        toa_buffer_format(out, "%4zu  %u/%u  malformed: %s (%zu bytes)\n", offset, at[0], length,
                          break_of(at, left), left);
    }
}

static void list_longer(toa_buffer *out, toa_report_form form, size_t len)
{
    if (len > TOA_OPTIONS_MAX && form == TOA_REPORT_TEXT) {
        toa_buffer_format(out, "%zu bytes: more than the %d that a TCP header holds\n", len,
                          TOA_OPTIONS_MAX);
    }
}

void toa_inspect_list(toa_buffer *out, toa_report_form form, const uint8_t *bytes, size_t len)
{
    toa_options walk = toa_options_begin(bytes, len, len);
    toa_option option;
    toa_readings readings;
    toa_word word;
    size_t n = 0;

    toa_readings_init(&readings);
    list_longer(out, form, len);
    while ((word = toa_options_next(&walk, &option)) == TOA_FOUND) {
        list_item item = {&option, (size_t)(option.bytes - bytes), &readings};
        if (form == TOA_REPORT_JSON) {
            json_item(out, &item);
        } else {
            text_item(out, &item);
        }
        n++;
    }
    if (word == TOA_MALFORMED) {
        list_end(out, form, walk.at, (size_t)(walk.at - bytes), len);
    } else if (n == 0 && form == TOA_REPORT_TEXT) {
        toa_buffer_text(out, "no options: nothing but end of list and no operation\n");
    }
}
