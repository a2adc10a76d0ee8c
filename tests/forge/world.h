/* SPDX-License-Identifier: MIT */
/*
 * What a scenario describes, while it is being made: modules with their symbols and code, memory,
 * the registers. The steps, in this order (world.c):
 *
 *   people       processes, threads, stacks by address and id       world_find.c
 *   table        the kernel's symbol table, if it has a real one    world_table.c
 *   modules      where they are, what they are called               world_module.c
 *   symbols      from `symbol` lines and out of listings            world_symbol.c, world_listing.c
 *   functions    entries that listings show                         world_fnent.c
 *   stacks       made to fit their listings                         world_stack.c
 *   memory       memory and structures that lines give              world_write.c, world_member.c
 *   kernel       processors, processes, threads, debugger data      world_kernel.c, world_object.c
 *   turns        who runs, who is ready, who waits for what     world_threads.c, world_wait.c
 *   queues       DPCs, APCs, timers                                 world_queues.c, world_timers.c
 *                work items, interrupts, firmware                   world_work.c,
 *                                                                   world_interrupt.c,
 *                                                                   world_firmware.c
 *   security     tokens, security descriptors; jobs, sessions      world_security.c, world_groups.c
 *   name spaces  private ones                                   world_namespace.c
 *   names        objects and handles                               world_names.c, world_handles.c
 *   files        images and PDBs                                    world_image.c, world_pdb.c
 *   dump         world_triage.c, world_mdmp.c, or the whole machine:
 *
 *   spaces       RAM, processes and their page tables               world_space.c
 *   lists        modules, unloaded drivers, user modules, VADs      world_loader.c, world_ldr.c,
 *                                                                   world_vad.c
 *   processor    tables of the processor, shared data, low stub     world_low.c
 *   place        everything to its page, entries on purpose         world_place.c, world_pte.c
 *   frames       the PFN database                                   world_pfn.c
 *   container    world_whole.c
 */
#ifndef STOPCODE_TESTS_FORGE_WORLD_H
#define STOPCODE_TESTS_FORGE_WORLD_H

#include "forge/image.h"
#include "forge/index.h"
#include "forge/listing.h"
#include "forge/memmap.h"
#include "forge/scenario.h"
#include "forge/stream.h"
#include "forge/triage.h"
#include "forge/types.h"
#include "stopcode/regs.h"
#include "stopcode/symbols.h"

enum forge_page_kind { FORGE_PAGE_FREE, FORGE_PAGE_CODE, FORGE_PAGE_DATA };

