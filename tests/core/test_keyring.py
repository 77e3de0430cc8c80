from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from payseal.core.errors import Missing
from payseal.core.ids import AccountId, LinkId, Mint, home
from payseal.core.keypair import thumbprint
from payseal.core.keyring import (
    InvalidKeySet,
    KeyPair,
    Keyring,
    LinkTokenExpired,
    NotOurs,
    Purpose,
    Seal,
    verify,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON = AT + timedelta(hours=24)
LINK = LinkId(Mint(lambda n: bytes(range(n))).id("lnk", home(AccountId("a1b2c3d4e5f6")), AT))


def pair(name: str, purpose: Purpose = Purpose.LINK, start: datetime = AT, end=None) -> KeyPair:
    secret = hashlib.sha256(name.encode()).digest() * 3
    return KeyPair(
        purpose,
        secret,
        publish_at=start - timedelta(minutes=10),
        sign_from=start,
        verify_until=end,
    )


FIRST, SESSION, STRANGE = pair("first"), pair("session", Purpose.SESSION), pair("strange")
RING = Keyring((FIRST, SESSION))
SEAL = Seal(RING, "https://pay.example/")
TOKEN = SEAL.token(LINK, SOON, at=AT)
CHARACTERS = "ABCXYZabcxyz0189-_.=+/ \n\0é\u0661\uff0e\ud800"


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict, payload: bytes, sign) -> str:
    text = f"{text_of(json.dumps(header, separators=(',', ':')).encode())}.{text_of(payload)}"
    return f"{text}.{text_of(sign(text.encode()))}"


def refused_everywhere(token: str) -> bool:
    for check in (
        lambda: SEAL.open(token, at=AT),
        lambda: verify(token, RING.jwks(AT), at=AT),
    ):
        with pytest.raises(NotOurs):
            check()
    return RING.read(Purpose.SESSION, token, AT) is None


def test_a_link_opens_to_what_was_sealed():
    url = SEAL.url(LINK, SOON, at=AT)

    assert url == f"https://pay.example/p/{TOKEN}"
    assert (SEAL.open(TOKEN, at=AT).link_id, SEAL.open(TOKEN, at=AT).expires_at) == (LINK, SOON)
    assert len(TOKEN) < 340


def test_the_same_link_has_the_same_token_and_another_has_another():
    other = LinkId(LINK[:-1] + "z")

    assert SEAL.token(LINK, SOON, at=AT) == TOKEN
    assert SEAL.token(other, SOON, at=AT).split(".")[1] != TOKEN.split(".")[1]


def test_a_part_of_a_second_is_rounded_up_so_that_the_token_outlives_its_link():
    token = SEAL.token(LINK, SOON + timedelta(milliseconds=1), at=AT)

    assert SEAL.open(token, at=AT).expires_at == SOON + timedelta(seconds=1)


def test_a_token_tells_nothing_about_its_link():
    readable = base64.urlsafe_b64decode(TOKEN.split(".")[1] + "==").decode()

    assert set(json.loads(readable)) == {"exp", "sub"}
    assert LINK[4:] not in readable
    assert LINK[4:16] not in readable


def test_an_expired_token_still_opens_because_the_store_decides():
    assert SEAL.open(TOKEN, at=SOON + timedelta(days=30)).link_id == LINK


def test_any_standard_library_can_check_a_token():
    found = jws.deserialize_compact(TOKEN, OKPKey.import_key(FIRST.jwk()), algorithms=["Ed25519"])

    assert found.headers() == {"alg": "Ed25519", "kid": FIRST.kid, "typ": "payseal-link+jwt"}


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(CHARACTERS))
@example(len(TOKEN) - 1, "A")
def test_a_token_with_one_character_changed_is_not_ours(place, character):
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]

    assert changed == TOKEN or refused_everywhere(changed)


def test_every_spelling_of_the_last_character_but_one_is_refused():
    # 64 bytes are 86 characters, the last of which has four unused bits.
    others = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") - {TOKEN[-1]}

    assert all(refused_everywhere(TOKEN[:-1] + other) for other in others)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(CHARACTERS))
