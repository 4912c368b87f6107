/*
 * program.h - classic BPF programs, instruction by instruction (McCanne and Jacobson 1993).
 *
 * Jumps go forward only, and conditional ones 255 instructions at most: so a condition here jumps
 * over one instruction, which returns, or jumps as far as need be. A label is a chain of jumps that
 * wait for their target; each holds the index of the one before it.
 */
#ifndef TOA_PROGRAM_H
#define TOA_PROGRAM_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct toa_program {
    struct bpf_insn *at;
    size_t n;
    size_t max;
    uint32_t pass; /* what a frame that passes returns */
    bool full;     /* an instruction did not fit */
} toa_program;

typedef struct toa_label {
    size_t last; /* index of the last waiting jump, plus 1; 0: none */
} toa_label;

/* Conditions on the accumulator. */
typedef enum toa_program_test {
    TOA_IF_EQUAL = BPF_JEQ,
    TOA_IF_ABOVE = BPF_JGT,
    TOA_IF_AT_LEAST = BPF_JGE,
    TOA_IF_ANY_BIT = BPF_JSET
} toa_program_test;

static inline void toa_emit_jump(toa_program *p, unsigned code, uint32_t k, uint8_t yes, uint8_t no)
{
    if (p->n == p->max) {
        p->full = true;
        return;
    }
    p->at[p->n++] = (struct bpf_insn){.code = (uint16_t)code, .jt = yes, .jf = no, .k = k};
}

static inline void toa_emit(toa_program *p, unsigned code, uint32_t k)
{
    toa_emit_jump(p, code, k, 0, 0);
}

/* Loads relative to the index register: a byte, two, four. */
static inline void toa_emit_load8(toa_program *p, uint32_t offset)
{
    toa_emit(p, BPF_LD | BPF_B | BPF_IND, offset);
}

static inline void toa_emit_load16(toa_program *p, uint32_t offset)
{
    toa_emit(p, BPF_LD | BPF_H | BPF_IND, offset);
}

static inline void toa_emit_load32(toa_program *p, uint32_t offset)
{
    toa_emit(p, BPF_LD | BPF_W | BPF_IND, offset);
}

static inline void toa_emit_pass(toa_program *p)
{
    toa_emit(p, BPF_RET | BPF_K, p->pass);
}

static inline void toa_emit_drop(toa_program *p)
{
    toa_emit(p, BPF_RET | BPF_K, 0);
}

static inline void toa_emit_goto(toa_program *p, toa_label *to)
{
    toa_emit(p, BPF_JMP | BPF_JA, (uint32_t)to->last);
    to->last = p->n;
}

/* If it holds, the next instruction, else the one behind. */
static inline void toa_emit_if(toa_program *p, toa_program_test condition, uint32_t k)
{
    toa_emit_jump(p, BPF_JMP | BPF_K | (unsigned)condition, k, 0, 1);
}

static inline void toa_emit_unless(toa_program *p, toa_program_test condition, uint32_t k)
{
    toa_emit_jump(p, BPF_JMP | BPF_K | (unsigned)condition, k, 1, 0);
}

static inline void toa_emit_goto_if(toa_program *p, toa_program_test condition, uint32_t k,
                                    toa_label *to)
{
    toa_emit_if(p, condition, k);
    toa_emit_goto(p, to);
}

/* The jumps that wait for this label come here. */
static inline void toa_label_here(toa_program *p, toa_label *label)
{
    size_t waiting = p->full ? 0 : label->last;
    while (waiting != 0) {
        size_t before = p->at[waiting - 1].k;
        p->at[waiting - 1].k = (uint32_t)(p->n - waiting);
        waiting = before;
    }
    label->last = 0;
}

#endif
