-- Closure tables ($closure): the concepts that a client has named, and which of them lies below which.
CREATE TABLE closure (
    version int8 NOT NULL,                     -- grows with each call that brings something
    tenant  int4 NOT NULL,
    name    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE closure_concept (
    tenant int4 NOT NULL,
    name   text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    code   text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, name, system, code),
    FOREIGN KEY (tenant, name) REFERENCES closure (tenant, name) ON DELETE CASCADE
);

CREATE TABLE closure_edge (
    version int8 NOT NULL,                     -- that of the closure when it came
    tenant  int4 NOT NULL,
    name    text COLLATE "C" NOT NULL,
    system  text COLLATE "C" NOT NULL,
    below   text COLLATE "C" NOT NULL,
    above   text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, name, version, system, below, above),
    FOREIGN KEY (tenant, name) REFERENCES closure (tenant, name) ON DELETE CASCADE
);