@example(0, "A")
def test_a_token_with_one_character_more_or_less_is_not_ours(place, character):
    assert refused_everywhere(TOKEN[:place] + character + TOKEN[place:])
    assert refused_everywhere(TOKEN + character)
    assert refused_everywhere(TOKEN[:place] + TOKEN[place + 1 :])


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b.c", TOKEN[:200], TOKEN * 20])
def test_what_is_no_token_is_not_ours(token):
    assert refused_everywhere(token)


def test_a_signature_has_one_number_only():
    # The same point with S + L verifies where a library does not look (RFC 8032, 8.4).
    text, _, signature = TOKEN.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    twin = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")

    assert refused_everywhere(f"{text}.{text_of(raw[:32] + twin)}")


GOOD = {"alg": "Ed25519", "kid": FIRST.kid, "typ": "payseal-link+jwt"}
PAYLOAD = base64.urlsafe_b64decode(TOKEN.split(".")[1] + "==")


def by(key: KeyPair):
    return lambda text: key.private.sign(text).signature


def by_public_key(text: bytes) -> bytes:
    return hmac.new(FIRST.public, text, "sha256").digest()


FORGERIES = {
    "alg none": (GOOD | {"alg": "none"}, lambda text: b""),
    "alg none, signed": (GOOD | {"alg": "none"}, by(FIRST)),
    "HS256 by the public key": (GOOD | {"alg": "HS256"}, by_public_key),
    "the deprecated name": (GOOD | {"alg": "EdDSA"}, by(FIRST)),
    "another key": (GOOD, by(STRANGE)),
    "another key by its name": (GOOD | {"kid": STRANGE.kid}, by(STRANGE)),
    "its own key": (GOOD | {"jwk": STRANGE.jwk()}, by(STRANGE)),
    "its own key, well signed": (GOOD | {"jwk": STRANGE.jwk()}, by(FIRST)),
    "a key elsewhere": (GOOD | {"jku": "https://evil.example/jwks"}, by(FIRST)),
    "a certificate elsewhere": (GOOD | {"x5u": "https://evil.example/"}, by(FIRST)),
    "crit": (GOOD | {"crit": ["b64"], "b64": False}, by(FIRST)),
    "no kid": ({"alg": "Ed25519", "typ": "payseal-link+jwt"}, by(FIRST)),
    "no typ": ({"alg": "Ed25519", "kid": FIRST.kid}, by(FIRST)),
    "typ of a session": (GOOD | {"typ": "at+jwt"}, by(FIRST)),
    "typ in capitals": (GOOD | {"typ": "PAYSEAL-LINK+JWT"}, by(FIRST)),
    "the key of sessions": (GOOD | {"kid": SESSION.kid}, by(SESSION)),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_not_ours(name):
    header, sign = FORGERIES[name]
    token = forged(header, PAYLOAD, sign)

    with pytest.raises(NotOurs):
        SEAL.open(token, at=AT)
    # Offline nobody knows what a key is for; its `typ` and its owner do.
    if name != "the key of sessions":
        assert refused_everywhere(token)


def test_the_forger_of_the_table_makes_good_tokens_with_the_right_key():
    assert forged(GOOD, PAYLOAD, by(FIRST)) == TOKEN


def test_a_session_token_is_no_link_and_a_link_token_no_session():
    session = SESSION.sign(b'{"sub":"a1b2c3d4e5f6"}')

    assert RING.read(Purpose.SESSION, session, AT) == (SESSION, b'{"sub":"a1b2c3d4e5f6"}')
    assert RING.read(Purpose.SESSION, TOKEN, AT) is None
    for check in (SEAL.open, lambda token, at: verify(token, RING.jwks(at), at=at)):
        with pytest.raises(NotOurs):
            check(session, at=AT)


def test_not_ours_is_missing_so_that_it_looks_like_any_unknown_thing():
    assert issubclass(NotOurs, Missing)


def test_a_kid_is_the_thumbprint_of_rfc_7638():
    public = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")

    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037, A.3


def test_the_public_key_of_a_seed_is_that_of_rfc_8037():
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    key = KeyPair(Purpose.LINK, seed + bytes(64), publish_at=AT, sign_from=AT)

    assert key.jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.sign(b"Example of Ed25519 signing").count(".") == 2


NEXT_AT = AT + timedelta(days=100)
OLD_ENDS = NEXT_AT + timedelta(days=400)
CHAIN = Keyring((pair("old", end=OLD_ENDS), pair("new", start=NEXT_AT)))
OLD_KID, NEW_KID = pair("old").kid, pair("new").kid


@pytest.mark.parametrize(
    ("at", "signer", "published"),
    [
        (AT, OLD_KID, [OLD_KID]),
        (NEXT_AT - timedelta(minutes=10, microseconds=1), OLD_KID, [OLD_KID]),
        (NEXT_AT - timedelta(minutes=10), OLD_KID, [NEW_KID, OLD_KID]),
        (NEXT_AT - timedelta(microseconds=1), OLD_KID, [NEW_KID, OLD_KID]),
        (NEXT_AT, NEW_KID, [NEW_KID, OLD_KID]),
        (OLD_ENDS - timedelta(microseconds=1), NEW_KID, [NEW_KID, OLD_KID]),
        (OLD_ENDS, NEW_KID, [NEW_KID]),
    ],
)
def test_what_a_key_does_is_a_function_of_the_clock(at, signer, published):
    assert CHAIN.signer("link", at).kid == signer
    assert [key["kid"] for key in CHAIN.jwks(at)["keys"]] == published
    for key in CHAIN.keys:
        token = key.sign(b"{}")
        assert (CHAIN.read("link", token, at) is not None) == (key.kid in published)
        assert CHAIN.read("session", token, at) is None


def test_a_token_of_an_old_key_opens_until_that_key_ends():
    seal = Seal(CHAIN, "")
    token = seal.token(LINK, SOON, at=AT)

    assert seal.open(token, at=OLD_ENDS - timedelta(seconds=1)).link_id == LINK
    with pytest.raises(NotOurs):
        seal.open(token, at=OLD_ENDS)


def test_a_ring_without_a_key_for_it_says_so():
    with pytest.raises(AssertionError, match="no session key"):
        Keyring((FIRST,)).signer("session", AT)


def test_the_key_set_is_public():
    found = RING.jwks(AT)

    assert {key["kid"] for key in found["keys"]} == {FIRST.kid, SESSION.kid}
    assert all(set(k) == {"kty", "crv", "x", "kid", "use", "alg"} for k in found["keys"])
    assert {key["alg"] for key in found["keys"]} == {"Ed25519"}


def test_a_link_is_verified_offline_with_a_saved_key_set():
    saved = json.loads(json.dumps(RING.jwks(AT)))
    claims = verify(TOKEN, saved, at=SOON - timedelta(seconds=1))

    assert (claims.kid, claims.expires_at) == (FIRST.kid, SOON)
    with pytest.raises(LinkTokenExpired):
        verify(TOKEN, saved, at=SOON)


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": None},
        {"keys": "x"},
        {"keys": [1]},
        {"keys": [{"kty": "none"}]},
        [],
    ],
)
def test_what_is_no_key_set_is_refused(jwks):
    with pytest.raises(InvalidKeySet):
        verify(TOKEN, jwks, at=AT)


def test_a_key_pair_cannot_be_printed_pickled_or_encoded():
    assert repr(FIRST) == f"KeyPair(link {FIRST.kid})"
    with pytest.raises(TypeError):
        pickle.dumps(FIRST)
    with pytest.raises(TypeError):
        msgspec.json.encode(FIRST)


def test_a_seal_remembers_so_many_tokens_and_forgets_the_oldest_first():
    seal = Seal(RING, "https://pay.example", remembered=2)
    tokens = [seal.token(LINK, SOON + timedelta(seconds=n), at=AT) for n in range(3)]
    opened = [seal.open(token, at=AT) for token in tokens]

    assert list(seal._opened) == tokens[1:]
    assert [seal.open(token, at=AT) for token in tokens] == opened
