/*
 * conformance/distil.h: conformance resources as they are kept: without their prose, as lines of text. In one way, wherever
 * they come from: the specification (conf/definitions), packages, clients.
 */
#ifndef KAGARI_CONFORMANCE_DISTIL_H
#define KAGARI_CONFORMANCE_DISTIL_H

#include "conformance/conformance.h"

/* What is kept of a resource. brief: of code systems and value sets no more than membership, hierarchy and displays
 * need. It belongs to a; the tree may go. */
json *conformance_trim(struct arena *a, enum conformance_kind kind, const json *resource, bool brief);
/* Which of several of one URL is meant: the lower. By content and status: what is complete and active comes first. */
int conformance_rank(const json *resource);
/* A line: kind, URL, version, rank, and the resource as JSON, separated by tabs. */
void conformance_line(struct buf *out, enum conformance_kind kind, int rank, const json *kept);

#endif
