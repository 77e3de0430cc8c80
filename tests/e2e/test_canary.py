"""After everything else: what must not be kept, is not."""

import re

import pytest

from tests.e2e.people import (
    AMEX,
    AMEX_CODE,
    APPROVED,
    CODE,
    DECLINED,
    INSUFFICIENT,
    MUTE,
    SLOW,
    Page,
    form,
    pay,
)

# Those of `test_three_ds.py` waited in a vault.
CHALLENGED, UNTOLD, STEP_UP = (f"4000 0000 0000 {last}" for last in ("3220", "3246", "3063"))
CARDS = (APPROVED, DECLINED, INSUFFICIENT, SLOW, MUTE, AMEX, CHALLENGED, UNTOLD, STEP_UP)
# Four digits stand alone nowhere else; three would by chance, so they are looked for by name.
CODES = re.compile(
    rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])|cvc\W{1,4}%b" % (AMEX_CODE.encode(), CODE.encode())
)
TOKENS = re.compile(rb"eyJ[\w-]+\.[\w-]+|sk_(test|live)_\w|whsec_|/p/[\w-]{8}")


def ways_to_write(number):
    """In clear, in groups, in a form, packed, and as a number."""
    digits, grouped = number.replace(" ", ""), number
    value, width = int(digits), len(digits) + len(digits) % 2
    return (
        digits.encode(),
        grouped.encode(),
        grouped.replace(" ", "+").encode(),
        grouped.replace(" ", "%20").encode(),
        grouped.replace(" ", "-").encode(),
        bytes.fromhex(digits.rjust(width, "0")),
        value.to_bytes(8, "big"),
        value.to_bytes(8, "little"),
    )


@pytest.fixture(scope="module")
def files(folders, server, merchant):
    """All that was written, also by payments that were declined, refused or typed wrongly."""
    for card in (AMEX, INSUFFICIENT):
        pay(merchant.payment()["url"], card)
    url = merchant.payment()["url"]
    attempt = Page(merchant.http.get(url)).attempt
    typed = form(attempt, AMEX)
    for wrong in ({"expiry": "13 / 99"}, {"number": APPROVED}, {"number": AMEX + "0"}):
        assert merchant.http.post(url, data=typed | wrong).status_code == 422
    assert merchant.http.post(url, json=typed).status_code == 415
    assert merchant.http.post(url, data=typed | {"more": "x" * 20_000}).status_code == 413
    assert merchant.http.get(url, params=typed).status_code == 200
    (server.folder / "server.log").write_text(server.log)
    found = [file for file in folders.rglob("*") if file.is_file()]
    assert any(file.name.endswith("-wal") for file in found)
    return found


@pytest.mark.parametrize("number", CARDS)
def test_no_file_holds_a_card_number(files, number):
    needles = ways_to_write(number)
    for file in files:
        held = file.read_bytes()
        assert not any(needle in held for needle in needles), file


def test_no_file_holds_a_security_code(files):
    for file in files:
        found = CODES.search(file.read_bytes())
        assert not found, (file, found)


def test_no_log_holds_a_token_or_a_secret(files):
    logs = [file for file in files if file.suffix == ".log"]
    assert logs
    for log in logs:
        found = TOKENS.search(log.read_bytes())
        assert not found, (log, found)


def test_the_search_finds_what_it_looks_for(tmp_path):
    for text in ways_to_write(AMEX):
        assert text
    for text in (b'{"cvc": "739"}', b"cvc=739", b"\x00\x048317\x01"):
        assert CODES.search(text), text
    for text in (b"eyJhbGciOi.eyJleHAi", b"GET /p/eyJhbGciOi", b"sk_test_abc", b"whsec_abc"):
        assert TOKENS.search(text), text
