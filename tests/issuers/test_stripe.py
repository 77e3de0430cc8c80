"""The Stripe connector beside its contract: errors, keys, webhooks, and what a session says."""

import json
import time
from datetime import timedelta
from types import SimpleNamespace

import aiohttp
import pytest
import stripe
from stripe import WebhookSignature
from stripe.checkout import Session

from payseal.core.ids import AccountId, Mint, Mode, home, mode_of
from payseal.core.master import WrongMasterKey
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.issuers import (
    Approved,
    Challenge,
    Declined,
    NotFound,
    NotSent,
    OperationKind,
    Pending,
    Unknown,
    Way,
)
from payseal.issuers.stripe import Stripe, verdicts
from payseal.issuers.stripe.client import Account
from payseal.issuers.stripe.connector import CREDENTIALS
from tests.issuers import stripe_side
from tests.issuers.payments import an_operation, now, what_follows
from tests.issuers.stripe_side import BACK, GIVEN, WEBHOOK_SECRET, a_connector, credentials
from tests.web.conftest import Chance

MINT = Mint(Chance())
ACCOUNT = MINT.account()
REFUND, AUTHORIZE = OperationKind.REFUND, OperationKind.AUTHORIZE


@pytest.fixture
async def side(tmp_path):
    async with stripe_side.start(tmp_path) as side:
        yield side


def asked(mode=Mode.TEST, **fields):
    id = MINT.id("opn", home(ACCOUNT, mode), now())
    return an_operation(id=id, reference=id, **fields)


async def purchase(issuer, operation):
    return await issuer.purchase(operation, None, now, way=Way("txn", BACK))


def broken_by(cause):
    """What the SDK makes of an error of its HTTP client."""
    error = stripe.APIConnectionError("x")
    error.__cause__ = cause
    return error


UNREACHED = aiohttp.ClientConnectorError(None, OSError(111, "refused"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (stripe.CardError("no", None, "card_declined", http_status=402), "card_declined declined"),
        (
            stripe.CardError("no", None, "expired_card", http_status=402),
            "expired_card expired_card",
        ),
        (stripe.InvalidRequestError("no", None, http_status=400), "400 not_accepted"),
        (stripe.InvalidRequestError("no", None, "x", http_status=404), "x not_accepted"),
        (stripe.AuthenticationError("no", http_status=401), "401 not_accepted"),
        (stripe.PermissionError("no", http_status=403), "403 not_accepted"),
    ],
)
def test_what_stripe_has_judged_is_a_definite_no(error, said):
    code, reason = said.split()
    assert verdicts.failure(error) == Declined(code, reason)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (stripe.RateLimitError("slow", http_status=429), Unknown("answered_429")),
        (stripe.IdempotencyError("other", http_status=400), Unknown("answered_400")),
        (stripe.APIError("in use", http_status=409), Unknown("answered_409")),
        (stripe.APIError("oh", http_status=500), Unknown("answered_500")),
        (stripe.APIError("oh", http_status=503), Unknown("answered_503")),
        (stripe.APIError("unreadable", http_status=200), Unknown("answered_200")),
        (broken_by(aiohttp.ServerDisconnectedError()), Unknown("no_answer")),
        (broken_by(TimeoutError()), Unknown("no_answer")),
        (broken_by(aiohttp.ServerTimeoutError()), Unknown("no_answer")),
        (stripe.APIConnectionError("x"), Unknown("no_answer")),
        (TimeoutError(), Unknown("no_answer")),
        (aiohttp.ClientPayloadError(), Unknown("no_answer")),
        (broken_by(UNREACHED), NotSent("no_connection")),
        (broken_by(aiohttp.ConnectionTimeoutError()), NotSent("no_connection")),
    ],
)
def test_what_stripe_has_not_judged_is_unknown_unless_nothing_left(error, said):
    assert verdicts.failure(error) == said


