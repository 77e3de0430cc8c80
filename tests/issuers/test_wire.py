"""Frames and fields: what is read comes out as it went in, and nothing else is read."""

import iso8583
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payseal.issuers.iso8583 import scrub, wire
from payseal.issuers.iso8583.wire import Malformed

APPROVED = (
    b"0210323800010EC0800000000000000000125011221700000000021700001122"
    b"06123456PS26N22ABC01A1B2C300PAYSEAL1MERCHANT0000001978"
)


def test_the_example_of_the_specification_is_read():
    assert wire.decode(APPROVED) == {
        "t": "0210",
        "3": "000000",
        "4": "000000001250",
        "7": "1122170000",
        "11": "000002",
        "12": "170000",
        "13": "1122",
        "32": "123456",
        "37": "PS26N22ABC01",
        "38": "A1B2C3",
        "39": "00",
        "41": "PAYSEAL1",
        "42": "MERCHANT0000001",
        "49": "978",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0210",
        APPROVED[:-1],
        APPROVED + b"0",
        APPROVED.replace(b"EC08", b"eC08"),  # a bitmap in small letters
        APPROVED.replace(b"000000001250", b"00000000125x"),
        APPROVED.replace(b"000000001250", b"00000000-125"),
        APPROVED.replace(b"06123456", b"+6123456"),
        APPROVED.replace(b"06123456", b" 6123456"),
        APPROVED.replace(b"A1B2C3", b"A1B2C\xe9"),
        APPROVED.replace(b"A1B2C3", b"A1B\nC3"),
        APPROVED.replace(b"3238", b"3A38", 1),  # field 5 is not in the table
        b"02108000000000000000" + b"8000000000000000",  # field 65
        b"02107",
        b"\x00" * 40,
    ],
)
def test_what_is_no_message_is_malformed(body):
    with pytest.raises(Malformed):
        wire.decode(body)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, byte: APPROVED[:at] + bytes([byte]) + APPROVED[at + 1 :],
            st.integers(0, len(APPROVED) - 1),
            st.integers(0, 255),
        ),
    )
)
def test_no_bytes_make_the_reader_fail_otherwise(body):
    try:
        message = wire.decode(body)
    except Malformed:
        return
    assert wire.encode(message)[2:] == body


@given(st.data())
def test_what_the_library_writes_is_read_and_any_other_spelling_is_not(data):
    lengths = {field: length for field, (_, length) in wire._TABLE.items() if field != "t"}
    message = {"t": "0210"}
    for field in data.draw(st.lists(st.sampled_from(sorted(lengths)), unique=True)):
        longest = int(lengths[field].lstrip("."))
        size = data.draw(st.integers(1, longest)) if "." in lengths[field] else longest
        message[field] = "1" * size
    written, _ = iso8583.encode(dict(message), wire._SPEC)
    assert wire.decode(bytes(written)) == message
    assert wire.encode(message)[2:] == written


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.data())
def test_frames_come_apart_wherever_the_network_cuts_them(bodies, data):
    sent = b"".join(len(body).to_bytes(2, "big") + body for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    found, rest = [], b""
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        whole, rest = wire.frames(rest + sent[start:end])
        found += whole
    assert (found, rest) == (bodies, b"")


@pytest.mark.parametrize("length", [0, 2049, 65535])
def test_a_frame_of_no_length_or_too_much_is_malformed_at_once(length):
    with pytest.raises(Malformed):
        wire.frames(length.to_bytes(2, "big"))


def test_a_message_without_its_type_cannot_be_written():
    with pytest.raises(Malformed):
        wire.encode({"39": "00"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("9203123", {"92": "123"}),
        ("010200" + "0201A", {"01": "00", "02": "A"}),
        ("0100", {"01": ""}),
    ],
)
def test_field_48_comes_apart(text, found):
    assert wire.subelements(text) == found


@pytest.mark.parametrize("text", ["9", "920", "920312", "x203123", "0102000102AA", "92+3123"])
def test_a_broken_field_48_is_malformed(text):
    with pytest.raises(Malformed):
        wire.subelements(text)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("4242424242424242", "424242******4242"),
        ("378282246310005", "378282*****0005"),
        ("4242424242", "**********"),
        ("42", "**"),
    ],
)
def test_a_log_sees_ten_digits_at_most_and_no_private_data(number, shown):
    message = {"t": "0200", "2": number, "14": "3012", "48": "9203737", "37": "PS26N22ABC01"}
    assert scrub(message) == {"t": "0200", "2": shown, "37": "PS26N22ABC01"}


def test_an_error_names_the_field_and_not_its_value():
    with pytest.raises(Malformed) as caught:
        wire.encode({"t": "0200", "2": "4242424242424242x"})
    assert str(caught.value) == "field 2"
