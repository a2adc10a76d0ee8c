#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`stopcode analyze`: many dumps, in order, whatever happens to the workers."""
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

FOLDER = tempfile.TemporaryDirectory()


def put(name, data):
    path = os.path.join(FOLDER.name, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


GOOD = minidump.build()
MANY = [put(f"many/{n:03}.dmp", GOOD) for n in range(60)]
TEXT = put("bad/text.dmp", b"no dump\n" * 100)


def objects(out):
    """The files' objects; the last one, when it came that far, is the summary's."""
    lines = [json.loads(line) for line in out.splitlines()]
    return [o for o in lines if o.get("type") != "summary"]


def start(*args):
    """Starts the program; its standard output is read line by line, standard error goes to a file."""
    errors = tempfile.TemporaryFile()
    child = subprocess.Popen([tap.program(), "analyze", "--json", *args], stdout=subprocess.PIPE, stderr=errors)
    return child, errors


def finish(child, errors):
    """The rest of its standard output, and its standard error, when it has ended."""
    out = child.stdout.read().decode()
    child.wait(timeout=60)
    errors.seek(0)
    return out, errors.read().decode()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(c) for c in f.read().split()]



with tap.case("one dump: its name, what happened, a verdict with evidence, and the counts; status 0"):
    status, out, _ = tap.run("analyze", MANY[0])
    tap.equal(status, 0, "status\n" + out)
    lines = out.splitlines()
    tap.equal(lines[0], MANY[0], "first line")
    tap.contains(out, "\n  bucket: ")
    tap.equal(lines[-1], "1 files: 1 analysed, 0 failed, 0 not opened", "last line")

with tap.case("the JSON of a file is what !analyze gives, but for the path"):
    _, out, _ = tap.run("analyze", "--json", MANY[0])
    _, single, _ = tap.run(MANY[0], "--json", "-c", "!analyze -v")
    record = objects(single)[0]["records"][0]
    record["file"] = MANY[0]
    tap.equal(objects(out)[0], record, "record")

with tap.case("many dumps by several workers come in the order given"):
    order = MANY[30:] + MANY[:30]
    status, out, err = tap.run("analyze", "--json", "-j", "4", *order)
    tap.equal(status, 0, "status")
    tap.equal([o["file"] for o in objects(out)], order, "order")
    tap.contains(err, "60 files: 60 analysed")

with tap.case("each line of --json is an object with a verdict's facts"):
    _, out, _ = tap.run("analyze", "--json", MANY[0])
    one = objects(out)[0]
    tap.equal((one["file"], one["error"], one["cpu"]), (MANY[0], None, "x64"), "head")
    assert one["bucket"], "no bucket"
    for finding in one["findings"]:
        assert finding["evidence"], f"a finding without evidence: {finding}"
        for evidence in finding["evidence"]:
            assert evidence["command"], f"evidence without a command: {evidence}"

with tap.case("--brief: a line a file"):
    status, out, _ = tap.run("analyze", "--brief", *MANY[:3])
    rows = out.split("Signatures, ")[0].splitlines()
    tap.equal([row.split(": ")[0] for row in rows], MANY[:3], "lines")

with tap.case("a file that cannot be opened costs itself: status 2, the others are analysed"):
    none = os.path.join(FOLDER.name, "none.dmp")
    status, out, _ = tap.run("analyze", "--json", MANY[0], TEXT, none, MANY[1])
    tap.equal(status, 2, "status")
    tap.equal([o["error"] is None for o in objects(out)], [True, False, False, True], "errors")
    tap.equal(out.count("none.dmp"), 2, "the name, and the reason that names it")

with tap.case("a folder stands for the dumps in it, found by their contents and names, sorted; -r changes nothing"):
    put("tree/b/2.dmp", GOOD)
    put("tree/a/1.bin", GOOD)
    put("tree/a/readme.txt", b"hello\n")
    put("tree/c.MDMP", b"damaged")
    os.symlink("..", os.path.join(FOLDER.name, "tree", "a", "loop"))
    tree = os.path.join(FOLDER.name, "tree")
    for args in ([], ["-r"]):
        status, out, _ = tap.run("analyze", "--json", *args, tree)
        tap.equal(status, 2, "status: one is damaged")
        tap.equal([os.path.relpath(o["file"], tree) for o in objects(out)], ["a/1.bin", "b/2.dmp", "c.MDMP"], "files")

with tap.case("an empty folder: nothing to do, and it says so"):
    os.makedirs(os.path.join(FOLDER.name, "empty"))
    status, out, _ = tap.run("analyze", os.path.join(FOLDER.name, "empty"))
    tap.equal((status, out), (0, "0 files: 0 analysed, 0 failed, 0 not opened\n"), "result")