@pytest.mark.parametrize("status", [409, 429, 500, 503])
async def test_a_refund_without_a_verdict_is_unknown_and_not_asked_again_by_the_sdk(side, status):
    bought = asked()
    paid = await side.pay(bought)
    before = len(side.stripe.asked)
    side.stripe.answers = [(status, {"error": {"type": "api_error", "message": "x"}})]
    refund = what_follows(bought, paid.approval_code, REFUND, id=asked().id, reference="r")
    assert await side.issuer.follow(refund, now, repeat=False) == Unknown(f"answered_{status}")
    assert side.stripe.asked[before:] == [("POST", "/v1/refunds")]
    assert await side.issuer.look_up(refund) == NotFound()


async def test_an_answer_that_says_another_amount_is_unknown(side):
    operation = asked()
    challenge = await purchase(side.issuer, operation)
    side.stripe.sessions[challenge.memo]["amount_total"] = 1
    for over in (False, True):
        heard = await side.issuer.conclude(operation, challenge.memo, over=over)
        assert heard == Unknown("answer_differs")


async def test_a_key_that_opens_nothing_any_more_does_not_turn_a_payment_into_a_no(side):
    operation = asked()
    challenge = await purchase(side.issuer, operation)
    await side.confirm(challenge)

    async def other(account, mode):
        return {"secretKey": "sk_test_another_key"}

    async with a_connector(side.stripe.url, other) as issuer:
        assert isinstance(await purchase(issuer, asked()), Declined)
        for over in (False, True):
            heard = await issuer.conclude(operation, challenge.memo, over=over)
            assert heard == Unknown("answered_401")
        assert await issuer.look_up(operation) == Unknown("answered_401")
        assert await issuer.reverse(operation, repeat=False) == Unknown("answered_401")
    assert isinstance(await side.issuer.look_up(operation), Approved)


async def test_a_refund_that_is_refused_a_second_time_is_looked_for(side):
    bought = asked()
    paid = await side.pay(bought)
    refund = what_follows(bought, paid.approval_code, REFUND, id=asked().id)
    refund = what_follows(bought, paid.approval_code, REFUND, id=refund.id, reference=refund.id)
    first = await side.issuer.follow(refund, now, repeat=False)
    side.stripe.kept.clear()  # as Stripe forgets keys after a day
    assert await side.issuer.follow(refund, now, repeat=True) == first
    assert await side.booked(refund) == bought.amount.minor


async def test_nobody_connected_means_that_nothing_is_sent(side):
    async def nobody(account, mode):
        return None

    async def sealed_otherwise(account, mode):
        raise WrongMasterKey("x")

    for given, reason in ((nobody, "not_connected"), (sealed_otherwise, "credentials_not_read")):
        async with a_connector(side.stripe.url, given) as issuer:
            assert await purchase(issuer, asked()) == NotSent(reason)
            assert await issuer.look_up(asked()) == NotSent(reason)
            assert await issuer.conclude(asked(), "cs_1", over=True) == NotSent(reason)
    assert side.stripe.asked == []


async def test_the_key_is_of_the_operations_account_and_mode_and_kept_for_a_minute(side):
    read, at = [], [now()]

    async def remembered(account, mode):
        read.append((account, mode))
        return await credentials(account, mode)

    async with Stripe(side.issuer.offers, remembered, lambda: at[0], api=side.stripe.url) as issuer:
        for mode in (Mode.TEST, Mode.LIVE, Mode.TEST):
            operation = asked(mode)
            assert mode_of(operation.id) is mode
            assert isinstance(await purchase(issuer, operation), Challenge)
        assert read == [(ACCOUNT, Mode.TEST), (ACCOUNT, Mode.LIVE)]
        at[0] += timedelta(seconds=61)
        await issuer.look_up(asked())
        assert read[2:] == [(ACCOUNT, Mode.TEST)]


async def test_a_declined_card_may_be_followed_by_another_on_the_same_page(side):
    operation = asked()
    challenge = await purchase(side.issuer, operation)
    assert await side.confirm(challenge, "pm_card_chargeCustomerFail") == 402
    assert await side.issuer.conclude(operation, challenge.memo, over=False) == Pending()
    assert await side.confirm(challenge) == 303
    heard = await side.issuer.conclude(operation, challenge.memo, over=False)
    assert isinstance(heard, Approved)


