# SPDX-License-Identifier: MIT
"""Scenarios of machines with several processes, for each build: threads that wait, with stacks that go on in their
process's own memory, a 32-bit process on 64-bit systems, a stack that was paged out, a mutex with an owner.

One description for all of them; what differs between builds is the address of the kernel and its objects.
"""

# Build, CPU, page tables, where the kernel's image is, and the prefix of its objects and stacks.
WORLDS = {
    "xp-pae": dict(build=2600, sp=3, cpu="x86", paging="pae", nt=0x804D7000, objects=0x81000000, stacks=0xF8900000),
    "7601-x86": dict(build=7601, sp=1, cpu="x86", paging="pae", nt=0x82800000, objects=0x85000000, stacks=0x8D000000),
    "7601-x64": dict(build=7601, sp=1, cpu="x64", paging="x64", nt=0xFFFFF80001600000, objects=0xFFFFFA8001000000,
                     stacks=0xFFFFF88004000000),
    "9600-x64": dict(build=9600, sp=0, cpu="x64", paging="x64", nt=0xFFFFF80154000000, objects=0xFFFFE00001000000,
                     stacks=0xFFFFD00022000000),
    "17763-x64": dict(build=17763, sp=0, cpu="x64", paging="x64", nt=0xFFFFF8041A000000, objects=0xFFFFC00F01000000,
                      stacks=0xFFFFE28C0A000000),
    "19041-x64": dict(build=19041, sp=0, cpu="x64", paging="x64", nt=0xFFFFF8041A000000, objects=0xFFFFC00F01000000,
                      stacks=0xFFFFE28C0A000000),
    "22000-x64": dict(build=22000, sp=0, cpu="x64", paging="x64", nt=0xFFFFF8041A000000, objects=0xFFFFC00F01000000,
                      stacks=0xFFFFE28C0A000000),
}

PIDS = {"System": 4, "app.exe": 0x9A4, "other.exe": 0xA00, "wow.exe": 0xB00}


