-- FHIR packages that are installed. What they bring are ordinary resources under ids that no client may choose
-- ("pkg-" and 24 hexadecimal digits); they come and go in the transaction that writes these rows.

CREATE TABLE package (
    installed timestamptz NOT NULL DEFAULT now(),
    tenant    int4 NOT NULL,
    name      text COLLATE "C" NOT NULL,
    version   text COLLATE "C" NOT NULL,
    canonical text,
    depends   text NOT NULL,                  -- dependencies of its package.json, JSON
    digest    bytea NOT NULL,                 -- of what its files say
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE package_resource (
    tenant  int4 NOT NULL,
    rtype   int2 NOT NULL,
    rid     text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    kept    text,                             -- what servers hold of it, trimmed; NULL: nothing
    PRIMARY KEY (tenant, rtype, rid)
);
CREATE INDEX package_resource_of ON package_resource (tenant, name, version);
