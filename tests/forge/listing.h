/* SPDX-License-Identifier: MIT */
/*
 * Published listings as input: what a debugger printed is what the forged dump must print again.
 *
 * Web pages lose blanks, wrap lines, add comments and turn quotes and dashes; the parsers forgive
 * what can be told apart, and name the line (from 1) and the reason when it cannot.
 */
#ifndef STOPCODE_TESTS_FORGE_LISTING_H
#define STOPCODE_TESTS_FORGE_LISTING_H

#include "forge/image.h"

enum { FORGE_WHY = 200, FORGE_NAME = 256 };

/* A line of `k`, `kn`, `kv`, `kb`, or a bare "module!name+0x12" of a stack without columns. */
struct forge_frame {
    unsigned line; /* of the text */
    bool has_sp, has_ret, inlined;
    uint64_t sp;  /* Child-SP, ChildEBP */
    uint64_t ret; /* RetAddr */
    uint64_t arg[4];
    unsigned nargs;
    char module[64];       /* "nt"; "" when only an address stands there */
    char name[FORGE_NAME]; /* "KeBugCheckEx"; "" for module+offset or an address */
    uint64_t disp;         /* 0xffffffff`fffe3ae9 wraps; the address itself without a module */
    uint64_t trap;         /* "(TrapFrame @ …)", 0 none */
    char file[FORGE_NAME]; /* "[d:\x.c @ 12]", "" none */
    unsigned file_line;
    bool warned; /* "WARNING: Stack unwind information…" stood before it */
};
struct forge_frames {
    struct forge_frame *item;
    size_t count, room;
    bool is32; /* ChildEBP */
};
/* A header line ("Child-SP RetAddr Call Site", "# ChildEBP …") is passed over; so are comments. */
bool forge_frames_parse(const char *text, struct forge_frames *ret, char *why);
void forge_frames_free(struct forge_frames *frames);

/* Memory as `dps dqs dds dq dd dc db da du` or `u ub uf` show it. */
struct forge_span {
    unsigned line;
    uint64_t addr;
    uint8_t byte[64];
    size_t size;
    char symbol[FORGE_NAME]; /* u: the label line before it; dps: the name of the value */
    bool code;
};
struct forge_spans {
    struct forge_span *item;
    size_t count, room;
};
/* COMMAND: "dps", "dq", "u", …: how the lines are to be read. PTR_SIZE 4 or 8. */
bool forge_spans_parse(const char *command, unsigned ptr_size, const char *text,
                       struct forge_spans *ret, char *why);
void forge_spans_free(struct forge_spans *spans);

/* ---- a stack made to fit ---- */

/* Where things are: the caller of the fit knows the modules and symbols. */
struct forge_where {
    void *ctx;
    /* The address of "module!name" (name "" = the module's base); false when not known yet. */
    bool (*address)(void *ctx, const char *module, const char *name, uint64_t *ret);
};

/* A function as the fit wants it. */
struct forge_fit_function {
    char module[64], name[FORGE_NAME];
    uint64_t begin, end; /* a block around the frame's ip, in addresses */
    struct forge_unwind_code code[FORGE_UW_CODES];
    size_t ncodes;
    uint8_t prolog;
    bool leaf;                           /* x64: no RUNTIME_FUNCTION: [rsp] is the return address */
    bool uses_ebp;                       /* x86: push ebp; mov ebp, esp: no FPO data */
    uint32_t locals, params, saved_regs; /* x86: FPO_DATA, bytes */
    size_t frame;                        /* the first frame that it is of */
};
struct forge_poke {
    uint64_t addr, value;
    unsigned width;
};
struct forge_fit {
    struct forge_fit_function *function;
    size_t nfunctions, function_room;
    struct forge_poke *poke; /* the stack's contents: return addresses, saved registers, frames */
    size_t npokes, poke_room;
    uint64_t *ip;       /* of each frame */
    uint64_t sp, fp;    /* registers of the innermost frame (x86: esp, ebp) */
    uint64_t low, high; /* the stacks' extent around the pokes */
};
/*
 * x64: functions whose unwind codes reproduce every Child-SP and RetAddr, machine frames where the
 * stack pointer jumps or "(TrapFrame @" stands. x86: EBP chains where ChildEBP is the saved EBP,
 * FPO data where it is not. A frame whose RetAddr is not the next one's ip is an error naming the
 * line; of two frames of one function that need different sizes, each gets its own block (chained
 * to the first).
 */
bool forge_fit_x64(const struct forge_frames *frames, const struct forge_where *where,
                   struct forge_fit *ret, char *why);
bool forge_fit_x86(const struct forge_frames *frames, const struct forge_where *where,
                   struct forge_fit *ret, char *why);
void forge_fit_free(struct forge_fit *fit);

#endif
