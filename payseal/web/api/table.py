"""A table of payments for a spreadsheet (RFC 4180)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime

from payseal.links import Form, Link

COLUMNS = ("createdAt", "payment", "status", "amount", "currency", "quantity")
OTHER = "otherAnswers"  # to questions that the form had before
# What a spreadsheet would run as a formula (OWASP, CSV injection); a number is none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


def csv_of(form: Form, links: Sequence[Link], at: datetime) -> bytes:
    """A row for each, with a column for each of the form's fields."""
    names = [field.name for field in form.fields]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in (*COLUMNS, *names, OTHER)])
    for link in links:
        rest = [f"{name}: {said}" for name, said in link.answers.items() if name not in names]
        facts = (
            f"{link.created_at:%Y-%m-%dT%H:%M:%SZ}",
            link.id,
            link.shown(at).value,
            str(link.amount),
            link.amount.currency.value,
            str(link.quantity),
        )
        answers = [link.answers.get(name, "") for name in names]
        writer.writerow([_cell(cell) for cell in (*facts, *answers, "; ".join(rest))])
    return text.getvalue().encode()


def _cell(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
