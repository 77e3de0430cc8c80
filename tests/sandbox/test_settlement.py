"""The settlement file: what moved on a day, and the mistakes that a bank may make in it."""

from datetime import UTC, datetime, timedelta

import pytest

from payseal_sandbox import Bank
from payseal_sandbox.statement import StatementFault
from tests.sandbox.acquirer import calling, purchase, refund, reversal
from tests.sandbox.desk import sitting_at

STAMP, DAY = "2026-11-22T17:00:00.000Z", "2026-11-22"
COLUMNS = "kind,reference,merchant,amount,currency,fee,original,booked_at"


def shown(message, amount=1250, fee=43, kind="purchase", original="", stamp=STAMP, currency="EUR"):
    name = f"{kind},{message['37']},{message['42'].rstrip()}"
    return f"{name},{amount},{currency},{fee},{original},{stamp}"


@pytest.fixture
async def bought(line):
    """A purchase, and its approval."""
    message = purchase()
    return message, (await line.ask(message))["38"]


async def test_the_file_has_each_movement_of_the_day_its_totals_and_its_length(line, desk):
    kept, declined = purchase(), purchase("4000000000000002")
    yen = purchase("378282246310005", amount=500, f49="392", f42="SHOP".ljust(15))
    for message in (kept, declined, yen):
        await line.ask(message)
    assert await desk.settlement() == [
        f"header,1,sandbox,{DAY},{STAMP}",
        COLUMNS,
        shown(kept),
        shown(yen, 500, 32, currency="JPY"),
        "total,EUR,1,1250,43",
        "total,JPY,1,500,32",
        "trailer,2",
    ]


async def test_what_is_reversed_on_the_same_day_has_both_lines(line, desk, bought):
    await line.ask(reversal(bought[0]))
    undone = shown(bought[0], kind="reversal", original=bought[0]["37"])
    assert await desk.moved() == [shown(bought[0]), undone]


async def test_what_is_reversed_on_another_day_is_in_the_file_of_that_day(book):
    clock = [datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)]
    async with Bank(book, clock=lambda: clock[0]) as bank, sitting_at(bank.ports) as desk:
        async with calling(bank.ports) as line:
            await line.ask(message := purchase())
            clock[0] += timedelta(seconds=2)
            await line.ask(reversal(message))
        late, next_day = "2026-11-22T23:59:59.000Z", "2026-11-23T00:00:01.000Z"
        assert await desk.moved(day=DAY) == [shown(message, stamp=late)]
        assert await desk.moved() == [
            shown(message, kind="reversal", original=message["37"], stamp=next_day)
        ]


async def test_a_chargeback_is_in_the_file_and_is_given_again_once_to_who_wins(desk, line, bought):
    message = bought[0]
    name = {"reference": message["37"], "merchant": message["42"]}
    async with desk.http.post("/chargebacks", json=name | {"amount": 1000}) as response:
        row = await response.json()
    taken = shown({"37": row["reference"], "42": message["42"]}, 1000, 0, "chargeback")
    assert await desk.moved() == [shown(message), taken.replace(",0,,", f",0,{message['37']},")]
    assert (await line.ask(refund(*bought, amount=251)))["39"] == "64", "it is taken already"
    won = {"reference": row["reference"], "merchant": message["42"]}
    for status in (200, 409):
        async with desk.http.post("/chargebacks/won", json=won) as response:
            assert response.status == status
    assert (await desk.moved())[-1].startswith(f"reversal,{row['reference']},MERCHANT0000001,1000,")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({}, "before"),
        ({"amount": 1251}, "At most 1250."),
        ({"reference": "PS26NEVER"}, "No such charge stands."),
    ],
)
async def test_a_chargeback_that_cannot_be_is_refused(desk, bought, wish, sentence):
    name = {"reference": bought[0]["37"], "merchant": bought[0]["42"]}
    if not wish:
        async with desk.http.post("/chargebacks", json=name) as response:
            assert response.status == 200
    async with desk.http.post("/chargebacks", json=name | wish) as response:
        assert response.status == 409
        assert sentence in await response.text()


MISTAKES = {
    "lost_reply": lambda m: [shown(m), "purchase,LR"],
    "double_post": lambda m: [shown(m), shown(m)],
    "short_amount": lambda m: [shown(m, 1125)],
    "rounding": lambda m: [shown(m, 1249)],
    "chargeback": lambda m: [shown(m), "chargeback,CB"],
    "late_reversal": lambda m: [shown(m), shown(m, kind="reversal", original=m["37"])],
    "fee_drift": lambda m: [shown(m, fee=48)],
    "missing_line": lambda m: [],
}


@pytest.mark.parametrize("fault", StatementFault)
async def test_each_mistake_strikes_one_line_and_the_totals_are_right(line, desk, bought, fault):
    await line.ask(other := purchase())
    clean = await desk.settlement()
    lines = await desk.moved(fault)
    wanted = [*MISTAKES[fault](bought[0]), shown(other)]
    assert len(lines) == len(wanted)
    assert all(line.startswith(want) for line, want in zip(lines, wanted, strict=True))
    *_, total, trailer = await desk.settlement(fault)
    amounts = sum(int(line.split(",")[3]) for line in lines)
    fees = sum(int(line.split(",")[5]) for line in lines)
    assert (total, trailer) == (f"total,EUR,{len(lines)},{amounts},{fees}", f"trailer,{len(lines)}")
    assert await desk.settlement() == clean, "the book does not change"


async def test_a_mistake_strikes_the_movement_that_is_named_and_no_line_twice(line, desk, bought):
    await line.ask(other := purchase())
    name = other["37"]
    assert await desk.moved(f"rounding@{name}") == [shown(bought[0]), shown(other, 1249)]
    both = await desk.moved("rounding", "fee_drift")
    assert both == [shown(bought[0], 1249), shown(other, fee=48)]
    async with desk.http.get(
        "/settlement.csv?fault=rounding&fault=rounding&fault=rounding"
    ) as none:
        assert none.status == 409


@pytest.mark.parametrize("query", ["day=today", "day=2026-13-01", "fault=sulk", "dya=2026-11-22"])
async def test_what_makes_no_sense_is_refused(desk, query):
    async with desk.http.get(f"/settlement.csv?{query}") as response:
        assert response.status == 400
