-- People who log in at the server's own authorisation server, and what they have allowed programs (docs/oauth.md).

CREATE TABLE oauth_user (
    created      timestamptz NOT NULL DEFAULT now(),
    locked_until timestamptz,
    totp_used    int8 NOT NULL DEFAULT 0,     -- a one-time code is good once: the last one's time step
    failures     int4 NOT NULL DEFAULT 0,     -- since the last login
    tenant       int4 NOT NULL,
    id           text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    display      text NOT NULL,
    fhir_user    text,                        -- "Practitioner/7"
    password     text,                        -- hash
    totp         bytea,                       -- wrapped
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

-- A login under way, in one browser.
CREATE TABLE oauth_flow (
    until   timestamptz NOT NULL,
    tenant  int4 NOT NULL,
    digest  bytea NOT NULL,                   -- of its secret name
    browser bytea NOT NULL,                   -- of the cookie
    user_id text COLLATE "C",
    stage   int2 NOT NULL,
    wrong   int2 NOT NULL DEFAULT 0,          -- attempts
    request text NOT NULL,                    -- JSON
    PRIMARY KEY (tenant, digest)
);

-- What a person has allowed a program: a family of tokens, which ends as a whole.
CREATE TABLE oauth_grant (
    created timestamptz NOT NULL DEFAULT now(),
    until   timestamptz NOT NULL,
    ended   timestamptz,
    tenant  int4 NOT NULL,
    id      text COLLATE "C" NOT NULL,
    client  text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    granted text NOT NULL,                    -- scope, launch context, nonce; JSON
    PRIMARY KEY (tenant, id)
);
CREATE INDEX oauth_grant_of ON oauth_grant (tenant, client) WHERE ended IS NULL;
CREATE INDEX oauth_grant_by ON oauth_grant (tenant, user_id) WHERE ended IS NULL;

-- Authorization codes and refresh tokens: each is good once.
CREATE TABLE oauth_secret (
    until        timestamptz NOT NULL,
    tenant       int4 NOT NULL,
    kind         int2 NOT NULL,               -- 1 code, 2 refresh token
    used         bool NOT NULL DEFAULT false,
    grant_id     text COLLATE "C" NOT NULL,
    redirect_uri text,                        -- of a code
    challenge    text,
    digest       bytea NOT NULL,
    PRIMARY KEY (tenant, digest)
);

-- Contexts that an EHR has prepared for a program that it is about to start.
CREATE TABLE oauth_launch (
    until   timestamptz NOT NULL,
    tenant  int4 NOT NULL,
    digest  bytea NOT NULL,
    client  text COLLATE "C" NOT NULL,
    context text NOT NULL,                    -- patient, encounter, …; JSON
    PRIMARY KEY (tenant, digest)
);
