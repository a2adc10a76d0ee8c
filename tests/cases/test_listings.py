#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every published stack, made into a dump and shown again: by the forge's parsers, fit, images and symbol files, and
by the debugger's reader, symbols and unwinders. Each line must have its Child-SP, RetAddr and call site again.

Nothing else of a case is known here: modules lie around the addresses that a stack names. A listing that was cut off
shows one frame more, in the place to which the last line returns. TAP; standard library only.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

DOCUMENTS = {
    "../seeds/001_76b90eb078b6fcc2.txt": 2,
    "../seeds/002_057968894f01db56.txt": 10,
    "../seeds/003_f5fb1de6fe438750.txt": 3,
    "../seeds/004_80cb412e617e181f.txt": 1,
    "windbg-output/varelaia+bsod-forensics/case-studies/dxgkrnl-iswsl2guest/analysis.txt": 1,
}

# What the authors changed: this module's name was made up, and with it a base address that is on no page.
EDITED = {"ninjaprf+0x10edb": "ninjaprf+0x1e355"}
# A block of this function lies behind another function; the debugger of that time knew from the PDB where it belongs,
# which a stack alone does not tell.
MOVED = {"nt!kewaitforsingleobject+0x1c2": "nt!kiswapthread+0xd6"}

POINTER = r"[0-9a-f]{8}(?:`[0-9a-f]{8})?"
FRAME = re.compile(rf"(?:[0-9a-f]{{2,3}} )?({POINTER}) *({POINTER}) *(?:: ?(?:{POINTER} ){{4}}: )?"
                   r"(?:(?:[0-9a-f]{8} ){3})? *(.*)")

Frame = collections.namedtuple("Frame", "sp ret site line")


def clean(line):
    for old, new in ("\u2013-", "\u2018`", "\u2019'", "\xa0 "):
        line = line.replace(old, new)
    return line.strip()


def number(text):
    return int(text.replace("`", ""), 16)


def frames(listing):
    """The frames that have columns; call sites without blanks and remarks."""
    found = []
    for line in map(clean, listing):
        match = FRAME.fullmatch(line)
        if match:
            site = re.split(r" +(?://|<-|\(|\[)", match.group(3))[0].replace(" ", "").lower()
            site = re.sub("^0x0+", "0x", site)
            found.append(Frame(number(match.group(1)), number(match.group(2)), site, line))
    return found


def stacks(path):
    """The listings of a document: the lines from a header to where something else begins."""
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    for old, new in EDITED.items():
        text = text.replace(old, new)
    lines = text.split("\n")
    found, now = [], None
    for line in lines:
        text = clean(line)
        if re.search(r"Child-SP|ChildEBP RetAddr|^STACK_TEXT", text):
            now = []
            found.append(now)
        elif now is not None:
            if not text or FRAME.fullmatch(text) or re.match(r"\(Inline|----|WARNING|\*\*\*", text):
                now.append(line)
            else:
                now = None
    return found


def split(site):
    """Module, displacement or None when there is no module."""
    if site.startswith("0x"):
        return None, 0
    name, _, disp = site.partition("+0x")
    return name.split("!")[0], number(disp) if disp else 0


def modules(listed, is32):
    """{name: [first address, end]} around what the stack says of each module."""
    where, spare = {}, 0x70000000 if is32 or listed[0].sp < 1 << 63 else 0xfffff8a000000000
    for below, frame in zip([None] + listed, listed):
        module, disp = split(frame.site)
        if not module:
            continue
        where.setdefault(module, [])
        if below:
            start = below.ret - disp & (0xffffffff if is32 else (1 << 64) - 1)
            where[module] += [below.ret] if "`string'" in frame.site else [below.ret, start]
    for name, places in where.items():
        if not places:
            places.append(spare)
            spare += 0x1000000
        base = min(places) if any(s.site.startswith(name + "+") for s in listed) else min(places) - 0x2000 & ~0xfff
        where[name] = [base, max(places) + 0x4000 & ~0xfff]
    end = listed[-1].ret
    if end and not any(start <= end < stop for start, stop in where.values()):
        where["behind"] = [end - 0x2000 & ~0xfff, end + 0x2000 & ~0xfff]
    return where


def scenario(listing, listed, is32):
    kernel = listed[0].sp >= (0x80000000 if is32 else 1 << 63)
    text = ["os 2600 sp 3" if is32 else "os 7601 sp 1", f"cpu {'x86' if is32 else 'x64'} count 1"]
    if kernel:
        text.append("bugcheck a 0 0 0 0")
    for name, (start, end) in sorted(modules(listed, is32).items()):
        text.append(f"module {name} {start:x} {end:x} image {'ntkrnlmp.exe' if name == 'nt' else name + '.dll'}")
    header = "ChildEBP RetAddr" if is32 else "Child-SP RetAddr Call Site"
    text += [f"dump {'triage' if kernel else 'minidump'}", "stack", header] + listing + ["end", ""]
    return "\n".join(text)


def shown(folder, text):
    """What `kn` of the program shows of the scenario."""
    path, out = os.path.join(folder, "s.txt"), os.path.join(folder, "s.dmp")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    made = subprocess.run([tap.helper("stopcode-forge"), path, "-o", out], capture_output=True, timeout=60)
    tap.equal(made.returncode, 0, "status of stopcode-forge: " + made.stderr.decode())
    store = out + ".store"
    status, shown_, err = tap.run("-z", out, "-y", store, "-i", store, "-c", "kn 100; q")
    tap.equal((status, err), (0, ""), "status of stopcode")
    return shown_


def replay(listing):
    listed = frames(listing)
    is32 = "`" not in listed[0].line
    with tempfile.TemporaryDirectory() as folder:
        text = scenario(listing, listed, is32)
        output = shown(folder, text)
    again = frames(output.split("\n"))
    want = [f"{f.sp:x} {f.ret:x} {MOVED.get(f.site, f.site)}" for f in listed]
    tap.equal([f"{f.sp:x} {f.ret:x} {f.site}" for f in again[:len(listed)]], want, "frames")
    tap.equal(len(again), len(listed) + (listed[-1].ret != 0), "frames with the one behind a cut")


for document, count in DOCUMENTS.items():
    name = os.path.basename(document)
    with tap.case(f"{name}: its stacks are found"):
        found = stacks(tap.corpus(document))
        tap.equal(len(found), count, "stacks")
    for i in range(count):
        with tap.case(f"{name}: stack {i + 1} is shown again"):
            replay(stacks(tap.corpus(document))[i])
tap.done()
