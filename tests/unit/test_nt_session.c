/* SPDX-License-Identifier: MIT */
/* `!session`, `!sprocess` and `!job` on every build with layouts, and lists that lie. */
#include "object_world.h"

#define EACH_BUILD(i) for (size_t i = 0; i < OW_BUILDS; i++)

struct scene {
    struct ow o;
    uint64_t space[2], system, app, shell, services, job;
};

static uint64_t put_space(struct ow *o, uint32_t id) {
    uint64_t at = ow_room(o, 0x400); /* its first part is all that is read */
    world_set(o->w, "_MM_SESSION_SPACE", at, "SessionId", 4, id);
    return at;
}

/* Two processes in session 3, which the current one is in, one in session 0, one in none. */
static struct scene scene_of(size_t i) {
    struct scene s = {.o = ow_new(&ow_builds[i])};
    struct ow *o = &s.o;
    struct world *w = o->w;
    const char *e = "_EPROCESS", *j = "_EJOB";
    s.space[0] = put_space(o, 0);
    s.space[1] = put_space(o, 3);
    s.app = ow_process(o, "app.exe", 0x6a8, 0);
    s.shell = ow_process(o, "shell.exe", 0x6b0, 0);
    s.system = ow_process(o, "System", 4, 0);
    s.services = ow_process(o, "services.exe", 0x200, 0);
    world_set(w, e, s.app, "Session", 0, s.space[1]);
    world_set(w, e, s.shell, "Session", 0, s.space[1]);
    world_set(w, e, s.services, "Session", 0, s.space[0]);
    ow_processes(o, (uint64_t[]){s.app, s.system, s.services, s.shell}, 4);
    s.job = ow_object(o, OW_JOB, NULL, 0, ow_size(o, j));
    world_set(w, j, s.job, "TotalPageFaultCount", 4, 0x12ab);
    world_set(w, j, s.job, "TotalProcesses", 4, 2);
    world_set(w, j, s.job, "ActiveProcesses", 4, 2);
    world_set(w, j, s.job, "LimitFlags", 4, 0x2808);
    world_set(w, j, s.job, "MaximumWorkingSetSize", 0, 0x100);
    world_set(w, j, s.job, "ActiveProcessLimit", 4, 7);
    if (w->m.build < 22000) /* the listing that this build's layouts come from lacks it */
        world_set(w, j, s.job, "PriorityClass", 1, 2);
    world_set(w, e, s.app, "Job", 0, s.job);
    world_set(w, e, s.shell, "Job", 0, s.job);
    uint64_t at = world_offset(w, e, "JobLinks");
    world_ring(w, s.job + world_offset(w, j, "ProcessListHead"),
               (uint64_t[]){s.app + at, s.shell + at}, 2);
    return s;
}

static void sessions_are_listed_as_published(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        world_open(s.o.w, SC_RENDER_TEXT);
        fix_run(&s.o.w->f, ".enrich off");
        fix_run(&s.o.w->f, "!session");
        assert_string_equal(fix_text(&s.o.w->f), "Sessions on machine: 2\n"
                                                 "Valid Sessions: 0 3\n"
                                                 "Current Session 3\n");
        world_free(s.o.w);
    }
}

/* The kernel's list, which has a session 7 that no process is in; its head of this build. */
static void put_session_list(struct scene *s, uint64_t *ret_space) {
    struct world *w = s->o.w;
    bool old = w->m.build < 10000;
    uint64_t link = world_offset(w, "_MM_SESSION_SPACE", "WsListEntry"), head;
    *ret_space = put_space(&s->o, 7);
    if (old) {
        head = world_symbol(w, "MiSessionWsList", 0xf0000);
        world_bytes(w, head, 16);
    } else {
        uint64_t pointer = world_symbol(w, "MiVisibleState", 0xf0000);
        uint64_t visible = ow_room(&s->o, 0x1000);
        world_bytes(w, pointer, 8);
        world_put(w, pointer, w->ptr, visible);
        head = visible + world_offset(w, "_MI_VISIBLE_STATE", "SessionWsList");
    }
    world_ring(w, head, (uint64_t[]){s->space[0] + link, s->space[1] + link, *ret_space + link}, 3);
}

