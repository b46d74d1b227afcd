-- Of a sealed value (docs/identity.md): keyed hashes of each two characters that follow each other, in their order.
ALTER TABLE idx_str ADD COLUMN grams int8[];
CREATE INDEX idx_str_grams ON idx_str USING gin (grams) WITH (fastupdate = on) WHERE grams IS NOT NULL;
