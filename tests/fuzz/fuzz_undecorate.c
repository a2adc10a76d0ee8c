/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of names: every flag, a large and a small buffer. The answer must be text that ends
 * inside the buffer; a name that is not undone is given back; the small answer is the large one,
 * cut.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "stopcode/undecorate.h"

const char fuzz_name[] = "undecorate";

enum { LARGE = 256 * 1024, SMALL = 24 };

static char large[LARGE], name[32 * 1024];

static void check(const char *text, unsigned flags) {
    char small[SMALL + 1];
    enum sc_undecorated how, again;
    memset(small, 'x', sizeof small);
    sc_err *err = sc_undecorate(text, flags, large, sizeof large, &how);
    if (err) {
        sc_err_destroy(err);
        return;
    }
    if (!memchr(large, 0, sizeof large))
        fuzz_broken("the answer does not end");
    if (how == SC_UNDECORATED_BROKEN && strcmp(large, text) != 0)
        fuzz_broken("a broken name was changed");
    if (how == SC_UNDECORATED_BROKEN && text[0] != '?' && text[0] != '.')
        fuzz_broken("a plain name is said to be broken");
    err = sc_undecorate(text, flags, small, SMALL, &again);
    if (!err) {
        if (small[SMALL] != 'x' || !memchr(small, 0, SMALL))
            fuzz_broken("written behind the buffer");
        size_t len = strlen(small), same = strlen(large) < SMALL ? len : len - 3;
        if (how != again || strncmp(small, large, same) != 0)
            fuzz_broken("the answer depends on the buffer");
    }
    sc_err_destroy(err);
}

void fuzz_one(const uint8_t *data, size_t size) {
    size_t len = size < sizeof name - 1 ? size : sizeof name - 1;
    memcpy(name, data, len);
    name[len] = '\0';
    for (unsigned flags = 0; flags < 4; flags++)
        check(name, flags);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const names[] = {
        "?f@A@@QEGBAXPEAHAEBV1@W4E@1@0ZZ",
        "??$f@$0A@$1?x@@3HA$E?y@@3HA$F12$G123$H?g@@YAXXZ1$$V@@YAXXZ",
        "??_7B@a@@6BA@@@",
        "??_R17?0A@EA@B@@8",
        "??_R0?AV?$v@H@@@8",
        "??_C@_13IIHIAFKH@?W?$PP?$AA?$AA@FNODOBFM@",
        "??_C@_02PCEFGMJL@hi?$AA@",
        "??__E?x@A@@0HA@@YAXXZ",
        "??_B?1??f@@YAXXZ@51",
        "??_9B@@$BBA@AA",
        "?f@A@@$R4BA@7A@A@EAAXXZ",
        "?x@?A0x12345678@@3P8A@@EAAXXZEQ1@",
        "?f@@YAXQEAY02$$CBHP6AXXZ_E$$QEAH$$T@Z",
        "??BA@@QEAAHXZ",
        "??__K_x@@YAXXZ",
        "??@a6a285da2eea70dba6b578022be61d81@??_R4@",
        ".?AV<lambda_1>@@",
        "_name@12",
        "@name@8",
        "name@@16",
        "__imp__x@4",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add(ctx, names[i], strlen(names[i]));
}
