/* src/api/internal.h: what the files of the module share. */
#ifndef KAGARI_API_INTERNAL_H
#define KAGARI_API_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "fhir/primitive.h"
#include "store/cache.h"

/* GET metadata?mode= (http.html#capabilities) */
enum api_mode { MODE_FULL, MODE_NORMATIVE, MODE_TERMINOLOGY, MODES };

struct api {
    struct api_deps deps;
    _Atomic(const struct config *) config;
    atomic_bool draining;
    pthread_mutex_t lock; /* of the CapabilityStatements being made */
    /* One a registry in force; the place is not taken anew while requests hold that one. */
    struct api_capability {
        struct arena a;
        int64_t generation;
        enum search_text text;
        bool old_index;
        struct str forms[MODES][2][2]; /* in XML or not, pretty or not; s NULL: not asked for yet */
    } capability[SEARCH_SEATS];
    struct api_deferred *deferred; /* deferred.c */
    struct api_bulk *bulk;         /* bulk.c */
    struct api_seen *seen;         /* by loop; seen.c */
};

struct api_request;
struct api_response;

/* ---- interactions ---------------------------------------------------------------------------------------- */

/* How an interaction sees to it that the caller is shown and changes nothing but what he may. */
enum api_access {
    ACCESS_UNDECIDED,   /* it has no rule: for those who may read everything */
    ACCESS_OPEN,        /* nothing of a resource is shown, or only what the caller has made himself */
    ACCESS_JUDGED,      /* it asks of each resource: api__access() */
    ACCESS_DEFINITIONS, /* definitions in force: for those who may read all of the type, labels apart */
    ACCESS_SYSTEM,      /* about the server: for tokens of the level system */
    ACCESS_WHOLE,       /* for those who may read everything */
};

enum api_run {
    RUN_NOW,    /* reply alone, no database */
    RUN_READ,   /* plan and reply on the event loop: one statement by primary key */
    RUN_SEARCH, /* the same, a statement that may take its time */
    RUN_WRITE,  /* the same, a transaction of its own, or gathered into batches */
    RUN_CREATE, /* gathered into batches, or work */
    RUN_WORKER, /* work, on a thread with a connection */
};

struct api_interaction {
    const char *code; /* as in CapabilityStatement and metrics: "read", "search-type" */
    enum api_run run;
    unsigned right; /* enum auth_right; 0: checked by the interaction itself, or open */
    enum api_access access;
    bool body;      /* carries a resource */
    bool may_defer; /* Prefer: respond-async holds; operations say it by not affecting state */
    bool replica;   /* its plan may be run by a read replica */
    bool cached;    /* it asks for one version */
    bool pages;     /* answers a Bundle in pages, which may be files of NDJSON then */
    bool foreign;   /* no FHIR: reads its parameters itself and answers in a form of its own */
    /* Reads headers and parameters, after the body; may choose a worker (r->run). NULL: nothing to prepare. */
    bool (*prepare)(struct api_request *r, struct err *err);
    bool (*plan)(struct api_request *r, struct sql *q, struct err *err);
    bool (*reply)(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                  struct err *err);
    /* On a worker; in r->in_transaction the transaction is the caller's. NULL: plan and reply, run one after the other. */
    bool (*work)(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err);
    /* On the event loop its write goes with those of others (store_batch): which, and what it came to. NULL: plan and reply. */
    void (*gather)(struct api_request *r, struct store_batched *what);
    bool (*settle)(struct api_request *r, enum store_outcome outcome, const struct store_written *at,
                   struct api_response *out, struct err *err);
    /* A statement failed: err becomes what the client is told. NULL: it is told what the database says. */
    void (*failed)(struct api_request *r, struct err *err);
};

struct api_route {
    enum http_method method;
    /* Segments: literal text, or T type, I id, V version id, C type of a compartment's content or "*". One that begins
     * with '/' does not lie below the base. */
    const char *pattern;
    const struct api_interaction *interaction;
    bool open; /* needs no token */
};

/* ---- operations (operations.html) ------------------------------------------------------------------------- */

/* Where an operation may be called: at "$name", "Type/$name", "Type/id/$name", "Type/id/_history/vid/$name". */
enum { LEVEL_SYSTEM = 1, LEVEL_TYPE = 2, LEVEL_INSTANCE = 4, LEVEL_VERSION = 8 };

