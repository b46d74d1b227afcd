-- Sealed identities (docs/identity.md).

-- Data keys, wrapped by the key-encryption key, which is never here.
CREATE TABLE identity_key (
    made    timestamptz NOT NULL DEFAULT now(),
    tenant  int4 NOT NULL,
    number  int4 NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (tenant, number)
);

-- By which policy everything that is stored is sealed and indexed: a hash of the table; 0: nothing is.
CREATE TABLE identity_state (
    tenant int4 PRIMARY KEY,
    policy int8 NOT NULL
);
