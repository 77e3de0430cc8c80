"""A payment form in a browser: filled in, paid, and told to the site that it stands on."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from payseal.accounts import NewUser, Passwords, set_methods, sign_up
from payseal.core.ids import Mode
from payseal.links import Field, FieldKind, Form, Link, NewForm, NewPrice, forms, submissions
from tests.web.pages.shop import _EUR, Page, Shop, typed

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 50
FREE = NewPrice(currency="EUR", minimum="5", maximum="100", presets=["5", "10"])


class Stand:
    """A merchant's form, and a browser at it."""

    def __init__(self, shop: Shop, browser) -> None:
        self.shop, self.browser = shop, browser
        self.parts = shop.parts

    async def form(self, **wished: object) -> Form:
        new = NewUser(username="acme", email="a@acme.example", password="blue kettle on the moon")
        passwords = Passwords(self.parts.entropy, memory_kib=8, passes=1)
        store, at = self.parts.accounts, self.shop.at
        user = await sign_up(store, self.shop.mint, passwords, new, at=at)
        await set_methods(store, [_EUR], user.account, [_EUR], at=at)
        wishes = {"title": "Ticket", "method": "card", "realm": "Acme Books"}
        wishes |= {"prices": [NewPrice(currency="EUR", amount="12.50")], **wished}
        return await forms.create(
            store, self.shop.mint, user.account, Mode.TEST, [_EUR], NewForm(**wishes), at=at
        )

    async def open(self, form: Form, query: str = "") -> Page:
        answer = await self.browser.get(f"/f/{form.id}{query}")
        assert answer.status_code == 200
        return Page(answer.text)

    async def submit(self, form: Form, **fields: str):
        page = await self.open(form)
        hidden = {name: page.field(name)["value"] for name in ("key", "currency")}
        sent = hidden | {name.replace("_", "-"): text for name, text in fields.items()}
        return await self.browser.post(f"/f/{form.id}", data=sent)

    async def links(self, form: Form) -> list[Link]:
        return list((await submissions.history(self.parts.payments, form)).records)


@pytest.fixture
def stand(shop, browser) -> Stand:
    return Stand(shop, browser)


async def _paid(stand: Stand, form: Form):
    """The page of a payment that the form has made, paid."""
    page = Page((await stand.submit(form)).text)
    (pay,) = page.all("form", method="post")
    await stand.browser.post(pay["action"], data=typed(page.field("attempt")["value"]))
    return await stand.browser.get(pay["action"])


async def test_a_form_leads_to_the_page_of_its_payment_without_an_address_that_tells(stand):
    form = await stand.form(fields=[Field("Your name"), Field("Size", required=False)])
    answer = await stand.submit(form, field_0="Ada")
    assert answer.status_code == 200
    assert "location" not in answer.headers
    (link,) = await stand.links(form)
    page = Page(answer.text)
    assert page.all("form", method="post", action=stand.shop.path(link))
    assert "12.50 EUR" in page.text
    assert (link.answers, link.form) == ({"Your name": "Ada"}, form.id)


async def test_the_payment_is_paid_and_the_site_is_told_with_our_signature(stand):
    form = await stand.form(success_url="https://acme.example/thanks?order=7")
    answer = await _paid(stand, form)
    page = Page(answer.text)
    assert page.all(
        "form", method="post", action="https://acme.example/thanks?order=7", target="_top"
    )
    assert "form-action 'self' https://acme.example;" in answer.headers["content-security-policy"]
    keys = (await stand.browser.get("/.well-known/jwks.json")).json()
    found = jws.deserialize_compact(
        page.field("result")["value"], KeySet.import_key_set(keys), algorithms=["Ed25519"]
    )
    (link,) = await stand.links(form)
    said = json.loads(found.payload)
    assert found.headers()["typ"] == "payseal-result+jwt"
    assert (said["aud"], said["iss"]) == ("https://acme.example", "http://testserver.local")
    assert (said["payment"], said["form"], said["status"]) == (link.id, form.id, "paid")
    assert (said["amount"], said["currency"], said["mode"]) == ("12.50", "EUR", "test")
    assert said["exp"] - said["iat"] == 600


