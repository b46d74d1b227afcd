-- The main date (res.dt) beside the values: what a value finds is put in the order of pages without its rows. NULL: written
-- before there was this column.
ALTER TABLE idx_str ADD COLUMN dt int8;
ALTER TABLE idx_num ADD COLUMN dt int8;
DROP INDEX idx_str_val, idx_num_lo, idx_num_range, idx_num_standard, idx_num_standard_range;
CREATE INDEX idx_str_val ON idx_str (tenant, rtype, param, val, k) INCLUDE (dt);
CREATE INDEX idx_num_lo ON idx_num (tenant, rtype, param, tok, lo, hi, k) INCLUDE (dt);
CREATE INDEX idx_num_range ON idx_num (tenant, rtype, param, tok, hi, lo, k) INCLUDE (dt) WHERE lo <> hi;
CREATE INDEX idx_num_standard ON idx_num (tenant, rtype, param, tok, sc, slo, shi, k) INCLUDE (dt) WHERE sc <> 0;
CREATE INDEX idx_num_standard_range ON idx_num (tenant, rtype, param, tok, sc, shi, slo, k) INCLUDE (dt)
    WHERE sc <> 0 AND slo <> shi;
