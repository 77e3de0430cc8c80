"""The written specification and the code say the same."""

import re
from pathlib import Path

from payseal_sandbox import private, wire
from payseal_sandbox.cards import KNOWN
from payseal_sandbox.codes import Code
from payseal_sandbox.connection import IN_FLIGHT_MAX
from payseal_sandbox.faults import Kind
from payseal_sandbox.host import CONNECTIONS_MAX
from payseal_sandbox.messages import Topic
from payseal_sandbox.operator.settlement import COLUMNS
from payseal_sandbox.originals import CAPTURED_WITHIN
from payseal_sandbox.rows import Booking, BookingKind
from payseal_sandbox.statement import FEE_BASIS_POINTS, FEE_FIXED, StatementFault
from tests.sandbox.acquirer import calling

SPECIFICATION = Path(__file__).parents[2] / "docs" / "sandbox-iso8583.md"
TEXT = SPECIFICATION.read_text()
CHAPTERS = {part.split()[0]: part for part in re.split(r"^## (?=\d)", TEXT, flags=re.MULTILINE)[1:]}


def first_column(chapter):
    """The first cells of a chapter's tables, without their quotes."""
    return [cell.strip("`") for cell in re.findall(r"^\| (\S+) \|", chapter, flags=re.MULTILINE)]


def test_the_field_table_is_the_one_that_the_code_reads_with():
    rows = re.findall(
        r"^\| (\w+) \| ([^|]+) \| (n|an|ans|hex) \| ([.\d]+) \| ascii \|",
        CHAPTERS["2"],
        flags=re.MULTILINE,
    )
    written = {number: wire.Field(name, form, length) for number, name, form, length in rows}
    assert written == wire.FIELDS


def test_every_response_code_is_written_down():
    assert first_column(CHAPTERS["7"])[2:] == [code.value for code in Code]


def test_every_test_card_is_written_down():
    assert first_column(CHAPTERS["9"])[2:] == list(KNOWN)


def test_every_fault_is_written_down():
    assert set(Kind) <= set(first_column(CHAPTERS["10"]))


def test_what_a_fault_may_be_on_is_written_down():
    assert f"`on` ({', '.join(f'`{topic}`' for topic in Topic)}; all" in CHAPTERS["10"]


def test_every_member_and_kind_of_a_booking_is_written_down():
    row = CHAPTERS["10"].split("A row of the book:")[1].split("\n\n")[0]
    assert set(Booking.__struct_encode_fields__) <= set(re.findall(r"\w+", row))
    assert f"`kind` ({', '.join(f'`{kind}`' for kind in BookingKind)})" in row


def test_the_columns_of_the_settlement_file_are_those_of_the_code():
    text = SPECIFICATION.with_name("settlement.md").read_text()
    assert f"\n{','.join(COLUMNS)}\n" in text
    assert set(StatementFault) <= set(first_column(text))
    assert f"{FEE_BASIS_POINTS / 100} %" in text
    assert f"{FEE_FIXED} minor units" in text


def test_the_limits_are_those_of_the_code():
    limits = CHAPTERS["8"]
    assert f"{wire.FRAME_MAX:,} bytes" in limits
    assert f"{wire.IDLE_S} s without a message" in limits
    assert f"within {wire.PARTIAL_FRAME_S} s" in limits
    assert f"| {IN_FLIGHT_MAX} messages a connection" in limits
    assert f"| {CONNECTIONS_MAX};" in limits
    assert f"within {CAPTURED_WITHIN.days} days" in limits


def examples():
    """Each frame that is sent and the one that answers it, as bytes."""
    lines = re.findall(r"^([><]) ([0-9A-F]{4}) (.+)$", CHAPTERS["11"], flags=re.MULTILINE)
    frames = [bytes.fromhex(length) + message.encode() for _, length, message in lines]
    assert [way for way, _, _ in lines] == [">", "<"] * (len(lines) // 2)
    return list(zip(frames[::2], frames[1::2], strict=True))


def with_its_approval_code(sent, approvals):
    """The request, with the code that its original was really approved with."""
    fields = wire.decode(sent[2:])
    if "38" not in fields:
        return sent
    approval = approvals[private.read(fields["48"])["03"]]
    return sent.replace(b"A1B2C3", approval.encode())


async def test_the_examples_are_what_the_bank_answers(bank):
    approvals = {}
    assert len(examples()) == 20
    async with calling(bank.ports, sign_on=False) as line:
        for sent, written in examples():
            line.send_bytes(with_its_approval_code(sent, approvals))
            answer = await line.hear()
            if "38" in answer:
                approvals[answer["37"]] = answer["38"]
                answer["38"] = "A1B2C3"
            assert wire.encode(answer) == written
