-- The main quantity in the standard unit of its kind (UCUM's base units), so that a search for a quantity with a unit is
-- answered by the row. Rows that are there already have none until they are written or indexed again; for them the
-- search asks idx_num, as it always did.
ALTER TABLE res ADD COLUMN q_standard numeric,
                ADD COLUMN q_unit int8;          -- hash of the standard unit
