#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the symbol table finds for the real dumps: the kernel by its fingerprint, images by time stamp and size, PDBs
by their records and signatures; and that nothing else is taken for them. Prints TAP.

Everything is looked for in the corpus' own folders, or in folders of links to a part of it; caches are made anew.
"""
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

X64_GUID = "{5278AFF8-6C34-1677-D7D7-835C85B7B844}"
X64_TABLE = "5278AFF86C341677D7D7835C85B7B844-1.json.xz"
REFUSED = "no kernel symbols in the symbol path have this kernel's fingerprint"
# Bytes that a rewritten call spans: the call through memory, 7 bytes, and the no-op of 5 behind it.
SITE = 12


class World:
    """A folder with caches that begin empty."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def facts(self, dump, *words, y=None, i=None):
        build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
        tool = os.path.join(build, "tests", "symtab_facts")
        if not os.path.exists(tool):
            tap.skip("symtab_facts is not built")
        args = [tool, "-c", self.path("cache")]
        args += ["-y", y] if y else []
        args += ["-i", i] if i else []
        env = {**os.environ, "XDG_CACHE_HOME": self.path("xdg")}
        run = subprocess.run([*args, tap.corpus(dump), *words], capture_output=True, timeout=110, env=env)
        if run.returncode:
            raise AssertionError(f"symtab_facts: {run.stderr.decode()}")
        return Facts(run.stdout.decode("utf-8", "surrogatepass"))

    def links(self, name, targets):
        """A folder with links to files: {name in the folder: target}."""
        for where, target in targets.items():
            path = self.path(name, where)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
        return self.path(name)


class Facts:
    def __init__(self, text):
        self.modules, self.addresses, self.names, self.types, self.bytes, self.changed = {}, {}, {}, {}, {}, {}
        for line in text.splitlines():
            kind, key, *f = line.split("\t")
            if kind == "M":
                keys = ("state", "providers", "how", "guid", "path", "image", "why")
                self.modules[key] = dict(zip(keys, f))
            elif kind == "A":
                self.addresses[int(key, 16)] = f
            elif kind == "N":
                self.names[key] = f[0]
            elif kind == "T":
                self.types[key] = f
            elif kind == "D":
                self.changed.setdefault(key, []).append(int(f[0]))
            elif kind == "B":
                self.bytes[key] = [int(n) for n in f]