struct api_parameter {
    const char *name;
    const char
        *value; /* the member that has it: "resource", "valueMeta", "part"; NULL: a primitive of any type */
    bool required, repeats;
    const char *type;                  /* of the primitive, for the OperationDefinition; NULL: string */
    const struct api_parameter *parts; /* of "part", up to one without a name */
};

struct api_operation {
    const char *name, *definition; /* "meta-add", and the canonical of its OperationDefinition */
    unsigned levels;
    const char *type;                    /* the one that has it; NULL: all */
    bool affects_state;                  /* then GET is not allowed */
    struct api_route on;                 /* interaction; its prepare finds the parameters read */
    struct api_parameter parameters[24]; /* up to one without a name */
    const char *returns; /* type of the out parameter "return"; NULL: any resource, "": there is none */
};

/* The operation of that name (without '$') at this level and type; NULL: there is none. */
const struct api_operation *api__operation(struct str name, unsigned level, const struct fhir_type *type);
const struct api_operation *api__operations(size_t *n);

/* A parameter that is a resource or a datatype. */
struct api_input {
    const struct api_parameter *parameter;
    json *value;
};
/* Reads query and body, and checks them against the operation's parameters. Primitives become r->args. */
bool api__read_parameters(struct api_request *r, struct err *err) NODISCARD;
json *api__input(const struct api_request *r, const char *name); /* NULL: not given */

enum api_match { MATCH_OK, MATCH_NO_PATH, MATCH_NO_TYPE, MATCH_NO_METHOD, MATCH_NO_OPERATION };
/* Finds the route of r->method and r->path and fills in type, id, vid and what. *allow: the methods that the path knows. */
enum api_match api__route(struct api_request *r, struct str *allow);
const struct api_route *api__routes(size_t *n);

/* ---- search_explain.c ------------------------------------------------------------------------------------- */

/* Answers how the statement of a page is run. */
bool api__explain_search(struct api_request *r, struct db_conn *c, const struct sql *q,
                         struct api_response *out, struct err *err) NODISCARD;

/* ---- a request ------------------------------------------------------------------------------------------- */

/* Without a preference: the representation; inside Bundles nothing. */
enum prefer_return { RETURN_DEFAULT, RETURN_REPRESENTATION, RETURN_MINIMAL, RETURN_OUTCOME };

enum api_format { FORMAT_NONE, FORMAT_JSON, FORMAT_XML };

struct api_request {
    struct api *api;
    const struct config *config;
    const struct search_hold *search;        /* the registry that it began with */
    struct http_request *http;               /* of the whole; entries of a Bundle share it */
    struct api_conformance {                 /* the same */
        const struct conformance_view *view; /* NULL: not asked for yet */
        bool written;                        /* one of them, perhaps */
        bool consents;                       /* or a Consent was */
    } * conformance;
    struct arena *a;
    enum http_method method;
    struct str path, query; /* below the base, raw */
    struct str base;        /* "https://host/fhir" */
    const struct api_route *route;
    const struct api_operation *operation;  /* NULL: another interaction */
    const struct api_interaction *deferred; /* what is put off: route is api__defer then */
    enum api_run run;
    const struct auth_principal *principal;

    const struct fhir_type *type;
    struct str id, vid;
    const struct fhir_type *content; /* compartment search: of this type; NULL with all_content */
    bool all_content;
    const struct search_arg *args;
    size_t n_args;
    const struct api_input *inputs; /* of an operation */
    size_t n_inputs;

    struct str if_match, if_none_match, if_modified_since, if_none_exist;
    struct str accept, content_type;
    enum api_format format; /* of the answer; FORMAT_NONE: not chosen yet */
    const char *media_type; /* of the answer */
    enum prefer_return prefer;
    bool respond_async;
    struct str output_format; /* with it: _outputFormat; s NULL: not given */
    bool as_entry;            /* its answer becomes an entry of a Bundle */
    bool strict, pretty, in_bundle, in_transaction;

    /* Entries of a Bundle: where in the text the findings of the last one were. */
    struct issues_place *place;

