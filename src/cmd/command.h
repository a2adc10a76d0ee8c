/* SPDX-License-Identifier: MIT */
/*
 * Commands as const rows beside their functions.
 *
 * The dispatcher (dispatch.c) finds the row, parses the arguments by the row's grammar, evaluates
 * address operands, checks what the row needs, and only then calls run(). Help, completion and the
 * manual come from the row; the sample in it runs as a test.
 *
 * A family of commands is one file with a table; families.c lists the tables explicitly.
 */
#ifndef STOPCODE_CMD_COMMAND_H
#define STOPCODE_CMD_COMMAND_H

#include "base/arena.h"
#include "stopcode/layout.h"
#include "stopcode/session.h"

enum sc_arg_kind {
    SC_ARG_END,
    /*
     * Option letters, attached to the command's name ("lmvm nt") or as words of their own
     * ("lm v m nt", "lm a addr"). `spec` lists them; a letter followed by ':' takes the next word
     * as its value, by '@' an expression. An option of several characters stands in parentheses
     * and is known by its first: "ovt(1m)(sm)a@m:M:". See sc_letter(), sc_letter_text(),
     * sc_letter_num(). A spec that starts with '=' allows them behind the name only (`kb`, since
     * the b of `k b` is a number).
     */
    SC_ARG_LETTERS,
    SC_ARG_OPTION,      /* `-x` or `/x`: `spec` is its name without the dash; takes nothing */
    SC_ARG_OPTION_WORD, /* `-x word` */
    SC_ARG_OPTION_EXPR, /* `-x expression` */
    SC_ARG_EXPR,        /* an address or number: a MASM expression up to the next blank outside
                           parentheses and quotes; blanks around an operator do not end it */
    SC_ARG_RANGE, /* `addr`, `addr L count`, `addr L-count`, `addr end`: num, end, count, back;
                     `L count` alone: `text` is NULL, the address is the command's own */
    SC_ARG_WORD,  /* one blank-separated or quoted word */
    SC_ARG_WORDS, /* all remaining words */
    SC_ARG_REST,  /* the rest of the command as it stands (quotes kept), up to ';' */
    SC_ARG_CXX,   /* the same as one C++ expression, which run() evaluates: errors point into it */
    SC_ARG_LINE,  /* the rest of the line, ';' included (comments, .echo's like) */
};

#define SC_ARGS_MAX 24

/* A row of a command's grammar; ended by SC_ARG_END. Options first, then operands in order. */
struct sc_arg {
    enum sc_arg_kind kind;
    const char *name; /* as help shows it: "address" */
    const char *spec; /* see the kinds */
    bool optional;
    const char *about; /* one phrase for help */
};

/* A parsed argument, at the index of its row. */
struct sc_val {
    bool given;
    uint64_t num;      /* EXPR, OPTION_EXPR: the value; RANGE: the start */
    uint64_t end;      /* RANGE: first address behind it, 0 = "to the default length" */
    uint64_t count;    /* RANGE: the number behind L, else 0 */
    bool back;         /* RANGE: `L-count`: the elements before `num` */
    const char *text;  /* WORD, REST, LINE, OPTION_WORD; EXPR: the text of the expression */
    const char **word; /* WORDS */
    size_t nwords;
};

struct sc_args {
    const char *command; /* the command as typed, without arguments: "lmvm" */
    const char *text;    /* the same with its arguments: "lmvm nt" */
    struct sc_val v[SC_ARGS_MAX];
    struct {
        char letter;
        const char *text;
        uint64_t num;
    } letter[32];
    size_t nletters;
    sc_arena *arena; /* lives as long as the command runs */
};

/* What a command needs; checked before run(), with a message that says what to do instead. */
enum {
    SC_NEED_TARGET = 1,
    SC_NEED_KERNEL = 2,
    SC_NEED_USER = 4,
    SC_NEED_WINDOWS = 8,
    SC_NEED_PROCESS = 16, /* memory of processes: a user dump, or whole memory */
};

