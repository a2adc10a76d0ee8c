#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every structure and field that the readers of objects, handles, tokens, sessions, jobs, processes and threads ask for, in the
symbol tables of real kernels: each must be there, but for those that only other builds have (ABSENT), and the built-in layout of the same
build must agree, or be marked as one that updates changed.

The tables of fields are taken out of the sources, so that none is forgotten.
"""
import glob
import json
import lzma
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = ["object", "objtype", "directory", "objname", "handle", "token", "job", "session", "process",
           "thread", "threadstack", "wait", "ready"]
SYMBOLS = ["ObTypeIndexTable", "ObpInfoMaskToOffset", "ObpRootDirectoryObject", "ObpTypeObjectType", "PspCidTable",
           "ObpKernelHandleTable", "HandleTableListHead", "PsInitialSystemProcess", "PsActiveProcessHead"]

# Fields that builds have only from FIRST to LAST.
OLD, NEW = (0, 7599), (7600, 99999)
WITHIN = {
    "_OBJECT_HEADER": {"Type": OLD, "NameInfoOffset": OLD, "HandleInfoOffset": OLD, "QuotaInfoOffset": OLD,
                       "TypeIndex": NEW, "InfoMask": NEW},
    "_OBJECT_HEADER_AUDIT_INFO": {"": (9200, 99999)},
    "_OBJECT_HEADER_EXTENDED_INFO": {"": (14393, 99999)},
    "_OBJECT_HEADER_PADDING_INFO": {"": (9200, 99999)},
    "_OBJECT_SYMBOLIC_LINK": {"Flags": (7600, 99999), "Callback": (15063, 99999)},
    "_HANDLE_TABLE": {"HandleCount": (0, 9199), "FreeLists": (9200, 99999)},
    "_HANDLE_TABLE_FREE_LIST": {"": (9200, 99999)},
    "_HANDLE_TABLE_ENTRY": {"Object": (0, 9199), "GrantedAccess": (0, 9199), "ObjectPointerBits": (9200, 99999),
                            "Attributes": (9200, 99999), "GrantedAccessBits": (9200, 99999),
                            "ProtectFromClose": (0, 0)},  # of 32-bit kernels
    "_TOKEN": {"PrivilegeCount": (0, 5999), "IntegrityLevelIndex": (6000, 99999), "MandatoryPolicy": (6000, 99999),
               "Privileges.Present": (6000, 99999), "Privileges.Enabled": (6000, 99999),
               "Privileges.EnabledByDefault": (6000, 99999), "Package": (9200, 99999), "Capabilities": (9200, 99999),
               "CapabilityCount": (9200, 99999), "LowboxNumberEntry": (9200, 99999), "TrustLevelSid": (9600, 99999)},
    "_EJOB": {"SecurityLimitFlags": (0, 3790), "Token": (0, 3790), "TotalCycleTime": (9200, 99999),
              "EffectiveLimitFlags": (9200, 99999), "ParentJob": (9200, 99999), "RootJob": (9200, 99999),
              "JobId": (10240, 99999), "EffectiveFreezeCount": (9200, 99999), "EffectiveBackgroundCount": (9200, 99999),
              "ChildJobListHead": (9200, 99999), "SiblingJobLinks": (9200, 99999),
              **{flag: (9600, 99999) for flag in (
                  "CloseDone", "MultiGroup", "OutstandingNotification", "NotificationInProgress",
                  "UILimits", "CpuRateControlActive", "OwnCpuRateControl", "Terminating",
                  "WorkingSetLock", "JobFrozen", "Background", "WakeNotificationAllocated",
                  "WakeNotificationEnabled", "WakeNotificationPending", "LimitNotificationRequired", "ZeroCountNotificationRequired",
                  "CycleTimeNotificationRequired", "CycleTimeNotificationPending", "TimersVirtualized", "JobSwapped",
                  "ViolationDetected", "EmptyJobNotified", "NoSystemCharge", "DropNoWakeCharges",
                  "NoWakeChargePolicyDecided")},
              **{flag: (14393, 99999) for flag in (
                  "NetRateControlActive", "OwnNetRateControl", "IoRateControlActive", "OwnIoRateControl",
                  "DisallowNewProcesses", "Silo")},
              "ContainerTelemetryIdSet": (15063, 99999)},
    "_MM_SESSION_SPACE": {"Session": (0, 21999)},
    "_MI_VISIBLE_STATE": {"": (10240, 99999)},
    "_ETHREAD": {"Tcb.WaitBlockCount": (9200, 99999), "Tcb.SharedReadyQueue": (9600, 99999), "ImpersonationInfo": (0, 5999),
                 "Tcb.CallbackStack": (0, 9199), "Tcb.DecrementCount": (0, 3790), "Tcb.LargeStack": (0, 9199)},
    "_KSHARED_READY_QUEUE": {"": (9600, 99999)},
    "_KSTACK_CONTROL": {"": (9200, 99999)},
    "_KWAIT_BLOCK": {"NextWaitBlock": (0, 9199)},
    "_MMSUPPORT_INSTANCE": {"": (10240, 99999)},
    "_PS_IMPERSONATION_INFORMATION": {"": (0, 5999)},
    "_KPRCB": {"SharedReadyQueue": (9600, 99999)},
}
# Fields that an update brought: kernels of one build have them or not.
UPDATED = {("_EPROCESS", "KernelTimeHigh"), ("_EPROCESS", "UserTimeHigh")}


def tables():
    """{structure: set of fields}, each field all of its names."""
    wanted = {}
    for name in SOURCES:
        with open(os.path.join(ROOT, "src", "nt", name + ".c"), encoding="utf-8") as f:
            source = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        for macro, before in re.findall(r'^#define (\w+)\(name\) "([^"]*)" name$', source, re.M):
            source = re.sub(rf'\b{macro}\("([^"]*)"\)', rf'"{before}\1"', source)
        source = re.sub(r'" "\|" "', "|", source)
        rows = {m[1]: re.findall(r'\{"([^"]+)",\s*\d+,\s*(?:true|false)\}', m[2])
                for m in re.finditer(r"sc_layout_field (\w+)\[[^]]*\]\s*=\s*\{(.*?)\};", source, re.S)}
        for types, table in re.findall(r'\{\s*"(nt![^"]+)",\s*(\w+),', source):
            # Of several names the first is the one that builds at hand have.
            wanted.setdefault(types.split("|")[0].removeprefix("nt!"), set()).update(rows[table])
    return wanted


class Kernel:
    def __init__(self, path):
        with lzma.open(path, "rt", encoding="utf-8") as f:
            table = json.load(f)
        self.types, self.symbols = table["user_types"], table["symbols"]

    def place(self, structure, path):
        """Offset of a member, also inside unnamed ones; None: none."""
        offset = 0
        for name in path.split("."):
            found = self.member(structure, name)
            if not found:
                return None
            offset += found[0]
            structure = found[1].get("name", "")
        return offset

    def member(self, structure, name):
        fields = self.types.get(structure, {}).get("fields", {})
        if name in fields:
            return fields[name]["offset"], fields[name]["type"]
        for key, field in fields.items():
            if field.get("anonymous") or key.startswith("unnamed_field"):
                inner = self.member(field["type"].get("name", ""), name)
                if inner:
                    return field["offset"] + inner[0], inner[1]
        return None


class Layouts:
    """The built-in layouts of a build: offsets of direct members, and how sure a structure is."""

    def __init__(self, path):
        self.place, self.trust = {}, {}
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.startswith("#"):
                    continue
                name, member, offset, _, kind = line.rstrip("\n").split("\t")
                if member in ("(struct)", "(union)"):
                    self.trust[name] = kind
                else:
                    self.place[name, member] = int(offset, 16)


def expected(structure, field, build):
    rows = WITHIN.get(structure, {})
    for key in ("", *field.split("|")):
        if key in rows:
            return rows[key][0] <= build <= rows[key][1]
    return True


wanted = tables()
with tap.case("the tables of fields were found"):
    if len(wanted) < 20 or sum(len(v) for v in wanted.values()) < 100:
        raise AssertionError(f"{len(wanted)} structures, {sum(len(v) for v in wanted.values())} fields")
try:
    index = tap.corpus("isf/INDEX.tsv")
except tap.Skip as reason:
    tap.point(True, "symbol tables", f" # SKIP {reason}")
    tap.done()
    sys.exit()
with open(index, encoding="utf-8") as f:
    kernels = [line.split("\t")[:3] for line in f.read().splitlines()[1:] if line[0].isdigit()]
for version, guid, age in kernels:
    build = int(version.split(".")[2])
    kernel = Kernel(tap.corpus(f"isf/ntkrnlmp.pdb/{guid}-{age}.json.xz"))
    with tap.case(f"{version}: every field that is asked for is there, or is one of other builds"):
        wrong = []
        for structure in sorted(wanted):
            for field in sorted(wanted[structure]):
                there = any(kernel.place(structure, n) is not None for n in field.split("|"))
                if (structure, field) not in UPDATED and there != expected(structure, field, build):
                    wrong.append(f"{structure}.{field} {'is' if there else 'is not'} there")
        wrong += [f"nt!{s} is not there" for s in SYMBOLS if s not in kernel.symbols]
        if ("ObHeaderCookie" in kernel.symbols) != (build >= 10240):
            wrong.append("nt!ObHeaderCookie")
        tap.equal(wrong, [], "fields")
    with tap.case(f"{version}: links lie first in the entries of directories and of creator info"):
        tap.equal((kernel.place("_OBJECT_DIRECTORY_ENTRY", "ChainLink"),
                   kernel.place("_OBJECT_HEADER_CREATOR_INFO", "TypeList")), (0, 0), "offsets")
    found = glob.glob(os.path.join(ROOT, "data", "layouts", f"*-{build}-x64.tsv"))
    if not found:
        continue
    with tap.case(f"{version}: the built-in layouts agree, or say that they vary"):
        layouts, wrong = Layouts(found[0]), []
        for structure in sorted(wanted):
            for field in sorted(wanted[structure]):
                for name in field.split("|"):
                    place = kernel.place(structure, name)
                    own = layouts.place.get((structure, name))
                    if place is not None and own is not None and place != own and \
                            layouts.trust.get(structure) == "proved":
                        wrong.append(f"{structure}.{name}: {own:x}, really {place:x}")
        tap.equal(wrong, [], "offsets")
tap.done()