    json *body;                /* the resource */
    struct str text;           /* that body was read from; s NULL: there is none such */
    struct issues warnings;    /* for Prefer: return=OperationOutcome */
    void *state;               /* the interaction's own, between prepare, plan and reply */
    struct store_write *write; /* RUN_CREATE: made by prepare */
    bool again;                /* another writer was faster: run it once more */
    bool asked_replica;        /* the statement under way */
    bool primary;              /* a replica is not to be asked, or not again */
    struct store_version kept; /* to be compared with what is stored; ver 0: there is none */
    store_ticket ticket;       /* for what the read brings */
    int attempts;

    struct api_shown { /* resources in the answer, by their k: for the audit log */
        int64_t *ks;
        size_t n, cap;
    } shown;

    struct sql sql; /* the statement under way */
    int64_t submitted_us;
    struct http_response http_response;
};

struct api_response {
    int status;
    struct str resource; /* the text of a FHIR resource; s NULL: none */
    struct str raw;      /* or bytes of another type */
    const char *raw_type;
    const struct fhir_type *type; /* with id and ver: for Location and ETag */
    struct str id;
    int32_t ver; /* 0: no ETag */
    int64_t lu_us;
    bool located;          /* Location: this is new */
    bool entered;          /* in the audit log, by the statement that wrote */
    bool written;          /* resource is what was stored: Prefer: return decides whether it is sent */
    bool subset;           /* _summary and _elements apply to resource */
    bool formed;           /* resource is in the form that was asked for */
    struct str allow;      /* 405 */
    struct issues *issues; /* an OperationOutcome instead of a resource */
    int retry_after;       /* seconds; 0: none */
    int64_t position;      /* of a write, for the client's next read; 0: none */
    int64_t patient;       /* h of whose data it is, if that is known already; 0: of nobody */
    bool knows_patient;
    struct str content_location, progress; /* of what is done later: where its status is, how far it is */
    int64_t expires_us;                    /* 0: no Expires */
    bool challenge;                        /* WWW-Authenticate */
    const struct http_header *headers;     /* more of them */
    size_t n_headers;
};

/* ---- steps ------------------------------------------------------------------------------------------------- */

/* Base URL, parameters, headers. */
bool api__negotiate(struct api_request *r, struct err *err) NODISCARD;
struct str api__essence(struct str media_type); /* without its parameters */
/* FORMAT_NONE: not FHIR, or FHIR of another version. */
enum api_format api__format_of(struct str media_type);
/* Does an Accept header ask for FHIR, where something else could be sent as well? */
bool api__names_fhir(struct str accept);
/* By _format, else by Accept. False: by neither; JSON is chosen then. */
bool api__choose_format(struct api_request *r);
bool api__parse_etag(struct str s, int32_t *ver);                   /* W/"3" */
struct str api__arg(const struct api_request *r, const char *name); /* first value; s NULL when absent */
/* application/x-www-form-urlencoded, also the query. */
bool api__parse_args(struct arena *a, struct str text, struct search_arg **args, size_t *n, size_t *cap,
                     struct err *err) NODISCARD;
/* Is r->id one? */
bool api__check_id(const struct api_request *r, struct err *err) NODISCARD;
/* The number that r->vid is; false: none that a version could have. */
bool api__version(const struct api_request *r, int32_t *ver, struct err *err) NODISCARD;
bool api__parse_body(struct api_request *r, enum api_format format, struct err *err) NODISCARD;
/* Parses the body into r->body by its Content-Type, or makes a Binary of it. */
bool api__read_body(struct api_request *r, struct err *err) NODISCARD;
/* Do the settings validate.* make sense? */
bool api__validation_check(const struct config *c, const struct fhir_defs *d, struct err *err) NODISCARD;
/* How a write of this type is validated. Required profiles apply at any level that has profiles. */
void api__validation(struct api_request *r, const struct fhir_type *type, struct validate_options *o);
/* Are errors of this type no reason to refuse it, but those of the structure? */
bool api__validation_warns(const struct api_request *r, const struct fhir_type *type);
void api__validation_soften(struct issues *list); /* errors become warnings */
/* Is r->body a resource of this type that may be stored? False: *out is the answer, with all findings. */
bool api__validate(struct api_request *r, struct api_response *out) NODISCARD;
/* May the caller do this? */
bool api__authorise(const struct api_request *r, unsigned right, const struct fhir_type *type,
                    struct err *err) NODISCARD;
