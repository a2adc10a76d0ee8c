/* SPDX-License-Identifier: MIT */
/*
 * The header of every kernel dump: DUMP_HEADER32 (0x1000 bytes) and DUMP_HEADER64 (0x2000 bytes).
 *
 *   field                     32-bit   64-bit
 *   Signature "PAGE"          +0x000   +0x000
 *   ValidDump "DUMP"/"DU64"   +0x004   +0x004
 *   MajorVersion              +0x008   +0x008   0xF free, 0xC checked build
 *   MinorVersion              +0x00c   +0x00c   build number
 *   DirectoryTableBase        +0x010   +0x010
 *   PfnDataBase               +0x014   +0x018
 *   PsLoadedModuleList        +0x018   +0x020
 *   PsActiveProcessHead       +0x01c   +0x028
 *   MachineImageType          +0x020   +0x030
 *   NumberProcessors          +0x024   +0x034
 *   BugCheckCode              +0x028   +0x038
 *   BugCheckParameter1..4     +0x02c   +0x040
 *   VersionUser[32]           +0x03c   +0x060
 *   PaeEnabled                +0x05c   -
 *   KdSecondaryVersion        +0x05d   +0x104d
 *   KdDebuggerDataBlock       +0x060   +0x080
 *   PhysicalMemoryBlock       +0x064   +0x088   NumberOfRuns, NumberOfPages, runs
 *   ContextRecord             +0x320   +0x348
 *   Exception                 +0x7d0   +0xf00
 *   Comment[128]              +0x820   +0xfb0
 *   Attributes, BootId        +0x8a0   +0x1050
 *   DumpType                  +0xf88   +0xf98
 *   MiniDumpFields            +0xf8c   +0x1038
 *   SecondaryDataState        +0xf90   +0x103c
 *   ProductType, SuiteMask,
 *   WriterStatus              +0xf94   +0x1040
 *   RequiredDumpSpace         +0xfa0   +0xfa0
 *   SystemUpTime              +0xfb8   +0x1030
 *   SystemTime                +0xfc0   +0xfa8
 *
 * The writer presets the whole header with "PAGE", so a field that says PAGE was never filled.
 * Sources: win32metadata (DUMP_HEADER32/64), and the real dumps of the test corpus.
 */
#include <assert.h>
#include <string.h>

#include "dump/kdump_impl.h"

/*
 * As many runs as fit: the buffer has 700 bytes, and the 64-bit header 4 more before the next
 * field.
 */
enum { RUNS_MAX64 = 43, RUNS_MAX32 = 86 };
static_assert(RUNS_MAX32 == sizeof((struct sc_kdump_header *)0)->run /
                                sizeof *((struct sc_kdump_header *)0)->run,
              "the header's room");

/* Text of at most LEN bytes; "" when it is filler or was never set. */
static void read_text(struct sc_cur *c, char *ret, size_t len) {
    sc_cur_bytes(c, ret, len);
    ret[len] = 0;
    if (!memcmp(ret, "PAGE", 4))
        ret[0] = 0;
}

static uint64_t unless_filler64(uint64_t v) { return sc_is_filler64(v) ? SC_UNSET64 : v; }
static uint32_t unless_filler32(uint32_t v) { return sc_is_filler32(v) ? 0 : v; }

static void read_runs(struct sc_cur *c, bool is64, struct sc_kdump_header *h) {
    unsigned word = is64 ? 8 : 4;
    uint32_t n = sc_u32(c);
    if (is64)
        sc_u32(c);
    uint64_t pages = sc_uptr(c, word);
    if (sc_is_filler32(n))
        return;
    h->nruns = n;
    h->npages = pages;
    uint32_t most = is64 ? RUNS_MAX64 : RUNS_MAX32;
    h->nruns_held = n < most ? n : most;
    for (uint32_t i = 0; i < h->nruns_held; i++) {
        h->run[i].base_page = sc_uptr(c, word);
        h->run[i].page_count = sc_uptr(c, word);
    }
}

static void read_head(struct sc_cur *c, bool is64, struct sc_kdump_header *h) {
    unsigned word = is64 ? 8 : 4;
    sc_cur_skip(c, 8);
    h->major = sc_u32(c);
    h->minor = sc_u32(c);
    h->dtb = sc_uptr(c, word);
    h->pfn_database = sc_uptr(c, word);
    h->loaded_module_list = sc_uptr(c, word);
    h->active_process_head = sc_uptr(c, word);
    h->machine_type = sc_u32(c);
    h->nprocessors = sc_u32(c);
    h->bugcheck = sc_u32(c);
    if (is64)
        sc_u32(c);
    for (int i = 0; i < 4; i++)
        h->bugcheck_arg[i] = sc_uptr(c, word);
    read_text(c, h->version_user, 32);
    if (!is64) {
        h->pae_enabled = sc_u8(c);
        h->kd_secondary_version = sc_u8(c);
        sc_cur_skip(c, 2);
    }
    h->debugger_data = sc_uptr(c, word);
    read_runs(c, is64, h);
}

static void read_tail64(struct sc_cur *c, struct sc_kdump_header *h) {
    h->context_offset = c->start + 0x348;
    h->exception_offset = c->start + 0xf00;
    sc_cur_seek(c, c->start + 0xf98);
    h->dump_type = sc_u32(c);
    sc_u32(c);
    h->required_space = unless_filler64(sc_u64(c));
    h->system_time = unless_filler64(sc_u64(c));
    read_text(c, h->comment, 128);
    h->system_uptime = unless_filler64(sc_u64(c));
    h->minidump_fields = unless_filler32(sc_u32(c));
    h->secondary_state = unless_filler32(sc_u32(c));
    h->product_type = unless_filler32(sc_u32(c));
    h->suite_mask = unless_filler32(sc_u32(c));
    h->writer_status = unless_filler32(sc_u32(c));
    sc_u8(c);
    h->kd_secondary_version = sc_u8(c);
    sc_cur_skip(c, 2);
    h->attributes = unless_filler32(sc_u32(c));
    h->boot_id = unless_filler32(sc_u32(c));
}

static void read_tail32(struct sc_cur *c, struct sc_kdump_header *h) {
    h->context_offset = c->start + 0x320;
    h->exception_offset = c->start + 0x7d0;
    sc_cur_seek(c, c->start + 0x820);
    read_text(c, h->comment, 128);
    h->attributes = unless_filler32(sc_u32(c));
    h->boot_id = unless_filler32(sc_u32(c));
    sc_cur_seek(c, c->start + 0xf88);
    h->dump_type = sc_u32(c);
    h->minidump_fields = unless_filler32(sc_u32(c));
    h->secondary_state = unless_filler32(sc_u32(c));
    h->product_type = unless_filler32(sc_u32(c));
    h->suite_mask = unless_filler32(sc_u32(c));
    h->writer_status = unless_filler32(sc_u32(c));
    h->required_space = unless_filler64(sc_u64(c));
    sc_cur_seek(c, c->start + 0xfb8);
    h->system_uptime = unless_filler64(sc_u64(c));
    h->system_time = unless_filler64(sc_u64(c));
}

sc_err *sc_kdump_read_header(struct sc_source *source, uint64_t offset, bool is64,
                             struct sc_kdump_header *ret) {
    struct sc_cur c = sc_cur_at(source->file, offset, is64 ? 0x2000 : 0x1000, "kernel dump header");
    struct sc_kdump_header h = {.is64 = is64};
    read_head(&c, is64, &h);
    if (is64)
        read_tail64(&c, &h);
    else
        read_tail32(&c, &h);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    *ret = h;
    return NULL;
}
