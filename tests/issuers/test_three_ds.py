"""The holder is asked before the issuer: what each answer of a 3DS server leads to."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest

from payseal.issuers import (
    Abilities,
    Approved,
    Authenticated,
    Challenge,
    Declined,
    Hearing,
    Operation,
    Pending,
    Proof,
    Unknown,
    Way,
)
from payseal.issuers.three_ds import Asking, Server
from payseal.outbound import NoResponse, Response
from tests.issuers.payments import NOW, a_card, an_operation

ACS, DS = "a0000000-0000-4000-8000-000000000001", "d0000000-0000-4000-8000-000000000002"
CAVV = "AAABBZEEBgUFBgBlVQQGAAAAAAA="
WAY = Way("txn_1", "https://pay.example/p/token/return/txn_1", "Tea & Cakes")
FULL = {"eci": "05", "authenticationValue": CAVV}
WITHIN = timedelta(minutes=10)


class Inner:
    """An issuer that is asked with a proof or without one."""

    name, title, offers = "bank", "A bank", ()
    abilities = Abilities(look_up=True, transit_max=WITHIN, challenges=True)

    def __init__(self):
        self.proofs, self.says = [], [Approved("A1B2C3")]

    async def purchase(self, operation, card, now, *, proof=None):
        self.proofs.append(proof)
        return self.says.pop(0) if len(self.says) > 1 else self.says[0]


class Wire:
    """What a 3DS server is asked, and what it answers: a change of a good answer, or bytes."""

    def __init__(self):
        self.asked, self.says = [], []

    async def post(self, url, body, headers, *, timeout_s):
        assert url == "https://3ds.example/3ds"
        asked = json.loads(body)
        self.asked.append(asked)
        says = self.says.pop(0)
        if not isinstance(says, dict):
            return says
        ids = {"threeDSServerTransID": asked["threeDSServerTransID"]}
        ids |= {"acsTransID": ACS, "dsTransID": DS, "messageVersion": "2.2.0"}
        return Response(200, body=json.dumps({"messageType": "ARes", **ids, **says}).encode())


@pytest.fixture
def inner():
    return Inner()


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def asking(inner, wire):
    server = Server("https://3ds.example", "https://pay.example/3ds", wire.post, bytes)
    return Asking(inner, server, WITHIN)


def now():
    return NOW


def buy(asking, operation=None, way=WAY, **rest):
    operation = operation or an_operation(at=NOW)
    return asking.purchase(operation, a_card(), now, way=way, **rest)


def challenged(says="C"):
    return {"transStatus": says, "acsURL": "https://acs.example/challenge"}


@pytest.mark.parametrize(
    ("answer", "proof"),
    [
        ({"transStatus": "Y", **FULL}, Proof("05", CAVV, DS)),
        ({"transStatus": "A", **FULL, "eci": "06"}, Proof("06", CAVV, DS)),
        ({"transStatus": "U", "eci": "07"}, Proof("07", "", DS)),
        ({"transStatus": "U"}, None),
        (NoResponse("timed_out"), None),
        (Response(500), None),
        (Response(200, body=b"{}"), None),
        (Response(200, body=b"\xff"), None),
        ({"transStatus": "Y", "threeDSServerTransID": ACS, **FULL}, None),
        ({"transStatus": "Y", **FULL, "authenticationValue": "short"}, None),
        ({"transStatus": "C", "acsURL": "javascript:alert(1)"}, None),
        ({"messageType": "Erro"}, None),
    ],
)
async def test_without_a_challenge_the_issuer_is_asked_with_what_was_proved(
    asking, inner, wire, answer, proof
):
    wire.says = [answer]
    assert await buy(asking) == Approved("A1B2C3")
    assert inner.proofs == [proof]


@pytest.mark.parametrize("status", ["N", "R"])
async def test_a_holder_who_is_not_known_is_a_no_and_no_money_is_asked_for(
    asking, inner, wire, status
):
    wire.says = [{"transStatus": status}]
    assert await buy(asking) == Declined(status, "authentication_failed")
    assert inner.proofs == []


async def test_an_areq_says_who_pays_what_to_whom_and_nothing_of_the_code(asking, wire):
    wire.says = [challenged()]
    operation = an_operation(at=NOW, minor=1250)
    await buy(asking, operation)
    (asked,) = wire.asked
    assert (asked["acctNumber"], asked["cardExpiryDate"]) == ("4242424242424242", "3012")
    assert (asked["purchaseAmount"], asked["purchaseCurrency"]) == ("1250", "978")
    assert (asked["merchantName"], asked["notificationURL"]) == ("Tea & Cakes", WAY.back)
    assert asked["threeDSServerURL"] == "https://pay.example/3ds/txn_1"
    assert asked["threeDSRequestorChallengeInd"] == "01"
    assert "737" not in json.dumps(asked)


async def test_a_challenge_is_a_form_with_a_creq(asking, wire):
    wire.says = [challenged()]
    challenge = await buy(asking)
    assert isinstance(challenge, Challenge)
    assert (challenge.url, challenge.until) == ("https://acs.example/challenge", NOW + WITHIN)
    creq = challenge.fields["creq"]
    assert "=" not in creq
    told = json.loads(urlsafe_b64decode(creq + "=" * (-len(creq) % 4)))
    assert (told["messageType"], told["acsTransID"]) == ("CReq", ACS)
    assert challenge.memo == f"{told['threeDSServerTransID']} {ACS} {DS}"
    assert "4242" not in challenge.memo + str(told)


async def test_an_issuer_that_asks_for_it_is_followed_by_a_challenge_once(asking, inner, wire):
    needed = Declined("1A", "authentication_needed")
    inner.says, wire.says = [needed], [{"transStatus": "A", **FULL, "eci": "06"}, challenged()]
    assert isinstance(await buy(asking), Challenge)
    assert [a["threeDSRequestorChallengeInd"] for a in wire.asked] == ["01", "04"]
    proof = Proof("05", CAVV, DS)
    assert await buy(asking, way=None, proof=proof) == needed
    assert inner.proofs[-1] == proof
    assert len(wire.asked) == 2


@pytest.mark.parametrize("again", [{"transStatus": "U"}, NoResponse("timed_out")])
async def test_where_no_challenge_can_be_had_the_decline_stands(asking, inner, wire, again):
    inner.says = [Declined("65", "authentication_needed")]
    wire.says = [{"transStatus": "U"}, again]
    assert await buy(asking) == inner.says[0]


def told(**changed):
    names = {"threeDSServerTransID": ACS, "acsTransID": ACS, "dsTransID": DS}
    message = {"messageType": "RReq", "messageVersion": "2.2.0", **names, "transStatus": "Y"}
    return message | FULL | changed


MEMO = f"{ACS} {ACS} {DS}"
NOT_CONFIRMED = Declined("N", "authentication_failed")


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (told(), Authenticated(Proof("05", CAVV, DS))),
        (told(transStatus="N"), NOT_CONFIRMED),
        (told(transStatus="U"), Declined("U", "authentication_failed")),
        (told(authenticationValue=""), Declined("Y", "authentication_failed")),
        (told(eci=""), Declined("Y", "authentication_failed")),
        (told(acsTransID=DS), None),
        (told(dsTransID=ACS), None),
        (told(threeDSServerTransID=DS), None),
        (told(messageType="CRes"), None),
        (told(transStatus="yes"), None),
        ({}, None),
    ],
)
async def test_a_result_is_believed_if_it_has_all_three_names(asking, wire, message, heard):
    assert isinstance(asking, Hearing)
    assert asking.hear(MEMO, json.dumps(message).encode()) == heard
    if heard is not None:
        reply = json.loads(asking.reply(json.dumps(message).encode()))
        assert (reply["messageType"], reply["resultsStatus"]) == ("RRes", "01")


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize(
    ("answer", "concluded"),
    [
        (Response(200, body=json.dumps(told()).encode()), Authenticated(Proof("05", CAVV, DS))),
        (Response(200, body=json.dumps(told(transStatus="N")).encode()), NOT_CONFIRMED),
        ({"messageType": "StatusRes", "transStatus": "C"}, Pending()),
        (NoResponse("timed_out"), Unknown("acs_not_reached")),
        (Response(404), Unknown("acs_not_reached")),
        (Response(200, body=json.dumps(told(dsTransID=ACS)).encode()), Unknown("acs_not_reached")),
    ],
)
async def test_the_acs_is_asked_if_it_told_nothing_and_after_the_time_it_is_over(
    asking, wire, over, answer, concluded
):
    wire.says = [answer]
    said = await asking.conclude(Operation, MEMO, over=over)
    known = isinstance(concluded, Authenticated | Declined)
    assert said == (concluded if known or not over else Declined("", "challenge_abandoned"))
    (asked,) = wire.asked
    assert (asked["messageType"], asked["acsTransID"]) == ("StatusReq", ACS)
