/* SPDX-License-Identifier: MIT */
/*
 * Names of I/O requests: the major and minor function codes of wdm.h and ntifs.h of the public
 * Windows Driver Kit. Look-ups in constant tables.
 */
#ifndef NT_IRPNAME_H
#define NT_IRPNAME_H

/* "IRP_MJ_POWER"; NULL for a number that is none. */
const char *nt_irp_major_name(unsigned major);
/* "IRP_MN_SET_POWER"; NULL when MAJOR has no minor codes that are known, or not this one. */
const char *nt_irp_minor_name(unsigned major, unsigned minor);

/* DEVICE_POWER_STATE: "D0"; SYSTEM_POWER_STATE: "S3 (sleeping)". NULL for a number that is none. */
const char *nt_device_power_name(unsigned state);
const char *nt_system_power_name(unsigned state);

#endif
