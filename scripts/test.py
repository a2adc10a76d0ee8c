#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests and counts their cases.

Programs are found, not listed:
  unit/NAME, fault/NAME, fuzz/NAME, ...  what CTest knows of the build folder (cmocka programs and replays)
  FOLDER/NAME                            tests/**/test_*.py, *_compare.py and tests/golden/run.py (TAP scripts)

Each program gets one line with its counts and its time; its log is shown only when something failed. Cases that were
skipped are counted, and their reasons printed. The last line is exactly "N passed, N failed, N skipped"; the status
is 1 when a case failed or when nothing ran.

  scripts/test.py [--build DIR] [--kind KIND,...] [--only REGEX] [--tier NAME] [-j N]

With --tally FILE the three numbers are also appended to FILE; `scripts/test.py --total FILE` sums such a file.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIP_STATUS = 77
# Kinds that a tier leaves out: lint and the manual look at sources and not at the build under test.
SOURCES_ONLY = {"lint", "manual", "house"}
TIER_SKIPS = {"dev": set(), "san": SOURCES_ONLY, "clang": SOURCES_ONLY, "release": SOURCES_ONLY}


class Program:
    def __init__(self, name, command):
        self.name = name
        self.kind = name.split("/")[0]
        self.command = command


class Result:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []  # (case, reason)
        self.log = ""
        self.why = ""
        self.seconds = 0.0


def ctest_programs(build):
    """What CTest knows; an empty list when the folder was never configured."""
    run = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"test: {build} is not a build folder (make build):\n{run.stderr.strip()}")
    tests = json.loads(run.stdout).get("tests", [])
    return [Program(t["name"], t["command"]) for t in tests if t.get("command")]


def script_programs():
    found = []
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "**", "*.py"), recursive=True)):
        base = os.path.basename(path)
        folder = os.path.relpath(os.path.dirname(path), os.path.join(ROOT, "tests"))
        if base.startswith("test_") or base.endswith("_compare.py"):
            found.append(Program(f"{folder}/{base[:-3]}", [sys.executable, path]))
        elif folder == "golden" and base == "run.py":
            found.append(Program("golden/transcripts", [sys.executable, path]))
    return found


def environment(build):
    env = dict(os.environ, STOPCODE=os.path.join(build, "stopcode"), STOPCODE_BUILD=build,
               CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONDONTWRITEBYTECODE="1", TZ="UTC", LC_ALL="C.UTF-8")
    if "STOPCODE_CORPUS" not in env:
        for up in ("..", "../..", "../../.."):
            folder = os.path.normpath(os.path.join(ROOT, up, "shared", "corpus"))
            if os.path.isdir(folder):
                env["STOPCODE_CORPUS"] = folder
                break
    # Leaks and undefined behaviour end the program with a status of their own, never 77.
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99:abort_on_error=0")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    return env


POINT = re.compile(r"^(not ok|ok)\b\s*(\d+)?\s*-?\s*(.*)$")


def parse_tap(text, result):
    """Counts TAP's test points; returns the number planned, or None without a plan."""
    planned = None
    comments = []
    for line in text.splitlines():
        plan = re.match(r"^1\.\.(\d+)", line)
        if plan:
            # A cmocka program with several groups prints a plan for each.
            planned = (planned or 0) + int(plan.group(1))
            skip_all = re.search(r"#\s*SKIP\S*\s*(.*)", line, re.I)
            if int(plan.group(1)) == 0 and skip_all:
                result.skipped.append(("all", skip_all.group(1)))
            continue
        point = POINT.match(line)
        if not point:
            comments.append(line.strip())
            continue
        ok, text_of = point.group(1) == "ok", point.group(3)
        directive = re.search(r"#\s*(SKIP|TODO)\S*\s*(.*)$", text_of, re.I)
        name = text_of[:directive.start()].strip() if directive else text_of.strip()
        if directive and directive.group(1).upper() == "SKIP":
            name, reason = skip_reason(name, directive.group(2), comments)
            result.skipped.append((name, reason))
        elif directive and not ok:
            result.skipped.append((name, "known failure: " + directive.group(2)))
        elif ok:
            result.passed += 1
        else:
            result.failed += 1
        comments = []
    return planned