async def test_a_result_is_no_link_and_a_link_is_no_result(stand):
    form = await stand.form(success_url="https://acme.example/thanks")
    result = Page((await _paid(stand, form)).text).field("result")["value"]
    assert (await stand.browser.get(f"/p/{result}")).status_code == 404
    header = json.loads(urlsafe_b64decode(result.partition(".")[0] + "=="))
    (link,) = await stand.links(form)
    token = stand.shop.path(link).removeprefix("/p/")
    other = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert header["kid"] != other["kid"]
    assert header["typ"] != other["typ"]


async def test_whoever_looks_at_a_payment_of_another_gets_no_result(stand):
    form = await stand.form(success_url="https://acme.example/thanks")
    await _paid(stand, form)
    (link,) = await stand.links(form)
    stand.browser.cookies.clear()
    assert "result" not in (await stand.browser.get(stand.shop.path(link))).text


async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(stand):
    form = await stand.form(
        prices=[FREE],
        quantity_max=5,
        fields=[Field("Age", FieldKind.NUMBER), Field("Terms", FieldKind.CHECKBOX), Field("Name")],
    )
    answer = await stand.submit(form, amount="1", quantity="9", field_0="x", field_2="Ada")
    page = Page(answer.text)
    assert answer.status_code == 422
    wrong = ["amount", "quantity", "field-0", "field-1"]
    for name in wrong:
        assert page.field(name)["aria-invalid"] == "true"
        assert f"{name}-error" in page.field(name)["aria-describedby"].split()
        assert page.all("p", id=f"{name}-error")
        assert page.all("a", href=f"#{name}")
    assert page.all("div", role="alert")
    assert page.field("field-2")["value"] == "Ada"
    assert page.field("amount")["value"] == "1"
    assert await stand.links(form) == []


async def test_a_card_number_in_a_field_of_the_form_is_refused_and_not_shown_again(stand):
    form = await stand.form(fields=[Field("Note")])
    answer = await stand.submit(form, field_0="4242 4242 4242 4242")
    assert answer.status_code == 422
    assert "4242 4242" not in answer.text
    assert await stand.links(form) == []


async def test_a_payer_chooses_the_currency_by_a_link(stand):
    form = await stand.form(
        prices=[NewPrice(currency="EUR", amount="12.50"), NewPrice(currency="JPY", amount="2000")]
    )
    page = await stand.open(form)
    assert page.field("currency")["value"] == "EUR"
    assert page.all("a", href=f"/f/{form.id}?currency=JPY")
    page = await stand.open(form, "?currency=JPY")
    assert (page.field("currency")["value"], "2000 JPY" in page.text) == ("JPY", True)
    for nonsense in ("?currency=XYZ", "?currency=", "?currency=%00%ff", "?" + "x" * 2000):
        assert (await stand.open(form, nonsense)).field("currency")["value"] == "EUR"


async def test_presets_are_offered_and_one_is_chosen(stand):
    form = await stand.form(prices=[FREE])
    page = await stand.open(form)
    assert [a["value"] for a in page.all("input", type="radio")] == ["5.00", "10.00"]
    await stand.submit(form, preset="10.00")
    (link,) = await stand.links(form)
    assert str(link.amount) == "10.00"


async def test_a_reload_makes_no_second_payment(stand):
    form = await stand.form()
    page = await stand.open(form)
    sent = {name: page.field(name)["value"] for name in ("key", "currency")}
    for _ in range(3):
        assert (await stand.browser.post(f"/f/{form.id}", data=sent)).status_code == 200
    assert len(await stand.links(form)) == 1


async def test_a_page_that_was_open_for_long_is_shown_again_with_what_was_typed(stand):
    form = await stand.form(fields=[Field("Name")])
    page = await stand.open(form)
    sent = {name: page.field(name)["value"] for name in ("key", "currency")} | {"field-0": "Ada"}
    stand.shop.at += timedelta(days=2)
    answer = await stand.browser.post(f"/f/{form.id}", data=sent)
    page = Page(answer.text)
    assert (answer.status_code, page.field("field-0")["value"]) == (422, "Ada")
    again = sent | {"key": page.field("key")["value"]}
    assert (await stand.browser.post(f"/f/{form.id}", data=again)).status_code == 200


