"""Views: what an analyst may query, a row and a column for each thing, and nobody can change.

Only names stand here, of tables and of members of bodies: so they are data of the adapter, and no
feature is imported. A test reads real records through them. They show nothing of a payer but the
card's brand and last four digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from payseal.core.ids import ACCOUNT_CHARS, MOMENT_CHARS, PREFIX_CHARS, SHARD_CHARS
from payseal.core.money import Currency

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_DECIMALS = 2  # of most currencies

_FUNCTIONS = """
CREATE OR REPLACE FUNCTION {rows}.amount(money jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round((money->>0)::numeric * power(10::numeric, -decimals), decimals)
    FROM (SELECT CASE {exponents} ELSE {decimals} END) AS currency (decimals)
$$;
CREATE OR REPLACE FUNCTION {rows}.made_at(id text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_timestamp(sum(
        (strpos('{digits}', substr(id, {moment} + n, 1)) - 1) * power(32::numeric, {chars} - n)
    ) / 1000.0) FROM generate_series(1, {chars}) AS n
$$;
"""
_OWNER = """substr(r.id, {account}, {account_chars}) AS account,
    CASE WHEN substr(r.id, {shard}, 1) >= 'g' COLLATE "C" THEN 'test' ELSE 'live' END AS mode"""
# More than one source makes a view read-only.
_FROM = "FROM {table} AS r CROSS JOIN (VALUES (true)) AS one"


class View(NamedTuple):
    """A view on one table; `called`: members that its bodies have under another name."""

    table: str
    called: dict[str, str]
    sql: str


class _Words(dict[str, str]):
    """What stands for a word of the SQL of a view: the name of a member, if nothing else."""

    def __missing__(self, word: str) -> str:
        return f"'{word}'"


VIEWS = {
    "payments": View(
        "links",
        {},
        """
        SELECT r.id, {owner}, coalesce(r.body->>{status}, 'open') AS status,
            {rows}.amount(r.body->{amount}) AS amount, r.body->{amount}->>1 AS currency,
            r.body->>{method} AS method, r.body->>{issuer} AS issuer, r.body->>{realm} AS realm,
            coalesce(r.body->>{description}, '') AS description,
            CASE WHEN r.body ? {max_payments} THEN (r.body->>{max_payments})::int ELSE 1 END
                AS max_payments,
            (r.body->>{date})::timestamptz AS date,
            (r.body->>{expires_at})::timestamptz AS expires_at,
            {rows}.made_at(r.id) AS created_at, r.version {from_}
        """,
    ),
    "transactions": View(
        "transactions",
        {},
        """
        SELECT r.id, r.body->>{link} AS payment, {owner},
            coalesce(r.body->>{status}, 'started') AS status,
            {rows}.amount(r.body->{amount}) AS amount, r.body->{amount}->>1 AS currency,
            r.body->>{issuer} AS issuer, r.body->>{realm} AS realm,
            r.body->>{brand} AS card_brand, r.body->>{last4} AS card_last4,
            r.body->>{reason} AS reason, r.body->>{approval_code} AS approval_code,
            {rows}.made_at(r.id) AS created_at, r.version,
            {rows}.amount(CASE r.body->>{status} WHEN {captured} THEN
                coalesce(r.body->{closing}->{amount}, r.body->{amount})
                ELSE jsonb_build_array(0, r.body->{amount}->1) END) AS captured,
            {rows}.amount(jsonb_build_array(
                coalesce(r.body->{refunded}, '0'), r.body->{amount}->1)) AS refunded {from_}
        """,
    ),
    "refunds": View(
        "refunds",
        {},
        """
        SELECT r.id, r.body->>{transaction} AS transaction, r.body->>{payment} AS payment, {owner},
            coalesce(r.body->>{status}, 'started') AS status,
            {rows}.amount(r.body->{amount}) AS amount, r.body->{amount}->>1 AS currency,
            r.body->>{issuer} AS issuer, r.body->>{realm} AS realm,
            coalesce(r.body->>{reason}, '') AS reason, r.body->>{why} AS why,
            {rows}.made_at(r.id) AS created_at, r.version {from_}
        """,
    ),
    "entries": View(
        "entries",
        {},
        """
        SELECT r.id, line.n AS line, r.body->>{transaction} AS transaction,
            r.body->>{operation} AS operation, {owner}, line.body->>0 AS ledger_account,
            {rows}.amount(line.body->1) AS amount, line.body->1->>1 AS currency,
            (r.body->>{at})::timestamptz AS booked_at {from_}
            CROSS JOIN jsonb_array_elements(r.body->{lines}) WITH ORDINALITY AS line (body, n)
        """,
    ),
}


def views(name: str, rows: str, tables: Sequence[str]) -> list[str]:
    """The statements that make those views whose tables are there."""
    there = {title: view for title, view in VIEWS.items() if view.table in tables}
    if not there:
        return []
    functions = _FUNCTIONS.format(
        rows=rows,
        exponents=_exponents(),
        decimals=_DECIMALS,
        digits=_DIGITS,
        moment=_MOMENT,
        chars=MOMENT_CHARS,
    )
    made = [_view(f"{name}.{title}", rows, view) for title, view in there.items()]
    return [f"CREATE SCHEMA IF NOT EXISTS {name}", functions, *made]


_ACCOUNT = PREFIX_CHARS + 2  # SQL counts characters from 1
_SHARD = _ACCOUNT + ACCOUNT_CHARS
_MOMENT = _SHARD + SHARD_CHARS - 1


def _view(title: str, rows: str, view: View) -> str:
    words = _Words(
        rows=rows,
        owner=_OWNER.format(account=_ACCOUNT, account_chars=ACCOUNT_CHARS, shard=_SHARD),
        from_=_FROM.format(table=f"{rows}.{view.table}"),
    )
    words.update({word: f"'{name}'" for word, name in view.called.items()})
    return f"CREATE OR REPLACE VIEW {title} AS {view.sql.format_map(words)}"


def _exponents() -> str:
    """The decimals of currencies that have other than two (ISO 4217)."""
    codes: defaultdict[int, list[str]] = defaultdict(list)
    for currency in Currency:
        if currency.exponent not in (None, _DECIMALS):
            codes[currency.exponent].append(f"'{currency.value}'")
    return " ".join(
        f"WHEN money->>1 IN ({', '.join(sorted(those))}) THEN {exponent}"
        for exponent, those in sorted(codes.items())
    )
