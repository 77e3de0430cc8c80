"""The access control server: what it says to which card, and what a browser sees of it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from payseal_sandbox import Bank
from payseal_sandbox.acs.challenge import CODE, LIFE
from payseal_sandbox.acs.desk import KNOWN
from payseal_sandbox.acs.messages import pack
from tests.sandbox.acquirer import authorization, purchase
from tests.sandbox.conftest import NOW

FRICTIONLESS, CHALLENGED, STEP_UP, UNTOLD = (
    f"400000000000{last}" for last in ("3055", "3220", "3063", "3246")
)
MASTERCARD, MASTERCARD_STEP_UP = "5200000000003050", "5200000000003068"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "sandbox-3ds.md").read_text()


class Server:
    """A 3DS server that is told results, and says what it is told to say."""

    def __init__(self):
        self.told, self.says, self.url = [], [200], ""

    async def hear(self, request):
        self.told.append(await request.json())
        status = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        return web.json_response({"messageType": "RRes"}, status=status)


@pytest.fixture
async def server():
    server, app = Server(), web.Application()
    app.router.add_post("/results", server.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/results"
    yield server
    await runner.cleanup()


@pytest.fixture
async def acs(bank):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{bank.ports.acs}") as http:
        yield http


def areq(server, number=CHALLENGED, **changed):
    asked = {
        "messageType": "AReq",
        "messageVersion": "2.2.0",
        "threeDSServerTransID": str(uuid.uuid4()),
        "threeDSServerURL": server.url,
        "notificationURL": "https://pay.example/back",
        "acctNumber": number,
        "merchantName": "Tea & Cakes",
        "purchaseAmount": "1250",
        "purchaseCurrency": "978",
        "messageCategory": "01",
        "deviceChannel": "02",
        "threeDSCompInd": "U",
        "browserAcceptHeader": "text/html",
        "browserUserAgent": "Mozilla/5.0",
        "browserIP": "127.0.0.1",
        "browserLanguage": "de-DE",
        "browserJavascriptEnabled": False,
    }
    return asked | changed


async def ask(acs, message, status=200):
    async with acs.post("/3ds", json=message) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


def status_request(asked, answer):
    names = {name: asked[name] for name in ("messageVersion", "threeDSServerTransID")}
    return {"messageType": "StatusReq", **names, "acsTransID": answer["acsTransID"]}


async def begin(acs, asked, answer):
    """The browser brings the CReq; the page."""
    creq = {
        "messageType": "CReq",
        "messageVersion": "2.2.0",
        "threeDSServerTransID": asked["threeDSServerTransID"],
        "acsTransID": answer["acsTransID"],
    }
    form = {"creq": pack(creq), "threeDSSessionData": "c2Vzc2lvbg"}
    async with acs.post("/challenge", data=form, headers={"Origin": "https://x"}) as page:
        return page.status, await page.text(), page.headers


async def say(acs, answer, **form):
    data = {"acs": answer["acsTransID"], "session": "c2Vzc2lvbg", **form}
    async with acs.post("/answer", data=data) as page:
        return page.status, await page.text()


def cres(page):
    return re.search('name="cres" value="([^"]+)"', page)[1]


def as_written(answer, eci=None):
    """Field 48 of a charge with that authentication."""
    eci = eci or answer["eci"]
    cavv = answer.get("authenticationValue")
    proof = f"43{len(cavv)}{cavv}" if cavv else ""
    return f"4202{eci}{proof}6636{answer['dsTransID']}"


@pytest.mark.parametrize("number", KNOWN)
async def test_each_card_has_its_answer(acs, server, number):
    answer = await ask(acs, areq(server, number))
    status = answer["transStatus"]
    assert f"| {number} | {'visa' if number[0] == '4' else 'mastercard'} | `{status}`" in DOCUMENT
    assert (status == "C") == ("acsURL" in answer) == ("eci" not in answer)
    assert (status in "YA") == ("authenticationValue" in answer)


async def test_other_cards_cannot_be_asked(acs, server):
    answer = await ask(acs, areq(server, "4242424242424242"))
    assert (answer["transStatus"], answer["eci"]) == ("U", "07")


async def test_a_card_may_be_challenged_only_where_that_is_mandated(acs, server):
    for number in (STEP_UP, MASTERCARD_STEP_UP):
        assert (await ask(acs, areq(server, number)))["transStatus"] == "A"
        mandated = areq(server, number, threeDSRequestorChallengeInd="04")
        assert (await ask(acs, mandated))["transStatus"] == "C"


@pytest.mark.parametrize(
    "wrong",
    [
        {"messageType": "PReq"},
        {"threeDSServerTransID": "1"},
        {"acctNumber": "4000 0000"},
        {"purchaseAmount": "12.50"},
        {"notificationURL": "javascript:alert(1)"},
        {"notificationURL": 'https://x"/'},
        {"deviceChannel": "01"},
        {"browserUserAgent": ""},
        {"browserUserAgent": "x" * 2049},
        {"browserIP": "here"},
        {"browserJavascriptEnabled": "true"},
        {"browserColorDepth": "30"},
    ],
)
async def test_what_is_no_message_is_told_so(acs, server, wrong):
    answer = await ask(acs, areq(server) | wrong, status=400)
    assert (answer["messageType"], answer["errorCode"]) == ("Erro", "203")


@pytest.mark.parametrize(
    "name",
    [
        "messageCategory",
        "deviceChannel",
        "threeDSCompInd",
        "browserAcceptHeader",
        "browserUserAgent",
        "browserIP",
        "browserLanguage",
        "browserJavascriptEnabled",
        "browserColorDepth",
        "browserTZ",
    ],
)
async def test_what_lacks_something_is_told_what(acs, server, name):
    screen = {"Java": False, "ColorDepth": "24", "ScreenHeight": "800", "ScreenWidth": "360"}
    seen = {f"browser{key}": value for key, value in (screen | {"TZ": "-60"}).items()}
    asked = areq(server, browserJavascriptEnabled=True, browserJavaEnabled=False) | seen
    assert (await ask(acs, asked))["messageType"] == "ARes"
    del asked[name]
    answer = await ask(acs, asked, status=400)
    assert (answer["errorCode"], name in answer["errorDetail"]) == ("201", True)


async def test_a_holder_who_types_the_code_is_told_to_the_server_and_then_led_back(acs, server):
    asked = areq(server)
    answer = await ask(acs, asked)
    status, page, headers = await begin(acs, asked, answer)
    assert status == 200
    assert "12.50 EUR" in page
    assert "Tea &amp; Cakes" in page
    assert "frame-ancestors" not in headers["content-security-policy"], "it may be in a frame"
    assert (await ask(acs, status_request(asked, answer)))["transStatus"] == "C"
    status, page = await say(acs, answer, code=CODE)
    (told,) = server.told
    assert told["transStatus"] == "Y"
    assert told["eci"] == "05"
    for name in ("threeDSServerTransID", "acsTransID", "dsTransID"):
        assert told[name] == {**answer, **asked}[name]
    assert 'action="https://pay.example/back"' in page
    assert 'name="threeDSSessionData" value="c2Vzc2lvbg"' in page
    assert "=" not in cres(page)
    assert await ask(acs, status_request(asked, answer)) == told


@pytest.mark.parametrize(
    ("forms", "cancelled"),
    [([{"cancel": "1"}], "01"), ([{"code": "1"}, {"code": ""}, {"code": "x"}], None)],
)
async def test_a_holder_who_does_not_is_a_no(acs, server, forms, cancelled):
    asked = areq(server)
    answer = await ask(acs, asked)
    for form in forms:
        assert server.told == []
        await say(acs, answer, **form)
    (told,) = server.told
    assert (told["transStatus"], told.get("challengeCancel")) == ("N", cancelled)
    assert "authenticationValue" not in told
    await say(acs, answer, code=CODE)
    assert len(server.told) == 1, "it stays so"


async def test_after_ten_minutes_it_is_a_no(book, server):
    times = [NOW]
    async with (
        Bank(book, clock=lambda: times[0]) as bank,
        aiohttp.ClientSession(f"http://127.0.0.1:{bank.ports.acs}") as acs,
    ):
        answer = await ask(acs, areq(server))
        times[0] = NOW + LIFE - timedelta(seconds=1)
        await say(acs, answer, code="1")
        times[0] = NOW + LIFE
        await say(acs, answer, code=CODE)
    assert [(t["transStatus"], t["challengeCancel"]) for t in server.told] == [("N", "05")]


async def test_a_result_that_nobody_takes_is_sent_once_more(acs, server):
    server.says = [503, 200]
    answer = await ask(acs, areq(server))
    await say(acs, answer, code=CODE)
    assert len(server.told) == 2
    assert server.told[0] == server.told[1]


async def test_for_one_card_it_is_never_sent_and_can_be_asked_for(acs, server):
    asked = areq(server, UNTOLD)
    answer = await ask(acs, asked)
    await say(acs, answer, code=CODE)
    assert server.told == []
    assert (await ask(acs, status_request(asked, answer)))["transStatus"] == "Y"


async def test_nobody_is_told_of_a_challenge_whose_ids_they_do_not_know(acs, server):
    asked, other = areq(server), areq(server)
    answer = await ask(acs, asked)
    wrong = status_request(other, answer)
    assert (await ask(acs, wrong, status=404))["messageType"] == "Erro"
    assert (await begin(acs, other, answer))[0] == 404
    assert (await say(acs, {"acsTransID": str(uuid.uuid4())}, code=CODE))[0] == 404
    async with acs.post("/challenge", data={"creq": "%%%"}) as page:
        assert page.status == 400


async def test_a_rebound_host_name_is_refused(acs, server):
    async with acs.post("/3ds", json=areq(server), headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403


async def test_a_charge_with_its_proof_is_booked_with_what_it_says(acs, server, line, desk):
    for number, eci in ((FRICTIONLESS, "05"), (MASTERCARD, "02")):
        answer = await ask(acs, areq(server, number))
        for make in (purchase, authorization):
            message = make(number, f48=as_written(answer))
            assert (await line.ask(message))["39"] == "00"
            row = await desk.booking(message)
            assert (row["eci"], row["dsTransaction"]) == (eci, answer["dsTransID"])


async def test_a_proof_is_of_one_card_one_amount_and_one_currency(acs, server, line):
    answer = await ask(acs, areq(server, FRICTIONLESS))
    proof = as_written(answer)
    other_ds = answer | {"dsTransID": str(uuid.uuid4())}
    for message in (
        purchase(FRICTIONLESS, amount=1251, f48=proof),
        purchase(FRICTIONLESS, f49="392", f48=proof),
        purchase("4242424242424242", f48=proof),
        purchase(FRICTIONLESS, f48=as_written(other_ds)),
        purchase(FRICTIONLESS, f48=as_written(answer, eci="06")),
        purchase(FRICTIONLESS, f48=f"420205{'6636' + answer['dsTransID']}"),
    ):
        assert (await line.ask(message))["39"] == "63"
    nobody = await ask(acs, areq(server, "4242424242424242"))
    assert (await line.ask(purchase(f48=as_written(nobody))))["39"] == "00"


@pytest.mark.parametrize(
    "f48", ["420205", "4201x6636" + "a" * 36, "430399=", "420205660399a", "42020566361"]
)
async def test_half_of_a_proof_is_a_format_error(line, f48):
    answer = await line.ask(purchase(f48=f48))
    assert (answer["39"], answer["44"]) == ("30", "48")


@pytest.mark.parametrize(("number", "code"), [(STEP_UP, "1A"), (MASTERCARD_STEP_UP, "65")])
async def test_a_card_that_wants_its_holder_asked_is_refused_until_that_is_done(
    acs, server, line, number, code
):
    assert (await line.ask(purchase(number)))["39"] == code
    attempted = await ask(acs, areq(server, number))
    assert (await line.ask(purchase(number, f48=as_written(attempted))))["39"] == code
    asked = areq(server, number, threeDSRequestorChallengeInd="04")
    answer = await ask(acs, asked)
    await say(acs, answer, code=CODE)
    assert (await line.ask(purchase(number, f48=as_written(server.told[0]))))["39"] == "00"


def test_every_card_of_the_table_is_written_down():
    table = DOCUMENT.split("## 4 Test cards")[1]
    assert re.findall(r"^\| (\d{16}) \|", table, re.MULTILINE) == list(KNOWN)
