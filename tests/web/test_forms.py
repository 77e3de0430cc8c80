"""Forms by the API: made, changed, switched off, listed; and what payers have submitted."""

from __future__ import annotations

import csv
import io

import pytest

from payseal import accounts
from payseal.core.money import Money
from payseal.links import Link, Submission, forms, submissions
from payseal.web.api import submissions as exports
from tests.shop import EUR

FORM = {
    "title": "Workshop ticket",
    "paymentMethod": "card",
    "realm": "shop.example",
    "prices": [{"currency": "EUR", "amount": "12.50"}],
    "fields": [
        {"name": "Your name"},
        {"name": "Size", "kind": "select", "options": ["S", "M"], "required": False},
    ],
}


async def _submitted(world, form_id: str, answers: dict[str, str], quantity: int = 1) -> Link:
    form = await forms.opened(world.accounts, form_id)
    user = await accounts.user_of(world.accounts, form.account)
    key = submissions.new_key(world.mint, at=world.at)
    submission = Submission(Money(1250, EUR), quantity, answers)
    return await submissions.submit(
        world.payments, world.mint, form, user.methods, submission, key, at=world.at
    )


async def test_a_form_is_made_shown_changed_and_switched_off_and_on(api):
    made = await api.post("/api/forms", json=FORM)
    assert made.status_code == 201
    form = made.json()
    assert form["url"] == f"http://test/f/{form['id']}"
    assert (form["status"], form["mode"], form["expiresIn"]) == ("active", "test", 3600)
    assert form["prices"] == [
        {"currency": "EUR", "amount": "12.50", "minimum": None, "maximum": None, "presets": []}
    ]
    path = f"/api/forms/{form['id']}"
    assert (await api.get(path)).json() == form
    assert (await api.get("/api/forms")).json() == {"data": [form], "after": None}

    free = {"currency": "EUR", "minimum": "1", "maximum": "20", "presets": ["5"]}
    changed = (await api.put(path, json=FORM | {"title": "New", "prices": [free]})).json()
    assert changed["title"] == "New"
    assert changed["prices"][0] == {
        "currency": "EUR",
        "amount": None,
        "minimum": "1.00",
        "maximum": "20.00",
        "presets": ["5.00"],
    }
    assert (await api.post(f"{path}/off")).json()["status"] == "off"
    assert (await api.post(f"{path}/off")).json()["status"] == "off"
    assert (await api.post(f"{path}/on")).json() == changed


@pytest.mark.parametrize(
    ("wished", "code", "field"),
    [
        ({"title": ""}, "invalid_form", "title"),
        ({"prices": []}, "invalid_form", "prices"),
        (
            {"prices": [{"currency": "USD", "amount": "1"}]},
            "currency_not_enabled",
            "prices[0].currency",
        ),
        ({"paymentMethod": "cash"}, "unknown_method", "paymentMethod"),
        ({"fields": [{"name": "x", "kind": "file"}]}, "invalid_field", "fields[0].kind"),
        ({"fields": [{"name": "x", "more": 1}]}, "unknown_field", "fields[0].more"),
        ({"origins": ["https://shop.example/x"]}, "invalid_form", "origins[0]"),
        ({"prices": [{"currency": "EUR", "amount": 12.5}]}, "invalid_field", "prices[0].amount"),
    ],
)
async def test_what_is_wrong_with_a_form_is_said(world, api, wished, code, field):
    before = world.dump()
    answer = await api.post("/api/forms", json=FORM | wished)
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)
    assert world.dump() == before


async def test_the_same_key_makes_one_form(api):
    headers = {"Idempotency-Key": "0123456789abcdef"}
    first = await api.post("/api/forms", json=FORM, headers=headers)
    again = await api.post("/api/forms", json=FORM, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert len((await api.get("/api/forms")).json()["data"]) == 1


async def test_nobody_else_and_no_other_mode_sees_a_form(world, api, shop):
    form = (await api.post("/api/forms", json=FORM)).json()
    path = f"/api/forms/{form['id']}"
    other = await world.merchant("other")
    for who in (other.test, shop.live):
        async with world.client(auth=who) as client:
            answers = [
                await client.get(path),
                await client.put(path, json=FORM),
                await client.post(f"{path}/off"),
                await client.get(f"{path}/submissions"),
                await client.get(f"{path}/submissions.csv"),
            ]
        assert {answer.status_code for answer in answers} == {404}
    assert (await api.get(path)).json() == form


async def test_submissions_are_listed_with_their_answers_and_in_the_history(world, api):
    form = (await api.post("/api/forms", json=FORM)).json()
    plain = (await api.get("/api/payment")).json()["data"]
    link = await _submitted(world, form["id"], {"Your name": "Ada", "Size": "M"}, quantity=2)
    listed = (await api.get(f"/api/forms/{form['id']}/submissions")).json()["data"]
    assert plain == []
    assert listed == (await api.get("/api/payment")).json()["data"]
    assert (listed[0]["id"], listed[0]["form"]) == (link.id, form["id"])
    assert (listed[0]["amount"], listed[0]["quantity"]) == ("25.00", 2)
    assert listed[0]["answers"] == {"Your name": "Ada", "Size": "M"}


async def test_a_spreadsheet_gets_the_answers_and_no_formula(world, api):
    form = (await api.post("/api/forms", json=FORM)).json()
    await _submitted(world, form["id"], {"Your name": '=HYPERLINK("x")', "Size": "M"})
    await _submitted(world, form["id"], {"Your name": "Ada, the first", "Before": "-12"})
    answer = await api.get(f"/api/forms/{form['id']}/submissions.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "link" not in answer.headers
    head, *rows = csv.reader(io.StringIO(answer.content.decode(), newline=""))
    assert head[3:] == ["amount", "currency", "quantity", "Your name", "Size", "otherAnswers"]
    assert {tuple(row[3:]) for row in rows} == {
        ("12.50", "EUR", "1", """'=HYPERLINK("x")""", "M", ""),
        ("12.50", "EUR", "1", "Ada, the first", "", "Before: -12"),
    }
    assert answer.content.count(b"\r\n") == 3


async def test_an_export_that_is_too_long_leads_to_its_rest(world, api, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_MAX", 200)
    form = (await api.post("/api/forms", json=FORM)).json()
    for number in range(201):
        await _submitted(world, form["id"], {"Your name": str(number)})
    path = f"/api/forms/{form['id']}/submissions.csv"
    first = await api.get(path)
    assert first.content.count(b"\r\n") == 201
    rest = await api.get(first.headers["link"].partition("<")[2].partition(">")[0])
    assert rest.content.count(b"\r\n") == 2
