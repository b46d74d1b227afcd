#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "admin.h"
#include "crypto/random.h"
#include "oauth/command.h"
#include "tenant/tenant.h"

static const char usage[] =
    "Usage: kagari user add NAME [OPTION]…\n"
    "       kagari user list\n"
    "       kagari user link NAME --certificate FILE | --subject DN | --provider NAME --subject SUB\n"
    "       kagari user unlink NAME\n"
    "       kagari user remove NAME\n\n"
    "People who log in at this server's authorisation server. The password is asked for, or read from\n"
    "the standard input. Who is removed is logged out of everything within seconds.\n\n"
    "  --display TEXT         the name that is shown (default: NAME)\n"
    "  --fhir-user REFERENCE  who it is in this server: Practitioner/7, Patient/12, …\n"
    "  --password-file FILE   the password is its first line\n"
    "  --totp                 with one-time codes as a second step; prints the key for an authenticator app\n"
    "  --certificate FILE     (link) logs in with this certificate (PEM): its issuer and number\n"
    "  --subject DN           (link) or with any certificate of this name: 'CN=X,O=Y,C=JP'\n"
    "  --provider NAME        (link) or at this one of oauth.providers, which knows the user as "
    "--subject\n" TENANT_USAGE "  --config FILE, --set KEY=VALUE\n"
    "                         settings, as for kagari serve\n";

enum { PASSWORD_MIN = 10, PASSWORD_MAX = 1000, TOTP_BYTES = 20 };

/* Typed without being shown. */
static bool ask_password(struct arena *a, struct str *out, struct err *err)
{
    struct termios before, quiet;
    char line[PASSWORD_MAX + 2];
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        quiet = before;
        quiet.c_lflag &= (tcflag_t)~ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs("Password: ", stderr);
    }
    bool ok = fgets(line, sizeof line, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!ok)
        return err_set(err, ERR_INVALID, "there is no password on the standard input");
    *out = (struct str){arena_strndup(a, line, strcspn(line, "\r\n")), strcspn(line, "\r\n")};
    crypto_wipe(line, sizeof line);
    return true;
}

static bool read_password(struct oauth__command *c, const char **hash, struct err *err)
{
    const char *file = oauth__option(c, "--password-file");
    struct str text, rest;
    if (file ? !config_read_file(c->a, file, PASSWORD_MAX + 2, &text, err) : !ask_password(c->a, &text, err))
        return false;
    text = str_cut(text, '\n', &rest);
    bool ok = text.len >= PASSWORD_MIN
                  ? oauth__password_hash(c->a, text, hash, err)
                  : err_set(err, ERR_INVALID, "a password has at least %d characters", PASSWORD_MIN);
    crypto_wipe((char *)(uintptr_t)text.s, text.len);
    return ok;
}

static bool add(struct oauth__command *c, struct err *err)
{
    struct oauth__base base;
    uint8_t secret[TOTP_BYTES];
    const char *name = c->words[0];
    struct oauth__user u = {
        .name = name, .display = oauth__option(c, "--display"), .fhir_user = oauth__option(c, "--fhir-user")};
    if (!u.display)
        u.display = name;
    if (u.fhir_user && !oauth__is_person(u.fhir_user))
        return err_set(
            err, ERR_INVALID,
            "--fhir-user is a reference to a Patient, Practitioner, PractitionerRole, RelatedPerson or "
            "Person: Practitioner/7");
    crypto_random(secret, sizeof secret);
    if (oauth__option(c, "--totp"))
        u.totp = (struct str){(char *)secret, sizeof secret};
    if (!oauth__base_init(&base, &c->config, c->tenant, err) || !read_password(c, &u.password, err) ||
        !oauth__user_add(&base, c->conn, c->a, &u, err))
        return false;
    printf("user %s is registered\n", name);
    if (u.totp.s) {
        const char *key = oauth__base32_encode(c->a, secret, sizeof secret);
        struct buf url;
        buf_init(&url, c->a, 128);
        buf_adds(&url, "otpauth://totp/Kagari:");
        buf_add_percent(&url, str_of(name));
        printf("key for an authenticator app: %s\n%s?secret=%s&issuer=Kagari\n", key, url.s, key);
    }
    return true;
}

static bool list(struct oauth__command *c, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "SELECT name, to_char(created, 'YYYY-MM-DD'), coalesce(fhir_user, ''), concat_ws(', ', CASE WHEN "
        "totp IS "
        "NOT NULL THEN 'second step' END, CASE WHEN locked_until > now() THEN 'locked' END) FROM oauth_user "
        "WHERE tenant = $%d ORDER BY name",
        sql_int4(&q, c->tenant));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++)
        printf("%s\t%s\t%s\t%s\n", db_text(rows, i, 0).s, db_text(rows, i, 1).s, db_text(rows, i, 2).s,
               db_text(rows, i, 3).s);
    return true;
}

static bool take_away(struct oauth__command *c, struct err *err)
{
    if (!oauth__user_remove(c->tenant, c->conn, c->a, c->words[0], err))
        return false;
    printf("user %s is removed\n", c->words[0]);
    return true;
}

static bool link_identity(struct oauth__command *c, struct err *err)
{
    const char *file = oauth__option(c, "--certificate"), *subject = oauth__option(c, "--subject"),
               *provider = oauth__option(c, "--provider");
    struct str pem, der;
    struct cert_names names;
    if (!file == !subject || (file && provider))
        return err_set(err, ERR_INVALID, "--certificate or --subject says what stands for the user");
    if (file && (!config_read_file(c->a, file, CERT_MAX, &pem, err) || !cert_from_pem(c->a, pem, &der, err) ||
                 !cert_read(c->a, der, &names, err)))
        return false;
    if (!oauth__identity_add(c->tenant, c->conn, c->a, c->words[0], provider ? provider : OAUTH__CERTIFICATE,
                             file       ? oauth__identity_of_number(c->a, &names)
                             : provider ? subject
                                        : oauth__identity_of_name(c->a, subject),
                             err))
        return false;
    printf("user %s is linked\n", c->words[0]);
    return true;
}

static bool unlink_identities(struct oauth__command *c, struct err *err)
{
    int n;
    if (!oauth__identities_remove(c->tenant, c->conn, c->a, c->words[0], &n, err))
        return false;
    printf("user %s had %d links, and has none now\n", c->words[0], n);
    return true;
}

int user_command(int argc, char **argv)
{
    static const struct oauth__action actions[] = {{"add", 1, add},
                                                   {"link", 1, link_identity},
                                                   {"unlink", 1, unlink_identities},
                                                   {"list", 0, list},
                                                   {"remove", 1, take_away}};
    struct oauth__option options[OAUTH__OPTIONS] = {
        {.name = "--display"},           {.name = "--fhir-user"}, {.name = "--password-file"},
        {.name = "--certificate"},       {.name = "--subject"},   {.name = "--provider"},
        {.name = "--totp", .flag = true}};
    return oauth__command_run(argc, argv, usage, actions, sizeof actions / sizeof *actions, options);
}