/* What the caller may do that with; NULL: with everything, or everything of the type (NULL: all types). */
const struct search_access *api__access(const struct api_request *r, enum auth_right right,
                                        const struct fhir_type *type);
/* consent.c: what patients have agreed to, by level, for auth_access(); NULL: nobody has said anything. */
const struct search_consent *const *api__consents(const struct api_request *r, enum auth_right right);
/* May p open records in emergencies? And those that it has opened. */
bool api__has_emergencies(const struct api_request *r, const struct auth_principal *p);
void api__open_records(const struct api_request *r, struct auth_principal *p);
/* What p may do when Consents bind it: nothing with everything. */
const struct auth_principal *api__bound(const struct api *api, struct arena *a,
                                        const struct auth_principal *p);
/* Is any of the patient's data (h: search_hash_id()) withheld from a scope of this level? */
bool api__withholds_any(const struct api_request *r, enum auth_right right, enum auth_level level, int64_t h);
/* Does it write what others' sight depends on? Then it is noted. */
bool api__writes_consent(struct api_request *r);
/* Of a Consent: what of it is not understood. */
void api__doubt_consent(struct api_request *r);
/* May the caller use the interaction at all? */
bool api__admit(const struct api_request *r, struct err *err) NODISCARD;
/* Has the caller a scope on all of the type, labels apart? */
bool api__may_define(const struct api_request *r, enum auth_right right, const struct fhir_type *type,
                     struct err *err) NODISCARD;
/* Has the caller the right on some of r->type only? Then what is stored is checked before it is written. */
bool api__is_restricted(const struct api_request *r, enum auth_right right);
/* Does a PUT of an id that is not there make it? Not with scopes that a query or a compartment restricts: what a PUT of a
 * hidden id is told would differ. */
bool api__may_make(const struct api_request *r);
/* ERR_FORBIDDEN, in the same words whether the resource is there or not. */
bool api__refuse(const struct fhir_type *type, struct err *err);
/* May the caller store this, as far as that does not depend on what is there? */
bool api__may_store(const struct api_request *r, const struct store_write *w, struct err *err) NODISCARD;
/* The stored version is there and within the right. While the row is held. */
bool api__check_stored(struct api_request *r, struct db_conn *c, enum auth_right right, struct str id,
                       struct err *err) NODISCARD;
/* The same for what w is to replace; and w leaves it in its compartments. */
bool api__check_update(struct api_request *r, struct db_conn *c, const struct store_write *w,
                       struct err *err) NODISCARD;
/* A version that x let pass by its acc: is it covered by what it says? text.kept.s NULL: a deleted one. */
/* A resource's text, or what of it the caller may see when it is not to know whom it is about. */
bool api__open(const struct api_request *r, const struct fhir_type *type, struct str id,
               struct store_text text, struct str *out, struct err *err) NODISCARD;
bool api__sees_version(struct api_request *r, const struct search_access *x, const struct fhir_type *type,
                       struct str id, struct store_text text);
/* Of a type that the caller may read: this one too? Binary.securityContext may keep it from him. */
bool api__may_see(const struct api_request *r, const struct fhir_type *type, struct str content);
/* Everything before the database: right, body, validation, prepare. out->status: the answer is ready, findings. */
bool api__prepare(struct api_request *r, struct api_response *out, struct err *err) NODISCARD;

/* A request as it came; nothing of it has been looked at. */
struct api_request *api__request_new(struct api *api, struct http_request *http);
/* All of it but the token, on a thread with a connection; the caller has set the principal. */
bool api__run_here(struct api_request *r, struct db_conn *c, struct api_response *out,
                   struct err *err) NODISCARD;
/* The conformance resources that the request works with: as they are, seconds ago at most. */
const struct conformance_view *api__view(struct api_request *r);
/* Not what a package has brought. */
bool api__may_change(struct api_request *r, const struct fhir_type *type, struct str id,
                     struct err *err) NODISCARD;
/* Does it write one? Then it is noted that others are to know of it. */
bool api__writes_conformance(struct api_request *r);
/* What was written holds from the next request on that this server gets; others follow by themselves. */
void api__follow(const struct api_request *r, struct db_conn *c);
/* The code systems and value sets as they are now. */
bool api__terminology(struct api_request *r, struct db_conn *c, const struct conformance_view **out,
                      struct err *err) NODISCARD;

