"""The tables of the book, and how an older book becomes one of today."""

from __future__ import annotations

from typing import Final

import apsw

# A book has run as many of these as its user_version says; the first leaves what is there as it is.
_STEPS: Final = (
    """
CREATE TABLE IF NOT EXISTS booking (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL,
    merchant TEXT NOT NULL,
    terminal TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    brand TEXT NOT NULL,
    last_four TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('approved', 'declined', 'reversed')),
    response_code TEXT NOT NULL,
    approval_code TEXT,
    booked_at TEXT NOT NULL,
    reversed_at TEXT,
    UNIQUE (reference, merchant)
) STRICT;
CREATE TABLE IF NOT EXISTS reversal (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL,
    merchant TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    outcome TEXT NOT NULL,
    received_at TEXT NOT NULL,
    UNIQUE (reference, merchant)
) STRICT;
CREATE TABLE IF NOT EXISTS ability (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    look_up INTEGER NOT NULL,
    reversal_memory INTEGER NOT NULL
) STRICT;
""",
    """
ALTER TABLE booking ADD COLUMN kind TEXT NOT NULL DEFAULT 'purchase';
ALTER TABLE booking ADD COLUMN original TEXT;
CREATE INDEX booking_original ON booking (original, merchant) WHERE original IS NOT NULL;
""",
    """
ALTER TABLE booking ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
UPDATE booking SET asked = amount;
ALTER TABLE ability ADD COLUMN partial_approvals INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ability ADD COLUMN advices INTEGER NOT NULL DEFAULT 1;
""",
    """
ALTER TABLE booking ADD COLUMN eci TEXT;
ALTER TABLE booking ADD COLUMN ds_transaction TEXT;
""",
    """
ALTER TABLE booking ADD COLUMN lost_at TEXT;
CREATE TABLE listener (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    url TEXT NOT NULL,
    secret TEXT NOT NULL
) STRICT;
CREATE TABLE callback (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due TEXT NOT NULL
) STRICT;
""",
)


def bring_up_to_date(db: apsw.Connection) -> None:
    """Run the steps that this book has not seen, all of them or none."""
    with db:
        seen: int = db.pragma("user_version")
        for number, step in enumerate(_STEPS[seen:], start=seen + 1):
            db.execute(step)
            db.pragma("user_version", number)
