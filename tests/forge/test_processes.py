#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processes and threads of whole memory: what process_worlds.py describes is what the commands show, in every build.

Stacks go on in the memory of their own process, and only there; modules are those of the process at hand; the 32-bit side
of a thread; all threads at once. TAP; standard library only.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process_worlds import PIDS, WORLDS, World  # noqa: E402

FOLDER = tempfile.mkdtemp(prefix="stopcode-processes-")
STORE = os.path.join(FOLDER, "store")
TICKS = "00ba6ec1"  # 2 days 5:01:47.031 of 15.625 ms: what KUSER_SHARED_DATA counts; all waits began at 0


def forge(world, kind=None):
    scenario, out = (os.path.join(FOLDER, world.name + end) for end in (".scenario", f"-{kind or 'full'}.dmp"))
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(world.text())
    command = [os.path.join(os.path.dirname(tap.program()), "stopcode-forge"), scenario, "-o", out, "-q", "--store", STORE]
    run = subprocess.run(command + (["--as", kind] if kind else []), capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), f"stopcode-forge {world.name}")
    return out


def ask(dump, *commands, options=("--no-color",)):
    run = subprocess.run([tap.program(), *options, "-y", STORE, "-i", STORE, "-z", dump, "-c", "; ".join(commands + ("q",))],
                         capture_output=True, text=True, timeout=60)
    return run.stdout


def rows(text):
    """[(first column, return address, name)] of the stacks in a text, without what stands behind names."""
    found = []
    for line in text.splitlines():
        m = re.match(r"\s*([0-9a-f`]{8,17}) ([0-9a-f`]{8,17}) ([A-Za-z0-9_]+!\S+|0x[0-9a-f`]+|\w+\+0x\w+)", line)
        if m:
            found.append((m.group(1), m.group(2), m.group(3)))
    return found


def expected(world, thread, kernel_only=False):
    listing = world.wow_frames() if thread == "wow" else world.frames(thread)
    want = [(world.addr(sp), world.addr(ret), name.split(" ")[0]) for sp, ret, name in listing]
    if kernel_only:
        sp, user = listing[len(world.kernel_frames(thread)) + 1][0], listing[len(world.kernel_frames(thread))][1]
        want = want[:len(world.kernel_frames(thread)) + 1]
        shown = f"0x{world.addr(user)}" if user > 0xffffffff else f"0x{user:x}"
        want.append((world.addr(sp), world.addr(0), shown))
    return want


def section(text, thread):
    """What `!process` shows of a thread."""
    at = text.index(f"THREAD {thread}")
    end = text.find("THREAD", at + 6)
    stop = text.find("\nPROCESS", at)
    ends = [e for e in (end, stop) if e > 0]
    return text[at:min(ends) if ends else len(text)]


def check_all_processes(world, dump):
    text = ask(dump, "!process 0 0")
    listed = re.findall(r"PROCESS ([0-9a-f]+).*?Cid: ([0-9a-f]+).*?Image: (\S+)", text, re.S)
    want = [(world.digits(a), f"{PIDS[n]:04x}", n) for n, a in world.process.items()]
    tap.equal(listed, want, "processes")


def check_stacks_in_user_mode(world, dump):
    text = ask(dump, ".enrich off", "!process 0 1e", "!process -1 0")
    for name in ["waits", "mutex", "other"] + ["wow"] * world.wide:
        tap.equal(rows(section(text, world.digits(world.threads[name]))), expected(world, name), f"the stack of {name}")
    tap.contains(section(text, world.digits(world.threads["paged"])), "Kernel stack not resident.")
    tap.contains(section(text, world.digits(world.threads["mutex"])),
                 f"{world.digits(world.mutant)}  Mutant - owning thread {world.digits(world.threads['waits'])}")
    tap.contains(text.splitlines()[-4] + text.splitlines()[-3], world.digits(world.process["app.exe"]))


def check_another_process_ends_where_its_memory_begins(world, dump):
    text = ask(dump, ".enrich off", "!process 0 e other.exe")
    tap.equal(rows(section(text, world.digits(world.threads["other"]))), expected(world, "other", True), "the stack")
    tap.lacks(text, "other!")
    tap.lacks(text, "ntdll!")
    text = ask(dump, ".enrich off", f".thread {world.digits(world.threads['other'])}", "k")
    tap.equal(rows(text), expected(world, "other", True), "k of a thread whose process is not at hand")
    text = ask(dump, ".enrich off", f".thread /p {world.digits(world.threads['other'])}", "k")
    tap.equal(rows(text), expected(world, "other"), "k in its process")