def golden(name):
    """[(instruction pointer, symbol)] of the frames that an independent debugger found."""
    with open(tap.corpus(f"golden/{name}.frames.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return [(int(r[1], 16), r[3]) for r in rows if r[3] != "EOF"]


def kernel_by_fingerprint(w):
    facts = w.facts("kdump/triage_x64.dmp", "nt", "nt!KeBugCheckEx", "nt!kebugcheckex", "type:nt!_EPROCESS",
                    y=tap.corpus("isf"))
    nt = facts.modules["nt"]
    tap.equal((nt["state"], nt["how"], nt["guid"]), ("isf symbols", "fingerprint", X64_GUID), "nt")
    tap.equal(os.path.basename(nt["path"]), X64_TABLE, "table")
    tap.equal(nt["providers"], "isf,layout", "providers")
    tap.equal(facts.names["nt!KeBugCheckEx"], "0xfffff8047bdf5a80", "nt!KeBugCheckEx")
    tap.equal(facts.names["nt!kebugcheckex"], "0xfffff8047bdf5a80", "in any case")
    tap.equal(facts.types["nt!_EPROCESS"], ["isf", str(0xa40), "0"], "nt!_EPROCESS")
    tap.equal(os.path.exists(w.path("cache", "kernels.index")), True, "an index was written")


def isf_tables():
    folder = tap.corpus("isf/ntkrnlmp.pdb")
    return {f"ntkrnlmp.pdb/{n}": os.path.join(folder, n) for n in sorted(os.listdir(folder))}


def wrong_tables(w):
    store = w.links("wrong", {k: v for k, v in isf_tables().items() if not k.endswith(X64_TABLE)})
    ip = golden("triage_x64")[0][0]
    facts = w.facts("kdump/triage_x64.dmp", "nt", hex(ip), "nt!KeBugCheckEx", "type:nt!_EPROCESS", y=store)
    nt = facts.modules["nt"]
    tap.equal((nt["state"], nt["how"], nt["guid"], nt["path"]), ("no symbols", "-", "-", "-"), "nt")
    tap.equal(nt["why"], REFUSED, "why")
    tap.equal(facts.names["nt!KeBugCheckEx"], "-", "nt!KeBugCheckEx")
    tap.equal(facts.types["nt!_EPROCESS"][0], "layout", "types are the built-in ones")
    tap.equal(facts.addresses[ip][0].startswith("nt+0x"), True, "no symbol is shown")


def wrong_name(w):
    """The table of another build under the right one's name."""
    tables = isf_tables()
    other = next(v for k, v in tables.items() if not k.endswith(X64_TABLE))
    store = w.links("liar", {f"ntkrnlmp.pdb/{X64_TABLE}": other})
    tap.equal(w.facts("kdump/triage_x64.dmp", "nt", y=store).modules["nt"]["why"], REFUSED, "why")


def right_name_anywhere(w):
    """The right table under a name that says nothing."""
    store = w.links("odd", {"10.0.19041/ntkrnlmp.json.xz": isf_tables()[f"ntkrnlmp.pdb/{X64_TABLE}"]})
    tap.equal(w.facts("kdump/triage_x64.dmp", "nt", y=store).modules["nt"]["guid"], X64_GUID, "nt")


def arm64(w):
    nt = w.facts("kdump/triage_arm64.dmp", "nt", y=tap.corpus("isf")).modules["nt"]
    tap.equal((nt["state"], nt["why"]), ("no symbols", REFUSED), "nt")


def arm64_without(w):
    nt = w.facts("kdump/triage_arm64.dmp", "nt").modules["nt"]
    tap.equal((nt["state"], nt["why"]), ("no symbols", "there is no symbol path"), "nt")


def images(w):
    store = tap.corpus("symstore")
    facts = w.facts("kdump/triage_x64.dmp", "amdppm", "Wdf01000", "bytes:amdppm", "bytes:Wdf01000", i=store)
    for name in ("amdppm", "Wdf01000"):
        m = facts.modules[name]
        tap.equal(os.path.relpath(m["image"], store).split("/")[0].lower(), name.lower() + ".sys", "image")
        tap.equal(m["guid"] != "-", True, "the image file's record is the key")
        tap.contains(m["why"], "the symbol path is empty")
        compared, different, filled = facts.bytes[name]
        tap.equal(compared > 4096 and filled > 65536, True, f"bytes of {name}: {facts.bytes[name]}")
        sites = rewritten(m["image"])
        strays = [r for r in facts.changed[name] if not any(r - k in sites for k in range(SITE))]
        tap.equal(len(facts.changed[name]), different, "differences")
        tap.equal(strays, [], "differences outside of rewritten calls")


def rewritten(path):
    """RVAs of the calls that the image's dynamic value relocations (version 1, 64-bit) let the kernel rewrite."""
    with open(path, "rb") as f:
        data = f.read()
    nt, = struct.unpack_from("<I", data, 0x3c)
    nsections, = struct.unpack_from("<H", data, nt + 6)
    optional, = struct.unpack_from("<H", data, nt + 20)
    sections = [struct.unpack_from("<IIII", data, nt + 24 + optional + 40 * i + 8) for i in range(nsections)]

    def offset(rva):
        return next(raw + rva - va for size, va, raw_size, raw in sections if va <= rva < va + max(size, raw_size))

    config = offset(struct.unpack_from("<I", data, nt + 24 + 112 + 8 * 10)[0])
    at, section = struct.unpack_from("<IH", data, config + 0xe0)
    table = sections[section - 1][3] + at
    version, size = struct.unpack_from("<II", data, table)
    tap.equal(version, 1, "version of the dynamic relocations")
    sites, pos, end = set(), table + 8, table + 8 + size
    while pos < end:
        symbol, length = struct.unpack_from("<QI", data, pos)
        pos += 12
        width = {3: 4, 4: 2, 5: 2}.get(symbol)
        block = pos
        while width and block < pos + length:
            page, span = struct.unpack_from("<II", data, block)
            for k in range(block + 8, block + span, width):
                word = struct.unpack_from("<I" if width == 4 else "<H", data, k)[0]
                if word:
                    sites.add(page + (word & 0xfff))
            block += span
        pos += length
    return sites


def frames(w):
    frames_ = golden("triage_x64")
    facts = w.facts("kdump/triage_x64.dmp", "nt", "amdppm", *[hex(ip) for ip, _ in frames_],
                    y=f"{tap.corpus('isf')};{tap.corpus('symstore')}")
    tap.equal(facts.modules["amdppm"]["state"], "pdb symbols", "amdppm")
    tap.equal(facts.modules["amdppm"]["how"], "GUID and age", "amdppm")
    checked = 0
    for ip, want in frames_:
        module = want.split("!")[0]
        got = facts.addresses[ip][0]
        if "(" in want or facts.modules.get(module, {"state": "no symbols"})["state"] == "no symbols":
            tap.equal(got.startswith(module), True, f"{hex(ip)}: {got} in {module}")
            continue
        tap.equal(got, want, hex(ip))
        checked += 1
    tap.equal(checked, 25, "frames with symbols at hand")


def signature(w):
    """A PDB alone: the dump has no record of it, so its signature must be the image's time stamp."""
    pdb = tap.corpus("symstore/amdppm.pdb/1C19FDDB27BB3399D9B45973EFEAFCF31/amdppm.pdb")
    with open(pdb, "rb") as f:
        data = f.read()
    head, wrong = struct.pack("<II", 20000404, 0xc9c03000), struct.pack("<II", 20000404, 0xc9c03001)
    tap.equal(head in data, True, "its signature is the image's time stamp")
    store = w.links("signed", {"amdppm.pdb/ANY/amdppm.pdb": pdb})
    m = w.facts("kdump/triage_x64.dmp", "amdppm", y=store).modules["amdppm"]
    tap.equal((m["state"], m["how"]), ("pdb symbols", "signature equal to the image's time stamp"), "amdppm")
    other = w.path("unsigned", "amdppm.pdb")
    os.makedirs(os.path.dirname(other))
    with open(other, "wb") as f:
        f.write(data.replace(head, wrong))  # older copies stand in free pages
    m = w.facts("kdump/triage_x64.dmp", "amdppm", y=os.path.dirname(other)).modules["amdppm"]
    tap.equal((m["state"], m["path"]), ("no symbols", "-"), "with another signature")


CASES = (
    ("triage_x64: the kernel is found by its fingerprint, its name not given", kernel_by_fingerprint),
    ("triage_x64: with every table but the right one none is used, and it is said", wrong_tables),
    ("triage_x64: a table under another one's name is not used", wrong_name),
    ("triage_x64: the right table is found under any name and in any folder", right_name_anywhere),
    ("triage_arm64: no table matches, and it is said", arm64),
    ("triage_arm64: without a symbol path it is said that there is none", arm64_without),
    ("triage_x64: images by time stamp and size; their bytes are the dump's but for rewritten calls", images),
    ("triage_x64: frames have the symbols that another debugger found", frames),
    ("triage_x64: a PDB by its signature", signature),
)


def main():
    for name, case in CASES:
        with tap.case(name), tempfile.TemporaryDirectory() as folder:
            tap.corpus()
            case(World(folder))
    tap.done()


if __name__ == "__main__":
    main()
