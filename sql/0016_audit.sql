-- Who did what with whose data: one narrow row an access, written once and never changed (docs/audit.md).

-- Order of the log is (pos, k). pos = feed_epoch.n * 2^48 + the writing transaction's id: it grows with the transactions,
-- also across a restore into another cluster (kagari_new_epoch() raises the epoch).
CREATE TABLE audit (
    pos     int8 NOT NULL,
    k       int8 NOT NULL,                    -- unique within its transaction
    at      int8 NOT NULL,                    -- when, µs since 1970, by the server's clock
    agent   int8 NOT NULL DEFAULT 0,          -- audit_word: who, with which client, from where; 0: nobody was identified
    pat     int8,                             -- h of the patient whose data it is
    shape   int8 NOT NULL DEFAULT 0,          -- audit_word: what was asked, names without values; 0: nothing
    shown   int4 NOT NULL DEFAULT 0,          -- how many resources the answer had
    tenant  int4 NOT NULL,
    ver     int4 NOT NULL DEFAULT 0,          -- of the resource, as read or as written; 0: not known
    rtype   int2 NOT NULL DEFAULT 0,          -- 0: none
    op      int2 NOT NULL,                    -- enum audit_op
    status  int2 NOT NULL,                    -- of HTTP
    purpose int2 NOT NULL DEFAULT 0,          -- enum audit_purpose
    rid     text COLLATE "C",                 -- Resource.id
    request bytea,                            -- X-Request-Id: the 16 bytes of a UUID, or a text
    pats    int8[],                           -- instead of pat when there are several
    PRIMARY KEY (tenant, pos, k)
);
-- Who saw this patient? Summaries of page ranges: next to nothing on insert, some milliseconds to ask.
CREATE INDEX audit_ranges ON audit USING brin (at, pat int8_bloom_ops, agent int8_bloom_ops, rid text_bloom_ops)
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX audit_pats ON audit USING gin (pats) WITH (fastupdate = on) WHERE pats IS NOT NULL;

-- What rows name by a key: the first half of the first half of SHA-256(kind, text).
CREATE TABLE audit_word (
    key    int8 NOT NULL,
    tenant int4 NOT NULL,
    kind   int2 NOT NULL,                     -- 1 agent, 2 shape of a question
    text   text NOT NULL,
    PRIMARY KEY (tenant, key)
);

-- How far the files are shipped in which servers keep entries of reads: no entry comes twice.
CREATE TABLE audit_spool (
    spool   int8 NOT NULL,
    shipped int8 NOT NULL,                    -- entries below this number are in
    at      timestamptz NOT NULL DEFAULT now(),
    tenant  int4 NOT NULL,
    PRIMARY KEY (tenant, spool)
);

-- The chain, some entries a link: link = SHA-256 over the one before and each entry in order.
CREATE TABLE audit_seal (
    n       int8 NOT NULL,                    -- 1, 2, 3, … without gaps
    pos     int8 NOT NULL, k int8 NOT NULL,   -- of its last entry
    at      timestamptz NOT NULL DEFAULT now(),
    tenant  int4 NOT NULL,
    entries int4 NOT NULL,
    link    bytea NOT NULL,
    marks   bytea NOT NULL,                   -- the first four bytes of the chain after each entry: which one was changed?
    PRIMARY KEY (tenant, n)
);

-- Signed statements about the chain, by a key that the database does not have.
CREATE TABLE audit_anchor (
    n      int8 NOT NULL,                     -- of the seal
    at     timestamptz NOT NULL DEFAULT now(),
    tenant int4 NOT NULL,
    kind   int2 NOT NULL,                     -- 1 the chain was so far; 2 what is before was removed when its time was over
    token  text NOT NULL,                     -- JWT
    PRIMARY KEY (tenant, n, kind)
);
