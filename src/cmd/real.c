/* SPDX-License-Identifier: MIT */
/* Floating point numbers as Microsoft's C library writes them. */
#include "cmd/real.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TEXT, as printf wrote it, with '.' for the locale's point and three digits of exponent. */
static void plain(const char *text, char *buf) {
    char *to = buf;
    for (const char *p = text; *p; p++) {
        if (*p == 'e' || *p == 'E') {
            to += snprintf(to, 8, "%c%c%03d", *p, p[1], (int)strtol(p + 2, NULL, 10));
            break;
        }
        bool point = *p != '-' && (*p < '0' || *p > '9');
        if (!point)
            *to++ = *p;
        else if (to == buf || to[-1] != '.')
            *to++ = '.';
    }
    *to = 0;
}

static void finite(double d, char conversion, int digits, char *buf) {
    char text[SC_REAL_BUF];
    switch (conversion) {
    case 'e': snprintf(text, sizeof text, "%.*e", digits, d); break;
    case 'E': snprintf(text, sizeof text, "%.*E", digits, d); break;
    case 'f':
    case 'F': snprintf(text, sizeof text, "%.*f", digits, d); break;
    case 'G': snprintf(text, sizeof text, "%.*G", digits, d); break;
    default: snprintf(text, sizeof text, "%.*g", digits, d); break;
    }
    plain(text, buf);
}

void sc_real_text_as(uint64_t bits, char conversion, int digits, char *buf) {
    const uint64_t exponent = 0x7ff0000000000000, quiet = 0x0008000000000000;
    uint64_t fraction = bits & 0x000fffffffffffff;
    const char *sign = bits >> 63 ? "-" : "";
    double d;
    if (digits < 0 || digits > SC_REAL_DIGITS)
        digits = SC_REAL_DIGITS;
    if ((bits & exponent) != exponent) {
        memcpy(&d, &bits, sizeof d);
        finite(d, conversion, digits, buf);
    } else if (!fraction) {
        snprintf(buf, SC_REAL_BUF, "%s1.#INF", sign);
    } else if (*sign && fraction == quiet) {
        snprintf(buf, SC_REAL_BUF, "-1.#IND");
    } else {
        snprintf(buf, SC_REAL_BUF, "%s1.#%cNAN", sign, fraction & quiet ? 'Q' : 'S');
    }
}

void sc_real_text(uint64_t bits, int digits, char *buf) { sc_real_text_as(bits, 'g', digits, buf); }

uint64_t sc_real_widen(uint32_t bits) {
    float f;
    double d;
    uint64_t wide;
    if ((bits & 0x7f800000) == 0x7f800000) {
        wide =
            (uint64_t)(bits >> 31) << 63 | 0x7ff0000000000000 | (uint64_t)(bits & 0x7fffff) << 29;
        return bits & 0x7fffff ? wide | 0x0008000000000000 : wide;
    }
    memcpy(&f, &bits, sizeof f);
    d = f;
    memcpy(&wide, &d, sizeof wide);
    return wide;
}
