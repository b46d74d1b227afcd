-- Contained resources, as their containers carry them: what a row of res has for search. Their rows in the side tables have
-- their own k, and their type's number negated, so that they do not count among the values of resources.
CREATE TABLE contained (
    k       int8 NOT NULL,                    -- its own, anew with each change
    ck      int8 NOT NULL,                    -- of the container
    h       int8 NOT NULL,                    -- keyed hash of its type, the container and its id: references to #id go by it
    dt      int8 NOT NULL, dt_hi int8 NOT NULL,
    pat     int8, code int8, cat int8,
    tenant  int4 NOT NULL,
    rtype   int2 NOT NULL,
    q       numeric, q_standard numeric, q_unit int8,
    rid     text COLLATE "C" NOT NULL,        -- its id within the container
    keys    int8[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, k)
);
CREATE INDEX contained_ck ON contained (ck);
CREATE INDEX contained_dt ON contained (tenant, rtype, dt DESC, k);
CREATE INDEX contained_pat ON contained (tenant, pat, rtype) WHERE pat IS NOT NULL;
CREATE INDEX contained_h ON contained (tenant, h);
CREATE INDEX contained_keys ON contained USING gin (keys) WITH (fastupdate = on, gin_pending_list_limit = 1024);

-- A contained resource where a search expects a row of res. The container is looked up for each that was found.
CREATE VIEW res_contained AS
    SELECT c.*, p.lu, p.xid, false AS deleted FROM contained c CROSS JOIN LATERAL
        (SELECT p.lu, p.xid FROM res p WHERE p.tenant = c.tenant AND p.k = c.ck OFFSET 0) p;
