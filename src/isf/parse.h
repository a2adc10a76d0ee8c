/* SPDX-License-Identifier: MIT */
/* From the JSON text of a symbol table to collected rows. */
#ifndef STOPCODE_ISF_PARSE_H
#define STOPCODE_ISF_PARSE_H

#include "isf/build.h"
#include "isf/json.h"

/* What is being read and what comes of it. */
struct isf_parse {
    struct json json;
    struct isf_build *build;
    bool has_symbols, has_types;
};

/* The whole text of FILE into BUILD (initialised). */
sc_err *isf_parse(const sc_file *file, struct isf_build *build);

/* A type object, from its opening brace on: in typeref.c. */
sc_err *isf_parse_type(struct isf_parse *p, uint32_t *ret_id);
/* "metadata": { … }, from its opening brace on: in metadata.c. */
sc_err *isf_parse_metadata(struct isf_parse *p);

/* The kind a word stands for; false when it is none. */
bool isf_kind(const struct json_token *token, enum sc_type_kind *ret_kind);

#endif
