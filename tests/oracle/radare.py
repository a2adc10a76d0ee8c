# SPDX-License-Identifier: MIT
"""Runs radare2 and hands over what it says; for test_radare2*.py.

radare2 is taken from the environment's STOPCODE_RADARE2, which may be a command line (a version of it that is not
installed needs its own loader and libraries), else from PATH; without either the cases are skipped. Nothing of a
user's configuration is read.
"""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

MARK = "==== next answer ===="
OPTIONS = ["-N", "-z", "-q", "-e", "scr.color=0", "-e", "scr.utf8=false"]


def program():
    """The command line of radare2; skips the case when there is none."""
    words = shlex.split(os.environ.get("STOPCODE_RADARE2", ""))
    if not words:
        found = shutil.which("radare2") or shutil.which("r2")
        if not found:
            tap.skip("radare2 is not installed (or name it in STOPCODE_RADARE2)")
        words = [found]
    return words


def version():
    run = subprocess.run([*program(), "-v"], capture_output=True, timeout=60)
    tap.equal(run.returncode, 0, "status of radare2 -v: " + run.stderr.decode("utf-8", "replace"))
    return run.stdout.decode().split("\n")[0].strip()


def need():
    """Its version; without it the test ends here, skipped."""
    found = []
    with tap.case("radare2 is at hand"):
        found.append(version())
    if not found:
        tap.done()
    return found[0]


def check_files(what, forge, files_in, check, name=lambda path: path):
    """A case a file: of those that FORGE makes in a folder, and of the corpus, as FILES_IN picks them."""

    def cases(paths, folder):
        for path in paths:
            with tap.case(name(os.path.relpath(path, folder))):
                check(path)

    with tempfile.TemporaryDirectory() as folder:
        with tap.case(f"{what} are forged"):
            forge(folder)
        cases(files_in(folder), folder)
    real = []
    with tap.case(f"the corpus has {what}"):
        real.append(tap.corpus())
    for folder in real:
        cases([p for sub in ("pdb", "drivers", "symstore", "mdmp") for p in files_in(os.path.join(folder, sub))], folder)


class Answers(list):
    """What was printed, a text a command; `.said` is what went to standard error."""

    said = ""

    def json(self, index):
        return loads(self[index])


def ask(path, *commands, options=()):
    """Opens PATH and runs the commands."""
    with tempfile.NamedTemporaryFile("w", suffix=".r2") as script:
        script.write("".join(f"{c}\n?e {MARK}\n" for c in commands))
        script.flush()
        run = subprocess.run([*program(), *OPTIONS, *options, "-i", script.name, path], capture_output=True, timeout=110)
    parts = run.stdout.decode("utf-8", "replace").split(MARK + "\n")
    if run.returncode or len(parts) != len(commands) + 1:
        raise AssertionError(f"radare2 ended with {run.returncode} after {len(parts) - 1} of {len(commands)} commands: "
                             + run.stderr.decode("utf-8", "replace")[-500:])
    answers = Answers(parts[:-1])
    answers.said = run.stderr.decode("utf-8", "replace")
    return answers


def loads(text):
    """JSON; the lists of numbers in what `pfj` prints are none: `["value":1,"value":2]`."""
    text = re.sub(r'"values":\[[^\]]*\]', lambda m: m.group(0).replace('"value":', ""), text)
    return json.loads(text or "null")


def plain(fields):
    """{name: value} of a structure as `pfj` prints it; one that stands more than once in a list is a list of them."""
    out = {}
    for field in fields:
        value = field.get("values", field.get("value"))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = rows(value) if field["name"].endswith("s") else plain(value)
        out[field["name"]] = value
    return out


def rows(fields):
    """The structures of an array, whose members `pfj` prints one behind the other: each begins with the first's name."""
    out = []
    for field in fields:
        if field["name"] == fields[0]["name"]:
            out.append([])
        out[-1].append(field)
    return [plain(row) for row in out]


def structure(text):
    return plain(loads(text))


def headers(text):
    """{name: number} of what `iH` prints, `Name : 0x12` a line; of names that come again the first."""
    out = {}
    for name, value in re.findall(r"^ *(\w+) : (0x[0-9a-fA-F]+)$", text, re.M):
        out.setdefault(name, int(value, 16))
    return out


def facts(name, *args, status=(0,)):
    """The lines of one of the programs that print what the library reads."""
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    tool = os.path.join(build, "tests", name)
    if not os.path.exists(tool):
        raise AssertionError(f"{tool} is not built")
    run = subprocess.run([tool, *args], capture_output=True, timeout=110)
    if run.returncode not in status:
        raise AssertionError(f"{name} ended with {run.returncode}: {run.stderr.decode('utf-8', 'replace')[-500:]}")
    return run.stdout.decode("utf-8", "replace").splitlines()


def commands(path, *lines, options=()):
    """The records of stopcode's commands, a list a command."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
        script.write("".join(line + "\n" for line in lines) + "q\n")
        script.flush()
        status, out, err = tap.run(path, "-kqm", "-sins", "--json", *options, "-cf", script.name)
    tap.equal((status, err), (0, ""), "stopcode")
    return [json.loads(line)["records"] for line in out.splitlines()][:len(lines)]
