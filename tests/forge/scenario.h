/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: a case as text, and the dump, images and symbol files that are made from it. The
 * language is described in docs/forge.md.
 *
 *     struct forge_output out;
 *     char why[FORGE_WHY_MAX];
 *     if (!forge_scenario_build("case.scenario", text, &out, why)) puts(why);
 *     … out.dump, out.file[i] …
 *     forge_output_free(&out);
 *
 * Parsing and building are apart: forge_scenario_parse() says what a text means without making
 * anything, and knows no addresses of symbols yet. Messages are "NAME:LINE: what is wrong".
 */
#ifndef STOPCODE_TESTS_FORGE_SCENARIO_H
#define STOPCODE_TESTS_FORGE_SCENARIO_H

#include "forge/expand.h"
#include "forge/pagetab.h"
#include "forge/section.h"
#include "forge/symfile.h"
#include "forge/wholes.h"
#include "forge/words.h"

enum { FORGE_WHY_MAX = 600, FORGE_PARAMS_MAX = 15 };

/* An address or value that may name symbols: evaluated when all of them are known. */
struct forge_expr {
    const char *text; /* NULL: not given */
};
/* The text between a directive and its `end`; LINE is that of its first line. */
struct forge_listing_text {
    unsigned line;
    const char *text;
};
/* member=value, as written. */
struct forge_assign {
    unsigned line;
    struct forge_word word;
};
struct forge_assigns {
    struct forge_assign *item;
    size_t count, room;
};

