-- Which key the search index is made with, by a hash under that key: a server with another one would find nothing,
-- and write what others do not find.
CREATE TABLE hash_key (
    tenant      int4 PRIMARY KEY,
    fingerprint int8 NOT NULL
);
