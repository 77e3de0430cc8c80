"""The function that commits: a group of callers is one call of it, and each has a block.

It is made for the tables that are stored, so that every statement in it is static and its plan is
kept. A block is a sub-transaction: who loses leaves the others of the group be.
"""

from __future__ import annotations

from collections.abc import Sequence

# What a change does; `ABSENT` checks that nothing is there.
INSERT, UPDATE, DELETE, CHECK, ABSENT = range(5)

# Once a wait for a row was in vain, the others of the group wait no longer than this.
IMPATIENT_MS = 10

# `lost` of a caller: 0 it is done, n its n-th change lost, -n a row of that one was never free;
# `failed`: what else went wrong. Changes come in the order of their keys, `places` says where they
# stood. A row that several groups want is locked before all blocks, in the order of keys that all
# groups have in common; what has not been free by then is left to the block of who wants it.
# An event is numbered by the transaction and its place therein: see the feed in `table`.
_FUNCTION = """
CREATE OR REPLACE FUNCTION {schema}.commit(
    stamps bigint[], counts int[], tables int[], ids text[], verbs int[], befores int[],
    parents text[], dues bigint[], bodies text[], places int[],
    lock_tables int[], lock_ids text[], lock_whole boolean[],
    OUT lost int[], OUT failed text[]
) LANGUAGE plpgsql AS $function$
DECLARE
    era int; i int := 0; bound int := 0; loser int; won boolean;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({key});  -- migrations wait for us, and we for them
    SELECT epoch INTO STRICT era FROM {schema}.schema;
    IF cardinality(lock_ids) > 0 THEN
        BEGIN
            FOR k IN 1 .. cardinality(lock_ids) LOOP
                CASE lock_tables[k]
{locks}
                END CASE;
            END LOOP;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            PERFORM set_config('lock_timeout', '{impatient_ms}', true);
        END;
    END IF;
    FOR caller IN 1 .. cardinality(counts) LOOP
        i := bound;
        bound := bound + counts[caller];
        loser := 0;
        BEGIN
            WHILE i < bound LOOP
                i := i + 1;
                CASE tables[i]
{changes}
                END CASE;
                IF NOT won AND (loser = 0 OR places[i] < loser) THEN
                    loser := places[i];
                END IF;
            END LOOP;
            IF loser > 0 THEN
                RAISE EXCEPTION USING ERRCODE = 'PSLOS', MESSAGE = 'lost';
            END IF;
            failed := failed || NULL::text;
        EXCEPTION
            WHEN SQLSTATE 'PSLOS' THEN
                failed := failed || NULL::text;
            WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
                loser := -places[i];
                failed := failed || NULL::text;
                PERFORM set_config('lock_timeout', '{impatient_ms}', true);
            WHEN OTHERS THEN
                loser := places[i];
                failed := failed || (SQLSTATE || ': ' || SQLERRM);
        END;
        lost := lost || loser;
    END LOOP;
END
$function$
"""

_LOCK = """
WHEN {number} THEN
    IF lock_whole[k] THEN
        PERFORM 1 FROM {table} WHERE id = lock_ids[k] FOR NO KEY UPDATE;
    ELSE
        PERFORM 1 FROM {table} WHERE id = lock_ids[k] FOR SHARE;
    END IF;
"""

# That nothing is there stays so until the end of the transaction, as what is put there in passing
# makes others who want the place wait.
_CHANGE = """
WHEN {number} THEN
    CASE verbs[i]
    WHEN {INSERT} THEN
        INSERT INTO {table} (id, version, parent, due, stamp, body{more})
        VALUES (ids[i], 1, parents[i], dues[i], stamps[caller], bodies[i]::jsonb{values})
        ON CONFLICT (id) DO NOTHING;
        won := FOUND;
    WHEN {UPDATE} THEN
        UPDATE {table} SET version = befores[i] + 1, parent = parents[i], due = dues[i],
            stamp = stamps[caller], body = bodies[i]::jsonb
        WHERE id = ids[i] AND version = befores[i];
        won := FOUND;
    WHEN {DELETE} THEN
        DELETE FROM {table} WHERE id = ids[i] AND version = befores[i];
        won := FOUND;
    WHEN {CHECK} THEN
        PERFORM 1 FROM {table} WHERE id = ids[i] AND version = befores[i] FOR SHARE;
        won := FOUND;
    WHEN {ABSENT} THEN
        INSERT INTO {table} (id, version, stamp, body{more})
        VALUES (ids[i], 0, stamps[caller], '{{}}'{values})
        ON CONFLICT (id) DO NOTHING;
        won := FOUND;
        IF won THEN
            DELETE FROM {table} WHERE id = ids[i];
        END IF;
    END CASE;
"""
_EVENT_COLUMNS = ", epoch, xid, seq"
_EVENT_VALUES = ", era, pg_current_xact_id(), caller * 64 + places[i]"


def commit_function(schema: str, key: int, tables: Sequence[str], events: str) -> str:
    """The statement that makes it; a table's number is its place in `tables`."""
    locks, changes = [], []
    for number, table in enumerate(tables):
        is_event = table == events
        locks.append(_LOCK.format(number=number, table=table))
        changes.append(
            _CHANGE.format(
                number=number,
                table=table,
                more=_EVENT_COLUMNS if is_event else "",
                values=_EVENT_VALUES if is_event else "",
                INSERT=INSERT,
                UPDATE=UPDATE,
                DELETE=DELETE,
                CHECK=CHECK,
                ABSENT=ABSENT,
            )
        )
    return _FUNCTION.format(
        schema=schema,
        key=key,
        impatient_ms=IMPATIENT_MS,
        locks="".join(locks),
        changes="".join(changes),
    )
