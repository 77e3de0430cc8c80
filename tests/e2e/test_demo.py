"""`payseal demo`, from its first line to Ctrl-C and back, with a payer in a real browser."""

import re
import signal
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from tests.e2e.people import APPROVED, CODE, DECLINED, Merchant, agree, minor, pay, said
from tests.e2e.processes import Process, free_port, is_alive, rows, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


class Demo:
    """A running demo, and what it printed."""

    def __init__(self, folder, port):
        self.folder = folder
        self.process = Process("payseal", "demo", "--data", folder, "--port", port)
        self.process.says(r"Ctrl-C stops it")
        self.docs, self.key, self.secret, self.desk = (
            self.process.says(rf"{name} +(\S+)")[1]
            for name in ("API docs", "API key", "API secret", "The bank's book")
        )
        self.desk = self.desk.removesuffix("/")
        self.url = self.docs.removesuffix("/docs")
        self.link = self.process.says(rf"(?m)^({re.escape(self.url)}/p/\S+)$")[1]
        self.bank_pid = int(re.search(r'"pid":(\d+)', (folder / "bank.json").read_text())[1])
        self.merchant = Merchant(self.url, self.key, self.secret)

    def book(self):
        return rows(self.desk, "/book")

    def ends_after(self, number):
        self.process.signal(number)
        return self.process.ends()

    def close(self):
        self.merchant.close()
        self.process.stop()


@pytest.fixture(scope="module")
def demo(folders):
    demo = Demo(folders / "demo", free_port())
    yield demo
    demo.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    if not CHROMIUM.exists():
        pytest.fail("Chromium is needed for this test: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(
    params=["desktop", "phone", "phone-without-javascript"], loop_scope="module"
)
async def page(request, browser):
    """A visit by one of three kinds of payer; nothing it loads may be missing or refused."""
    context = await browser.new_context(
        viewport=DESKTOP if request.param == "desktop" else PHONE,
        java_script_enabled="without" not in request.param,
    )
    page, wrong = await context.new_page(), []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    yield page
    await context.close()
    assert [text for text in wrong if "422" not in text] == []


async def fill_in(page, card, expiry="12 / 30", code=CODE):
    await page.get_by_label("Card number").press_sequentially(card.replace(" ", ""))
    await page.get_by_label("Expires").press_sequentially(expiry)
    await page.get_by_label("Security code").fill(code)
    await page.get_by_label("Name on card").fill("Ada Lovelace")
    await page.get_by_label("E-mail").fill("ada@shop.example")


async def fits(page):
    """Nothing sticks out of the screen."""
    width = await page.locator("html").bounding_box()
    assert width["width"] <= page.viewport_size["width"]
    for box in await page.locator("input:visible, button, h1, h2, p, dl").all():
        place = await box.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= page.viewport_size["width"]


def visit(url):
    """The text of a page that is there."""
    return httpx.get(url).raise_for_status().text


async def test_the_demo_prints_all_that_one_needs_to_start(demo):
    assert "/api/payment" in visit(demo.docs)
    curl = demo.process.says(r"(?m)^curl (\S+) -u (\S+):(\S+) -H '([^']+)' -d '([^']+)'$")
    address, key, secret, header, body = curl.groups()
    assert (key, secret) == (demo.key, demo.secret)
    name, _, value = header.partition(": ")
    assert address == f"{demo.url}/api/payment"
    answer = demo.merchant.http.post("/api/payment", headers={name: value}, content=body)
    assert said(answer)["status"] == "open"
    assert "12.50" in visit(said(answer)["url"])


async def test_a_payer_pays_the_printed_link_and_everybody_agrees(demo, browser):
    page = await browser.new_page()
    await page.goto(demo.link)
    await fill_in(page, APPROVED)
    await page.get_by_role("button", name="Pay 12.50 EUR").click()
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    await expect(page.get_by_text("Visa ending 4242")).to_be_visible()
    reference = await page.locator(".reference").inner_text()
    (txn,) = [t for t in demo.merchant.transactions() if t["id"] == reference]
    assert (txn["status"], txn["card"]) == ("captured", {"brand": "visa", "last4": "4242"})
    log = demo.merchant.log(txn)
    assert [e["type"] for e in log["events"]] == ["transaction.started", "transaction.captured"]
    (booked,) = [row for row in demo.book() if row["reference"] == txn["reference"]]
    assert (booked["status"], booked["amount"]) == ("approved", minor("12.50"))
    for event in ("transaction.started", "transaction.captured", "link.paid"):
        link = "" if event == "link.paid" else r"  of lnk_…\w{6}"
        demo.process.says(rf"webhook +{re.escape(event)} +12\.50 EUR  \w{{3}}_…\w{{6}}{link}\n")
    (webhook,) = said(demo.merchant.http.get("/api/webhooks"))["data"]
    deliveries = f"/api/webhooks/{webhook['id']}/deliveries?limit=100"

    def told():
        sent = said(demo.merchant.http.get(deliveries))["data"]
        return {d["status"] for d in sent} == {"delivered"} and len(sent) >= 3

    until(told)


async def test_whatever_browser_a_payer_has_the_payment_ends_on_a_page_that_says_paid(demo, page):
    payment = demo.merchant.payment(realm="Corner Shop", description="Two books and a map")
    await page.goto(payment["url"])
    await fits(page)
    await fill_in(page, APPROVED)
    await page.get_by_role("button", name="Pay 12.50 EUR").click()
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    await fits(page)
    assert demo.merchant.show(payment)["status"] == "paid"
    await page.reload()
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()


