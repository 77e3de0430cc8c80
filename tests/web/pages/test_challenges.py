"""A payer is led away to their bank, or to a provider, and comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payseal.core.ids import Mint
from payseal.issuers import Abilities, Approved, Challenge, Declined, Pending
from payseal.transactions import Transaction
from tests.web.pages.shop import ACS, APPROVED, CHALLENGED, START, Page, typed

POLICY = "content-security-policy"
UNTIL = START + timedelta(minutes=10)


async def _pay(shop, browser, number=CHALLENGED, **wished):
    """A link and its page, after the form was sent."""
    path = shop.path(await shop.link(**wished))
    page = Page((await browser.get(path)).text)
    form = typed(page.field("attempt")["value"], number)
    answer = await browser.post(path, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    return path


def _back(shop) -> str:
    """Where the bank was told to lead the payer back to."""
    (way,) = shop.bank.ways
    assert way.back.endswith(f"/{way.transaction}")
    return way.back.removeprefix(shop.parts.base_url)


async def test_a_form_leads_to_the_bank_with_a_button_that_needs_no_script(shop, browser):
    path = await _pay(shop, browser)
    answer = await browser.get(path)
    page = Page(answer.text)
    (form,) = page.all("form")
    assert (form["method"], form["action"]) == ("post", ACS)
    assert page.field("creq")["value"] == "e30"
    assert "Your bank asks you to confirm this payment" in page.text
    assert "22 November 2026, 14:15 UTC" in page.text
    assert not page.all("input", name="number"), "there is nothing to pay with twice"
    assert (await browser.get(f"{path}/status")).json() == {"status": "challenge"}


async def test_only_that_page_may_send_a_form_there(shop, browser):
    path = shop.path(await shop.link())
    assert "form-action 'self';" in (await browser.get(path)).headers[POLICY]
    path = await _pay(shop, browser)
    policy = (await browser.get(path)).headers[POLICY]
    assert "form-action 'self' https://acs.example:8443;" in policy
    assert "frame-ancestors 'none'" in policy
    shop.bank.concludes = Approved("A12345")
    await browser.get(_back(shop))
    assert "form-action 'self';" in (await browser.get(path)).headers[POLICY]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_comes_back_without_a_cookie_is_led_to_the_truth(shop, browser, method):
    path, shop.bank.concludes = await _pay(shop, browser), Approved("A12345")
    cookies = dict(browser.cookies)
    browser.cookies.clear()
    answer = await browser.request(
        method,
        _back(shop) + "?session=1",
        data={"cres": "e30"} if method == "POST" else None,
        headers={"Origin": "https://acs.example:8443", "Sec-Fetch-Site": "cross-site"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "set-cookie" not in answer.headers
    page = (await browser.get(path, headers={"Cookie": _header(cookies)})).text
    assert "Thank you" in Page(page).text


def _header(cookies):
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def test_who_says_that_they_confirmed_is_not_believed(shop, browser):
    path = await _pay(shop, browser)
    forged = {"cres": "eyJ0cmFuc1N0YXR1cyI6IlkifQ"}
    answer = await browser.post(_back(shop), data=forged)
    assert (answer.status_code, shop.bank.concluded) == (303, 1)
    assert (await browser.get(f"{path}/status")).json() == {"status": "challenge"}


async def test_whoever_did_not_confirm_can_try_again(shop, browser):
    path = await _pay(shop, browser)
    shop.bank.concludes = Declined("N", "authentication_failed")
    await browser.post(_back(shop))
    page = Page((await browser.get(path)).text)
    assert "The payment was not confirmed with your bank." in page.text
    form = typed(page.field("attempt")["value"], APPROVED)
    await browser.post(path, data=form)
    assert "Thank you" in Page((await browser.get(path)).text).text


async def test_it_is_accepted_after_the_links_end_and_as_often_as_anyone_likes(shop, browser):
    path = await _pay(shop, browser, expires_in=60)
    shop.at += timedelta(minutes=5)
    assert (await browser.get(f"{path}/status")).json() == {"status": "challenge"}
    shop.bank.concludes = Approved("A12345")
    for _ in range(3):
        assert (await browser.post(_back(shop))).status_code == 303
    assert shop.bank.concluded == 1
    assert "Thank you" in Page((await browser.get(path)).text).text


async def test_another_payer_sees_that_a_payment_is_under_way_and_is_not_led_there(shop, browser):
    path = await _pay(shop, browser)
    browser.cookies.clear()
    answer = await browser.get(path)
    assert "A payment is on its way" in Page(answer.text).text
    assert "acs.example" not in answer.text + answer.headers[POLICY]


async def test_two_tabs_and_the_back_button_are_one_challenge(shop, browser):
    path = shop.path(await shop.link(max_payments=None))
    forms = [Page((await browser.get(path)).text).field("attempt")["value"] for _ in range(2)]
    for attempt in forms:
        await browser.post(path, data=typed(attempt, CHALLENGED))
        assert Page((await browser.get(path + "?again")).text).field("creq")
    assert shop.bank.asked == 1


async def test_what_is_no_payment_of_this_link_is_not_there(shop, browser):
    path = await _pay(shop, browser)
    other = shop.path(await shop.link())
    mine = shop.bank.ways[0].transaction
    unknown = Mint(lambda size: b"\0" * size).id(Transaction.prefix, mine[4:19], shop.at)
    for back in (
        f"{other}/return/{mine}",
        f"{path}/return/{unknown}",
        f"{path}/return/x",
        f"{path}/return/",
        f"{path}x/return/{mine}",
    ):
        assert (await browser.post(back)).status_code == 404, back
    assert shop.bank.concluded == 0


async def test_where_a_provider_takes_the_card_there_is_no_field_for_it(shop, browser):
    shop.bank.abilities = Abilities(
        look_up=True, transit_max=timedelta(minutes=1), challenges=True, hosted=True
    )
    shop.bank.title = "Provider"
    shop.bank.says = Challenge("https://provider.example/pay/1?a=b&c", UNTIL, "session")
    path = shop.path(await shop.link())
    page = Page((await browser.get(path)).text)
    assert not page.all("input", name="number")
    assert "Continue to Provider" in page.text
    form = {"attempt": page.field("attempt")["value"], "email": "ada@"}
    assert (await browser.post(path, data=form)).status_code == 422
    await browser.post(path, data=form | {"email": "ada@example.com"})
    answer = await browser.get(path)
    (link,) = Page(answer.text).all("a", href="https://provider.example/pay/1?a=b&c")
    assert "button" in link["class"]
    assert "You pay at Provider" in Page(answer.text).text
    shop.bank.concludes = Pending()
    await browser.get(_back(shop))
    shop.bank.concludes = Approved("A12345")
    await browser.get(_back(shop))
    page = Page((await browser.get(path)).text).text
    assert "Thank you" in page
    assert "Card ending" not in page


async def test_the_bank_is_told_of_the_payers_browser_and_nobody_else_is(shop, browser, caplog):
    path = shop.path(await shop.link())
    page = Page((await browser.get(path)).text)
    form = typed(page.field("attempt")["value"], CHALLENGED, screen="360 800 24 -60")
    headers = {"User-Agent": "Odd/1.0", "Accept-Language": "fr-CH, fr", "Accept": "text/html"}
    await browser.post(path, data=form, headers=headers)
    (way,) = shop.bank.ways
    assert (way.browser.agent, way.browser.language) == ("Odd/1.0", "fr-CH")
    assert (way.browser.screen.width, way.browser.screen.offset) == (360, -60)
    assert "Odd/1.0" not in caplog.text
    assert b"Odd/1.0" not in repr(shop.parts.payments.__dict__).encode()