class World:
    """The objects of one world, and its text."""

    def __init__(self, name):
        self.__dict__.update(WORLDS[name])
        self.name, self.wide = name, self.cpu == "x64"
        self.process = {n: self.objects + 0x10000 * (i + 1) for i, n in enumerate(PIDS) if self.wide or n != "wow.exe"}
        step = 0x2000
        self.threads = {n: self.objects + 0x80000 + step * i
                        for i, n in enumerate(["runs", "waits", "mutex", "paged", "other", "wow"]) if self.wide or n != "wow"}
        self.mutant = self.objects + 0xA0000
        self.ntdll = 0x7FFA77A00000 if self.build >= 9200 else 0x77A00000
        if not self.wide:
            self.ntdll = 0x7C900000
        self.narrow_ntdll = 0x77000000

    def stack(self, thread):
        base = self.stacks + 0x10000 * list(self.threads).index(thread)
        return base + 0x6000, base

    def addr(self, value):
        return f"{value >> 32:08x}`{value & 0xffffffff:08x}" if self.wide else f"{value:08x}"

    def digits(self, value):
        return f"{value:0{16 if self.wide else 8}x}"

    def teb(self, thread):
        return 0x7FF70000 + 0x4000 * list(self.threads).index(thread) if self.wide else \
            0x7FFDE000 - 0x1000 * list(self.threads).index(thread)

    def kernel_frames(self, thread):
        """[(Child-SP or ChildEBP, RetAddr, name)] of a thread that waits."""
        top = self.stack(thread)[0]
        nt = self.nt
        names = ["KiSwapContext", "KiSwapThread", "KeWaitForSingleObject", "NtWaitForSingleObject"]
        at = [0x74000, 0x8D000, 0x9E000, 0xAD000]
        sps = [top - 0xC20, top - 0xAE0, top - 0x9B0, top - 0x940]
        if not self.wide:
            sps = [top - 0x340, top - 0x330, top - 0x300, top - 0x2B0]
        offsets = [0x7A, 0x1D2, 0xAE, 0x1BC]
        rets = [nt + a + o for a, o in zip(at[1:], offsets[1:])] + [nt + 0xC0000 + 0x25]
        return list(zip(sps, rets, [f"nt!{n}+0x{o:x}" for n, o in zip(names, offsets)]))

    def user_frames(self, thread):
        if thread == "other":
            return [(0x500000 + 0x1000 + 0x56, "other!main+0x56")]
        return [(0x400000 + 0x1000 + 0x56, "app!Work+0x56"), (0x400000 + 0x2000 + 0x100, "app!main+0x100")]

    def frames(self, thread):
        """The whole stack, down into user mode."""
        kernel = self.kernel_frames(thread)
        system, start = self.ntdll + 0x1000 + 0x14, self.ntdll + 0x5000 + 0x21
        user = self.user_frames(thread)
        top = self.stack(thread)[0]
        sp = (0x14F5E8 if self.wide else 0x12FE40) + 0x20000 * list(self.threads).index(thread)
        if self.wide:
            rows = kernel + [(top - 0x500, system, "nt!KiSystemServiceCopyEnd+0x25")]
            rows.append((sp, user[0][0], "ntdll!NtWaitForSingleObject+0x14"))
        else:
            rows = kernel + [(top - 0x29C, system, f"nt!KiFastCallEntry+0x25 (FPO: [0,0] TrapFrame @ {top - 0x29C:08x})")]
            rows.append((sp, user[0][0], "ntdll!NtWaitForSingleObject+0x14"))
        sp += 8 if self.wide else 0x20
        for (ip, name), ret in zip(user, [u[0] for u in user[1:]] + [start]):
            rows.append((sp, ret, name))
            sp += 0x60
        rows.append((sp, 0, "ntdll!RtlUserThreadStart+0x21"))
        return rows

    def wow_frames(self):
        rows = self.kernel_frames("wow")
        rows.append((self.stack("wow")[0] - 0x500, 0x73001009, "nt!KiSystemServiceCopyEnd+0x25"))
        rows.append((0x8E078, 0x73102100, "wow64cpu!CpupSyscallStub+0x9"))
        rows.append((0x8E080, self.ntdll + 0x5021, "wow64!RunCpuSimulation+0x100"))
        rows.append((0x8E0E0, 0, "ntdll!RtlUserThreadStart+0x21"))
        return rows

    def narrow_frames(self):
        """ChildEBP, RetAddr, name of the 32-bit side."""
        return [(0x18FD40, 0x601056, "ntdll_77000000!NtWaitForSingleObject+0xc"), (0x18FD60, 0x77005021, "wow!main+0x56"),
                (0x18FDA0, 0, "ntdll_77000000!RtlUserThreadStart+0x21")]

    def listing(self, thread, rows):
        head = "Child-SP          RetAddr           Call Site" if self.wide else "ChildEBP RetAddr"
        return "\n".join([f"stack thread {self.addr(self.threads[thread])}", head] +
                         [f"{self.addr(s)} {self.addr(r)} {n}" for s, r, n in rows] + ["end"])

    def thread_line(self, name, process, tid, extra):
        base, limit = self.stack(name)
        current = ""
        if name != "runs" and (self.wide or name == "paged"):
            low = self.kernel_frames(name)[0][0] - 0x40
            current = f" {self.addr(base - (0x100 if self.wide else 0x210))} {self.addr(low)}"
        return (f"thread {self.addr(self.threads[name])} cid {PIDS[process]:x}.{tid:x} stack {self.addr(base)} "
                f"{self.addr(limit)}{current} teb {self.teb(name):x} {extra}")

    def text(self):
        wait = "Tcb.State=5 Tcb.WaitReason=6 Tcb.WaitMode=1"
        lines = [
            f"dump full\nos {self.build} sp {self.sp} product workstation\ncpu {self.cpu} count 2 current 1 mhz 2800",
            "time 2021-03-30 18:20:11.250\nuptime 2 days 5:01:47.031\nbugcheck e2 0 0 0 0",
            f"ram 512M\npaging {self.paging}\nkdbg plain",
            f"module nt {self.addr(self.nt)} +{0x200000:x} image {'ntkrnlpa.exe' if not self.wide else 'ntkrnlmp.exe'}",
            f"module ntdll {self.addr(self.ntdll)} +20000",
        ]
        for name, address in self.process.items():
            member = "WoW64Process" if self.build >= 10240 else "Wow64Process"
            extra = f" {member}={self.objects + 0xB0000:x}" if name == "wow.exe" else ""
            lines.append(f"process {name} {self.addr(address)} pid {PIDS[name]:x}{extra}")
        block = self.objects + 0xC0000
        mutex_wait = f"{wait} Tcb.WaitBlockList={self.addr(block)}" + (" Tcb.WaitBlockCount=1" if self.build >= 9200 else "")
        lines += [
            self.thread_line("runs", "app.exe", 0x9A8, ""),
            self.thread_line("waits", "app.exe", 0x9AC, wait),
            self.thread_line("mutex", "app.exe", 0x9B0, mutex_wait),
            self.thread_line("paged", "other.exe", 0xA08, wait + " Tcb.KernelStackResident=0"),
            self.thread_line("other", "other.exe", 0xA04, wait),
            f"struct _KWAIT_BLOCK {self.addr(block)} Object={self.addr(self.mutant)} Thread={self.addr(self.threads['mutex'])}"
            + (f" NextWaitBlock={self.addr(block)}" if self.build < 9200 else ""),
            f"struct _KMUTANT {self.addr(self.mutant)} Header.Type=2 OwnerThread={self.addr(self.threads['waits'])}",
        ]
        if self.wide:
            lines.append(self.thread_line("wow", "wow.exe", 0xB04, wait))
        top = self.stack("runs")[0]
        if self.wide:
            lines.append("\n".join(["stack", "Child-SP          RetAddr           Call Site",
                                    f"{self.addr(top - 0x548)} {self.addr(self.nt + 0xD005A)} nt!KeBugCheckEx",
                                    f"{self.addr(top - 0x2f0)} {self.addr(self.nt + 0xE0016)} nt!PspSystemThreadStartup+0x5a",
                                    f"{self.addr(top - 0x2b0)} {self.addr(0)} nt!KiStartSystemThread+0x16", "end"]))
        else:
            lines.append("\n".join(["stack", "ChildEBP RetAddr",
                                    f"{self.addr(top - 0x348)} {self.addr(self.nt + 0xD005A)} nt!KeBugCheckEx+0x1e",
                                    f"{self.addr(top - 0x2f0)} {self.addr(self.nt + 0xE0016)} nt!PspSystemThreadStartup+0x5a",
                                    f"{self.addr(top - 0x2b0)} {self.addr(0)} nt!KiStartSystemThread+0x16", "end"]))
        if not self.wide:
            lines.append("code nt!KiSwapContext+75 e800000000")  # the call of SwapContext
        for name in ("waits", "mutex", "other"):
            lines.append(self.listing(name, self.frames(name)))
        lines += [f"in process {self.addr(self.process['app.exe'])}",
                  r'module app 00400000 +8000 image app.exe path "C:\app\app.exe"', "end",
                  f"in process {self.addr(self.process['other.exe'])}",
                  r'module other 00500000 +8000 image other.exe path "C:\app\other.exe"', "end"]
        return "\n".join(lines + (self.wow() if self.wide else [])) + "\n"

    def wow(self):
        """The 32-bit side, byte by byte: PEB and loader's list, TEB, the context that was left."""
        def dwords(at, *values):
            return f"memory {self.addr(at)} " + " ".join(v.to_bytes(4, "little").hex() for v in values)

        def unicode_string(at, text, where):
            size = len(text) * 2
            return [dwords(at, size | (size + 2) << 16, where), f"memory {self.addr(where)} L\"{text}\""]

        peb, ldr, teb = 0x7EFDE000, 0x7EF00000, self.teb("wow")
        area = 0x8D000
        context = bytearray(0x2CC)

        def put(at, value):
            context[at:at + 4] = value.to_bytes(4, "little")
        for at, value in ((0, 0x10007), (0xBC, 0x23), (0xC8, 0x2B), (0xB4, 0x18FD40), (0xC4, 0x18FD38), (0xB8, 0x7700100C)):
            put(at, value)
        entries = [(0x600000, 0x8000, r"C:\app\wow.exe"), (self.narrow_ntdll, 0x20000, r"C:\Windows\SysWOW64\ntdll.dll")]
        at = [ldr + 0x1000, ldr + 0x1100]
        lines = [self.listing("wow", self.wow_frames()),
                 f"memory {self.addr(self.objects + 0xB0000)} {peb.to_bytes(8, 'little').hex()}",
                 f"in process {self.addr(self.process['wow.exe'])}",
                 r'module wow 00600000 +8000 image wow.exe path "C:\app\wow.exe"',
                 r'module wow64cpu 73000000 +8000 image wow64cpu.dll path "C:\Windows\System32\wow64cpu.dll"',
                 r'module wow64 73100000 +8000 image wow64.dll path "C:\Windows\System32\wow64.dll"',
                 dwords(peb + 0xC, ldr), dwords(ldr + 0xC, at[0], at[1]),
                 f"memory {self.addr(teb + 0x1488)} {area.to_bytes(8, 'little').hex()}",
                 f"memory {self.addr(area)} {(0x14c0000 if self.build >= 10240 else 0).to_bytes(4, 'little').hex()}",
                 f"memory {self.addr(area + 4)} {context.hex()}",
                 dwords(0x18FD38, 0, 0, 0x18FD60, 0x601056), dwords(0x18FD60, 0x18FDA0, 0x77005021),
                 dwords(0x18FDA0, 0, 0), "code wow+1051 e800000000",
                 f"memory {self.addr(0x7700501C)} e800000000", f"memory {self.addr(0x77001000)} " + "90" * 16]
        for i, (base, size, path) in enumerate(entries):
            lines += [dwords(at[i], at[i + 1] if i + 1 < len(at) else ldr + 0xC), dwords(at[i] + 0x18, base, 0, size)]
            lines += unicode_string(at[i] + 0x24, path, ldr + 0x2000 + 0x100 * i)
        return lines + ["end"]
