/*
 * search/opened.h: questions that hashes of sealed values (docs/identity.md) do not answer: _sort by them; comparisons of
 * their strings in _filter, and :contains with one character; words that begin so, in _text and _content.
 *
 * What the rest of the search finds is read (search_opening_plan()), at most search_options.opens resources; the caller
 * opens them and gives each to search_opening_add(). search_opening_end() puts the answers into the query: places in the
 * order instead of values, ids of what matches, hashes of the words that were met. Then it is planned as any other.
 * PostgreSQL is sent neither values nor what is asked of them. One snapshot has to show both: a transaction.
 */
#ifndef KAGARI_SEARCH_OPENED_H
#define KAGARI_SEARCH_OPENED_H

#include "search/query.h"

/* Does the query ask such a question? It is not to be planned before it is answered. */
bool search_opens(const struct search_query *q);
/* Rows as of a page. More than search_options.opens: ERR_TOO_COSTLY is for the caller to say. */
void search_opening_plan(const struct search_query *q, const struct search_stats *stats, struct sql *out);
/* A row's resource, whole. scratch: may be cleared afterwards. */
bool search_opening_add(struct search_query *q, struct arena *scratch, int64_t k, struct str id,
                        const json *resource, struct err *err) NODISCARD;
bool search_opening_end(struct search_query *q, struct err *err) NODISCARD;

#endif
