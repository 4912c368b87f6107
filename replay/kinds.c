#include "kinds.h"

static const char *const names[256] = {
    [0] = "end of option list",
    [1] = "no operation",
    [2] = "maximum segment size",
    [3] = "window scale",
    [4] = "SACK permitted",
    [5] = "SACK",
    [6] = "echo (obsolete)",
    [7] = "echo reply (obsolete)",
    [8] = "timestamps",
    [9] = "partial order permitted (obsolete)",
    [10] = "partial order service profile (obsolete)",
    [11] = "CC (obsolete)",
    [12] = "CC.NEW (obsolete)",
    [13] = "CC.ECHO (obsolete)",
    [14] = "alternate checksum request (obsolete)",
    [15] = "alternate checksum data (obsolete)",
    [16] = "Skeeter",
    [17] = "Bubba",
    [18] = "trailer checksum",
    [19] = "MD5 signature",
    [20] = "SCPS capabilities",
    [21] = "selective negative acknowledgements",
    [22] = "record boundaries",
    [23] = "corruption experienced",
    [24] = "SNAP",
    [26] = "TCP compression filter",
    [27] = "Quick-Start response",
    [28] = "user timeout",
    [29] = "TCP-AO",
    [30] = "Multipath TCP",
    [34] = "Fast Open cookie",
    [69] = "encryption negotiation",
    [76] = "Riverbed transparency probe (unassigned)",
    [78] = "Riverbed transparency (unassigned)",
    [172] = "accurate ECN order 0",
    [174] = "accurate ECN order 1",
    [253] = "experiment 1 (RFC 4727)",
    [254] = "experiment 2 (RFC 4727)",
};

enum { KIND_USER_TIMEOUT = 28, KIND_EXPERIMENT_1 = 253, KIND_EXPERIMENT_2 = 254 };

const char *toa_kind_name(uint8_t kind)
{
    return names[kind];
}

bool toa_kind_taken(uint8_t kind)
{
    return names[kind] != NULL && kind != KIND_USER_TIMEOUT && kind != KIND_EXPERIMENT_1 &&
           kind != KIND_EXPERIMENT_2;
}

const char *toa_lookalike_name(uint8_t kind, uint8_t len)
{
    static const struct {
        uint8_t kind;
        uint8_t len;
        const char *name;
    } table[] = {
        {28, 4, "user timeout (RFC 5482)"},
        {201, 6, "VPC id (TencentOS)"},
        {202, 8, "the virtual server (TencentOS), not the client"},
        {250, 8, "the virtual server (Alibaba), not the client"},
        {253, 8, "Alibaba smartnat or HOST_ID (RFC 7974): as a client it would be a wrong one"},
        {253, 12, "DeepFlow tracing"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind == kind && table[i].len == len) {
            return table[i].name;
        }
    }
    return NULL;
}

const char *toa_option_name(uint8_t kind, uint8_t len)
{
    const char *name = toa_lookalike_name(kind, len);
    if (name == NULL) {
        name = names[kind];
    }
    return name == NULL ? "unknown" : name;
}

toa_experiment toa_experiment_of(const toa_option *option)
{
    if ((option->kind != KIND_EXPERIMENT_1 && option->kind != KIND_EXPERIMENT_2) ||
        option->len < 4) {
        return TOA_EXPERIMENT_NONE;
    }
    switch ((unsigned)option->bytes[2] << 8 | option->bytes[3]) {
    case 0xf989:
        return TOA_EXPERIMENT_FAST_OPEN;
    case 0xe2d4:
        return TOA_EXPERIMENT_SMC;
    case 0xacc0:
        return TOA_EXPERIMENT_ACC_ECN_0;
    case 0xacce:
        return TOA_EXPERIMENT_ACC_ECN_1;
    default:
        return TOA_EXPERIMENT_NONE;
    }
}

static const struct {
    const char *id;
    const char *name;
} experiments[TOA_N_EXPERIMENTS] = {
    [TOA_EXPERIMENT_FAST_OPEN] = {"f989", "Fast Open"},
    [TOA_EXPERIMENT_SMC] = {"e2d4", "SMC"},
    [TOA_EXPERIMENT_ACC_ECN_0] = {"acc0", "accurate ECN, order 0"},
    [TOA_EXPERIMENT_ACC_ECN_1] = {"acce", "accurate ECN, order 1"},
};

const char *toa_experiment_id(toa_experiment experiment)
{
    return experiment < TOA_N_EXPERIMENTS ? experiments[experiment].id : NULL;
}

const char *toa_experiment_name(toa_experiment experiment)
{
    return experiment < TOA_N_EXPERIMENTS ? experiments[experiment].name : NULL;
}
