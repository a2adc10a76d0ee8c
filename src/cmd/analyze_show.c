/* SPDX-License-Identifier: MIT */
/*
 * `!analyze -show CODE [P1 … P4]`: a bug-check code explained without any dump. With parameters an
 * analysis is made of a machine that has nothing but them, so that whatever can be told from
 * numbers alone is told in the same words.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/bugcheck_table.h"
#include "cmd/analysis_record.h"
#include "cmd/analyze_details.h"
#include "cmd/analyze_text.h"

static const struct sc_field show_fields[] = {
    SC_FIELD(struct sc_analysis_record, bugcheck, SC_F_STR),
    SC_FIELD(struct sc_analysis_record, name, SC_F_STR),
    SC_FIELD(struct sc_analysis_record, brief, SC_F_STR),
    SC_FIELD(struct sc_analysis_record, about, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype show_type = {"bugcheck_explanation",
                                            sizeof(struct sc_analysis_record), show_fields};
static const struct sc_field show_arg_fields[] = {
    SC_FIELD(struct sc_argument_row, value, SC_F_HEX64),
    SC_FIELD(struct sc_argument_row, kind, SC_F_STR),
    SC_FIELD(struct sc_argument_row, text, SC_F_STR),
    SC_FIELD(struct sc_argument_row, meaning, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype show_arg_type = {"bugcheck_argument", sizeof(struct sc_argument_row),
                                                show_arg_fields};

static sc_err *show_records(sc_out *out, const struct sc_bug *bug,
                            const struct sc_analyze_arg arg[4], sc_arena *arena) {
    struct sc_analysis_record r = {.name = bug->name, .brief = bug->brief, .about = bug->about};
    r.bugcheck = sc_arena_printf(arena, "0x%08" PRIx32, bug->code);
    if (!r.bugcheck)
        return sc_err_nomem();
    sc_record(out, &show_type, &r, NULL, NULL);
    for (unsigned i = 0; i < 4; i++) {
        struct sc_argument_row row = {arg[i].value, sc_bug_kind_name(bug->arg[i].kind),
                                      bug->arg[i].text, arg[i].meaning, NULL};
        sc_record(out, &show_arg_type, &row, NULL, NULL);
    }
    return NULL;
}

/* A kernel that has stopped with CODE and VALUE, and of which nothing else is known. */
static sc_err *imagine(uint32_t code, const uint64_t value[4], enum sc_cpu cpu,
                       sc_target **ret_target, struct sc_analysis **ret_analysis) {
    struct sc_machine machine = {.cpu = cpu,
                                 .kernel = true,
                                 .windows = true,
                                 .platform = "Windows",
                                 .ncpus = UINT32_MAX,
                                 .service_pack = "",
                                 .uptime = SC_UNSET64,
                                 .has_bugcheck = true,
                                 .bugcheck = code};
    memcpy(machine.bugcheck_arg, value, sizeof machine.bugcheck_arg);
    struct sc_fake fake = {.sz = sizeof fake, .cpu = cpu, .kernel = true, .machine = &machine};
    sc_err *err = sc_target_fake(&fake, ret_target);
    if (err)
        return err;
    err = sc_analyze(*ret_target, ret_analysis);
    if (err)
        sc_target_close(*ret_target);
    return err;
}

/* What the parameters alone say; other facts are about a dump. */
static void facts_text(sc_out *out, const struct sc_analysis *a) {
    bool first = true;
    for (size_t i = 0; i < a->nfacts; i++) {
        if (strcmp(a->facts[i].command, ".bugcheck") != 0)
            continue;
        sc_puts(out, first ? "\n" : "");
        sc_print_wrapped(out, "+ ", 0, a->facts[i].claim);
        first = false;
    }
}

static sc_err *show_values(sc_session *session, uint32_t code, const struct sc_val *p,
                           const uint64_t value[4], enum sc_cpu cpu, sc_arena *arena) {
    sc_out *out = sc_session_out(session);
    unsigned ptr_size = sc_cpu_ptr_size(cpu);
    struct sc_analyze_arg arg[4];
    struct sc_analysis *a;
    struct sc_bug bug;
    sc_target *target;
    sc_err *err = imagine(code, value, cpu, &target, &a);
    if (err)
        return err;
    sc_bug_explain(code, value, ptr_size == 4, &bug);
    bug.code = code;
    for (unsigned i = 0; i < 4; i++)
        arg[i] = (struct sc_analyze_arg){a->arg[i].value, a->arg[i].text,
                                         p[i].given ? a->arg[i].meaning : NULL, NULL};
    if (sc_out_render(out) == SC_RENDER_JSON) {
        err = show_records(out, &bug, arg, arena);
    } else {
        sc_analyze_explanation(out, &bug, arg, ptr_size, sc_session_enrich(session));
        if (sc_session_enrich(session))
            facts_text(out, a);
    }
    sc_analysis_destroy(a);
    sc_target_close(target);
    return err;
}

static sc_err *show_code(sc_session *session, uint32_t code, enum sc_cpu cpu, sc_arena *arena) {
    sc_out *out = sc_session_out(session);
    struct sc_analyze_arg arg[4];
    struct sc_bug bug;
    sc_bug_explain(code, NULL, sc_cpu_ptr_size(cpu) == 4, &bug);
    bug.code = code;
    for (unsigned i = 0; i < 4; i++)
        arg[i] = (struct sc_analyze_arg){0, bug.arg[i].text, NULL, NULL};
    if (sc_out_render(out) == SC_RENDER_JSON)
        return show_records(out, &bug, arg, arena);
    sc_analyze_explanation(out, &bug, arg, sc_cpu_ptr_size(cpu), sc_session_enrich(session));
    return NULL;
}

sc_err *sc_analyze_show(sc_session *session, const struct sc_val code[5], sc_arena *arena) {
    if (!code[0].given)
        return sc_errf(SC_ERR_ARG, "!analyze -show needs a bug-check code: !analyze -show 9f 3");
    if (code[0].num > UINT32_MAX)
        return sc_errf(SC_ERR_ARG, "%" PRIx64 " is no bug-check code: it has more than 32 bits",
                       code[0].num);
    const sc_target *target = sc_session_target(session);
    enum sc_cpu cpu = target ? sc_target_machine(target)->cpu : SC_CPU_X64;
    if (cpu == SC_CPU_UNKNOWN || cpu == SC_CPU_OTHER)
        cpu = SC_CPU_X64;
    uint64_t value[4];
    bool any = false;
    for (unsigned i = 0; i < 4; i++) {
        value[i] = code[1 + i].given ? code[1 + i].num : 0;
        any |= code[1 + i].given;
    }
    return any ? show_values(session, (uint32_t)code[0].num, code + 1, value, cpu, arena)
               : show_code(session, (uint32_t)code[0].num, cpu, arena);
}
