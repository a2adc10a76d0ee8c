#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house itself: the runner counts honestly, deps.sh installs only what is missing, transcripts can fail."""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(tap.ROOT, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = load("scripts/test.py", "runner")


def judged(status, output):
    result = RUNNER.Result()
    RUNNER.judge(status, output, result, 300)
    return result.passed, result.failed, len(result.skipped), result.why


with tap.case("runner: passed, failed and skipped cases are counted, the plan of each group added up"):
    tap.equal(judged(1, "1..2\nok 1 - a\nnot ok 2 - b\n1..1\nok 1 # SKIP c\n")[:3], (1, 1, 1), "counts")

with tap.case("runner: a program that dies has failed, whatever it passed before"):
    passed, failed, _, why = judged(-11, "1..3\nok 1 - a\n")
    tap.equal((passed, failed), (1, 1), "counts")
    tap.contains(why, "SIGSEGV")

with tap.case("runner: one that stops before its plan is done has failed"):
    tap.equal(judged(0, "1..3\nok 1 - a\n")[:2], (1, 1), "counts")

with tap.case("runner: a status other than 0 without a failed case is a failure"):
    tap.equal(judged(99, "1..1\nok 1 - a\n")[:2], (1, 1), "a leak found at the end")
    tap.equal(judged(None, "1..1\n")[:2], (0, 1), "a program that did not end")

with tap.case("runner: the reason of a skip is the one the test gave"):
    result = RUNNER.Result()
    RUNNER.judge(0, "1..2\nno corpus here\nok 1 # SKIP first\nok 2 - second # SKIP not today\n", result, 300)
    tap.equal(result.skipped, [("first", "no corpus here"), ("second", "not today")], "skips")
    tap.equal(judged(77, "nothing to compare\n")[:3], (0, 0, 1), "status 77")

with tap.case("runner: a known failure is neither passed nor failed"):
    result = RUNNER.Result()
    RUNNER.judge(0, "1..1\nnot ok 1 - a # TODO we know\n", result, 300)
    tap.equal((result.passed, result.failed, result.skipped), (0, 0, [("a", "known failure: we know")]), "counts")

with tap.case("runner: a run of nothing fails, and the last line is the count"):
    run = subprocess.run([sys.executable, os.path.join(tap.ROOT, "scripts", "test.py"), "--build",
                          os.environ.get("STOPCODE_BUILD", os.path.join(tap.ROOT, "build", "dev")),
                          "--only", "^no such test$"], capture_output=True, text=True,
                         env={k: v for k, v in os.environ.items() if k != "STOPCODE_TALLY"})
    tap.equal((run.returncode, run.stdout.splitlines()[-1]), (1, "0 passed, 0 failed, 0 skipped"), "result")

with tap.case("runner: tallies of several runs are summed"):
    with tempfile.NamedTemporaryFile("w", suffix=".tally") as f:
        f.write("3 0 1\n4 1 0\n")
        f.flush()
        run = subprocess.run([sys.executable, os.path.join(tap.ROOT, "scripts", "test.py"), "--total", f.name],
                             capture_output=True, text=True)
    tap.equal((run.returncode, run.stdout), (1, "7 passed, 1 failed, 1 skipped\n"), "result")


def deps(installed, tools, apt):
    """Runs deps.sh where only INSTALLED packages and TOOLS are to be found; APT: what apt-get does, None: no apt."""
    with tempfile.TemporaryDirectory() as folder:
        def put(name, script):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o755)
        for tool in ("sh", "id", "printf", "env"):
            os.symlink(shutil.which(tool), os.path.join(folder, tool))
        for tool in tools:
            put(tool, "exit 0\n")
        put("dpkg-query", 'for last; do :; done\ncase " %s " in *" $last "*) printf installed;; *) exit 1;; esac\n'
            % " ".join(installed))
        put("sudo", 'exec "$@"\n')
        log = os.path.join(folder, "log")
        if apt is not None:
            put("apt-get", f'echo "$@" >>{log}\n{apt}\n')
        run = subprocess.run([shutil.which("sh"), os.path.join(tap.ROOT, "scripts", "deps.sh"), "run"],
                             env={"PATH": folder}, capture_output=True, text=True)
        called = open(log, encoding="utf-8").read().splitlines() if os.path.exists(log) else []
        return run.returncode, run.stdout + run.stderr, called


with open(os.path.join(tap.ROOT, "scripts", "deps.sh"), encoding="utf-8") as script:
    PACKAGES = re.search(r'^run="(.*)"$', script.read(), re.M).group(1).split()
LAST = PACKAGES[-1]
TOOLS = ["gcc", "cmake", "ninja"]

with tap.case("deps: with everything there, nothing is done and nothing said"):
    tap.equal(deps(PACKAGES, TOOLS, "exit 1"), (0, "", []), "result")

with tap.case("deps: only what is missing is installed, without fetching the lists first"):
    status, _, called = deps(PACKAGES[:-1], TOOLS, "exit 0")
    tap.equal((status, called), (0, [f"install -y --no-install-recommends {LAST}"]), "calls")

with tap.case("deps: the lists are fetched when the first try fails"):
    status, _, called = deps(PACKAGES[:-1], TOOLS, '[ "$1" = update ]')
    tap.equal([c.split()[0] for c in called][:2], ["install", "update"], "calls")
    tap.equal(status, 0, "the tools are there, so it goes on")

with tap.case("deps: no apt, but the tools: it says so and goes on"):
    status, said, _ = deps([], TOOLS, None)
    tap.equal(status, 0, "status")
    tap.contains(said, "going on, since the tools are there")