enum forge_module_symbols {
    FORGE_SYMBOLS_PUBLIC, /* a PDB with publics */
    FORGE_SYMBOLS_PRIVATE,
    FORGE_SYMBOLS_EXPORTS, /* no PDB; names are exports of the image */
    FORGE_SYMBOLS_NONE,
};
struct forge_scn_module {
    unsigned line;
    uint64_t process; /* `in process`; 0: everybody's */
    const char *name;
    uint64_t start, end;
    const char *image, *path, *company, *product, *description;
    bool has_stamp, has_checksum, has_version, has_guid, in_memory, no_image;
    uint32_t stamp, checksum;
    uint16_t version[4];
    const char *pdb;
    uint8_t guid[16];
    uint32_t age;
    enum forge_module_symbols symbols;
};
struct forge_scn_unloaded {
    unsigned line;
    const char *name;
    uint64_t start, end;
};
struct forge_scn_symbol {
    unsigned line;
    const char *module, *name;
    struct forge_expr address;
    uint32_t size;
    bool has_kind;
    enum forge_symbol_kind kind;
    const char *type;
    bool unplaced;          /* the image has no place for it: the address is the linker's */
    struct forge_expr home; /* where the linker had it, if it was moved */
};
/* `moved`: code that lies at ADDRESS, and that the linker had at NAME+DISP. */
struct forge_scn_moved {
    unsigned line;
    const char *module, *name;
    uint64_t disp;
    struct forge_expr address;
};
struct forge_scn_process {
    unsigned line;
    const char *name;
    uint64_t address, pid;
    struct forge_assigns member;
};
struct forge_scn_thread {
    unsigned line;
    uint64_t address, pid, tid, process, teb;
    bool has_cid, has_process, has_stack, has_init, has_current;
    uint64_t stack_base, stack_limit, stack_init, stack_current;
    struct forge_expr start;
    const char *name;
    struct forge_assigns member;
};
struct forge_scn_struct {
    unsigned line;
    uint64_t process; /* `in process`; 0: the current one */
    const char *type;
    struct forge_expr address;
    struct forge_assigns member;
};
/* Tables of the kernel: their rows are the block's lines. */
enum forge_table_kind {
    FORGE_TABLE_POOL_TAGS,
    FORGE_TABLE_POOL_PAGE,
    FORGE_TABLE_BIG_PAGES,
    FORGE_TABLE_SEG_HEAP
};
/* In the order of the kernel's array of heaps. */
enum forge_heap_region { FORGE_HEAP_NONPAGED, FORGE_HEAP_NONPAGED_NX, FORGE_HEAP_PAGED };
struct forge_scn_table {
    unsigned line, entries;
    uint32_t pages; /* of a pool page: so many alike, 0: one */
    enum forge_table_kind kind;
    enum forge_heap_region region; /* of a heap */
    struct {
        struct forge_expr *item;
        size_t count, room;
    } address;
    struct forge_listing_text listing;
};
/* `processor`: where a KPRCB is, and members of it. */
struct forge_scn_processor {
    unsigned line;
    uint64_t number, address;
    struct forge_assigns member;
};
enum forge_stack_of { FORGE_STACK_CURRENT, FORGE_STACK_USER, FORGE_STACK_THREAD };
struct forge_scn_stack {
    unsigned line;
    enum forge_stack_of of;
    uint64_t thread; /* FORGE_STACK_THREAD */
    struct forge_listing_text listing;
};
/* `memory` and `code`: a listing of COMMAND, or words of bytes and texts at an address. */
struct forge_scn_memory {
    unsigned line;
    uint64_t process;
    bool code;
    const char *command; /* "dq", "u", …; NULL: words */
    struct forge_listing_text listing;
    struct forge_expr address;
    struct forge_words words;
};
struct forge_scn_line {
    unsigned line;
    struct forge_expr address;
    const char *file;
    uint32_t number;
};
struct forge_scn_local {
    unsigned line;
    const char *module, *function;
    struct forge_local local;
};
/* A pasted `dt` listing. */
struct forge_scn_layout {
    unsigned line;
    const char *type;
    uint64_t size;
    bool is_union;
    struct forge_listing_text listing;
};
/* A pasted `.fnent` listing. */
struct forge_scn_fnent {
    unsigned line;
    const char *module;
    struct forge_listing_text listing;
};
struct forge_scn_register {
    unsigned line;
    const char *name;
    uint64_t value;
};
struct forge_scn_os {
    unsigned line, build, sp, revision, product; /* product: 1 workstation, 2 dc, 3 server */
    bool checked;
    const char *lab;
};
struct forge_scn_cpu {
    unsigned line, count, current, family, model, stepping, mhz;
    uint16_t machine; /* 0x14c, 0x8664, 0xaa64 */
    const char *vendor;
};
struct forge_scn_bugcheck {
    unsigned line;
    uint64_t code;
    size_t nargs;
    struct forge_expr arg[4];
};
struct forge_scn_exception {
    unsigned line;
    uint64_t code, flags;
    struct forge_expr address;
    size_t nparams;
    struct forge_expr param[FORGE_PARAMS_MAX];
};
enum forge_dump_kind {
    FORGE_DUMP_NONE,
    FORGE_DUMP_TRIAGE,
    FORGE_DUMP_MINIDUMP,
    FORGE_DUMP_WHOLE,
};

