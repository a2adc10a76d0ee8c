/* SPDX-License-Identifier: MIT */
/*
 * What a batch keeps of one dump: the facts by which dumps are counted and compared. A structure of
 * fixed size, so that a worker process can send it as it is. The process that receives it trusts
 * nothing in it: sc_batch_facts_check().
 */
#ifndef STOPCODE_CMD_BATCH_FACTS_H
#define STOPCODE_CMD_BATCH_FACTS_H

#include "cmd/analysis_cause.h"
#include "cmd/analysis_record.h"

enum { SC_BATCH_NAMED = 12 };

/* An image that a finding names. */
struct sc_batch_named {
    char image[64], vendor[48], about[96];
    char version[64];    /* "10.0.19041.1110", else "time stamp C9C03000", or "" */
    uint32_t confidence; /* enum sc_confidence: the best with which it is named */
    uint32_t framework;  /* 1: runs other drivers' code, or is the kernel */
};

struct sc_batch_facts {
    uint32_t cause, confidence; /* enum sc_cause, enum sc_confidence */
    uint32_t kernel;            /* 1: a kernel's dump */
    uint32_t blamed;            /* 1: named[0] is who the best finding blames */
    uint32_t nnamed;
    int64_t processors, boot_id; /* INT64_MIN unknown */
    uint64_t time, uptime;       /* 0 and SC_UNSET64 unknown */
    uint64_t identity;           /* equal for copies of one dump; 0 unknown */
    char cpu[16], os[48], stop[96], process[64];
    char bucket[192], place[128], verdict[384];
    struct sc_batch_named named[SC_BATCH_NAMED];
};

/* Takes the facts out of an analysis. */
void sc_batch_facts_take(const struct sc_analysis_record *record, struct sc_batch_facts *ret);
/* Makes facts from another process harmless: ends every text, takes back what is out of bounds. */
void sc_batch_facts_check(struct sc_batch_facts *facts);

#endif
