-- The words of resources (_text, _content), with their positions; those of the narrative have weight A.
CREATE TABLE idx_text (
    k int8 NOT NULL, tenant int4 NOT NULL, rtype int2 NOT NULL,
    v tsvector NOT NULL
);
CREATE INDEX idx_text_v ON idx_text USING gin (v) WITH (fastupdate = on);
CREATE INDEX idx_text_k ON idx_text (k);

-- What the index rows of everything that is stored have. Words: 0 of nothing, 1 of narratives, 2 of all text.
CREATE TABLE index_state (
    since  timestamptz NOT NULL DEFAULT now(), -- what has been indexed since then has words as kept says
    tenant int4 PRIMARY KEY,
    kept   int2 NOT NULL,                      -- by the server that began last
    text   int2 NOT NULL                       -- of everything
);

-- Kilometres between two points on a sphere of the earth's mean radius (haversine).
CREATE FUNCTION kagari_km(lat1 float8, lon1 float8, lat2 float8, lon2 float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2 * 6371.0088 * asin(sqrt(least(1, power(sin(radians(lat2 - lat1) / 2), 2) +
        cos(radians(lat1)) * cos(radians(lat2)) * power(sin(radians(lon2 - lon1) / 2), 2))))
$$;
