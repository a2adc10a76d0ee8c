/* SPDX-License-Identifier: MIT */
/*
 * Reading ETHREAD.
 *
 * Members are found by name; the names that other builds had stand behind `|`. What changed:
 *
 *   owner          ETHREAD.ThreadsProcess in Windows XP and Server 2003; KTHREAD.Process since 2003
 *   wait blocks    linked in a ring until Windows 7; an array of WaitBlockCount since Windows 8
 *   impersonation  ImpersonationInfo until Server 2003; ClientSecurity since Vista
 *   processor      IdealProcessor and NextProcessor grew from 8 to 32 bits
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/thread.h"

/* A row of the thread's own part (KTHREAD). */
#define TCB(name) "Tcb." name

enum {
    SPARE_ALERTABLE = NT_T_FIELDS,
    SPARE_FREEZE,
    SPARE_WAIT_MODE,
    SPARE_WAIT_TIME,
    SPARE_KERNEL_TIME,
    SPARE_SWITCHES,
    SPARE_NEXT,
    SPARE_IDEAL,
    SPARE_APC_DISABLE,
    SPARE_RESIDENT,
    SPARE_SWAP,
    SPARE_EXIT_TIME,
    SPARE_EXIT_STATUS,
    ROWS
};

static const struct sc_layout_field rows[ROWS] = {
    [NT_T_TYPE] = {TCB("Header.Type"), 1, true},
    [NT_T_PID] = {"Cid.UniqueProcess", 1, true},
    [NT_T_TID] = {"Cid.UniqueThread", 1, true},
    [NT_T_TEB] = {TCB("Teb"), 1, true},
    [NT_T_WIN32_THREAD] = {TCB("Win32Thread"), 1, true},
    [NT_T_STATE] = {TCB("State"), 1, true},
    [NT_T_WAIT_REASON] = {TCB("WaitReason"), 1, true},
    [NT_T_WAIT_MODE] = {TCB("WaitMode"), 0, true},
    [NT_T_ALERTABLE] = {TCB("Alertable"), 0, true},
    [NT_T_SUSPEND_COUNT] = {TCB("SuspendCount"), 1, true},
    [NT_T_FREEZE_COUNT] = {TCB("FreezeCount"), 0, true},
    [NT_T_WAIT_BLOCK_LIST] = {TCB("WaitBlockList"), 1, true},
    [NT_T_WAIT_BLOCK_COUNT] = {TCB("WaitBlockCount"), 1, true},
    [NT_T_WAIT_TIME] = {TCB("WaitTime"), 0, true},
    [NT_T_KERNEL_TIME] = {TCB("KernelTime"), 0, true},
    [NT_T_USER_TIME] = {TCB("UserTime"), 0, true},
    [NT_T_CONTEXT_SWITCHES] = {TCB("ContextSwitches"), 0, true},
    [NT_T_NEXT_PROCESSOR] = {TCB("NextProcessorNumber|") TCB("NextProcessor"), 0, true},
    [NT_T_SHARED_QUEUE] = {TCB("SharedReadyQueue"), 0, true},
    [NT_T_IDEAL_PROCESSOR] = {TCB("IdealProcessor"), 0, true},
    [NT_T_PROCESS] = {TCB("Process|ThreadsProcess"), 1, true},
    [NT_T_APC_PROCESS] = {TCB("ApcState.Process"), 1, true},
    [NT_T_APC_STATE_INDEX] = {TCB("ApcStateIndex"), 1, true},
    [NT_T_KERNEL_APC_PENDING] = {TCB("ApcState.KernelApcPending"), 1, true},
    [NT_T_USER_APC_PENDING] = {TCB("ApcState.UserApcPending"), 1, true}, /* a bit since 10 */
    [NT_T_KERNEL_APC_DISABLE] = {TCB("KernelApcDisable"), 0, true},
    [NT_T_SPECIAL_APC_DISABLE] = {TCB("SpecialApcDisable"), 0, true},
    [NT_T_IMPERSONATION] = {"ImpersonationInfo", 1, true},
    [NT_T_CLIENT_SECURITY] = {"ClientSecurity", 1, true}, /* with flags in its low bits */
    [NT_T_IMPERSONATING] = {"ActiveImpersonationInfo", 0, true},
    [NT_T_CREATE_TIME] = {"CreateTime", 8, true},
    [NT_T_EXIT_TIME] = {"ExitTime", 0, true},
    [NT_T_EXIT_STATUS] = {"ExitStatus", 0, true},
    [NT_T_START_ADDRESS] = {"StartAddress", 1, true},
    [NT_T_WIN32_START_ADDRESS] = {"Win32StartAddress", 1, true},
    [NT_T_START_ADDRESS_INVALID] = {"StartAddressInvalid", 0, true},
    [NT_T_INITIAL_STACK] = {TCB("InitialStack"), 1, true},
    [NT_T_KERNEL_STACK] = {TCB("KernelStack"), 1, true},
    [NT_T_STACK_BASE] = {TCB("StackBase"), 1, true},
    [NT_T_STACK_LIMIT] = {TCB("StackLimit"), 1, true},
    [NT_T_CALLBACK_STACK] = {TCB("CallbackStack"), 1, true},
    [NT_T_STACK_RESIDENT] = {TCB("KernelStackResident"), 0, true},
    [NT_T_PRIORITY] = {TCB("Priority"), 1, true},
    [NT_T_BASE_PRIORITY] = {TCB("BasePriority"), 1, true},
    [NT_T_PRIORITY_DECREMENT] = {TCB("PriorityDecrement"), 1, true},
    [NT_T_DECREMENT_COUNT] = {TCB("DecrementCount"), 1, true},
    [NT_T_UNUSUAL_BOOST] = {TCB("UnusualBoost"), 0, true},
    [NT_T_FOREGROUND_BOOST] = {TCB("ForegroundBoost"), 0, true},
    [NT_T_IO_PRIORITY] = {"ThreadIoPriority", 0, true},
    [NT_T_PAGE_PRIORITY] = {"ThreadPagePriority", 0, true},
    [NT_T_IRP_LIST] = {"IrpList", 1, true}, /* a place, too */
    [NT_T_TRAP_FRAME] = {TCB("TrapFrame"), 1, true},
    [NT_T_LARGE_STACK] = {TCB("LargeStack"), 1, true},
    [NT_T_ENABLE_STACK_SWAP] = {TCB("EnableStackSwap"), 0, true},
    [NT_T_LIST_LINK] = {"ThreadListEntry", 1, true},
    [NT_T_APC_STATE] = {TCB("ApcState"), 1, true},
    [SPARE_ALERTABLE] = {TCB("Alertable"), 1, true},
    [SPARE_FREEZE] = {TCB("FreezeCount"), 1, true},
    [SPARE_WAIT_MODE] = {TCB("WaitMode"), 1, true},
    [SPARE_WAIT_TIME] = {TCB("WaitTime"), 4, true},
    [SPARE_KERNEL_TIME] = {TCB("KernelTime"), 4, true},
    [SPARE_SWITCHES] = {TCB("ContextSwitches"), 4, true},
    [SPARE_NEXT] = {TCB("NextProcessor"), 1, true},
    [SPARE_IDEAL] = {TCB("IdealProcessor"), 1, true},
    [SPARE_APC_DISABLE] = {TCB("KernelApcDisable"), 4, true},
    [SPARE_RESIDENT] = {TCB("KernelStackResident"), 1, true},
    [SPARE_SWAP] = {TCB("EnableStackSwap"), 1, true},
    [SPARE_EXIT_TIME] = {"ExitTime", 8, true},
    [SPARE_EXIT_STATUS] = {"ExitStatus", 4, true},
};
static const uint8_t spare_of[ROWS - NT_T_FIELDS] = {
    NT_T_ALERTABLE,          NT_T_FREEZE_COUNT,     NT_T_WAIT_MODE,         NT_T_WAIT_TIME,
    NT_T_KERNEL_TIME,        NT_T_CONTEXT_SWITCHES, NT_T_NEXT_PROCESSOR,    NT_T_IDEAL_PROCESSOR,
    NT_T_KERNEL_APC_DISABLE, NT_T_STACK_RESIDENT,   NT_T_ENABLE_STACK_SWAP, NT_T_EXIT_TIME,
    NT_T_EXIT_STATUS,
};
static const uint8_t pointers[] = {NT_T_PID,
                                   NT_T_TID,
                                   NT_T_TEB,
                                   NT_T_WIN32_THREAD,
                                   NT_T_WAIT_BLOCK_LIST,
                                   NT_T_PROCESS,
                                   NT_T_APC_PROCESS,
                                   NT_T_IMPERSONATION,
                                   NT_T_START_ADDRESS,
                                   NT_T_WIN32_START_ADDRESS,
                                   NT_T_INITIAL_STACK,
                                   NT_T_KERNEL_STACK,
                                   NT_T_STACK_BASE,
                                   NT_T_STACK_LIMIT,
                                   NT_T_CALLBACK_STACK,
                                   NT_T_TRAP_FRAME,
                                   NT_T_CLIENT_SECURITY};
