"""What is looked at before a request is counted, routed or read."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from payseal.web import Rates
from payseal.web.access import Access, redacted
from payseal.web.gate import BodyTooSlow, Gate
from payseal.web.security import SecurityHeaders

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = "eyJ" + "a" * 90


@pytest.mark.parametrize(
    "path",
    [
        "/assets/%00",
        "/assets/" + "a" * 3000,
        "/assets/" + "a" * 300,
        "/assets/" + "%C3%A4" * 200,
        "/" + "x/" * 2000,
        "//healthz",
        "/x/%2e%2e/healthz",
        "/api//payment",
        "/api/payment/..",
        "/%2e/healthz",
        f"//p/{TOKEN}",
        f"/p//{TOKEN}",
    ],
)
async def test_a_path_by_another_name_or_of_no_file_is_missing(stranger, path):
    with structlog.testing.capture_logs() as lines:
        answer = await stranger.get(f"http://test{path}")
    assert answer.status_code == 404
    is_page = path.lstrip("/").startswith("p/")
    assert ("no such page" in answer.text.lower()) if is_page else answer.json()["code"]
    assert TOKEN not in repr(lines)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/p/{TOKEN}", "/p/[redacted]"),
        ("/p/short/status", "/p/[redacted]/status"),
        (f"//p/{TOKEN}", "//p/[redacted]"),
        ("//p//short", "//p//[redacted]"),
        ("/p/./short", "/p/./[redacted]"),
        ("/x/../p/short", "/x/../p/[redacted]"),
        (f"/p/x/../{TOKEN}", "/p/[redacted]/../[redacted]"),
        (f"/P/{TOKEN}/", "/P/[redacted]/"),
        ("/api/payment/lnk_1", "/api/payment/lnk_1"),
        ("/", "/"),
    ],
)
def test_no_token_is_logged_by_any_name_of_its_path(path, shown):
    assert redacted(path) == shown


@pytest.mark.parametrize(
    "headers",
    [{f"X-{i}": "x" for i in range(101)}, {"X-Long": "x" * 33_000}],
)
async def test_too_many_or_too_long_headers_are_refused(stranger, headers):
    answer = await stranger.get("/healthz", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


async def test_a_slow_body_is_given_up_and_its_connection_closed(world):
    sent = []

    async def reads(scope, receive, send):
        try:
            while (await receive()).get("more_body"):
                pass
        except BodyTooSlow as problem:
            await send({"type": "http.response.start", "status": problem.status, "headers": []})

    async def drips():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/p/x", "headers": [], "state": {}}
    edge = Access(Gate(reads, body_within_s=0.1), world.parts, SecurityHeaders(https=False))
    async with asyncio.timeout(2):
        await edge(scope, drips, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_whoever_waits_for_the_end_of_a_connection_waits_without_a_limit():
    parts = [{"type": "http.request", "body": b"x"}]

    async def waits(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    async def receive():
        if parts:
            return parts.pop()
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    scope = {"type": "http", "path": "/", "headers": []}
    await Gate(waits, body_within_s=0.01)(scope, receive, None)


class TestPages:
    @pytest.fixture
    def rates(self) -> Rates:
        return Rates(address=2)

    async def test_a_browser_is_shown_a_page_and_a_program_a_problem(self, stranger):
        wrong = await stranger.put("/p/x", headers=BROWSER)
        assert wrong.status_code == 405
        assert wrong.headers["content-type"].startswith("text/html")
        assert "GET" in wrong.headers["allow"]
        await stranger.get("/healthz/x")
        many = await stranger.get("/p/x", headers=BROWSER)
        assert many.status_code == 429
        assert many.headers["content-type"].startswith("text/html")
        assert 1 <= int(many.headers["retry-after"]) <= 60
        assert (await stranger.get("/p/x")).json()["code"] == "quota_exceeded"
