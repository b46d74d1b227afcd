-- The server's own authorisation server (docs/oauth.md). Secrets are here as hashes, or wrapped by a key that is not.

-- Signing keys; the newest whose time has come signs, all verify.
CREATE TABLE oauth_key (
    created    timestamptz NOT NULL DEFAULT now(),
    signs_from timestamptz NOT NULL,
    tenant     int4 NOT NULL,
    kid        text COLLATE "C" NOT NULL,
    jwk        text NOT NULL,                 -- public half
    wrapped    bytea NOT NULL,                -- private half, PEM
    PRIMARY KEY (tenant, kid)
);

CREATE TABLE oauth_client (
    created  timestamptz NOT NULL DEFAULT now(),
    tenant   int4 NOT NULL,
    id       text COLLATE "C" NOT NULL,
    grant_id text COLLATE "C" NOT NULL,       -- of the tokens that it gets for itself
    metadata text NOT NULL,                   -- RFC 7591, JSON
    PRIMARY KEY (tenant, id)
);

-- Access tokens that are not to be accepted, and whole grants of them, as long as one of them could be valid.
CREATE TABLE oauth_revoked (
    until  timestamptz NOT NULL,
    tenant int4 NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (tenant, digest)
);

-- Assertions of clients (RFC 7523) that have been used, until they expire.
CREATE TABLE oauth_assertion (
    until  timestamptz NOT NULL,
    tenant int4 NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (tenant, digest)
);
