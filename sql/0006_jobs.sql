-- What the server does later: jobs, the SearchParameters in use, and which server has seen what of them.

CREATE TABLE job (
    created    timestamptz NOT NULL DEFAULT now(),
    started    timestamptz,
    ended      timestamptz,
    lease      timestamptz,                   -- until then it is the node's; afterwards anybody's
    node       int8,
    generation int8 NOT NULL,                 -- of the search parameters: begins when all servers have it
    done       int8 NOT NULL DEFAULT 0,
    changed    int8 NOT NULL DEFAULT 0,
    total      int8,                          -- NULL: not counted yet
    tenant     int4 NOT NULL,
    state      int2 NOT NULL DEFAULT 1,       -- 1 waiting, 2 running, 3 done, 4 failed, 5 cancelled
    at_rtype   int2 NOT NULL DEFAULT 0,       -- where it is: behind this resource
    at_rid     text COLLATE "C" NOT NULL DEFAULT '',
    id         text COLLATE "C" NOT NULL,
    rtypes     int2[] NOT NULL,               -- '{}': all
    base       text NOT NULL,                 -- the server's URL, for references that name it
    message    text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX job_open ON job (tenant, created) WHERE state IN (1, 2);

-- The version of the search parameters: what servers poll. The row is locked by whoever changes them.
CREATE TABLE search_generation (
    tenant     int4 PRIMARY KEY,
    generation int8 NOT NULL,
    seen       xid8 NOT NULL                  -- SearchParameters written by transactions below it are in
);

CREATE TABLE search_parameter (
    k      int8 NOT NULL,                     -- of the resource
    tenant int4 NOT NULL,
    ver    int4 NOT NULL,                     -- its version in use: res_history has it
    ready  bool NOT NULL,
    job    text,                              -- the one that makes it ready
    PRIMARY KEY (tenant, k)
);

-- Servers that run, and the oldest generation that one of their requests still works with.
CREATE TABLE server (
    node       int8 NOT NULL,
    generation int8 NOT NULL,
    seen       timestamptz NOT NULL DEFAULT now(),
    tenant     int4 NOT NULL,
    PRIMARY KEY (tenant, node)
);
