/* SPDX-License-Identifier: MIT */
/* `!sid`, `!acl`, `!sd`: published descriptors, every kind of entry, and lists that lie. */
#include "nt/acl.h"
#include "object_world.h"

#define AT 0xfffff8a000400000ULL

struct bytes {
    uint8_t b[1024];
    size_t n;
};

static void put(struct bytes *b, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        b->b[b->n++] = (uint8_t)(value >> 8 * i);
}

static void put_sid(struct bytes *b, unsigned authority, unsigned count, const uint32_t *sub) {
    put(b, 1, 1);
    put(b, count, 1);
    put(b, 0, 5);
    put(b, authority, 1);
    for (unsigned i = 0; i < count; i++)
        put(b, sub[i], 4);
}

static const uint32_t user[] = {21, 518066528, 515770016, 299552555, 2981724},
                      users[] = {21, 518066528, 515770016, 299552555, 513}, system_sid[] = {18};

/* The list of Microsoft's description of !acl: a user and SYSTEM. */
static void put_acl(struct bytes *b, uint32_t mask) {
    put(b, 2, 2);
    put(b, 0x40, 2);
    put(b, 2, 4);
    put(b, 0x240000, 4);
    put(b, mask, 4);
    put_sid(b, 5, 5, user);
    put(b, 0x140000, 4);
    put(b, mask, 4);
    put_sid(b, 5, 1, system_sid);
}

static struct world *open_with(const struct bytes *b, bool relative_64) {
    struct world *w = world_new(relative_64 ? SC_CPU_X64 : SC_CPU_X86, relative_64 ? 19041 : 2600,
                                relative_64 ? 0xfffff80002600000 : 0x80400000);
    uint64_t at = relative_64 ? AT : 0xe1a96a80;
    world_bytes(w, at, b->n);
    for (size_t i = 0; i < b->n; i++)
        world_put(w, at + i, 1, b->b[i]);
    world_open(w, SC_RENDER_TEXT);
    return w;
}

static void a_sid_is_shown_as_published(void **state) {
    (void)state;
    struct bytes b = {.n = 0};
    put_sid(&b, 5, 5, users);
    struct world *w = open_with(&b, true);
    fix_run(&w->f, "!sid fffff8a000400000");
    assert_string_equal(fix_text(&w->f), "SID is: S-1-5-21-518066528-515770016-299552555-513\n");
    fix_run(&w->f, "!sid fffff8a000400000 1");
    assert_string_equal(
        fix_text(&w->f),
        "SID is: S-1-5-21-518066528-515770016-299552555-513 (Group: Domain Users)\n");
    fix_fails(&w->f, "!sid fffff8a000400001", "there is no SID");
    fix_fails(&w->f, "!sid 0", "the dump does not hold the SID at 00000000`00000000");
    world_free(w);
}

static void a_list_is_shown_as_published(void **state) {
    (void)state;
    struct bytes b = {.n = 0};
    put_acl(&b, 0x10000000);
    struct world *w = open_with(&b, false);
    fix_run(&w->f, "!acl e1a96a80 1");
    assert_string_equal(
        fix_text(&w->f),
        "ACL is: \n"
        "ACL is: ->AclRevision: 0x2\n"
        "ACL is: ->Sbz1       : 0x0\n"
        "ACL is: ->AclSize    : 0x40\n"
        "ACL is: ->AceCount   : 0x2\n"
        "ACL is: ->Sbz2       : 0x0\n"
        "ACL is: ->Ace[0]: ->AceType: ACCESS_ALLOWED_ACE_TYPE\n"
        "ACL is: ->Ace[0]: ->AceFlags: 0x0\n"
        "ACL is: ->Ace[0]: ->AceSize: 0x24\n"
        "ACL is: ->Ace[0]: ->Mask : 0x10000000\n"
        "ACL is: ->Ace[0]: ->SID: S-1-5-21-518066528-515770016-299552555-2981724 (no name "
        "mapped)\n\n"
        "ACL is: ->Ace[1]: ->AceType: ACCESS_ALLOWED_ACE_TYPE\n"
        "ACL is: ->Ace[1]: ->AceFlags: 0x0\n"
        "ACL is: ->Ace[1]: ->AceSize: 0x14\n"
        "ACL is: ->Ace[1]: ->Mask : 0x10000000\n"
        "ACL is: ->Ace[1]: ->SID: S-1-5-18 (Well Known Group: NT AUTHORITY\\SYSTEM)\n\n");
    world_free(w);
}

