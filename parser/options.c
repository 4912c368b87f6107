#include <toa/parser.h>

/* RFC 9293, 3.1 */
enum { KIND_END = 0, KIND_NO_OPERATION = 1 };

/* The kind that RFC 4727 gives to experiments and LVS gives to TOA. */
enum { KIND_EXPERIMENT = 254 };

toa_options toa_options_begin(const uint8_t *bytes, size_t there, size_t announced)
{
    size_t left = there < announced ? there : announced;
    return (toa_options){.at = bytes, .left = left, .missing = announced - left};
}

static inline toa_word options_step(toa_options *walk, toa_option *out)
{
    const uint8_t *at = walk->at;
    size_t left = walk->left;

    while (left != 0 && *at == KIND_NO_OPERATION) {
        at++;
        left--;
    }
    walk->at = at;
    walk->left = left;
    if (left == 0) {
        return walk->missing == 0 ? TOA_NO_OPTION : TOA_TRUNCATED;
    }
    if (*at == KIND_END) {
        return TOA_NO_OPTION;
    }
    if (left == 1) {
        return walk->missing == 0 ? TOA_MALFORMED : TOA_TRUNCATED;
    }
    size_t len = at[1];
    if (len < 2 || len > left) {
        return len < 2 || len > left + walk->missing ? TOA_MALFORMED : TOA_TRUNCATED;
    }
    out->bytes = at;
    out->kind = at[0];
    out->len = (uint8_t)len;
    walk->at = at + len;
    walk->left = left - len;
    return TOA_FOUND;
}

toa_word toa_options_next(toa_options *walk, toa_option *out)
{
    return options_step(walk, out);
}

/* The options of a segment that some dialect knows. */
typedef struct picks {
    toa_option first; /* that names the client */
    toa_option last;
    toa_option vip; /* the first that names the virtual server alone */
    const toa_row *first_row;
    const toa_row *last_row;
    const toa_row *vip_row;
    uint8_t n_toas;
    uint8_t n_experiments;
} picks;

static const toa_row *row_of(const toa_dialects *dialects, const toa_option *option)
{
    for (size_t i = dialects->row_of_kind[option->kind] - 1U; i < dialects->n_rows; i++) {
        const toa_row *row = &dialects->rows[i];
        if (row->kind != option->kind) {
            return NULL;
        }
        if (row->len == option->len &&
            (row->fixed_at == 0 || option->bytes[row->fixed_at] == row->fixed_value)) {
            return row;
        }
    }
    return NULL;
}

/* RFC 6994: an experiment id stands where TOA has the port. */
static bool looks_like_experiment(const toa_option *option)
{
    static const uint16_t ids[] = {
        0xf989, /* Fast Open, RFC 7413 */
        0xe2d4, /* SMC, RFC 7609 */
        0xacc0, /* Accurate ECN, order 0 */
        0xacce, /* Accurate ECN, order 1 */
    };
    if (option->kind != KIND_EXPERIMENT || option->len < 4) {
        return false;
    }
    unsigned id = (unsigned)option->bytes[2] << 8 | option->bytes[3];
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (id == ids[i]) {
            return true;
        }
    }
    return false;
}

static void pick(picks *found, const toa_dialects *dialects, bool syn, const toa_option *option)
{
    const toa_row *row = row_of(dialects, option);
    if (row == NULL) {
        return;
    }
    if (row->client_version == 0) {
        if (found->vip_row == NULL) {
            found->vip = *option;
            found->vip_row = row;
        }
        return;
    }
    if (syn && looks_like_experiment(option)) {
        found->n_experiments++;
        return;
    }
    if (found->n_toas == 0) {
        found->first = *option;
        found->first_row = row;
    }
    found->last = *option;
    found->last_row = row;
    found->n_toas++;
}

static void sighting_decode(const picks *found, toa_duplicates policy, bool broken,
                            toa_sighting *out)
{
    bool last = policy == TOA_DUPLICATES_LAST;
    const toa_option *option = last ? &found->last : &found->first;
    toa_endpoint none;

    (void)toa_row_decode(last ? found->last_row : found->first_row, option, &out->client,
                         &out->vip);
    if (out->vip.version == 0 && found->vip_row != NULL) {
        (void)toa_row_decode(found->vip_row, &found->vip, &none, &out->vip);
    }
    out->kind = option->kind;
    out->len = option->len;
    out->n_toas = found->n_toas;
    out->broken = broken;
}

toa_word toa_options_read(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                          toa_options options, toa_sighting *out)
{
    picks found = {.first_row = NULL, .last_row = NULL, .vip_row = NULL};
    toa_option option;
    toa_word end;

    while ((end = options_step(&options, &option)) == TOA_FOUND) {
        if (dialects->row_of_kind[option.kind] != 0) {
            pick(&found, dialects, syn, &option);
        }
    }
    bool broken = end != TOA_NO_OPTION;
    if (broken && (policy != TOA_DUPLICATES_FIRST || found.n_toas == 0)) {
        return end;
    }
    if (found.n_toas == 0) {
        return found.n_experiments == 0 ? TOA_NO_OPTION : TOA_AMBIGUOUS;
    }
    if (found.n_toas > 1 && policy == TOA_DUPLICATES_REJECT) {
        return TOA_DUPLICATE;
    }
    sighting_decode(&found, policy, broken, out);
    return TOA_FOUND;
}
