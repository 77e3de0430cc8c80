"""Every message, ours and the bank's, as another ISO 8583 library reads and writes it.

`py8583` has a field table of its own for ISO 8583:1987 in ASCII; nothing of ours goes into it.
"""

from itertools import product

import pytest
from py8583.py8583 import Iso8583
from py8583.py8583spec import IsoSpec1987ASCII

from payseal.issuers import OperationKind
from payseal.issuers.iso8583 import messages, wire
from payseal.issuers.iso8583.messages import Terminal
from payseal_sandbox import wire as bank_wire
from tests.issuers.payments import NOW, a_card, an_operation, what_follows
from tests.sandbox.test_specification import examples

FRAMES = [frame for pair in examples() for frame in pair]
TERMINAL = Terminal("123456", "PAYSEAL1", "5999", "Tea and Cakes")
BITMAP = slice(4, 36)  # after the type: sixteen digits, or twice as many
TYPES = {
    *("0100", "0110", "0200", "0210", "0220", "0230", "0400", "0410", "0420", "0430"),
    *("0600", "0610", "0800", "0810"),
}


def as_repeats():
    """The same requests sent once more: 0101, 0201, 0221, 0401, 0421."""
    for frame in FRAMES:
        if frame[2:6] in (b"0100", b"0200", b"0220", b"0400", b"0420"):
            yield frame[:5] + b"1" + frame[6:]


def as_the_connector_makes_them():
    """Each that it can send, with and without advices."""
    bought = an_operation(at=NOW)
    held = an_operation(at=NOW, kind=OperationKind.AUTHORIZE)
    yield from (messages.purchase(TERMINAL, each, a_card()) for each in (bought, held))
    for code in (messages.SIGN_ON, messages.SIGN_OFF, messages.ECHO):
        yield messages.network(TERMINAL, code, "000001", at=bought.asked_at)
    yield messages.inquiry(TERMINAL, bought, "000002", at=bought.asked_at)
    for advices, repeat in product((True, False), repeat=2):
        for kind in (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND):
            following = what_follows(held, "A1B2C3", kind, at=bought.asked_at)
            yield messages.following(TERMINAL, following, advices=advices)
        at = bought.asked_at
        yield messages.reversal(TERMINAL, bought, "000003", repeat=repeat, advices=advices, at=at)


SENT = map(wire.encode, as_the_connector_makes_them())
ALL = sorted({*FRAMES, *as_repeats(), *SENT})


def read(body):
    """The fields as the other library finds them; numbers are numbers there."""
    spec = IsoSpec1987ASCII()
    theirs = Iso8583(body, spec)
    fields = {"t": theirs.MTI()}
    for number in (n for n, there in theirs.Bitmap().items() if there and n != 1):
        value = theirs.FieldData(number)
        if spec.ContentType(number) == "n":
            fixed = spec.LengthType(number).name == "FIXED"
            value = str(value).zfill(spec.MaxLength(number) if fixed else 0)
        fields[str(number)] = value
    return fields


def written(fields):
    """The message as the other library makes it; it writes its bitmaps in small letters."""
    spec = IsoSpec1987ASCII()
    theirs = Iso8583(IsoSpec=spec)
    theirs.MTI(fields["t"])
    for number, value in ((int(n), value) for n, value in fields.items() if n != "t"):
        theirs.Field(number, 1)
        theirs.FieldData(number, int(value) if spec.ContentType(number) == "n" else value)
    body = theirs.BuildIso()
    end = BITMAP.stop if 1 in theirs.Bitmap() else BITMAP.stop - 16
    return body[:4] + body[4:end].upper() + body[end:]


def test_there_is_one_of_every_type():
    assert {frame[2:6].decode() for frame in FRAMES} >= TYPES
    assert {frame[2:6] for frame in ALL} >= {b"0101", b"0201", b"0221", b"0401", b"0421"}


@pytest.mark.parametrize("frame", ALL, ids=lambda frame: frame[2:6].decode())
def test_the_other_library_reads_what_we_write_and_we_what_it_writes(frame):
    body = frame[2:]
    ours = wire.decode(body)
    assert read(body) == ours
    assert written(ours) == body
    assert wire.encode(ours) == frame
    banks = {n: value for n, value in bank_wire.decode(written(ours)).items() if n not in "p1"}
    assert banks == ours
