#include "internal.h"

const char *const fhir__kind_words[] = {"primitive-type", "complex-type", "backbone", "resource", NULL};
const char *const fhir__strength_words[] = {"none", "example", "preferred", "extensible", "required", NULL};
const char *const fhir__search_words[] = {"number",    "date",     "string", "token",   "reference",
                                          "composite", "quantity", "uri",    "special", NULL};

int fhir__word(const char *const *words, const char *word)
{
    for (int i = 0; word && words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}