struct forge_wsymbol {
    struct forge_wmodule *module;
    const char *name;
    uint64_t addr;
    uint32_t size;
    bool has_kind;
    enum forge_symbol_kind kind;
    const char *type;
    unsigned line; /* 0: placed by the forge */
    bool table;    /* the kernel's symbol table has it there */
    bool unplaced; /* the image has no place for it; `addr` is where the linker had it */
    bool has_home; /* it was moved: the linker had it at `home` */
    uint64_t home;
};
struct forge_wspan {
    uint32_t rva;
    size_t size;
    const uint8_t *data;
    unsigned line;
};
/* Code that a stack's frame stands in, and how it is left. */
struct forge_wblock {
    uint32_t begin, end, ip;
    unsigned line; /* of the stack */
    struct forge_fit_function fit;
};
struct forge_wmodule {
    const struct forge_scn_module *scn;
    uint64_t base, size;
    const char *image, *path, *pdb;
    uint32_t stamp, checksum, age;
    uint8_t guid[16];
    uint8_t *page;  /* enum forge_page_kind */
    uint8_t *named; /* 1: a name of the symbol table lies there; NULL: there is none */
    size_t npages;
    uint32_t next[3], end[3]; /* by page kind: where the next thing without an address goes */
    FORGE_LIST(forge_wspan) code;
    FORGE_LIST(forge_wblock) blocks;      /* none overlaps another */
    FORGE_LIST(forge_function) functions; /* as `.fnent` showed them */
    FORGE_LIST(forge_moved) moved;
    uint64_t pa; /* of the large page that it begins in; 0: anywhere */
    /* Whole memory: the image as it is mapped, and its sections. */
    struct forge_bytes memory;
    struct forge_image_section *section;
    size_t nsections;
};
/* A process: its memory below the middle. That of the current one is in the world's `mem`. */
struct forge_wprocess {
    uint64_t address;                    /* of its _EPROCESS */
    const struct forge_scn_process *scn; /* NULL: nobody spoke of it */
    bool current, system;
    struct forge_memmap mem;
    uint64_t spare; /* where the forge's own things go */
    uint64_t peb;
    uint64_t root;
    unsigned space; /* of the world's `mmu` */
};
/* A page that a `pte` line is about. */
struct forge_wpte {
    const struct forge_scn_pte *scn;
    const struct forge_wprocess *process;
    uint64_t va, pa; /* PA 0: not in RAM */
    uint64_t proto;  /* VA of the prototype entry, 0: none */
};
/* Pages that are alike: COUNT of them from ADDR on. */
struct forge_wrepeat {
    unsigned line;
    uint64_t addr, count;
    const uint8_t *page;
};
/* A range of a process's addresses, first and last page; ARRAY: its prototype entries. */
struct forge_wvad {
    const struct forge_wprocess *process;
    uint64_t start, end;
    uint64_t array;
};
/* An object that the forge made room for, or that every process and thread is. */
struct forge_wbody {
    uint64_t address;
    const char *type; /* as the object manager calls it */
    uint32_t size;
    const char *tag; /* of its pool block; NULL: it has its header there already */
};
struct forge_wstack {
    const struct forge_scn_stack *scn;
    struct forge_frames frames;
    struct forge_fit fit;
    bool has_fit;
};
/* What the listings hold, parsed. */
struct forge_wlisting {
    const struct forge_scn_memory *scn;
    struct forge_spans spans;
};

struct forge_world {
    struct forge_scenario *s;
    struct forge_pool *pool;
    bool kernel, is32;
    unsigned ptr_size, ncpus;
    enum sc_cpu cpu;
    struct forge_types types;
    sc_symbols *table; /* the kernel's, NULL: what the scenario says is all there is */
    const char *table_pdb;
    struct forge_memmap mem;
    uint64_t spare; /* where the next thing without an address goes */
    FORGE_LIST(forge_wmodule) modules;
    FORGE_LIST(forge_wsymbol) symbols;
    FORGE_LIST(forge_wstack) stacks;
    FORGE_LIST(forge_wlisting) listings;
    struct {
        struct forge_index process_at, process_id, thread_at, thread_id, stack_of;
        bool has_current;
        size_t current_stack;
    } who; /* places in the scenario's lists */
    struct forge_wmodule *nt;
    struct sc_regs regs;            /* of the current processor or thread */
    uint64_t stack_low, stack_high; /* the current stack: from its pointer up */
    /* The kernel's objects. */
    uint64_t process, thread; /* current ones */
    uint64_t prcb[64];
    uint64_t dtb;
    FORGE_LIST(forge_wprocess) processes;
    FORGE_LIST(forge_wbody) bodies; /* of whole memory */
    /* Whole memory. */
    bool whole;
    uint64_t system; /* the System process, where no line describes it */
    struct forge_physmem *phys;
    struct forge_mmu *mmu;
    struct forge_soft soft;
    FORGE_LIST(forge_wpte) ptes;
    FORGE_LIST(forge_wvad) vads;
    FORGE_LIST(forge_wrepeat) repeats;
    uint64_t heap_keys; /* what the pool's heaps are mixed with; 0: no heap was made */
    struct {
        uint64_t pa, size, page;
    } pfns; /* where the PFN database lies: taken first, since it needs rows of large pages */
    uint64_t proto_pool; /* where prototype entries go; 0: anywhere */
    struct {
        struct forge_memmap mem;
        uint64_t spare;
        struct forge_wprocess *in; /* whose memory `mem` is now; NULL: the world's own */
    } outside;
};

