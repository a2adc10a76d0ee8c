/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Everything of libstopcode's public interface.
 *
 * Open a dump and let it be analysed:
 *
 *     sc_target *target;
 *     sc_err *err = sc_target_open("MEMORY.DMP", NULL, &target);
 *     struct sc_analysis *a;
 *     if (!err && !(err = sc_analyze(target, &a))) { puts(a->findings[0].summary); … }
 *     sc_analysis_destroy(a); sc_target_close(target); sc_err_destroy(err);
 *
 * Run WinDbg's commands: create an sc_out with a write function, an sc_session on both, and give
 * lines to sc_session_run(). Read memory: sc_target_space() and sc_space_read().
 */
#ifndef STOPCODE_STOPCODE_H
#define STOPCODE_STOPCODE_H

#include "convert.h"
#include "disasm.h"
#include "error.h"
#include "finding.h"
#include "kdump.h"
#include "layout.h"
#include "minidump.h"
#include "module.h"
#include "out.h"
#include "paging.h"
#include "pe.h"
#include "regs.h"
#include "session.h"
#include "source.h"
#include "space.h"
#include "stack.h"
#include "store.h"
#include "symbols.h"
#include "symtab.h"
#include "target.h"
#include "undecorate.h"
#include "value.h"

#endif
