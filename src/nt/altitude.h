/* SPDX-License-Identifier: MIT */
/*
 * Altitudes of file system filters: which driver was assigned which by Microsoft, and the load
 * order groups. Look-ups in constant tables: no allocation, no state, any thread. All texts are
 * constant UTF-8 and live as long as the program.
 *
 * An altitude is a decimal number of any length, written as text: "385100", "389340.6". A higher
 * one is nearer to the user of the file system. What a driver really uses stands in its registry
 * key; the list says what it should use. Source: data/altitudes.tsv and data/altitude-groups.tsv.
 */
#ifndef NT_ALTITUDE_H
#define NT_ALTITUDE_H

#include <stdbool.h>
#include <stddef.h>

struct nt_altitude {
    const char *altitude; /* as assigned, "389340.6" */
    const char
        *file; /* the driver's file name, nearly always with .sys; ? stands for any character */
    const char *company; /* may be empty */
    const char *group;   /* "FSFilter Anti-Virus" */
    const char *note; /* what the list adds to the name: "64bit", "retired", "Top"; mostly empty */
};

/* Whether TEXT is an altitude: digits, and then perhaps a point and digits. False for NULL. */
bool nt_altitude_valid(const char *text);

/*
 * Compares two altitudes by value: below 0, 0 or above 0 as A is lower than, the same as or higher
 * than B. Both must be valid. Needless zeros do not count ("0040.50" is "40.5"), and no digit is
 * lost however many there are.
 */
int nt_altitude_compare(const char *a, const char *b);

/*
 * Assignment NTH (0 is the lowest) of a driver file. FILE may have a path (\ or /) in front and may
 * lack the .sys; upper and lower case of ASCII letters are the same. A driver can have several
 * altitudes (minispy.sys has three). Returns false, and leaves RET alone, when there is none; RET
 * may be NULL. FILE may be NULL: false.
 */
bool nt_altitude_by_file(const char *file, size_t nth, struct nt_altitude *ret);

/* Assignment NTH of an altitude, compared by value; several drivers can share one. The rest as
 * above. */
bool nt_altitude_by_value(const char *altitude, size_t nth, struct nt_altitude *ret);

/*
 * The load order group in whose range an altitude lies, assigned or not; its fraction does not
 * matter. NULL between the ranges, and for a text that is not an altitude.
 */
const char *nt_altitude_group(const char *altitude);

#endif