/* Runs a request's interaction on a worker's connection, however its route would run it. */
bool api__run_on(struct api_request *r, struct db_conn *c, struct api_response *out,
                 struct err *err) NODISCARD;

/* Does work in a transaction of its own, unless the caller has one. */
bool api__in_transaction(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err,
                         bool (*work)(struct api_request *r, struct db_conn *c, struct api_response *out,
                                      struct err *err)) NODISCARD;
/* Holds r's row until the transaction ends; after it, nobody can be faster. */
bool api__lock_row(struct api_request *r, struct db_conn *c, struct str id, struct err *err) NODISCARD;

/* A resource as it is sent. */
bool api__form(const struct fhir_defs *d, struct arena *a, const json *resource, enum api_format format,
               bool pretty, struct str *out, struct err *err) NODISCARD;
/* What _summary and _elements leave of the resource of an entry. */
struct str api__subset(struct api_request *r, struct str text);
/* Turns the response into r->http_response. */
void api__respond(struct api_request *r, struct api_response *out);
/* What an update came to. STORE_LABELS and STORE_RACED are the caller's. */
bool api__updated(struct api_request *r, const struct store_update *u, enum store_outcome outcome,
                  const struct store_written *at, struct api_response *out, struct err *err) NODISCARD;
/* What a create answers when its row is committed. */
void api__created(struct api_request *r, const struct store_written *w, struct api_response *out);

/* ---- related persons (related.c) ----------------------------------------------------------------------------- */
/* Has the caller's patient to be looked up first? By this, whose answer gives r a principal that knows. */
bool api__is_related(const struct api_request *r);
void api__related_plan(const struct api_request *r, struct sql *q);
void api__related_reply(struct api_request *r, const struct db_rows *rows);
/* The same on a worker's connection; nothing where it has not. */
bool api__relate(struct api_request *r, struct db_conn *c, struct err *err) NODISCARD;

/* ---- reads of what the caller may see (seen.c) -------------------------------------------------------------- */
bool api__seen_new(struct api *api, struct err *err) NODISCARD;
void api__seen_free(struct api *api);
/* On the loop: the resource, unless it is hidden or deleted. */
void api__seen_plan(const struct api_request *r, struct sql *q);

/* ---- the cache of versions (cached.c) ---------------------------------------------------------------------- */
/* A read on the loop: true when it is answered without the database. Otherwise what r->kept and r->ticket say holds. */
bool api__from_cache(struct api_request *r, struct api_response *out);
/* What the database has answered to it, or to any read. */
void api__keep(struct api_request *r, struct store_version *v);
/* What a version is answered with. */
bool api__version_response(struct api_request *r, const struct store_version *v, struct api_response *out,
                           struct err *err) NODISCARD;

/* ---- read replicas (position.c) ---------------------------------------------------------------------------- */
enum { READS_POSITION, READS_ANY }; /* the choices of db.replica_reads */
/* False: the request carries none. */
bool api__position(const struct api_request *r, int64_t *position);
/* And how far has it to be? */
bool api__may_ask_replica(const struct api_request *r, int64_t *position);
/* Of what a worker has written and committed; nothing to do for reads and without replicas. */
void api__find_position(struct api_request *r, struct db_conn *c, struct api_response *out);
void api__add_position(struct api_request *r, const struct api_response *out);

/* The URL of a page of what is asked below path, with the request's parameters; cursor s NULL: of this page. */
struct str api__page_url(struct api_request *r, struct str path, struct str cursor);

/* ---- the audit log (audit.c) -------------------------------------------------------------------------------- */
enum audit_op api__audit_op(const struct api_interaction *i); /* AUDIT_UNSAID: it is not in the table */
/* The answer will have this resource, of a search or history. */
void api__shown(struct api_request *r, int64_t k);
/* Whose data a resource is that is there: pat is its lane, which a patient has not. */
void api__is_of(const struct api_request *r, const struct fhir_type *type, struct str id, int64_t pat,
                struct api_response *out);