static const struct nt_def thread_def = {
    {"nt!_ETHREAD", rows, ROWS}, NT_T_FIELDS, spare_of, NT_POINTERS(pointers)};

/* For builds of which only the place of ApcState is known. */
enum { APC_PROCESS, APC_KERNEL, APC_USER, APC_FIELDS };
static const struct sc_layout_field apc_rows[] = {
    [APC_PROCESS] = {"Process", 1, true},
    [APC_KERNEL] = {"KernelApcPending", 1, true},
    [APC_USER] = {"UserApcPending", 1, true}, /* KTHREAD's Priority may lie right behind it */
};
static const uint8_t apc_pointers[] = {APC_PROCESS};
static const struct nt_def apc_def = {
    {"nt!_KAPC_STATE", apc_rows, APC_FIELDS}, APC_FIELDS, NULL, NT_POINTERS(apc_pointers)};

static void take(struct nt_field *to, const struct nt_field *from) {
    if (to->state == NT_NO_FIELD)
        *to = *from;
}

/* The fields of ApcState that its own type gives where ETHREAD does not say what it is. */
static sc_err *read_apc_state(const struct nt *nt, struct nt_thread *t) {
    struct nt_field apc[APC_FIELDS];
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &thread_def, NT_T_APC_STATE, &offset, &found);
    if (err || !found)
        return err;
    err = nt_load_optional(nt, &apc_def, nt_add(nt, t->address, offset), apc, &t->assumed);
    if (err)
        return err;
    take(&t->f[NT_T_APC_PROCESS], &apc[APC_PROCESS]);
    take(&t->f[NT_T_KERNEL_APC_PENDING], &apc[APC_KERNEL]);
    take(&t->f[NT_T_USER_APC_PENDING], &apc[APC_USER]);
    return NULL;
}