/* Relative, or absolute with pointers of 4 or 8 bytes. */
static struct bytes descriptor(bool relative, unsigned ptr, uint64_t at) {
    struct bytes b = {.n = 0};
    size_t fields = relative ? 4 : ptr, begin = relative ? 20 : 5 * ptr;
    put(&b, 1, 2);
    put(&b, relative ? 0x8004 : 4, 2);
    while (b.n < fields)
        put(&b, 0, 1);
    uint64_t from = relative ? 0 : at;
    put(&b, from + begin, (unsigned)fields);
    put(&b, from + begin + 28, (unsigned)fields);
    put(&b, 0, (unsigned)fields);
    put(&b, from + begin + 56, (unsigned)fields);
    put_sid(&b, 5, 5, user);
    put_sid(&b, 5, 5, users);
    put_acl(&b, 0x1f0003);
    return b;
}

static void a_descriptor_is_shown_as_published(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        bool x64 = kind & 1, relative = kind < 2;
        struct bytes b = descriptor(relative, x64 ? 8 : 4, x64 ? AT : 0xe1a96a80);
        struct world *w = open_with(&b, x64);
        fix_run(&w->f, x64 ? "!sd fffff8a000400000 1" : "!sd e1a96a80 1");
        const char *head = relative ? "->Revision: 0x1\n->Sbz1    : 0x0\n->Control : 0x8004\n"
                                      "            SE_DACL_PRESENT\n            SE_SELF_RELATIVE\n"
                                    : "->Revision: 0x1\n->Sbz1    : 0x0\n->Control : 0x4\n"
                                      "            SE_DACL_PRESENT\n";
        assert_memory_equal(fix_text(&w->f), head, strlen(head));
        fix_has(&w->f,
                "->Owner   : S-1-5-21-518066528-515770016-299552555-2981724 (no name mapped)\n"
                "->Group   : S-1-5-21-518066528-515770016-299552555-513 (Group: Domain Users)\n"
                "->Dacl    : \n"
                "->Dacl    : ->AclRevision: 0x2\n");
        fix_has(&w->f, "->Dacl    : ->Ace[1]: ->SID: S-1-5-18 (Well Known Group: NT "
                       "AUTHORITY\\SYSTEM)\n\n"
                       "->Sacl    :  is NULL\n");
        world_free(w);
    }
}

static void flags_and_labels_are_named(void **state) {
    (void)state;
    static const uint32_t high[] = {0x3000};
    struct bytes b = {.n = 0};
    put(&b, 4, 2);
    put(&b, 8 + 20 + 44 + 8, 2);
    put(&b, 3, 4);
    put(&b, 0x140311, 4); /* a label, both kinds of inheritance */
    put(&b, 1, 4);
    put_sid(&b, 16, 1, high);
    put(&b, 0x2c0005, 4); /* of an object: one GUID of two */
    put(&b, 0x100, 4);
    put(&b, 2, 4);
    for (unsigned i = 0; i < 16; i++)
        put(&b, i, 1);
    put_sid(&b, 5, 1, system_sid);
    put(&b, 0, 4);
    put(&b, 0x0800a7, 4); /* no such type: not decoded */
    put(&b, 0x55, 4);
    struct world *w = open_with(&b, true);
    fix_run(&w->f, "!acl fffff8a000400000 1");
    fix_has(&w->f, "->Ace[0]: ->AceType: SYSTEM_MANDATORY_LABEL_ACE_TYPE\n"
                   "ACL is: ->Ace[0]: ->AceFlags: 0x3\n"
                   "ACL is: ->Ace[0]:             OBJECT_INHERIT_ACE\n"
                   "ACL is: ->Ace[0]:             CONTAINER_INHERIT_ACE\n");
    fix_has(&w->f, "->SID: S-1-16-12288 (Label: Mandatory Label\\High Mandatory Level)\n");
    fix_has(&w->f, "ACL is: ->Ace[1]: ->SID: S-1-5-18 (Well");
    fix_has(&w->f, "ACL is: ->Ace[2]: ->AceType: 0xa7\n");
    assert_null(strstr(fix_text(&w->f), "***"));
    world_free(w);
}