def skip_reason(name, reason, comments):
    """cmocka writes `ok 3 # SKIP name`, and tests print their reason on the lines before it."""
    if name:
        return name, reason or "no reason given"
    said = [c.lstrip("# ") for c in comments if c]
    return reason or "?", (said[-1] if said else "no reason given")


def judge(status, output, result, timeout):
    planned = parse_tap(output, result)
    cases = result.passed + result.failed + len(result.skipped)
    if status is None:
        result.why = f"did not end within {timeout} s"
    elif status == SKIP_STATUS and cases == 0:
        last = [line for line in output.splitlines() if line.strip()]
        result.skipped.append(("all", last[-1].strip() if last else "no reason given"))
        return
    elif status < 0:
        try:
            result.why = f"ended by {signal.Signals(-status).name}"
        except ValueError:
            result.why = f"ended by signal {-status}"
    elif planned is not None and planned > cases:
        result.why = f"stopped after {cases} of {planned} cases (status {status})"
    elif status != 0 and result.failed == 0:
        result.why = f"status {status}"
    elif planned is None and cases == 0:
        # A plain program: its status is its one case.
        result.passed += 1
        return
    if result.why:
        result.failed += 1


def run(program, env, timeout):
    result = Result()
    start = time.monotonic()
    process = subprocess.Popen(program.command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
        status = process.returncode
    except subprocess.TimeoutExpired:
        # The whole group: a test may have started programs of its own.
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = None
    result.log = output.decode("utf-8", "replace")
    result.seconds = time.monotonic() - start
    judge(status, result.log, result, timeout)
    return result


def show(program, result):
    mark = "FAIL" if result.failed else "ok  " if result.passed else "skip"
    counts = f"{result.passed} passed"
    if result.failed:
        counts += f", {result.failed} failed"
    if result.skipped:
        counts += f", {len(result.skipped)} skipped"
    print(f"{mark} {program.name:<34} {counts:<34} {result.seconds:6.2f} s")
    reasons = {}
    for case, reason in result.skipped:
        reasons.setdefault(reason, []).append(case)
    for reason, cases in reasons.items():
        which = cases[0] if len(cases) == 1 else f"{len(cases)} cases"
        print(f"     skipped {which}: {reason}")
    if result.failed:
        if result.why:
            print(f"     {program.name}: {result.why}")
        for line in result.log.splitlines():
            print("     | " + line)
    sys.stdout.flush()


def total_line(passed, failed, skipped):
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def sum_tally(path):
    sums = [0, 0, 0]
    with open(path, encoding="utf-8") as f:
        for line in f:
            sums = [a + int(b) for a, b in zip(sums, line.split()[:3])]
    print(total_line(*sums))
    return 1 if sums[1] or not sums[0] else 0


def select(args, build):
    kinds = set(args.kind.split(",")) if args.kind else None
    programs = ctest_programs(build)
    # A script that CTest runs, with arguments of its own, is not run again without them.
    known = {word for p in programs for word in p.command if word.endswith(".py")}
    programs += [p for p in script_programs() if p.command[-1] not in known]
    left_out = TIER_SKIPS[args.tier]
    return [p for p in programs
            if (kinds is None or p.kind in kinds) and p.kind not in left_out
            and (not args.only or re.search(args.only, p.name))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("--kind", help="only these kinds, separated by commas: unit, golden, cli, ...")
    parser.add_argument("--only", help="only programs whose name matches this regular expression")
    parser.add_argument("--tier", default="dev", choices=sorted(TIER_SKIPS))
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one program")
    parser.add_argument("--tally", help="also append the counts to this file")
    parser.add_argument("--total", help="sum such a file, run nothing")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    if args.total:
        return sum_tally(args.total)
    build = os.path.abspath(args.build)
    env = environment(build)
    programs = select(args, build)
    sums = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        jobs = [(p, pool.submit(run, p, env, args.timeout)) for p in programs]
        for program, job in jobs:
            result = job.result()
            show(program, result)
            sums = [sums[0] + result.passed, sums[1] + result.failed, sums[2] + len(result.skipped)]
    tally = os.environ.get("STOPCODE_TALLY") or args.tally
    if tally:
        with open(tally, "a", encoding="utf-8") as f:
            f.write("%d %d %d\n" % tuple(sums))
    if not sums[0] + sums[1] + sums[2]:
        print("test: nothing ran")
    print(total_line(*sums))
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