async def test_a_form_that_is_off_says_so_before_and_after_it_was_filled_in(stand):
    form = await stand.form()
    page = await stand.open(form)
    sent = {name: page.field(name)["value"] for name in ("key", "currency")}
    await forms.switch(
        stand.parts.accounts, form.account, Mode.TEST, form.id, on=False, at=stand.shop.at
    )
    for answer in (
        await stand.browser.get(f"/f/{form.id}"),
        await stand.browser.post(f"/f/{form.id}", data=sent),
    ):
        assert answer.status_code == 410
        assert "Acme Books takes no payments by this form now" in Page(answer.text).text
    assert await stand.links(form) == []


@pytest.mark.parametrize(
    "path", ["/f/frm_x", "/f/frm_" + "0" * 40, "/f/lnk_" + "0" * 40, "/f", "/f/x"]
)
async def test_a_form_that_is_not_there_is_a_page_that_says_so(browser, path):
    answer = await browser.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


async def test_another_site_cannot_submit_a_form(stand):
    form = await stand.form()
    page = await stand.open(form)
    sent = {name: page.field(name)["value"] for name in ("key", "currency")}
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await stand.browser.post(f"/f/{form.id}", data=sent, headers=headers)
    assert answer.status_code == 403
    assert await stand.links(form) == []


async def test_only_the_forms_own_sites_may_show_it_and_its_payment_in_a_frame(stand):
    closed = Page((await stand.browser.get("/")).text)
    assert closed
    form = await stand.form(origins=["https://acme.example", "http://localhost:8000"])
    allowed = "frame-ancestors https://acme.example http://localhost:8000"
    answer = await stand.browser.get(f"/f/{form.id}")
    assert answer.headers["content-security-policy"].endswith(allowed)
    assert (await _paid(stand, form)).headers["content-security-policy"].endswith(allowed)
    link = await stand.shop.link()
    answer = await stand.browser.get(stand.shop.path(link))
    assert answer.headers["content-security-policy"].endswith("frame-ancestors 'none'")


async def test_the_merchants_color_and_picture_are_on_each_page_and_come_from_us(stand):
    form = await stand.form(accent="#ffe066", logo=b64encode(PNG).decode())
    for answer in (await stand.browser.get(f"/f/{form.id}"), await _paid(stand, form)):
        page = Page(answer.text)
        (picture,) = page.all("img")
        assert "--button: #ffe066; --on-button: #17211f;" in answer.text
        shown = await stand.browser.get(picture["src"])
        assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
        assert shown.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("accent", "on"), [("#000000", "#ffffff"), ("#ffffff", "#17211f"), ("#165d50", "#ffffff")]
)
async def test_what_stands_on_the_accent_can_be_read(stand, accent, on):
    form = await stand.form(accent=accent)
    assert f"--on-button: {on};" in (await stand.browser.get(f"/f/{form.id}")).text


async def test_texts_of_a_merchant_are_texts(stand):
    form = await stand.form(
        title="<b>x</b>",
        terms="</p><script>alert(1)</script>",
        fields=[Field('"><img src=x>', FieldKind.SELECT, options=("<i>",))],
    )
    page = await stand.open(form)
    assert not page.all("b")
    assert not page.all("i")
    assert "<script>alert(1)</script>" in page.text


async def test_one_address_cannot_fill_a_merchants_account(stand):
    form = await stand.form()
    page = await stand.open(form)
    sent = {name: page.field(name)["value"] for name in ("key", "currency")}
    stand.browser.headers["accept"] = "text/html"
    answers = [await stand.browser.post(f"/f/{form.id}", data=sent) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert "Please try again in a moment" in answers[-1].text
    assert (await stand.browser.get(f"/f/{form.id}")).status_code == 200, "it can still be read"