sc_err *nt_thread_read(const struct nt *nt, uint64_t address, struct nt_thread *ret) {
    struct nt_thread t = {.address = address};
    sc_err *err = nt_load(nt, &thread_def, address, t.f, &t.assumed);
    if (!err)
        err = read_apc_state(nt, &t);
    if (!err)
        *ret = t;
    return err;
}

bool nt_thread_present(const struct nt_thread *t) { return nt_any(t->f, NT_T_FIELDS); }

/* Bit 7 of the type is a lock. */
bool nt_thread_valid(const struct nt_thread *t) {
    const struct nt_field *type = &t->f[NT_T_TYPE];
    return type->state == NT_READ && (type->value & 0x7f) == 6;
}

bool nt_thread_is_of(const struct nt_thread *t, uint64_t process) {
    return !nt_set(&t->f[NT_T_PROCESS]) || t->f[NT_T_PROCESS].value == process;
}

bool nt_thread_owns_stack(const struct nt_thread *t, uint64_t address) {
    const struct nt_field *base = &t->f[NT_T_STACK_BASE], *limit = &t->f[NT_T_STACK_LIMIT];
    return base->state == NT_READ && limit->state == NT_READ && limit->value <= address &&
           address < base->value;
}

sc_err *nt_thread_of_link(const struct nt *nt, uint64_t link, uint64_t *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &thread_def, NT_T_LIST_LINK, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_ETHREAD has no ThreadListEntry");
    if (!err)
        *ret = nt_add(nt, link, 0 - offset);
    return err;
}

