/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the table of drivers. Rows are sorted by image name in lower case; what the table
 * lacks may be a file system filter with an assigned altitude.
 */
#include "nt/driver.h"

#include <stddef.h>
#include <stdint.h>

#include "base/utf.h"
#include "nt/altitude.h"

#include "nt/gen/drivers.inc"

static void fill(size_t row, struct nt_driver *ret) {
    ret->kind = (enum nt_driver_kind)driver_kinds[row];
    ret->role = driver_pool + driver_roles[row];
    ret->vendor = driver_pool + driver_vendors[row];
    ret->what = driver_pool + driver_whats[row];
}

static bool in_table(const char *image, struct nt_driver *ret) {
    size_t low = 0, high = DRIVER_ROWS;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = sc_strcasecmp(image, driver_pool + driver_images[mid]);
        if (order == 0) {
            if (ret)
                fill(mid, ret);
            return true;
        }
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

bool nt_driver_find(const char *image, struct nt_driver *ret) {
    struct nt_altitude altitude;
    if (!image)
        return false;
    if (in_table(image, ret))
        return true;
    if (!nt_altitude_by_file(image, 0, &altitude))
        return false;
    if (ret)
        *ret = (struct nt_driver){NT_DRIVER_VENDOR, "file system filter", altitude.company,
                                  altitude.group};
    return true;
}

const char *nt_driver_kind_name(enum nt_driver_kind kind) {
    static const char *const names[] = {"kernel", "framework", "inbox", "vendor"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "vendor";
}
