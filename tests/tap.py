# SPDX-License-Identifier: MIT
"""What the tests written in Python share: TAP out, the program, the corpus.

    import tap
    with tap.case("it prints its name"):
        tap.equal(out, "x")
    tap.done()

A case fails when its block raises; tap.skip(reason) inside it skips it. Standard library only.
"""
import contextlib
import os
import subprocess
import sys
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Skip(Exception):
    """This case cannot run here; the text says why."""


class _State:
    count = 0
    failed = 0


def point(ok, name, directive=""):
    """One line of TAP for a case that was judged elsewhere."""
    _State.count += 1
    _State.failed += 0 if ok else 1
    print(f"{'ok' if ok else 'not ok'} {_State.count} - {name.replace('#', '')}{directive}", flush=True)


@contextlib.contextmanager
def case(name):
    try:
        yield
    except Skip as reason:
        point(True, name, f" # SKIP {reason}")
    except AssertionError as why:
        for line in str(why).splitlines() or ["assertion failed"]:
            print("# " + line)
        frame = traceback.extract_tb(why.__traceback__)
        here = [f for f in frame if os.path.basename(f.filename) not in ("tap.py", "contextlib.py")]
        if here:
            print(f"# at line {here[-1].lineno}: {here[-1].line}")
        point(False, name)
    except Exception:  # a bug of the test is a failure, not the end of the others
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        point(False, name)
    else:
        point(True, name)


def skip(reason):
    raise Skip(reason)


def short(value, most=600):
    text = repr(value)
    return text if len(text) <= most else text[:most] + f"... ({len(text)} characters)"


def equal(got, want, what="value"):
    if got == want:
        return
    if isinstance(got, list) and isinstance(want, list):
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        raise AssertionError(f"{what}: {len(got)} items, want {len(want)}; from {at} on got {short(got[at:at + 3])}, "
                             f"want {short(want[at:at + 3])}")
    raise AssertionError(f"{what}: got {short(got)}, want {short(want)}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"{part!r} is not in:\n{text[-3000:]}")


def lacks(text, part):
    if part in text:
        raise AssertionError(f"{part!r} is in:\n{text[-3000:]}")


def done():
    print(f"1..{_State.count}", flush=True)
    sys.exit(1 if _State.failed else 0)


def program():
    """The stopcode under test: STOPCODE, else the development build's."""
    path = os.environ.get("STOPCODE") or os.path.join(ROOT, "build", "dev", "stopcode")
    return os.path.abspath(path)


def helper(name):
    """A program that only tests use, from the build of the stopcode under test."""
    folder = os.path.dirname(program())
    for path in (os.path.join(folder, "tests", name), os.path.join(folder, name)):
        if os.path.exists(path):
            return path
    skip(f"there is no {name} in {folder}")


def corpus(name=None):
    """The folder of real files, or a file of it; skips the case when it is not there."""
    folder = os.environ.get("STOPCODE_CORPUS")
    if not folder:
        for up in ("..", "../..", "../../.."):
            if os.path.isdir(os.path.join(ROOT, up, "shared", "corpus")):
                folder = os.path.join(ROOT, up, "shared", "corpus")
                break
    if not folder or not os.path.isdir(folder):
        skip("no corpus of real dumps here (STOPCODE_CORPUS)")
    if name is None:
        return os.path.abspath(folder)
    path = os.path.join(os.path.abspath(folder), name)
    if not os.path.exists(path):
        skip(f"the corpus has no {name}")
    return path


def run(*args, stdin=b"", env=None, timeout=60, **more):
    """Runs the program; bytes in, (status, stdout, stderr) as text out."""
    done_ = subprocess.run([program(), *args], input=stdin, capture_output=True, timeout=timeout,
                           env={**os.environ, **(env or {})}, **more)
    return done_.returncode, done_.stdout.decode("utf-8", "replace"), done_.stderr.decode("utf-8", "replace")