/* ---- names ---- */

const char *nt_thread_state_name(uint64_t state) {
    static const char *const names[] = {
        "Initialized", "Ready",      "Running",       "Standby",  "Terminated",
        "Waiting",     "Transition", "DeferredReady", "GateWait", "WaitingForProcessInSwap",
    };
    return state < sizeof names / sizeof *names ? names[state] : NULL;
}

/* KWAIT_REASON of wdm.h; 0x0e was WrEventPair until Windows 7. */
const char *nt_wait_reason_name(const struct nt *nt, uint64_t reason) {
    static const char *const names[] = {
        "Executive",        "FreePage",          "PageIn",
        "PoolAllocation",   "DelayExecution",    "Suspended",
        "UserRequest",      "WrExecutive",       "WrFreePage",
        "WrPageIn",         "WrPoolAllocation",  "WrDelayExecution",
        "WrSuspended",      "WrUserRequest",     "WrSpare0",
        "WrQueue",          "WrLpcReceive",      "WrLpcReply",
        "WrVirtualMemory",  "WrPageOut",         "WrRendezvous",
        "WrKeyedEvent",     "WrTerminated",      "WrProcessInSwap",
        "WrCpuRateControl", "WrCalloutStack",    "WrKernel",
        "WrResource",       "WrPushLock",        "WrMutex",
        "WrQuantumEnd",     "WrDispatchInt",     "WrPreempted",
        "WrYieldExecution", "WrFastMutex",       "WrGuardedMutex",
        "WrRundown",        "WrAlertByThreadId", "WrDeferredPreempt",
        "WrPhysicalFault",  "WrIoRing",          "WrMdlCache",
    };
    if (reason == 0x0e && nt->build < 9200)
        return "WrEventPair";
    return reason < sizeof names / sizeof *names ? names[reason] : NULL;
}

/* ---- impersonation ---- */

enum { IMP_TOKEN, IMP_LEVEL, IMP_FIELDS };
static const struct sc_layout_field imp_rows[] = {
    [IMP_TOKEN] = {"Token", 1, true},
    [IMP_LEVEL] = {"ImpersonationLevel", 4, true},
};
static const uint8_t imp_pointers[] = {IMP_TOKEN};
static const struct nt_def imp_def = {{"nt!_PS_IMPERSONATION_INFORMATION", imp_rows, IMP_FIELDS},
                                      IMP_FIELDS,
                                      NULL,
                                      NT_POINTERS(imp_pointers)};

/* PS_CLIENT_SECURITY_CONTEXT: bits 0 and 1 the level, bit 2 EffectiveOnly, the rest the token. */
static void split_security(uint64_t value, struct nt_impersonation *imp) {
    imp->token = (struct nt_field){value & ~(uint64_t)7, NT_READ};
    imp->level = (struct nt_field){value & 3, NT_READ};
}