struct sc_command {
    const char *name;    /* "lm", ".exr", "!error" */
    const char *aliases; /* other names, separated by blanks; NULL none */
    const char *brief;   /* one line, no full stop */
    unsigned needs;      /* SC_NEED_… */
    const char *instead; /* what to use on a target that lacks what it needs; NULL: nothing */
    bool touch;          /* an operand may stand directly behind the name: `?5+5`, `~0s`, `r@rax` */
    const struct sc_arg *args; /* NULL: takes none */
    /* Does it take the whole line, ';' included, with these operands? NULL: as its grammar says. */
    bool (*takes_line)(const char *operands);
    /* Where it ends, from its operands on, if not at the next ';' (see script.h); NULL: there. */
    const char *(*end)(const char *operands);
    const char *help;   /* paragraphs for `help NAME`; NULL: the brief is enough */
    const char *sample; /* works on any target it accepts that holds what it shows; run as a test */
    sc_err *(*run)(sc_session *session, const struct sc_args *args);
};

/* Was option LETTER given? Its word or expression's text; its expression's value. */
bool sc_letter(const struct sc_args *args, char letter);
const char *sc_letter_text(const struct sc_args *args, char letter);
uint64_t sc_letter_num(const struct sc_args *args, char letter);

/* A family: what `help` calls it, and its table, which ends with a row whose name is NULL. */
struct sc_family {
    const char *title;
    const struct sc_command *commands;
};
/* The families, explicitly (families.c); ended by a NULL title. */
extern const struct sc_family sc_families[];
extern const struct sc_command sc_analyze_commands[];   /* analyze.c */
extern const struct sc_command sc_shell_commands[];     /* shell.c */
extern const struct sc_command sc_register_commands[];  /* registers.c */
extern const struct sc_command sc_thread_commands[];    /* threads.c */
extern const struct sc_command sc_event_commands[];     /* events.c */
extern const struct sc_command sc_module_commands[];    /* lm.c */
extern const struct sc_command sc_image_commands[];     /* dh.c */
extern const struct sc_command sc_info_commands[];      /* info.c */
extern const struct sc_command sc_dump_commands[];      /* dumpdebug.c */
extern const struct sc_command sc_dumpfile_commands[];  /* dumpfile.c */
extern const struct sc_command sc_secondary_commands[]; /* enumtag.c */
extern const struct sc_command sc_handle_commands[];    /* handles.c */
extern const struct sc_command sc_address_commands[];   /* address.c */
extern const struct sc_command sc_analyze_commands[];   /* analyze.c */
extern const struct sc_command sc_memory_commands[];    /* display.c */
extern const struct sc_command sc_search_commands[];    /* search.c */
extern const struct sc_command sc_write_commands[];     /* memfile.c */
extern const struct sc_command sc_process_commands[];   /* teb.c */
extern const struct sc_command sc_chkimg_commands[];    /* chkimg.c */
extern const struct sc_command sc_alias_commands[];     /* aliascmd.c */
extern const struct sc_command sc_script_commands[];    /* control.c */
extern const struct sc_command sc_code_commands[];      /* disasm.c */
extern const struct sc_command sc_symbol_commands[];    /* x.c */
extern const struct sc_command sc_type_commands[];      /* dt.c */
extern const struct sc_command sc_sympath_commands[];   /* sympath.c */
extern const struct sc_command sc_reload_commands[];    /* reload.c */
extern const struct sc_command sc_lmi_commands[];       /* lmi.c */
extern const struct sc_command sc_function_commands[];  /* fnent.c */
extern const struct sc_command sc_line_commands[];      /* lines.c */
extern const struct sc_command sc_source_commands[];    /* ls.c */
extern const struct sc_command sc_kthread_commands[];   /* kthread.c */
extern const struct sc_command sc_kprocess_commands[];  /* kprocess.c */
extern const struct sc_command sc_pcr_commands[];       /* pcr.c */
extern const struct sc_command sc_ipi_commands[];       /* ipi.c */
extern const struct sc_command sc_running_commands[];   /* running.c */
extern const struct sc_command sc_dpcs_commands[];      /* dpcs.c */
extern const struct sc_command sc_watchdog_commands[];  /* watchdog.c */
extern const struct sc_command sc_timer_commands[];     /* timer.c */
extern const struct sc_command sc_exqueue_commands[];   /* exqueue.c */
extern const struct sc_command sc_apc_commands[];       /* apc.c */
extern const struct sc_command sc_kobject_commands[];   /* kobject.c */
extern const struct sc_command sc_security_commands[];  /* ksd.c */
extern const struct sc_command sc_token_commands[];     /* ktoken.c */
extern const struct sc_command sc_session_commands[];   /* ksession.c */
extern const struct sc_command sc_job_commands[];       /* kjob.c */
extern const struct sc_command sc_cpuinfo_commands[];   /* cpuinfo.c */
extern const struct sc_command sc_qlocks_commands[];    /* qlocks.c */
extern const struct sc_command sc_sysinfo_commands[];   /* sysinfo.c */
extern const struct sc_command sc_idt_commands[];       /* idt.c */
extern const struct sc_command sc_bugdump_commands[];   /* bugdump.c */
extern const struct sc_command sc_implicit_commands[];  /* implicit.c */
extern const struct sc_command sc_poolused_commands[];  /* poolused.c */
extern const struct sc_command sc_vm_commands[];        /* vm.c */
extern const struct sc_command sc_pool_commands[];      /* pool.c */
extern const struct sc_command sc_poolfind_commands[];  /* poolfind.c */
extern const struct sc_command sc_frag_commands[];      /* frag.c */
extern const struct sc_command sc_lookaside_commands[]; /* lookaside.c */
extern const struct sc_command sc_sysptes_commands[];   /* sysptes.c */
extern const struct sc_command sc_filecache_commands[]; /* filecache.c */
extern const struct sc_command sc_stack_commands[];     /* stack.c */
extern const struct sc_command sc_frame_commands[];     /* frame.c */
extern const struct sc_command sc_local_commands[];     /* dv.c */
extern const struct sc_command sc_cxx_commands[];       /* cxx.c */
extern const struct sc_command sc_trap_commands[];      /* trap.c */
extern const struct sc_command sc_findstack_commands[]; /* findstack.c */
extern const struct sc_command sc_stacks_commands[];    /* stacks.c */
extern const struct sc_command sc_wow64_commands[];     /* wow64.c */
extern const struct sc_command sc_wow64info_commands[]; /* wow64info.c */
extern const struct sc_command sc_errrec_commands[];    /* errrec.c */
extern const struct sc_command sc_vad_commands[];       /* vad.c */
extern const struct sc_command sc_pte_commands[];       /* pte.c */
extern const struct sc_command sc_vtop_commands[];      /* vtop.c */
extern const struct sc_command sc_ptov_commands[];      /* ptov.c */
extern const struct sc_command sc_physical_commands[];  /* physical.c */
extern const struct sc_command sc_physfind_commands[];  /* physfind.c */
extern const struct sc_command sc_pfn_commands[];       /* pfn.c */
extern const struct sc_command sc_memusage_commands[];  /* memusage.c */

