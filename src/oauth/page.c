/* The pages: plain HTML without scripts and without anything from elsewhere, in English and Japanese. */
#include "base/base64.h"
#include "crypto/digest.h"
#include "internal.h"

enum lang { EN, JA, LANGS };

enum text {
    T_LOGIN,
    T_FOR,
    T_NAME,
    T_PASSWORD,
    T_CONTINUE,
    T_SECOND,
    T_CODE,
    T_CODE_HINT,
    T_PATIENT,
    T_PATIENT_NAME,
    T_PATIENT_ID,
    T_SEARCH,
    T_FOUND,
    T_NONE_FOUND,
    T_MORE_FOUND,
    T_CONSENT,
    T_ASKS,
    T_ABOUT,
    T_AS,
    T_ALLOW,
    T_DENY,
    T_GOES_TO,
    T_WRONG_LOGIN,
    T_WRONG_CODE,
    T_WRONG_PATIENT,
    T_OR,
    T_CERTIFICATE,
    T_WRONG_CERTIFICATE,
    T_WRONG_PROVIDER,
    T_PROVIDER_AWAY,
    T_AWAY,
    T_PROBLEM,
    TEXTS
};

static const char *const texts[TEXTS][LANGS] = {
    [T_LOGIN] = {"Log in", "ログイン"},
    [T_FOR] = {"to continue to", "続行先:"},
    [T_NAME] = {"User name", "ユーザー名"},
    [T_PASSWORD] = {"Password", "パスワード"},
    [T_CONTINUE] = {"Continue", "続行"},
    [T_SECOND] = {"Second step", "二段階認証"},
    [T_CODE] = {"One-time code", "ワンタイムコード"},
    [T_CODE_HINT] = {"Six digits that your authenticator app shows.",
                     "認証アプリに表示される6桁の数字です。"},
    [T_PATIENT] = {"Choose a patient", "患者の選択"},
    [T_PATIENT_NAME] = {"Patient's name", "患者の氏名"},
    [T_PATIENT_ID] = {"Or the patient's id on this server", "または、このサーバーでの患者ID"},
    [T_SEARCH] = {"Search", "検索"},
    [T_FOUND] = {"Patients found", "該当する患者"},
    [T_NONE_FOUND] = {"No patient of this name is among those that you may see.",
                      "閲覧できる患者の中に該当する患者はいません。"},
    [T_MORE_FOUND] = {"There are more: give more of the name.",
                      "ほかにも該当する患者がいます。氏名をより詳しく入力してください。"},
    [T_CONSENT] = {"Allow access?", "アクセスを許可しますか"},
    [T_ASKS] = {"asks for:", "が次の権限を求めています。"},
    [T_ABOUT] = {"Patient", "患者"},
    [T_AS] = {"Logged in as", "ログイン中:"},
    [T_ALLOW] = {"Allow", "許可する"},
    [T_DENY] = {"Do not allow", "許可しない"},
    [T_GOES_TO] = {"You will be sent to", "移動先:"},
    [T_WRONG_LOGIN] =
        {"The name or the password is not right, or there were too many attempts: wait a while then.",
         "ユーザー名またはパスワードが正しくありません。試行回数が多すぎる場合は、しばらくお待ちください。"},
    [T_WRONG_CODE] = {"The code is not right, or was used before: wait for the next one.",
                      "コードが正しくないか、すでに使用されています。次のコードをお待ちください。"},
    [T_WRONG_PATIENT] = {"There is no such patient among those that you may see.",
                         "閲覧できる患者の中に、そのIDの患者はいません。"},
    [T_OR] = {"Other ways to log in", "その他のログイン方法"},
    [T_CERTIFICATE] = {"With the certificate of this device or card", "この端末またはカードの証明書を使う"},
    [T_WRONG_CERTIFICATE] = {"The certificate is nobody's here, has expired or was revoked.",
                             "証明書が登録されていないか、有効期限切れ、または失効しています。"},
    [T_WRONG_PROVIDER] =
        {"That did not tell this server who you are. If it comes again, tell its administrators.",
         "ログイン先から本人を確認できませんでした。続く場合は、管理者にお知らせください。"},
    [T_PROVIDER_AWAY] =
        {"It cannot be reached at the moment. Try again in a minute, or log in here.",
         "現在接続できません。1分ほど待ってから再度お試しいただくか、別の方法でログインしてください。"},
    [T_AWAY] = {"You are sent on to", "次のログイン先に移動します:"},
    [T_PROBLEM] = {"This does not work", "続行できません"},
};

