"""Each state has a page of its own, with its words and a way forward."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from payseal import links
from payseal.core.ids import Mode
from payseal.issuers import OperationKind
from payseal.links import Capture
from payseal.web.pages.show import STATIC
from tests.web.pages.shop import APPROVED, DECLINED, NOT_SENT, UNKNOWN, Page, Shop

FORM = ["attempt", "screen", "number", "expiry", "cvc", "name", "email"]


async def _open(shop: Shop):
    return await shop.link(cancel_url="https://acme.example/cart"), None


async def _paid(shop: Shop):
    link = await shop.link(success_url="https://acme.example/thanks")
    return link, await shop.pay(link, APPROVED)


async def _paid_by_another(shop: Shop):
    return (await _paid(shop))[0], None


async def _declined(shop: Shop):
    link = await shop.link()
    return link, await shop.pay(link, DECLINED)


async def _failed(shop: Shop):
    link = await shop.link()
    return link, await shop.pay(link, NOT_SENT)


async def _checking(shop: Shop):
    link = await shop.link()
    return link, await shop.pay(link, UNKNOWN)


async def _processing(shop: Shop):
    link = await shop.link()
    return link, await shop.claim(link)


async def _processing_of_another(shop: Shop):
    return (await _processing(shop))[0], None


async def _sold_out(shop: Shop):
    link = await shop.link(max_payments=2)
    await shop.claim(link)
    await shop.claim(link)
    return link, None


async def _expired(shop: Shop):
    link = await shop.link(expires_in=60)
    shop.at += timedelta(seconds=61)
    return link, None


async def _cancelled(shop: Shop):
    link = await shop.link()
    await links.cancel(shop.parts.payments, shop.account, Mode.TEST, link.id, at=shop.at)
    return link, None


STATES = [
    (_open, 200, "open", "Pay 12.50 EUR", True),
    (_paid, 200, "paid", "Thank you. Acme Books has your payment.", False),
    (_paid_by_another, 200, "paid", "This link has been paid. Nothing more is needed.", False),
    (_declined, 200, "declined", "There is not enough money on this card. No money was", True),
    (_failed, 200, "declined", "The bank could not be reached. No money was taken.", True),
    (_checking, 200, "checking", "Do not pay again", False),
    (_processing, 200, "processing", "Your payment is on its way", False),
    (_processing_of_another, 200, "processing", "A payment is on its way", False),
    (_sold_out, 200, "sold_out", "Somebody else is paying", False),
    (_expired, 410, "expired", "Ask Acme Books for a new link.", False),
    (_cancelled, 410, "cancelled", "Acme Books has withdrawn it", False),
]


@pytest.mark.parametrize(("make", "status", "word", "words", "has_form"), STATES)
async def test_each_state_has_its_page(shop, browser, make, status, word, words, has_form):
    link, key = await make(shop)
    headers = {"Cookie": shop.cookie(link, key)} if key else {}
    answer = await browser.get(shop.path(link), headers=headers)
    page = Page(answer.text)
    assert answer.status_code == status
    assert words in page.text
    assert page.text.index("Test mode") < page.text.index("Acme Books") < page.text.index("12.50")
    assert "Secured by Payseal · this link is signed and" in page.text
    assert [a["name"] for a in page.all("input")] == (FORM if has_form else [])
    told = await browser.get(shop.path(link) + "/status", headers=headers)
    assert (told.status_code, told.json()) == (200, {"status": word})


@pytest.mark.parametrize("make", [row[0] for row in STATES])
async def test_a_page_brings_no_script_or_style_of_its_own_and_asks_no_other_host(
    shop, browser, make
):
    link, key = await make(shop)
    headers = {"Cookie": shop.cookie(link, key)} if key else {}
    answer = await browser.get(shop.path(link), headers=headers)
    page, policy = Page(answer.text), answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for wanted in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert wanted in policy
    (script,) = page.all("script")
    assert f"script-src 'nonce-{script['nonce']}'" in policy
    assert script["src"].startswith("/assets/")
    assert not page.all("style")
    assert not [a for _, a in page.tags for name in a if name == "style" or name.startswith("on")]
    assert all(a["href"].startswith(("/assets/", "data:")) for a in page.all("link"))


async def test_a_whole_page_is_small_and_its_files_are_what_it_says(shop, browser):
    link = await shop.link()
    answer = await browser.get(shop.path(link))
    page = Page(answer.text)
    files = [a["src"] for a in page.all("script")]
    files += [a["href"] for a in page.all("link", rel="stylesheet")]
    answers = [await browser.get(file) for file in files]
    assert [a.headers["content-type"] for a in answers] == [
        "text/javascript; charset=utf-8",
        "text/css; charset=utf-8",
    ]
    assert all("immutable" in a.headers["cache-control"] for a in answers)
    assert sum(len(a.content) for a in (answer, *answers)) < 40_000
    assert "http" not in (STATIC / "pay.css").read_text() + (STATIC / "pay.js").read_text()


async def test_a_page_is_kept_nowhere_and_every_page_has_a_nonce_of_its_own(shop, browser):
    path = shop.path(await shop.link())
    first, second = await browser.get(path), await browser.get(path)
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["referrer-policy"] == "same-origin"
    assert first.headers["x-content-type-options"] == "nosniff"
    nonces = {
        re.search(r"nonce-([^']+)", a.headers["content-security-policy"])[1]
        for a in (first, second)
    }
    assert len(nonces) == 2


async def test_the_fields_say_what_belongs_in_them(shop, browser):
    page = Page((await browser.get(shop.path(await shop.link()))).text)
    filled = {name: page.field(name).get("autocomplete") for name in FORM[2:]}
    assert filled == {
        "number": "cc-number",
        "expiry": "cc-exp",
        "cvc": "cc-csc",
        "name": "cc-name",
        "email": "email",
    }
    assert [page.field(name)["inputmode"] for name in FORM[2:5]] == ["numeric"] * 3
    assert {a["for"] for a in page.all("label")} == set(FORM[2:])
    assert page.all("html", lang="en")


async def test_a_browser_has_one_form_until_it_is_sent_and_another_browser_another(shop, browser):
    path = shop.path(await shop.link())
    keys = [Page((await browser.get(path)).text).field("attempt")["value"] for _ in range(3)]
    assert len(set(keys)) == 1
    browser.cookies.clear()
    assert Page((await browser.get(path)).text).field("attempt")["value"] not in keys


async def test_a_receipt_names_the_card_by_brand_and_last_four_only(shop, browser):
    link, key = await _paid(shop)
    answer = await browser.get(shop.path(link), headers={"Cookie": shop.cookie(link, key)})
    page = Page(answer.text)
    for words in ("12.50 EUR", "Visa ending 4242", "22 November 2026, 14:05 UTC", "txn_"):
        assert words in page.text
    assert "42424242" not in re.sub(r"\s", "", answer.text)
    assert page.all("a", href="https://acme.example/thanks", rel="noreferrer")


async def test_a_payer_sees_what_is_held_and_taken_and_given_back_and_given_up(shop, browser):
    async def shown(link, key):
        cookie = {"Cookie": shop.cookie(link, key)}
        return Page((await browser.get(shop.path(link), headers=cookie)).text).text

    link = await shop.link(capture=Capture.MANUAL)
    key = await shop.pay(link, APPROVED)
    assert "Reserved" in await shown(link, key)
    await shop.close(link, key, OperationKind.CAPTURE, "7.00")
    text = await shown(link, key)
    assert "Acme Books has your payment" in text
    assert "Amount 7.00 EUR" in text
    await shop.close(link, key, OperationKind.REFUND, "2.00")
    assert "Acme Books has given 2.00 EUR back." in await shown(link, key)

    link = await shop.link(capture=Capture.MANUAL)
    key = await shop.pay(link, APPROVED)
    await shop.close(link, key, OperationKind.VOID)
    assert "The merchant has given this payment up." in await shown(link, key)


async def test_the_payer_may_cancel_back_to_the_shop(shop, browser):
    link, _ = await _open(shop)
    page = Page((await browser.get(shop.path(link))).text)
    assert page.all("a", href="https://acme.example/cart", rel="noreferrer")


async def test_a_processing_page_refreshes_itself_without_javascript(shop, browser):
    link, _ = await _processing(shop)
    page = Page((await browser.get(shop.path(link))).text)
    assert page.all("meta", **{"http-equiv": "refresh", "content": "2"})


async def test_a_link_without_end_can_be_paid_again_by_the_same_payer(shop, browser):
    link = await shop.link(max_payments=None)
    headers = {"Cookie": shop.cookie(link, await shop.pay(link, APPROVED))}
    path = shop.path(link)
    page = Page((await browser.get(path, headers=headers)).text)
    (again,) = [a["href"] for a in page.all("a") if a["href"].startswith(path)]
    assert "Pay 12.50 EUR" in Page((await browser.get(again, headers=headers)).text).text


async def test_live_money_has_no_test_band(shop, browser):
    link = await shop.link(Mode.LIVE)
    assert "Test mode" not in (await browser.get(shop.path(link))).text


async def test_yen_have_no_decimals(shop, browser):
    link = await shop.link(amount="1250", currency="JPY")
    assert "Pay 1250 JPY" in (await browser.get(shop.path(link))).text


async def test_what_a_merchant_writes_is_text_and_never_markup(shop, browser):
    link = await shop.link(realm="<b>Acme</b>", description="<script>alert(1)</script>")
    answer = await browser.get(shop.path(link))
    assert "&lt;script&gt;alert(1)" in answer.text
    assert len(Page(answer.text).all("script")) == 1
    assert not Page(answer.text).all("b")


async def test_the_start_page_says_what_this_is_and_leads_to_the_documentation(browser):
    answer = await browser.get("/")
    assert answer.status_code == 200
    assert Page(answer.text).all("a", href="/docs")
