#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds PE images against radare2: what the forge makes, also in stores beside dumps, and every image of the corpus.

Headers, directories, sections, exports, imports, the CodeView record's key and the checksum of the file, which radare2
computes itself. The functions' comments say where its answer is not taken. TAP; skips aloud without radare2.
"""
import collections
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import radare  # noqa: E402
import tap  # noqa: E402

# iH's name, pe_facts'.
HEADER = {
    "Machine": "machine", "NumberOfSections": "nsections", "TimeDateStamp": "timestamp",
    "PointerToSymbolTable": "symbols_offset", "NumberOfSymbols": "nsymbols", "SizeOfOptionalHeader": "optional_size",
    "Characteristics": "characteristics", "Magic": "magic", "MajorLinkerVersion": "linker_major",
    "MinorLinkerVersion": "linker_minor", "SizeOfCode": "code_size", "SizeOfInitializedData": "data_size",
    "SizeOfUninitializedData": "bss_size", "AddressOfEntryPoint": "entry", "BaseOfCode": "code_base",
    "ImageBase": "image_base", "SectionAlignment": "section_alignment", "FileAlignment": "file_alignment",
    "MajorOperatingSystemVersion": "os_major", "MinorOperatingSystemVersion": "os_minor",
    "MajorImageVersion": "image_major", "MinorImageVersion": "image_minor", "MajorSubsystemVersion": "subsystem_major",
    "MinorSubsystemVersion": "subsystem_minor", "SizeOfImage": "image_size", "SizeOfHeaders": "headers_size",
    "CheckSum": "checksum", "Subsystem": "subsystem", "DllCharacteristics": "dll_characteristics",
    "SizeOfStackReserve": "stack_reserve", "SizeOfStackCommit": "stack_commit", "SizeOfHeapReserve": "heap_reserve",
    "SizeOfHeapCommit": "heap_commit", "NumberOfRvaAndSizes": "ndirs_claimed",
}
DIRECTORIES = ["EXPORT", "IMPORT", "RESOURCE", "EXCEPTION", "SECURITY", "BASERELOC", "DEBUG", "COPYRIGHT", "GLOBALPTR", "TLS",
               "LOAD_CONFIG", "BOUND_IMPORT", "IAT", "DELAY_IMPORT", "COM_DESCRIPTOR"]
COUNTS = collections.Counter()


class Image:
    def __init__(self, path):
        self.path = path
        self.ours = collections.defaultdict(list)
        for line in radare.facts("pe_facts", path):
            category, *values = line.split("\t")
            self.ours[category].append(values)
        said = radare.ask(path, "iH", "iIj", "iSj", "iEj", "iij", options=("-e", "bin.demangle=false"))
        self.text = said[0]
        self.info, self.sections, self.exports, self.imports = (said.json(i) for i in range(1, 5))

    def header(self, name):
        return next(int(v, 16) for n, v in self.ours["header"] if n == name)


def check_headers(image):
    theirs = radare.headers(image.text.split("RICH_FIELDS")[0].split("IMAGE_DIRECTORY")[0])
    for name, field in HEADER.items():
        tap.equal(theirs[name], image.header(field), name)
    tap.equal(image.info["baddr"], image.header("image_base"), "base")
    for name, at, size in re.findall(r"^IMAGE_DIRECTORY_ENTRY_(\w+)\n *VirtualAddress : 0x(\w+)\n *Size : 0x(\w+)$", image.text, re.M):
        if int(at, 16):  # of a directory that is not there it may show any size
            row = image.ours["directory"][DIRECTORIES.index(name)]
            tap.equal((int(at, 16), int(size, 16)), (int(row[1], 16), int(row[2], 16)), name)
            COUNTS["directories"] += 1


def check_sections(image):
    """Sizes in memory are rounded up to pages; a section without a name is no "blob", which is the whole file."""
    base, align = image.header("image_base"), image.header("section_alignment")
    theirs = [(s["name"], s["vaddr"] - base, s["size"], s["paddr"], s["flags"]) for s in image.sections if s["name"] != "blob"]
    ours = [(name, int(rva, 16), int(size, 16), int(offset, 16), int(flags, 16)) for name, _, rva, size, offset, flags in
            image.ours["section"]]
    tap.equal(theirs, ours, "sections")
    for s, (_, virtual, _, size, _, _) in zip(image.sections, image.ours["section"]):
        tap.equal(s["vsize"], -(-(int(virtual, 16) or int(size, 16)) // align) * align, f"size of {s['name']}")
    COUNTS["sections"] += len(ours)


def check_exports(image):
    """Where there is no table it shows other symbols in its place: COFF's, or methods of .NET."""
    base = image.header("image_base")
    if not int(image.ours["directory"][0][1], 16):
        tap.equal(image.ours["export"], [], "exports without a table")
        return
    theirs = sorted((e["ordinal"], "" if re.match(r"Ordinal_\d+$", e["name"]) else e["realname"], e["vaddr"] - base)
                    for e in image.exports if e["vaddr"] != base)
    ours = sorted((int(o), name, int(rva, 16)) for o, name, rva, forward in image.ours["export"] if not forward)
    forwards = {(int(o), name) for o, name, _, forward in image.ours["export"] if forward}
    tap.equal([t for t in theirs if t[:2] not in forwards], ours, "exports")
    tap.equal({t[:2] for t in theirs} >= forwards, True, "forwarders")
    COUNTS["exports"] += len(ours)


