/* SPDX-License-Identifier: MIT */
/*
 * Stacks in a session: the walk from the registers in force, the frame that was chosen, and frames
 * as records and lines. stack.c has the k commands, stack_row.c makes a frame's record,
 * stack_text.c its line, frame.c chooses frames, locals.c reads what a frame's variables hold.
 */
#ifndef STOPCODE_CMD_STACK_H
#define STOPCODE_CMD_STACK_H

#include "cmd/command.h"
#include "stopcode/stack.h"
#include "stopcode/value.h"

enum { SC_KFRAMES_DEFAULT = 256, SC_KFRAMES_MAX = 0xffff };

/*
 * What `r`, expressions and `dv` look at besides the current processor or thread. Whoever sets
 * registers or switches resets the rest of it. Plain data.
 */
struct sc_context {
    bool has_regs; /* .cxr, .ecxr, .trap, … */
    struct sc_regs regs;
    bool has_frame;        /* .frame /c: `frame` gives the registers, and is number 0 … */
    uint32_t first;        /* … and the stack begins at this frame of the walk */
    bool has_scope;        /* .frame: variables are those of `scope` */
    uint32_t number;       /* of `scope`, counted from `first` */
    uint32_t inline_depth; /* of `scope`, as in struct sc_local; 0: not inlined */
    struct sc_frame frame, scope;
    uint32_t epoch; /* frames name modules, which live until symbols are reloaded: then they go */
};

/* session.c */
const struct sc_context *sc_session_context(const sc_session *session);
/* Puts back what sc_session_context() gave. */
void sc_session_restore_context(sc_session *session, const struct sc_context *context);
/* Forgets the chosen frame; registers that .cxr and its like set stay. */
void sc_session_reset_scope(sc_session *session);
/* The registers that the walk begins with: those of sc_session_regs() without .frame /c. */
sc_err *sc_session_base_regs(sc_session *session, struct sc_regs *ret_regs);
uint32_t sc_session_kframes(const sc_session *session);
void sc_session_set_kframes(sc_session *session, uint32_t count);

/*
 * symbols.c: the unwinder of the target, made when first asked for. Owned by the session and
 * forgotten with the layouts.
 */
sc_err *sc_session_unwinder(sc_session *session, sc_unwinder **ret_unwinder);

/* The same for registers of CPU: those of 32 bits may be of a process of a 64-bit system. */
sc_err *sc_session_unwinder_of(sc_session *session, enum sc_cpu cpu, sc_unwinder **ret_unwinder);
/*
 * kstack.c: for a walk from REGS in the dump of a kernel: user mode is left out if the thread that
 * .thread set is of a process that is not at hand.
 */
sc_err *sc_session_thread_ranges(sc_session *session, const struct sc_regs *regs,
                                 struct sc_stack_opts *opts);

/* A walk, and where the stack that is shown begins in it (not 0 behind .frame /c). */
struct sc_walked {
    struct sc_stack stack;
    uint32_t first;
};
/*
 * stack.c: walks from the registers in force until COUNT frames can be shown. *RET is ended with
 * sc_stack_deinit(&ret->stack), also on errors. A walk that was cancelled is an error.
 */
sc_err *sc_session_walk(sc_session *session, uint32_t count, struct sc_walked *ret);
/* The same from REGS, which are a context of their own. */
sc_err *sc_walk_regs(sc_session *session, const struct sc_regs *regs, uint32_t count,
                     struct sc_walked *ret);

/* How a stack is shown: the letters behind `k`. */
struct sc_kform {
    bool args;          /* b, v: the columns of arguments */
    bool child;         /* the columns Child-SP and RetAddr; on x64 `kb` has RetAddr only */
    bool clean;         /* c */
    bool numbers;       /* n */
    bool memory;        /* f */
    bool no_lines;      /* L */
    bool notes;         /* v: (FPO: …), (TrapFrame @ …) */
    bool params;        /* p, P: parameters by name … */
    bool param_lines;   /* P: … each on its own line */
    bool decimal;       /* frame numbers as !findstack has them */
    const char *before; /* in front of each line; NULL nothing */
};

/* A parameter or local variable with what it holds: see locals.c. */
struct sc_local_row {
    const char *name, *type, *value;
    const char *kind;  /* "param", "local" */
    const char *where; /* "@rcx", "@ebp+0x08"; NULL: nowhere, or at an address alone */
    uint64_t address;  /* SC_UNSET64: not in memory */
    uint64_t size;
    bool available;
    const char *unknown; /* the register that the walk does not know in this frame; NULL */
    sc_symbols *symbols; /* whose type `type_id` is */
    uint32_t type_id;
    const uint8_t *bytes; /* `size` of them when it is available, but not in memory */
};
enum { SC_LOCAL_BYTES = 64 }; /* what registers may hold of a variable */
/*
 * locals.c: variables of FRAME that are visible there, in the arena; of its inlined call
 * INLINE_DEPTH (0: the function itself). *RET_PRIVATE: the symbols have locals at all.
 */