/* `pte`: how a page stands in its table, other than valid. */
enum forge_pte_how {
    FORGE_PTE_TRANSITION,
    FORGE_PTE_PAGEFILE,
    FORGE_PTE_PROTOTYPE, /* the prototype entry is `proto` */
    FORGE_PTE_VAD,       /* the same, found through the VAD */
    FORGE_PTE_SUBSECTION,
    FORGE_PTE_DEMAND_ZERO,
    FORGE_PTE_RAW,
    FORGE_PTE_VALID, /* of prototype entries */
};
struct forge_scn_pte {
    unsigned line;
    uint64_t process;
    struct forge_expr address;
    enum forge_pte_how how, proto;
    bool modified; /* transition: on the modified list, not on standby */
    unsigned file; /* page file */
    uint64_t page;
    struct forge_expr subsection;
    struct forge_expr file_of; /* the subsection of the file that the page is of */
    uint64_t raw;
    unsigned protection;
};
/* `trim`: a page table that is no valid page any more. */
struct forge_scn_trim {
    unsigned line;
    uint64_t process;
    struct forge_expr address;
    unsigned level; /* 0: the page table that its PTE is in */
    bool paged;     /* in a page file, else in transition */
    bool modified;
    unsigned file;
    uint64_t page;
};
struct forge_scn_vad {
    unsigned line;
    uint64_t process, start, end; /* END: the last byte */
    enum { FORGE_VAD_PRIVATE, FORGE_VAD_MAPPED, FORGE_VAD_IMAGE } kind;
    unsigned type; /* _MI_VAD_TYPE; 0: what KIND is */
    bool memcommit, nochange;
    unsigned protection;
    uint64_t commit;
    const char *file;
};
/* Optional headers of an object, the bits of InfoMask. */
enum {
    FORGE_INFO_CREATOR = 1,
    FORGE_INFO_NAME = 2,
    FORGE_INFO_HANDLE = 4,
    FORGE_INFO_QUOTA = 8,
    FORGE_INFO_PROCESS = 0x10
};
/* Addresses of the kernel that are mapped by large pages. */
struct forge_scn_large {
    unsigned line;
    uint64_t start, end;
};
/* What the object manager knows of an object, and a handle to one. */
struct forge_scn_object {
    unsigned line, drive;
    const char *type, *path, *target; /* PATH NULL: it has no name */
    uint64_t address;                 /* of its body */
    uint64_t pointers, handles;
    uint64_t descriptor, exclusive; /* 0: none */
    unsigned info;                  /* FORGE_INFO_HANDLE and on */
};
/* Who runs and who waits: `run`, `standby`, `ready`, `wait`. */
enum forge_turn { FORGE_TURN_RUN, FORGE_TURN_STANDBY, FORGE_TURN_READY, FORGE_TURN_WAIT };
struct forge_scn_turn {
    unsigned line;
    enum forge_turn turn;
    uint64_t thread;
    unsigned processor, priority;
    bool has_priority, shared; /* `shared`: in the queue of several processors */
    /* What it waits for, and how. */
    struct {
        struct forge_expr *item;
        size_t count, room;
    } object;
    bool user, alertable, all, has_timeout;
    unsigned reason;         /* KWAIT_REASON */
    unsigned suspended;      /* how often; 0: it is not */
    uint64_t timeout, since; /* 100 ns: from now on, until now */
};
/* `irp`: a request in the list of its thread. */
struct forge_scn_irp {
    unsigned line;
    uint64_t address, thread;
    struct forge_assigns member;
};
/* `segment`: a stack that the thread left for the one that its line describes. */
struct forge_scn_segment {
    unsigned line;
    uint64_t thread, base, limit, init, current;
};
/* What waits in a queue or is to be called: `dpc`, `timer`, `timer2`, `apc`, `workitem`, `worker`,
 * `interrupt`. */
