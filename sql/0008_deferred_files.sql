-- Answers of deferred requests as files of NDJSON (_outputFormat); content of deferred is their manifest then.
ALTER TABLE deferred ADD COLUMN manifest bool NOT NULL DEFAULT false;

CREATE UNLOGGED TABLE deferred_file (
    id      text COLLATE "C" NOT NULL,
    tenant  int4 NOT NULL,
    n       int4 NOT NULL,
    content text COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (tenant, id, n),
    FOREIGN KEY (tenant, id) REFERENCES deferred (tenant, id) ON DELETE CASCADE
);
