"""A challenge in a real browser, with and without JavaScript; the bank's page is another site.

`SHOTS=FOLDER` keeps what it looked like.
"""

import os
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from tests.e2e.people import Merchant
from tests.e2e.processes import Bank, Server
from tests.e2e.test_demo import CHROMIUM, DESKTOP, PHONE, QUIET, fill_in, fits
from tests.e2e.test_three_ds import CHALLENGED, three_ds

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOTS = os.environ.get("SHOTS")
SCREENS = {"1280": DESKTOP, "360": PHONE}


@pytest.fixture(scope="module")
def server(folders):
    folder = folders / "3ds-browser"
    folder.mkdir()
    bank = Bank(folder)
    server: Server = three_ds(folder, bank)
    # Of another name than the bank's pages: to a browser these are two sites.
    server.settings["PAYSEAL_BASE_URL"] = f"http://localhost:{server.port}"
    server.start()
    server.bank = bank
    yield server
    server.stop()
    bank.stop()


@pytest.fixture(scope="module")
def merchant(server):
    merchant = Merchant.at(server.url, "browser")
    yield merchant
    merchant.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(params=["1280", "360"], loop_scope="module")
async def screen(request):
    return request.param


@pytest_asyncio.fixture(params=["script", "no script"], loop_scope="module")
async def page(request, browser, screen):
    """A payer; nothing that their pages load or send may be refused by the browser."""
    scripted = request.param == "script"
    context = await browser.new_context(viewport=SCREENS[screen], java_script_enabled=scripted)
    page, wrong = await context.new_page(), []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.scripted = scripted
    page.name = f"{screen}{'' if scripted else '-plain'}"
    yield page
    await context.close()
    assert wrong == []


async def shot(page, name):
    await fits(page)
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}-{page.name}.png", full_page=True)


async def pay(page, url):
    """Up to the bank's question."""
    await page.goto(url)
    await fill_in(page, CHALLENGED)
    await page.get_by_role("button", name="Pay 12.50 EUR").click()
    if not page.scripted:
        await expect(page.get_by_role("heading", name="Your bank asks you")).to_be_visible()
        await shot(page, "challenge")
        await page.get_by_role("button", name="Continue to your bank").click()
    await expect(page.get_by_role("heading", name="Is it you who pays")).to_be_visible()


async def back_to_shop(page):
    if not page.scripted:
        await shot(page, "confirmed")
        await page.get_by_role("button", name="Back to the shop").click()


async def test_a_payer_confirms_at_their_bank_and_sees_what_they_paid(server, merchant, page):
    payment = merchant.payment(description="A cup of coffee")
    await pay(page, payment["url"])
    assert page.url.startswith(server.bank.acs)
    await shot(page, "bank")
    await page.get_by_label("The code").fill("1")
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("2 tries left")).to_be_visible()
    await page.get_by_label("The code").fill("123456")
    await page.get_by_role("button", name="Confirm").click()
    await back_to_shop(page)
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    assert page.url == payment["url"]
    await shot(page, "paid")
    (txn,) = merchant.transactions(payment=payment["id"])
    assert txn["status"] == "captured"


async def test_a_payer_who_does_not_want_to_is_back_at_the_form(server, merchant, page):
    payment = merchant.payment()
    await pay(page, payment["url"])
    await page.get_by_role("button", name="I do not want to pay").click()
    await back_to_shop(page)
    await expect(page.get_by_text("was not confirmed with your bank")).to_be_visible()
    await expect(page.get_by_role("button", name="Pay 12.50 EUR")).to_be_visible()
    await shot(page, "declined")


async def test_the_back_button_is_no_trap_and_leads_on_again(server, merchant, page):
    payment = merchant.payment()
    await pay(page, payment["url"])
    await page.goto(payment["url"])
    go_on = page.get_by_role("button", name="Continue to your bank")
    await expect(go_on).to_be_visible()
    await page.wait_for_timeout(300)
    assert page.url == payment["url"], "they may stay"
    await shot(page, "stayed")
    await go_on.click()
    await page.get_by_label("The code").fill("123456")
    await page.get_by_role("button", name="Confirm").click()
    await back_to_shop(page)
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    assert len(merchant.transactions(payment=payment["id"])) == 1


async def test_a_second_tab_moves_on_by_itself_when_the_first_has_paid(server, merchant, page):
    payment = merchant.payment()
    await pay(page, payment["url"])
    other = await page.context.new_page()
    await other.goto(payment["url"])
    if page.scripted:  # a tab of its own is led there by itself, once
        await other.wait_for_url(f"{server.bank.acs}/**")
        await other.goto(payment["url"])
    await expect(other.get_by_role("heading", name="Your bank asks you")).to_be_visible()
    await page.bring_to_front()
    await page.get_by_label("The code").fill("123456")
    await page.get_by_role("button", name="Confirm").click()
    await back_to_shop(page)
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    await other.bring_to_front()
    if not page.scripted:
        await other.reload()
    await expect(other.get_by_role("heading", name="Paid", exact=True)).to_be_visible(
        timeout=20_000
    )
