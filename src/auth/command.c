#include "auth/command.h"

#include <getopt.h>
#include <stdio.h>

#include "base/config.h"

static const char usage[] =
    "Usage: kagari token [OPTION]…\n"
    "\n"
    "Prints a token for a development instance (kagari dev), signed by that instance's own key.\n"
    "\n"
    "  --data DIR      the instance's folder; its key is made there on first use\n"
    "                  (default: $XDG_STATE_HOME/kagari or ~/.local/state/kagari)\n"
    "  --key FILE      sign with this P-256 key, PEM, instead of the instance's\n"
    "  --scope SCOPES  SMART scopes, separated by blanks (default: " AUTH_DEV_SCOPE ")\n"
    "  --sub NAME      who calls (default: dev)\n"
    "  --ttl TIME      how long it is valid: a number with s, m or h (default: 720h)\n"
    "  --patient ID    the Patient that scopes patient/… speak for\n"
    "  --user REF      fhirUser, such as Practitioner/7\n"
    "  --issuer ISS    as in auth.issuer (default: " AUTH_DEV_ISSUER ")\n"
    "  --audience AUD  as in auth.audience (default: " AUTH_DEV_AUDIENCE ")\n"
    "  --help          this text\n"
    "\n"
    "Example:\n"
    "  curl -k -H \"Authorization: Bearer $(kagari token --scope system/Patient.rs)\" \\\n"
    "      https://127.0.0.1:8443/fhir/Patient\n";

struct options {
    const char *data, *key;
    struct auth_dev_token token;
};

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"audience", required_argument, NULL, 'a'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"issuer", required_argument, NULL, 'i'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"patient", required_argument, NULL, 'p'},
                                          {"scope", required_argument, NULL, 's'},
                                          {"sub", required_argument, NULL, 'u'},
                                          {"ttl", required_argument, NULL, 't'},
                                          {"user", required_argument, NULL, 'f'},
                                          {0}};
    bool wrong = false;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'a':
            o->token.audience = optarg;
            break;
        case 'd':
            o->data = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'i':
            o->token.issuer = optarg;
            break;
        case 'k':
            o->key = optarg;
            break;
        case 'p':
            o->token.patient = optarg;
            break;
        case 'f':
            o->token.user = optarg;
            break;
        case 's':
            o->token.scope = optarg;
            break;
        case 'u':
            o->token.subject = optarg;
            break;
        case 't':
            if (config_duration(str_of(optarg), &o->token.ttl_us) && o->token.ttl_us >= 1000000)
                break;
            fprintf(stderr, "kagari token: --ttl is a number with s, m or h, at least 1s\n");
            return 2;
        default:
            wrong = true;
        }
    }
    if (!wrong && optind == argc)
        return -1;
    fputs(usage, stderr);
    return 2;
}

static bool mint(struct arena *a, const struct options *o, struct str *token, struct err *err)
{
    struct str pem;
    const char *data = o->data ? o->data : auth_dev_data(a);
    if (o->key)
        return config_read_file(a, o->key, 65536, &pem, err) && auth_dev_mint(a, pem, &o->token, token, err);
    if (!data)
        return err_set(err, ERR_INVALID, "--data or --key is needed, as there is no HOME");
    return auth_dev_key(a, data, &pem, err) && auth_dev_mint(a, pem, &o->token, token, err);
}

int token_command(int argc, char **argv)
{
    struct options o = {0};
    int status = read_options(argc, argv, &o);
    if (status >= 0)
        return status;
    struct arena a;
    struct err err;
    struct str token;
    arena_init(&a, 0);
    bool ok = mint(&a, &o, &token, &err);
    if (ok)
        printf("%.*s\n", STR_FMT(token));
    else
        fprintf(stderr, "kagari token: %s\n", err.msg);
    arena_release(&a);
    return ok ? 0 : 1;
}
