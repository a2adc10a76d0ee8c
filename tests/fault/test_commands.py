#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command on a machine's whole memory, with allocations refused and reads failing: see fault_commands.c.

The machines are those of forge/worlds/kernel-*.scenario, whose processors, threads, queues, objects and pool give every command
something to show. TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

WORLDS = os.path.join(os.path.dirname(HERE), "forge", "worlds")

# What the samples of the help do not ask. No line may fail on these machines.
LINES = ["!exqueue 2; !exqueue f", "!idt; !idt -a; !idt e", "!sysinfo machineid; !sysinfo smbios", "!apc; !apc proc {system}",
         "!timer; !dpcs", "!stacks 2 pagedrv; !stacks 0 nt", "!object \\; !object \\Device; !object 0 Event",
         "!handle 0 3; !handle 4 13", "!process 0 17; !thread {thread} 1e", "!running -it; !ready; !qlocks", "!poolused 2",
         "!bugdump", "!filecache", "!lookaside; !lookaside -all", "!sysptes 1; !sysptes 4; !sysptes 12", "!vm; !vm 1; !vm 3f"]


def machine(world, folder):
    """A forged dump of the world, with as little RAM as it needs, and what lines speak of."""
    with open(os.path.join(WORLDS, f"kernel-{world}.scenario"), encoding="utf-8") as f:
        text = f.read().replace("ram 1G", "ram 48M").replace("include kernel/", f"include {WORLDS}/kernel/")
    objects = int(re.search("^let objects (.*)$", text, re.M)[1].replace("`", ""), 16)
    scenario, dump = os.path.join(folder, "world.scenario"), os.path.join(folder, "world.dmp")
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(text)
    run = subprocess.run([tap.helper("stopcode-forge"), "-q", scenario, "-o", dump, "--store", os.path.join(folder, "store")],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tap.equal((run.returncode, run.stdout), (0, ""), "stopcode-forge")
    return dump, {"system": f"{objects + 0x10000:x}", "thread": f"{objects + 0x80000:x}"}


def main():
    program = tap.helper("tests/fault_commands")
    for world in ("7601-x64", "19041-x64"):
        with tempfile.TemporaryDirectory() as folder:
            with tap.case(f"{world}: a machine is made"):
                dump, names = machine(world, folder)
            # The samples of all commands are tried on one of them.
            samples = [] if world == "7601-x64" else ["--only", ""]
            lines = [line.format(**names) for line in LINES]
            env = dict(os.environ, _NT_SYMBOL_PATH=os.path.join(folder, "store"), XDG_CACHE_HOME=folder)
            run = subprocess.run([program, "--allocations", "3", "--reads", "2", *samples, dump, *lines], cwd=folder, env=env,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
            for line in run.stdout.splitlines():
                kind, _, rest = line.partition(" - ")
                if kind.startswith(("ok ", "not ok ")):
                    tap.point(not kind.startswith("not"), f"{world}: {rest}")
                elif not line.startswith("1.."):
                    print(line if line.startswith("#") else "# " + line)
            with tap.case(f"{world}: all commands were run"):
                tap.equal(run.returncode in (0, 1), True, f"status {run.returncode}")
                tap.contains(run.stdout, "\n1..")
    tap.done()


if __name__ == "__main__":
    main()