enum forge_queued {
    FORGE_QUEUED_DPC,
    FORGE_QUEUED_TIMER,
    FORGE_QUEUED_TIMER2,
    FORGE_QUEUED_APC,
    FORGE_QUEUED_ITEM,
    FORGE_QUEUED_WORKER,
    FORGE_QUEUED_INTERRUPT,
};
enum forge_work_queue {
    FORGE_WORK_CRITICAL,
    FORGE_WORK_DELAYED,
    FORGE_WORK_HYPERCRITICAL,
    FORGE_WORK_IO, /* since 8.1 */
};
struct forge_scn_queued {
    unsigned line;
    enum forge_queued kind;
    uint64_t address;
    unsigned processor, list; /* LIST of a table of timers; of a tree: its number */
    bool on, has_list, threaded, user, saved, never, standard, synchronizes;
    uint64_t due, latest, period; /* 100 ns from now on; a `timer`'s period is in ms */
    bool has_latest;
    struct forge_expr dpc;
    uint64_t thread; /* of an APC */
    enum forge_work_queue queue;
    uint64_t queues; /* the `workqueues` line's address; 0: the first one's */
    unsigned vector;
    struct forge_assigns member;
};
/* `workqueues`: the queues of the system, or of a memory partition. */
struct forge_scn_workqueues {
    unsigned line;
    uint64_t address, partition; /* PARTITION 0: the system's */
};
/* `queuedlock`: a lock's number, the spin lock itself, its owner and who waits, in order. */
struct forge_scn_queuedlock {
    unsigned line, number;
    struct forge_expr lock;
    uint64_t owners; /* a bit for each processor */
    unsigned waiter[64];
    size_t nwaiters;
};
/* `callback`: a record for a bug check. */
struct forge_scn_callback {
    unsigned line;
    uint64_t address, length;
    const char *component;
    struct forge_expr routine, buffer;
    bool has_reason;
    unsigned reason, state;
};
/* `smbios`: where the firmware's table lies that other lines write. */
struct forge_scn_smbios {
    unsigned line, major, minor, dmi;
    uint64_t address, length;
};
/* `secondary`: data that a driver put behind the dump. */
struct forge_scn_secondary {
    unsigned line;
    uint8_t guid[16];
    struct forge_words words;
};
enum { FORGE_HANDLE_MOST = 0xfffff0 };
struct forge_scn_handle {
    unsigned line;
    uint64_t handle, object, process; /* PROCESS 0: the System process's, which is the kernel's */
    uint32_t access;
    unsigned attributes; /* 1 protect, 2 inherit, 4 audit */
};
/* Addresses in a row. */
struct forge_scn_addresses {
    uint64_t *item;
    size_t count, room;
};
/* A token, as `!token` prints it; whose it is. */
struct forge_scn_token {
    unsigned line;
    uint64_t address, thread; /* THREAD 0: none impersonates it */
    struct forge_scn_addresses processes;
    struct forge_listing_text listing;
    struct forge_assigns member;
};
struct forge_scn_descriptor {
    unsigned line;
    uint64_t address;
    bool absolute; /* with pointers, not self-relative */
    const char *sddl;
};
/* A private name space: who may open it. */
struct forge_scn_boundary {
    unsigned kind; /* 1 name, 2 SID, 3 integrity SID */
    const char *text;
};
struct forge_scn_namespace {
    unsigned line;
    uint64_t address, directory; /* of its entry; of the directory in it */
    struct {
        struct forge_scn_boundary *item;
        size_t count, room;
    } boundary;
};
/* Processes that belong together: a job, a session. */
struct forge_scn_group {
    unsigned line;
    uint64_t number, address; /* a job's or a session's number */
    uint64_t in;              /* the job around a job; 0: none */
    struct forge_scn_addresses processes;
    struct forge_assigns member;
};
/* The machine that a dump of whole memory shows. */
struct forge_scn_machine {
    unsigned ram_line, paging_line, kdbg_line;
    uint64_t ram; /* bytes */
    bool pattern; /* what nobody wrote is not zero */
    enum forge_paging paging;
    bool l1tf, encoded;
    bool has_selfmap;
    unsigned selfmap;
};

#define FORGE_LIST(type)                                                                           \
    struct {                                                                                       \
        struct type *item;                                                                         \
        size_t count, room;                                                                        \
    }

struct forge_scenario {
    const char *name; /* for messages */
    struct forge_pool pool;
    char *why; /* FORGE_WHY_MAX bytes: the first thing that went wrong, "" when nothing did */
    struct forge_origins origins; /* where lines stand: in NAME, or in what it includes */

    struct forge_scn_os os;
    struct forge_scn_cpu cpu;
    struct forge_scn_bugcheck bugcheck;
    struct forge_scn_exception exception;
    unsigned time_line, uptime_line, dump_line, room_line, verifier_line;
    uint64_t time, uptime; /* FILETIME, 100 ns */
    uint64_t spare;        /* `room`: where things without an address go */
    uint32_t verifier;     /* the verifier's level */
    enum forge_dump_kind dump;
    enum forge_whole_kind whole;
    struct forge_scn_machine machine;
    const char *file, *comment, *broken;
    const char *isf; /* the kernel is that of this symbol table; NULL: it is made up */
    unsigned isf_line;

