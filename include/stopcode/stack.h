/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Stacks: from a register context to the frames that led there, each with its registers and with
 * how it was found. A wrong frame is worse than a missing one: frames that were only guessed say
 * so.
 *
 *     sc_unwinder *u;
 *     err = sc_unwinder_create(target, symtab, &u);
 *     struct sc_stack stack;
 *     err = sc_stack_walk(u, &regs, NULL, &stack);
 *     for (size_t i = 0; i < stack.count; i++) … stack.frame[i] …
 *     sc_stack_deinit(&stack);
 *     sc_unwinder_destroy(u);
 *
 * A stack that cannot be followed further ends; that is no error. Errors are out of memory and a
 * cancelled walk.
 *
 * Threads: an unwinder belongs to its target's thread; a finished stack is plain data, whose
 * strings live as long as the symtab's (until a module is reloaded).
 */
#ifndef STOPCODE_STACK_H
#define STOPCODE_STACK_H

#include "symtab.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a frame (its instruction and stack pointer) was found. */
enum sc_frame_how {
    SC_FRAME_CONTEXT, /**< the registers that the walk began with: exact */
    SC_FRAME_UNWIND,  /**< unwind data of the image (.pdata, .xdata): exact */
    SC_FRAME_LEAF,  /**< the image has unwind data, and none for this function; x86: the code, just
                       entered or about to return, says it by itself: exact */
    SC_FRAME_CFI,   /**< a frame program of the symbols (FRAMEDATA, STACK WIN, STACK CFI): exact */
    SC_FRAME_FPO,   /**< FPO_DATA of the symbols: exact */
    SC_FRAME_TRAP,  /**< saved by the processor or a trap handler: exact */
    SC_FRAME_ENTRY, /**< at a function's first instruction: nothing is on the stack yet: exact */
    SC_FRAME_DISPATCH, /**< the system's own unwinder found it, for an exception: exact */
    SC_FRAME_SWITCH,   /**< saved by a context switch: exact */
    SC_FRAME_POINTER,  /**< the chain of frame pointers, checked */
    SC_FRAME_FITTED, /**< the frame's size is not known; the only value that fits what is: likely */
    SC_FRAME_SCAN,   /**< a return address that lay on the stack: may be wrong */
    SC_FRAME_INLINE, /**< inlined into the next frame, which has the same registers */
};
/** "context", "unwind", "leaf", "cfi", "fpo", "trap", "entry", "dispatch", "switch",
 * "frame pointer", "fitted", "scan", "inline". */
SC_API const char *sc_frame_how_name(enum sc_frame_how how);
/** False for what may be wrong: frame pointers, fitted and scanned frames. */
SC_API bool sc_frame_exact(enum sc_frame_how how);

/** Why a walk ended. */
enum sc_stack_end {
    SC_STACK_END_DONE,      /**< the outermost frame: no return address (zero) */
    SC_STACK_END_LIMIT,     /**< as many frames as were asked for */
    SC_STACK_END_MEMORY,    /**< `end_address` is not in the dump */
    SC_STACK_END_LOST,      /**< nothing says how to go on */
    SC_STACK_END_LOOP,      /**< the stack pointer did not move up where it must */
    SC_STACK_END_BAD,       /**< the image's unwind data is damaged there */
    SC_STACK_END_CANCELLED, /**< what was found until then is here */
};
/** A phrase for people: "the return address is not in the dump". */
SC_API const char *sc_stack_end_text(enum sc_stack_end end);

enum { SC_FRAME_PARAMS = 4 };

