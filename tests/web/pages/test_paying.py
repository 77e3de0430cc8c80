"""What happens to a form that a payer sends."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from litestar.testing import AsyncTestClient

from payseal import links
from payseal.core.ids import Mode
from tests.web.pages.shop import APPROVED, CRASH, DECLINED, STOLEN, UNKNOWN, Page, Shop, typed


async def _form(shop: Shop, browser, path: str, number: str = APPROVED, **fields: str):
    """The page's own form, filled in."""
    page = Page((await browser.get(path)).text)
    return typed(page.field("attempt")["value"], number, **fields)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (APPROVED, "Thank you"),
        (DECLINED, "The payment was declined"),
        (UNKNOWN, "Do not pay again"),
    ],
)
async def test_a_payment_leads_on_to_the_page_of_its_outcome(shop, browser, number, words):
    path = shop.path(await shop.link())
    answer = await browser.post(path, data=await _form(shop, browser, path, number))
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert answer.headers["cache-control"] == "no-store"
    assert words in Page((await browser.get(path)).text).text


async def test_the_same_form_twice_is_one_charge(shop, browser):
    path = shop.path(await shop.link())
    form = await _form(shop, browser, path)
    first, second = [await browser.post(path, data=form) for _ in range(2)]
    assert (first.status_code, second.status_code, shop.bank.asked) == (303, 303, 1)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"number": "4242 4242 4242 4241"}, {"number"}),
        ({"number": "4" * 5000}, {"number"}),
        ({"expiry": "01/20"}, {"expiry"}),
        ({"cvc": "1"}, {"cvc"}),
        ({"name": "x" * 81}, {"name"}),
        ({"email": "ada@"}, {"email"}),
        ({"number": "", "expiry": "", "cvc": ""}, {"number", "expiry", "cvc"}),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_at_the_top(shop, browser, fields, wrong):
    path = shop.path(await shop.link())
    form = await _form(shop, browser, path, **fields)
    answer = await browser.post(path, data=form)
    page = Page(answer.text)
    assert answer.status_code == 422
    assert {a["name"] for a in page.all("input") if a.get("aria-invalid") == "true"} == wrong
    for name in wrong:
        assert page.field(name)["aria-describedby"] == f"{name}-error"
        assert page.all("p", id=f"{name}-error")
        assert page.all("a", href=f"#{name}")
    assert page.all("div", role="alert")
    assert shop.bank.asked == 0


async def test_nothing_of_a_card_comes_back_in_a_page(shop, browser):
    path = shop.path(await shop.link())
    form = await _form(shop, browser, path, "4242 4242 4242 4241", expiry="11/27", cvc="987")
    answer = await browser.post(path, data=form)
    page = Page(answer.text)
    assert [page.field(name)["value"] for name in ("number", "expiry", "cvc")] == ["", "", ""]
    assert page.field("name")["value"] == "Ada Lovelace"
    assert page.field("email")["value"] == "ada@example.com"
    for secret in ("4242", "11/27", "987"):
        assert secret not in answer.text.replace(form["attempt"], "").replace(path, "")


