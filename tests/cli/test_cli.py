#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program as it is called: statuses, options, where commands come from, logs, JSON, broken pipes."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

FOLDER = tempfile.TemporaryDirectory()


def made(name="made.dmp", data=None):
    path = os.path.join(FOLDER.name, name)
    with open(path, "wb") as f:
        f.write(minidump.build() if data is None else data)
    return path


DUMP = made()

with tap.case("--version names program and version"):
    status, out, err = tap.run("--version")
    tap.equal((status, err), (0, ""), "status")
    assert out.startswith("stopcode ") and out[9].isdigit(), out
    tap.equal(tap.run("-version")[1], out, "kd's spelling")

with tap.case("--version loads no library but libc"):
    run = subprocess.run([tap.program(), "--version"], capture_output=True, text=True,
                         env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"})
    loaded = [line.split()[0] for line in run.stdout.splitlines()]
    if any("asan" in name for name in loaded):
        tap.skip("a sanitizer brings libraries of its own")
    extra = [n for n in loaded if not n.startswith(("linux-vdso", "libc.so", "/lib", "libdl.so"))]
    tap.equal(extra, [], "libraries")

with tap.case("--help lists the options and succeeds"):
    status, out, _ = tap.run("--help")
    tap.equal(status, 0, "status")
    for option in ("-z FILE", "-c COMMANDS", "--json", "-logo FILE", "stopcode analyze"):
        tap.contains(out, option)

with tap.case("a command that succeeds: status 0, its output alone"):
    status, out, err = tap.run(DUMP, "-c", ".echo only this")
    tap.equal((status, out, err), (0, "only this\n", ""), "result")

with tap.case("a command that fails: status 1, and those behind it run"):
    status, out, _ = tap.run(DUMP, "-c", "nosuchcommand; .echo behind")
    tap.equal(status, 1, "status")
    tap.contains(out, "nosuchcommand")
    tap.contains(out, "behind\n")

with tap.case("a file that is not there: status 2, one line on standard error"):
    status, out, err = tap.run(os.path.join(FOLDER.name, "none.dmp"), "-c", "q")
    tap.equal((status, out, err.count("\n")), (2, "", 1), "result")
    tap.contains(err, "none.dmp")

with tap.case("a file that is no dump: status 2, and it says what was found"):
    path = made("text.dmp", b"This is not a dump, whatever its name says.\n" * 100)
    status, _, err = tap.run(path, "-c", "q")
    tap.equal(status, 2, "status")
    tap.contains(err, "text.dmp")

with tap.case("an empty file and a folder: status 2"):
    tap.equal(tap.run(made("empty.dmp", b""), "-c", "q")[0], 2, "empty")
    tap.equal(tap.run(FOLDER.name, "-c", "q")[0], 2, "folder")

with tap.case("an unknown option and a missing value: status 2"):
    status, _, err = tap.run("--bogus")
    tap.equal(status, 2, "status")
    tap.contains(err, "--bogus")
    status, _, err = tap.run("-c")
    tap.equal(status, 2, "status")
    tap.contains(err, "-c")

with tap.case("--dtb takes a physical address in hexadecimal, as CR3 is shown"):
    for good in ("1ad000", "0x1ad002", "00000001`2b109002"):
        tap.equal(tap.run("--dtb", good, "-z", DUMP, "-c", ".echo ok")[:2], (0, "ok\n"), good)
    for bad in ("", "0", "1ad00g", "10000000000000000", "-1"):
        status, _, err = tap.run("--dtb", bad, "-z", DUMP, "-c", ".echo ok")
        tap.equal(status, 2, bad)
        tap.contains(err, "--dtb: a physical address is needed")

with tap.case("kd's and cdb's harmless options are accepted in silence"):
    harmless = ["-b", "-bonc", "-d", "-failinc", "-g", "-G", "-hd", "-m", "-myob", "-n", "-noinh", "-noshell",
                "-nosqm", "-o", "-robp", "-s", "-sdce", "-ses", "-sicv", "-sins", "-snc", "-snul", "-sup",
                "-w", "-x", "-2", "-Q", "-lines", "-r", "-kqm", "-srcpath", "/src", "-clines", "100", "-t", "3",
                "-sflags", "0x10", "-xd", "av", "-ee", "masm", "-y", "/sym", "-i", "/img", "-netsyms", "no"]
    status, out, err = tap.run(*harmless, "-z", DUMP, "-c", ".echo ok")
    tap.equal((status, out, err), (0, "ok\n", ""), "result")

with tap.case("options without values can be joined, and have any case"):
    status, out, err = tap.run("-snv".replace("v", "x"), "-Z", DUMP, "-C", ".echo ok")
    tap.equal((status, out, err), (0, "ok\n", ""), "result")

with tap.case("cdb's -r takes a number, kd's takes nothing: the dump behind it is still the dump"):
    tap.equal(tap.run("-r", "2", DUMP, "-c", ".echo ok")[:2], (0, "ok\n"), "cdb's")
    tap.equal(tap.run("-r", DUMP, "-c", ".echo ok")[:2], (0, "ok\n"), "kd's")

with tap.case("-secure is refused: a promise that is not kept would be worse than none"):
    status, _, err = tap.run("-secure", DUMP, "-c", ".echo ok")
    tap.equal(status, 2, "status")
    tap.contains(err, "no secure mode")

with tap.case("options for live targets and servers are refused with the reason"):
    for args in (["-k", "com:port=1"], ["-kl"], ["-p", "123"], ["-pn", "x.exe"], ["-server", "tcp:port=1"],
                 ["-remote", "x"], ["-QR", "host"], ["-iae"], ["-wake", "12"]):
        status, _, err = tap.run(*args)
        tap.equal(status, 2, args[0])
        tap.contains(err, args[0] + ": ")

with tap.case("-ee says how expressions are written"):
    for how, value in (("masm", "16"), ("c++", "10"), ("C++", "10")):
        status, out, _ = tap.run(DUMP, "-ee", how, "-c", "? 10")
        tap.equal(status, 0, "status")
        tap.contains(out, f"Evaluate expression: {value} = ")
    status, _, err = tap.run(DUMP, "-ee", "java", "-c", "? 1")
    tap.equal(status, 2, "status")
    tap.contains(err, "masm or c++")

with tap.case("two dumps are refused, with a hint at analyze"):
    status, _, err = tap.run(DUMP, DUMP)
    tap.equal(status, 2, "status")
    tap.contains(err, "stopcode analyze")

with tap.case("-- ends the options"):
    odd = made("-odd.dmp")
    status, out, _ = tap.run("-c", ".echo ok", "--", "-odd.dmp", cwd=os.path.dirname(odd))
    tap.equal((status, out), (0, "ok\n"), "result")

with tap.case("several -c run in order, and q ends them"):
    status, out, _ = tap.run(DUMP, "-c", ".echo one", "-c", ".echo two; q; .echo no", "-c", ".echo never")
    tap.equal((status, out), (0, "one\ntwo\n"), "result")

with tap.case("commands come from standard input, with prompts as in a log, and a banner first"):
    status, out, _ = tap.run(DUMP, stdin=b".echo hello\r\n.echo again")
    tap.equal(status, 0, "status")
    tap.contains(out, "Loading Dump File")
    tap.contains(out, "0:000> .echo hello\nhello\n0:000> .echo again\nagain\n")

with tap.case("standard input is read behind -c, and q there ends the program"):
    status, out, _ = tap.run(DUMP, "-c", ".echo first", stdin=b".echo second\nq\n.echo third\n")
    tap.equal(status, 0, "status")
    tap.contains(out, "first\n0:000> .echo second\nsecond\n")
    tap.lacks(out, "third")

with tap.case("a failed command from standard input: status 1"):
    tap.equal(tap.run(DUMP, stdin=b"nosuch\n")[0], 1, "status")

with tap.case("standard input may hold any bytes"):
    status, out, _ = tap.run(DUMP, stdin=b"\0\xff\xfe\x1b[31m\n" + b"A" * 100000 + b"\n.echo alive\n")
    tap.equal(status, 1, "status")
    tap.contains(out, "alive\n")

with tap.case("-cf runs a script, with its byte order mark and Windows line ends"):
    script = made("script.txt", b"\xef\xbb\xbf.echo one\r\n* a remark\r\n.echo two\r\n")
    status, out, _ = tap.run(DUMP, "-cf", script)
    tap.equal(status, 0, "status")
    tap.contains(out, "0:000> .echo one\none\n")
    tap.contains(out, "two\n")

with tap.case("a script that is not there, or is UTF-16, is said and fails"):
    status, out, err = tap.run(DUMP, "-cf", os.path.join(FOLDER.name, "none.txt"), "-c", ".echo on")
    tap.equal((status, out), (1, "on\n"), "result")
    tap.contains(err, "none.txt")
    status, _, err = tap.run(DUMP, "-cf", made("wide.txt", ".echo x".encode("utf-16")))
    tap.equal(status, 1, "status")
    tap.contains(err, "UTF-16")

with tap.case("-logo writes a new log with prompts, -loga adds to it"):
    log = os.path.join(FOLDER.name, "x.log")
    tap.run(DUMP, "-logo", log, "-c", ".echo first")
    tap.run(DUMP, "-loga", log, "-c", ".echo second")
    with open(log, encoding="utf-8") as f:
        text = f.read()
    tap.contains(text, "0:000> .echo first\nfirst\n")
    tap.contains(text, "second\n")
    tap.run(DUMP, "-logo", log, "-c", ".echo third")
    with open(log, encoding="utf-8") as f:
        tap.lacks(f.read(), "first")

with tap.case("_NT_DEBUG_LOG_FILE_OPEN and _APPEND name a log, as for kd; the option wins"):
    log, other = os.path.join(FOLDER.name, "env.log"), os.path.join(FOLDER.name, "other.log")
    tap.run(DUMP, "-c", ".echo first", env={"_NT_DEBUG_LOG_FILE_OPEN": log})
    tap.run(DUMP, "-c", ".echo second", env={"_NT_DEBUG_LOG_FILE_APPEND": log})
    tap.run(DUMP, "-logo", other, "-c", ".echo third", env={"_NT_DEBUG_LOG_FILE_APPEND": log})
    with open(log, encoding="utf-8") as f:
        text = f.read()
    tap.equal([word in text for word in ("first", "second", "third")], [True, True, False], "what the log holds")

with tap.case("a log that cannot be written: status 2 and the reason"):
    status, _, err = tap.run(DUMP, "-logo", os.path.join(FOLDER.name, "no", "x.log"), "-c", "q")
    tap.equal(status, 2, "status")
    tap.contains(err, "x.log")

with tap.case("without a dump, commands that need none run; others say what they need"):
    status, out, _ = tap.run("-c", "? 1 + 1")
    tap.equal(status, 0, "status")
    tap.contains(out, "= 00000000`00000002")

with tap.case("--json: one object a command and line, errors among them, nothing else"):
    status, out, _ = tap.run(DUMP, "--json", "-c", ".echo a", stdin=b"? 2\nnosuch\n")
    tap.equal(status, 1, "status")
    objects = [json.loads(line) for line in out.splitlines()]
    tap.equal([o["command"] for o in objects], [".echo a", "? 2", "nosuch"], "commands")
    tap.equal([o["error"] is None for o in objects], [True, True, False], "errors")

with tap.case("--json: a dump that cannot be opened is an object, too"):
    status, out, err = tap.run(os.path.join(FOLDER.name, "none.dmp"), "--json", "-c", "q")
    tap.equal(status, 2, "status")
    tap.equal(json.loads(out)["error"]["text"] in err, True, "the same text in both")

with tap.case("no colours where there is no terminal"):
    _, out, _ = tap.run(DUMP, "-c", "help; help q", env={"TERM": "xterm-256color"})
    tap.lacks(out, "\033")

with tap.case("nobody reads the output: status 1, quietly, and soon"):
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run([tap.program(), DUMP, "-c", "help", "-c", "help"], stdin=subprocess.DEVNULL, stdout=writer,
                         stderr=subprocess.PIPE, timeout=20)
    os.close(writer)
    tap.equal((run.returncode, run.stderr), (1, b""), "result")

with tap.case("the output's disk is full: status 1"):
    if not os.path.exists("/dev/full"):
        tap.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        run = subprocess.run([tap.program(), DUMP, "-c", "help"], stdin=subprocess.DEVNULL, stdout=full, timeout=20)
    tap.equal(run.returncode, 1, "status")

with tap.case("--no-mmap shows the same"):
    plain = tap.run(DUMP, "-c", "help")[1]
    tap.equal(tap.run(DUMP, "--no-mmap", "-c", "help")[1], plain, "output")

with tap.case("a file shortened while open: one line, status 2, no crash"):
    path = made("shrinking.dmp", minidump.build(padding=1 << 20))
    child = subprocess.Popen([tap.program(), path, "-kqm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    child.stdin.write(b".echo open\n")
    child.stdin.flush()
    while b"open\n" not in child.stdout.readline():
        pass
    os.truncate(path, 0)
    out, err = child.communicate(b"r\nlm\n~*\nr\n", timeout=20)
    if child.returncode == 1 and b"shorter" in out:
        pass  # read, not mapped: the error of a command
    else:
        tap.equal((child.returncode, err.count(b"\n")), (2, 1), f"result {out!r} {err!r}")
        tap.contains(err.decode(), "shrinking.dmp became shorter")

FOLDER.cleanup()
tap.done()