async def test_a_declined_card_is_said_so_and_another_one_pays(demo, page):
    payment = demo.merchant.payment(realm="Corner Shop")
    await page.goto(payment["url"])
    await fill_in(page, DECLINED)
    await page.get_by_role("button", name="Pay").click()
    await expect(page.get_by_role("alert")).to_contain_text("The payment was declined")
    await fits(page)
    assert await page.get_by_label("Card number").input_value() == ""
    await fill_in(page, APPROVED)
    await page.get_by_role("button", name="Pay").click()
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    tried = [t["status"] for t in demo.merchant.transactions(payment=payment["id"])]
    assert tried == ["captured", "declined"]


async def test_what_is_wrong_is_said_beside_its_field_and_nothing_of_a_card_comes_back(demo, page):
    payment = demo.merchant.payment(realm="Corner Shop")
    await page.goto(payment["url"])
    await fill_in(page, "4242 4242 4242 4241", expiry="01 / 20", code="12")
    await page.get_by_role("button", name="Pay").click()
    for label, words in (
        ("Card number", "not a card number"),
        ("Expires", "expired"),
        ("Security code", "3 digits"),
    ):
        field = page.get_by_label(label)
        await expect(field).to_have_attribute("aria-invalid", "true")
        error = page.locator(f"#{await field.get_attribute('aria-describedby')}")
        await expect(error).to_contain_text(words)
        below = (await error.bounding_box())["y"] - (await field.bounding_box())["y"]
        assert 0 < below < 90
        assert await field.input_value() == ""
    assert await page.get_by_label("Name on card").input_value() == "Ada Lovelace"
    await fits(page)
    assert demo.merchant.transactions(payment=payment["id"]) == []


async def test_a_double_click_is_one_payment(demo, page):
    payment = demo.merchant.payment(realm="Corner Shop", maxPayments=None)
    await page.goto(payment["url"])
    await fill_in(page, APPROVED)
    await page.get_by_role("button", name="Pay").dblclick(no_wait_after=True)
    await expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    (txn,) = demo.merchant.transactions(payment=payment["id"])
    assert txn["status"] == "captured"


async def test_after_all_that_the_banks_own_book_agrees_row_by_row(demo):
    agree(demo.merchant.transactions(), demo.book())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
async def test_a_stopped_demo_leaves_no_process_and_the_next_start_finds_everything(
    folders, number
):
    folder = folders / f"stopped-{number.name}"
    demo = Demo(folder, free_port())
    pay(demo.link)
    assert demo.ends_after(number) == 0, demo.process.said
    assert "Everything is kept" in demo.process.said
    assert not is_alive(demo.bank_pid)
    assert '"pid":0' in (folder / "bank.json").read_text()
    before = demo
    demo = Demo(folder, free_port())
    try:
        assert (demo.key, demo.secret, demo.desk) == (before.key, before.secret, before.desk)
        (txn,) = demo.merchant.transactions()
        assert (txn["status"], txn["amount"]) == ("captured", "12.50")
        agree([txn], demo.book())
        assert demo.link != before.link
    finally:
        before.merchant.close()
        demo.close()


async def test_what_is_damaged_is_recovered_or_said_and_a_torn_start_is_made_anew(folders):
    folder = folders / "damaged"
    first = Demo(folder, free_port())
    assert first.ends_after(signal.SIGINT) == 0
    first.merchant.close()
    (folder / "bank.json").write_text("{")
    merchant = folder / "merchant.json"
    merchant.write_text("{")
    process = Process("payseal", "demo", "--data", folder, "--port", free_port())
    assert process.ends() == 1
    assert re.fullmatch(r"\S+merchant.json is damaged\. .*", process.said.strip()), process.said
    # As after a kill between the first commit and the file.
    merchant.unlink()
    again = Demo(folder, free_port())
    try:
        assert again.key != first.key
        assert pay(again.link).heading == "Paid"
    finally:
        again.close()


async def test_commands_beside_a_demo_take_its_settings(demo):
    for command in (("keys", "rotate"), ("resolve",)):
        process = Process("payseal", *command, "--data", demo.folder)
        assert process.ends() == 0, process.said
    nowhere = Process("payseal", "keys", "rotate", "--data", demo.folder / "nowhere")
    assert nowhere.ends() == 1
    assert nowhere.said.startswith("There is no demo in ")


async def test_a_second_demo_on_the_same_folder_refuses_with_a_sentence_and_disturbs_nothing(demo):
    second = Process("payseal", "demo", "--data", demo.folder, "--port", free_port())
    assert second.ends() == 1
    assert re.fullmatch(r"\S+ is in use: .*", second.said.strip()), second.said
    assert is_alive(demo.bank_pid)
    assert pay(demo.merchant.payment()["url"]).heading == "Paid"


async def test_a_killed_demos_bank_goes_on_and_the_next_start_takes_it_over(folders):
    folder = folders / "killed"
    demo = Demo(folder, free_port())
    pay(demo.link)
    demo.process.kill()
    demo.merchant.close()
    assert is_alive(demo.bank_pid)
    again = Demo(folder, free_port())
    try:
        assert again.bank_pid == demo.bank_pid
        agree(again.merchant.transactions(), again.book())
        assert again.ends_after(signal.SIGINT) == 0
        assert not is_alive(demo.bank_pid)
    finally:
        again.close()
