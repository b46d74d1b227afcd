/*
 * validate/batch.h: many resources, one OperationOutcome each, in the order of the input: files, and NDJSON files line by
 * line. A few are in memory at a time, whatever the size of the files, and are validated on several threads.
 */
#ifndef KAGARI_VALIDATE_BATCH_H
#define KAGARI_VALIDATE_BATCH_H

#include <stdio.h>

#include "validate/validate.h"

struct validate_batch {
    const struct fhir_defs *defs;
    const struct validator *validator;
    const struct validate_options *options;
    enum language language;
    bool ndjson; /* so is the standard input */
    FILE *out;
    /* results */
    size_t resources, wrong; /* wrong: those with errors */
    bool unreadable;         /* a file could not be read; which is on standard error */
};

/* "-" is the standard input. One file that is no NDJSON gives one outcome, indented; else each is a line, with the file and
 * its line in the extension operationoutcome-file. */
void validate_batch(struct validate_batch *b, const char *const *paths, size_t n);

#endif
