#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every piece of evidence of every verdict, and every fact beside it, typed at the prompt: the command works, and shows what is claimed.

Of all dumps of the corpus, the worlds and cases of the forge, and a forged dump of every bug check in data/bugchecks
whose parameters are what the table says they are: code of a driver, an exception record, a context, an object.

A command shows its claim when it does not fail, prints something, and prints at least one of the things that the claim
names: the address that it is about, the module that is blamed, another address or a name of the claim.
"""
import concurrent.futures
import glob
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

FOLDER = tempfile.TemporaryDirectory()
# Nobody's own symbols: the cache is this test's, the path is empty.
ENV = {"XDG_CACHE_HOME": FOLDER.name, "_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}

SCENARIO = """\
dump triage x.dmp
os 7601 sp 1 product workstation lab 7601.24384.amd64fre.win7sp1_ldr.190220-1800
cpu x64 count 2 vendor GenuineIntel family 6 model 58 stepping 9 mhz 2594
time 2019-03-30 18:20:15.310
uptime 2 days 5:01:47.031
bugcheck {code} {args}
module nt fffff800`02a18000 +5e6000 image ntkrnlmp.exe
module hal fffff800`02ffe000 +49000 exports
module mydrv fffff880`04c00000 +18000 stamp 5C10A001
process notepad.exe fffffa80029fe060 pid 9a4
thread fffffa8002a11b50 cid 9a4.9a8 stack fffff88004f5f000 fffff88004f59000
stack
Child-SP          RetAddr           Call Site
fffff880`04f5e7a8 fffff800`02a86be9 nt!KeBugCheckEx
fffff880`04f5e7b0 fffff880`04c0134e nt!KiBugCheckDispatch+0x69
fffff880`04f5e8f0 fffff880`04c014b0 mydrv!MyDpcRoutine+0x4e
fffff880`04f5e930 fffff800`02d0473a mydrv!MyThread+0x30
fffff880`04f5e980 fffff800`02a558e6 nt!PspSystemThreadStartup+0x5a
fffff880`04f5e9c0 00000000`00000000 nt!KiStartSystemThread+0x16
end
symbol nt!KeBugCheckEx fffff800`02a87640
struct _EXCEPTION_RECORD fffff880`04f5ee00 ExceptionCode=c0000005 NumberParameters=2 ExceptionAddress=mydrv!MyDpcRoutine+4e \\
    ExceptionInformation[1]=10
memory fffffa80`18000000 L"contoso.sys" 0000
"""
CODE, RECORD, TEXT, THREAD, PROCESS = ("fffff880`04c0134e", "fffff880`04f5ee00", "fffffa80`18000000",
                                       "fffffa8002a11b50", "fffffa80029fe060")
# What a parameter of each kind is given; others are numbers.
BY_KIND = {"code": CODE, "module": "fffff880`04c00000", "function": CODE, "exception": RECORD, "string": TEXT,
           "thread": THREAD, "process": PROCESS, "ntstatus": "c0000005", "irql": "2"}


def variants(path):
    """[(code, parameters)]: of the general text, and of each sub-code."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    code = re.search(r"^code\s+(\S+)", text, re.M).group(1)
    same = re.search(r"^same\s+(\S+)", text, re.M)
    if same and not re.search(r"^arg ", text, re.M):
        return [(code, args) for _, args in variants(os.path.join(os.path.dirname(path), same.group(1) + ".txt"))]
    general, *whens = re.split(r"^(?=when )", text, flags=re.M)

    def of(*parts):
        kinds = {}
        for part in parts:
            kinds.update(re.findall(r"^\s*arg\s+([1-4])\s+(\w+)", part, re.M))
        return [BY_KIND.get(kinds.get(n), n) for n in "1234"]

    found = [of(general)]
    for when in whens:
        args = of(general, when)
        for n, value in re.findall(r"([1-4])=([0-9A-Fa-f]+)", when.splitlines()[0]):
            args[int(n) - 1] = value
        found.append(args)
    return [(code, args) for args in found]