def check_one_thread(world, dump):
    at = world.digits(world.threads["other"])
    text = ask(dump, ".enrich off", f"!thread {at} 1e", "lm u")
    tap.equal(rows(text), expected(world, "other"), "!thread with its process's memory")
    tap.contains(text[text.index("module name"):], "app ")
    tap.lacks(text[text.index("module name"):], "other ")
    on_stack = world.digits(world.stack("other")[0] - 0x3C0)
    text = ask(dump, f"!thread {on_stack} 0", "!thread -t a04 0", f"!thread {world.digits(world.mutant)} 0")
    tap.contains(text, f"{on_stack} is not a thread object, interpreting as stack value...\nTHREAD {at}")
    tap.equal(text.count(f"THREAD {at}"), 2, "found by its stack and by its id")


def check_modules_of_the_process(world, dump):
    other = world.digits(world.process["other.exe"])
    text = ask(dump, "lm u", f".process /p /r {other}", "lm u", ".process 0", "lm u", ".reload /user")
    parts = text.split("module name\n")[1:]
    names = [re.findall(r"^[0-9a-f`]+ [0-9a-f`]+ +(\w+)", p, re.M) for p in parts]
    tap.equal(names, [["app", "ntdll"], ["other", "ntdll"], ["app", "ntdll"]], "modules")
    tap.contains(parts[0], "Loading User Symbols\n..\n")
    tap.contains(parts[2], "Loading User Symbols\n..\n")
    text = ask(dump, f".process {other}", "!peb", f".thread /p {world.digits(world.threads['other'])}", "!teb")
    tap.contains(text, r"C:\app\other.exe")
    tap.contains(text, f"TEB at {world.digits(world.teb('other'))}")


def check_blocks_are_read_where_they_belong(world, dump):
    """A TEB in the process that owns the thread, a PEB in the process that is named, whichever is at hand."""
    other, waits = (world.digits(world.threads[n]) for n in ("other", "waits"))
    process = world.digits(world.process["other.exe"])
    teb = f"TEB at {world.digits(world.teb('other'))}\n"
    owner = f"In the memory of process {process} (other.exe), which is not the one at hand:\n"
    for command in (f".thread {other}; !teb", f"!teb {other}", f".thread {other}; .process 0; !teb"):
        text = ask(dump, command, "lm u")
        tap.contains(text, owner + teb)
        tap.contains(text, f"Self:                 {world.digits(world.teb('other'))}\n")
        tap.contains(text, "app.exe" if "app.exe" in text else "app ")
    tap.contains(ask(dump, f".thread {other}", "!gle"), owner + "LastErrorValue")
    text = ask(dump, f"!peb {process}", ".echo --", f"!peb {world.digits(world.process['app.exe'])}")
    there, here = text.split("--\n")
    tap.contains(there, owner + "PEB at")
    tap.contains(there, r"C:\app\other.exe")
    tap.lacks(here, "not the one at hand")
    tap.contains(here, r"C:\app\app.exe")
    text = ask(dump, f"!peb {waits}", f"!teb {process}", f"!peb {world.digits(world.process['System'])}")
    tap.contains(text, f"ERROR: at {waits} there is no process, and PEBs lie in user memory")
    tap.contains(text, f"ERROR: at {process} there is no thread, and TEBs lie in user memory")
    tap.contains(text, "ERROR: the process has no PEB: it runs in the kernel alone, or has ended")
    text = ask(dump, "!thread 9ac", ".process 9a4")
    tap.contains(text, "if that is a thread's id: !thread -t 9ac")
    tap.contains(text, "if that is a process's id: !process 9a4 0 tells its address")


def check_processes_by_module(world, dump):
    text = ask(dump, "!process /m other.exe 0 0", ".echo --", "!process /m ntdll 0 0", ".echo --", "!process /m no.dll 0 0",
               ".echo --", "!process 0 0 OTHER.EXE", ".echo --", "!process a00 0")
    images = [re.findall(r"Image: (\S+)", part) for part in text.split("--\n")]
    users = [n for n in world.process if n != "System"]
    tap.equal(images, [["other.exe"], users, [], ["other.exe"], ["other.exe"]], "processes by module")


