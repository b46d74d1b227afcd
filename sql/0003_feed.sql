-- The change feed: cursors name the epoch they are of. Transaction ids, by which the feed goes, begin anew or lose
-- their last ones when a database is restored; a cursor of another epoch is refused (docs/history.md).

-- Raised by `kagari migrate --new-epoch`, for copies that PostgreSQL cannot tell from the original.
CREATE TABLE feed_epoch (n int8 NOT NULL);
INSERT INTO feed_epoch VALUES (1);

-- Another cluster (dump and restore, upgrade), another timeline (point-in-time recovery, failover), another database.
CREATE FUNCTION kagari_epoch() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT e.n || '-' || to_hex(hashtextextended(s.system_identifier || '/' ||
        substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/' || d.oid, e.n))
    FROM feed_epoch e, pg_control_system() s, pg_database d WHERE d.datname = current_database()
$$;

-- After a restore. A dump carries the transaction ids of the cluster it was made in; where this one has not come as
-- far, all versions become those of one early transaction, which orders them by k and ver.
CREATE FUNCTION kagari_new_epoch() RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE
    horizon xid8 := pg_snapshot_xmax(pg_current_snapshot());
    raised int8;
BEGIN
    IF EXISTS (SELECT 1 FROM res_history WHERE xid >= horizon) OR EXISTS (SELECT 1 FROM res WHERE xid >= horizon) THEN
        UPDATE res_history SET xid = '3';
        UPDATE res SET xid = '3';
    END IF;
    UPDATE feed_epoch SET n = n + 1 RETURNING n INTO raised;
    RETURN raised;
END
$$;
