"""What analysts see of payments: real records, read through the views."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from msgspec.structs import replace

from payseal.core.ids import Mint, Mode, home
from payseal.core.money import Currency, Money, exponent_of
from payseal.core.record import Record
from payseal.core.store import Insert
from payseal.issuers import Operation, OperationKind
from payseal.ledger import Entry, capture
from payseal.links import Link
from payseal.storage.postgres import PostgresStore, migrate
from payseal.transactions import Refund, Transaction
from payseal.transactions.refund import refund_of
from tests.servers.postgres import PostgresServer

KINDS = (Link, Transaction, Refund, Entry)
AT = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
mint = Mint(os.urandom)
ACCOUNT = mint.account()


@pytest.fixture
def database(postgres_server: PostgresServer):
    name = postgres_server.database()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
async def show(database: str) -> AsyncIterator[object]:
    """The rows of a view, once the records are stored."""
    await migrate(database, KINDS, "payments")
    analyst = await asyncpg.connect(database)

    async def show(view: str, *records: Record) -> list[dict[str, object]]:
        async with PostgresStore(database, KINDS, name="payments", entropy=os.urandom) as store:
            await store.commit(*map(Insert, records))
        return [dict(row) for row in await analyst.fetch(f"SELECT * FROM payments.{view}")]

    yield show
    await analyst.close()


def link(money: Money, mode: Mode = Mode.LIVE, **more: object) -> Link:
    return Link(
        id=mint.id("lnk", home(ACCOUNT, mode), AT), amount=money, method="card", issuer="bank",
        realm="shop", date=AT - timedelta(hours=1), expires_at=AT + timedelta(days=1), **more,
    )  # fmt: skip


def transaction(of: Link) -> Transaction:
    operation = Operation(
        id="o", kind=OperationKind.PURCHASE, reference="r", merchant="m", amount=of.amount,
        asked_at=AT, call_until=AT,
    )  # fmt: skip
    return Transaction(
        id=mint.id("txn", of.partition, AT), link=of.id, place=1, realm=of.realm, amount=of.amount,
        issuer=of.issuer, operation=operation, payer="p", brand="visa", last4="4242",
        fingerprint="secret", name="Ann", email="ann@example.com",
    )  # fmt: skip


async def test_a_link_is_a_payment(show):
    euros = link(Money(1250, Currency.EUR), description="Tea")
    (row,) = await show("payments", euros)
    assert row == {
        "id": euros.id, "account": ACCOUNT, "mode": "live", "status": "open",
        "amount": Decimal("12.50"), "currency": "EUR", "method": "card", "issuer": "bank",
        "realm": "shop", "description": "Tea", "max_payments": 1, "date": euros.date,
        "expires_at": euros.expires_at, "created_at": euros.created_at, "version": 1,
    }  # fmt: skip


async def test_a_payment_says_what_became_of_it(show):
    paid = link(Money(1, Currency.EUR), Mode.TEST, max_payments=None).pay()
    endless = Link(**{n: getattr(paid, n) for n in paid.__struct_fields__ if n != "version"})
    (row,) = await show("payments", endless)
    assert (row["status"], row["mode"], row["max_payments"]) == ("paid", "test", None)


async def test_amounts_have_the_decimals_of_their_currency(show):
    currencies = [currency for currency in Currency if currency.exponent is not None]
    links = [link(Money(123456, currency)) for currency in currencies]
    rows = []
    for first in range(0, len(links), 50):
        rows = await show("payments", *links[first : first + 50])
    shown = {row["currency"]: row["amount"] for row in rows}
    for one in links:
        amount = shown[one.amount.currency.value]
        assert str(amount) == str(one.amount)
        assert -amount.as_tuple().exponent == exponent_of(one.amount.currency)
    assert {exponent_of(currency) for currency in currencies} >= {0, 2, 3}


async def test_a_transaction_is_shown_without_its_payer(show):
    one = transaction(link(Money(1250, Currency.JPY)))
    (row,) = await show("transactions", one)
    assert row == {
        "id": one.id, "payment": one.link, "account": ACCOUNT, "mode": "live", "status": "started",
        "amount": Decimal(1250), "currency": "JPY", "issuer": "bank", "realm": "shop",
        "card_brand": "visa", "card_last4": "4242", "reason": None, "approval_code": None,
        "created_at": one.created_at, "version": 1, "captured": 0, "refunded": 0,
    }  # fmt: skip


async def test_a_captured_transaction_says_so(show):
    one = transaction(link(Money(1250, Currency.EUR))).capture("A1")
    stored = Transaction(**{n: getattr(one, n) for n in one.__struct_fields__ if n != "version"})
    (row,) = await show("transactions", stored)
    assert (row["status"], row["approval_code"]) == ("captured", "A1")
    assert (row["captured"], row["refunded"]) == (Decimal("12.50"), 0)


async def test_what_was_captured_in_part_and_given_back_is_shown(show):
    held = transaction(link(Money(1250, Currency.EUR))).authorize("A1", AT)
    part = Money(500, Currency.EUR)
    closing = replace(held.operation, kind=OperationKind.CAPTURE, amount=part)
    one = held.close(closing).capture("C1").reserve(part).give_back(part)
    (row,) = await show("transactions", replace(one, version=1))
    assert (row["captured"], row["refunded"]) == (Decimal("5.00"), Decimal("5.00"))


async def test_a_refund_is_shown_with_what_became_of_it(show):
    paid = transaction(link(Money(1250, Currency.EUR))).capture("A1")
    operation = replace(paid.operation, kind=OperationKind.REFUND, amount=Money(1, Currency.EUR))
    one = refund_of(paid, mint.id("rfd", paid.partition, AT), operation, "a broken cup")
    (row,) = await show("refunds", one)
    assert row == {
        "id": one.id, "transaction": paid.id, "payment": paid.link, "account": ACCOUNT,
        "mode": "live", "status": "started", "amount": Decimal("0.01"), "currency": "EUR",
        "issuer": "bank", "realm": "shop", "reason": "a broken cup", "why": None,
        "created_at": one.created_at, "version": 1,
    }  # fmt: skip


async def test_an_entry_is_a_row_for_each_line_and_they_add_up_to_nothing(show):
    one = transaction(link(Money(1250, Currency.EUR)))
    operation = mint.id("opn", one.partition, AT)
    entry = capture(one.id, operation, "bank", one.amount, Money(43, Currency.EUR), at=AT)
    rows = await show("entries", entry)
    assert [(row["line"], row["ledger_account"], str(row["amount"])) for row in rows] == [
        (1, "clearing:bank", "12.50"),
        (2, "payable", "-12.07"),
        (3, "fees:bank", "-0.43"),
    ]
    for row in rows:
        assert (row["id"], row["transaction"], row["operation"]) == (entry.id, one.id, operation)
        assert (row["account"], row["mode"], row["currency"]) == (ACCOUNT, "live", "EUR")
        assert row["booked_at"] == AT


async def test_views_cannot_be_written_and_tell_an_analyst_nothing_else(show, database: str):
    await show("payments", link(Money(1, Currency.EUR)))
    owner = await asyncpg.connect(database)
    for statement in ("DELETE FROM", "UPDATE", "INSERT INTO"):
        tail = {"UPDATE": " SET id = ''", "INSERT INTO": " (id) VALUES ('')"}.get(statement, "")
        for view in ("payments", "transactions", "refunds", "entries"):
            with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="cannot"):
                await owner.execute(f"{statement} payments.{view}{tail}")
    await owner.execute(
        "DROP ROLE IF EXISTS analyst; CREATE ROLE analyst; GRANT USAGE ON SCHEMA payments TO"
        " analyst; GRANT SELECT ON ALL TABLES IN SCHEMA payments TO analyst; SET ROLE analyst"
    )
    assert len(await owner.fetch("SELECT * FROM payments.payments")) == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.fetch("SELECT * FROM payments_rows.links")
    await owner.execute("RESET ROLE; DROP OWNED BY analyst; DROP ROLE analyst")
    await owner.close()


async def test_a_store_without_payments_has_no_views(database: str):
    await migrate(database, (), "accounts")
    analyst = await asyncpg.connect(database)
    assert await analyst.fetch("SELECT FROM pg_namespace WHERE nspname = 'accounts'") == []
    await analyst.close()
