-- The form of the index rows of everything that is stored: raised when what is kept of a resource changes.
ALTER TABLE index_state ADD COLUMN form int2 NOT NULL DEFAULT 0, ADD COLUMN kept_form int2 NOT NULL DEFAULT 0;