static void sessions_without_processes_are_listed(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        uint64_t space;
        char line[96];
        put_session_list(&s, &space);
        world_open(s.o.w, SC_RENDER_TEXT);
        fix_run(&s.o.w->f, "!session");
        fix_has(&s.o.w->f, "Sessions on machine: 3\nValid Sessions: 0 3 7\nCurrent Session 3\n");
        snprintf(line, sizeof line, "Session 7 has no process: its _MM_SESSION_SPACE is at %llx.\n",
                 (unsigned long long)space);
        fix_has(&s.o.w->f, line);
        fix_fails(&s.o.w->f, "!session -s 7", "no process of session 7 can be found");
        world_free(s.o.w);
    }
}

static void a_list_of_sessions_that_is_not_whole_is_said(void **state) {
    (void)state;
    struct scene s = scene_of(0);
    uint64_t space;
    put_session_list(&s, &space);
    world_put(s.o.w, space + world_offset(s.o.w, "_MM_SESSION_SPACE", "WsListEntry"), s.o.w->ptr,
              0xdead0000);
    world_open(s.o.w, SC_RENDER_TEXT);
    fix_run(&s.o.w->f, "!session");
    fix_has(&s.o.w->f, "Valid Sessions: 0 3 7\n");
    fix_has(&s.o.w->f, "*** the kernel's list of sessions is not whole: the link at dead0000");
    world_free(s.o.w);
    s = scene_of(0);
    world_open(s.o.w, SC_RENDER_TEXT);
    fix_run(&s.o.w->f, "!session");
    fix_has(&s.o.w->f, "Sessions without processes are not known: nt!MiSessionWsList");
    world_free(s.o.w);
}

static void a_session_is_entered_and_left(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!session -s 0");
        char want[96], addr[SC_ADDR_BUF]; /* with a backtick, as .process has it */
        snprintf(want, sizeof want, "Sessions on machine: 2\nImplicit process is now %s\n",
                 sc_addr_text(s.services, o->w->ptr, addr));
        ow_has(o, want, NULL);
        ow_has(o, "\nUsing session 0\n", NULL);
        fix_run(&o->w->f, "!process -1 0");
        ow_has(o, "Image: services.exe\n", NULL);
        fix_run(&o->w->f, "!sprocess -2");
        ow_has(o, "Dumping Session 0\n", NULL);
        fix_run(&o->w->f, "!sprocess"); /* the current one: as published behind !session -s */
        ow_has(o, "Dumping Session 0\n", NULL);
        fix_run(&o->w->f, "!session -s -1");
        ow_has(o, "Using session 3\n", NULL);
        fix_run(&o->w->f, "!sprocess");
        ow_has(o, "Dumping Session 3\n", NULL);
        fix_fails(&o->w->f, "!session -s 9", "no process of session 9 can be found");
        fix_fails(&o->w->f, "!session -s x", "no session (a decimal number, or -1)");
        world_free(o->w);
    }
}

static void processes_are_listed_by_session(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!sprocess 3");
        ow_has(o, "Dumping Session 3\n\n_MM_SESSION_SPACE %p\n", (uint64_t[]){s.space[1]});
        if (o->w->m.build < 22000)
            ow_has(o, "\n_MMSESSION        %p\n",
                   (uint64_t[]){s.space[1] + world_offset(o->w, "_MM_SESSION_SPACE", "Session")});
        else
            assert_null(strstr(fix_text(&o->w->f), "_MMSESSION"));
        ow_has(o, "PROCESS %p", (uint64_t[]){s.app});
        ow_has(o, "PROCESS %p", (uint64_t[]){s.shell});
        assert_null(strstr(fix_text(&o->w->f), "services.exe"));
        fix_run(&o->w->f, "!sprocess -4 0 shell.exe");
        ow_has(o, "Dumping Session 0\n", NULL);
        ow_has(o, "Image: shell.exe\n", NULL);
        assert_null(strstr(fix_text(&o->w->f), "Image: app.exe"));
        fix_fails(&o->w->f, "!sprocess 10", "no process of session 10 can be found");
        fix_fails(&o->w->f, "!sprocess -3", "no session");
        world_free(o->w);
    }
}

