/* SPDX-License-Identifier: MIT */
/* Look-ups in the table of drivers known for trouble: sorted by image. */
#include "analyze/troubled.h"

#include <stddef.h>

#include "base/utf.h"

#include "analyze/gen/troubled.inc"

bool sc_troubled_find(const char *image, uint32_t stamp, struct sc_troubled *ret) {
    for (size_t i = 0; image && i < TROUBLED_ROWS; i++) {
        if (sc_strcasecmp(image, troubled_pool + troubled_images[i]) != 0)
            continue;
        if (stamp && troubled_befores[i] && stamp >= troubled_befores[i])
            continue;
        *ret = (struct sc_troubled){troubled_pool + troubled_whats[i],
                                    troubled_pool + troubled_dates[i],
                                    troubled_pool + troubled_sources[i]};
        return true;
    }
    return false;
}