/* What a command may use of its session. */
sc_target *sc_session_target(const sc_session *session); /* NULL without one */
sc_out *sc_session_out(const sc_session *session);
unsigned sc_session_ptr_size(const sc_session *session); /* 8 without a target */
/* Index of the current processor or thread, and changing it (`~1s`): resets the context. */
uint32_t sc_session_current(const sc_session *session);
sc_err *sc_session_set_current(sc_session *session, uint32_t index);
/*
 * The registers that `r` shows: set by .cxr, .ecxr, .trap, .frame /c or ~Ns, else those of the
 * current processor or thread. SC_ERR_NOT_FOUND when the dump holds none.
 */
sc_err *sc_session_regs(sc_session *session, struct sc_regs *ret_regs);
/* NULL: reset. The frame that was chosen is reset with them: see stack.h. */
void sc_session_set_regs(sc_session *session, const struct sc_regs *regs);
/* True when a .cxr / .ecxr / .trap / .frame /c context is in force. */
bool sc_session_has_context(const sc_session *session);
/* Seconds east of UTC in which times are shown: SC_TZ_LOCAL unless `.tz` was given. */
long sc_session_tz(const sc_session *session);
void sc_session_set_tz(sc_session *session, long offset);
unsigned sc_session_radix(const sc_session *session);
void sc_session_set_radix(sc_session *session, unsigned radix);
void sc_session_quit(sc_session *session);
/*
 * Parses the range (`addr`, `addr L5`, `addr end`) at *TEXT, as an SC_ARG_RANGE operand of COMMAND,
 * and moves *TEXT behind it.
 */
