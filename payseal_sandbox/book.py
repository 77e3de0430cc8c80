"""The bank's book: one SQLite file, and beside it the key of its fingerprints."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeVar

import apsw
import msgspec

from payseal_sandbox.messages import Operation
from payseal_sandbox.rows import (
    PAID,
    Abilities,
    Booking,
    Callback,
    Listener,
    Reversed,
    Status,
)
from payseal_sandbox.schema import bring_up_to_date

ROWS_MAX: Final = 10_000
_KEY_BYTES: Final = 32
_BUSY_MS: Final = 5_000
Row = TypeVar("Row", Booking, Reversed, Callback)
_TABLE_OF: Final[dict[type[msgspec.Struct], str]] = {
    Booking: "booking",
    Reversed: "reversal",
    Callback: "callback",
}


class BookTaken(Exception):
    """Another bank has this book open."""


class BookBroken(Exception):
    """The book is there, but the key beside it is not: its fingerprints mean nothing."""


class Book:
    """The queries of the book, on one connection; `commit` makes what is inside it durable."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self._db = apsw.Connection(
            str(path), flags=apsw.SQLITE_OPEN_READONLY if read_only else flags
        )
        self._db.set_busy_timeout(_BUSY_MS)
        if not read_only:
            self._db.transaction_mode = "IMMEDIATE"
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "full")
            bring_up_to_date(self._db)

    def commit(self) -> AbstractContextManager[object]:
        """What is written inside is on the disk after it: all of it, or nothing."""
        return self._db

    def find(self, kind: type[Row], operation: Operation) -> Row | None:
        """The booking, or the reversal, of an operation."""
        rows = self._db.execute(
            f"{_select(kind)} WHERE reference = ? AND merchant = ?",
            (operation.reference, operation.merchant),
        )
        return next((_read(kind, row) for row in rows), None)

    def insert(self, row: Booking | Reversed | Callback) -> None:
        """Write a new row; the book gives it its sequence."""
        names = row.__struct_fields__[1:]
        self._db.execute(
            f"INSERT INTO {_TABLE_OF[type(row)]} ({', '.join(names)}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(names))})",
            [getattr(row, name) for name in names],
        )

    def reverse(self, booking: Booking, at: str) -> None:
        """An approved booking becomes a reversed one."""
        self._db.execute(
            "UPDATE booking SET status = ?, reversed_at = ? WHERE sequence = ? AND status = ?",
            (Status.REVERSED, at, booking.sequence, Status.APPROVED),
        )
        assert self._db.changes() == 1, "only an approved booking can be reversed"

    def lose(self, chargeback: Booking, at: str) -> None:
        """A chargeback becomes final."""
        self._db.execute(
            "UPDATE booking SET lost_at = ? WHERE sequence = ?", (at, chargeback.sequence)
        )

    def listener(self) -> Listener:
        """Who is told of chargebacks."""
        row = self._db.execute("SELECT url, secret FROM listener").fetchone()
        return Listener(*row) if row else Listener()

    def set_listener(self, listener: Listener) -> None:
        """Tell this one from now on, for as long as the book lives."""
        self._db.execute(
            "INSERT OR REPLACE INTO listener (one, url, secret) VALUES (1, ?, ?)",
            (listener.url, listener.secret),
        )

    def callbacks(self, *, due: str, limit: int) -> list[Callback]:
        """What is to be told by now, the oldest first."""
        rows = self._db.execute(
            f"{_select(Callback)} WHERE due <= ? ORDER BY sequence LIMIT ?", (due, limit)
        )
        return [_read(Callback, row) for row in rows]

    def put_off(self, callback: Callback, due: str) -> None:
        """It was not heard: again at that moment."""
        self._db.execute(
            "UPDATE callback SET tries = tries + 1, due = ? WHERE sequence = ?",
            (due, callback.sequence),
        )

    def heard(self, callback: Callback) -> None:
        """It was."""
        self._db.execute("DELETE FROM callback WHERE sequence = ?", (callback.sequence,))

    def used(self, original: Booking) -> int:
        """How much of an original the approved bookings that name it have used."""
        ((used,),) = self._db.execute(
            "SELECT coalesce(sum(amount), 0) FROM booking "
            "WHERE original = ? AND merchant = ? AND status = ?",
            (original.reference, original.merchant, Status.APPROVED),
        )
        return int(used)

    def abilities(self) -> Abilities:
        """What the host can do; everything, in a new book."""
        names = ", ".join(Abilities.__struct_fields__)
        row = self._db.execute(f"SELECT {names} FROM ability").fetchone()  # noqa: S608
        return Abilities(*map(bool, row)) if row else Abilities()

    def set_abilities(self, abilities: Abilities) -> None:
        """Switch the abilities, for as long as the book lives."""
        names = Abilities.__struct_fields__
        self._db.execute(
            f"INSERT OR REPLACE INTO ability (one, {', '.join(names)}) "  # noqa: S608
            f"VALUES (1, {', '.join('?' * len(names))})",
            [getattr(abilities, name) for name in names],
        )

    def page(
        self, kind: type[Row], *, reference: str = "", merchant: str = "", after: int, limit: int
    ) -> list[Row]:
        """Rows in the order they were written, those of one reference or merchant if asked."""
        where = "sequence > :after"
        if reference:
            where += " AND reference = :reference"
        if merchant:
            where += " AND rtrim(merchant) = rtrim(:merchant)"
        rows = self._db.execute(
            f"{_select(kind)} WHERE {where} ORDER BY sequence LIMIT :limit",
            {"after": after, "reference": reference, "merchant": merchant, "limit": limit},
        )
        return [_read(kind, row) for row in rows]

    def moved(self, *, day: str, undone: bool, after: int, limit: int) -> list[Booking]:
        """What moved money that day (approved then), or was undone that day: as it was booked."""
        when = "reversed_at" if undone else "booked_at"
        rows = self._db.execute(
            f"{_select(Booking)} WHERE sequence > ? AND status != ? AND substr({when}, 1, 10) = ? "
            f"AND kind IN ({', '.join('?' * len(PAID))}) ORDER BY sequence LIMIT ?",
            (after, Status.DECLINED, day, *PAID, limit),
        )
        return [_read(Booking, row) for row in rows]

    def newest(self, kind: type[Row], limit: int) -> list[Row]:
        """The last rows, newest first."""
        rows = self._db.execute(f"{_select(kind)} ORDER BY sequence DESC LIMIT ?", (limit,))
        return [_read(kind, row) for row in rows]

    def close(self) -> None:
        """Give the file back."""
        self._db.close()


class BookKey:
    """The key of the fingerprints, and the lock that keeps a second bank from the same book."""

    def __init__(self, book: Path) -> None:
        path = book.with_name(f"{book.name}.key")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise BookTaken(f"Another bank has {book.name} open.") from None
        self.secret = os.pread(self._file, _KEY_BYTES, 0)
        if len(self.secret) == _KEY_BYTES:
            return
        if book.exists():
            os.close(self._file)
            raise BookBroken(f"{path.name} is lost: the cards of this book cannot be told apart.")
        self.secret = secrets.token_bytes(_KEY_BYTES)
        os.pwrite(self._file, self.secret, 0)
        os.fsync(self._file)

    def close(self) -> None:
        """Let another bank have the book."""
        os.close(self._file)


def _select(kind: type[Row]) -> str:
    return f"SELECT {', '.join(kind.__struct_fields__)} FROM {_TABLE_OF[kind]}"  # noqa: S608


def _read(kind: type[Row], row: tuple[apsw.SQLiteValue, ...]) -> Row:
    return msgspec.convert(dict(zip(kind.__struct_encode_fields__, row, strict=True)), kind)
