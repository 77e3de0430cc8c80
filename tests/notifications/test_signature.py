import base64
from datetime import UTC, datetime

from standardwebhooks import Webhook

from payseal.notifications import sign
from payseal.notifications.signature import SECRET_BYTES, new_secret, signed_headers

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