sc_err *sc_session_range(sc_session *session, const char *command, sc_arena *arena,
                         const char **text, struct sc_val *ret);
/* Evaluates an expression in the session (registers, modules, memory, radix): MASM or C++. */
sc_err *sc_session_eval(sc_session *session, const char *text, uint64_t *ret_value);
/* The same for the expression at the start of TEXT; *RET_END is behind it. */
sc_err *sc_session_eval_prefix(sc_session *session, const char *text, uint64_t *ret_value,
                               const char **ret_end);
/* `.expr /s c++`: are expressions C++ where nothing else is said? */
bool sc_session_cxx(const sc_session *session);
/* Does NAME ("$t0", with or without '@') name a pseudo-register, whether it has a value or not? */
bool sc_session_is_pseudo(const char *name);
/* Its value; SC_ERR_NOT_FOUND with the reason when it has none here or does not exist. */
sc_err *sc_session_pseudo_get(sc_session *session, const char *name, uint64_t *ret_value);
/* Sets $t0 … $t19; SC_ERR_ARG for any other. */
sc_err *sc_session_pseudo_set(sc_session *session, const char *name, uint64_t value);
/* `.`: the address behind the last d or u command; false before the first one. */
bool sc_session_dot(const sc_session *session, uint64_t *ret_addr);
void sc_session_set_dot(sc_session *session, uint64_t addr);
/* Where `u` goes on without an address: false, at the instruction pointer. Contexts reset it. */
bool sc_session_unasm(const sc_session *session, uint64_t *ret_addr);
void sc_session_set_unasm(sc_session *session, uint64_t addr);
/* `.enrich`: may lines carry in brackets what we know better than WinDbg? On at first. */
bool sc_session_enrich(const sc_session *session);
void sc_session_set_enrich(sc_session *session, bool on);
/*
 * `module!name+0xoffset`, `module+0xoffset`, `module`, `<Unloaded_name>+0xoffset` or NULL; in the
 * arena. Loads the symbols of the module that ADDR lies in.
 */
const char *sc_session_near(sc_session *session, uint64_t addr, sc_arena *arena);
/*
 * The symbols of the session's target, made when first asked for, with the paths of -y and -i, else
 * the environment's. NULL without a target, and when they cannot be made (sc_session_symbols() says
 * why). Owned by the session.
 */
sc_symtab *sc_session_symtab(sc_session *session);
/* The same for commands that cannot do without. */
sc_err *sc_session_symbols(sc_session *session, sc_symtab **ret_symtab);
/* The symbols if they have been made; NULL otherwise. For what must not cost anything. */
sc_symtab *sc_session_symtab_peek(const sc_session *session);
/* The layouts of the target's structures, bound at first use. */
sc_err *sc_session_layouts(sc_session *session, sc_layout_book **ret_book);
/* `.lines`: are source lines shown? */
bool sc_session_lines(const sc_session *session);
/* Ends loops after COUNT turns for each line that is typed; 0: only Ctrl-C does. For fuzzers. */
void sc_session_limit_turns(sc_session *session, uint64_t count);
/* Runs command text inside a command (.printf-like and scripts); returns how many failed. */
unsigned sc_session_run_nested(sc_session *session, const char *line);
/* Finds a row by exact name or alias (any case, unless case tells two apart); NULL. */
const struct sc_command *sc_command_find(const char *name);
/* Prints the lines about the machine and its times that `vertarget` shows (info.c). */
void sc_print_vertarget(sc_session *session);

#endif