/* ---- the kernel's symbol table ---- */

/* Opens what an `isf` line (or the program's option) names. */
bool forge_world_table_open(struct forge_world *w);
void forge_world_table_close(struct forge_world *w);
/* Its identity for the kernel M: false with a message when a line says another one. */
bool forge_world_table_identify(struct forge_world *w, struct forge_wmodule *m);
/* Is the kernel's image large enough; which of its pages have names. */
bool forge_world_table_check(struct forge_world *w);
/* NAME of M as the table has it; NULL: it does not. */
const struct forge_wsymbol *forge_world_table_symbol(const struct forge_world *w,
                                                     const struct forge_wmodule *m,
                                                     const char *name);

/* ---- modules and symbols ---- */

bool forge_world_modules(struct forge_world *w);
/* NULL: none. */
struct forge_wmodule *forge_world_module(const struct forge_world *w, const char *name);
struct forge_wmodule *forge_world_module_at(const struct forge_world *w, uint64_t addr);
/* With a message for LINE when there is none. */
bool forge_world_need_module(struct forge_world *w, unsigned line, const char *name,
                             struct forge_wmodule **ret);
/* Marks the pages of SIZE bytes at RVA as KIND, those that are free yet; as code, whatever they
 * were. */
void forge_world_mark(struct forge_wmodule *m, uint64_t rva, uint64_t size,
                      enum forge_page_kind kind);
void forge_world_mark_code(struct forge_wmodule *m, uint64_t rva, uint64_t size);

const struct forge_wsymbol *forge_world_symbol(const struct forge_world *w,
                                               const struct forge_wmodule *m, const char *name);
/* What LINE says of a symbol; LIKE has the rest of it, and may be NULL. */
bool forge_world_define(struct forge_world *w, unsigned line, struct forge_wmodule *m,
                        const char *name, uint64_t addr, const struct forge_wsymbol *like);
/* ADDR is name+DISP, which may wrap: then a block was moved away from its function. */
bool forge_world_define_at(struct forge_world *w, unsigned line, const char *module,
                           const char *name, uint64_t disp, uint64_t addr);
/* Gives NAME an address in free room of the module, unless it has one. */
bool forge_world_place(struct forge_world *w, unsigned line, struct forge_wmodule *m,
                       const char *name, uint32_t size, enum forge_symbol_kind kind,
                       uint64_t *ret_addr);
/* The `symbol` lines whose addresses can be known by now; LAST: all of them, or it is an error. */
bool forge_world_symbols(struct forge_world *w, bool last);
/* Blocks that were moved away from their functions: where in the functions they belong. */
bool forge_world_moved(struct forge_world *w);
/* Those that lines of the scenario say were moved; after the others. */
bool forge_world_moved_lines(struct forge_world *w);
bool forge_world_is_moved(struct forge_world *w, const struct forge_wmodule *m, const char *name,
                          uint64_t disp, uint64_t addr);

/*
 * A sum of numbers, modules and symbols. *RET_UNKNOWN (may be NULL: then it is an error): a symbol
 * has no address yet; the value is not set.
 */
bool forge_world_eval(struct forge_world *w, unsigned line, const char *text, uint64_t *ret,
                      bool *ret_unknown);

/* ---- listings ---- */

/* Parses all, and takes symbols and code out of them. */
bool forge_world_listings(struct forge_world *w);
/* Function entries that listings show. */
bool forge_world_fnents(struct forge_world *w);
/* Does one of them hold the block's instruction? If none does, the block is kept clear of them. */
bool forge_world_has_function(const struct forge_wmodule *m, struct forge_wblock *block);
/* Parses the stacks, and takes symbols out of them; makes them fit; writes them. */
bool forge_world_stack_symbols(struct forge_world *w);
bool forge_world_stack_fit(struct forge_world *w);
/* Adds what the fit of stack S wants of a function to its module. */
bool forge_world_block(struct forge_world *w, const struct forge_wstack *s,
                       const struct forge_fit_function *f);