    FORGE_LIST(forge_scn_module) modules;
    FORGE_LIST(forge_scn_unloaded) unloaded;
    FORGE_LIST(forge_scn_symbol) symbols;
    FORGE_LIST(forge_scn_moved) moved;
    FORGE_LIST(forge_scn_process) processes;
    FORGE_LIST(forge_scn_thread) threads;
    FORGE_LIST(forge_scn_struct) structs;
    FORGE_LIST(forge_scn_table) tables;
    FORGE_LIST(forge_scn_processor) processors;
    FORGE_LIST(forge_scn_stack) stacks;
    FORGE_LIST(forge_scn_memory) memory;
    FORGE_LIST(forge_scn_line) lines;
    FORGE_LIST(forge_scn_local) locals;
    FORGE_LIST(forge_scn_layout) layouts;
    FORGE_LIST(forge_scn_fnent) fnents;
    FORGE_LIST(forge_scn_pte) ptes;
    FORGE_LIST(forge_scn_trim) trims;
    FORGE_LIST(forge_scn_vad) vads;
    FORGE_LIST(forge_scn_large) larges;
    FORGE_LIST(forge_scn_object) objects;
    FORGE_LIST(forge_scn_handle) handles;
    FORGE_LIST(forge_scn_token) tokens;
    FORGE_LIST(forge_scn_descriptor) descriptors;
    FORGE_LIST(forge_scn_namespace) namespaces;
    FORGE_LIST(forge_scn_group) jobs;
    FORGE_LIST(forge_scn_group) sessions;
    FORGE_LIST(forge_scn_turn) turns;
    FORGE_LIST(forge_scn_irp) irps;
    FORGE_LIST(forge_scn_segment) segments;
    FORGE_LIST(forge_scn_queued) queued;
    FORGE_LIST(forge_scn_workqueues) workqueues;
    FORGE_LIST(forge_scn_queuedlock) queuedlocks;
    FORGE_LIST(forge_scn_callback) callbacks;
    FORGE_LIST(forge_scn_secondary) secondary;
    struct forge_scn_smbios smbios;
    FORGE_LIST(forge_scn_register) registers;
};

/*
 * NAME (for messages) and WHY (FORGE_WHY_MAX bytes) must outlive it; TEXT is copied. False: WHY
 * says what and where. Ended with forge_scenario_free() in either case.
 */
bool forge_scenario_parse(const char *name, const char *text, struct forge_scenario *ret,
                          char *why);
void forge_scenario_free(struct forge_scenario *scenario);

/* Says in scenario->why what is wrong at LINE (0: no line), unless something was before. Returns
 * false, for `return forge_wrong(…)`. */
bool forge_wrong(struct forge_scenario *scenario, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool forge_is_wrong(const struct forge_scenario *scenario);

struct forge_world_dump; /* world_whole.c */

/* What was made. */
struct forge_made_file {
    char *path; /* in the symbol store: "srv2.pdb/…/srv2.pdb" */
    struct forge_bytes bytes;
};
struct forge_output {
    enum forge_dump_kind kind;
    char *name;                      /* the file name that the scenario gives; NULL: none */
    struct forge_bytes dump;         /* empty where `memory` is the dump */
    struct forge_world_dump *memory; /* whole memory: written with the functions below; else NULL */
    struct forge_made_file *file;
    size_t nfiles;
};
bool forge_scenario_build(const char *name, const char *text, struct forge_output *ret, char *why);
/* The same with another `dump` line: "triage", "minidump", "full", …; NULL: as the text says. */
bool forge_scenario_build_as(const char *name, const char *text, const char *as,
                             struct forge_output *ret, char *why);
/* The same with the symbol table ISF (a path) for the kernel; NULL: as the text says. */
bool forge_scenario_build_with(const char *name, const char *text, const char *as, const char *isf,
                               struct forge_output *ret, char *why);
void forge_output_free(struct forge_output *output);

/* The dump of whole memory, for forge_whole_write(). */
const struct forge_whole *forge_output_whole(const struct forge_output *output);
/* Its address spaces, for tests; SPACE: that of the current process. */
const struct forge_mmu *forge_output_mmu(const struct forge_output *output, unsigned *ret_space);
/* The dump as bytes, whatever it is: end with forge_bytes_free(). WHY: FORGE_WHY_MAX bytes. */
bool forge_output_bytes(const struct forge_output *output, struct forge_bytes *ret, char *why);
/* Files beside the dump: the state of a virtual machine, page files. */
size_t forge_output_sides(const struct forge_output *output);
/* Its name from that of the dump: free() it. */
char *forge_output_side_name(const struct forge_output *output, size_t side, const char *dump);
bool forge_output_side_write(const struct forge_output *output, size_t side, int fd, char *why);

#endif