/* What the statement that writes for this request says of it to the log. */
struct audit_write api__audit_write(const struct api_request *r);
/* Leaves the entry of a request, or of an entry of a Bundle, that is being answered, unless its write has brought it. False: it must not be. */
bool api__audit(struct api_request *r, const struct api_response *out) NODISCARD;
/* break_glass.c: why, as far as it has been read; it goes with the entry. */
struct str api__emergency_reason(const struct api_request *r);
/* audit_events.c: another route where entries of the log are meant, of which nothing is stored as a resource. */
void api__audit_route(struct api_request *r);
extern const struct api_interaction api__audit_read, api__audit_change, api__audit_search;
/* Is nothing answered now, since there is no room? Then err says so. */
bool api__audit_refuses(const struct api_request *r, struct err *err);

/* ---- outcomes ---------------------------------------------------------------------------------------------- */
int api__status(enum err_kind kind);
/* An answer that says what is wrong, as an error again: its first issue. Returns false. */
bool api__error_of(const struct api_response *out, struct err *err);
/* One error as a response: status, issues, headers that go with it. */
void api__error_response(struct api_request *r, const struct err *err, struct api_response *out);
/* Room for findings, in the language that the client prefers. */
void api__issues_init(const struct api_request *r, struct issues *list);
struct issues *api__issues(const struct api_request *r);
struct str api__outcome_text(struct arena *a, const struct issues *issues);
/* Status of a resource that did not validate: 400, or 422 when only rules of the server are broken. */
int api__issues_status(const struct issues *issues);

/* ---- Bundles being written --------------------------------------------------------------------------------- */
struct bundle {
    struct buf b;
    enum { BUNDLE_HEAD, BUNDLE_LINKS, BUNDLE_ENTRIES } part;
    bool first; /* nothing in the current entry yet */
};
/* In this order: start, total, links, entries, end. */
void bundle_start(struct bundle *w, struct arena *a, const char *type);
void bundle_total(struct bundle *w, int64_t total);
void bundle_link(struct bundle *w, const char *relation, struct str url);
/* Room for so many entries, of so many bytes together. */
void bundle_reserve(struct bundle *w, size_t entries, size_t bytes);
/* An entry is opened, given its members in the order of these functions, and closed. */
void bundle_entry_open(struct bundle *w);
void bundle_entry_url(struct bundle *w, struct str base, const char *type, struct str id);
void bundle_entry_resource(struct bundle *w, struct str text);
void bundle_entry_search(struct bundle *w, const char *mode);
/* score, distance (km): literals; empty: there is none. */
void bundle_entry_match(struct bundle *w, struct str score, struct str distance);
void bundle_entry_request(struct bundle *w, const char *method, const char *type, struct str id);
/* ver 0: no etag; location and outcome: s NULL: none. */
void bundle_entry_response(struct bundle *w, int status, struct str location, int32_t ver, int64_t lu_us,
                           struct str outcome);
void bundle_entry_close(struct bundle *w);
struct str bundle_end(struct bundle *w);

/* ---- writing, shared by the interactions and Bundles ------------------------------------------------------- */
/* From a validated resource to what the store takes; the resource tree is changed. */
bool api__make_write(struct api_request *r, json *resource, const struct fhir_type *type, struct str id,
                     struct store_write *w, struct err *err) NODISCARD;
/* What a write that succeeded answers. */
void api__written(struct api_request *r, const struct store_write *w, int status,
                  const struct store_written *at, struct api_response *out);
struct str api__location(struct arena *a, struct str base, const struct fhir_type *type, struct str id,
                         int32_t ver);
enum { REFERENCES_OFF, REFERENCES_WARN, REFERENCES_ENFORCE }; /* the choices of store.references */
/* After the write, which may refer to itself: referential integrity as store.references says, and that no other
 * SearchParameter has the code of this one. Inside the writer's transaction when api__must_check(). */
bool api__must_check(const struct api_request *r);
bool api__check_written(struct api_request *r, struct db_conn *c, const struct store_write *w,
                        struct err *err) NODISCARD;
/* If-Match and If-None-Match of a write (RFC 9110, 13.1), into u->if_match and u->may_create. */
bool api__preconditions(const struct api_request *r, struct store_update *u, struct err *err) NODISCARD;
/* PUT of u->w.id inside a transaction: merges labels of the stored version, runs again when raced. */
bool api__update_on(struct api_request *r, struct db_conn *c, json *resource, struct store_update *u,
                    struct api_response *out, struct err *err) NODISCARD;
