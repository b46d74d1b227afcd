/* `kagari terminology`: code systems as they are published → the database (docs/terminology.md). */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "code_store.h"
#include "commands.h"
#include "tenant/tenant.h"

static const char usage[] =
    "Usage: kagari terminology import csv --url URL --mapping FILE FILE…\n"
    "       kagari terminology import loinc Loinc.csv [ComponentHierarchyBySystem.csv]\n"
    "       kagari terminology import snomed FILE…\n"
    "       kagari terminology list\n"
    "       kagari terminology remove URL[|VERSION]\n\n"
    "Brings code systems into the database, as they are published. An import is there as a whole or\n"
    "not at all, and may be run again; several versions stand side by side.\n\n"
    "  --url URL           of the code system; LOINC and SNOMED CT have theirs\n"
    "  --version VERSION   of the code system\n"
    "  --title TEXT        what it is called\n"
    "  --mapping FILE      which column means what\n"
    "  --fragment          only a part of the code system: other codes are unknown, not wrong\n"
    "  --ignore-case       Ab and aB are the same code\n" TENANT_USAGE "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n\n"
    "SNOMED CT: the files sct2_Concept_Snapshot, sct2_Description_Snapshot and\n"
    "sct2_Relationship_Snapshot of a release.\n";

struct arguments {
    const char *url, *version, *title, *mapping;
    bool fragment, ignore_case;
    const char *words[64]; /* those that are no options */
    size_t n;
};

/* Takes what is ours out of argv; what is left is config_options()'s. False: usage. */
static bool take(int *argc, char **argv, struct arguments *out)
{
    const struct {
        const char *name;
        const char **value;
        bool *flag;
    } ours[] = {{"--url", &out->url, NULL},           {"--version", &out->version, NULL},
                {"--title", &out->title, NULL},       {"--mapping", &out->mapping, NULL},
                {"--fragment", NULL, &out->fragment}, {"--ignore-case", NULL, &out->ignore_case}};
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        size_t k = 0;
        while (k < sizeof ours / sizeof *ours && strcmp(argv[i], ours[k].name) != 0)
            k++;
        if (k < sizeof ours / sizeof *ours && ours[k].flag) {
            *ours[k].flag = true;
        } else if (k < sizeof ours / sizeof *ours) {
            if (++i == *argc)
                return false;
            *ours[k].value = argv[i];
        } else if (argv[i][0] != '-') {
            if (out->n == sizeof out->words / sizeof *out->words)
                return false;
            out->words[out->n++] = argv[i];
        } else {
            bool two = strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--set") == 0;
            argv[kept++] = argv[i];
            if (two && i + 1 < *argc)
                argv[kept++] = argv[++i];
        }
    }
    argv[ *argc = kept] = NULL;
    return true;
}

/* ---- import ----------------------------------------------------------------------------------------------- */

static void progress(void *arg, const char *file, uint64_t lines, uint32_t concepts)
{
    (void)arg;
    const char *name = strrchr(file, '/');
    printf("%s: %llu rows, %u concepts\n", name ? name + 1 : file, (unsigned long long)lines, concepts);
    fflush(stdout);
}

static bool read_mapping(struct arena *a, const char *path, const struct terminology_mapping **out,
                         struct err *err)
{
    struct str text;
    return config_read_file(a, path, 1 << 20, &text, err) && terminology_mapping_read(a, text, out, err);
}

static bool import_tables(struct arena *a, const struct arguments *g, const struct terminology_import *to,
                          struct err *err)
{
    const struct terminology_mapping *m;
    if (!read_mapping(a, g->mapping, &m, err))
        return false;
    for (size_t i = 2; i < g->n; i++)
        if (!terminology_import_csv(to, m, g->words[i], err))
            return false;
    return true;
}

static bool import_loinc(struct arena *a, const struct arguments *g, const struct terminology_import *to,
                         struct err *err)
{
    const char *const texts[] = {terminology_mapping_loinc, terminology_mapping_loinc_hierarchy};
    const struct terminology_mapping *m;
    for (size_t i = 2; i < g->n && i < 4; i++)
        if (!terminology_mapping_read(a, str_of(texts[i - 2]), &m, err) ||
            !terminology_import_csv(to, m, g->words[i], err))
            return false;
    return true;
}

static bool import_snomed(struct arena *a, const struct arguments *g, const struct terminology_import *to,
                          struct err *err)
{
    (void)a;
    for (size_t i = 2; i < g->n; i++)
        if (!terminology_import_rf2(to, g->words[i], err))
            return false;
    return true;
}

