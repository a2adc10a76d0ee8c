/* SPDX-License-Identifier: MIT */
/* GUIDs as text: "{AABBCCDD-EEFF-...}" and back. */
#ifndef STOPCODE_BASE_GUID_H
#define STOPCODE_BASE_GUID_H

#include "stopcode/module.h"

enum { SC_GUID_BUF = 39 };

/* Upper case with braces into BUF (SC_GUID_BUF bytes); returns BUF. */
const char *sc_guid_text(const struct sc_guid *guid, char *buf);
/* With or without braces, with or without hyphens, any case. */
bool sc_guid_parse(const char *text, struct sc_guid *ret_guid);
bool sc_guid_equal(const struct sc_guid *a, const struct sc_guid *b);

#endif
