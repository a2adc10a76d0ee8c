/* SPDX-License-Identifier: MIT */
/* Finding one resource, for the readers of resources. */
#ifndef STOPCODE_PE_RESOURCES_H
#define STOPCODE_PE_RESOURCES_H

#include "stopcode/pe.h"

/* The first resource of TYPE (an id); SC_ERR_NOT_FOUND when there is none. */
sc_err *pe_first_resource(const sc_pe *pe, uint32_t type, uint32_t *ret_rva, uint32_t *ret_size);

#endif
