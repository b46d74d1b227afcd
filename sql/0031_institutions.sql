-- The institutions whose data this database holds (docs/institutions.md); id is `tenant` in every other table. The first one
-- is the server's own: its settings are those of the configuration file.
CREATE TABLE institution (
    made     timestamptz NOT NULL DEFAULT now(),
    id       int4 PRIMARY KEY,
    state    int2 NOT NULL DEFAULT 1,         -- 1 active, 2 suspended, 3 being removed
    name     text COLLATE "C" NOT NULL UNIQUE,
    settings text NOT NULL DEFAULT '',        -- those that differ from the server's, "key = value" a line
    salt     bytea NOT NULL DEFAULT ''        -- of its hash key
);
INSERT INTO institution (id, name) VALUES (1, 'main');

-- Numbers that were given once are not given again.
CREATE SEQUENCE institution_seq AS int4 START 2;