async def test_who_pays_while_their_session_is_expired_has_paid(side):
    """The session was open when it was looked at, and paid when it should have been expired."""
    operation = asked()
    challenge = await purchase(side.issuer, operation)
    stale = await side.stripe._shown(challenge.memo, [])
    await side.confirm(challenge)
    side.stripe.answers = [(200, stale)]
    heard = await side.issuer.conclude(operation, challenge.memo, over=True)
    assert isinstance(heard, Approved)


@pytest.mark.parametrize(
    ("intent", "kind", "said"),
    [
        ("succeeded", "purchase", Approved("pi_1")),
        ("requires_capture", "authorize", Approved("pi_1")),
        ("succeeded", "authorize", Approved("pi_1")),
        ("requires_capture", "purchase", Unknown("intent_requires_capture")),
        ("processing", "purchase", Pending()),
        ("canceled", "authorize", Declined("canceled", "reversed")),
        ("requires_action", "purchase", Unknown("intent_requires_action")),
    ],
)
def test_a_complete_session_is_as_its_payment_intent_is(intent, kind, said):
    operation = asked(kind=OperationKind(kind))
    told = {"id": "pi_1", "object": "payment_intent", "amount": 1250, "currency": "eur"}
    session = Session.construct_from(
        {
            "id": "cs_1",
            "object": "checkout.session",
            "status": "complete",
            "client_reference_id": operation.reference,
            "amount_total": 1250,
            "currency": "eur",
            "payment_intent": told | {"status": intent},
        },
        "key",
    )
    assert verdicts.standing(operation, session) == said


def test_currencies_that_stripe_counts_otherwise_are_not_offered():
    wished = (Currency.EUR, Currency.JPY, Currency.KWD, Currency.ISK, Currency.UGX)
    connector = Stripe([Offer("stripe", "card", wished)], credentials, now)
    assert connector.offers == (Offer("stripe", "card", (Currency.EUR, Currency.JPY)),)


@pytest.mark.parametrize(
    ("text", "mode", "fits"),
    [
        (GIVEN["secretKey"], Mode.TEST, True),
        (GIVEN["secretKey"], Mode.LIVE, False),
        (GIVEN["secretKey"].replace("test", "live"), Mode.LIVE, True),
        ("rk_test_1234567890", Mode.TEST, True),
        ("pk_test_1234567890", Mode.TEST, False),
        ("sk_test_", Mode.TEST, False),
    ],
)
def test_a_secret_key_has_the_form_of_its_mode(text, mode, fits):
    assert CREDENTIALS[0].fits(text, mode) is fits


def signed(body, secret=WEBHOOK_SECRET, at=None):
    made = WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return {"stripe-signature": made}


async def test_a_webhook_is_heard_only_if_stripe_has_signed_it_just_now():
    about = {"metadata": {"transaction": "txn_1", "operation": "opn_1"}, "id": "cs_1"}
    body = json.dumps({"object": "event", "data": {"object": about}}).encode()
    nothing = json.dumps({"data": {"object": {"id": "cus_1"}}}).encode()
    async with a_connector("http://127.0.0.1:9") as issuer:

        async def heard(body, headers):
            return await issuer.heard(AccountId("a" * 12), Mode.TEST, body, headers)

        assert await heard(body, signed(body)) == "txn_1"
        assert await heard(nothing, signed(nothing)) == ""
        for headers in (
            {},
            signed(body + b" "),
            signed(body, "whsec_of_somebody_else"),
            signed(body, at=int(time.time()) - 301),
            {"stripe-signature": "t=,v1="},
        ):
            assert await heard(body, headers) is None
        assert await heard(b"\xff", {"stripe-signature": "t=1,v1=00"}) is None
        assert await heard(b"[]", signed(b"[]")) is None


def test_no_key_is_in_the_text_of_what_is_remembered():
    account = Account(SimpleNamespace(key=GIVEN["secretKey"]), WEBHOOK_SECRET, now())
    assert repr(account) == "Account(…)"
