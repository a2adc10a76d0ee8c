/* SPDX-License-Identifier: MIT */
/*
 * Probe: what a file is, from its first bytes.
 *
 *   PAGEDUMP / PAGEDU64      kernel dumps; the type at +0xf88 (32-bit) or +0xf98 (64-bit)
 *   MDMP, PMDM               user minidumps, little- and big-endian
 *   USERDUMP / USERDU64      user dumps of Windows NT 4 and 2000
 *   hibr wake HIBR RSTR …    hiberfil.sys
 *   d0bed2be …               VMware vmss / vmsn
 *   "KDUMP   ", makedumpfile memory compressed by QEMU or Linux' kdump
 *   7f ELF, EMiL, MSCF, PK, 1f8b, fd7zXZ, 28b52ffd, 7z, MZ, Microsoft C/C++ MSF 7.00, ElfFile
 *
 * Every format has a row that says whether it is read, and if not, what to do about it.
 */
#include <string.h>

#include "dump/dump.h"

#define UNKNOWN                                                                                    \
    "not a dump file of any kind known here (kernel dumps begin with PAGEDU64 or PAGEDUMP, user "  \
    "minidumps with MDMP)"
enum { RAW_LEAST = 1 << 20 };

struct row {
    const char *name;
    bool readable;
    const char *advice;
};

/* Indexed by sc_format; `%` is where the word size goes, chosen by is64. */
static const struct row rows[SC_FORMAT_COUNT] = {
    [SC_FORMAT_UNKNOWN] = {"file of an unknown format", false, UNKNOWN},
    [SC_FORMAT_KERNEL_FULL] = {"complete memory dump (DumpType 1)", true, NULL},
    [SC_FORMAT_KERNEL_SUMMARY] = {"kernel memory dump (DumpType 2)", true, NULL},
    [SC_FORMAT_KERNEL_HEADER] = {"kernel dump header without memory (DumpType 3)", true, NULL},
    [SC_FORMAT_KERNEL_TRIAGE] = {"kernel triage dump", true, NULL},
    [SC_FORMAT_KERNEL_BITMAP_FULL] = {"complete bitmap dump (DumpType 5)", true, NULL},
    [SC_FORMAT_KERNEL_BITMAP] = {"kernel bitmap dump (DumpType 6)", true, NULL},
    [SC_FORMAT_KERNEL_AUTOMATIC] = {"automatic memory dump (DumpType 7)", true, NULL},
    [SC_FORMAT_KERNEL_RDMP] = {"memory dump written by a debugger (DumpType 8 to 10)", true, NULL},
    [SC_FORMAT_MINIDUMP] = {"user minidump", true, NULL},
    [SC_FORMAT_MINIDUMP_BE] = {"minidump of a big-endian machine", false,
                               "no Windows runs there; only little-endian minidumps are read"},
    [SC_FORMAT_USERDUMP] =
        {"user dump of the old USERDUMP form", false,
         "convert it to a minidump with the tools of its time (dumpexam, WinDbg)"},
    [SC_FORMAT_HIBERFIL] = {"hibernation file", true, NULL},
    [SC_FORMAT_VMWARE] = {"VMware suspended state or snapshot", true, NULL},
    [SC_FORMAT_ELF_CORE] = {"ELF core of a virtual machine", true, NULL},
    [SC_FORMAT_LIME] = {"LiME memory image", true, NULL},
    [SC_FORMAT_RAW] = {"image of physical memory", true, NULL},
    [SC_FORMAT_MICRODUMP] = {"Breakpad microdump (text)", false,
                             "it comes from Android, not from Windows; use minidump_stackwalk"},
    [SC_FORMAT_CAB] = {"cabinet file", true, NULL},
    [SC_FORMAT_ZIP] = {"zip archive", true, NULL},
    [SC_FORMAT_GZIP] = {"gzip file", true, NULL},
    [SC_FORMAT_XZ] = {"xz file", true, NULL},
    [SC_FORMAT_ZSTD] = {"zstd file", true, NULL},
    [SC_FORMAT_7ZIP] = {"7z archive", true, NULL},
    [SC_FORMAT_PE] = {"Windows image (EXE, DLL or SYS)", false, "it is a program, not a dump"},
    [SC_FORMAT_PDB] = {"program database (PDB)", false, "it holds symbols, not a dump: use -y"},
    [SC_FORMAT_ETL] = {"event trace log (ETL)", false, "event traces are not read yet"},
    [SC_FORMAT_EVTX] = {"Windows event log (EVTX)", false, "event logs are not read yet"},
    [SC_FORMAT_KDUMP_COMPRESSED] =
        {"kdump-compressed memory image", false,
         "compressed memory is not read: dump the machine again as ELF (QEMU: dump-guest-memory "
         "FILE without -z, -l, -s; libvirt: virsh dump --memory-only --format elf)"},
};

