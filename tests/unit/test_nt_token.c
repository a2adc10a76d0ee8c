/* SPDX-License-Identifier: MIT */
/* `!token` on every build with layouts, the published one, and tokens that lie. */
#include "object_world.h"

#define EACH_BUILD(i) for (size_t i = 0; i < OW_BUILDS; i++)

static uint64_t put_sid(struct ow *o, unsigned authority, unsigned count, const uint32_t *sub) {
    uint64_t at = ow_room(o, 8 + 4 * count);
    world_put(o->w, at, 1, 1);
    world_put(o->w, at + 1, 1, count);
    world_put(o->w, at + 7, 1, authority);
    for (unsigned i = 0; i < count; i++)
        world_put(o->w, at + 8 + 4 * i, 4, sub[i]);
    return at;
}

static const struct {
    unsigned authority, count;
    uint32_t sub[5];
    uint32_t attributes;
} who[] = {
    {5, 5, {21, 518066528, 515770016, 299552555, 2981724}, 0},
    {5, 5, {21, 518066528, 515770016, 299552555, 513}, 7},
    {1, 1, {0}, 7},
    {5, 2, {32, 544}, 0xf},
    {5, 3, {5, 0, 71188}, 0xc0000007},
    {16, 1, {0x2000}, 0x60},
    {5, 2, {32, 547}, 0x10},
};
enum { WHO = sizeof who / sizeof *who };

struct scene {
    struct ow o;
    uint64_t token, process, sids;
};

static void put_privileges(struct ow *o, uint64_t token) {
    struct world *w = o->w;
    const char *t = "_TOKEN";
    if (w->m.build >= 6000) {
        uint64_t at = token + world_offset(w, t, "Privileges");
        world_put(w, at, 8, 1u << 23 | 1u << 20 | 1u << 8);
        world_put(w, at + 8, 8, 1u << 23 | 1u << 20);
        world_put(w, at + 16, 8, 1u << 23);
        return;
    }
    static const struct { uint32_t luid, attributes; } old[] = {{8, 0}, {20, 2}, {23, 3}};
    uint64_t list = ow_room(o, sizeof old * 2);
    world_set(w, t, token, "PrivilegeCount", 4, 3);
    world_put(w, token + world_offset(w, t, "Privileges"), w->ptr, list);
    for (unsigned i = 0; i < 3; i++) {
        world_put(w, list + 12 * i, 4, old[i].luid);
        world_put(w, list + 12 * i + 8, 4, old[i].attributes);
    }
}

static struct scene scene_of(size_t b) {
    struct scene s = {.o = ow_new(&ow_builds[b])};
    struct ow *o = &s.o;
    struct world *w = o->w;
    const char *t = "_TOKEN";
    uint64_t first = 0;
    s.token = ow_object(o, OW_TOKEN, NULL, 0, ow_size(o, t));
    s.sids = ow_room(o, WHO * 2 * w->ptr);
    for (unsigned i = 0; i < WHO; i++) {
        uint64_t sid = put_sid(o, who[i].authority, who[i].count, who[i].sub);
        first = i == 1 ? sid : first;
        world_put(w, s.sids + (uint64_t)i * 2 * w->ptr, w->ptr, sid);
        world_put(w, s.sids + (uint64_t)i * 2 * w->ptr + w->ptr, 4, who[i].attributes);
    }
    world_put(w, s.token + world_offset(w, t, "TokenSource"), 8, 0x323372657355); /* User32 */
    world_set(w, t, s.token, "TokenId", 8, 0x4778);
    world_set(w, t, s.token, "AuthenticationId", 8, 0x11691);
    world_set(w, t, s.token, "ModifiedId", 8, 0x477a);
    world_set(w, t, s.token, "SessionId", 4, 1);
    world_set(w, t, s.token, "UserAndGroupCount", 4, WHO);
    world_set(w, t, s.token, "UserAndGroups", 0, s.sids);
    world_set(w, t, s.token, "PrimaryGroup", 0, first);
    world_set(w, t, s.token, "TokenType", 4, 1);
    world_set(w, t, s.token, "TokenInUse", 1, 1);
    world_set(w, t, s.token, "TokenFlags", w->m.build == 3790 ? 1 : 4, 9);
    if (w->m.build >= 6000)
        world_set(w, t, s.token, "IntegrityLevelIndex", 4, 5);
    put_privileges(o, s.token);
    s.process = ow_process(o, "app.exe", 0x3bc, 0);
    world_set(w, "_EPROCESS", s.process, "Token", 0, s.token | 5);
    ow_processes(o, &s.process, 1);
    return s;
}

/* The two forms that are published: of XP and Server 2003, and since. */
static bool is_old(const struct ow *o) { return o->w->m.build < 6000; }

static const char groups[] = " 00 S-1-5-21-518066528-515770016-299552555-513\n"
                             "    Attributes - Mandatory Default Enabled \n"
                             " 01 S-1-1-0\n"
                             "    Attributes - Mandatory Default Enabled \n"
                             " 02 S-1-5-32-544\n"
                             "    Attributes - Mandatory Default Enabled Owner \n"
                             " 03 S-1-5-5-0-71188\n"
                             "    Attributes - Mandatory Default Enabled LogonId \n"
                             " 04 S-1-16-8192\n"
                             "    Attributes - GroupIntegrity GroupIntegrityEnabled \n"
                             " 05 S-1-5-32-547\n"
                             "    Attributes - DenyOnly \n"
                             "Primary Group: S-1-5-21-518066528-515770016-299552555-513\n"
                             "Privs: \n";
