/* SPDX-License-Identifier: MIT */
/*
 * Reading KPRCB and KPCR.
 *
 * The PRCB lies inside the PCR: KPCR.Prcb (x64), KPCR.PrcbData (x86). Number grew from one byte
 * (until Server 2003) to two (Vista) and four (since 7). Sources: the public symbols of the kernels
 * (tables of layouts in data/layouts); KDDEBUGGER_DATA64.KiProcessorBlock at +0x218.
 */
#include "nt/prcb.h"

#include <string.h>

#define SPECIAL(name) "ProcessorState.SpecialRegisters." name

enum { SPARE_NUMBER = NT_C_FIELDS, SPARE_GROUP, SPARE_DPC_ACTIVE, ROWS };

static const struct sc_layout_field rows[ROWS] = {
    [NT_C_MAJOR] = {"MajorVersion", 2, true},
    [NT_C_MINOR] = {"MinorVersion", 2, true},
    [NT_C_NUMBER] = {"Number", 0, true},
    [NT_C_GROUP] = {"Group", 0, true},
    [NT_C_GROUP_INDEX] = {"GroupIndex", 1, true},
    [NT_C_GROUP_SET_MEMBER] = {"GroupSetMember", 1, true},
    [NT_C_SET_MEMBER] = {"SetMember", 1, true},
    [NT_C_CURRENT_THREAD] = {"CurrentThread", 1, true},
    [NT_C_NEXT_THREAD] = {"NextThread", 1, true},
    [NT_C_IDLE_THREAD] = {"IdleThread", 1, true},
    [NT_C_SAVED_IRQL] = {"DebuggerSavedIRQL", 1, true},
    [NT_C_INTERRUPT_COUNT] = {"InterruptCount", 4, true},
    [NT_C_KERNEL_TIME] = {"KernelTime", 4, true},
    [NT_C_USER_TIME] = {"UserTime", 4, true},
    [NT_C_DPC_TIME] = {"DpcTime", 4, true},
    [NT_C_INTERRUPT_TIME] = {"InterruptTime", 4, true},
    [NT_C_MHZ] = {"MHz", 4, true},
    [NT_C_CPU_TYPE] = {"CpuType", 1, true},
    [NT_C_CPU_STEP] = {"CpuStep", 2, true},
    [NT_C_CPU_MODEL] = {"CpuModel", 1, true},
    [NT_C_CPU_STEPPING] = {"CpuStepping", 1, true},
    [NT_C_DPC_ACTIVE] = {"DpcRoutineActive", 0, true},
    [NT_C_DPC_STACK] = {"DpcStack", 1, true},
    [NT_C_DPC_COUNT] = {"DpcData[0].DpcCount|DpcCount", 4, true},
    [NT_C_DPC_DEPTH] = {"DpcData[0].DpcQueueDepth|DpcQueueDepth", 4, true},
    [NT_C_CR3] = {SPECIAL("Cr3"), 0, true},
    [NT_C_CR8] = {SPECIAL("Cr8"), 0, true},
    [NT_C_GDT] = {SPECIAL("Gdtr.Base"), 0, true},
    [NT_C_IDT] = {SPECIAL("Idtr.Base"), 0, true},
    [SPARE_NUMBER] = {"Number", 1, true},
    [SPARE_GROUP] = {"Group", 1, true},
    [SPARE_DPC_ACTIVE] = {"DpcRoutineActive", 1, true},
};
static const uint8_t spare_of[] = {NT_C_NUMBER, NT_C_GROUP, NT_C_DPC_ACTIVE};
static const uint8_t pointers[] = {NT_C_CURRENT_THREAD, NT_C_NEXT_THREAD,      NT_C_IDLE_THREAD,
                                   NT_C_DPC_STACK,      NT_C_GROUP_SET_MEMBER, NT_C_SET_MEMBER};
static const struct nt_def prcb_def = {
    {"nt!_KPRCB", rows, ROWS}, NT_C_FIELDS, spare_of, NT_POINTERS(pointers)};

static const struct sc_layout_field vendor_rows[] = {{"VendorString", NT_VENDOR - 1, true}};
static const struct nt_def vendor_def = {{"nt!_KPRCB", vendor_rows, 1}, 1, NULL, NULL, 0};

/* Printable text up to a NUL. */
static sc_err *read_vendor(const struct nt *nt, struct nt_prcb *p) {
    char text[NT_VENDOR] = {0};
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &vendor_def, 0, &offset, &found);
    if (err || !found ||
        sc_space_read(nt->space, nt_add(nt, p->address, offset), text, NT_VENDOR - 1, NULL) !=
            SC_READ_OK)
        return err;
    for (const char *c = text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return NULL;
    memcpy(p->vendor, text, sizeof text);
    return NULL;
}

/* CpuStep: the model in the upper byte, the stepping in the lower. Tables call the bytes signed. */
static void split_step(struct nt_prcb *p) {
    struct nt_field *f = p->f;
    const struct nt_field step = f[NT_C_CPU_STEP];
    if (f[NT_C_CPU_MODEL].state == NT_NO_FIELD && step.state == NT_READ) {
        f[NT_C_CPU_MODEL] = (struct nt_field){step.value >> 8, NT_READ};
        f[NT_C_CPU_STEPPING] = (struct nt_field){step.value, NT_READ};
    }
    f[NT_C_CPU_TYPE].value &= 0xff;
    f[NT_C_CPU_MODEL].value &= 0xff;
    f[NT_C_CPU_STEPPING].value &= 0xff;
}