with tap.case("a name that a terminal would obey is shown harmless, and whole in JSON"):
    odd = put("odd\x1b[31m.dmp", GOOD)
    _, out, _ = tap.run("analyze", odd)
    tap.lacks(out, "\x1b")
    _, out, _ = tap.run("analyze", "--json", odd)
    tap.equal(objects(out)[0]["file"], odd, "name")

with tap.case("wrong options: status 2"):
    for args in (["analyze"], ["analyze", "-j", "0", "x"], ["analyze", "-j", "many", "x"], ["analyze", "--bogus", "x"]):
        tap.equal(tap.run(*args)[0], 2, str(args))

with tap.case("a worker that is killed costs one file at most; the rest comes, in order"):
    files = MANY * 60
    child, errors = start("-j", "2", *files)
    # A pipe that nobody empties stops the parent, so that the workers can be met.
    out, killed = child.stdout.readline().decode(), 0
    for _ in range(3):
        workers = children(child.pid)
        if workers:
            os.kill(workers[0], signal.SIGKILL)
            killed += 1
        for _ in range(400):
            out += child.stdout.readline().decode()
    rest, _ = finish(child, errors)
    done = objects(out + rest)
    tap.equal([o["file"] for o in done], files, "order")
    lost = [o for o in done if "worker process was ended by signal 9" in (o["error"] or "")]
    assert killed, "no worker was met"
    assert len(lost) <= killed, f"{len(lost)} files lost by {killed} dead workers"
    tap.equal([o for o in done if o["error"] and o not in lost], [], "other failures")
    tap.equal(child.returncode, 1 if lost else 0, "status")

with tap.case("a worker that hangs is ended after --limit, and its file is an error"):
    files = MANY * 20
    child, errors = start("-j", "1", "--limit", "1", *files)
    out = child.stdout.readline().decode()
    os.kill(children(child.pid)[0], signal.SIGSTOP)
    rest, _ = finish(child, errors)
    done = objects(out + rest)
    tap.equal([o["file"] for o in done], files, "order")
    lost = [o["error"] for o in done if "took longer than 1 s" in (o["error"] or "")]
    tap.equal(len(lost), 1, "files lost")

with tap.case("Ctrl-C: what is finished is printed, and how much was left"):
    files = MANY * 100
    child, errors = start("-j", "2", *files)
    out = child.stdout.readline().decode()
    child.send_signal(signal.SIGINT)
    rest, err = finish(child, errors)
    done = objects(out + rest)
    tap.equal(child.returncode, 1, "status")
    tap.contains(err, "stopped, ")
    assert 1 <= len(done) < len(files), len(done)
    total = json.loads((out + rest).splitlines()[-1])
    tap.equal((total["type"], total["stopped"], total["files"]), ("summary", True, len(files)), "the summary")
    tap.equal((total["analysed"], total["remaining"]), (len(done), len(files) - len(done)), "its counts")
    tap.equal(sum(s["count"] for s in total["signatures"]), len(done), "dumps of its signatures")

with tap.case("nobody reads the output: it ends soon, quietly, and leaves no worker behind"):
    child = subprocess.Popen([tap.program(), "analyze", "--json", "-j", "2", *(MANY * 100)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    child.stdout.readline()
    workers = children(child.pid)
    child.stdout.close()
    err = child.stderr.read()
    tap.equal((child.wait(timeout=60), err), (1, b""), "result")
    tap.equal([w for w in workers if os.path.exists(f"/proc/{w}")], [], "workers left")

with tap.case("a parent that dies takes its workers with it"):
    child = subprocess.Popen([tap.program(), "analyze", "--json", "-j", "2", *(MANY * 100)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    child.stdout.readline()
    workers = children(child.pid)
    child.kill()
    child.wait()
    child.stdout.close()
    end = time.monotonic() + 20
    def alive(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                return f.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False
    while any(alive(w) for w in workers) and time.monotonic() < end:
        time.sleep(0.05)
    tap.equal([w for w in workers if alive(w)], [], "workers left")

with tap.case("progress on a terminal's standard error, and none elsewhere"):
    _, _, err = tap.run("analyze", "--json", *MANY)
    tap.lacks(err, "\r")
    main, side = pty.openpty()
    child = subprocess.Popen([tap.program(), "analyze", "--json", *(MANY * 20)], stdout=subprocess.DEVNULL, stderr=side)
    os.close(side)
    shown = b""
    while True:
        try:
            data = os.read(main, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    child.wait(timeout=60)
    os.close(main)
    tap.contains(shown.decode(), f" of {len(MANY) * 20}, 0 failed")
    assert re.search(r"\[[# ]{20}\] \d+ of ", shown.decode()), shown[:200]

FOLDER.cleanup()
tap.done()
