#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`stopcode analyze` over folders: what it says of many dumps together, as text, JSON and CSV.

The dumps are forged, so that their times, machines and stops can be chosen; of each claim there is a twin in which it
must not be made.
"""
import csv
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

FOLDER = tempfile.TemporaryDirectory()
STORE = tempfile.TemporaryDirectory()  # the images that the forge makes beside a dump
BOOT_ID = 0x1054  # in DUMP_HEADER64
DRIVER, OTHER = "fffff880`04c0134e", "fffff880`05c0134e"
NOBODY = "nt!KeBugCheckEx"

SCENARIO = """\
dump triage x.dmp
os {build} sp 1 product workstation lab {build}.forged
cpu x64 count {count} vendor GenuineIntel family 6 model 58 stepping 9 mhz 2594
time {time}
uptime 0 days {uptime}
bugcheck {code} {args}
module nt fffff800`02a18000 +5e6000 image ntkrnlmp.exe
module hal fffff800`02ffe000 +49000 exports
module mydrv fffff880`04c00000 +18000 stamp {stamp} {version}
module thirdflt fffff880`05c00000 +18000 stamp 5C10A002
process {process} fffffa80029fe060 pid 9a4
thread fffffa8002a11b50 cid 9a4.9a8 stack fffff88004f5f000 fffff88004f59000
stack
Child-SP          RetAddr           Call Site
fffff880`04f5e7a8 fffff800`02a86be9 nt!KeBugCheckEx
fffff880`04f5e7b0 00000000`00000000 nt!KiBugCheckDispatch+0x69
end
symbol nt!KeBugCheckEx fffff800`02a87640
"""


def forge(path, code="e3", args="1 2 3 4", day=1, hour=12, uptime="1:00:00.0", count=4, build=7601, process="System",
          stamp="5C10A001", version="", boot=0):
    """A kernel triage dump; returns its path."""
    path = os.path.join(FOLDER.name, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = SCENARIO.format(code=code, args=args, time=f"2021-03-{day:02} {hour:02}:00:00.0", uptime=uptime, count=count,
                           build=build, process=process, stamp=stamp, version=version)
    subprocess.run([tap.helper("stopcode-forge"), "-q", "-", "-o", path, "--store", STORE.name], input=text.encode(),
                   check=True)
    if boot:
        with open(path, "r+b") as f:
            f.seek(BOOT_ID)
            f.write(struct.pack("<I", boot))
    return path


def folder(name):
    return os.path.join(FOLDER.name, name)


def summary(*args):
    status, out, err = tap.run("analyze", "--json", "--summary", *args)
    lines = out.splitlines()
    tap.equal(len(lines), 1, f"lines (status {status}, {err})")
    return json.loads(lines[0])


def findings(name):
    return {f["rule"]: f for f in summary(folder(name))["findings"]}


# --- counting -----------------------------------------------------------------------------------------------------

with tap.case("signatures: how many, who, first and last seen, the most frequent first"):
    for day in (3, 1, 2):
        forge(f"count/{day}.dmp", "d1", f"8 2 0 {DRIVER}", day)
    forge("count/other.dmp", "d1", f"8 2 0 {OTHER}", 9)
    found = summary(folder("count"))
    tap.equal([(s["signature"], s["count"]) for s in found["signatures"]],
              [("AV_mydrv+134e", 3), ("AV_thirdflt+134e", 1)], "signatures")
    first = found["signatures"][0]
    tap.equal((first["first"][:10], first["last"][:10]), ("2021-03-01", "2021-03-03"), "times")
    tap.equal((os.path.basename(first["first_file"]), os.path.basename(first["last_file"])), ("1.dmp", "3.dmp"), "files")
    tap.equal(first["images"], [{"value": "mydrv.sys", "count": 3}], "blamed")
    tap.equal((first["cause"], first["confidence"]), ("software", "strong"), "cause")
    tap.equal((found["first"][:10], found["last"][:10]), ("2021-03-01", "2021-03-09"), "all times")
    tap.equal([(d["image"], d["blamed"]) for d in found["drivers"]], [("mydrv.sys", 3), ("thirdflt.sys", 1)], "modules")

with tap.case("of equal counts, the signature seen last stands first"):
    forge("order/a.dmp", "d1", f"8 2 0 {DRIVER}", 1)
    forge("order/b.dmp", "d1", f"8 2 0 {OTHER}", 2)
    tap.equal([s["signature"] for s in summary(folder("order"))["signatures"]],
              ["AV_thirdflt+134e", "AV_mydrv+134e"], "order")


def aspect(signature, what):
    found = [a for a in signature["aspects"] if a["what"] == what]
    tap.equal(len(found), 1, what)
    return found[0]["differs"], {v["value"]: v["count"] for v in found[0]["values"]}


with tap.case("what differs within a signature: build, driver's version, process, processors, folder, stop"):
    forge("differ/a/1.dmp", "d1", f"8 2 0 {DRIVER}", 1)
    forge("differ/a/2.dmp", "d1", f"8 2 0 {DRIVER}", 2, stamp="5C10A009", count=2)
    forge("differ/b/3.dmp", "100000d1", f"8 2 0 {DRIVER}", 3, process="notepad.exe", build=19041)
    one = summary(folder("differ"))["signatures"][0]
    tap.equal(one["count"], 3, "dumps")
    tap.equal(aspect(one, "version"), (True, {"time stamp 5c10a001": 2, "time stamp 5c10a009": 1}), "version")
    tap.equal(aspect(one, "hardware"), (True, {"x64, 4 processors": 2, "x64, 2 processors": 1}), "hardware")
    tap.equal(aspect(one, "os"), (True, {"6.1.7601": 2, "10.0.19041": 1}), "os")
    tap.equal(aspect(one, "folder"), (True, {folder("differ/a"): 2, folder("differ/b"): 1}), "folder")
    tap.equal(aspect(one, "process"), (True, {"System": 2, "notepad.exe": 1}), "process")
    tap.equal(aspect(one, "place"), (False, {"mydrv+0x134e": 3}), "place")
    tap.equal(len(aspect(one, "stop")[1]), 2, "stops")

with tap.case("a copy of a dump is counted and marked; it is no second crash of its driver"):
    path = forge("copies/1.dmp", "d1", f"8 2 0 {DRIVER}", 1)
    with open(path, "rb") as f:
        data = f.read()
    for name in ("2.dmp", "3.dmp"):
        with open(folder("copies/" + name), "wb") as f:
            f.write(data)
    found = summary(folder("copies"))
    tap.equal((found["signatures"][0]["count"], found["copies"], found["drivers"][0]["blamed"]), (3, 2, 1), "counts")

with tap.case("files in folders that are no dumps are counted, not tried; a named one is tried"):
    forge("mixed/1.dmp", day=1)
    for name in ("notes.txt", "sub/image.png"):
        os.makedirs(os.path.dirname(folder("mixed/" + name)), exist_ok=True)
        with open(folder("mixed/" + name), "wb") as f:
            f.write(b"no dump\n" * 10)
    found = summary(folder("mixed"))
    tap.equal((found["files"], found["analysed"], found["skipped"]), (1, 1, 2), "counts")
    _, out, _ = tap.run("analyze", folder("mixed"))
    tap.contains(out, "1 files: 1 analysed, 0 failed, 0 not opened; 2 files in folders skipped: no dumps\n")
    tap.equal(summary(folder("mixed/notes.txt"))["not_opened"], 1, "a named file")

# --- text ---------------------------------------------------------------------------------------------------------

with tap.case("text: blocks, then the tables and the counts; --summary: the tables alone; one dump: no tables"):
    status, out, _ = tap.run("analyze", folder("count"))
    tap.equal(status, 0, "status")
    blocks, tables = out.split("Signatures, the most frequent first", 1)
    tap.equal(blocks.count("\n  bucket: "), 4, "blocks")
    assert re.search(r"^ +3  software +strong +2021-03-01 12:00  2021-03-03 12:00  AV_mydrv\+134e$", tables, re.M), tables
    tap.contains(tables, "         blamed: mydrv.sys (3)\n")
    tap.contains(tables, "same: ")
    tap.contains(tables, "Modules, the most blamed first")
    assert re.search(r"^ +3 +3 +1  strong +mydrv\.sys", tables, re.M), tables
    tap.equal(out.splitlines()[-1], "4 files: 4 analysed, 0 failed, 0 not opened", "last line")
    _, alone, _ = tap.run("analyze", "--summary", folder("count"))
    assert alone.startswith("Signatures, the most frequent first"), alone
    _, single, _ = tap.run("analyze", folder("count/1.dmp"))
    tap.lacks(single, "Signatures")

with tap.case("JSON: the rows, and one object of the summary as the last line"):
    _, out, err = tap.run("analyze", "--json", folder("count"))
    rows = [json.loads(line) for line in out.splitlines()]
    tap.equal([r["type"] for r in rows], ["analysis"] * 4 + ["summary"], "types")
    tap.equal(sum(s["count"] for s in rows[-1]["signatures"]), 4, "dumps of all signatures")
    tap.contains(err, "4 files: 4 analysed")

with tap.case("names in the tables cannot drive a terminal"):
    evil = os.path.join("evil\x1b[31m", "1.dmp")
    forge(evil, day=1)
    forge(os.path.join("evil\x1b[31m", "2.dmp"), day=2)
    _, out, _ = tap.run("analyze", os.path.dirname(os.path.join(FOLDER.name, evil)))
    tap.contains(out, "SIGNATURE")
    tap.lacks(out, "\x1b")

# --- CSV ----------------------------------------------------------------------------------------------------------


def table(*args):
    status, out, err = tap.run("analyze", "--csv", *args)
    assert out.endswith("\r\n"), repr(out[-50:])
    tap.equal(out.count("\n"), out.count("\r\n"), "line ends")
    rows = list(csv.DictReader(io.StringIO(out, newline=""), strict=True))
    return rows, out, err


with tap.case("CSV: a line a dump, with its machine, stop and verdict; the counts go to standard error"):
    rows, _, err = table(folder("count"))
    tap.equal([os.path.basename(r["file"]) for r in rows], ["1.dmp", "2.dmp", "3.dmp", "other.dmp"], "files")
    one = rows[0]
    tap.equal({k: one[k] for k in ("error", "kind", "cpu", "processors", "os", "bugcheck", "p1", "p2", "bucket", "cause",
                                   "confidence", "rule", "image", "timestamp", "process")},
              {"error": "", "kind": "kernel", "cpu": "x64", "processors": "4", "os": "6.1.7601", "bugcheck": "0x000000d1",
               "p1": "0x8", "p2": "0x2", "bucket": "AV_mydrv+134e", "cause": "software", "confidence": "strong",
               "rule": "faulting-address", "image": "mydrv.sys", "timestamp": "0x5c10a001", "process": "System"}, "row")
    tap.equal((one["time"], one["uptime"]), ("2021-03-01T12:00:00.0000000Z", "3600.0000000"), "times")
    tap.contains(err, "4 files: 4 analysed")

with tap.case("CSV: commas, quotes, line ends, formulas and control characters in names do no harm"):
    names = ['a,b.dmp', 'say "x".dmp', "two\nlines.dmp", "=1+1.dmp", "esc\x1b[2J.dmp"]
    for name in names:
        with open(folder(name), "wb") as f:
            f.write(minidump.build())
    rows, out, _ = table(*[name for name in names if name[0] != "="])  # not opened: no such file here
    tap.lacks(out, "\x1b")
    tap.equal([r["file"] for r in rows], ["a,b.dmp", 'say "x".dmp', r"two\x0alines.dmp", r"esc\x1b[2J.dmp"], "names")
    run = subprocess.run([tap.program(), "analyze", "--csv", "--", "=1+1.dmp"], capture_output=True, cwd=FOLDER.name)
    tap.equal(next(csv.DictReader(io.StringIO(run.stdout.decode(), newline="")))["file"], "'=1+1.dmp", "formula")

with tap.case("CSV: a file that cannot be opened has its line, with the reason"):
    rows, _, _ = table(folder("mixed/notes.txt"), folder("count/1.dmp"))
    assert rows[0]["error"] and not rows[0]["bucket"] and not rows[0]["findings"], rows[0]
    tap.equal((rows[1]["error"], rows[1]["bucket"]), ("", "AV_mydrv+134e"), "the other")

with tap.case("--csv --summary: a line a signature; --csv --json is refused"):
    rows, _, _ = table("--summary", folder("count"))
    tap.equal([(r["signature"], r["count"], r["images"]) for r in rows],
              [("AV_mydrv+134e", "3", "mydrv.sys (3)"), ("AV_thirdflt+134e", "1", "thirdflt.sys (1)")], "rows")
    tap.equal(tap.run("analyze", "--csv", "--json", folder("count"))[0], 2, "status of both")

# --- findings over a folder -----------------------------------------------------------------------------------------

HARDWARE, COMMON = "hardware-never-the-same", "common-driver"
# Stops of which none names a driver, each of another code.
STOPS = ["e3", "1a", "4e", "23", "c1", "f4", "ef", "50"]


def crashes(name, n, stops=STOPS, **more):
    for i in range(n):
        forge(f"{name}/{i}.dmp", stops[i % len(stops)], "1 2 3 4", day=i + 1, **more)
    return findings(name)


with tap.case("crashes of one machine without anything in common: hardware is suspected"):
    found = crashes("hw", 6)
    assert HARDWARE in found, found
    one = found[HARDWARE]
    tap.equal((one["confidence"], one["cause"], one["module"]), ("likely", "hardware", None), "finding")
    claims = " ".join(e["claim"] for e in one["evidence"])
    for part in ("6 crashes have 6 different signatures", "none was running while another one was", "4 processors"):
        tap.contains(claims, part)
    assert one["next"] and one["lacked"], one
    _, out, _ = tap.run("analyze", folder("hw"))
    tap.contains(out, "Over all dumps (likely): The machine behind the 6 crashes")

with tap.case("its evidence can be typed in a shell, and shows what is claimed"):
    for evidence in one["evidence"]:
        run = subprocess.run(["bash", "-c", evidence["command"].replace("stopcode", tap.program(), 1)],
                             capture_output=True, text=True)
        tap.equal(run.returncode, 0, evidence["command"] + run.stderr)
        if "signatures" in evidence["claim"]:
            tap.equal(len(re.findall(r"^ +1  \w+ ", run.stdout, re.M)), 6, "signatures in the table\n" + run.stdout)
        if "up times" in evidence["claim"]:
            rows = list(csv.DictReader(io.StringIO(run.stdout, newline="")))
            tap.equal([r["uptime"] for r in rows], ["3600.0000000"] * 6, "up times")

with tap.case("the same of a folder whose name is odd"):
    name = "it's odd\x07"
    crashes(name, 5)
    for evidence in findings(name)[HARDWARE]["evidence"]:
        run = subprocess.run(["bash", "-c", evidence["command"].replace("stopcode", tap.program(), 1)],
                             capture_output=True, text=True)
        tap.equal(run.returncode, 0, evidence["command"])
        tap.contains(run.stdout + run.stderr, "5")

with tap.case("four are enough to say possible; three say nothing"):
    tap.equal(crashes("four", 4, stops=["e3", "23", "c1", "f4"])[HARDWARE]["confidence"], "possible",
              "confidence")
    tap.equal(crashes("three", 3), {}, "findings")

with tap.case("two that suspect hardware by themselves make it likely"):
    found = crashes("suspect", 4, stops=["e3", "124", "9c", "f4"])
    tap.equal(found[HARDWARE]["confidence"], "likely", "confidence")
    tap.contains(str(found[HARDWARE]["evidence"]), "2 of them suspect hardware by themselves")

with tap.case("twin: they ran at the same time, so they are several machines"):
    tap.equal(crashes("overlap", 6, uptime="23:59:00.0").get(HARDWARE, {}).get("confidence"), "likely", "just before")
    for i in range(6):
        forge(f"several/{i}.dmp", STOPS[i], "1 2 3 4", day=1, hour=10 + i, uptime="1:30:00.0")
    tap.lacks(str(findings("several")), HARDWARE)

with tap.case("twin: boot ids that do not grow are those of several machines; those that grow are evidence"):
    for i in range(6):
        forge(f"grow/{i}.dmp", STOPS[i], "1 2 3 4", day=i + 1, boot=40 + i)
        forge(f"shrink/{i}.dmp", STOPS[i], "1 2 3 4", day=i + 1, boot=40 - i)
    tap.contains(str(findings("grow")[HARDWARE]["evidence"]), "Boot ids grow with time (5 of 5 neighbours)")
    tap.lacks(str(findings("shrink")), HARDWARE)

with tap.case("twin: other processors are other machines"):
    for i in range(6):
        forge(f"cpus/{i}.dmp", STOPS[i], "1 2 3 4", day=i + 1, count=1 + i % 3)
    tap.lacks(str(findings("cpus")), HARDWARE)

with tap.case("twin: the same stop again and again"):
    tap.lacks(str(crashes("same", 6, stops=["e3"])), HARDWARE)

with tap.case("twin: copies of dumps are no further crashes"):
    for i in range(3):
        path = forge(f"copied/{i}.dmp", STOPS[i], "1 2 3 4", day=i + 1)
        with open(path, "rb") as f, open(folder(f"copied/copy{i}.dmp"), "wb") as to:
            to.write(f.read())
    tap.equal(findings("copied"), {}, "findings")

with tap.case("twin: dumps that somebody asked for are no crashes"):
    for i in range(6):
        forge(f"asked/{i}.dmp", "e2", "0 0 0 0", day=i + 1)
    tap.equal(findings("asked"), {}, "findings")

with tap.case("twin: a driver is named by most of them: it is the driver, in several ways"):
    for i, code in enumerate(("d1", "d5", "50", "a", "d1")):
        at = DRIVER if i < 4 else OTHER
        args = {"d1": f"8 2 0 {at}", "a": f"8 2 0 {at}", "50": f"8 0 {at} 0", "d5": f"8 0 {at} 0"}[code]
        forge(f"driver/{i}.dmp", code, args.replace("4c0134e", f"4c01{i}4e"), day=i + 1)
    found = findings("driver")
    tap.lacks(str(found), HARDWARE)
    assert COMMON in found, found
    tap.equal((found[COMMON]["image"], found[COMMON]["confidence"], found[COMMON]["cause"]),
              ("mydrv.sys", "likely", "software"), "finding")
    tap.contains(found[COMMON]["evidence"][0]["claim"], "4 crashes of 4 signatures")

with tap.case("twin: one signature of one driver needs no finding over all; two crashes do not make one"):
    tap.equal(findings("count"), {}, "one signature")
    forge("few/1.dmp", "d1", f"8 2 0 {DRIVER}", 1)
    forge("few/2.dmp", "d1", f"8 2 0 {DRIVER.replace('134e', '144e')}", 2)
    tap.equal(findings("few"), {}, "two crashes")

# --- hostile --------------------------------------------------------------------------------------------------------

with tap.case("a folder of damaged dumps: every file has its row, and the summary counts them all"):
    rng = random.Random(7)
    sources = [minidump.build()]
    for name in ("count/1.dmp", "hw/0.dmp", "driver/2.dmp"):
        with open(folder(name), "rb") as f:
            sources.append(f.read())
    os.makedirs(folder("damaged"))
    for i in range(160):
        data = bytearray(sources[i % len(sources)])
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(min(len(data), 0x4000 if rng.random() < 0.7 else len(data)) - 8)
            data[at:at + 4] = struct.pack("<I", rng.choice((0, 1, 0xffffffff, 0x7fffffff, len(data), rng.getrandbits(32))))
        if i % 8 == 7:
            del data[rng.randrange(len(data)):]
        with open(folder(f"damaged/{i:03}.dmp"), "wb") as f:
            f.write(data)
    status, out, err = tap.run("analyze", "--json", "--limit", "20", folder("damaged"))
    rows = [json.loads(line) for line in out.splitlines()]
    tap.equal([os.path.basename(r["file"]) for r in rows[:-1]], [f"{i:03}.dmp" for i in range(160)], "files")
    tap.equal([r["error"] for r in rows[:-1] if "worker process" in (r["error"] or "")], [], "crashes")
    total = rows[-1]
    tap.equal((total["files"], total["analysed"] + total["failed"] + total["not_opened"]), (160, 160), "counts")
    tap.equal(sum(s["count"] for s in total["signatures"]), total["analysed"], "dumps of all signatures")
    tap.equal(tap.run("analyze", "--csv", folder("damaged"))[1].count("\r\n"), 161, "lines of CSV")

FOLDER.cleanup()
STORE.cleanup()
tap.done()
