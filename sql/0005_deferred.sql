-- Requests that were answered 202 (Prefer: respond-async), and what they came to. Results are kept for a while only and
-- can be asked for again, so they are not worth a place in the write-ahead log and in backups.
CREATE UNLOGGED TABLE deferred (
    id      text COLLATE "C" NOT NULL,        -- in the URL of the status
    owner   text COLLATE "C" NOT NULL,        -- who asked
    rights  text COLLATE "C" NOT NULL,        -- and what the token allowed; nobody else is told of it
    alive   timestamptz NOT NULL,             -- a server had it in hand then
    expires timestamptz NOT NULL,
    tenant  int4 NOT NULL,
    content text COMPRESSION lz4,             -- the Bundle that answers; NULL: under way
    PRIMARY KEY (tenant, id)
);
CREATE INDEX deferred_owner ON deferred (tenant, owner);
CREATE INDEX deferred_expires ON deferred (expires);