sc_err *nt_thread_impersonation(const struct nt *nt, const struct nt_thread *t,
                                struct nt_impersonation *ret) {
    struct nt_impersonation imp = {.active = nt_set(&t->f[NT_T_IMPERSONATING])};
    struct nt_field f[IMP_FIELDS];
    const struct nt_field *security = &t->f[NT_T_CLIENT_SECURITY];
    if (imp.active && nt_set(&t->f[NT_T_IMPERSONATION])) {
        sc_err *err = nt_load_optional(nt, &imp_def, t->f[NT_T_IMPERSONATION].value, f, NULL);
        if (err)
            return err;
        imp.token = f[IMP_TOKEN];
        imp.level = f[IMP_LEVEL];
    } else if (imp.active && security->state == NT_READ) {
        split_security(security->value, &imp);
    }
    *ret = imp;
    return NULL;
}

const char *nt_impersonation_level_name(uint64_t level) {
    static const char *const names[] = {"Anonymous", "Identification", "Impersonation",
                                        "Delegation"};
    return level < sizeof names / sizeof *names ? names[level] : NULL;
}

/* ---- IRPs ---- */

enum { IRP_TYPE, IRP_SIZE, IRP_FLAGS, IRP_MDL, IRP_LINK, IRP_FIELDS };
static const struct sc_layout_field irp_rows[] = {
    [IRP_TYPE] = {"Type", 2, true},
    [IRP_SIZE] = {"Size", 2, true},
    [IRP_FLAGS] = {"Flags", 4, true},
    [IRP_MDL] = {"MdlAddress", 1, true},
    [IRP_LINK] = {"ThreadListEntry", 1, true},
};
static const uint8_t irp_pointers[] = {IRP_MDL};
static const struct nt_def irp_def = {
    {"nt!_IRP", irp_rows, IRP_FIELDS}, IRP_FIELDS, NULL, NT_POINTERS(irp_pointers)};

static sc_err *read_irp(const struct nt *nt, uint64_t address, struct nt_thread_irp *ret) {
    struct nt_field f[IRP_FIELDS];
    sc_err *err = nt_load(nt, &irp_def, address, f, NULL);
    if (err)
        return err;
    *ret = (struct nt_thread_irp){address, f[IRP_TYPE], f[IRP_SIZE], f[IRP_FLAGS], f[IRP_MDL]};
    return NULL;
}

/* The entries of LIST into ARENA: two passes, so that a list costs no more than it holds. */
static sc_err *collect(const struct nt *nt, struct nt_list *list, uint64_t link, sc_arena *arena,
                       struct nt_thread_irp **ret, size_t *ret_count) {
    struct nt_list first = *list;
    uint64_t entry;
    size_t n = 0;
    while (nt_list_next(&first, &entry))
        n++;
    struct nt_thread_irp *irp = n ? sc_arena_array(arena, n, sizeof *irp) : NULL;
    if (n && !irp)
        return sc_err_nomem();
    for (size_t i = 0; i < n && nt_list_next(list, &entry); i++) {
        sc_err *err = read_irp(nt, nt_add(nt, entry, 0 - link), &irp[i]);
        if (err)
            return err;
    }
    *list = first;
    *ret = irp;
    *ret_count = n;
    return NULL;
}

sc_err *nt_thread_irps(const struct nt *nt, const struct nt_thread *t, sc_arena *arena,
                       struct nt_thread_irp **ret_irps, size_t *ret_count,
                       struct nt_list *ret_list) {
    uint64_t head, link;
    bool has_head, has_link = false;
    struct nt_list list;
    sc_err *err = nt_offset(nt, &thread_def, NT_T_IRP_LIST, &head, &has_head);
    if (!err)
        err = nt_offset(nt, &irp_def, IRP_LINK, &link, &has_link);
    if (err && !sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return err;
    *ret_irps = NULL;
    *ret_count = 0;
    nt_list_begin(&list, nt, t->address, 0);
    if (has_head && has_link && t->f[NT_T_IRP_LIST].state == NT_READ) {
        nt_list_begin(&list, nt, nt_add(nt, t->address, head), NT_IRPS_MAX);
        err = collect(nt, &list, link, arena, ret_irps, ret_count);
    }
    if (!err)
        *ret_list = list;
    return err;
}