def forge(text, path, scenario="-"):
    """The dump of a scenario's text, or (TEXT None) of that file."""
    run = subprocess.run([tap.helper("stopcode-forge"), "-q", scenario, "-o", path, "--store", path + ".store"],
                         input=(text or "").encode(), capture_output=True)
    tap.equal(run.returncode, 0, run.stderr.decode())


def forge_bugchecks(folder, most_per_code):
    os.makedirs(folder)
    jobs = []
    for path in sorted(glob.glob(os.path.join(tap.ROOT, "data", "bugchecks", "*.txt"))):
        for n, (code, args) in enumerate(variants(path)[:most_per_code]):
            jobs.append((SCENARIO.format(code=code, args=" ".join(args)), os.path.join(folder, f"{code}_{n}.dmp")))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: forge(*job), jobs))
    return len(jobs)


def analyse(*operands):
    _, out, _ = tap.run("analyze", "--json", *operands, env=ENV, timeout=110)
    return [row for row in map(json.loads, out.splitlines()) if row["type"] == "analysis" and not row["error"]]


def numbers(text):
    """Hexadecimal numbers of TEXT without leading zeros: written as such, or of eight digits or more."""
    text = text.lower().replace("`", "")
    found = re.findall(r"\b0x([0-9a-f]+)\b", text) + re.findall(r"\b([0-9a-f]{8,16})\b", text)
    found += [f"{int(n):x}" for n in re.findall(r"\b(\d+) in decimal", text)]
    found += re.findall(r"\bgiven as ([0-9a-f])\b", text)
    return {n.lstrip("0") or "0" for n in found}


def tokens(text):
    """Whatever in TEXT could be a hexadecimal number."""
    return {n.lstrip("0") or "0" for n in re.findall(r"(?:0x)?([0-9a-f]+)", text.lower().replace("`", ""))}


def names(text):
    """Words of TEXT that are names rather than language: of images, of modules before a place in them, in capitals."""
    places = re.findall(r"\b(\w+)(?:!\w|\+0x)", text)
    return {w.lower() for w in re.findall(r"[\w+!-]+\.(?:sys|exe|dll)|[A-Z][A-Z0-9_]{3,}", text) + places}


def shows(evidence, finding, row, text):
    """Does TEXT, what the command printed, have something of what is claimed?"""
    claim = evidence["claim"]
    thread = re.search(r"\b[Tt]hread (\d+)\b", claim)
    if thread and evidence["command"] == "~":
        return re.search(rf"^[.#]\s+{thread.group(1)}\s+Id: ", text, re.M)
    if re.search("no (loaded )?module", claim, re.I) and evidence["command"].startswith("lm a "):
        return len(text.split("Unloaded modules:")[0].strip().splitlines()) == 1  # the heading
    wanted = numbers(claim) | numbers(evidence["address"] or "")
    words = names(claim)
    if not wanted and not words:
        return True  # a remark on what the command shows
    if evidence["command"] == ".bugcheck":
        wanted |= numbers(row["bugcheck"])
    words |= {finding[n].lower() for n in ("module", "image") if finding.get(n)}
    return wanted & tokens(text) or words & set(re.findall(r"[\w.-]+", text.lower())) or any(
        len(w) > 3 and w in text.lower() for w in words)


def type_all(row, options):
    """What is wrong with the evidence of one dump; [] nothing."""
    evidence = [(f, e) for f in row["findings"] for e in f["evidence"]] + [({}, e) for e in row["facts"]]
    lines = []
    for number, (_, e) in enumerate(evidence):
        lines += ["-c", f".echo ---{number}---", "-c", e["command"]]
    status, out, err = tap.run(*options, "--no-color", "-z", row["file"], *lines, "-c", "q", env=ENV)
    texts = re.split(r"^---\d+---$", out, flags=re.M)[1:]
    if status != 0 or len(texts) != len(evidence):
        return [f"{row['file']}: status {status}, {len(texts)} of {len(evidence)} commands printed: {err.strip()} {out[-300:]}"]
    wrong = []
    for (finding, e), text in zip(evidence, texts):
        # The line after the mark is not the command's own: commands from -c are not echoed.
        if not text.strip():
            wrong.append(f"{row['file']}: [{e['command']}] prints nothing")
        elif not shows(e, finding, row, text):
            wrong.append(f"{row['file']}: [{e['command']}] does not show: {e['claim']}\n{text[:400]}")
    return wrong