static const char *const problems[][LANGS] = {
    [OAUTH__BAD_CLIENT] = {"The program that sent you here is not registered. Tell the people who run it.",
                           "呼び出し元のアプリは登録されていません。アプリの管理者にお知らせください。"},
    [OAUTH__BAD_REDIRECT] =
        {"The program that sent you here wants you back at an address that is not registered for "
         "it. You are not sent there. Tell the people who run it.",
         "呼び出し元のアプリが指定した戻り先は登録されていません。安全のため移動しません。アプリの管理者にお"
         "知らせください。"},
    [OAUTH__NO_FLOW] =
        {"This login has expired, has ended, or began in another browser. Go back to the program and "
         "begin again. Cookies have to be allowed.",
         "このログインは期限切れか終了済み、または別のブラウザーで開始されたものです。アプリに戻ってやり直し"
         "てくだ"
         "さい。Cookieを許可する必要があります。"},
    [OAUTH__BUSY] = {"Too many are logging in at the moment. Wait a minute, then try again.",
                     "現在ログインが混み合っています。1分ほど待ってからもう一度お試しください。"},
    [OAUTH__LOGGED_OUT] = {"You are logged out.", "ログアウトしました。"},
};

/* What a scope means to people; resource scopes are put together below. */
static const struct {
    const char *scope;
    const char *text[LANGS];
} meanings[] = {
    {"openid", {"to know who you are", "利用者の確認"}},
    {"fhirUser", {"to know your entry in this server", "利用者自身の登録情報への参照"}},
    {"profile", {"to know who you are", "利用者の確認"}},
    {"launch", {"to know which patient is open in the record system", "電子カルテで開いている患者の情報"}},
    {"launch/patient", {"to know which patient you have chosen", "選択した患者の情報"}},
    {"offline_access", {"to keep this access when you are not there", "利用者の不在時にもアクセスを継続"}},
    {"emergency", {"to open records in emergencies, in your name", "救急時に利用者の名で診療記録を開くこと"}},
    {"online_access", {"to keep this access for today", "本日中のアクセスの継続"}},
};

static const char style[] =
    "body{font:1.05rem/1.6 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1f24}"
    "main{max-width:26rem;margin:2rem auto;padding:1.5rem;background:#fff;border:1px solid "
    "#c9ced6;border-radius:.5rem}"
    "h1{font-size:1.4rem;margin:0 0 .5rem}h2{font-size:1rem;margin:1.5rem 0 "
    "0}label{display:block;margin:1rem 0 .25rem}"
    "input:not([type=radio]){font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid "
    "#59636e;border-radius:.25rem}"
    "button{font:inherit;margin:1.25rem .5rem 0 0;padding:.5rem 1.25rem;border:1px solid "
    "#0b5394;border-radius:.25rem;"
    "background:#0b5394;color:#fff}button.second{background:#fff;color:#0b5394}"
    ":focus-visible{outline:3px solid #f2a900;outline-offset:2px}"
    ".error{border-left:4px solid "
    "#b00020;padding-left:.75rem;color:#8c001a}small{color:#424a53}fieldset{border:1px solid "
    "#c9ced6;margin:1rem 0 0}li{margin:.25rem 0}";

static void add_escaped(struct buf *b, const char *text)
{
    for (const char *p = text; *p; p++)
        switch (*p) {
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        case '\'':
            buf_adds(b, "&#39;");
            break;
        default:
            buf_addc(b, *p);
        }
}

const char *oauth__language(struct oauth__call *c)
{
    struct str accept = http_header(c->r, "Accept-Language");
    const char *locales = oauth__field(&c->form, "ui_locales");
    char sep = locales ? ' ' : ',';
    for (struct str rest = locales ? str_of(locales) : accept; rest.s;) {
        struct str one = str_trim(str_cut(rest, sep, &rest));
        if (one.len >= 2 && str_ieq((struct str){one.s, 2}, STR("ja")))
            return "ja";
        if (one.len >= 2 && str_ieq((struct str){one.s, 2}, STR("en")))
            return "en";
    }
    return "en";
}

/* ---- the frame ----------------------------------------------------------------------------------------------- */

