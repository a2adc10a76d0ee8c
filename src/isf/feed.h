/* SPDX-License-Identifier: MIT */
/*
 * Where the JSON text comes from: a file as it is, or unpacked from xz as it is read.
 *
 * What an xz file may unpack to is bounded by its size: real tables unpack to some eleven times
 * their size; a file that goes beyond FEED_RATIO times is refused, so that a small file cannot
 * keep us busy for hours.
 */
#ifndef STOPCODE_ISF_FEED_H
#define STOPCODE_ISF_FEED_H

#include "base/file.h"

struct isf_feed;

enum { FEED_RATIO = 100, FEED_FREE = 1024 * 1024 };

/* FILE is borrowed. SC_ERR_UNSUPPORTED for other packings, or when liblzma is not there. */
sc_err *isf_feed_open(const sc_file *file, struct isf_feed **ret_feed);
void isf_feed_close(struct isf_feed *feed);
/* Up to ROOM bytes of text; 0 is the end. */
sc_err *isf_feed_read(struct isf_feed *feed, char *buf, size_t room, size_t *ret_got);
/* Is the text unpacked: are offsets in it no offsets of the file? */
bool isf_feed_packed(const struct isf_feed *feed);

#endif