enum { API_MATCHES_MAX = 10000 };
struct api_match_row;
/* What a conditional update is to write (http.html#cond-update), from the n rows that its criteria match. */
bool api__update_target(struct api_request *r, struct db_conn *c, const struct api_match_row *rows, size_t n,
                        struct store_update *u, struct err *err) NODISCARD;
struct api_match_row {
    const struct fhir_type *type;
    struct str id;
    int32_t ver;
};
/* Conditional interactions find their matches whoever asks; one that the caller may not see ends them. */
bool api__check_matches(struct api_request *r, struct db_conn *c, const struct fhir_type *type,
                        const struct api_match_row *rows, size_t n, struct err *err) NODISCARD;
/* The matches of a conditional interaction: at most limit, in no order; lock: first the locks of its criteria. */
bool api__match(struct api_request *r, struct db_conn *c, const struct fhir_type *type, struct str query,
                int limit, bool lock, struct api_match_row **rows, size_t *n, struct err *err) NODISCARD;
/* References by criteria, with what they name: id.s NULL: api__match() has to be asked, for there is not exactly one match, or
 * the criteria are more than one statement can answer for all, or the caller does not see everything. */
struct api_named {
    const struct fhir_type *type;
    struct str query, id;
};
bool api__match_many(struct api_request *r, struct db_conn *c, struct api_named *list, size_t n,
                     struct err *err) NODISCARD;
/* The locks of the same criteria, for callers that take several sets of them at once. */
bool api__criteria_keys(struct api_request *r, const struct fhir_type *type, struct str query, int64_t **keys,
                        size_t *n, struct err *err) NODISCARD;

/* ---- the interactions -------------------------------------------------------------------------------------- */
extern const struct api_interaction api__capabilities, api__health_live, api__health_ready, api__metrics,
    api__read, api__vread, api__patch, api__conditional_patch, api__create, api__update, api__delete,
    api__conditional_update, api__conditional_delete, api__history_instance, api__history_type,
    api__history_system, api__search_type, api__search_system, api__search_compartment, api__everything,
    api__bundle, api__validate_operation, api__reindex, api__job, api__job_cancel, api__meta, api__meta_add,
    api__meta_delete, api__break_glass, api__expand, api__validate_code, api__lookup, api__subsumes,
    api__translate, api__closure;

/* ---- NDJSON (bulk.c) --------------------------------------------------------------------------------------- */
bool api__bulk_new(struct api *api, struct err *err) NODISCARD;
void api__bulk_free(struct api *api);
/* On the loop: takes the body of r, piece by piece, and answers. */
void api__bulk_start(struct api_request *r);

/* ---- copies that outlive a request (copy.c) ------------------------------------------------------------------ */
/* All but Authorization. */
void api__copy_http(struct arena *a, const struct http_request *from, struct http_request *to);

/* The authorisation server (oauth.c). */
extern const struct api_interaction api__oauth_metadata, api__oauth_jwks, api__oauth_authorize,
    api__oauth_login, api__oauth_callback, api__oauth_launch, api__oauth_logout, api__oauth_register,
    api__oauth_resource, api__oauth_token, api__oauth_introspect, api__oauth_revoke;

/* ---- requests answered later (deferred.c) ------------------------------------------------------------------ */
extern const struct api_interaction api__deferred_status, api__deferred_file, api__deferred_cancel;
extern const struct api_route api__defer;      /* puts the request off and answers 202 */
bool api__defers(const struct api_request *r); /* prepared: is it to be put off? */
bool api__deferred_new(struct api *api, struct err *err) NODISCARD;
void api__deferred_free(struct api *api); /* what is in hand is ended first */

/* The CapabilityStatement of a registry; each form is made when it is first asked for: it is long, and open to everyone. */
bool api__capability(struct api *api, const struct search_hold *search, enum api_mode mode,
                     enum api_format format, bool pretty, struct str *out, struct err *err) NODISCARD;
/* The OperationDefinition of an operation of the table, by its id; s NULL: there is none. */
struct str api__operation_definition(struct arena *a, struct str id);
struct str api__operation_id(struct str url); /* s NULL: there is none of this canonical */
/* built_in.c: where to find what a search by url would not find, since it is not stored. */
void api__note_built_in(const struct api_request *r, struct issues *list);

#endif
