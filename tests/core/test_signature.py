import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from payseal.core.signature import SECRET_BYTES, is_signed, new_secret, signed_headers
from payseal.notifications import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_vector_of_the_standard_is_met():
    signature = sign(SECRET, ID, 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_library_signs_the_same():
    at = datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC)
    body = '{"type":"link.paid","data":{"name":"Zoë ✓"}}'
    ours = sign(SECRET, ID, int(at.timestamp()), body.encode())
    assert ours == Webhook(SECRET).sign(ID, at, body)


def test_the_reference_library_accepts_our_headers():
    secret = new_secret(lambda count: bytes(range(count)))
    headers = signed_headers(secret, ID, b'{"a":1}', at=datetime.now(UTC))
    assert Webhook(secret).verify(b'{"a":1}', headers) == {"a": 1}


def test_a_secret_is_24_bytes_from_outside():
    secret = new_secret(lambda count: b"x" * count)
    assert secret.startswith("whsec_")
    assert base64.b64decode(secret[6:]) == b"x" * SECRET_BYTES == b"x" * 24


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_what_the_reference_library_signs_is_signed():
    signature = Webhook(SECRET).sign(ID, NOW, "{}")
    headers = {"webhook-id": ID, "webhook-timestamp": str(int(NOW.timestamp()))}
    for given in (signature, f"v1,AAAA {signature}", f"v2,x {signature} v1,y"):
        assert is_signed(SECRET, b"{}", headers | {"webhook-signature": given}, at=NOW)


@pytest.mark.parametrize("late", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=9)])
def test_what_is_minutes_old_or_of_tomorrow_is_not(late):
    assert not is_signed(SECRET, b"{}", signed_headers(SECRET, ID, b"{}", at=NOW), at=NOW + late)


@pytest.mark.parametrize(
    "other",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "\u0661\u0667"},
        {"webhook-timestamp": "9" * 40},
        {"webhook-timestamp": "-1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "é" * 100},
    ],
)
def test_what_is_changed_or_missing_is_not(other):
    headers = signed_headers(SECRET, ID, b"{}", at=NOW)
    assert is_signed(SECRET, b"{}", headers, at=NOW)
    assert not is_signed(SECRET, b"{} ", headers, at=NOW)
    assert not is_signed("whsec_" + "A" * 32, b"{}", headers, at=NOW)
    assert not is_signed(SECRET, b"{}", headers | other, at=NOW)
    left = {name: text for name, text in headers.items() if name not in other}
    assert not is_signed(SECRET, b"{}", left, at=NOW)