void forge_world_close(struct forge_world *w);
/* Bytes of code in a module's image; outside of all modules in memory. */
bool forge_world_code(struct forge_world *w, unsigned line, uint64_t addr, const void *data,
                      size_t size);
/* The same by the forge itself: only where nothing is. */
void forge_world_spare_code(struct forge_world *w, uint64_t addr, const void *data, size_t size);
/* Fails with what a parser of listings says: "line 12: …" is the scenario's line BEFORE + 12. */
bool forge_world_listing_wrong(struct forge_world *w, unsigned line, unsigned before,
                               const char *what, const char *why);
/* The lines of the scenario before a listing: a parser counts those of the listing alone. */
unsigned forge_world_lines_before(const struct forge_listing_text *text);
/* What a context has when nobody says anything: all groups, segments, flags. */
void forge_world_plain_registers(const struct forge_world *w, struct sc_regs *ret);
/* The registers of the current context: the stack's, and what `registers` says. */
bool forge_world_registers(struct forge_world *w);

/* ---- memory ---- */

bool forge_world_put(struct forge_world *w, unsigned line, uint64_t addr, const void *data,
                     size_t size);
bool forge_world_put_uint(struct forge_world *w, unsigned line, uint64_t addr, unsigned width,
                          uint64_t value);
/* SIZE zeroed bytes at an address of the forge's choice. */
uint64_t forge_world_spare(struct forge_world *w, uint64_t size, unsigned align);
/* "text", L"text", bytes: what stands behind `memory ADDRESS` and `code ADDRESS`. */
bool forge_world_bytes(struct forge_world *w, unsigned line, const struct forge_words *words,
                       struct forge_bytes *ret);
bool forge_world_memory(struct forge_world *w);
bool forge_world_structs(struct forge_world *w);
bool forge_world_tables(struct forge_world *w);
bool forge_world_segheap(struct forge_world *w, const struct forge_scn_table *t,
                         const uint64_t *address);
/* A whole structure, zeroed where nothing is yet. */
bool forge_world_struct(struct forge_world *w, unsigned line, const char *type, uint64_t addr);
/* member=value lines of a structure. */
bool forge_world_members(struct forge_world *w, const char *type, uint64_t addr,
                         const struct forge_assigns *assigns);
/*
 * A member by its first name that the build has ("Self|SelfPcr"), by the forge itself: it gives way
 * to lines (a bit field: to those that come later), and a build without such a member does without.
 */
void forge_world_set(struct forge_world *w, const char *type, uint64_t addr, const char *paths,
                     uint64_t value);
void forge_world_set_text(struct forge_world *w, const char *type, uint64_t addr, const char *paths,
                          const char *text);
/* A member of a structure that is in memory already; 0 when the build has none. */
uint64_t forge_world_read(const struct forge_world *w, const char *type, uint64_t addr,
                          const char *paths);
/* The address of a member; false when the build has none. */
bool forge_world_offset(const struct forge_world *w, const char *type, const char *paths,
                        struct forge_place *ret);
uint32_t forge_world_sizeof(const struct forge_world *w, const char *type);
/* UTF-16 of UTF-8, in the pool; *RET_SIZE bytes. */
uint8_t *forge_world_utf16(struct forge_world *w, const char *text, size_t *ret_size);

/* ---- the kernel, and what is written ---- */

/* Places what the kernel keeps at addresses of its own: PsLoadedModuleList, … */
bool forge_world_globals(struct forge_world *w);
bool forge_world_kernel(struct forge_world *w);
bool forge_world_objects(struct forge_world *w);
/* The object manager: headers, types, directories, handle tables. */
bool forge_world_names(struct forge_world *w);
/* Handle tables of processes; that of ids. BODY: from a header to its object. */
bool forge_world_handles(struct forge_world *w, uint64_t body);
/* A pointer of the kernel's, which leads to VALUE. */
bool forge_world_variable(struct forge_world *w, const char *name, uint64_t value);
/* Tokens and security descriptors; jobs and sessions, with their processes. */
bool forge_world_security(struct forge_world *w);
bool forge_world_groups(struct forge_world *w);
/* Private name spaces. */
bool forge_world_namespaces(struct forge_world *w);
/*
 * Who runs, is next, is ready or waits, what was requested, what stacks were left: after the
 * objects; lists of processors after those are there.
 */
