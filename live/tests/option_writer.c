#define _GNU_SOURCE

#include "option_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { N_PORTS = 65536, FLAG_SYN = 2, CGROUP_NAME_TRIES = 100 };

/* ---- The program ------------------------------------------------------------------------------
 */

typedef struct assembly {
    struct bpf_insn at[128];
    size_t n;
} assembly;

static size_t emit(assembly *a, unsigned code, unsigned to, unsigned from, int offset,
                   int32_t value)
{
    struct bpf_insn *instruction = &a->at[a->n];
    memset(instruction, 0, sizeof *instruction);
    instruction->code = (uint8_t)code;
    instruction->dst_reg = (uint8_t)(to & 15);
    instruction->src_reg = (uint8_t)(from & 15);
    instruction->off = (int16_t)offset;
    instruction->imm = value;
    return a->n++;
}

static void move(assembly *a, unsigned to, unsigned from)
{
    emit(a, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

static void set(assembly *a, unsigned to, int32_t value)
{
    emit(a, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

static void alu(assembly *a, unsigned operation, unsigned to, int32_t value)
{
    emit(a, BPF_ALU64 | operation | BPF_K, to, 0, 0, value);
}

static void load(assembly *a, unsigned to, unsigned from, size_t offset)
{
    emit(a, BPF_LDX | BPF_MEM | BPF_W, to, from, (int)offset, 0);
}

static void store(assembly *a, unsigned size, int offset, unsigned from)
{
    emit(a, BPF_STX | BPF_MEM | size, BPF_REG_10, from, offset, 0);
}

static void call(assembly *a, int32_t function)
{
    emit(a, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

static void leave(assembly *a)
{
    set(a, BPF_REG_0, 1);
    emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* What follows up to `end_unless` runs only if the register is `value` (has one of its bits). */
static size_t begin_if(assembly *a, unsigned test, unsigned reg, int32_t value)
{
    emit(a, BPF_JMP | test | BPF_K, reg, 0, 1, value);
    return emit(a, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

static void end_if(assembly *a, size_t jump)
{
    a->at[jump].off = (int16_t)(a->n - jump - 1);
}

/* Leaves if segments like this one are to have no option. */
static void check_carrier(assembly *a, unsigned carriers)
{
    load(a, BPF_REG_2, BPF_REG_6, offsetof(struct bpf_sock_ops, skb_tcp_flags));
    alu(a, BPF_AND, BPF_REG_2, FLAG_SYN);
    if (carriers == CARRY_ON_SYN) {
        size_t jump = begin_if(a, BPF_JEQ, BPF_REG_2, 0);
        leave(a);
        end_if(a, jump);
    } else if (carriers == CARRY_ON_ACK) {
        size_t jump = begin_if(a, BPF_JEQ, BPF_REG_2, FLAG_SYN);
        leave(a);
        end_if(a, jump);
    }
}

/* Register 7 becomes real[port], register 8 the port. */
static void look_up_real(assembly *a, int map)
{
    load(a, BPF_REG_8, BPF_REG_6, offsetof(struct bpf_sock_ops, local_port));
    store(a, BPF_W, -4, BPF_REG_8);
    emit(a, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map);
    emit(a, 0, 0, 0, 0, 0);
    move(a, BPF_REG_2, BPF_REG_10);
    alu(a, BPF_ADD, BPF_REG_2, -4);
    call(a, BPF_FUNC_map_lookup_elem);
    size_t jump = begin_if(a, BPF_JEQ, BPF_REG_0, 0);
    leave(a);
    end_if(a, jump);
    load(a, BPF_REG_7, BPF_REG_0, 0);
}

/* The option, from r10 - 32 on. */
static void write_option(assembly *a, unsigned version, unsigned carriers, int map)
{
    int32_t len = version == 4 ? 8 : 20;
    look_up_real(a, map);
    if (carriers == CARRY_ON_BOTH) {
        load(a, BPF_REG_2, BPF_REG_6, offsetof(struct bpf_sock_ops, skb_tcp_flags));
        alu(a, BPF_AND, BPF_REG_2, FLAG_SYN);
        size_t jump = begin_if(a, BPF_JEQ, BPF_REG_2, FLAG_SYN);
        alu(a, BPF_XOR, BPF_REG_7, 0x00ffffff);
        end_if(a, jump);
    }
    set(a, BPF_REG_2, 254);
    store(a, BPF_B, -32, BPF_REG_2);
    set(a, BPF_REG_2, len);
    store(a, BPF_B, -31, BPF_REG_2);
    alu(a, BPF_XOR, BPF_REG_8, 0xffff);
    emit(a, BPF_ALU | BPF_END | BPF_TO_BE, BPF_REG_8, 0, 0, 16);
    store(a, BPF_H, -30, BPF_REG_8);
    int last = -28;
    if (version == 6) {
        set(a, BPF_REG_2, (int32_t)__builtin_bswap32(0x20010db8));
        store(a, BPF_W, -28, BPF_REG_2);
        set(a, BPF_REG_2, 0);
        store(a, BPF_W, -24, BPF_REG_2);
        store(a, BPF_W, -20, BPF_REG_2);
        last = -16;
    }
    alu(a, BPF_OR, BPF_REG_7, 0x0a000000);
    emit(a, BPF_ALU | BPF_END | BPF_TO_BE, BPF_REG_7, 0, 0, 32);
    store(a, BPF_W, last, BPF_REG_7);
    move(a, BPF_REG_1, BPF_REG_6);
    move(a, BPF_REG_2, BPF_REG_10);
    alu(a, BPF_ADD, BPF_REG_2, -32);
    set(a, BPF_REG_3, len);
    set(a, BPF_REG_4, 0);
    call(a, BPF_FUNC_store_hdr_opt);
    leave(a);
}

static void assemble(assembly *a, unsigned version, unsigned carriers, int map)
{
    move(a, BPF_REG_6, BPF_REG_1);
    load(a, BPF_REG_9, BPF_REG_6, offsetof(struct bpf_sock_ops, op));
    size_t jump = begin_if(a, BPF_JEQ, BPF_REG_9, BPF_SOCK_OPS_TCP_CONNECT_CB);
    move(a, BPF_REG_1, BPF_REG_6);
    set(a, BPF_REG_2, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
    call(a, BPF_FUNC_sock_ops_cb_flags_set);
    leave(a);
    end_if(a, jump);
    jump = begin_if(a, BPF_JEQ, BPF_REG_9, BPF_SOCK_OPS_HDR_OPT_LEN_CB);
    check_carrier(a, carriers);
    move(a, BPF_REG_1, BPF_REG_6);
    set(a, BPF_REG_2, version == 4 ? 8 : 20);
    set(a, BPF_REG_3, 0);
    call(a, BPF_FUNC_reserve_hdr_opt);
    leave(a);
    end_if(a, jump);
    jump = begin_if(a, BPF_JEQ, BPF_REG_9, BPF_SOCK_OPS_WRITE_HDR_OPT_CB);
    check_carrier(a, carriers);
    write_option(a, version, carriers, map);
    end_if(a, jump);
    leave(a);
}

/* ---- Loading ----------------------------------------------------------------------------------
 */

static int bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int make_map(void)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 8;
    attributes.max_entries = N_PORTS;
    attributes.map_flags = BPF_F_MMAPABLE;
    return bpf(BPF_MAP_CREATE, &attributes);
}

static int load_program(unsigned version, unsigned carriers, int map)
{
    assembly a = {.n = 0};
    union bpf_attr attributes;
    char log[16384] = "";

    assemble(&a, version, carriers, map);
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_SOCK_OPS;
    attributes.insn_cnt = (uint32_t)a.n;
    attributes.insns = (uint64_t)(uintptr_t)a.at;
    attributes.license = (uint64_t)(uintptr_t) "Apache-2.0";
    attributes.log_buf = (uint64_t)(uintptr_t)log;
    attributes.log_size = sizeof log;
    attributes.log_level = 1;
    int program = bpf(BPF_PROG_LOAD, &attributes);
    if (program < 0 && errno == EACCES) {
        fprintf(stderr, "option_writer: the verifier refuses:\n%s\n", log);
    }
    return program;
}

static bool attach(int command, const option_writer *writer)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)writer->cgroup_fd;
    attributes.attach_bpf_fd = (uint32_t)writer->program_fd;
    attributes.attach_type = BPF_CGROUP_SOCK_OPS;
    return bpf(command, &attributes) == 0;
}

static bool write_text(const char *directory, const char *file, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return close(fd) == 0 && written;
}

/* A control group of its own below a mount of its own, and this process in it. */
static bool enter_cgroup(option_writer *writer)
{
    char mount_at[32] = "/tmp/toa-cgroup-XXXXXX";
    if (mkdtemp(mount_at) == NULL) {
        return false;
    }
    (void)snprintf(writer->cgroup, sizeof writer->cgroup, "%s/toa-test-%d", mount_at,
                   (int)getpid());
    if (mount("none", mount_at, "cgroup2", 0, NULL) != 0) {
        (void)rmdir(mount_at);
        return false;
    }
    if (mkdir(writer->cgroup, 0755) == 0) {
        writer->cgroup_fd = open(writer->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (writer->cgroup_fd >= 0 && write_text(writer->cgroup, "cgroup.procs", "0")) {
            return true;
        }
        (void)rmdir(writer->cgroup);
    }
    (void)umount(mount_at);
    (void)rmdir(mount_at);
    return false;
}

static void leave_cgroup(option_writer *writer)
{
    char *end = strrchr(writer->cgroup, '/');
    if (end == NULL) {
        return;
    }
    *end = '\0';
    (void)write_text(writer->cgroup, "cgroup.procs", "0"); /* back to the root group */
    *end = '/';
    (void)rmdir(writer->cgroup);
    *end = '\0';
    (void)umount(writer->cgroup);
    (void)rmdir(writer->cgroup);
}

void option_writer_stop(option_writer *writer)
{
    if (writer->program_fd >= 0) {
        (void)attach(BPF_PROG_DETACH, writer);
        (void)close(writer->program_fd);
    }
    if (writer->cgroup_fd >= 0) {
        (void)close(writer->cgroup_fd); /* or the mount it is on could not go */
    }
    leave_cgroup(writer);
    if (writer->mapped != NULL) {
        (void)munmap(writer->mapped, N_PORTS * sizeof(uint64_t));
    }
    if (writer->map_fd >= 0) {
        (void)close(writer->map_fd);
    }
}

static bool start(option_writer *writer, unsigned version, unsigned carriers, const char **why)
{
    *why = "no eBPF map (CAP_BPF?)";
    writer->map_fd = make_map();
    if (writer->map_fd < 0) {
        return false;
    }
    void *real = mmap(NULL, N_PORTS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                      writer->map_fd, 0);
    if (real == MAP_FAILED) {
        return false;
    }
    writer->real = real;
    writer->mapped = real;
    *why = "no cgroup v2";
    if (!enter_cgroup(writer)) {
        writer->cgroup[0] = '\0';
        return false;
    }
    *why = "the kernel does not take the sock_ops program";
    writer->program_fd = load_program(version, carriers, writer->map_fd);
    return writer->program_fd >= 0 && attach(BPF_PROG_ATTACH, writer);
}

bool option_writer_start(option_writer *writer, unsigned version, unsigned carriers,
                         const char **why)
{
    *writer = (option_writer){.cgroup_fd = -1, .map_fd = -1, .program_fd = -1};
    if (start(writer, version, carriers, why)) {
        return true;
    }
    option_writer_stop(writer);
    return false;
}

toa_endpoint option_writer_endpoint(uint64_t real, unsigned version, uint16_t port)
{
    uint32_t last = (uint32_t)real | 0x0a000000;
    toa_endpoint client = {.port = port ^ 0xffff, .version = (uint8_t)version, .has_port = 1};
    uint8_t *ip = version == 4 ? client.ip : client.ip + 12;
    if (version == 6) {
        memcpy(client.ip, "\x20\x01\x0d\xb8", 4);
    }
    ip[0] = (uint8_t)(last >> 24);
    ip[1] = (uint8_t)(last >> 16);
    ip[2] = (uint8_t)(last >> 8);
    ip[3] = (uint8_t)last;
    return client;
}