def check(rows, options=()):
    """Types everything; returns how many pieces of evidence there were."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = sum(pool.map(lambda row: type_all(row, options), rows), [])
    if wrong:
        raise AssertionError(f"{len(wrong)} pieces of evidence:\n" + "\n".join(wrong[:12]))
    return sum(len(f["evidence"]) for row in rows for f in [*row["findings"], {"evidence": row["facts"]}])


with tap.case("the check can fail: a command that does not exist, that prints nothing, that shows something else"):
    forge(SCENARIO.format(code="d1", args=f"10 2 0 {CODE}"), os.path.join(FOLDER.name, "one.dmp"))
    one = analyse(os.path.join(FOLDER.name, "one.dmp"))
    assert check(one) >= 3, one
    for command in ("!nosuchcommand", ".printf \"\"", ".echo 77"):
        wrong = json.loads(json.dumps(one))
        wrong[0]["findings"][0]["evidence"][0]["command"] = command
        assert type_all(wrong[0], ()), f"{command} passed"

with tap.case("a dump that lists no threads: what shows the threads says so"):
    data = bytearray(minidump.build())
    for at in range(32, 32 + 12 * 6, 12):
        if struct.unpack_from("<I", data, at)[0] in (minidump.THREADS, minidump.EXCEPTION):
            struct.pack_into("<I", data, at, 0)  # UnusedStream
    path = os.path.join(FOLDER.name, "nothreads.dmp")
    with open(path, "wb") as f:
        f.write(data)
    tap.contains(tap.run(path, "-c", "~", "-c", "q")[1], "This dump lists no threads.\n")
    check(analyse(path))

with tap.case("dumps of the corpus"):
    rows = analyse(tap.corpus("kdump"), tap.corpus("mdmp"))
    assert check(rows) > 150, "too little evidence"

with tap.case("the kernel dumps of the corpus, with symbols and images"):
    options = ("-y", tap.corpus("symstore"), "-i", tap.corpus("symstore"))
    check(analyse(*options, tap.corpus("kdump")), options)

with tap.case("worlds and cases of the forge"):
    texts = glob.glob(os.path.join(tap.ROOT, "tests", "forge", "worlds", "*.scenario"))
    texts += glob.glob(os.path.join(tap.ROOT, "tests", "cases", "**", "scenario*.txt"), recursive=True)
    os.makedirs(os.path.join(FOLDER.name, "worlds"))
    for number, path in enumerate(sorted(texts)):
        forge(None, os.path.join(FOLDER.name, "worlds", f"{number}.dmp"), path)
    check([row for row in analyse(os.path.join(FOLDER.name, "worlds"))])

with tap.case("a forged dump of every bug check"):
    made = forge_bugchecks(os.path.join(FOLDER.name, "stops"), 1)
    rows = analyse(os.path.join(FOLDER.name, "stops"))
    tap.equal(len(rows), made, "dumps")
    assert all(row["findings"] for row in rows), "a dump without a finding"
    check(rows)

with tap.case("sub-codes of bug checks"):
    folder = os.path.join(FOLDER.name, "subcodes")
    os.makedirs(folder)
    for path in sorted(glob.glob(os.path.join(tap.ROOT, "data", "bugchecks", "*.txt"))):
        for n, (code, args) in enumerate(variants(path)[1:4]):
            forge(SCENARIO.format(code=code, args=" ".join(args)), os.path.join(folder, f"{code}_{n}.dmp"))
    rows = analyse(folder)
    assert len(rows) > 100, len(rows)
    check(rows)

FOLDER.cleanup()
tap.done()