def check_imports(image):
    """The slots of delayed imports it takes from the first descriptor of the others (those of llvm-readobj are ours)."""
    base = image.header("image_base")
    delayed = {(dll.lower(), name or number) for dll, name, number, _, how in image.ours["import"] if how == "delay"}
    theirs = [(i["libname"].lower(), i["name"].removeprefix("Ordinal_"), i["plt"] - base) for i in image.imports]
    ours = [(dll.lower(), name or number, int(slot, 16)) for dll, name, number, slot, _ in image.ours["import"]]
    tap.equal(*(sorted(i[:2] if i[:2] in delayed else i for i in side) for side in (theirs, ours)), "imports")
    COUNTS["imports"] += len(ours)


def check_debug(image):
    """The key is GUID and age as symbol stores write them."""
    if image.ours["codeview"]:
        key, path = image.ours["codeview"][0]
        tap.equal((image.info["guid"].upper(), image.info["dbg_file"]), (key, path), "CodeView record")
        COUNTS["keys"] += 1


def check_checksum(image):
    tap.equal([int(image.info["cmp.csum"], 16)], [int(v, 16) for _, v in image.ours["checksum"]], "checksum of the file")
    tap.equal(int(image.info["hdr.csum"], 16), image.header("checksum"), "checksum in the header")


def check(path):
    image = Image(path)
    check_headers(image)
    check_sections(image)
    check_exports(image)
    check_imports(image)
    check_debug(image)
    check_checksum(image)
    COUNTS["images"] += 1


def forge_files(folder):
    run = subprocess.run([tap.helper("forge_files"), folder], capture_output=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, b""), "status of forge_files")


def store(folder, name):
    run = subprocess.run([tap.helper("stopcode-forge"), "-q", os.path.join(tap.ROOT, "tests", "forge", "worlds", name + ".scenario"),
                          "--store", folder, "-o", os.path.join(folder, "dump")], capture_output=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, b""), "stopcode-forge")


def images_in(folder):
    return sorted(p for p in glob.glob(os.path.join(folder, "**", "*"), recursive=True)
                  if os.path.isfile(p) and p.lower().endswith((".exe", ".dll", ".sys")))


def forge_all(folder):
    forge_files(folder)
    for name in ("kernel-19041-x64", "xp-x86", "user-x64"):
        os.mkdir(os.path.join(folder, name))
        store(os.path.join(folder, name), name)


def main():
    radare.need()
    radare.check_files("images", forge_all, images_in, check)
    print("# compared: " + ", ".join(f"{n} {what}" for what, n in COUNTS.items()))
    tap.done()


if __name__ == "__main__":
    main()