def check_stacks(world, dump):
    text = ask(dump, "!stacks 1", ".echo --", "!stacks", ".echo --", "!stacks 2 ntwait")
    all_, resident, filtered = text.split("--\n")
    paged = world.digits(world.threads["paged"])
    waits = world.digits(world.threads["waits"])
    tap.contains(all_, f" a00.000a08  {paged} {TICKS} Blocked    Stack paged out\n")
    tap.contains(all_, f" 9a4.0009ac  {waits} {TICKS} Blocked    nt!NtWaitForSingleObject+0x1bc\n")
    tap.contains(all_, f"{'':28}[{world.digits(world.process['other.exe'])} other.exe]\n")
    tap.lacks(resident, paged)
    tap.contains(filtered, f"{waits} {TICKS} Blocked    nt!KiSwapContext+0x7a\n{'':40}nt!KiSwapThread+0x1d2\n")
    tap.lacks(filtered, world.digits(world.threads["runs"]))
    tap.contains(filtered, "\nThreads Processed: ")


def check_every_stack(world, dump):
    threads = [n for n in world.threads if n not in ("runs", "paged")]
    text = ask(dump, "!findstack NtWait 0", ".echo --", "!uniqstack")
    found, unique = text.split("--\n")
    want = [world.digits(world.threads[n]) for n in threads]
    tap.equal(re.findall(r"^Thread (\S+) \(", found, re.M), want, "threads with the symbol")
    tap.contains(unique, f"THREAD {world.digits(world.threads['waits'])}  Cid 09a4.09ac  Image: app.exe\n")
    tap.contains(unique, f"Duplicate callstacks: {len(want) - 1 - world.wide} (threads follow):\n")


def check_for_each(world, dump):
    text = ask(dump, "!for_each_process .echo P @#Process", '!for_each_thread ".echo T @#Thread; !thread @#Thread 0"',
               "!for_each_thread", "!for_each_process", '!for_each_process ".process @#Process; lm u"')
    tap.equal(re.findall(r"^P 0x([0-9a-f]+)", text, re.M), [world.digits(a) for a in world.process.values()], "processes")
    named = re.findall(r"^T 0x([0-9a-f]+)\nTHREAD ([0-9a-f]+)", text, re.M)
    want = [world.digits(a) for a in world.threads.values()]
    tap.equal(named, [(a, a) for a in want], "threads")
    tap.equal(len(re.findall("^THREAD", text, re.M)), 2 * len(want), "!for_each_thread alone")
    tap.equal(text.count("SessionId"), len(world.process), "!for_each_process alone")
    tap.equal(text.count("Implicit process is now"), len(world.process), "commands that change the process")


def check_why_a_name_is_on_no_stack(world, dump):
    """Names of user mode are not looked for; without symbols there are none of the kernel's but its exports."""
    part = "Only the kernel's part of stacks was looked at; !process 0 1f shows the rest.\n"
    tap.equal(ask(dump, "!findstack app!Work"), f'No stack has a frame of "app!Work".\n{part}', "a name of user mode")
    run = subprocess.run([tap.program(), "--no-color", "-sins", "-z", dump, "-c", "!findstack nt!KiSwapThread; q"],
                         capture_output=True, text=True, timeout=60)
    tap.contains(run.stdout, 'No stack has a frame of "nt!KiSwapThread".\n')
    tap.contains(run.stdout, " of that module: its functions have no names of their own.\n" + part)


def check_the_32_bit_side(world, dump):
    if not world.wide:
        return
    at = world.digits(world.threads["wow"])
    want = [(f"{sp:08x}", f"{ret:08x}") for sp, ret, _ in world.narrow_frames()]
    text = ask(dump, f".thread /w {at}", "k", ".effmach", "r esp", "lm u", ".effmach amd64", "k", "!wow64exts.k", ".effmach arm64")
    tap.contains(text, "WARNING: WOW context retrieval requires\nswitching to the thread's process context.\n"
                       f"Use .process /p {world.digits(world.process['app.exe'])} to switch back.\n")
    tap.contains(text, "x86 context set\n")
    tap.contains(text, "Effective machine: x86 compatible (x86)\nesp=0018fd38\n")
    tap.contains(text, "Effective machine: x64 (AMD64)\n")
    tap.contains(text, "ntdll_77000000")
    narrow = text[:text.index("Effective")]
    tap.equal([r[:2] for r in rows(narrow)], want, "the 32-bit stack")
    both = text[text.index("Walking 64bit Stack...\n"):]
    wide, narrow = both.split("\nWalking 32bit Stack...\n")
    tap.equal(rows(wide), expected(world, "wow"), "the 64-bit stack")
    tap.equal([r[:2] for r in rows(narrow)], want, "the 32-bit stack again")
    text = ask(dump, "!process 0 1e wow.exe")
    tap.contains(text, "[32-bit side:]")
    text = ask(dump, f".thread {at}", "!wow64exts.k", "!wow64exts.r", ".effmach")
    tap.equal([r[:2] for r in rows(text[text.index("Walking 32bit"):])], want, "without its process at hand")
    tap.contains(text, "esp=0018fd38")
    tap.contains(text, "Effective machine: x64 (AMD64)\n")
    text = ask(dump, f".thread /w {world.digits(world.threads['other'])}", ".thread /w 0")
    tap.contains(text, "has no 32-bit side")