static void begin(struct oauth__call *c, struct buf *b, enum lang lang, const char *title)
{
    buf_init(b, c->a, 4096);
    buf_addf(b,
             "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" "
             "content=\"noindex\"><title>%s</title><style>%s</style></head>"
             "<body><main><h1>%s</h1>\n",
             lang == JA ? "ja" : "en", title, style, title);
}

/* back: where the form's answer may send the browser, for those that hold form-action against redirections too. */
static bool send(struct oauth__call *c, struct buf *b, int status, const char *back)
{
    uint8_t hash[32];
    crypto_sha256(style, sizeof style - 1, hash);
    buf_adds(b, "</main></body></html>\n");
    c->out->status = status;
    c->out->type = "text/html; charset=utf-8";
    c->out->body = buf_str(b);
    oauth__header(c, "Content-Security-Policy",
                  str_of(arena_printf(c->a,
                                      "default-src 'none'; style-src 'sha256-%s'; form-action 'self'%s%s; "
                                      "frame-ancestors 'none'; base-uri 'none'",
                                      base64_encode(c->a, BASE64_STD, hash, sizeof hash).s, back ? " " : "",
                                      back ? oauth__redirect_origin(c->a, back) : "")));
    oauth__header(c, "X-Frame-Options", STR("DENY"));
    oauth__header(c, "Referrer-Policy", STR("no-referrer"));
    return true;
}

bool oauth__problem_page(struct oauth__call *c, int status, enum oauth__problem what)
{
    struct buf b;
    enum lang lang = strcmp(oauth__language(c), "ja") == 0 ? JA : EN;
    begin(c, &b, lang, what == OAUTH__LOGGED_OUT ? problems[what][lang] : texts[T_PROBLEM][lang]);
    if (what != OAUTH__LOGGED_OUT)
        buf_addf(&b, "<p>%s</p>", problems[what][lang]);
    return send(c, &b, status, NULL);
}

/* ---- the forms ------------------------------------------------------------------------------------------------ */

struct form {
    struct oauth__call *c;
    struct buf *b;
    const struct oauth__flow *f;
    const struct oauth__user *user;
    enum lang lang;
    enum oauth__note note;
    const struct oauth__found *found; /* NULL: nothing was searched for */
};

static const char *text(const struct form *p, enum text t)
{
    return texts[t][p->lang];
}

static void input(const struct form *p, enum text label, const char *attributes, bool first)
{
    bool wrong = p->note != OAUTH__NO_NOTE;
    buf_addf(p->b, "<label for=\"f%d\">%s</label><input id=\"f%d\" %s required%s%s>\n", (int)label,
             text(p, label), (int)label, attributes, first ? " autofocus" : "",
             wrong ? " aria-describedby=\"note\"" : "");
}

static void button(const struct form *p, enum text label)
{
    buf_addf(p->b, "<button type=\"submit\">%s</button>", text(p, label));
}

static const char *title_of(const struct oauth__provider *p, enum lang lang)
{
    return lang == JA ? p->title_ja : p->title;
}

static void other_way(const struct form *p, const char *with, const char *title)
{
    buf_addf(p->b, "<button class=\"second\" name=\"with\" value=\"%s\" formnovalidate>", with);
    add_escaped(p->b, title);
    buf_adds(p->b, "</button>");
}

static void login_form(const struct form *p)
{
    buf_addf(p->b, "<p>%s <strong>", text(p, T_FOR));
    add_escaped(p->b, p->f->client->name);
    buf_adds(p->b, "</strong></p>");
    input(p, T_NAME,
          "name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\"", true);
    input(p, T_PASSWORD, "name=\"password\" type=\"password\" autocomplete=\"current-password\"", false);
    button(p, T_CONTINUE);
    const struct oauth *o = p->c->o;
    bool certificate = oauth__certificate_offered(p->c);
    if (certificate || o->n_providers)
        buf_addf(p->b, "<h2>%s</h2>", text(p, T_OR));
    if (certificate)
        other_way(p, OAUTH__CERTIFICATE, text(p, T_CERTIFICATE));
    for (size_t i = 0; i < o->n_providers; i++)
        other_way(p, o->providers[i].name, title_of(&o->providers[i], p->lang));
}

static void code_form(const struct form *p)
{
    buf_addf(p->b, "<p>%s</p>", text(p, T_CODE_HINT));
    input(p, T_CODE,
          "name=\"code\" inputmode=\"numeric\" pattern=\"[0-9]{6}\" autocomplete=\"one-time-code\"", true);
    button(p, T_CONTINUE);
}

