-- Sorting by a code looks up the keys of each row. By (tenant, rtype, param, kind, key) the planner could not know that a
-- parameter has as many values as there are resources (an identifier), and read all of them for each row.
ALTER TABLE idx_dict DROP CONSTRAINT idx_dict_pkey, ADD PRIMARY KEY (tenant, key, rtype, param, kind);
