-- The audit log in blocks: what a server ships at once is one row of arrays, and a view has the entries. A row of its own
-- for each entry cost PostgreSQL more than the read that it told of, twice: when it was written, and when it was sealed.

CREATE TABLE audit_block (
    pos     int8 NOT NULL,
    k       int8 NOT NULL,                    -- of its first entry; those that follow it have k + 1, k + 2, …
    lo      int8 NOT NULL,                    -- when: of the first and of the last entry, both inclusive
    hi      int8 NOT NULL,
    tenant  int4 NOT NULL,
    keys    bytea,                            -- patients, agents and resources, as a Bloom filter; NULL: of any
    -- of each entry, 0 or '' for none
    at      int8[] NOT NULL,
    agent   int8[] NOT NULL,
    pat     int8[] NOT NULL,                  -- 0 also when there are several
    shape   int8[] NOT NULL,
    shown   int4[] NOT NULL,
    ver     int4[] NOT NULL,
    rtype   int2[] NOT NULL,
    op      int2[] NOT NULL,
    status  int2[] NOT NULL,
    purpose int2[] NOT NULL,
    rid     text[] NOT NULL,
    request bytea[] NOT NULL,
    -- patients of entries that have several: the entry's number from 1 on, and the patient
    several int4[] NOT NULL DEFAULT '{}',
    pats    int8[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, pos, k)
);
CREATE INDEX audit_times ON audit_block USING brin (lo, hi) WITH (pages_per_range = 32, autosummarize = on);

-- The entries that there are. Their chain begins anew: it is over blocks, and its signed anchors were over entries.
INSERT INTO audit_block (pos, k, lo, hi, tenant, at, agent, pat, shape, shown, ver, rtype, op, status, purpose, rid, request,
                         several, pats)
SELECT pos, k, at, at, tenant, ARRAY[at], ARRAY[agent], ARRAY[coalesce(pat, 0)], ARRAY[shape], ARRAY[shown], ARRAY[ver],
       ARRAY[rtype], ARRAY[op], ARRAY[status], ARRAY[purpose], ARRAY[coalesce(rid, '')], ARRAY[coalesce(request, '')],
       array_fill(1, ARRAY[coalesce(cardinality(pats), 0)]), coalesce(pats, '{}')
FROM audit;
DROP TABLE audit;
DELETE FROM audit_seal;
DELETE FROM audit_anchor;
COMMENT ON COLUMN audit_seal.marks IS 'the first four bytes of the chain after each block';

CREATE VIEW audit AS
SELECT b.pos, b.k + e.i - 1 AS k, e.at, e.agent, nullif(e.pat, 0) AS pat, e.shape, e.shown, b.tenant, e.ver, e.rtype, e.op,
       e.status, e.purpose, nullif(e.rid, '') AS rid, nullif(e.request, '') AS request,
       CASE WHEN b.several <> '{}' THEN (SELECT array_agg(s.h ORDER BY s.o) FROM unnest(b.several, b.pats) WITH ORDINALITY
                                         AS s(i, h, o) WHERE s.i = e.i) END AS pats,
       b.k AS block, b.lo, b.hi, b.keys
FROM audit_block b
CROSS JOIN LATERAL unnest(b.at, b.agent, b.pat, b.shape, b.shown, b.ver, b.rtype, b.op, b.status, b.purpose, b.rid, b.request)
           WITH ORDINALITY AS e(at, agent, pat, shape, shown, ver, rtype, op, status, purpose, rid, request, i);
