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
/*
 * A header line ("Child-SP RetAddr Call Site", "# ChildEBP …") is passed over, with all that stands
 * before it (the rest of `!thread`, a prompt); so are comments behind a blank and `//` or `<-`. A
 * line of dots or "<snip>" ends the listing. Names are as the symbols have them: " ?? ::FNODOBFM::
 * `string'" begins with a blank.
 */
bool forge_frames_parse(const char *text, struct forge_frames *ret, char *why);
void forge_frames_free(struct forge_frames *frames);

/*
 * Memory as `dps dqs dds dp dq dd dw dc db da du` or `u ub uu uf` show it. What is shown as ???? is
 * left out: a line may give several spans, or none. Behind the strings of da and du stands their
 * NUL, a span of its own. Code has the bytes in the order of the listing (of ARM64 each instruction
 * is shown as a number: to be turned around).
 */
struct forge_span {
    unsigned line;
    uint64_t addr;
    uint8_t byte[64];
    size_t size;
    /* u: the label line right before it ("nt!KiIpiSendRequest+0x2eb"), "" without one; dps: the
     * name of the value. */
    char symbol[FORGE_NAME];
    bool code;
};
struct forge_spans {
    struct forge_span *item;
    size_t count, room;
};
/* COMMAND: "dps", "dq", "u nt!X l3", …: how the lines are to be read. PTR_SIZE 4 or 8. */
bool forge_spans_parse(const char *command, unsigned ptr_size, const char *text,
                       struct forge_spans *ret, char *why);
void forge_spans_free(struct forge_spans *spans);

/* ---- a stack made to fit ---- */

/* Where things are: the caller of the fit knows the modules and symbols. */
struct forge_where {
    void *ctx;
    /* The address of "module!name" (name "" = the module's base); false when not known yet. */
    bool (*address)(void *ctx, const char *module, const char *name, uint64_t *ret);
    /* Where the kernel's frames of a stack without columns begin, downwards; 0: anywhere. */
    uint64_t top;
};

enum { FORGE_FPO_PLAIN = 0, FORGE_FPO_TRAP = 1 }; /* kinds of FPO_DATA */

/* A function as the fit wants it. */
struct forge_fit_function {
    char module[64], name[FORGE_NAME];
    uint64_t begin, end; /* a block around the frame's ip, in addresses */
    struct forge_unwind_code code[FORGE_UW_CODES];
    size_t ncodes;
    uint8_t prolog;
    uint8_t frame_register, frame_offset; /* x64, with FORGE_UW_SET_FPREG */
    bool uses_ebp;                        /* x86: push ebp; mov ebp, esp: no FPO data */
    uint8_t kind; /* x86: of the FPO data: FORGE_FPO_TRAP: ebp = KTRAP_FRAME */
    uint32_t locals, params, saved_regs; /* x86: FPO_DATA, bytes */
    bool saves_ebp;                      /* x86: FPO data says that ebp is among these */
    size_t frame;                        /* the first frame that it is of */
};
struct forge_poke {
    uint64_t addr, value;
    unsigned width;
    bool filled; /* invented: it gives way to whatever is known of the place */
};
/*
 * Where the prolog of FRAME, or the processor's trap, saved its caller's REG (numbered as in unwind
 * codes). Volatile registers are saved by traps only, for the frame right behind it.
 */
struct forge_fit_saved {
    size_t frame;
    uint8_t reg;
    uint64_t addr;
};
struct forge_fit {
    struct forge_fit_function *function;
    size_t nfunctions, function_room;
    /* The stacks' contents, in ascending order: return addresses, arguments, saved registers, trap
     * frames. No two overlap. */
    struct forge_poke *poke;
    size_t npokes, poke_room;
    struct forge_fit_saved *saved;
    size_t nsaved, saved_room;
    uint64_t *ip; /* of each frame; an inlined one has that of the frame it is in */
    size_t nips;
    uint64_t sp, fp;    /* registers of the innermost frame: rsp, rbp (0: any); esp, ebp */
    uint64_t low, high; /* the pokes of the stack that the innermost frame stands on, and SP */
};
/*
 * x64: functions whose unwind codes reproduce every Child-SP and RetAddr, machine frames where the
 * stack pointer jumps, behind nt's trap handlers, or where "(TrapFrame @" stands. x86: EBP chains
 * where ChildEBP is the saved EBP, FPO data where it is not. A listing that ends in a RetAddr gets
 * a frame behind it that is the outermost one. A stack without columns gets plausible ones.
 *
 * A frame whose RetAddr is not the next one's ip is an error naming the line. So is what no unwind
 * data can say. Each instruction pointer gets a block of its own, of at most 16 bytes either way:
 * frames of one function may have different sizes. Frames of no module get no function.
 *
 * What is not known is filled in: saved registers and the rest of trap frames are plausible, and
 * give way to what the listing shows there.
 */
bool forge_fit_x64(const struct forge_frames *frames, const struct forge_where *where,
                   struct forge_fit *ret, char *why);
bool forge_fit_x86(const struct forge_frames *frames, const struct forge_where *where,
                   struct forge_fit *ret, char *why);
void forge_fit_free(struct forge_fit *fit);
/*
 * x64: where on the stack lies the value that REG has in FRAME, as `.frame /r` shows it? False: no
 * frame below it saved REG, so that it is still in the innermost frame's register.
 */
bool forge_fit_register(const struct forge_fit *fit, size_t frame, unsigned reg,
                        uint64_t *ret_addr);

#endif
