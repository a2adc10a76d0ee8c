#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One scenario of objects and handles for several builds of Windows, as small dumps and as whole memory, with symbols and
without: what the object commands say must be the same everywhere, but for addresses.

Without symbols the root directory and the types come from KDDEBUGGER_DATA64 and \\ObjectTypes, and what hides the types'
indexes in Windows 10 from the type "Type".
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

# build, CPU, service pack; the kernel's base; where nonpaged and paged objects are
BUILDS = [(2600, "x86", 3, 0x804d7000, 0x86000000, 0xe1000000),
          (7601, "x86", 1, 0x82800000, 0x86000000, 0x8a000000),
          (7601, "x64", 1, 0xfffff80002a00000, 0xfffffa8002000000, 0xfffff8a000100000),
          (9600, "x64", 0, 0xfffff80002a00000, 0xffffe00102000000, 0xffffc00100100000),
          (17763, "x64", 0, 0xfffff80402a00000, 0xffffc00f02000000, 0xffffa00f00100000),
          (19041, "x64", 0, 0xfffff80402a00000, 0xffffc00f02000000, 0xffffa00f00100000),
          (22000, "x64", 0, 0xfffff80402a00000, 0xffffc00f02000000, 0xffffa00f00100000)]

TEXT = """dump triage
os {build}{sp}
cpu {cpu} count 1 mhz 2000
time 2021-03-30 18:20:11.250
uptime 0 days 5:01:47.031
bugcheck 18 1 2 3 4
ram 64M
paging {paging}
module nt {nt:x} +800000 image ntkrnlmp.exe stamp 5C6E2160
process app.exe {app:x} pid 9a4
process System {system:x} pid 4
thread {thread:x} cid 9a4.9a8
object Directory {device:x} \\Device
object Directory {links:x} \\GLOBAL??
object Device {tcp:x} \\Device\\Tcp pointers 6
object Event {event:x} \\Device\\Ready handles 1
object SymbolicLink {link:x} \\GLOBAL??\\C: target \\Device\\HarddiskVolume1 drive 3
object Process {app:x} handles 1
object Thread {thread:x}
handle 4 {event:x} process {app:x}
handle 8 {device:x} process {app:x} access 3 inherit
handle 1004 {app:x} process {app:x} access 1fffff protect
handle 4 {app:x} access 1fffff audit
"""
COMMANDS = ["!object \\Device", "!object \\GLOBAL??\\C:", "!object 0 Event", "!handle 0 3", "!handle 1004 1",
            "!handle 0 1 0 Directory", "!handle 0 11", "!handle 9a8 23", "!object \\Device\\Nothing"]


def scenario(build, cpu, sp, nt, nonpaged, paged):
    return TEXT.format(build=build, cpu=cpu, sp=f" sp {sp}" if sp else "", nt=nt,
                       paging="pae" if cpu == "x86" else "x64",
                       app=nonpaged + 0x1080, system=nonpaged + 0x3080, thread=nonpaged + 0x5080, tcp=nonpaged + 0x7080,
                       event=nonpaged + 0x8080, device=paged + 0x1080, links=paged + 0x2080, link=paged + 0x3080)


def forge():
    return os.path.join(os.path.dirname(tap.program()), "stopcode-forge")


def ask(dump, symbols):
    """What the commands print, addresses taken out."""
    args = ["-z", dump, *(["-y", dump + ".store", "-i", dump + ".store"] if symbols else [])]
    lines = sum((["-c", c] for c in COMMANDS), [])
    env = {"XDG_CACHE_HOME": os.path.dirname(dump), "_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}
    status, out, err = tap.run(*args, *lines, "-c", "q", env=env)  # the last command fails
    tap.equal(status, 1, "status\n" + err)
    return out


def plain(out):
    out = re.sub(r"(GrantedAccess: 00)([0-9a-f]{6})", r"\1-\2", out)
    out = re.sub(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b", "ADDRESS", out)
    out = re.sub(r"DirBase: \S+", "DirBase: ADDRESS", out)
    out = re.sub(r"\s*\n\s*SessionId", "  SessionId", out)  # 32-bit systems have it on the same line
    out = re.sub(r"(Address|-------) +(Type|----)", r"\1 \2", out)
    return out.replace("old version", "new version")


def facts(out):
    """What must stand in every listing, whatever the build."""
    for part in (r"Target String is '\Device\HarddiskVolume1'", "Drive Letter Index is 3 (C:)",
                 "Scanning 1 objects of type 'Event'", "with 3 entries in use",
                 "0004: Object: ", "GrantedAccess: 001f0003 Entry: ", "GrantedAccess: 00000003 (Inherit) Entry: ",
                 "1004: Object: ", "GrantedAccess: 001fffff (Protected) Entry: ", "GrantedAccess: 001fffff (Audit) Entry: ",
                 ") Event\n", ") Directory\n", ") Process\n", ") Thread\n", "Name: Ready\n", "Name: Device\n",
                 "Kernel handle table at", '\\Device has no "Nothing"'):
        tap.contains(out, part)


with tempfile.TemporaryDirectory() as folder:
    first = None
    for row in BUILDS:
        for kind in ("triage", "full"):
            name = f"{row[0]}-{row[1]}-{kind}"
            path = os.path.join(folder, name + ".scenario")
            dump = os.path.join(folder, name + ".dmp")
            with open(path, "w", encoding="utf-8") as f:
                f.write(scenario(*row))
            with tap.case(f"{name}: the dump is made"):
                run = subprocess.run([forge(), "-q", "--as", kind, path, "-o", dump], capture_output=True, text=True,
                                     timeout=60)
                tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
            for symbols in (True, False):
                with tap.case(f"{name}: objects and handles {'with' if symbols else 'without'} symbols"):
                    out = ask(dump, symbols)
                    facts(out)
                    lines = sorted(plain(out).splitlines())
                    first = first or lines
                    tap.equal("\n".join(lines), "\n".join(first), "the same as of the first build")
tap.done()