static void found_list(const struct form *p)
{
    const struct oauth__found *found = p->found;
    if (!found->n) {
        buf_addf(p->b, "<p role=\"status\">%s</p>", text(p, T_NONE_FOUND));
        return;
    }
    buf_addf(p->b, "<fieldset><legend>%s</legend>", text(p, T_FOUND));
    for (size_t i = 0; i < found->n; i++) {
        buf_addf(p->b, "<label><input type=\"radio\" name=\"patient\" value=\"%s\"%s> ", found->list[i].id,
                 i ? "" : " autofocus");
        add_escaped(p->b, found->list[i].name);
        buf_adds(p->b, " <small>");
        add_escaped(p->b, found->list[i].born);
        buf_addf(p->b, " %s</small></label>", found->list[i].id);
    }
    buf_adds(p->b, "</fieldset>");
    if (found->more)
        buf_addf(p->b, "<p>%s</p>", text(p, T_MORE_FOUND));
}

/* The first button is the one that Enter presses. */
static void patient_form(const struct form *p)
{
    bool wrong = p->note != OAUTH__NO_NOTE;
    buf_addf(p->b,
             "<label for=\"name\">%s</label><input id=\"name\" name=\"name\" autocomplete=\"off\" value=\"",
             text(p, T_PATIENT_NAME));
    add_escaped(p->b, p->found ? p->found->asked : "");
    buf_addf(p->b, "\"%s%s><button name=\"do\" value=\"search\" class=\"second\">%s</button>",
             p->found && p->found->n ? "" : " autofocus", wrong ? " aria-describedby=\"note\"" : "",
             text(p, T_SEARCH));
    if (p->found)
        found_list(p);
    buf_addf(p->b,
             "<label for=\"id\">%s</label><input id=\"id\" name=\"id\" autocomplete=\"off\" "
             "spellcheck=\"false\"><button name=\"do\" value=\"choose\">%s</button>",
             text(p, T_PATIENT_ID), text(p, T_CONTINUE));
}

static const char *level_text(struct str level, enum lang lang)
{
    static const char *const levels[2][LANGS] = {{"of this patient", "(この患者)"},
                                                 {"that you may see", "(利用者の権限の範囲)"}};
    return levels[!str_is(level, "patient")][lang];
}

static const char *rights_text(struct str access, enum lang lang)
{
    static const char *const rights[3][LANGS] = {
        {"to read", "の参照"}, {"to write", "の書き込み"}, {"to read and write", "の参照と書き込み"}};
    struct str query, word = str_cut(access, '?', &query);
    bool reads = str_is(word, "read") || str_is(word, "*"),
         writes = str_is(word, "write") || str_is(word, "*");
    for (size_t i = 0; !reads && !writes && i < word.len; i++)
        if (strchr("cud", word.s[i]))
            writes = true;
    if (!str_is(word, "write"))
        for (size_t i = 0; i < word.len; i++)
            reads |= word.s[i] == 's' || (word.s[i] == 'r' && !str_is(word, "write"));
    return rights[reads && writes ? 2 : writes][lang];
}

static void add_scope(const struct form *p, struct str scope)
{
    struct str rest, level = str_cut(scope, '/', &rest), access, type = str_cut(rest, '.', &access);
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (str_is(scope, meanings[i].scope)) {
            buf_addf(p->b, "<li>%s</li>", meanings[i].text[p->lang]);
            return;
        }
    struct arena *a = p->b->a;
    const char *what = !access.s           ? NULL
                       : str_is(type, "*") ? (p->lang == JA ? "すべての記録" : "all records")
                                           : arena_strndup(a, type.s, type.len);
    buf_adds(p->b, "<li>");
    if (!what) {
        add_escaped(p->b, arena_strndup(a, scope.s, scope.len));
    } else if (p->lang == JA) {
        add_escaped(p->b, what);
        buf_addf(p->b, "%s%s", rights_text(access, JA), level_text(level, JA));
    } else {
        buf_addf(p->b, "%s ", rights_text(access, EN));
        add_escaped(p->b, what);
        buf_addf(p->b, " %s", level_text(level, EN));
    }
    buf_adds(p->b, " <small>");
    add_escaped(p->b, arena_strndup(a, scope.s, scope.len));
    buf_adds(p->b, "</small></li>");
}