def check_times_without_symbols(world, dump):
    """The page that the kernel shares with processes counts ticks, and says how long one is."""
    run = subprocess.run([tap.program(), "--no-color", "-sins", "-z", dump, "-c", "!thread; !process -1 1; q"],
                         capture_output=True, text=True, timeout=60)
    tap.contains(run.stdout, "Ticks: 12218049 (2:05:01:47.015)\n")
    tap.lacks(run.stdout, "whose length is not in the dump")


def check_json(world, dump):
    text = ask(dump, "!process 0 1f", "!stacks 2", ".reload /user", ".effmach", "!findstack NtWait", "!uniqstack", "!running",
               options=("--json",))
    kinds = set()
    for line in text.splitlines():
        for record in [json.loads(line)] if line.strip() else []:
            kinds |= {r.get("type") for r in record.get("records", [record])}
    for kind in ("kernel_process", "kernel_thread", "kernel_stack", "user_modules", "effective_machine", "stack_match",
                 "stack_thread", "processors"):
        assert kind in kinds, f"no record {kind}: {sorted(k for k in kinds if k)}"


def check_kernel_memory_alone(world, dump):
    """Without the memory of processes: said, and nothing of another's shown."""
    text = ask(dump, ".enrich off", "lm u", ".reload /user", "!process 0 1e other.exe", "!peb")
    pointer = 0x18 if world.wide else 0xC
    m = re.search(r"PEB is paged out \(Peb.Ldr = ([0-9a-f`]+)\)\.  Type \"\.hh dbgerr001\" for details", text)
    assert m and int(m.group(1).replace("`", ""), 16) & 0xfff == pointer, text[:800]
    tap.lacks(text, "ntdll")
    kernel = [r for r in rows(text) if r[2].startswith("nt!")]
    tap.equal(kernel, [r for r in expected(world, "other") if r[2].startswith("nt!")], "the kernel's part")


# Where src/nt/usermod.c reads: 32-bit, 64-bit.
LOADER = {("_PEB", "Ldr"): (0xC, 0x18), ("_PEB_LDR_DATA", "InLoadOrderModuleList"): (0xC, 0x10),
          ("_LDR_DATA_TABLE_ENTRY", "DllBase"): (0x18, 0x30), ("_LDR_DATA_TABLE_ENTRY", "SizeOfImage"): (0x20, 0x40),
          ("_LDR_DATA_TABLE_ENTRY", "FullDllName"): (0x24, 0x48), ("_LDR_DATA_TABLE_ENTRY", "BaseDllName"): (0x2C, 0x58),
          ("_LDR_DATA_TABLE_ENTRY", "TimeDateStamp"): (0x44, 0x80)}


def loader_offsets():
    """The loader's structures lie where the reader thinks, in every build of which there is a table."""
    seen = 0
    for path in sorted(glob.glob(os.path.join(tap.ROOT, "data", "layouts", "*.tsv"))):
        wide = not path.endswith("-x86.tsv")
        with open(path, encoding="utf-8") as f:
            for line in f:
                name, member, offset = (line.split("\t") + ["", ""])[:3]
                if (name, member) in LOADER:
                    tap.equal(int(offset, 16), LOADER[name, member][wide], f"{os.path.basename(path)}: {name}.{member}")
                    seen += 1
    assert seen >= 5 * len(LOADER), f"only {seen} offsets were looked at"


CHECKS = [v for k, v in sorted(globals().items()) if k.startswith("check_") and v is not check_kernel_memory_alone]

with tap.case("the loader's structures lie where they are read, in every build"):
    loader_offsets()
try:
    for world_name in WORLDS:
        w = World(world_name)
        path = None
        with tap.case(f"{world_name}: it can be forged"):
            path = forge(w)
        for check in CHECKS if path else []:
            with tap.case(f"{world_name}: {check.__name__[6:].replace('_', ' ')}"):
                check(w, path)
        with tap.case(f"{world_name}: kernel memory alone"):
            check_kernel_memory_alone(w, forge(w, "kernel"))
        for left in os.listdir(FOLDER):
            if left.endswith(".dmp"):
                os.unlink(os.path.join(FOLDER, left))
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
tap.done()