sc_err *nt_prcb_read(const struct nt *nt, uint64_t address, struct nt_prcb *ret) {
    struct nt_prcb p = {.address = address};
    sc_err *err = nt_load(nt, &prcb_def, address, p.f, &p.assumed);
    if (!err)
        err = read_vendor(nt, &p);
    split_step(&p);
    if (!err)
        *ret = p;
    return err;
}

bool nt_prcb_present(const struct nt_prcb *p) { return nt_any(p->f, NT_C_FIELDS); }

sc_err *nt_prcb_address(const struct nt *nt, uint32_t index, struct nt_field *ret) {
    const struct sc_threads *threads;
    uint64_t block;
    sc_err *err = sc_target_threads(nt->target, &threads);
    if (err)
        return err;
    *ret = (struct nt_field){0, NT_ABSENT};
    for (size_t i = 0; i < threads->count; i++)
        if (threads->item[i].index == index && threads->item[i].prcb)
            *ret = (struct nt_field){threads->item[i].prcb, NT_READ};
    if (ret->state == NT_READ || index >= threads->count ||
        !sc_target_kd_member(nt->target, 0x218, 8, &block))
        return NULL;
    *ret = nt_pointer(nt, nt_add(nt, block, (uint64_t)index * nt->ptr_size));
    return NULL;
}

/* ---- the PCR ---- */

enum { PCR_PRCB_PLACE = NT_R_FIELDS, PCR_ROWS };
static const struct sc_layout_field pcr_rows[PCR_ROWS] = {
    [NT_R_MAJOR] = {"MajorVersion", 2, true},
    [NT_R_MINOR] = {"MinorVersion", 2, true},
    [NT_R_SELF] = {"SelfPcr|Self", 1, true},
    [NT_R_PRCB] = {"CurrentPrcb|Prcb", 1, true},
    [NT_R_IRQL] = {"Irql", 1, true},
    [NT_R_IRR] = {"IRR", 4, true},
    [NT_R_IDR] = {"IDR", 4, true},
    [NT_R_INTERRUPT_MODE] = {"InterruptMode", 4, true},
    [NT_R_IDT] = {"IDT|IdtBase", 1, true},
    [NT_R_GDT] = {"GDT|GdtBase", 1, true},
    [NT_R_TSS] = {"TSS|TssBase", 1, true},
    [PCR_PRCB_PLACE] = {"PrcbData|Prcb", 1, true},
};
static const uint8_t pcr_pointers[] = {NT_R_SELF, NT_R_PRCB, NT_R_IDT, NT_R_GDT, NT_R_TSS};
static const struct nt_def pcr_def = {
    {"nt!_KPCR", pcr_rows, PCR_ROWS}, PCR_ROWS, NULL, NT_POINTERS(pcr_pointers)};

static const struct sc_layout_field tib_rows[NT_TIB_FIELDS] = {
    [NT_TIB_EXCEPTION_LIST] = {"ExceptionList", 1, true},
    [NT_TIB_STACK_BASE] = {"StackBase", 1, true},
    [NT_TIB_STACK_LIMIT] = {"StackLimit", 1, true},
    [NT_TIB_SUB_SYSTEM] = {"SubSystemTib", 1, true},
    [NT_TIB_VERSION] = {"Version", 4, true},
    [NT_TIB_USER_POINTER] = {"ArbitraryUserPointer", 1, true},
    [NT_TIB_SELF] = {"Self", 1, true},
};
static const uint8_t tib_pointers[] = {NT_TIB_EXCEPTION_LIST, NT_TIB_STACK_BASE,
                                       NT_TIB_STACK_LIMIT,    NT_TIB_SUB_SYSTEM,
                                       NT_TIB_USER_POINTER,   NT_TIB_SELF};
static const struct nt_def tib_def = {
    {"nt!_NT_TIB", tib_rows, NT_TIB_FIELDS}, NT_TIB_FIELDS, NULL, NT_POINTERS(tib_pointers)};

sc_err *nt_pcr_read(const struct nt *nt, uint64_t prcb, struct nt_pcr *ret) {
    struct nt_field f[PCR_ROWS];
    struct nt_pcr p = {0};
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &pcr_def, PCR_PRCB_PLACE, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_KPCR has no PRCB in it");
    if (err)
        return err;
    p.address = nt_add(nt, prcb, 0 - offset);
    err = nt_load(nt, &pcr_def, p.address, f, &p.assumed);
    if (!err)
        err = nt_load_optional(nt, &tib_def, p.address, p.tib, NULL);
    if (err)
        return err;
    memcpy(p.f, f, sizeof p.f);
    *ret = p;
    return NULL;
}

bool nt_pcr_present(const struct nt_pcr *p) {
    return nt_any(p->f, NT_R_FIELDS) || nt_any(p->tib, NT_TIB_FIELDS);
}
