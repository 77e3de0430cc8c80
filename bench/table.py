"""Row: one figure and its goal; the table of them, and the file that keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from shutil import get_terminal_size

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out" / "latest.json"
WIDTH = 150
_MARKS = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}


@dataclass(frozen=True)
class Row:
    """A figure. `goal` is in words, empty where there is none; then `ok` is None."""

    name: str
    value: float | None
    unit: str
    goal: str = ""
    ok: bool | None = None
    note: str = ""


def at_least(name: str, value: float, unit: str, goal: float, note: str = "") -> Row:
    return Row(name, value, unit, f">= {goal:,g}", value >= goal, note)


def at_most(name: str, value: float, unit: str, goal: float, note: str = "") -> Row:
    return Row(name, value, unit, f"<= {goal:,g}", value <= goal, note)


def show(rows: Sequence[Row]) -> None:
    """On the terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    for name in ("unit", "goal", "met"):
        table.add_column(name, no_wrap=True)
    table.add_column("")
    for row in rows:
        value = "-" if row.value is None else _number(row.value)
        table.add_row(row.name, value, row.unit, row.goal, _MARKS[row.ok], f"[dim]{row.note}[/dim]")
    wide = max(WIDTH, get_terminal_size().columns)  # a pipe is as wide as a terminal
    Console(width=wide, highlight=False).print(table)


def keep(rows: Sequence[Row]) -> None:
    """In `bench/out/latest.json`, for programs: each name says what it is a part of."""
    found, whole = [], ""
    for row in rows:
        is_part = row.name.startswith(" ")
        whole = whole if is_part else row.name
        name = f"{whole}: {row.name.strip()}" if is_part else row.name
        value = row.value if row.value is not None and isfinite(row.value) else None
        found.append(asdict(row) | {"name": name, "value": value})
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
