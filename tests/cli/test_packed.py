#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dumps that come packed, as real packers write them: zip, gz, xz, zst, tar.gz, 7z, cab.

What a packed dump shows must be what the dump itself shows. Bombs, damage, folders of archives, temporary files.
zstd, gcab and libarchive's writer of 7z are used where they are installed, else the case is skipped. TAP; standard
library only.
"""
import ctypes
import gzip
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

BUILD = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
PROGRAM = os.path.join(BUILD, "stopcode")


def run(*words, stdin="", env=None):
    done = subprocess.run([PROGRAM, *words], input=stdin.encode(), capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def make_dump(folder):
    """A dump of a scenario that comes with the forge."""
    scenario = os.path.join(tap.ROOT, "tests", "golden", "reordered.scenario")
    dump = os.path.join(folder, "made.dmp")
    subprocess.run([os.path.join(BUILD, "stopcode-forge"), scenario, "-o", dump, "--quiet"], check=True, timeout=60)
    return dump


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def pack_zip(dump, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("notes/readme.txt", "what happened\n" * 50)
        z.write(dump, "MEMORY.DMP")


def pack_tar(dump, path):
    with tarfile.open(path, "w:gz") as t:
        info = tarfile.TarInfo("readme.txt")
        info.size = 3
        t.addfile(info, io.BytesIO(b"abc"))
        t.add(dump, "MEMORY.DMP")


def pack_zst(dump, path):
    if not shutil.which("zstd"):
        tap.skip("zstd is not installed")
    subprocess.run(["zstd", "-q", "-f", dump, "-o", path], check=True, timeout=60)


def pack_cab(dump, path):
    if not shutil.which("gcab"):
        tap.skip("gcab is not installed")
    copy = os.path.join(os.path.dirname(path), "MEMORY.DMP")
    shutil.copy(dump, copy)
    subprocess.run(["gcab", "-n", "-c", path, copy], check=True, timeout=60, capture_output=True)
    os.unlink(copy)


def pack_7z(dump, path):
    """By libarchive's own writer."""
    try:
        lib = ctypes.CDLL("libarchive.so.13")
    except OSError:
        tap.skip("libarchive is not installed")
    for name in ("archive_write_new", "archive_entry_new"):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.archive_write_data.restype = ctypes.c_ssize_t
    writer, entry = ctypes.c_void_p(lib.archive_write_new()), ctypes.c_void_p(lib.archive_entry_new())
    data = read(dump)
    lib.archive_write_set_format_7zip(writer)
    lib.archive_write_open_filename(writer, path.encode())
    lib.archive_entry_set_pathname(entry, b"MEMORY.DMP")
    lib.archive_entry_set_size(entry, ctypes.c_int64(len(data)))
    lib.archive_entry_set_filetype(entry, 0o100000)
    lib.archive_entry_set_perm(entry, 0o644)
    tap.equal(lib.archive_write_header(writer, entry), 0, "archive_write_header")
    tap.equal(lib.archive_write_data(writer, data, ctypes.c_size_t(len(data))), len(data), "archive_write_data")
    lib.archive_write_close(writer)
    lib.archive_write_free(writer)


PACKERS = {
    "mem.zip": pack_zip,
    "MEMORY.DMP.gz": lambda dump, path: write(path, gzip.compress(read(dump))),
    "MEMORY.DMP.xz": lambda dump, path: write(path, lzma.compress(read(dump))),
    "MEMORY.DMP.zst": pack_zst,
    "mem.tar.gz": pack_tar,
    "mem.cab": pack_cab,
    "mem.7z": pack_7z,
}


def first_screen(path):
    status, out, err = run("-z", path, stdin="q\n")
    tap.equal((status, err), (0, ""), "status")
    return out


def same_as_the_dump(dump, path):
    plain, packed = first_screen(dump), first_screen(path)
    lines = packed.split("\n")
    said = [line for line in lines if line.startswith("Unpacked from a")]
    tap.equal(len(said), 1, "lines that say what was unpacked")
    tap.equal(said[0].endswith(f": MEMORY.DMP, {os.path.getsize(dump):,} bytes"), True, said[0])
    rest = [line for line in lines if line not in said and "were not looked at" not in line]
    tap.equal("\n".join(rest), plain.replace(f"[{dump}]", f"[{path}: MEMORY.DMP]"), "first screen")
    tap.equal(run("-z", path, "-c", "k"), run("-z", dump, "-c", "k"), "stack")


def formats(dump, folder):
    for name, packer in PACKERS.items():
        with tap.case(f"{name}: it shows what the dump shows"):
            path = os.path.join(folder, name)
            packer(dump, path)
            same_as_the_dump(dump, path)


def bombs(dump, folder):
    with tap.case("a bomb stops at what the disk has, or is a large dump; nothing stays behind"):
        path = os.path.join(folder, "bomb.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            with z.open("b.dmp", "w", force_zip64=True) as f:
                f.write(read(dump))
                for _ in range(300):
                    f.write(bytes(1 << 20))
        temporary = os.path.join(folder, "tmp")
        os.makedirs(temporary)
        status, out, err = run("-z", path, "-c", "vertarget", env={"TMPDIR": temporary})
        tap.equal((status, err), (0, ""), "status")
        tap.equal(os.listdir(temporary), [], "left in the temporary folder")
    with tap.case("a temporary folder that is not there is said"):
        status, out, err = run("-z", os.path.join(folder, "mem.zip"), "-c", "vertarget", env={"TMPDIR": "/nowhere/at/all"})
        tap.equal(status, 2, "status")
        tap.equal("cannot make a temporary file in /nowhere/at/all" in err, True, err)


def folders(dump, folder):
    with tap.case("a folder's archives are looked into, and those without a dump passed over"):
        many = os.path.join(folder, "many")
        os.makedirs(many)
        shutil.copy(os.path.join(folder, "mem.zip"), many)
        shutil.copy(os.path.join(folder, "MEMORY.DMP.gz"), many)
        write(os.path.join(many, "source.gz"), gzip.compress(b"int main(void);\n"))
        with zipfile.ZipFile(os.path.join(many, "symbols.zip"), "w") as z:
            z.writestr("a.pdb", b"Microsoft C/C++ MSF 7.00\r\n")
        status, out, err = run("analyze", "--json", many)
        tap.equal((status, err), (0, "2 files: 2 analysed, 0 failed, 0 not opened; 2 files in folders skipped: no dumps\n"),
                  "status and counts")
        found = [json.loads(line) for line in out.splitlines()]
        summary = [r for r in found if r.get("type") == "summary"]
        files = [r for r in found if r.get("type") != "summary"]
        tap.equal(len(files), 2, "dumps that were analysed")
        tap.equal(len(summary), 1, "summaries")


def main():
    with tempfile.TemporaryDirectory() as folder:
        dump = None
        with tap.case("the forge makes a dump"):
            made = os.path.join(folder, "made")
            os.makedirs(made)
            dump = make_dump(made)
        if dump:
            formats(dump, folder)
            bombs(dump, folder)
            folders(dump, folder)
    tap.done()


if __name__ == "__main__":
    main()
