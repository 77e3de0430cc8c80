"""The operator's page, its JSON, and who may use them."""

import pytest

from payseal_sandbox import Bank
from tests.sandbox.acquirer import calling, purchase
from tests.sandbox.conftest import NOW
from tests.sandbox.desk import sitting_at

ABLE = {"lookUp": True, "reversalMemory": True, "partialApprovals": True, "advices": True}


async def test_the_book_is_read_page_by_page(line, desk):
    messages = [purchase() for _ in range(5)]
    for message in messages:
        await line.ask(message)
    read, after = [], 0
    while after is not None:
        page = await desk.get("/book", after=after, limit=2)
        read += [row["reference"] for row in page["rows"]]
        after = page["next"]
    assert read == [message["37"] for message in messages]


async def test_abilities_are_kept_in_the_book_and_faults_are_not(book):
    async with Bank(book, clock=lambda: NOW) as bank, sitting_at(bank.ports) as desk:
        await desk.put("/abilities", {"lookUp": False, "reversalMemory": True})
        await desk.set_fault(kind="lost")
    async with Bank(book, clock=lambda: NOW) as bank, sitting_at(bank.ports) as desk:
        assert await desk.get("/abilities") == ABLE | {"lookUp": False}
        assert (await desk.get("/faults"))["faults"] == []


async def test_the_bank_says_that_it_is_there(desk):
    assert await desk.get("/healthz") == {"status": "ok"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"faults": [{"kind": "sulk"}]}),
        ("/faults", {"faults": [{"kind": "lost", "next": 0}]}),
        ("/faults", {"faults": [{"kind": "lost", "next": 1, "probability": 0.5}]}),
        ("/faults", {"faults": [{"kind": "lost", "probability": 1.5}]}),
        ("/faults", {"faults": [{"kind": "late", "seconds": 1e9}]}),
        ("/faults", {"faults": [{"kind": "lost", "on": ["chargeback"]}]}),
        ("/faults", {"faults": [{"kind": "lost"}] * 101}),
        ("/faults", {"misspelt": 1}),
        ("/abilities", {"lookUp": "yes"}),
        ("/abilities", []),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(desk, path, body):
    before = await desk.get(path)
    async with desk.http.put(path, json=body) as response:
        assert response.status == 400
    assert await desk.get(path) == before


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "after=x", "limit=-1", "refrence=R1"])
async def test_a_listing_refuses_what_it_does_not_know(desk, query):
    async with desk.http.get(f"/book?{query}") as response:
        assert response.status == 400


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", "a:b:c"])
async def test_a_host_name_that_is_not_loopback_is_refused(desk, host):
    async with desk.http.get("/book", headers={"Host": host}) as response:
        assert response.status == 403


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:1", "[::1]:1", "localhost"])
async def test_every_loopback_name_is_answered(desk, host):
    async with desk.http.get("/healthz", headers={"Host": host}) as response:
        assert response.status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
@pytest.mark.parametrize("path", ["/abilities", "/faults", "/faults/clear"])
async def test_a_post_from_another_origin_changes_nothing(desk, origin, path):
    async with desk.http.post(path, headers={"Origin": origin}, data={"kind": "lost"}) as response:
        assert response.status == 403
    assert await desk.get("/abilities") == ABLE
    assert (await desk.get("/faults"))["faults"] == []


async def test_the_page_shows_the_book_newest_first_and_escapes_it(line, desk):
    first = purchase(f42="<script>x</scri")
    second = purchase("4000000000000002", amount=99, f49="392")
    await line.ask(first)
    await line.ask(second)
    async with desk.http.get("/") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert page.index(second["37"]) < page.index(first["37"])
    assert "12.50 EUR" in page
    assert "99 JPY" in page
    assert "<script>" not in page
    assert "default-src 'none'" in policy


async def test_the_forms_of_the_page_set_abilities_and_faults(line, desk, bank):
    own = {"Origin": f"http://127.0.0.1:{bank.ports.operator}"}
    async with desk.http.post("/abilities", data={"lookUp": "on"}, headers=own) as response:
        assert response.status == 200, "it leads back to the page"
    assert await desk.get("/abilities") == {name: name == "lookUp" for name in ABLE}
    form = {"kind": "late", "next": "3", "probability": "", "seconds": "1.5", "on": "inquiry"}
    await desk.http.post("/faults", data=form, headers=own)
    (fault,) = (await desk.get("/faults"))["faults"]
    assert (fault["kind"], fault["next"], fault["seconds"]) == ("late", 3, 1.5)
    assert fault["on"] == ["inquiry"]
    async with desk.http.get("/") as response:
        assert "for the next 3" in await response.text()
    await desk.http.post("/faults/clear", headers=own)
    assert (await desk.get("/faults"))["faults"] == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "late", "next": "1"}, "A fault of the kind late needs its seconds."),
        ({"kind": "lost", "next": "1", "probability": "0.5"}, "leave one empty."),
        ({"kind": "lost", "probability": "7"}, "The probability is a number from 0 to 1"),
        ({"kind": "lost", "next": "0"}, "The number of messages is a whole number from 1"),
        ({"kind": "held", "seconds": "1e9"}, "The seconds are a number from 0 to 3600"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_in_a_sentence_on_the_page(desk, form, words):
    async with desk.http.post("/faults", data=form) as response:
        assert response.status == 400
        assert words in await response.text()
    assert (await desk.get("/faults"))["faults"] == []


async def test_seconds_of_a_fault_that_has_none_are_left_out(desk):
    await desk.http.post("/faults", data={"kind": "lost", "next": "1", "seconds": "20"})
    (fault,) = (await desk.get("/faults"))["faults"]
    assert (fault["kind"], fault["seconds"]) == ("lost", 0)


async def test_a_page_and_its_style_need_no_other_host(desk):
    for path in ("/", "/style.css"):
        async with desk.http.get(path) as response:
            assert "//" not in (await response.text()).replace("/* ", "")


async def test_the_operator_reads_while_the_bank_books(bank, line, desk):
    line.send(*(purchase() for _ in range(200)))
    for _ in range(5):
        await desk.get("/book")
        await desk.settlement()
    assert [(await line.hear())["39"] for _ in range(200)] == ["00"] * 200
    async with calling(bank.ports) as other:
        assert (await other.ask(purchase()))["39"] == "00"
