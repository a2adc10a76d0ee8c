#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scenarios, made and opened with the program itself: with nothing, and with the symbols and images made beside them.

What is checked is what the scenario says. No note of the reader may complain about a forged dump, and LLVM's tools read
every image and PDB of the stores without a word. TAP; standard library only.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def forge():
    return os.path.join(os.path.dirname(tap.program()), "stopcode-forge")


def make(scenario, dump):
    run = subprocess.run([forge(), scenario, "-o", dump], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge " + scenario)
    return run.stdout


def debug(dump, *commands, symbols):
    """What each command printed."""
    args = ["-z", dump, *(["-y", dump + ".store", "-i", dump + ".store"] if symbols else [])]
    lines = []
    for number, command in enumerate(commands):
        lines += [f".echo ---{number}---", command]
    # Nobody's own symbols: the cache is this test's, the path is empty.
    env = {"XDG_CACHE_HOME": os.path.dirname(dump), "_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}
    status, out, err = tap.run(*args, *sum((["-c", c] for c in lines), []), "-c", "q", env=env)
    tap.equal(status, 0, "status\n" + err)
    parts = re.split(r"^---\d+---$", out, flags=re.M)[1:]
    tap.equal(len(parts), len(commands), "commands that printed\n" + out)
    return [p.strip("\n") for p in parts]


def has(text, *parts):
    for part in parts:
        tap.contains(text, part)


def rows(text):
    """Lines without the blanks that differ."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def listed(scenario):
    """The frames of the current stack as the scenario shows them: (Child-SP, RetAddr, name)."""
    with open(scenario, encoding="utf-8") as f:
        block = re.search(r"^stack(?: current)?\n(.*?)^end$", f.read(), re.M | re.S).group(1)
    return shown(block)


def shown(text):
    """The frames that k printed, without what stands behind them in brackets."""
    text = re.sub(r"\s+\[[^]]*\]\s*$", "", text, flags=re.M)
    return re.findall(r"([0-9a-f`]{8,17}) ([0-9a-f`]{8,17})\s*([A-Za-z]\S*)$", text, re.M)


# Of each world: what commands print without symbols, and what with them. Of `k` the scenario itself says it.
KERNELS = {
    "xp-x86": {
        "bare": [("vertarget", ["Windows XP Kernel Version 2600 (Service Pack 3) UP Free x86 compatible",
                                "2600.xpsp_sp3_gdr.090804-1435", "Mon Oct 19 12:01:13.046 2009",
                                "0 days 1:17:50.765"]),
                 ("lm", ["804d7000 806cf000   nt ", "806cf000 806ef380   hal", "f7a2b000 f7a31000   baddrv",
                         "oldflt.sys"]),
                 (".bugcheck", ["Bugcheck code 100000D1", "00000024 00000002 00000000 f7a2cc42"]),
                 ("dt nt!_EPROCESS 86a5f020 UniqueProcessId", ["UniqueProcessId", "0x000006a8"]),
                 ("!analyze", ["baddrv"]),
                 ("!thread -1 1", ["THREAD 86b2c8d8  Cid 06a8.06ac"])],
        "symbols": [("ln nt!KeBugCheckEx", ["(804f8c00)   nt!KeBugCheckEx"]),
                    ("dt nt!_EPROCESS 86a5f020 UniqueProcessId", ["UniqueProcessId", "0x000006a8"]),
                    ("dt nt!_KTHREAD 86b2c8d8 State", ["State", "0x2"]),
                    ("lm m nt", ["(pdb symbols)", "ntkrnlpa.pdb"])]},
    "win7-x64": {
        "bare": [("vertarget", ["Windows 7 Kernel Version 7601 (Service Pack 1) MP (2 procs) Free x64",
                                "7601.24384.amd64fre.win7sp1_ldr.190220-1800", "2 days 5:01:47.031"]),
                 ("lm", ["fffff800`02a18000 fffff800`02ffe000   nt ", "fffff880`04c00000 fffff880`04c18000   mydrv"]),
                 (".bugcheck", ["Bugcheck code 000000D1", "fffffa80`12345678 00000000`00000002 "
                                "00000000`00000001 fffff880`04c0134e"]),
                 ("dt nt!_EPROCESS fffffa80029fe060 UniqueProcessId ImageFileName InheritedFromUniqueProcessId",
                  ["0x00000000`000009a4", '"notepad.exe"', "0x00000000`000006f0"]),
                 ("!analyze", ["mydrv+0x134e"]),
                 ("da fffffa80`18000000 L4", ['"MyTg"']), ("du fffffa80`18000008 L6", ['"forged"']),
                 ("~0s; r $ip", ["fffff800"])],
        "symbols": [("!analyze", ["mydrv.sys ( mydrv!MyDpcRoutine+0x4e )"]),
                    (".thread fffffa8002a11b50; kn", ["nt!KiSwapContext+0x7a",
                                                      "03 fffff880`04f5eb70 fffff800`02a8be93 "
                                                      "nt!PspExitThread+0xffffffff`fffe3ae9"]),
                    ("!process 0 0", ["PROCESS fffffa80018b5040", "Image: System", "PROCESS fffffa80029fe060",
                                      "Cid: 09a4", "Image: notepad.exe"]),
                    ("!thread fffffa8002a11b50 2", ["Cid 09a4.09a8", "WAIT: (WrUserRequest) UserMode"]),
                    ("dd mydrv!MyGlobal L1", ["0000002a"]),
                    (".lines -e; ln mydrv!MyDpcRoutine+0x4e", [r"c:\src\mydrv\dpc.c(117)"]),
                    ("x mydrv!*", ["mydrv!MyDpcRoutine", "mydrv!MyThread", "mydrv!MyGlobal"]),
                    ("dt nt!_LIST_ENTRY mydrv!MyGlobal+10", ["0xfffff880`04c08020"]),
                    (".cxr; .frame 3; dv", ["Context", "Count"]),
                    ("!lmi mydrv", ["mydrv.pdb"])]},
    "w10-x64": {
        "bare": [("vertarget", ["Windows 10 Kernel Version 19041 MP (4 procs) Free x64", "0 days 0:09:12.500"]),
                 (".bugcheck", ["Bugcheck code 00000139"]),
                 (".exr -1", ["c0000409", "Parameter[0]: 0000000000000003"]),
                 ("dt nt!_EPROCESS ffffc00fd2e8b080 UniqueProcessId", ["0x00000000`000005ac"]),
                 # The image is in the dump: its exports and its version are known without any file.
                 ("ln netfilter+0x3c60", ["netfilter!RemoveFlow"]),
                 ("lmvm netfilter", ["3.2.1.0", "Example Networks"]),
                 ("!analyze", ["VERDICT"]),
                 ("~2s; r rsp", ["ffffe28c0a5f6af8"])],
        "symbols": [("ln nt!KeBugCheckEx", ["(fffff804`1a3f5e40)   nt!KeBugCheckEx"]),
                    ("!process -1 0", ["svchost.exe", "Cid: 05ac"]),
                    ("dt nt!_KPRCB poi(nt!KiProcessorBlock+10) Number MHz", ["2", "0xe70"])]},
    "w11-x64": {
        "bare": [("vertarget", ["Kernel Version 22000 UP Free x64", "0 days 12:00:00.000"]),
                 (".bugcheck", ["Bugcheck code 000000E2"]),
                 ("dt nt!_EPROCESS ffff9a0d4b07a040 UniqueProcessId ImageFileName",
                  ["0x00000000`00000004", '"System"']),
                 ("!analyze", ["VERDICT"])],
        "symbols": [("k", ["nt!KeBugCheckEx", "kbdhid!KbdHid_InsertCodesIntoQueue+0x3c",
                           "nt!IopfCompleteRequest+0xe2", "nt!KiProcessExpiredTimerList+0x172"]),
                    ("ln nt!IopfCompleteRequest", ["nt!IopfCompleteRequest"]),
                    ("dt nt!_LIST_ENTRY nt!PsActiveProcessHead", ["0xffff9a0d`4b07a488"])]},
}
PROCESSES = {
    "user-x64": {
        "bare": [("vertarget", ["Windows 10 Version 19041 MP (8 procs) Free x64", "Process Uptime: 0 days 0:01:30"]),
                 ("lm", ["crashme", "kernel32", "ntdll", "oldplug.dll"]),
                 (".exr -1", ["00007ff61a2b121a", "Attempt to read from address 0000000000000010"]),
                 ("~", ["1f48.2b1c", "1f48.30a4"]),
                 ("!teb", ["00000067b7d00000"]), ("du 180000000", ['"on the heap"'])],
        "symbols": [(".ecxr; .lines -e; kn", ["crashme!Widget::Draw+0x1a [c:\\src\\crashme\\widget.cpp @ 44]",
                                              "ntdll!RtlUserThreadStart+0x21"]),
                    ("~1k", ["ntdll!NtWaitForWorkViaWorkerFactory+0x14", "kernel32!BaseThreadInitThunk+0x14"]),
                    ("dv", ["this = "]),
                    ("u crashme!Widget::Draw+1a L1", ["mov     eax,dword ptr [rcx+10h]"]),
                    ("!analyze", ["crashme.exe ( crashme!Widget::Draw+0x1a )"])]},
    "user-x86": {
        "bare": [("vertarget", ["Windows XP Version 2600 (Service Pack 3) UP Free x86 compatible"]),
                 ("r eip", ["eip=10001234"]), ("!teb", ["00130000"]), ("dd 12fd20 L4", ["00000003"])],
        "symbols": [(".ecxr; k", ["plugin+0x1234", "0012fd70 00000000 host!main+0x56"])]},
}


def check_world(folder, name, facts, is_kernel):
    scenario = os.path.join(HERE, "worlds", name + ".scenario")
    dump = os.path.join(folder, name + ".dmp")
    with tap.case(f"{name}: is made"):
        has(make(scenario, dump), name + ".dmp: ")
    for symbols in (False, True):
        commands = facts["symbols" if symbols else "bare"]
        way = "with symbols" if symbols else "with nothing"
        with tap.case(f"{name}: {way}: {', '.join(c.split()[0] for c, _ in commands)}"):
            for (command, parts), text in zip(commands, debug(dump, *(c for c, _ in commands), symbols=symbols)):
                for part in parts:
                    if part not in text and " ".join(part.split()) not in " ".join(text.split()):
                        raise AssertionError(f"{command}: {part!r} is not in:\n{text}")
    frames = listed(scenario) if is_kernel or "symbols" in name or "\nstack" in open(scenario).read() else []
    if frames:
        with tap.case(f"{name}: k prints the scenario's stack"):
            text = debug(dump, ".cxr; k" if is_kernel else ".ecxr; k", symbols=True)[0]
            tap.equal(shown(text), frames, "frames")
    with tap.case(f"{name}: the reader has nothing to remark"):
        # Notes are complete when everything was read; then !analyze and .dumpdebug show them.
        _, facts_of_file, verdict = debug(dump, "lm; ~*k; db 0 L1", ".dumpdebug", "!analyze -v", symbols=True)
        tap.contains(facts_of_file, "TRIAGE_DUMP" if is_kernel else "MINIDUMP_HEADER")
        tap.lacks(facts_of_file, "Odd about this")
        tap.lacks(facts_of_file, "NOTE:")
        tap.lacks(verdict, "Odd about this")


def check_store(folder):
    tools = [shutil.which("llvm-readobj"), shutil.which("llvm-pdbutil")]
    if not all(tools):
        tap.skip("no llvm-readobj and llvm-pdbutil here")
    images = [p for kind in ("exe", "sys", "dll") for p in glob.glob(f"{folder}/*.store/*/*/*.{kind}")]
    pdbs = glob.glob(f"{folder}/*.store/*/*/*.pdb")
    if len(images) < 12 or len(pdbs) < 8:
        raise AssertionError(f"{len(images)} images and {len(pdbs)} PDBs are too few")
    for path in images:
        run = subprocess.run([tools[0], "--file-headers", "--sections", "--unwind", "--coff-exports",
                              "--coff-debug-directory", "--coff-resources", path], capture_output=True, text=True)
        tap.equal((run.returncode, run.stderr), (0, ""), "llvm-readobj " + path)
    for path in pdbs:
        for args in (["-summary", "-section-headers", "-publics"], ["-symbols", "-globals"], ["-types", "-type-stats"],
                     ["-l"], ["-section-contribs", "-files"]):
            run = subprocess.run([tools[1], "dump", *args, path], capture_output=True, text=True)
            tap.equal((run.returncode, run.stderr), (0, ""), f"llvm-pdbutil dump {' '.join(args)} {path}")


def check_program(folder):
    text = "os 7601\ncpu x64\ndump triage named.dmp\nmodule nt fffff80001600000 +5ea000\n"

    def run(*args, stdin=None):
        done = subprocess.run([forge(), *args], input=stdin, capture_output=True, text=True, cwd=folder)
        return done.returncode, done.stdout, done.stderr

    with tap.case("stopcode-forge reads standard input, and takes the name that the scenario gives"):
        status, out, err = run("-", stdin=text)
        tap.equal((status, err), (0, ""), "status")
        has(out, "named.dmp: ", "named.dmp.store: ")
        has(debug(os.path.join(folder, "named.dmp"), "lm", symbols=True)[0], "nt")
    with tap.case("--store puts the store elsewhere, -q is silent"):
        tap.equal(run("-q", "-", "-o", "other.dmp", "--store", "deep/er", stdin=text), (0, "", ""), "run")
        tap.equal(sorted(os.listdir(os.path.join(folder, "deep", "er"))), ["ntkrnlmp.pdb", "ntoskrnl.exe"])
    with tap.case("what is wrong is said with file and line, and nothing is written"):
        with open(os.path.join(folder, "bad.scenario"), "w", encoding="utf-8") as f:
            f.write(text + "stack\nfffff880`05db1b08 fffff880`0174a9c0 nt!A\nfffff880`05db1b10 00000000`00000000 srv2!B+0x30\nend\n")
        tap.equal(run("bad.scenario", "-o", "bad.dmp"),
                  (1, "", "bad.scenario:7: no line describes the module srv2: write  module srv2 START END\n"), "run")
        tap.equal(os.path.exists(os.path.join(folder, "bad.dmp")), False, "bad.dmp is there")
    with tap.case("usage"):
        tap.equal(run()[0], 2, "status without arguments")
        tap.equal(run("a", "b")[0], 2, "status with two scenarios")
        tap.equal(run("--help")[0], 0, "status of --help")
        status, _, err = run("nowhere.scenario", "-o", "x")
        tap.equal((status, err), (1, "stopcode-forge: nowhere.scenario: No such file or directory\n"), "run")
        status, _, err = run("-", "-o", "no/such/folder/x.dmp", stdin=text)
        tap.equal(status, 1, "status")
        has(err, "no/such/folder/x.dmp: No such file or directory")


def check_case(folder, scenario):
    name = os.path.basename(os.path.dirname(scenario))
    dump = os.path.join(folder, name + ".dmp")
    with open(scenario, encoding="utf-8") as f:
        expected = re.findall(r"^expect ([^\n]*)\n(.*?)^end$", f.read(), re.M | re.S)
    with tap.case(f"{name}: prints what the case shows: {', '.join(c for c, _ in expected)}"):
        make(scenario, dump)
        for (command, want), got in zip(expected, debug(dump, *(c for c, _ in expected), symbols=True)):
            tap.equal(rows(got), rows(want), command)


def check_disturbed(folder, scenario):
    """What the article shows besides, where the columns of our day differ."""
    dump = os.path.join(folder, "do-not-disturb.dmp")
    with tap.case("do-not-disturb: registers of frame 2, code, device objects, verdict"):
        frame, code, device, driver, verdict, bare = debug(
            dump, ".frame /r 2", "u nt!VfAfterCallDriver L9", "dt nt!_DEVICE_OBJECT fffffa804a3b0060 Flags DeviceType",
            "dt nt!_DRIVER_OBJECT fffffa80491fb7c0 DriverName", "!analyze -v", "? poi(fffffa804b729790+a0)",
            symbols=True)
        has(frame, "rbx=fffffa804b729790", "rsi=fffffa804a3b0000", "rdi=fffff8000183ce80", "rbp=fffffa804de8c290",
            "r12=000000004de8c290", "rip=fffff80001b66b4e rsp=fffff88005db1b50", "efl=00000282",
            "fffff800`01b66b4e cc              int     3")
        with open(scenario, encoding="utf-8") as f:
            block = re.search(r"^code u\n(.*?)^end$", f.read(), re.M | re.S).group(1)
        squeezed = [re.sub(r"ptr\[", "ptr [", line) for line in rows(block)]
        tap.equal(rows(code), squeezed, "u")
        has(device, "0x40000", "8")
        has(driver, r'"\FileSystem\FltMgr"')
        has(verdict, "fltmgr!FltpDispatch", "DRIVER_VERIFIER_DETECTED_VIOLATION (c4)", "0000ffff")
        has(bare, "fffffa80`4a3b0060")


with tempfile.TemporaryDirectory() as tmp:
    for world, expectations in KERNELS.items():
        check_world(tmp, world, expectations, True)
    for world, expectations in PROCESSES.items():
        check_world(tmp, world, expectations, False)
    with tap.case("every scenario of tests/forge/worlds is opened here"):
        tap.equal(sorted(os.path.basename(p)[:-9] for p in glob.glob(os.path.join(HERE, "worlds", "*.scenario"))
                         # those are test_whole.py's, and of tests/golden/kernel_*.txt
                         if not os.path.basename(p).startswith(("machine-", "kernel-"))),
                  sorted([*KERNELS, *PROCESSES]), "worlds")
    for path in sorted(glob.glob(os.path.join(tap.ROOT, "tests", "cases", "*", "scenario.txt"))):
        check_case(tmp, path)
        if "do-not-disturb" in path:
            check_disturbed(tmp, path)
    with tap.case("LLVM's tools read every image and PDB of the stores"):
        check_store(tmp)
    check_program(tmp)
tap.done()
