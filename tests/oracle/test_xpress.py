#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds both forms of Xpress against other people's encoders and decoders, where they are installed.

With Huffman codes: wimlib (libwim.so.15, Debian's libwim15). Plain: Samba (Debian's samba-libs). What they pack, our
decoder must unpack; what the forge packs, they must unpack. A library that is not there is skipped, and said;
STOPCODE_ORACLES names a folder to look in first. TAP; standard library only.
"""
import ctypes
import glob
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

CHUNK = 0x10000


def codec(*words, data):
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    program = os.path.join(build, "tests", "xpress_codec")
    if not os.path.exists(program):
        raise AssertionError(f"{program} is not built")
    run = subprocess.run([program, *words], input=data, capture_output=True, timeout=60)
    tap.equal((run.returncode, run.stderr.decode()), (0, ""), "status of xpress_codec " + " ".join(words))
    return run.stdout


def load(package, *patterns):
    """A library, from where Debian and others put it."""
    folders = [f for f in (os.environ.get("STOPCODE_ORACLES"), "/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/lib64") if f]
    for pattern in patterns:
        for folder in folders:
            for path in sorted(glob.glob(os.path.join(folder, pattern)) + glob.glob(os.path.join(folder, "samba", pattern))):
                try:
                    return ctypes.CDLL(path)
                except OSError:
                    continue
    raise tap.Skip(f"{package} is not installed: no {patterns[0]} can be loaded")


class Wimlib:
    """Blocks of up to 64 KiB, each on its own."""

    package = "libwim15"
    form = "huffman"
    XPRESS = 1

    def __init__(self):
        self.lib = load(self.package, "libwim.so.15")
        self.packer = ctypes.c_void_p()
        self.unpacker = ctypes.c_void_p()
        tap.equal(self.lib.wimlib_create_compressor(self.XPRESS, ctypes.c_size_t(CHUNK), 50, ctypes.byref(self.packer)), 0,
                  "wimlib_create_compressor")
        tap.equal(self.lib.wimlib_create_decompressor(self.XPRESS, ctypes.c_size_t(CHUNK), ctypes.byref(self.unpacker)), 0,
                  "wimlib_create_decompressor")
        self.lib.wimlib_compress.restype = ctypes.c_size_t

    def pack(self, data):
        out = ctypes.create_string_buffer(len(data))
        size = self.lib.wimlib_compress(data, ctypes.c_size_t(len(data)), out, ctypes.c_size_t(len(data)), self.packer)
        return out.raw[:size] if size else None  # None: it does not get smaller

    def unpack(self, packed, size):
        out = ctypes.create_string_buffer(size)
        code = self.lib.wimlib_decompress(packed, ctypes.c_size_t(len(packed)), out, ctypes.c_size_t(size), self.unpacker)
        tap.equal(code, 0, "wimlib_decompress")
        return out.raw


class Samba:
    package = "samba-libs"
    form = "plain"

    def __init__(self):
        self.lib = load(self.package, "libndr-samba*.so.0", "libcompression*.so*")
        for name in ("lzxpress_compress", "lzxpress_decompress"):
            if not hasattr(self.lib, name):
                raise tap.Skip(f"this {self.package} has no {name}")
            getattr(self.lib, name).restype = ctypes.c_ssize_t

    def pack(self, data):
        room = 2 * len(data) + 64
        out = ctypes.create_string_buffer(room)
        size = self.lib.lzxpress_compress(data, ctypes.c_uint32(len(data)), out, ctypes.c_uint32(room))
        return out.raw[:size] if size > 0 else None

    def unpack(self, packed, size):
        out = ctypes.create_string_buffer(size)
        made = self.lib.lzxpress_decompress(packed, ctypes.c_uint32(len(packed)), out, ctypes.c_uint32(size))
        tap.equal(made, size, "lzxpress_decompress")
        return out.raw


def samples():
    """Data of many kinds: text, numbers, noise, runs, and sizes around whole chunks."""
    rng = random.Random(20)
    words = [bytes(rng.randrange(97, 123) for _ in range(rng.randrange(2, 9))) for _ in range(300)]
    for size in (1, 2, 3, 4, 31, 32, 33, 64, 300, 4095, 4096, 65535, 65536):
        text = b" ".join(rng.choice(words) for _ in range(size // 3 + 2))[:size]
        yield f"{len(text)} bytes of text", text
        yield f"{size} times one byte", b"A" * size
        yield f"{size} bytes of noise", rng.randbytes(size)
        yield f"{size} bytes of few letters", bytes(rng.choice(b"ab\0") for _ in range(size))
        yield f"{size} bytes of numbers", b"".join((i * 24 + 0xfffff80000000000).to_bytes(8, "little")
                                                   for i in range(size // 8 + 1))[:size]
        noise = rng.randbytes(min(size, 700))
        yield f"{size} bytes of noise again and again", (noise * (size // len(noise) + 1))[:size]


def main():
    for kind in (Wimlib, Samba):
        oracle = None
        with tap.case(f"{kind.package} is at hand"):
            oracle = kind()
        for name, data in samples() if oracle else ():
            with tap.case(f"{kind.form}: {name}"):
                packed = oracle.pack(data)
                if packed is not None:
                    tap.equal(codec("unpack", kind.form, str(len(data)), data=packed) == data, True, "ours of theirs")
                tap.equal(oracle.unpack(codec("pack", kind.form, data=data), len(data)) == data, True, "theirs of ours")
    tap.done()


if __name__ == "__main__":
    main()
