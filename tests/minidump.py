# SPDX-License-Identifier: MIT
"""A small user minidump of x64 Windows, made from nothing: for tests of the program that must run anywhere.

One thread that took an access violation in crash.exe, two modules, one page of stack. Layout: MINIDUMP_HEADER,
directory, then the streams one after the other (Microsoft's minidumpapiset.h).
"""
import struct

BASE, KERNEL32 = 0x7FF600000000, 0x7FFA10000000
STACK, TEB, TID, PID = 0x50000F000, 0x5000000000, 0x1A30, 0x12C4
RIP = BASE + 0x1234
BIG = 0x60000000000
SYSTEM_INFO, THREADS, MODULES, MEMORY, EXCEPTION, MISC = 7, 3, 4, 5, 6, 15


def context():
    c = bytearray(0x4D0)
    struct.pack_into("<I", c, 0x30, 0x10001F)
    struct.pack_into("<HHHHHH", c, 0x38, 0x33, 0x2B, 0x2B, 0x53, 0x2B, 0x2B)
    struct.pack_into("<I", c, 0x44, 0x10246)
    struct.pack_into("<Q", c, 0x78, 0)  # rax
    struct.pack_into("<Q", c, 0x98, STACK + 0x800)  # rsp
    struct.pack_into("<Q", c, 0xF8, RIP)
    return bytes(c)


class Writer:
    def __init__(self):
        self.data = bytearray(32 + 12 * 6)
        self.streams = []

    def put(self, data):
        while len(self.data) % 4:
            self.data.append(0)
        at = len(self.data)
        self.data += data
        return at

    def string(self, text):
        raw = text.encode("utf-16-le")
        return self.put(struct.pack("<I", len(raw)) + raw + b"\0\0")

    def stream(self, kind, data):
        self.streams.append((kind, len(data), self.put(data)))

    def finish(self, padding):
        struct.pack_into("<4sIIIIIQ", self.data, 0, b"MDMP", 0x0000A793, len(self.streams), 32, 0, 0x5F000000, 0)
        for i, (kind, size, at) in enumerate(self.streams):
            struct.pack_into("<III", self.data, 32 + 12 * i, kind, size, at)
        return bytes(self.data) + bytes(padding)


def module(w, base, size, path):
    info = struct.pack("<13I", 0xFEEF04BD, 0x10000, 0xA0000, 0x4A610001, 0xA0000, 0x4A610001, 0x3F, 0, 0x40004, 2, 0, 0, 0)
    return struct.pack("<QIIII", base, size, 0x12345, 0x5F000001, w.string(path)) + info + struct.pack("<IIIIQQ", 0, 0, 0, 0, 0, 0)


def build(padding=0, code=0xC0000005, image=b"", tail=0):
    """The dump as bytes, PADDING zero bytes behind it; IMAGE: what memory holds of crash.exe from its base on; TAIL: so
    many bytes that the caller appends are memory from BIG on."""
    w = Writer()
    ctx = w.put(context())
    stack = bytes(range(256)) * 16
    stack_at = w.put(stack)
    csd = w.string("")
    w.stream(SYSTEM_INFO, struct.pack("<HHHBBIIIIIHH", 9, 6, 0x9E0A, 4, 1, 10, 0, 19041, 2, csd, 0, 0) + bytes(24))
    w.stream(THREADS, struct.pack("<I", 1) + struct.pack("<IIIIQQIIII", TID, 0, 32, 0, TEB, STACK, len(stack), stack_at, 0x4D0, ctx))
    w.stream(MODULES, struct.pack("<I", 2) + module(w, BASE, max(0x10000, len(image)), "C:\\app\\crash.exe")
             + module(w, KERNEL32, 0xC0000, "C:\\Windows\\System32\\kernel32.dll"))
    memory = [(STACK, len(stack), stack_at)] + ([(BASE, len(image), w.put(image))] if image else [])
    memory += [(BIG, tail, 0)] if tail else []
    w.stream(MEMORY, struct.pack("<I", len(memory)) + b"".join(struct.pack("<QII", *m) for m in memory))
    tail_at = w.streams[-1][2] + 4 + 16 * len(memory) - 4
    record = struct.pack("<IIQQII", code, 0, 0, RIP, 2, 0) + struct.pack("<2Q", 0, 0x10) + bytes(13 * 8)
    w.stream(EXCEPTION, struct.pack("<II", TID, 0) + record + struct.pack("<II", 0x4D0, ctx))
    w.stream(MISC, struct.pack("<IIIIII", 24, 3, PID, 0x5F000000, 1, 2))
    if tail:
        struct.pack_into("<I", w.data, tail_at, len(w.data) + padding)
    return w.finish(padding)