static void what_is_missing_of_sessions_is_said(void **state) {
    (void)state;
    struct scene s = scene_of(4);
    struct ow *o = &s.o;
    world_set(o->w, "_EPROCESS", s.shell, "Session", 0, 0xfffffa80deadb000);
    world_put(o->w, s.system + world_offset(o->w, "_EPROCESS", "ActiveProcessLinks"), 8,
              s.app + world_offset(o->w, "_EPROCESS", "ActiveProcessLinks"));
    world_open(o->w, SC_RENDER_TEXT);
    fix_run(&o->w->f, "!session");
    fix_has(&o->w->f, "Valid Sessions: 3\n");
    fix_has(&o->w->f, "*** the dump does not hold all processes: it comes back to ");
    world_free(o->w);
    s = scene_of(4);
    world_set(s.o.w, "_EPROCESS", s.shell, "Session", 0, 0xfffffa80deadb000);
    world_open(s.o.w, SC_RENDER_TEXT);
    fix_run(&s.o.w->f, "!session");
    fix_has(&s.o.w->f, "*** the sessions of 1 processes are not in the dump\n");
    world_free(s.o.w);
}

/* ---- jobs ---- */

/* The two forms that are published: of XP and Server 2003, and since. */
static void want_job(const struct ow *o, char *want, size_t room) {
    bool old = o->w->m.build < 6000, nested = o->w->m.build >= 9200;
    if (old)
        snprintf(want, room,
                 "Job at %s%%p\n"
                 "  TotalPageFaultCount      12ab\n"
                 "  TotalProcesses           2\n"
                 "  ActiveProcesses          2\n"
                 "  TotalTerminatedProcesses 0\n"
                 "  LimitFlags               2808\n"
                 "  MinimumWorkingSetSize    0\n"
                 "  MaximumWorkingSetSize    100\n"
                 "  ActiveProcessLimit       7\n"
                 "  PriorityClass            2\n"
                 "  UIRestrictionsClass      0\n"
                 "%s",
                 o->w->ptr == 4 ? "ffffffff" : "",
                 o->w->ptr == 4
                     ? "  SecurityLimitFlags       0\n  Token                    00000000\n"
                     : "");
    else
        snprintf(want, room,
                 "Job at %%p\n"
                 "  Basic Accounting Information\n"
                 "    TotalUserTime:             0x0\n"
                 "    TotalKernelTime:           0x0\n"
                 "%s"
                 "    ThisPeriodTotalUserTime:   0x0\n"
                 "    ThisPeriodTotalKernelTime: 0x0\n"
                 "    TotalPageFaultCount:       0x12ab\n"
                 "    TotalProcesses:            0x2\n"
                 "    ActiveProcesses:           0x2\n"
                 "%s"
                 "    TotalTerminatedProcesses:  0x0\n"
                 "    PeakJobMemoryUsed:         0x0\n"
                 "    PeakProcessMemoryUsed:     0x0\n"
                 "  Job Flags\n",
                 nested ? "    TotalCycleTime:            0x0\n" : "",
                 nested ? "    FreezeCount:               0\n    BackgroundCount:           0\n"
                        : "");
}

