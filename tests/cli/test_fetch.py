#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`stopcode symbols fetch` against a real HTTP server on this machine: what is downloaded, and what is not again."""
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "store"))
import minidump
import server as srv
import tap

PLACE = "crash.exe/5F00000110000/crash.exe"  # as minidump.build() records it


def image(timestamp=0x5F000001, size=0x10000):
    """The headers of an x64 image: enough to tell which build it is."""
    coff = struct.pack("<HHIIIHH", 0x8664, 1, timestamp, 0, 0, 0xF0, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0x200, 0, 0, 0x1000, 0x1000)
    optional += struct.pack("<QIIHHHHHHIIIIHH", 0x140000000, 0x1000, 0x200, 10, 0, 0, 0, 10, 0, 0, size, 0x200, 0, 3, 0)
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(16 * 8)
    section = struct.pack("<8sIIIIIIHHI", b".text", 0x200, 0x1000, 0x200, 0x200, 0, 0, 0, 0, 0x60000020)
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40) + b"PE\0\0" + coff + optional + section
    return head + bytes(0x400 - len(head))


def fetch(dump, server, cache, *options):
    env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_") and not k.lower().endswith("_proxy")}
    path = f"srv*{cache}*{server.url}/s"
    return subprocess.run([tap.program(), "symbols", "fetch", "-y", path, "-i", path, *options, dump],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**env, "XDG_CACHE_HOME": cache})


def records(out):
    return {(r["module"], r["kind"]): r for r in json.loads(out.stdout)["records"] if "kind" in r}


with tempfile.TemporaryDirectory() as folder:
    made = os.path.join(folder, "made.dmp")
    with open(made, "wb") as f:
        f.write(minidump.build())
    cache = os.path.join(folder, "cache")

    with srv.serving({f"/s/{PLACE}": image()}) as server:
        with tap.case("what is missing is downloaded, and what is not on the server is said"):
            out = fetch(made, server, cache)
            tap.equal(out.returncode, 1, out.stderr)
            tap.contains(out.stdout, f"image  {PLACE}")
            tap.contains(out.stdout, "(1 fetched now)")
            tap.equal(server.count(f"/s/{PLACE}"), 1)
            with open(os.path.join(cache, PLACE), "rb") as f:
                tap.equal(f.read(), image())

        with tap.case("a second run downloads nothing and does not ask again"):
            asked = server.count()
            out = fetch(made, server, cache)
            tap.contains(out.stdout, "1 here, ")
            tap.equal(server.count(), asked)

        with tap.case("JSON tells the downloaded from what was there"):
            second = os.path.join(folder, "second")
            got = records(fetch(made, server, second, "--json"))
            tap.equal(got["crash", "image"]["downloaded"], True)
            tap.equal(got["crash", "image"]["found"], os.path.join(second, PLACE))
            tap.equal(got["kernel32", "image"]["here"], False)
            got = records(fetch(made, server, second, "--json"))
            tap.equal((got["crash", "image"]["here"], got["crash", "image"]["downloaded"]), (True, False))

    with srv.serving({f"/s/{PLACE}": image(timestamp=0x5F000002)}) as server:
        with tap.case("an image of another build is refused"):
            got = records(fetch(made, server, os.path.join(folder, "third"), "--json"))
            tap.equal(got["crash", "image"]["here"], False)
            tap.contains(got["crash", "image"]["why"], "another build")
tap.done()
