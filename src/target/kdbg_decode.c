/* SPDX-License-Identifier: MIT */
/*
 * Decoding the debugger data block without symbols.
 *
 * Since Windows 8, x64 kernels keep the block encoded. Each qword P of it is stored as X with
 *
 *     P = bswap64(ROL64(X ^ KiWaitNever, KiWaitNever) ^ &KdpDataBlockEncoded) ^ KiWaitAlways
 *
 * and neither the two variables' values nor their addresses are known without symbols. But for two
 * qwords of one block what was xored in cancels out:
 *
 *     P1 ^ P2 = bswap64(ROL64(X1 ^ X2, n))        n = KiWaitNever mod 64
 *
 * One qword's content is known: KernBase, at +0x18, is where the kernel is. So there are 64 ways to
 * decode the others, and the right one shows: OwnerTag and Size, at +0x10, must be "KDBG" and a
 * size that blocks have. A wrong one passes once in 2^45.
 *
 * Source of the encoding: QEMU's elf2dmp and Volatility's win8_kdbg, as described in public.
 */
#include "target/kdbg.h"

enum { TAG = 0x4742444b, SIZE_MIN = 0x200, SIZE_MAX_SEEN = 0x1000 };

static uint64_t rol64(uint64_t v, int n) { return n ? v << n | v >> (64 - n) : v; }

static uint64_t swap64(uint64_t v) {
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++)
        r = r << 8 | (v >> 8 * i & 0xff);
    return r;
}

bool sc_kdbg_size_is_plausible(uint32_t size) {
    return size >= SIZE_MIN && size <= SIZE_MAX_SEEN && size % 8 == 0;
}

uint64_t sc_kdbg_decode(uint64_t x, uint64_t base, uint64_t kernel_base, int rotation) {
    return kernel_base ^ swap64(rol64(x ^ base, rotation));
}

int sc_kdbg_rotation(uint64_t tag, uint64_t base, uint64_t kernel_base, uint32_t *ret_size) {
    /* The tag is the lower half of its qword, so before the swap it is the upper one. */
    uint32_t want = (uint32_t)(swap64(TAG ^ (uint32_t)kernel_base) >> 32);
    for (int n = 0; n < 64; n++) {
        if ((uint32_t)(rol64(tag ^ base, n) >> 32) != want)
            continue;
        uint32_t size = (uint32_t)(sc_kdbg_decode(tag, base, kernel_base, n) >> 32);
        if (!sc_kdbg_size_is_plausible(size))
            continue;
        *ret_size = size;
        return n;
    }
    return -1;
}