with tap.case("deps: no apt and no tools: it names what is needed and fails"):
    status, said, _ = deps([], ["gcc"], None)
    tap.equal(status, 1, "status")
    for word in ("not found: cmake ninja", "ninja-build"):
        tap.contains(said, word)

GOLDEN = os.path.join(tap.ROOT, "tests", "golden", "run.py")


def golden(text, *args):
    """Runs a copy of the transcripts' runner on one transcript; (status, output, the file afterwards)."""
    with tempfile.TemporaryDirectory() as folder:
        tests = os.path.join(folder, "tests")
        os.makedirs(os.path.join(tests, "golden"))
        for name in ("tap.py", "minidump.py", "transcript.py"):
            shutil.copy(os.path.join(tap.ROOT, "tests", name), tests)
        shutil.copy(GOLDEN, os.path.join(tests, "golden"))
        path = os.path.join(tests, "golden", "x.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        run = subprocess.run([sys.executable, "-B", os.path.join(tests, "golden", "run.py"), *args],
                             env={**os.environ, "STOPCODE": tap.program()}, capture_output=True, text=True)
        with open(path, encoding="utf-8") as f:
            return run.returncode, run.stdout, f.read()


with tap.case("golden: a difference fails and is shown; blessing makes it pass"):
    wrong = "# file: made:minidump\n> .echo a\nb\n"
    status, out, _ = golden(wrong)
    tap.equal(status, 1, "status")
    tap.contains(out, "# -b\n# +a\n")
    status, _, blessed = golden(wrong, "--bless", "golden/x")
    tap.equal((status, blessed), (0, "# file: made:minidump\n> .echo a\na\n"), "blessed")
    tap.equal(golden(blessed)[0], 0, "status")

with tap.case("golden: filters, dots and known failures"):
    tap.equal(golden("# filter: [0-9]+ => N\n> .echo 17\nN\n")[0], 0, "filter")
    tap.equal(golden("> .echo a\n...\n")[0], 0, "dots")
    tap.equal(golden("> .echo a\n...\nb\n")[0], 1, "dots do not swallow a line that is named")
    status, out, _ = golden("# known-failure: we know\n> .echo a\nb\n")
    tap.equal(status, 0, "known")
    tap.contains(out, "# TODO we know")
    tap.equal(golden("# known-failure: no longer\n> .echo a\na\n")[0], 1, "a mark that has to go")

with tap.case("golden: a dump that is not here is a skip, and said"):
    status, out, _ = golden("# file: nowhere/x.dmp\n> r\n")
    tap.equal(status, 0, "status")
    tap.contains(out, "# SKIP there is no nowhere/x.dmp")

with tap.case("make: help is the default and lists every job that the documents name"):
    run = subprocess.run(["make", "-C", tap.ROOT, "--no-print-directory"], capture_output=True, text=True)
    tap.equal(run.returncode, 0, "status")
    for job in ("run", "test", "quick", "san", "fault", "fuzz", "bless", "fmt", "lint", "bench", "cover", "doc",
                "install", "clean", "deps", "build"):
        tap.contains(run.stdout, f"  make {job} ")

with tap.case("make run with a wrong name says that it is not there"):
    run = subprocess.run(["make", "-C", tap.ROOT, "run", "DUMP=/nowhere/x y.dmp"], capture_output=True, text=True)
    tap.equal(run.returncode, 2, "status")
    tap.contains(run.stdout, "there is no file /nowhere/x y.dmp")

with tap.case("make run without a dump makes its example and opens it"):
    recipe = subprocess.run(["make", "-n", "-C", tap.ROOT, "run"], capture_output=True, text=True)
    tap.equal(recipe.returncode, 0, "status")
    scenario = re.search(r"tests/cases/\S+/scenario\.txt", recipe.stdout).group(0)
    with tempfile.TemporaryDirectory() as folder:
        dump = os.path.join(folder, "example.dmp")
        forge = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
        made = subprocess.run([forge, "-q", os.path.join(tap.ROOT, scenario), "-o", dump], capture_output=True, text=True)
        tap.equal((made.returncode, made.stdout, made.stderr), (0, "", ""), "stopcode-forge")
        status, out, err = tap.run("-z", dump, "-y", dump + ".store", "-i", dump + ".store", "-c", "!analyze -v; q")
        tap.equal(status, 0, "status\n" + err)
        tap.contains(out, "VERDICT")
        tap.contains(out, "fltmgr!FltpDispatch")

with tap.case("README: its transcripts are what the program prints, line by line but for the … in between"):
    with open(os.path.join(tap.ROOT, "README.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```\n(.*?)^```$", f.read(), re.M | re.S)
    dump = tap.corpus(os.path.join("kdump", "triage_x64.dmp"))
    shown = [b for b in blocks if "VERDICT" in b or "0: kd> " in b]
    tap.equal(len(shown), 2, "transcripts in README.md")
    typed = re.findall(r"^0: kd> (.*)$", "".join(shown), re.M)
    printed = [tap.run(dump, *sum((["-c", c] for c in lines), []))[1] for lines in (["!analyze -v"], typed)]
    for block, text in zip(shown, printed):
        lines = iter(line.rstrip() for line in text.splitlines())
        for want in (line.rstrip() for line in block.splitlines()):
            if want and want != "…" and not want.startswith("0: kd> ") and want not in lines:
                raise AssertionError(f"README.md has, but the program does not print (there): {want}")

tap.done()
