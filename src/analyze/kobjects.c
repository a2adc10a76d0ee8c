/* SPDX-License-Identifier: MIT */
/*
 * Names of kernel objects that parameters point to, read as far as the dump holds them. Threads and
 * processes are read by the layouts of the kernel's symbols. The structures of drivers are public
 * (wdm.h) and the same in all builds:
 *
 *                                             x64 / ARM64   x86 / ARM
 *   DRIVER_OBJECT.Type == 4                   +00           +00
 *   DRIVER_OBJECT.DriverName (UNICODE_STRING) +38           +1c
 *   DEVICE_OBJECT.Type == 3                   +00           +00
 *   DEVICE_OBJECT.DriverObject                +08           +08
 *   IRP.Type == 6                             +00           +00
 *   IRP.StackCount, CurrentLocation           +42, +43      +22, +23
 *   IRP.Tail.Overlay.CurrentStackLocation     +b8           +60
 *   IO_STACK_LOCATION.MajorFunction, Minor    +00, +01      +00, +01
 *   IO_STACK_LOCATION.DeviceObject            +28           +14
 */
#include <string.h>

#include "analyze/kfacts.h"
#include "analyze/records.h"
#include "nt/irpname.h"
#include "nt/process.h"
#include "nt/thread.h"

enum { DRIVER_TYPE = 4, DEVICE_TYPE = 3, IRP_TYPE = 6 };

static bool has_type(struct sc_case *c, uint64_t addr, uint64_t type) {
    uint64_t value;
    return addr && sc_space_uint(sc_target_space(c->target), addr, 2, &value) == SC_READ_OK &&
           value == type;
}

static bool read_pointer(struct sc_case *c, uint64_t addr, uint64_t *ret) {
    return sc_space_ptr(sc_target_space(c->target), addr, ret) == SC_READ_OK;
}

const char *sc_process_text(struct sc_case *c, uint64_t process) {
    struct nt_process p;
    if (c->k && process && process == c->k->process && c->a->process)
        return c->a->process;
    if (!c->k || !c->k->book || !process ||
        !sc_case_took(c, nt_process_read(&c->k->nt, process, &p)) || !nt_process_valid(&p) ||
        p.image_state != NT_READ)
        return NULL;
    return sc_case_name(c, p.image);
}

const char *sc_thread_text(struct sc_case *c, uint64_t thread) {
    struct nt_thread t;
    if (!c->k || !c->k->book || !thread ||
        !sc_case_took(c, nt_thread_read(&c->k->nt, thread, &t)) || !nt_thread_valid(&t))
        return NULL;
    uint64_t process = nt_or(&t.f[NT_T_PROCESS], nt_or(&t.f[NT_T_APC_PROCESS], 0));
    const char *image = sc_process_text(c, process);
    return sc_case_text(c, "thread %llx.%llx%s%s", (unsigned long long)nt_or(&t.f[NT_T_PID], 0),
                        (unsigned long long)nt_or(&t.f[NT_T_TID], 0), image ? " of " : "",
                        image ? image : "");
}

const char *sc_driver_object_text(struct sc_case *c, uint64_t object) {
    if (!has_type(c, object, DRIVER_TYPE))
        return NULL;
    return sc_load_text(c, object + (c->is32 ? 0x1c : 0x38));
}

const char *sc_device_text(struct sc_case *c, uint64_t device) {
    uint64_t object;
    if (!has_type(c, device, DEVICE_TYPE) || !read_pointer(c, device + 8, &object))
        return NULL;
    const char *driver = sc_driver_object_text(c, object);
    if (driver)
        return sc_case_text(c, "a device of %s", driver);
    return sc_case_text(c, "a device of the driver object at %s", sc_case_addr(c, object));
}

const char *sc_irp_text(struct sc_case *c, uint64_t irp) {
    sc_space *space = sc_target_space(c->target);
    uint64_t location, major, minor, device;
    if (!has_type(c, irp, IRP_TYPE))
        return NULL;
    if (!read_pointer(c, irp + (c->is32 ? 0x60 : 0xb8), &location) ||
        sc_space_uint(space, location, 1, &major) != SC_READ_OK ||
        sc_space_uint(space, location + 1, 1, &minor) != SC_READ_OK)
        return "an IRP whose stack location the dump lacks";
    const char *name = nt_irp_major_name((unsigned)major);
    const char *sub = nt_irp_minor_name((unsigned)major, (unsigned)minor);
    const char *what = sc_case_text(c, "%s%s%s%s", name ? name : "an unknown request",
                                    sub ? " (" : "", sub ? sub : "", sub ? ")" : "");
    const char *where = NULL;
    if (read_pointer(c, location + (c->is32 ? 0x14 : 0x28), &device))
        where = sc_device_text(c, device);
    return where ? sc_case_text(c, "%s, held by %s", what, where) : what;
}
