-- Keys by which sealed values are hashed in the search index, wrapped by the key-encryption key (docs/identity.md). The first,
-- number 0, is store.hash_key.
CREATE TABLE blind_key (
    made    timestamptz NOT NULL DEFAULT now(),
    done    timestamptz, -- everything was indexed anew: those before it are not asked for any more
    tenant  int4 NOT NULL,
    number  int4 NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (tenant, number)
);