/** A frame. */
struct sc_frame {
    uint32_t number; /**< as `kn` shows it, from 0 */
    enum sc_frame_how how;
    uint8_t confidence; /**< percent: 100 for exact ones */
    bool suspect;       /**< an earlier frame was not exact: this one stands on it */
    /**
     * WinDbg's "WARNING: Stack unwind information not available. Following frames may be wrong."
     * stands in front of the first frame that has this: nothing told how to leave it.
     */
    bool warn;
    uint64_t ip;       /**< instruction: where it stopped, or the return address */
    uint64_t sp;       /**< Child-SP (x86: esp) */
    uint64_t base;     /**< x86: ChildEBP, as `k` shows it; others: the caller's sp, 0 unknown */
    uint64_t ret;      /**< RetAddr: `ip` of the caller, 0 at the end */
    uint64_t ret_slot; /**< where the return address was read; 0: from a register, or none */
    uint64_t trap;     /**< the trap or machine frame that the next frame came from, 0 none */
    /**
     * Args to Child: x86: the first dwords above the return address; x64: the home slots, which
     * hold what the function happened to save there. `nparams` of them could be read.
     */
    uint64_t param[SC_FRAME_PARAMS];
    uint8_t nparams;
    bool foreign;  /**< in a process that is not at hand: see struct sc_stack_opts */
    bool exact_ip; /**< `ip` is the instruction itself, no return address (frame 0, behind traps) */
    bool has_rule; /**< x86: `rule` is what the symbols say of the frame: for `kv` */
    struct sc_frame_rule rule;
    const struct sc_module *module; /**< that ip lies in; NULL none */
    /** For SC_FRAME_INLINE: what was inlined, and where the code at ip stands inside of it. */
    const char *inline_name, *inline_file;
    uint32_t inline_line;
    struct sc_regs regs; /**< as they were here; registers that are not known are marked: */
    uint64_t known;      /**< bit N: general register N of the CPU's own numbering is known */
};

struct sc_stack {
    struct sc_frame *frame; /**< innermost first */
    size_t count, room;
    enum sc_stack_end end;
    uint64_t end_address; /**< SC_STACK_END_MEMORY, _BAD: what could not be read; else 0 */
};

/** A range of addresses that is a stack: for checks, and for looking where nothing else helps. */
struct sc_stack_range {
    uint64_t start, end; /**< end: first address behind it */
};
enum { SC_STACK_RANGES = 8 };

/** How to walk. NULL means zeros; set `sz`. */
struct sc_stack_opts {
    size_t sz;
    uint32_t max_frames; /**< 0: 1024 */
    bool no_scan;        /**< end where only guessing helps */
    bool no_inlines;     /**< leave SC_FRAME_INLINE frames out */
    /** Known stacks of the thread, best first. None: the memory around the stack pointer. */
    struct sc_stack_range range[SC_STACK_RANGES];
    size_t nranges;
    bool switched;  /**< the registers come from sc_stack_of_switched() */
    uint64_t known; /**< bit N: general register N of REGS is known; 0: all are */
    /**
     * In the dump of a kernel: the thread is of a process whose memory and modules are not those at
     * hand. The walk ends with the first frame of user mode, which is `foreign`.
     */
    bool kernel_only;
};

typedef struct sc_unwinder sc_unwinder;

/** SYMTAB may be NULL: then only images in the target's memory help. Both must outlive it. */
SC_API sc_err *sc_unwinder_create(sc_target *target, sc_symtab *symtab, sc_unwinder **ret_unwinder);
SC_API void sc_unwinder_destroy(sc_unwinder *unwinder);
/** Forgets what it keeps of modules: after a reload, new paths, added modules. */
SC_API void sc_unwinder_forget(sc_unwinder *unwinder);
/** Forgets what it keeps of a process's modules: after sc_symtab_set_user_modules(). */
SC_API void sc_unwinder_forget_user(sc_unwinder *unwinder);

/** Walks from REGS on. *RET_STACK is ended with sc_stack_deinit(), and is complete on errors too.
 */
SC_API sc_err *sc_stack_walk(sc_unwinder *unwinder, const struct sc_regs *regs,
                             const struct sc_stack_opts *opts, struct sc_stack *ret_stack);
SC_API void sc_stack_deinit(struct sc_stack *stack);

/**
 * The registers of a kernel thread that waits: what its KTHREAD.KernelStack, an address, says of
 * where the context switch left it. *RET_KNOWN: bit N: general register N. *RET_FOUND false: there
 * is no switch frame there that the kernel's symbols confirm. For sc_stack_opts: switched, known.
 */
SC_API sc_err *sc_stack_of_switched(sc_unwinder *unwinder, uint64_t kernel_stack,
                                    struct sc_regs *ret_regs, uint64_t *ret_known, bool *ret_found);

/** A piece of code that has unwind data of its own. Addresses. */
struct sc_unwind_part {
    uint64_t start, end;
    uint64_t root; /**< start of the function that it belongs to: differs for split-off blocks */
};
/** The piece that ADDR lies in. *RET_FOUND false: a leaf function, or no unwind data at all. */
SC_API sc_err *sc_unwinder_part(sc_unwinder *unwinder, uint64_t addr,
                                struct sc_unwind_part *ret_part, bool *ret_found);

#ifdef __cplusplus
}
#endif
#endif
