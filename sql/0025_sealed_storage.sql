-- What is encrypted does not compress: PostgreSQL need not try.
ALTER TABLE res ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE res_history ALTER COLUMN sealed SET STORAGE EXTERNAL;
