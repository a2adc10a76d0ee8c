/* SPDX-License-Identifier: MIT */
/* Names of I/O requests and power states. */
#include "nt/irpname.h"

#include <stddef.h>

enum { MJ_PNP = 0x1b, MJ_POWER = 0x16, MJ_DIRECTORY = 0xc, MJ_FILE_SYSTEM = 0xd, MJ_LOCK = 0x11 };

static const char *const majors[] = {
    "IRP_MJ_CREATE",
    "IRP_MJ_CREATE_NAMED_PIPE",
    "IRP_MJ_CLOSE",
    "IRP_MJ_READ",
    "IRP_MJ_WRITE",
    "IRP_MJ_QUERY_INFORMATION",
    "IRP_MJ_SET_INFORMATION",
    "IRP_MJ_QUERY_EA",
    "IRP_MJ_SET_EA",
    "IRP_MJ_FLUSH_BUFFERS",
    "IRP_MJ_QUERY_VOLUME_INFORMATION",
    "IRP_MJ_SET_VOLUME_INFORMATION",
    "IRP_MJ_DIRECTORY_CONTROL",
    "IRP_MJ_FILE_SYSTEM_CONTROL",
    "IRP_MJ_DEVICE_CONTROL",
    "IRP_MJ_INTERNAL_DEVICE_CONTROL",
    "IRP_MJ_SHUTDOWN",
    "IRP_MJ_LOCK_CONTROL",
    "IRP_MJ_CLEANUP",
    "IRP_MJ_CREATE_MAILSLOT",
    "IRP_MJ_QUERY_SECURITY",
    "IRP_MJ_SET_SECURITY",
    "IRP_MJ_POWER",
    "IRP_MJ_SYSTEM_CONTROL",
    "IRP_MJ_DEVICE_CHANGE",
    "IRP_MJ_QUERY_QUOTA",
    "IRP_MJ_SET_QUOTA",
    "IRP_MJ_PNP",
};

static const char *const pnp[] = {
    "IRP_MN_START_DEVICE",
    "IRP_MN_QUERY_REMOVE_DEVICE",
    "IRP_MN_REMOVE_DEVICE",
    "IRP_MN_CANCEL_REMOVE_DEVICE",
    "IRP_MN_STOP_DEVICE",
    "IRP_MN_QUERY_STOP_DEVICE",
    "IRP_MN_CANCEL_STOP_DEVICE",
    "IRP_MN_QUERY_DEVICE_RELATIONS",
    "IRP_MN_QUERY_INTERFACE",
    "IRP_MN_QUERY_CAPABILITIES",
    "IRP_MN_QUERY_RESOURCES",
    "IRP_MN_QUERY_RESOURCE_REQUIREMENTS",
    "IRP_MN_QUERY_DEVICE_TEXT",
    "IRP_MN_FILTER_RESOURCE_REQUIREMENTS",
    NULL,
    "IRP_MN_READ_CONFIG",
    "IRP_MN_WRITE_CONFIG",
    "IRP_MN_EJECT",
    "IRP_MN_SET_LOCK",
    "IRP_MN_QUERY_ID",
    "IRP_MN_QUERY_PNP_DEVICE_STATE",
    "IRP_MN_QUERY_BUS_INFORMATION",
    "IRP_MN_DEVICE_USAGE_NOTIFICATION",
    "IRP_MN_SURPRISE_REMOVAL",
    NULL,
    "IRP_MN_DEVICE_ENUMERATED",
};
static const char *const power[] = {
    "IRP_MN_WAIT_WAKE",
    "IRP_MN_POWER_SEQUENCE",
    "IRP_MN_SET_POWER",
    "IRP_MN_QUERY_POWER",
};
static const char *const directory[] = {
    NULL,
    "IRP_MN_QUERY_DIRECTORY",
    "IRP_MN_NOTIFY_CHANGE_DIRECTORY",
    "IRP_MN_NOTIFY_CHANGE_DIRECTORY_EX",
};
static const char *const file_system[] = {
    "IRP_MN_USER_FS_REQUEST",  "IRP_MN_MOUNT_VOLUME", "IRP_MN_VERIFY_VOLUME",
    "IRP_MN_LOAD_FILE_SYSTEM", "IRP_MN_KERNEL_CALL",
};
static const char *const lock[] = {
    NULL, "IRP_MN_LOCK", "IRP_MN_UNLOCK_SINGLE", "IRP_MN_UNLOCK_ALL", "IRP_MN_UNLOCK_ALL_BY_KEY",
};

#define NAME(table, index) ((index) < sizeof(table) / sizeof *(table) ? (table)[(index)] : NULL)

const char *nt_irp_major_name(unsigned major) { return NAME(majors, major); }

const char *nt_irp_minor_name(unsigned major, unsigned minor) {
    switch (major) {
    case MJ_PNP: return NAME(pnp, minor);
    case MJ_POWER: return NAME(power, minor);
    case MJ_DIRECTORY: return NAME(directory, minor);
    case MJ_FILE_SYSTEM: return NAME(file_system, minor);
    case MJ_LOCK: return NAME(lock, minor);
    default: return NULL;
    }
}

const char *nt_device_power_name(unsigned state) {
    static const char *const names[] = {"unspecified", "D0", "D1", "D2", "D3"};
    return NAME(names, state);
}

const char *nt_system_power_name(unsigned state) {
    static const char *const names[] = {
        "unspecified",   "S0 (working)",   "S1 (sleeping)", "S2 (sleeping)",
        "S3 (sleeping)", "S4 (hibernate)", "S5 (shutdown)",
    };
    return NAME(names, state);
}
