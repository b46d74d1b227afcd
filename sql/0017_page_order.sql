-- Numbers with a unit in the order of pages: what very many rows match is read from the newest on, without the rows.
CREATE INDEX idx_num_dt ON idx_num (tenant, rtype, param, tok, sc, dt DESC, k) INCLUDE (slo, shi) WHERE sc <> 0;

-- The end of the main date beside its start: what is asked by date is counted without the rows.
DROP INDEX res_dt, res_code;
CREATE INDEX res_dt ON res (tenant, rtype, dt DESC, k) INCLUDE (dt_hi) WHERE NOT deleted;
CREATE INDEX res_code ON res (tenant, rtype, code, dt DESC, k) INCLUDE (q, dt_hi) WHERE code IS NOT NULL AND NOT deleted;

-- Indexes answer for the rows of pages that a vacuum has seen: after a twentieth of new rows instead of a fifth.
ALTER TABLE res SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE idx_num SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE idx_str SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE idx_ovf SET (autovacuum_vacuum_insert_scale_factor = 0.05);
