#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the structures and fields that readers of processors and queues ask for exist in every kernel at hand, where the
built-in layouts have them?

The readers' own tables (src/nt/*.c) are read: which member of which structure they want. Each is looked up in every symbol
table of the corpus. A member may be missing only where the table below says that the build has none; and where the built-in
layout of the build puts it elsewhere, that structure has to be marked as varying. TAP; standard library only.
"""
import glob
import json
import lzma
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

READERS = ["apc", "cpuinfo", "dpc", "idt", "ipi", "prcb", "qlock", "ready", "timer", "timer2", "workqueue"]

# (structure, member): the builds that have it, as a condition on the build; nothing: no 64-bit build at hand has it.
HAS = {
    "_EX_PARTITION": lambda b: b >= 16299, "_EPARTITION": lambda b: b >= 15063, "_ENODE": lambda b: b >= 9200,
    "_KPRIQUEUE": lambda b: b >= 9600, "_KTIMER2": lambda b: b >= 10240, "_KTIMER2_COLLECTION": lambda b: b >= 10240,
    "_KSHARED_READY_QUEUE": lambda b: b >= 9600,
    ("_EX_WORK_QUEUE", "WorkPriQueue"): lambda b: b >= 9600, ("_EX_WORK_QUEUE", "MinThreads"): lambda b: b >= 9600,
    ("_EX_WORK_QUEUE", "MaxThreads"): lambda b: b >= 9600, ("_EX_WORK_QUEUE", "WorkerQueue"): lambda b: b < 9600,
    ("_EX_WORK_QUEUE", "QueueDepthLastPass"): lambda b: b < 9200,
    ("_ENODE", "ExWorkQueues"): lambda b: 9600 <= b < 16299, ("_ENODE", "ExWorkerQueues"): lambda b: False,
    ("_KTIMER2", "PseudoHighRes"): lambda b: b >= 19041,
    ("_KINTERRUPT", "DispatchCode"): lambda b: False,  # until the first updates of 7 and 8.1
    ("_KPRCB", "DpcListHead"): lambda b: False, ("_KPRCB", "DpcData[0].DpcListHead|DpcListHead"): lambda b: b < 9600,
    ("_KPRCB", "DpcData[1].DpcListHead"): lambda b: b < 9600, ("_KPRCB", "DpcData[0].DpcList"): lambda b: b >= 9600,
    ("_KPRCB", "DpcData[1].DpcList"): lambda b: b >= 9600,
    ("_KPRCB", "TargetSet"): lambda b: False, ("_KPRCB", "SetMember"): lambda b: False,
    ("_KPRCB", "RequestSummary"): lambda b: False, ("_KPRCB", "WorkerRoutine"): lambda b: False,
    ("_KPRCB", "SignalDone"): lambda b: False, ("_KPRCB", "IpiFrame"): lambda b: False,
    ("_KPRCB", "CurrentPacket[0]"): lambda b: False, ("_KPRCB", "CurrentPacket[1]"): lambda b: False,
    ("_KPRCB", "CurrentPacket[2]"): lambda b: False, ("_KPRCB", "TargetCount"): lambda b: True,
    ("_KPRCB", "SharedReadyQueue"): lambda b: b >= 9600,
    ("_KPCR", "IRR"): lambda b: False, ("_KPCR", "IDR"): lambda b: False, ("_KPCR", "InterruptMode"): lambda b: False,
}


def wanted():
    """(structure, path) of every row of the readers' tables; alternatives stay together."""
    out = set()
    for reader in READERS:
        with open(os.path.join(tap.ROOT, "src", "nt", reader + ".c"), encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        for macro, body in re.findall(r"#define (\w+)\(name\)\s+(\"[^\"]*\") name", text):
            text = re.sub(rf'{macro}\("([^"]*)"\)', lambda m, b=body: f'"{b[1:-1]}{m[1]}"', text)
        rows = {name: re.findall(r'\{"([^"]+)",', body)
                for name, body in re.findall(r"sc_layout_field (\w+)\[\w*\]\s*=\s*\{(.*?)\};", text, re.S)}
        for struct, name in re.findall(r'\{"nt!(_\w+)",\s*(\w+),', text):
            out |= {(struct, path) for path in rows[name]}
    return sorted(out)


class Kernel:
    def __init__(self, path, version):
        with lzma.open(path) as f:
            self.types = json.load(f)["user_types"]
        self.version, self.build = version, int(version.split(".")[2])
        self.build = 18362 if self.build == 18326 else self.build

    def offset(self, struct, path):
        """Of the first alternative that exists; None."""
        for way in path.split("|"):
            at, kind = 0, {"kind": "struct", "name": struct}
            for part in way.split("."):
                name, _, index = part.partition("[")
                found = self.member(kind.get("name"), name)
                if not found:
                    at = None
                    break
                at, kind = at + found[0], found[1]
                if index:
                    kind = kind["subtype"]
                    at += int(index[:-1]) * self.types.get(kind.get("name"), {}).get("size", 8)
            if at is not None:
                return at
        return None

    def member(self, struct, name):
        fields = self.types.get(struct, {}).get("fields", {})
        if name in fields:
            return fields[name]["offset"], fields[name]["type"]
        for key, field in fields.items():
            if field.get("anonymous") or key.startswith("unnamed_field"):
                inner = self.member(field["type"].get("name"), name)
                if inner:
                    return field["offset"] + inner[0], inner[1]
        return None


def builtin(build):
    """(structure, member) -> offset, and structure -> how sure, of the layout of BUILD; None."""
    for path in glob.glob(os.path.join(tap.ROOT, "data", "layouts", f"*-{build}-x64.tsv")):
        members, trust = {}, {}
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.startswith("#"):
                    continue
                struct, member, offset, _, last = line.rstrip("\n").split("\t")
                if member in ("(struct)", "(union)"):
                    trust[struct] = last
                else:
                    members[struct, member] = int(offset, 16)
        return members, trust
    return None


def expected(struct, path, build):
    whole = HAS.get(struct)
    part = HAS.get((struct, path))
    return (not whole or whole(build)) and (not part or part(build))


def main():
    rows = wanted()
    with tap.case("the readers' tables are understood"):
        tap.equal(len(rows) > 150, True, f"{len(rows)} rows")
        tap.equal([k for k in HAS if isinstance(k, tuple) and k not in rows and k[1] != "DpcListHead"], [], "exceptions for nothing")
    with open(tap.corpus("isf/INDEX.tsv"), encoding="utf-8") as f:
        index = [line.split("\t") for line in f if line[0].isdigit()]
    for version, guid, *_ in index:
        path = glob.glob(os.path.join(tap.corpus("isf/ntkrnlmp.pdb"), guid + "-*.json.xz"))[0]
        kernel = Kernel(path, version)
        with tap.case(f"{version}: what is asked for is there"):
            wrong = [f"{s}.{p}" for s, p in rows if (kernel.offset(s, p) is not None) != expected(s, p, kernel.build)]
            tap.equal(wrong, [], "members that are there or not, against what is expected")
        layout = builtin(kernel.build)
        if not layout:
            continue
        with tap.case(f"{version}: the built-in layout agrees, or is marked"):
            members, trust = layout
            off = [f"{s}.{p}" for s, p in rows if (s, p) in members and kernel.offset(s, p) not in (None, members[s, p])
                   and trust[s] != "varies"]
            tap.equal(off, [], "members elsewhere in structures that are not marked")
    tap.done()


if __name__ == "__main__":
    main()
