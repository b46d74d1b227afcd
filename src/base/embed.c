#include "base/embed.h"

/* embedded.def, written by the Makefile, has a line EMBED(number, "path") for each file, sorted by path. */
#define EMBED(i, path)                                                                                       \
    __asm__(".section .rodata\n"                                                                             \
            ".balign 16\n"                                                                                   \
            "embedded_" #i ": .incbin \"" path "\"\n"                                                        \
            "embedded_end_" #i ": .byte 0\n"                                                                 \
            ".previous\n");                                                                                  \
    extern const char embedded_##i[], embedded_end_##i[];
#include "embedded.def"
#undef EMBED

const struct embed_file embed_files[] = {
#define EMBED(i, path) {path, embedded_##i, embedded_end_##i},
#include "embedded.def"
#undef EMBED
    {NULL, NULL, NULL},
};

struct str embed_get(const char *name)
{
    for (const struct embed_file *f = embed_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return embed_text(f);
    return (struct str){NULL, 0};
}