struct magic {
    const char *bytes;
    uint8_t len;
    uint8_t format;
};

static const struct magic magics[] = {
    {"MDMP", 4, SC_FORMAT_MINIDUMP},
    {"PMDM", 4, SC_FORMAT_MINIDUMP_BE},
    {"USERDUMP", 8, SC_FORMAT_USERDUMP},
    {"USERDU64", 8, SC_FORMAT_USERDUMP},
    {"hibr", 4, SC_FORMAT_HIBERFIL},
    {"HIBR", 4, SC_FORMAT_HIBERFIL},
    {"wake", 4, SC_FORMAT_HIBERFIL},
    {"WAKE", 4, SC_FORMAT_HIBERFIL},
    {"RSTR", 4, SC_FORMAT_HIBERFIL},
    {"HORM", 4, SC_FORMAT_HIBERFIL},
    {"BRKP", 4, SC_FORMAT_HIBERFIL},
    {"\xd0\xbe\xd0\xbe", 4, SC_FORMAT_VMWARE},
    {"\xd0\xbe\xd2\xbe", 4, SC_FORMAT_VMWARE},
    {"\xd1\xba\xd1\xba", 4, SC_FORMAT_VMWARE},
    {"\xd2\xba\xd2\xba", 4, SC_FORMAT_VMWARE},
    {"\xd2\xbe\xd2\xbe", 4, SC_FORMAT_VMWARE},
    {"\xd3\xbe\xd3\xbe", 4, SC_FORMAT_VMWARE},
    {"\x7f"
     "ELF",
     4, SC_FORMAT_ELF_CORE},
    {"EMiL", 4, SC_FORMAT_LIME},
    {"MSCF", 4, SC_FORMAT_CAB},
    {"PK\3\4", 4, SC_FORMAT_ZIP},
    {"\x1f\x8b\x08", 3, SC_FORMAT_GZIP},
    {"\xfd"
     "7zXZ",
     5, SC_FORMAT_XZ},
    {"\x28\xb5\x2f\xfd", 4, SC_FORMAT_ZSTD},
    {"7z\xbc\xaf\x27\x1c", 6, SC_FORMAT_7ZIP},
    {"MZ", 2, SC_FORMAT_PE},
    {"Microsoft C/C++ MSF 7.00\r\n", 26, SC_FORMAT_PDB},
    {"ElfFile", 8, SC_FORMAT_EVTX},
    {"KDUMP   ", 8, SC_FORMAT_KDUMP_COMPRESSED},
    {"makedumpfile", 12, SC_FORMAT_KDUMP_COMPRESSED},
};

static bool begins(const uint8_t *data, size_t size, const char *bytes, size_t len) {
    return size >= len && !memcmp(data, bytes, len);
}

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Of a kernel dump; a file cut off before its type field is still a kernel dump. */
static enum sc_format kernel_format(const uint8_t *data, size_t size, bool is64) {
    static const uint8_t by_type[] = {
        SC_FORMAT_UNKNOWN,       SC_FORMAT_KERNEL_FULL,      SC_FORMAT_KERNEL_SUMMARY,
        SC_FORMAT_KERNEL_HEADER, SC_FORMAT_KERNEL_TRIAGE,    SC_FORMAT_KERNEL_BITMAP_FULL,
        SC_FORMAT_KERNEL_BITMAP, SC_FORMAT_KERNEL_AUTOMATIC, SC_FORMAT_KERNEL_RDMP,
        SC_FORMAT_KERNEL_RDMP,   SC_FORMAT_KERNEL_RDMP,
    };
    size_t at = is64 ? 0xf98 : 0xf88;
    if (size < at + 4)
        return SC_FORMAT_UNKNOWN;
    uint32_t type = u32_at(data + at);
    return type < sizeof by_type ? by_type[type] : SC_FORMAT_UNKNOWN;
}