static void consent_form(const struct form *p)
{
    const char *patient = json_get_string(p->f->request, "patient");
    buf_addf(p->b, "<p><strong>");
    add_escaped(p->b, p->f->client->name);
    buf_addf(p->b, "</strong> %s</p><ul>", text(p, T_ASKS));
    for (struct str rest = str_of(json_get_string(p->f->request, "scope")); rest.s;)
        add_scope(p, str_cut(rest, ' ', &rest));
    buf_adds(p->b, "</ul>");
    if (patient) {
        buf_addf(p->b, "<p>%s: ", text(p, T_ABOUT));
        add_escaped(p->b, patient);
        buf_adds(p->b, "</p>");
    }
    buf_addf(p->b, "<p><small>%s ", text(p, T_AS));
    add_escaped(p->b, p->user->display);
    buf_addf(p->b, "<br>%s ", text(p, T_GOES_TO));
    add_escaped(p->b, oauth__redirect_origin(p->b->a, json_get_string(p->f->request, "redirect_uri")));
    buf_adds(p->b, "</small></p>");
    buf_addf(
        p->b,
        "<button name=\"decision\" value=\"allow\">%s</button><button class=\"second\" name=\"decision\" "
        "value=\"deny\">%s</button>",
        text(p, T_ALLOW), text(p, T_DENY));
}

static const struct {
    enum text title;
    void (*form)(const struct form *p);
} stages[] = {
    [OAUTH__ELSEWHERE] = {T_LOGIN, login_form},   [OAUTH__LOGIN] = {T_LOGIN, login_form},
    [OAUTH__TOTP] = {T_SECOND, code_form},        [OAUTH__PATIENT] = {T_PATIENT, patient_form},
    [OAUTH__CONSENT] = {T_CONSENT, consent_form},
};

/* A form whose answer sends the browser elsewhere is held against form-action, and nobody knows beforehand where to. */
bool oauth__away_page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__provider *p,
                      const char *url)
{
    struct buf b;
    enum lang lang = strcmp(json_get_string(f->request, "lang"), "ja") == 0 ? JA : EN;
    begin(c, &b, lang, texts[T_LOGIN][lang]);
    oauth__header(c, "Refresh", str_of(arena_printf(c->a, "0;url=%s", url)));
    buf_addf(&b, "<p>%s <a href=\"", texts[T_AWAY][lang]);
    add_escaped(&b, url);
    buf_adds(&b, "\">");
    add_escaped(&b, title_of(p, lang));
    buf_adds(&b, "</a></p>");
    return send(c, &b, 200, NULL);
}

static bool form_page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *user,
                      enum oauth__note note, const struct oauth__found *found)
{
    static const enum text notes[] = {
        [OAUTH__WRONG_LOGIN] = T_WRONG_LOGIN,       [OAUTH__WRONG_CODE] = T_WRONG_CODE,
        [OAUTH__WRONG_PATIENT] = T_WRONG_PATIENT,   [OAUTH__WRONG_CERTIFICATE] = T_WRONG_CERTIFICATE,
        [OAUTH__WRONG_PROVIDER] = T_WRONG_PROVIDER, [OAUTH__PROVIDER_AWAY] = T_PROVIDER_AWAY};
    struct buf b;
    enum lang lang = strcmp(json_get_string(f->request, "lang"), "ja") == 0 ? JA : EN;
    struct form p = {c, &b, f, user, lang, note, found};
    begin(c, &b, lang, text(&p, stages[f->stage].title));
    if (note != OAUTH__NO_NOTE)
        buf_addf(&b, "<p id=\"note\" class=\"error\" role=\"alert\">%s</p>", text(&p, notes[note]));
    buf_addf(&b,
             "<form method=\"post\" action=\"login\"><input type=\"hidden\" name=\"flow\" value=\"%s\">\n",
             f->secret);
    stages[f->stage].form(&p);
    buf_adds(&b, "</form>");
    return send(c, &b, note == OAUTH__NO_NOTE ? 200 : 400, json_get_string(f->request, "redirect_uri"));
}

bool oauth__page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *user,
                 enum oauth__note note)
{
    return form_page(c, f, user, note, NULL);
}

bool oauth__found_page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *user,
                       const struct oauth__found *found)
{
    return form_page(c, f, user, OAUTH__NO_NOTE, found);
}