static const struct form {
    const char *name, *url, *title;
    bool case_sensitive;
    bool (*read)(struct arena *a, const struct arguments *g, const struct terminology_import *to,
                 struct err *err);
} forms[] = {{"csv", NULL, NULL, true, import_tables},
             {"loinc", "http://loinc.org", "LOINC", false, import_loinc},
             {"snomed", "http://snomed.info/sct", "SNOMED CT", true, import_snomed}};

static const struct form *find_form(const struct arguments *g)
{
    for (size_t i = 0; g->n > 2 && i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, g->words[1]) == 0 && (forms[i].url || (g->url && g->mapping)))
            return &forms[i];
    return NULL;
}

static bool import(struct arena *a, struct code_store *s, const struct arguments *g, struct err *err)
{
    const struct form *f = find_form(g);
    const struct terminology_head head = {
        .url = g->url ? g->url : f->url,
        .version = g->version,
        .name = g->title ? g->title : f->title,
        .content = g->fragment ? TERMINOLOGY_FRAGMENT : TERMINOLOGY_COMPLETE,
        .case_sensitive = f->case_sensitive && !g->ignore_case,
    };
    struct terminology_import to = {.build = terminology_build_new(&head), .progress = progress};
    struct str image;
    bool changed;
    int64_t began = clock_wall_us();
    bool ok =
        f->read(a, g, &to, err) && (terminology_build_count(to.build) ||
                                    err_set(err, ERR_INVALID, "There is not one concept in these files"));
    uint32_t concepts = ok ? terminology_build_count(to.build) : 0;
    ok = ok && terminology_build_image(to.build, a, &image, err);
    terminology_build_free(to.build);
    if (!ok || !code_store_put(s, a, &head, image, &changed, err))
        return false;
    printf("%s%s%s: %u concepts, %.1f MB in memory (%.0f bytes a concept), %.1f s%s\n", head.url,
           head.version ? "|" : "", head.version ? head.version : "", concepts, (double)image.len / 1e6,
           (double)image.len / concepts, (double)(clock_wall_us() - began) / 1e6,
           changed ? "" : "; it was there already");
    return true;
}

/* ---- the others ------------------------------------------------------------------------------------------- */

static bool list(struct arena *a, struct code_store *s, const struct arguments *g, struct err *err)
{
    struct code_stored *all;
    size_t n;
    (void)g;
    if (!code_store_list(s, a, &all, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        printf("%s%s%s\t%lld concepts\t%.1f MB\tCodeSystem/%s\n", all[i].url, *all[i].version ? "|" : "",
               all[i].version, (long long)all[i].concepts, (double)all[i].bytes / 1e6, all[i].id);
    return true;
}

static bool forget(struct arena *a, struct code_store *s, const struct arguments *g, struct err *err)
{
    struct str version, url = str_cut(str_of(g->words[1]), '|', &version);
    return code_store_remove(s, a, arena_strndup(a, url.s, url.len), version.s ? version.s : "", err);
}

static bool (*find_action(const struct arguments *g))(struct arena *, struct code_store *,
                                                      const struct arguments *, struct err *)
{
    if (g->n > 2 && strcmp(g->words[0], "import") == 0 && find_form(g))
        return import;
    if (g->n == 1 && strcmp(g->words[0], "list") == 0)
        return list;
    return g->n == 2 && strcmp(g->words[0], "remove") == 0 ? forget : NULL;
}

static bool run(struct arena *a, const struct config_source *from, const char *institution,
                const struct arguments *g, struct err *err)
{
    struct config c;
    struct db_conn *conn;
    struct code_store *s;
    if (!config_read(from, a, &c, err) || !db_open(&c, &conn, err))
        return false;
    bool ok = db_check_schema(conn, err) && tenant_choose(conn, a, institution, &c, err) &&
              code_store_open(a, &c, conn, &s, err) && find_action(g)(a, s, g, err);
    arena_release(a); /* what works with the connection first */
    db_close(conn);
    return ok;
}

int terminology_command(int argc, char **argv)
{
    struct arguments g = {0};
    struct arena a;
    struct config_source from;
    struct err err;
    arena_init(&a, 0);
    const char *institution = tenant_option(&argc, argv);
    bool called = take(&argc, argv, &g);
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0 && (!called || !g.n || !find_action(&g))) {
        fputs(usage, stderr);
        status = 2;
    }
    if (status < 0) {
        status = !run(&a, &from, institution, &g, &err);
        if (status)
            fprintf(stderr, "kagari terminology: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