async def test_nothing_of_a_card_or_token_is_logged(shop, browser, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    path = shop.path(await shop.link())
    await browser.post(path, data=await _form(shop, browser, path, CRASH, cvc="9876"))
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    said = "".join([*ours, *capsys.readouterr()])
    assert "crashed" in said
    assert path.removeprefix("/p/") not in said
    assert not re.search("3782|9876|Lovelace", said)


async def test_the_cookie_is_for_this_link_this_browser_and_no_script(shop, browser):
    link = await shop.link()
    path = shop.path(link)
    answer = await browser.post(path, data=await _form(shop, browser, path))
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", f"Path={path}", "Max-Age=86400"):
        assert part in cookie
    assert "Secure" not in cookie


async def test_over_https_the_cookie_is_secure():
    shop = Shop("https://pay.example")
    async with AsyncTestClient(shop.app, base_url="https://pay.example") as browser:
        path = shop.path(await shop.link())
        form = await _form(shop, browser, path)
        answer = await browser.post(path, data=form, follow_redirects=False)
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def _another_attempt(cookie: str) -> str:
    name, value = cookie.split("=", 1)
    return f"{name}={'0' if value[0] != '0' else '1'}{value[1:]}"


async def test_only_the_signed_cookie_of_this_link_shows_an_attempt(shop, browser):
    link, other = await shop.link(max_payments=None), await shop.link(max_payments=None)
    key = await shop.pay(link, APPROVED)
    own = shop.cookie(link, key)
    unsigned = f"payseal_attempt={key}"
    cookies = {
        own: "paid",
        shop.cookie(other, key): "open",  # sealed for another link
        own[:-1]: "open",
        own[:-2] + "xy": "open",
        _another_attempt(own): "open",
        unsigned: "open",
        f"{unsigned}.": "open",
        "payseal_attempt=é": "open",
    }
    for cookie, status in cookies.items():
        headers = {"Cookie": cookie.encode()}
        answer = await browser.get(shop.path(link) + "/status", headers=headers)
        assert answer.json() == {"status": status}, cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://testserver.local"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "https://evil.example", "Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://testserver.local", "Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "https://testserver.local"}, 403),
        ({"Origin": "http://testserver.local:81"}, 403),
        ({"Origin": "http://testserver.local", "Host": "inside:8000"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "?"}, 403),
    ],
)
async def test_a_form_from_another_site_is_refused(shop, browser, headers, status):
    path = shop.path(await shop.link())
    form = await _form(shop, browser, path)
    answer = await browser.post(path, data=form, headers=headers)
    assert (answer.status_code, shop.bank.asked) == (status, int(status == 303))


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"number=1&number=2", "application/x-www-form-urlencoded", 400),
        (b"number=%00", "application/x-www-form-urlencoded", 400),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=" % i for i in range(30)), "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
        (b"attempt=" + b"9" * 26, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"", "", 415),
    ],
)
async def test_what_is_no_form_of_ours_is_refused_with_a_page(
    shop, browser, body, content_type, status
):
    path = shop.path(await shop.link())
    answer = await browser.post(path, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert "No payment was made." in Page(answer.text).text
    assert Page(answer.text).all("a", href=path)


async def test_an_expired_a_cancelled_and_a_taken_link_take_no_payment(shop, browser):
    expiring, cancelled = await shop.link(expires_in=60), await shop.link()
    taken, paid = await shop.link(), await shop.link()
    forms = {
        link.id: await _form(shop, browser, shop.path(link))
        for link in (expiring, cancelled, taken, paid)
    }
    await shop.claim(taken)
    await shop.pay(paid, APPROVED)
    store = shop.parts.payments
    await links.cancel(store, shop.account, Mode.TEST, cancelled.id, at=shop.at)
    shop.at += timedelta(seconds=61)
    wanted = [
        (expiring, 410, "This link has expired"),
        (cancelled, 410, "This link was cancelled"),
        (taken, 409, "Somebody else is paying"),
        (paid, 409, "This link has been paid"),
    ]
    for link, status, words in wanted:
        answer = await browser.post(shop.path(link), data=forms[link.id])
        assert (answer.status_code, words in Page(answer.text).text) == (status, True)
        assert "set-cookie" not in answer.headers
    assert shop.bank.asked == 1


async def test_after_five_declines_a_payer_is_told_how_long_to_wait(shop, browser):
    path = shop.path(await shop.link())
    for _ in range(5):
        await browser.post(path, data=await _form(shop, browser, path, DECLINED))
        shop.at += timedelta(seconds=30)
    answer = await browser.post(path, data=await _form(shop, browser, path))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(15 * 60 - 150)
    assert "Please wait 13 minutes" in Page(answer.text).text
    assert shop.bank.asked == 5


async def test_a_card_that_was_refused_for_good_is_told_and_another_one_pays(shop, browser):
    path = shop.path(await shop.link())
    await browser.post(path, data=await _form(shop, browser, path, STOLEN))
    told = Page((await browser.get(path)).text).text
    assert "This card cannot be tried again here. You can pay below with another one." in told
    assert "stolen" not in told.lower()
    again = await browser.post(path, data=await _form(shop, browser, path, STOLEN))
    assert again.status_code == 422
    assert "This card was refused for good. Please use another card." in Page(again.text).text
    assert "9979" not in again.text.replace(" ", "")
    assert shop.bank.asked == 1
    await browser.post(path, data=await _form(shop, browser, path, APPROVED))
    assert "Thank you" in Page((await browser.get(path)).text).text


async def test_when_we_break_the_payer_is_told_not_to_pay_again_and_keeps_the_attempt(
    shop, browser
):
    link = await shop.link(max_payments=None)
    path = shop.path(link)
    answer = await browser.post(path, data=await _form(shop, browser, path, CRASH, cvc="1234"))
    assert answer.status_code == 500
    assert "Do not pay again yet." in Page(answer.text).text
    assert (await browser.get(path + "/status")).json() == {"status": "processing"}


async def test_forged_cut_and_foreign_links_get_one_and_the_same_page(shop, browser):
    path = shop.path(await shop.link())
    foreign = Shop().path(await Shop().link())
    key = typed("0" * 26)
    bad = [path[:-1], path[:-2] + "AA", path[:40], "/p/x", "/p/", "/p", "/p/%00", "/p/a.b.c"]
    bad += [path.replace(".", ".."), "/p/" + "A" * 2000, foreign.replace("eyJ", "eyK", 1)]
    answers = [await browser.get(p) for p in bad]
    answers += [await browser.post(p, data=key) for p in bad if p.strip("/") != "p"]
    assert {a.status_code for a in answers} == {404}
    assert len({a.text for a in answers}) == 1
    assert "There is no such page" in Page(answers[0].text).text


async def test_the_status_of_a_forged_link_is_a_problem_document(browser):
    answer = await browser.get("/p/forged/status")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_link")
    assert answer.headers["content-type"] == "application/problem+json"
