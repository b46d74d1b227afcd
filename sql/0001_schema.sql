-- The schema of Kagari. Every key leads with the tenant (institution), which is also the distribution column
-- should the database be spread over several machines. Times in µs since 1970-01-01T00:00Z where int8.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Current state, one row a resource; a deleted one keeps a tombstone.
CREATE TABLE res (
    k       int8 NOT NULL,                    -- surrogate, never reused
    h       int8 NOT NULL,                    -- keyed hash of (type, id): reference keys are h # parameter constant
    xid     xid8 NOT NULL,                    -- the transaction that wrote this version
    lu      timestamptz NOT NULL,             -- meta.lastUpdated
    dt      int8 NOT NULL,                    -- lane: main date, start; -2^63: none
    dt_hi   int8 NOT NULL,                    --       and inclusive end
    pat     int8,                             -- lane: h of the patient
    code    int8,                             -- lane: first code
    cat     int8,                             -- lane: first category
    ix      int8 NOT NULL,                    -- hash of the side rows: equal means unchanged
    tenant  int4 NOT NULL,
    ver     int4 NOT NULL,                    -- meta.versionId
    rtype   int2 NOT NULL,                    -- resource type, numbered in conf/definitions
    deleted bool NOT NULL DEFAULT false,
    q       numeric,                          -- lane: main quantity
    rid     text COLLATE "C" NOT NULL,        -- Resource.id
    labels  int8[] NOT NULL DEFAULT '{}',     -- hashes of meta.profile, meta.tag, meta.security
    keys    int8[] NOT NULL DEFAULT '{}',     -- hashes of every token, reference, uri and compartment
    content text COMPRESSION lz4,             -- the exact bytes a read sends; NULL in a tombstone
    sealed  bytea,                            -- identity fragments, encrypted
    PRIMARY KEY (tenant, rtype, rid)
);
CREATE UNIQUE INDEX res_k ON res (tenant, k);
CREATE INDEX res_pat ON res (tenant, pat, rtype, code, dt DESC, k) WHERE pat IS NOT NULL AND NOT deleted;
CREATE INDEX res_code ON res (tenant, rtype, code, dt DESC, k) INCLUDE (q) WHERE code IS NOT NULL AND NOT deleted;
CREATE INDEX res_dt ON res (tenant, rtype, dt DESC, k) WHERE NOT deleted;
-- What lasts longer than a day: "gt" asks for ends, and those rows cannot be found by their start.
CREATE INDEX res_long ON res (tenant, rtype, dt DESC, k, dt_hi) WHERE dt_hi - dt > 86400000000 AND NOT deleted;
CREATE INDEX res_h ON res (tenant, h);        -- from a reference to its target: chains, _has, _sort by reference
CREATE INDEX res_lu ON res (tenant, rtype, lu, k) WHERE NOT deleted;
CREATE INDEX res_keys ON res USING gin (keys) WITH (fastupdate = on, gin_pending_list_limit = 1024);
ALTER TABLE res ALTER COLUMN keys SET STATISTICS 1000;

CREATE SEQUENCE node_seq;  -- servers number themselves at start; the number is part of k

-- Every version ever, the current one included.
CREATE TABLE res_history (
    k       int8 NOT NULL,
    xid     xid8 NOT NULL,
    lu      timestamptz NOT NULL,
    tenant  int4 NOT NULL,
    ver     int4 NOT NULL,
    rtype   int2 NOT NULL,
    op      int2 NOT NULL,                    -- 1 create (POST), 2 update (PUT), 3 delete, 4 patch, 5 create by PUT
    rid     text COLLATE "C" NOT NULL,
    acc     int8[] NOT NULL DEFAULT '{}',     -- compartments and labels of this version
    content text COMPRESSION lz4,
    sealed  bytea,
    PRIMARY KEY (tenant, k, ver)
);
CREATE INDEX res_history_xid ON res_history (tenant, xid, k);
CREATE INDEX res_history_type ON res_history (tenant, rtype, xid, k);
CREATE INDEX res_history_lu ON res_history USING brin (lu);

-- Side tables of the search index; see include/search/index.h.
CREATE TABLE idx_str (
    k int8 NOT NULL, tenant int4 NOT NULL, param int4 NOT NULL, rtype int2 NOT NULL,
    val text COLLATE "C" NOT NULL, raw text COLLATE "C"
);
CREATE INDEX idx_str_val ON idx_str (tenant, rtype, param, val, k);
CREATE INDEX idx_str_k ON idx_str (k);
CREATE INDEX idx_str_trgm ON idx_str USING gin (val gin_trgm_ops) WITH (fastupdate = on);

CREATE TABLE idx_date (
    k int8 NOT NULL, lo int8 NOT NULL, hi int8 NOT NULL, tenant int4 NOT NULL, param int4 NOT NULL, rtype int2 NOT NULL
);
CREATE INDEX idx_date_lo ON idx_date (tenant, rtype, param, lo, hi, k);
CREATE INDEX idx_date_long ON idx_date (tenant, rtype, param, hi, lo, k) WHERE hi - lo > 86400000000;
CREATE INDEX idx_date_k ON idx_date (k);

CREATE TABLE idx_num (
    k int8 NOT NULL,
    sc int8 NOT NULL,                         -- hash of the standard unit; 0: none
    c int8 NOT NULL, u int8 NOT NULL,         -- hashes of code and unit as written; 0: none
    tok int8 NOT NULL,                        -- composites: hash of the token beside the number; 0: none
    tenant int4 NOT NULL, param int4 NOT NULL, rtype int2 NOT NULL,
    lo numeric NOT NULL, hi numeric NOT NULL, -- as written
    slo numeric, shi numeric                  -- in the standard unit
);
CREATE INDEX idx_num_lo ON idx_num (tenant, rtype, param, tok, lo, hi, k);
CREATE INDEX idx_num_range ON idx_num (tenant, rtype, param, tok, hi, lo, k) WHERE lo <> hi;
CREATE INDEX idx_num_standard ON idx_num (tenant, rtype, param, tok, sc, slo, shi, k) WHERE sc <> 0;
CREATE INDEX idx_num_standard_range ON idx_num (tenant, rtype, param, tok, sc, shi, slo, k) WHERE sc <> 0 AND slo <> shi;
CREATE INDEX idx_num_k ON idx_num (k);

CREATE TABLE idx_ovf (
    k int8 NOT NULL, val int8 NOT NULL, dt int8 NOT NULL, tenant int4 NOT NULL, rtype int2 NOT NULL, lane int2 NOT NULL
);
CREATE INDEX idx_ovf_val ON idx_ovf (tenant, rtype, lane, val, dt DESC, k);
CREATE INDEX idx_ovf_k ON idx_ovf (k);

-- One row for each distinct value.
CREATE TABLE idx_dict (
    key int8 NOT NULL, tenant int4 NOT NULL, param int4 NOT NULL, rtype int2 NOT NULL,
    kind int2 NOT NULL,                       -- 1 code, 2 text, 3 uri
    val text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, rtype, param, kind, key)
);
CREATE INDEX idx_dict_val ON idx_dict (tenant, rtype, param, kind, val);