bool forge_world_turns(struct forge_world *w);
bool forge_world_waits(struct forge_world *w);
bool forge_world_ready(struct forge_world *w);
/* The processor that a line makes the thread run on: false: none does. */
bool forge_world_runs(const struct forge_world *w, uint64_t thread, unsigned *ret_processor);
/* The thread that a line lets run on (`run`), or run next on (`standby`), a processor; 0: none. */
uint64_t forge_world_thread_on(const struct forge_world *w, enum forge_turn turn, unsigned n);
/* The registers of a thread that runs: those that its stack's listing gives. */
bool forge_world_thread_registers(struct forge_world *w, uint64_t thread, struct sc_regs *ret);
/* Chains entries at OFFSET of the objects to a head, round and round. */
void forge_world_link(struct forge_world *w, uint64_t head, const uint64_t *object, size_t n,
                      uint32_t offset);
/* What waits in queues: names of the kernel's that lead to it, early; then the things themselves,
 * when processors and threads are there. */
bool forge_world_queue_symbols(struct forge_world *w);
bool forge_world_queues(struct forge_world *w);
bool forge_world_timers(struct forge_world *w);
bool forge_world_work(struct forge_world *w);
bool forge_world_interrupts(struct forge_world *w);
bool forge_world_callbacks(struct forge_world *w);
/* Is there a line of that kind? */
bool forge_world_has_queued(const struct forge_world *w, enum forge_queued kind);
/* The head at HEAD, whose ring is empty unless something was linked to it. */
void forge_world_close_ring(struct forge_world *w, uint64_t head);
/* The gate of VECTOR as the lines about interrupts have it; false: they say nothing of any. */
bool forge_world_gate(struct forge_world *w, unsigned processor, unsigned vector,
                      uint64_t *ret_handler, unsigned *ret_flags, unsigned *ret_selector);
/* The TSS of a processor: stacks for handlers that get one of their own. */
void forge_world_handler_stacks(struct forge_world *w, uint64_t tss);
/* The values with which 64-bit systems hide addresses: KiWaitNever and KiWaitAlways. */
void forge_world_keys(struct forge_world *w, uint64_t *ret_never, uint64_t *ret_always);
/* Where the firmware's table is, when all pages have their places. */
bool forge_world_smbios(struct forge_world *w);
/* Links processes and threads, when all their members are known. */
void forge_world_links(struct forge_world *w);
/* PEB and TEBs. */
bool forge_world_user(struct forge_world *w);
bool forge_world_files(struct forge_world *w, struct forge_output *out);
bool forge_world_pdb(struct forge_world *w, struct forge_wmodule *m,
                     const struct forge_image_section *sections, size_t nsections,
                     struct forge_bytes *ret);
bool forge_world_triage(struct forge_world *w, struct forge_output *out);
bool forge_world_minidump(struct forge_world *w, struct forge_output *out);

/* Members of KDDEBUGGER_DATA64 and its size in this build. */
struct forge_kdbg_values {
    FORGE_LIST(forge_value) list;
    uint32_t size;
};
void forge_world_kdbg(struct forge_world *w, struct forge_kdbg_values *ret);
bool forge_world_bugcheck(struct forge_world *w, uint64_t ret_arg[4]);
bool forge_world_exception(struct forge_world *w, struct forge_exception *ret);

/* ---- who is who ---- */

/* NULL of all of them: no line speaks of it. Of several the first one is meant. */
void forge_world_people(struct forge_world *w);
const struct forge_scn_process *forge_world_process_at(const struct forge_world *w, uint64_t addr);
const struct forge_scn_process *forge_world_process_of_id(const struct forge_world *w,
                                                          uint64_t pid);
