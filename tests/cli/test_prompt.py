#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The prompt, on a terminal: its text, editing, completion, history, Ctrl-C and Ctrl-D."""
import os
import pty
import select
import signal
import stat
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

FOLDER = tempfile.TemporaryDirectory()
DUMP = os.path.join(FOLDER.name, "made.dmp")
with open(DUMP, "wb") as f:
    f.write(minidump.build())
PROMPT = "0:000> "
HAS_LIBEDIT = os.system("ldconfig -p 2>/dev/null | grep -q 'libedit\\.so\\.2'") == 0 \
    or os.path.exists("/usr/lib/x86_64-linux-gnu/libedit.so.2")


class Terminal:
    """The program on a terminal of its own. What it wrote since the last expect() is in `seen`."""

    def __init__(self, *args, env=None):
        self.seen = ""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", "XDG_STATE_HOME": os.path.join(FOLDER.name, "state"),
                               "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **(env or {})})
            os.execv(tap.program(), [tap.program(), *args])

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text, timeout=20):
        """Reads until TEXT has come; returns everything up to and with it."""
        end = time.monotonic() + timeout
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"{text!r} did not come, only {self.seen!r}")
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def end(self, timeout=20):
        """Waits for its end; returns its status."""
        stop = time.monotonic() + timeout
        while self.read(0.05) or time.monotonic() < stop:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                self.status = os.waitstatus_to_exitcode(status)
                return self.status
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError(f"it did not end; it had written {self.seen!r}")


def needs_libedit():
    if not HAS_LIBEDIT:
        tap.skip("libedit is not installed: there is no line editing")


with tap.case("banner, prompt, a command, q: status 0"):
    t = Terminal(DUMP)
    t.expect("Loading Dump File")
    t.expect(PROMPT)
    t.send(".echo hello\r")
    t.expect("\nhello\r\n")
    t.expect(PROMPT)
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("Ctrl-D at an empty prompt quits"):
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    time.sleep(0.3)  # the editor shows the prompt before it takes the terminal over
    t.send("\x04")
    tap.equal(t.end(), 0, "status")

with tap.case("a wrong command at the prompt is no failure of the program"):
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send("nosuchcommand\r")
    t.expect("ERROR")
    t.expect(PROMPT)
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("behind -c the prompt stays; q in it quits"):
    t = Terminal(DUMP, "-c", ".echo started")
    t.expect("started\r\n")
    t.expect(PROMPT)
    t.send("q\r")
    tap.equal(t.end(), 0, "status")
    t = Terminal(DUMP, "-c", ".echo started; q")
    tap.equal(t.end(), 0, "status")
    tap.contains(t.seen, "started")

with tap.case("Ctrl-C at the prompt drops the line and not the program"):
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send(".echo wrong")
    t.expect("wrong")
    t.send("\x03")
    t.expect(PROMPT)
    t.send(".echo right\r")
    t.expect("\nright\r\n")
    t.expect(PROMPT)
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("Ctrl-C ends the command that runs, and the script, and gives the prompt back"):
    script = os.path.join(FOLDER.name, "long.txt")
    with open(script, "w", encoding="utf-8") as f:
        f.write(("? 1+1;" * 10000 + "\n") * 200)
    t = Terminal(DUMP, "-kqm", "-cf", script)
    t.expect("Evaluate expression")
    t.send("\x03")
    t.send(".echo still here\r")
    shown = t.expect("\nstill here\r\n", timeout=60)
    assert shown.count("Evaluate expression") < 1000000, "the script ran to its end"
    tap.contains(shown.lower(), "cancelled")
    t.send("q\r")
    tap.equal(t.end(), 1, "status: a start command failed")

with tap.case("Tab completes a command"):
    needs_libedit()
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send(".forma\t")
    t.expect("ts ")  # libedit draws only what is new
    t.send("41\r")
    t.expect("Hex:")
    t.expect(PROMPT)
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("Tab shows the choices when there are several, and keeps the line"):
    needs_libedit()
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send(".log\t")
    shown = t.expect(PROMPT)
    for name in (".logopen", ".logappend", ".logclose", ".logfile"):
        tap.contains(shown, name)
    t.send("file\r")
    t.expect("log")
    t.expect(PROMPT)
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("the arrow brings the last line back, also in the next run; the file is private"):
    needs_libedit()
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send(".echo remembered\r")
    t.expect("\nremembered\r\n")
    t.expect(PROMPT)
    t.send("\x1b[A\r")
    t.expect("\nremembered\r\n")
    t.send("q\r")
    tap.equal(t.end(), 0, "status")
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send("\x1b[A\x1b[A\r")
    t.expect("\nremembered\r\n")
    t.send("q\r")
    tap.equal(t.end(), 0, "status")
    path = os.path.join(FOLDER.name, "state", "stopcode", "history")
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")

with tap.case("a home that cannot be written to costs the history and nothing else"):
    t = Terminal(DUMP, "-kqm", env={"XDG_STATE_HOME": "/proc/none", "HOME": "/proc/none"})
    t.expect(PROMPT)
    t.send(".echo fine\r")
    t.expect("\nfine\r\n")
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("what web pages make of a hyphen is understood when typed"):
    needs_libedit()
    t = Terminal(DUMP, "-kqm")
    t.expect(PROMPT)
    t.send("? 5\u20132\r")
    t.expect("00000000`00000003")
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("without a dump there is a prompt, too"):
    t = Terminal()
    t.expect("No dump is open")
    t.send("q\r")
    tap.equal(t.end(), 0, "status")

with tap.case("colours on a terminal, none with NO_COLOR or --no-color"):
    def shown(*args, **env):
        t = Terminal(DUMP, "-c", "help q; q", *args, env=env)
        tap.equal(t.end(), 0, "status")
        return t.seen
    tap.contains(shown(NO_COLOR=""), "\033[0;1m")
    tap.lacks(shown(NO_COLOR="1"), "\033[0;1m")
    tap.lacks(shown("--no-color", NO_COLOR=""), "\033[0;1m")

FOLDER.cleanup()
tap.done()
