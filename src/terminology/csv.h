/* src/terminology/csv.h: rows of a file, one at a time, whatever its size (RFC 4180; also tables without quotes). */
#ifndef KAGARI_TERMINOLOGY_CSV_H
#define KAGARI_TERMINOLOGY_CSV_H

#include "base/err.h"
#include "base/str.h"

struct csv;
/* encoding NULL: UTF-8, with or without a byte order mark. quotes: "…" around fields means something. */
bool csv_open(const char *path, const char *encoding, char separator, bool quotes, struct csv **out,
              struct err *err) NODISCARD;
/* From memory; text has to stay. */
struct csv *csv_from(struct str text, char separator, bool quotes);
void csv_close(struct csv *c);
/* False: the end, or an error, which is in err then (err->msg[0]). Fields hold until the next call; empty lines are passed
 * over. */
bool csv_next(struct csv *c, const struct str **fields, size_t *n, struct err *err) NODISCARD;
uint64_t csv_line(const struct csv *c); /* of the row that was read last, from 1 */

#endif
