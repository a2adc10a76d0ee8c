#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hibernation files of whole forged machines: every command shows what it shows on the raw image of the same memory.

The raw image is read by nothing but its offsets, so it stands for the memory itself. With the processor's registers
(CR3) and without; packed once more, too. TAP; standard library only.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

BUILD = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
MACHINES = {
    "machine-xp-pae": ["xp-x86"],
    "machine-7601-x86": ["7-x86"],
    "machine-7601-x64": ["7-x64", "vista-sp2-x64"],
    "machine-9600-x64": ["8-x64"],
    "machine-17763-x64": ["17763-x64"],
    "machine-19041-x64": ["17763-x64"],
    "machine-22000-x64": ["22000-x64", "26100-x64"],
}
# None of them goes by the current processor: a hibernation file has the context of the one that wrote it.
COMMANDS = ["lm k", "!pcr 0", "db nt L40", "!prcb 0", "!process 0 0", "dd poi(nt+3c)+nt L20", "? nt"]


def program(name):
    for path in (os.path.join(BUILD, name), os.path.join(BUILD, "tests", name)):
        if os.path.exists(path):
            return path
    raise AssertionError(f"{name} is not built in {BUILD}")


def make(*words):
    subprocess.run(list(words), check=True, timeout=110)


def show(path, store):
    words = [program("stopcode"), "-sins", "-y", store, "-i", store, "-z", path, "-c", "; ".join(COMMANDS)]
    run = subprocess.run(words, capture_output=True, timeout=110, stdin=subprocess.DEVNULL)
    text = run.stdout.decode("utf-8", "replace")
    # How it was found, and where in the file, may differ; what is in memory may not.
    return re.sub(re.escape(os.path.basename(path)), "FILE", text), run.returncode


def dtb_of(scenario, folder):
    """CR3 of the machine, from the header of its complete dump."""
    path = os.path.join(folder, "full.dmp")
    make(program("stopcode-forge"), scenario, "-o", path, "--as", "full", "--quiet")
    with open(path, "rb") as f:
        head = f.read(0x20)
    os.unlink(path)
    return struct.unpack_from("<Q" if head[4:8] == b"DU64" else "<I", head, 0x10)[0]


def main():
    for machine, kinds in MACHINES.items():
        with tempfile.TemporaryDirectory() as folder:
            scenario = os.path.join(tap.ROOT, "tests", "forge", "worlds", machine + ".scenario")
            raw, hiber, store = (os.path.join(folder, n) for n in ("image.raw", "hiberfil.sys", "store"))
            make(program("stopcode-forge"), scenario, "-o", raw, "--as", "raw", "--store", store, "--quiet")
            dtb = dtb_of(scenario, folder)
            want, status = show(raw, store)
            with tap.case(f"{machine}: the raw image answers"):
                tap.equal(len(re.findall(r"^[0-9a-f`]+ +[0-9a-f`]+ +nt ", want, re.M)), 1, want[:2000])
            for kind in kinds:
                for cr3 in ([], [f"{dtb:x}"]):
                    with tap.case(f"{machine} as {kind}{', with CR3' if cr3 else ''}: it shows what the memory shows"):
                        make(program("hiber_file"), raw, hiber, kind, *cr3)
                        tap.equal(show(hiber, store), (want, status), "output")
            with tap.case(f"{machine}, hibernated and packed"):
                make("gzip", "-k", "-f", hiber)
                tap.equal(show(hiber + ".gz", store)[1], status, "status")
    tap.done()


if __name__ == "__main__":
    main()