static const char old_privileges[] =
    " 00 0x000000008 SeSecurityPrivilege               Attributes - \n"
    " 01 0x000000014 SeDebugPrivilege                  Attributes - Enabled \n"
    " 02 0x000000017 SeChangeNotifyPrivilege           Attributes - Enabled Default \n";
static const char new_privileges[] =
    " 08 0x000000008 SeSecurityPrivilege               Attributes - \n"
    " 20 0x000000014 SeDebugPrivilege                  Attributes - Enabled \n"
    " 23 0x000000017 SeChangeNotifyPrivilege           Attributes - Enabled Default \n";
static const char ids[] = "Authentication ID:         (0,11691)\n"
                          "Impersonation Level:       Anonymous\n"
                          "TokenType:                 Primary\n"
                          "Source: User32             TokenFlags: 0x9 ( Token in use )\n"
                          "Token ID: 4778             ParentToken ID: 0\n"
                          "Modified ID:               (0, 477a)\n"
                          "RestrictedSidCount: 0      RestrictedSids: ";

static void has_token(struct scene *s) {
    struct ow *o = &s->o;
    char want[4096];
    bool old = is_old(o);
    snprintf(want, sizeof want,
             "_TOKEN %s%%p\nTS Session ID: 0x1\n"
             "User: S-1-5-21-518066528-515770016-299552555-2981724\n%sGroups: \n%s%s%s%s%%p\n",
             old ? "" : "0x", old ? "" : "User ", groups, old ? old_privileges : new_privileges,
             ids, old ? "" : "0x");
    ow_has(o, want, (uint64_t[]){s->token, 0});
}

static void a_token_is_shown_as_published(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        char line[64];
        world_open(o->w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, ".enrich off; !token %llx", (unsigned long long)s.token);
        fix_run(&o->w->f, line);
        has_token(&s);
        fix_run(&o->w->f, "!token");
        ow_has(o,
               is_old(o) ? "Thread is not impersonating. Using process token...\n"
                           "_EPROCESS %p, _TOKEN %p\n_TOKEN %p\n"
                         : "Thread is not impersonating. Using process token...\n"
                           "_EPROCESS 0x%p, _TOKEN 0x%p\n_TOKEN 0x%p\n",
               (uint64_t[]){s.process, s.token, s.token});
        snprintf(line, sizeof line, ".enrich on; !token -n %llx", (unsigned long long)s.token);
        fix_run(&o->w->f, line);
        ow_has(o, " 00 S-1-5-21-518066528-515770016-299552555-513 (Group: Domain Users)\n", NULL);
        ow_has(o, " 02 S-1-5-32-544 (Alias: BUILTIN\\Administrators)\n", NULL);
        ow_has(o, " 03 S-1-5-5-0-71188 (no name mapped)\n", NULL);
        ow_has(o,
               o->w->m.build < 6000 ? "  [HAS_TRAVERSE_PRIVILEGE HAS_ADMIN_GROUP]\n"
                                    : "  [HAS_TRAVERSE_PRIVILEGE WRITE_RESTRICTED]\n",
               NULL);
        if (o->w->m.build >= 6000)
            ow_has(o, "[Integrity level: Medium]\n", NULL);
        world_free(o->w);
    }
}

/* A thread of Windows 7 that acts for somebody: its token counts. */
static void the_token_of_whom_a_thread_impersonates_comes_first(void **state) {
    (void)state;
    struct scene s = scene_of(4);
    struct ow *o = &s.o;
    uint64_t thread = o->w->threads[0].thread;
    world_set(o->w, "_ETHREAD", thread, "ClientSecurity", 0, s.token | 2);
    world_bits(o->w, "_ETHREAD", thread, "ActiveImpersonationInfo", 1);
    world_open(o->w, SC_RENDER_TEXT);
    fix_run(&o->w->f, "!token");
    assert_null(strstr(fix_text(&o->w->f), "not impersonating"));
    ow_has(o, "_TOKEN 0x%p\n", (uint64_t[]){s.token});
    world_free(o->w);
}

static void garbage_is_no_token(void **state) {
    (void)state;
    struct scene s = scene_of(4);
    struct ow *o = &s.o;
    char line[64];
    world_open(o->w, SC_RENDER_TEXT);
    fix_fails(&o->w->f, "!token fffffa80deadbee0",
              "the dump does not hold the token at fffffa80deadbee0");
    snprintf(line, sizeof line, "!token %llx", (unsigned long long)s.process);
    fix_fails(&o->w->f, line, "is no token: its type is Process");
    snprintf(line, sizeof line, "!token %llx", (unsigned long long)s.sids);
    fix_fails(&o->w->f, line, "there is no token");
    world_free(o->w);
}

static void a_token_that_claims_too_much_is_bounded(void **state) {
    (void)state;
    struct scene s = scene_of(9);
    struct ow *o = &s.o;
    struct world *w = o->w;
    uint64_t end = o->pool + OW_ROOM - 3 * 16; /* three entries, then the dump ends */
    world_set(w, "_TOKEN", s.token, "UserAndGroups", 0, end);
    world_set(w, "_TOKEN", s.token, "UserAndGroupCount", 4, 4096);
    world_set(w, "_TOKEN", s.token, "CapabilityCount", 4, 0xffffffff);
    world_set(w, "_TOKEN", s.token, "Capabilities", 0, end);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!token");
    fix_has(&w->f, " *** the token claims 4095, the dump holds 2\n");
    fix_has(&w->f, " *** the token claims 4294967295, the dump holds 3\n");
    fix_has(&w->f, "User: (null)\n");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_shown_as_published),
        cmocka_unit_test(the_token_of_whom_a_thread_impersonates_comes_first),
        cmocka_unit_test(garbage_is_no_token),
        cmocka_unit_test(a_token_that_claims_too_much_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
