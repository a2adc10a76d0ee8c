/* SPDX-License-Identifier: MIT */
/*
 * Prints where the library takes the fields of entries that are not valid to be; for
 * softpte_compare.py:
 *
 *   softpte_facts CPU PAE BUILD SWIZZLED   x64 0 19041 -   (SWIZZLED: 0, 1, or - as the build has
 * it)
 *
 * "known prototype transition protection low high proto swizzle pfn_mask", the mask in hexadecimal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/softpte.h"

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    enum sc_cpu cpu = !strcmp(argv[1], "x64") ? SC_CPU_X64 : SC_CPU_X86;
    bool pae = argv[2][0] == '1';
    uint32_t build = (uint32_t)strtoul(argv[3], NULL, 10);
    struct sc_soft_pte s = argv[4][0] == '-'
                               ? sc_soft_pte_of(cpu, pae, build)
                               : sc_soft_pte_swizzled(cpu, pae, build, argv[4][0] == '1');
    printf("%d %u %u %u %u %u %u %u %" PRIx64 "\n", s.known, s.prototype_bit, s.transition_bit,
           s.protection_bit, s.pagefile_low_bit, s.pagefile_high_bit, s.proto_bit, s.swizzle_bit,
           s.pfn_mask);
    return 0;
}
