#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`stopcode symbols`: manifests, what is here, and the index of a store; never the network."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap


def run(*args, cache):
    env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
    return subprocess.run([tap.program(), "symbols", *args], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**env, "XDG_CACHE_HOME": cache})


with tempfile.TemporaryDirectory() as folder:
    made = os.path.join(folder, "made.dmp")
    with open(made, "wb") as f:
        f.write(minidump.build())

    with tap.case("list is a manifest of PDBs and images"):
        out = run("list", made, cache=folder)
        tap.equal(out.returncode, 0, out.stderr)
        tap.contains(out.stdout, "made.dmp: ")
        tap.contains(out.stdout, "image  crash.exe/5F00000110000/crash.exe\n")

    with tap.case("check says what is missing, in its status too"):
        out = run("check", "-y", folder, made, cache=folder)
        tap.equal(out.returncode, 1, out.stderr)
        tap.contains(out.stdout, "missing  image  crash.exe/5F00000110000/crash.exe")
        tap.contains(out.stdout, "0 here, ")

    with tap.case("JSON has a record for each file"):
        out = run("list", "--json", made, cache=folder)
        records = json.loads(out.stdout)["records"]
        images = [r for r in records if r["kind"] == "image" and r["module"] == "crash"]
        tap.equal(images[0]["store_path"], "crash.exe/5F00000110000/crash.exe")
        tap.equal(images[0]["timestamp"], "0x5f000001")

    with tap.case("a file that is no dump is an error"):
        out = run("list", os.path.abspath(__file__), cache=folder)
        tap.equal(out.returncode, 1)
        tap.contains(out.stderr, "test_symbols.py")

    with tap.case("an action must be given, and be one of four"):
        tap.equal(run(cache=folder).returncode, 2)
        tap.contains(run("steal", made, cache=folder).stderr, "no such action: steal")
        tap.contains(run("list", cache=folder).stderr, "name dump files")
        tap.equal(run("--help", cache=folder).returncode, 0)

    with tap.case("an empty store adds nothing to the index"):
        store = os.path.join(folder, "store")
        os.mkdir(store)
        out = run("index", store, cache=folder)
        tap.equal(out.returncode, 0, out.stderr)
        tap.contains(out.stdout, "0 kernels in the index")

    with tap.case("with a store, the files of a real dump are found in it"):
        dump, store, isf = tap.corpus("kdump/triage_x64.dmp"), tap.corpus("symstore"), tap.corpus("isf")
        out = run("check", "-y", f"{store};{isf}", dump, cache=folder)
        tap.contains(out.stdout, "have     pdb    amdppm.pdb/1C19FDDB27BB3399D9B45973EFEAFCF31/amdppm.pdb")
        tap.contains(out.stdout, "have     pdb    ntkrnlmp.pdb/5278AFF86C341677D7D7835C85B7B8441/ntkrnlmp.pdb")
        out = run("index", isf, cache=folder)
        tap.contains(out.stdout, "18 kernels in the index")
tap.done()