const struct forge_scn_thread *forge_world_thread_at(const struct forge_world *w, uint64_t addr);
/* The thread that a stack is of: the current one is the first. */
const struct forge_scn_thread *forge_world_thread_of(const struct forge_world *w,
                                                     const struct forge_scn_stack *stack);
/* The stack that a listing gives for a thread. */
const struct forge_wstack *forge_world_stack_of(const struct forge_world *w,
                                                const struct forge_scn_thread *t, bool current);

/* ---- processes and their memory ---- */

bool forge_world_processes(struct forge_world *w);
bool forge_world_is_user(const struct forge_world *w, uint64_t addr);
/* The process at ADDRESS; 0: the current one. Fails with a message for LINE. */
bool forge_world_need_process(struct forge_world *w, unsigned line, uint64_t address,
                              struct forge_wprocess **ret);
/*
 * Between the two, the world's memory is that of PROCESS (0: the current one) if ADDR is an address
 * of the user's half: what is put, read or made room for. Not nested.
 */
bool forge_world_enter(struct forge_world *w, unsigned line, uint64_t process, uint64_t addr);
void forge_world_leave(struct forge_world *w);

/* ---- whole memory ---- */

bool forge_world_check_machine(struct forge_world *w);
/* RAM, page tables; the processes' page table bases. */
bool forge_world_spaces(struct forge_world *w);
bool forge_world_loader(struct forge_world *w);
bool forge_world_ldr(struct forge_world *w);
bool forge_world_ptes(struct forge_world *w);
/* Writes the entry of a `pte` line; do its bytes go to a page file? */
bool forge_world_pte_entry(struct forge_world *w, const struct forge_wpte *p);
bool forge_world_pte_in_file(const struct forge_wpte *p);
/* Room for prototype entries: in the pool that the build keeps them in. */
uint64_t forge_world_proto_room(struct forge_world *w, uint64_t size);
unsigned forge_world_pte_size(const struct forge_world *w);
bool forge_world_vads(struct forge_world *w);
bool forge_world_low(struct forge_world *w);
/* KDDEBUGGER_DATA64 in memory, plain or encoded, after everything else is there. */
bool forge_world_kdbg_block(struct forge_world *w);
/* The RAM of the kernel's image, where the loader of Windows puts it: before anything else. */
void forge_world_reserve(struct forge_world *w);
bool forge_world_put_all(struct forge_world *w);
bool forge_world_pfn_room(struct forge_world *w);
bool forge_world_pfns(struct forge_world *w);
/* The frame at PA was a page table: now it is free, or on the standby or modified list. */
void forge_world_pfn_trimmed(struct forge_world *w, uint64_t pa, bool freed, bool modified);
/* `trim` lines, when all tables are written; PUT takes what goes to page files. */
typedef bool (*forge_page_fn)(void *ctx, unsigned line, unsigned file, uint64_t page,
                              const uint8_t bytes[FORGE_FRAME]);
bool forge_world_trims(struct forge_world *w, forge_page_fn put, void *ctx);
bool forge_world_whole(struct forge_world *w, struct forge_output *out);
void forge_world_whole_close(struct forge_world *w);
void forge_world_dump_free(struct forge_world_dump *dump);
/* Is the module one of processes? */
bool forge_world_is_user_module(const struct forge_world *w, const struct forge_wmodule *m);
/* SIZE bytes for a pool block of TAG, behind a _POOL_HEADER: the address behind it. */
uint64_t forge_world_pool(struct forge_world *w, uint64_t size, const char *tag);
/* The _POOL_HEADER of a nonpaged block of SIZE bytes, header and all; TAG "": a free one. */
void forge_world_pool_header(struct forge_world *w, uint64_t at, uint64_t size, uint64_t before,
                             const char *tag);
/*
 * An object of TYPE with SIZE bytes in a block of TAG: the address of its body. Its header comes
 * with forge_world_names().
 */
uint64_t forge_world_body(struct forge_world *w, uint32_t size, const char *type, const char *tag);
/* TAG as blocks of objects have it: its last character marked as protected up to Windows 7. */
const char *forge_world_object_tag(const struct forge_world *w, const char *tag);

#endif