sc_err *sc_locals_read(sc_session *session, const struct sc_frame *frame, uint32_t inline_depth,
                       sc_arena *arena, struct sc_local_row **ret_rows, size_t *ret_count,
                       bool *ret_private);
/* The innermost one that is called NAME, without its value's text. */
sc_err *sc_local_find(sc_session *session, const struct sc_frame *frame, uint32_t inline_depth,
                      const char *name, sc_arena *arena, struct sc_local_row *ret_row,
                      bool *ret_found);
/* A value as `dv` shows it: as `dt` does, but for pointers, arrays and enumerations. */
sc_err *sc_declared_value(sc_session *session, const struct sc_value *value, sc_arena *arena,
                          const char **ret_text);
/* The frame's registers by name: is this one's value known? Parts are known with their whole. */
bool sc_frame_knows(const struct sc_frame *frame, const char *reg);
/* The general register NUMBER of a CPU; NULL: it has none. */
const char *sc_register_name(enum sc_cpu cpu, unsigned number);

/* A frame as a record. Strings lie in the arena or live as long as the symbols. */
struct sc_frame_rec {
    uint32_t number, confidence, line;
    const char *how, *module, *name, *symbol, *file;
    const char *belongs_to; /* the function that moved code belongs to; NULL */
    bool inlined, suspect, warning;
    uint64_t ip, sp, base, ret, trap, displacement;
    uint64_t memory; /* `kf`: bytes from the frame before; SC_UNSET64: the first, or inlined */
    const uint64_t *args;
    size_t nargs;
    const struct sc_local_row *params;
    size_t nparams;
    /* not in JSON: what the line is made of */
    const struct sc_frame *frame;
    uint64_t caller_fp; /* x86: the frame pointer of the next frame */
    bool has_params, exact, managed;
};
extern const struct sc_rectype sc_frame_rectype;

/* stack_row.c: the record of frame INDEX of the stack. */
sc_err *sc_frame_row(sc_session *session, const struct sc_stack *stack, size_t index,
                     const struct sc_kform *form, sc_arena *arena, struct sc_frame_rec *ret);
/* Child-SP; x86: ChildEBP, where nothing tells it what the register has. */
uint64_t sc_frame_child(const struct sc_frame *frame);
/* The inlined call that frame INDEX is, as struct sc_local counts; 0: none. */
uint32_t sc_frame_inline_depth(const struct sc_stack *stack, size_t index);
/* "module!name" and "+0x12" of an address as stacks show it, in the arena. */
sc_err *sc_place_text(sc_session *session, uint64_t addr, bool clean, sc_arena *arena,
                      const char **ret_text);

/* stack_text.c: lines. */
struct sc_kstyle {
    const struct sc_kform *form;
    enum sc_cpu cpu;
    unsigned ptr_size;
    bool enrich;
    const char *before; /* in front of the line; NULL nothing */
};
/* The heading. */
void sc_stack_head(sc_out *out, const struct sc_kstyle *style);
/* The line of a struct sc_frame_rec; CTX is the style. */
void sc_frame_text(sc_out *out, const void *record, void *ctx);
/* As wide as the frames of STACK are. */
struct sc_kstyle sc_kstyle_of(sc_session *session, const struct sc_kform *form,
                              const struct sc_stack *stack);

/*
 * stack.c: the frames from `first` on and why they end; a warning stands where the first frame is
 * that nothing tells how to leave.
 */
sc_err *sc_show_frames(sc_session *session, const struct sc_walked *walked,
                       const struct sc_kform *form, sc_arena *arena);
/* The same with the heading. */
sc_err *sc_show_stack(sc_session *session, const struct sc_walked *walked,
                      const struct sc_kform *form, sc_arena *arena);

/* Why the stack ends, behind its last frame: a record, and a line unless it is whole. */
void sc_show_stack_end(sc_session *session, const struct sc_stack *stack,
                       const struct sc_kstyle *style);

/*
 * Registers made by hand of the numbers at TEXT, which stood behind an equals sign, and of those
 * in force. *RET_COUNT is set when a number for it is there.
 */
sc_err *sc_manual_regs(sc_session *session, const char *text, struct sc_regs *ret_regs,
                       uint64_t *ret_count);

/*
 * frame.c: the frame whose variables are looked at, with its inlined call: that of .frame, else the
 * innermost.
 */
sc_err *sc_session_scope(sc_session *session, struct sc_frame *ret_frame,
                         uint32_t *ret_inline_depth);

#endif
