"""A book that an older bank wrote is opened by today's."""

import apsw
import pytest

from payseal_sandbox import Bank
from payseal_sandbox.book import Book
from tests.sandbox.acquirer import again, calling, purchase, refund
from tests.sandbox.conftest import NOW
from tests.sandbox.desk import sitting_at


def made_older(book):
    """The book as it was before bookings had a kind."""
    db = apsw.Connection(str(book))
    db.execute("DROP INDEX booking_original")
    for column in ("kind", "original", "asked", "eci", "ds_transaction", "lost_at"):
        db.execute(f"ALTER TABLE booking DROP COLUMN {column}")
    for column in ("partial_approvals", "advices"):
        db.execute(f"ALTER TABLE ability DROP COLUMN {column}")
    for table in ("listener", "callback"):
        db.execute(f"DROP TABLE {table}")
    db.pragma("user_version", 0)
    db.close()


async def test_a_book_from_before_there_were_refunds_has_purchases_that_can_be_refunded(book):
    message = purchase()
    async with Bank(book, clock=lambda: NOW) as bank, calling(bank.ports) as line:
        approval = (await line.ask(message))["38"]
    made_older(book)
    async with Bank(book, clock=lambda: NOW) as bank, calling(bank.ports) as line:
        async with sitting_at(bank.ports) as desk:
            row = await desk.booking(message)
        assert (row["kind"], row["original"], row["approvalCode"]) == ("purchase", None, approval)
        assert row["asked"] == row["amount"]
        assert (await line.ask(again(message)))["38"] == approval
        assert (await line.ask(refund(message, approval)))["39"] == "00"


def test_a_book_that_cannot_be_brought_up_to_date_stays_as_it_was(book):
    Book(book).close()
    made_older(book)
    db = apsw.Connection(str(book))
    db.execute("ALTER TABLE booking ADD COLUMN original TEXT")
    with pytest.raises(apsw.SQLError):
        Book(book)
    columns = [row[1] for row in db.execute("PRAGMA table_info(booking)")]
    assert "kind" not in columns
    assert db.pragma("user_version") == 0