static void a_job_is_shown_as_published(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        char want[1024], line[64];
        world_open(o->w, SC_RENDER_TEXT);
        want_job(o, want, sizeof want);
        fix_run(&o->w->f, ".enrich off; !job");
        ow_has(o, want, (uint64_t[]){s.job});
        const uint64_t ways[] = {s.job, s.app, o->w->threads[0].thread};
        for (unsigned k = 0; k < 3; k++) {
            snprintf(line, sizeof line, "!job %llx", (unsigned long long)ways[k]);
            fix_run(&o->w->f, line);
            ow_has(o, want, (uint64_t[]){s.job});
        }
        fix_run(&o->w->f, ".enrich on; !job 0 3");
        ow_has(
            o,
            o->w->m.build < 6000
                ? "  LimitFlags               2808  [ACTIVE_PROCESS BREAKAWAY_OK "
                  "KILL_ON_JOB_CLOSE]\n"
                : "    JOB_OBJECT_LIMIT_ACTIVE_PROCESS  [7]\n    JOB_OBJECT_LIMIT_BREAKAWAY_OK\n",
            NULL);
        ow_has(o, "  Processes assigned to this job:\nPROCESS %p", (uint64_t[]){s.app});
        ow_has(o, "PROCESS %p", (uint64_t[]){s.shell});
        snprintf(line, sizeof line, "!job %llx", (unsigned long long)s.system);
        fix_fails(&o->w->f, line, "is not part of a job");
        world_free(o->w);
    }
}

/* 8.1: a job around that of the processes, whose list leads to it and back; then round and round.
 */
static void jobs_in_jobs_are_shown_and_bounded(void **state) {
    (void)state;
    static const char e[] = "_EJOB";
    for (unsigned lies = 0; lies < 2; lies++) {
        size_t i = 0;
        while (ow_builds[i].build != 9600)
            i++;
        struct scene s = scene_of(i);
        struct world *w = s.o.w;
        uint64_t around = ow_object(&s.o, OW_JOB, NULL, 0, ow_size(&s.o, e));
        uint64_t head = around + world_offset(w, e, "ChildJobListHead");
        uint64_t link = s.job + world_offset(w, e, "SiblingJobLinks");
        char line[64];
        world_set(w, e, s.job, "ParentJob", 0, around);
        world_put(w, head, 8, link);
        world_put(w, link, 8, lies ? link : head);
        world_set(w, e, s.job, "JobFlags", 4, 0x201);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!job");
        ow_has(&s.o, "  Job Flags\n    [close done]\n    [frozen]\n", NULL);
        ow_has(&s.o, "  [ParentJob: %p]\n", &around);
        snprintf(line, sizeof line, "!job %llx", (unsigned long long)around);
        fix_run(&w->f, line);
        ow_has(&s.o, "  [Job in this job: %p]\n", &s.job);
        if (lies)
            fix_has(&w->f, "*** the dump does not hold all jobs in this job: it comes back to ");
        else
            assert_null(strstr(w->f.sink.text, "***"));
        world_free(w);
    }
}

static void a_job_that_lies_is_bounded(void **state) {
    (void)state;
    struct scene s = scene_of(4);
    struct ow *o = &s.o;
    struct world *w = o->w;
    char line[64];
    uint64_t link = s.shell + world_offset(w, "_EPROCESS", "JobLinks");
    world_put(w, link, 8, link);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!job 0 2");
    fix_has(&w->f, "*** the dump does not hold all processes of the job: it comes back to ");
    fix_fails(&w->f, "!job fffffa80deadb000", "the dump does not hold the job at");
    snprintf(line, sizeof line, "!job %llx", (unsigned long long)o->root);
    fix_fails(&w->f, line, "is no job: its type is Directory");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_listed_as_published),
        cmocka_unit_test(sessions_without_processes_are_listed),
        cmocka_unit_test(a_list_of_sessions_that_is_not_whole_is_said),
        cmocka_unit_test(a_session_is_entered_and_left),
        cmocka_unit_test(processes_are_listed_by_session),
        cmocka_unit_test(what_is_missing_of_sessions_is_said),
        cmocka_unit_test(a_job_is_shown_as_published),
        cmocka_unit_test(jobs_in_jobs_are_shown_and_bounded),
        cmocka_unit_test(a_job_that_lies_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
