-- With sealed identities (docs/identity.md) answers are kept under encryption: content is empty then.
ALTER TABLE deferred ADD COLUMN sealed bytea;
ALTER TABLE deferred_file ADD COLUMN sealed bytea;