/* Breakpad's text form: its tag stands in the first lines, behind whatever logcat put before it. */
static bool is_microdump(const uint8_t *data, size_t size) {
    static const char tag[] = "google-breakpad";
    const size_t len = sizeof tag - 1;
    size_t end = size < 1024 ? size : 1024;
    for (size_t i = 0; i + len <= end; i++)
        if (!memcmp(data + i, tag, len))
            return true;
    return false;
}

/*
 * An ETL has no magic: a WMI_BUFFER_HEADER whose buffer size is a whole number of KiB that the
 * file is a multiple of, and whose first event is the trace header (kernel or full system marker).
 */
static bool is_etl(const uint8_t *data, size_t size, uint64_t file_size) {
    if (size < 0x60)
        return false;
    uint32_t buffer = u32_at(data), saved = u32_at(data + 4);
    if (buffer < 0x400 || buffer > 0x4000000 || buffer % 0x400 || file_size % buffer ||
        saved > buffer)
        return false;
    uint32_t marker = u32_at(data + 0x48);
    return (marker & 0xff000000) == 0xc0000000 && (marker >> 16 & 0x3f) <= 2;
}

static struct sc_probe make(enum sc_format format, bool is64) {
    return (struct sc_probe){.format = format,
                             .is64 = is64,
                             .name = rows[format].name,
                             .readable = rows[format].readable,
                             .advice = rows[format].advice};
}

static struct sc_probe probe_kernel(const uint8_t *data, size_t size, bool is64) {
    enum sc_format format = kernel_format(data, size, is64);
    struct sc_probe p = make(format, is64);
    if (format == SC_FORMAT_KERNEL_TRIAGE && !is64)
        p.name = "kernel triage dump, 32-bit";
    else if (format == SC_FORMAT_KERNEL_TRIAGE)
        p.name = "kernel triage dump, 64-bit";
    else if (format == SC_FORMAT_UNKNOWN) {
        p.name = "kernel dump of an unknown type";
        p.advice = size < 0x1000 ? "it is a kernel dump cut off inside its header: copy it again"
                                 : "it is a kernel dump whose DumpType is unknown: the header is "
                                   "damaged, or a writer we do not know made it";
    }
    return p;
}

/* Programs and libraries have the same magic as cores. */
static struct sc_probe probe_elf(const uint8_t *data, size_t size) {
    bool little = size >= 0x12 && data[5] == 1;
    struct sc_probe p = make(SC_FORMAT_ELF_CORE, size > 4 && data[4] == 2);
    if (little && data[0x10] == 4 && !data[0x11])
        return p;
    p.name = "ELF file";
    p.readable = false;
    p.advice = size < 0x12 ? "it is cut off inside its header: copy it again"
               : little    ? "it is a program, a library or an object file, not a core"
                           : "it is of a big-endian machine; no Windows runs there";
    return p;
}

/* Nothing marks an image of physical memory: any file of whole pages may be one. */
static bool may_be_raw(uint64_t file_size) {
    return file_size >= RAW_LEAST && file_size % 0x1000 == 0;
}

struct sc_probe sc_probe_bytes(const void *bytes, size_t size, uint64_t file_size) {
    const uint8_t *data = bytes;
    if (begins(data, size, "PAGEDU64", 8))
        return probe_kernel(data, size, true);
    if (begins(data, size, "PAGEDUMP", 8))
        return probe_kernel(data, size, false);
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (begins(data, size, magics[i].bytes, magics[i].len))
            return magics[i].format == SC_FORMAT_ELF_CORE
                       ? probe_elf(data, size)
                       : make((enum sc_format)magics[i].format, false);
    if (is_microdump(data, size))
        return make(SC_FORMAT_MICRODUMP, false);
    if (is_etl(data, size, file_size))
        return make(SC_FORMAT_ETL, false);
    struct sc_probe p = make(may_be_raw(file_size) ? SC_FORMAT_RAW : SC_FORMAT_UNKNOWN, false);
    if (!size)
        p.advice = "the file is empty";
    else if (p.format == SC_FORMAT_UNKNOWN && file_size >= RAW_LEAST)
        p.advice = UNKNOWN "; as an image of memory it would be whole pages of 4096 bytes: was a "
                           "copy broken off?";
    return p;
}
