-- What creating a link writes, by pgbench: two rows in one transaction, in the tables of the store.
\set unique random(0, 999999999)
BEGIN;
INSERT INTO payments_rows.links (due, stamp, version, id, parent, body) VALUES (
    1795435200000, :unique, 1,
    'lnk_0123456789ab00' || to_char(extract(epoch FROM clock_timestamp()) * 1000000, 'FM0000000000000000') || lpad(:unique::text, 10, '0'),
    NULL, :link);
INSERT INTO payments_rows.events (due, stamp, version, id, parent, body, epoch, xid, seq) VALUES (
    NULL, :unique, 1,
    'evt_0123456789ab00' || to_char(extract(epoch FROM clock_timestamp()) * 1000000, 'FM0000000000000000') || lpad(:unique::text, 10, '0'),
    'lnk_0123456789ab00' || to_char(extract(epoch FROM clock_timestamp()) * 1000000, 'FM0000000000000000') || lpad(:unique::text, 10, '0'),
    :event, 1, pg_current_xact_id(), 0);
COMMIT;