/* Every byte of a good list set to all ones: never a crash, and what is wrong is said. */
static void damaged_lists_end_in_a_reason(void **state) {
    (void)state;
    struct bytes good = {.n = 0};
    put_acl(&good, 0x10000000);
    for (size_t i = 0; i < good.n; i++) {
        struct bytes b = good;
        b.b[i] = 0xff;
        struct world *w = open_with(&b, true);
        fix_run(&w->f, "!acl fffff8a000400000");
        assert_non_null(strstr(fix_text(&w->f), "A"));
        world_free(w);
    }
    struct bytes b = good;
    b.b[4] = 200; /* entries */
    struct world *w = open_with(&b, true);
    fix_run(&w->f, "!acl fffff8a000400000");
    fix_has(&w->f, "*** the list has 200 entries, but entry 2 cannot be read: the list ends before "
                   "it\n");
    world_free(w);
    b = good;
    b.n = 0x30; /* the dump ends inside the second entry */
    w = open_with(&b, true);
    fix_run(&w->f, "!acl fffff8a000400000");
    fix_has(&w->f, "entry 1 cannot be read: it is not in the dump\n");
    world_free(w);
    b = good;
    b.b[10] = 3; /* a size that is no multiple of 4 */
    w = open_with(&b, true);
    fix_run(&w->f, "!acl fffff8a000400000");
    fix_has(&w->f, "entry 0 cannot be read: its size is wrong\n");
    fix_fails(&w->f, "!sd fffff8a000400000", "there is no security descriptor");
    world_free(w);
}

static void levels_are_named_up_to_the_next(void **state) {
    (void)state;
    struct nt_sid s = {.state = NT_READ, .revision = 1, .count = 1, .authority = 16};
    static const struct {
        uint32_t level;
        const char *name;
    } rows[] = {
        {0, "Untrusted"}, {0x1000, "Low"},    {0x2000, "Medium"},           {0x2fff, "Medium plus"},
        {0x3000, "High"}, {0x4000, "System"}, {0x9999, "Protected process"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s.sub[0] = rows[i].level;
        assert_string_equal(nt_sid_level(&s), rows[i].name);
    }
    s.authority = 5;
    assert_null(nt_sid_level(&s));
    char buf[NT_SID_TEXT];
    s = (struct nt_sid){.state = NT_READ, .revision = 1, .count = 15, .authority = 0xffffffffffff};
    for (unsigned i = 0; i < 15; i++)
        s.sub[i] = UINT32_MAX;
    assert_int_equal(strlen(nt_sid_text(&s, buf)), 4 + 14 + 15 * 11); /* the longest there is */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sid_is_shown_as_published),
        cmocka_unit_test(a_list_is_shown_as_published),
        cmocka_unit_test(a_descriptor_is_shown_as_published),
        cmocka_unit_test(flags_and_labels_are_named),
        cmocka_unit_test(damaged_lists_end_in_a_reason),
        cmocka_unit_test(levels_are_named_up_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
