"""What stands around every call: limits, headers, logs, documents, crashes."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import msgspec
import pytest
import structlog

import payseal
from payseal import web
from payseal.core.event import Event
from payseal.notifications import EVENT_TYPES
from payseal.web import Rates
from payseal.web.docs import error_rows
from payseal.web.messages import MESSAGES, TransactionFacts
from payseal.web.problem import problems, status_of

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
DOCS = Path(web.__file__).parents[2] / "docs" / "errors.md"


class TestLimits:
    @pytest.fixture
    def rates(self) -> Rates:
        return Rates(address=12, caller=5, door=3)

    async def test_a_caller_is_told_how_many_requests_are_left(self, api):
        answer = await api.get("/api/payment")
        policy = '"address";q=12;w=60, "caller";q=5;w=60'
        assert answer.headers["ratelimit-policy"] == policy
        assert re.fullmatch(
            r'"address";r=11;t=\d+, "caller";r=4;t=\d+', answer.headers["ratelimit"]
        )

    async def test_too_many_requests_of_a_caller_are_refused(self, api):
        for _ in range(5):
            assert (await api.get("/api/payment")).status_code == 200
        answer = await api.get("/api/payment")
        assert answer.status_code == 429
        problem = answer.json()
        assert problem["type"].endswith("iana.org/assignments/http-problem-types#quota-exceeded")
        assert (problem["code"], problem["violated-policies"]) == ("quota_exceeded", ["caller"])
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert '"caller";r=0' in answer.headers["ratelimit"]

    async def test_two_callers_do_not_share_a_quota(self, world, api, browser):
        for _ in range(5):
            await api.get("/api/payment")
        assert (await browser.get("/api/payment")).status_code == 200

    async def test_the_doors_are_narrower(self, stranger):
        body = {"username": "nobody", "password": "not the password"}
        for _ in range(3):
            assert (await stranger.post("/api/sessions", json=body)).status_code == 401
        answer = await stranger.post("/api/users", json=body)
        assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["door"])

    async def test_an_address_has_a_quota_before_it_is_known_who_asks(self, stranger):
        for _ in range(12):
            assert (await stranger.get("/api/payment")).status_code == 401
        answer = await stranger.get("/nothing")
        assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["address"])
        assert (await stranger.get("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/api/payment", "/nothing", "/healthz", "/api/users/me"])
async def test_every_answer_carries_the_security_headers(api, path):
    headers = (await api.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers


class TestHttps:
    @pytest.fixture
    def base_url(self) -> str:
        return "https://pay.shop.example"

    async def test_over_https_browsers_are_told_to_stay_there(self, stranger):
        headers = (await stranger.get("/healthz")).headers
        assert "max-age=31536000" in headers["strict-transport-security"]


async def test_head_is_answered_as_get_without_the_body(api):
    head, get = await api.head("/api/payment"), await api.get("/api/payment")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_options_names_the_methods_and_needs_no_credentials(stranger):
    answer = await stranger.options("/api/payment")
    assert answer.status_code == 204
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_request_leaves_one_line_without_token_query_or_secret(world, stranger, shop):
    async with world.client(auth=shop.test) as api:
        made = (await api.post("/api/payment", json=PAYMENT)).json()
    token = made["url"].rpartition("/")[2]
    body = {"username": "shop", "password": "blue kettle on the moon"}
    with structlog.testing.capture_logs() as lines:
        await stranger.get(f"/p/{token}")
        await stranger.get(f"/p/{token}/status")
        async with world.client(auth=shop.test) as api:
            answer = await api.get("/api/payment", params={"realm": "private"})
        await stranger.post("/api/sessions", json=body)
    assert [line["path"] for line in lines] == [
        "/p/[redacted]",
        "/p/[redacted]/status",
        "/api/payment",
        "/api/sessions",
    ]
    assert lines[2] | {"id": "", "ms": 0} == {
        "event": "request",
        "log_level": "info",
        "id": "",
        "method": "GET",
        "path": "/api/payment",
        "status": 200,
        "ms": 0,
        "account": shop.account,
    }
    assert lines[2]["id"] == answer.headers["x-request-id"]
    said = repr(lines)
    for secret in (token, "private", *shop.test, "kettle", shop.session["Authorization"]):
        assert secret not in said


class Broken:
    """A store that is not there."""

    def __getattr__(self, name):
        raise RuntimeError("secret of the disk")


async def test_a_crash_tells_nothing_and_is_logged_without_values(world, api):
    world.parts.payments = Broken()
    with structlog.testing.capture_logs() as lines:
        answer = await api.get("/api/payment")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "disk" not in answer.text
    crash = next(line for line in lines if line["event"] == "crashed")
    assert crash["error"] == "RuntimeError"
    assert crash["id"] == answer.headers["x-request-id"]
    assert "disk" not in repr(lines)


async def test_a_process_without_a_store_lives_but_is_not_ready(world, stranger):
    world.parts.payments = Broken()
    assert (await stranger.get("/healthz")).status_code == 200
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["retry-after"] == "5"


async def test_the_document_describes_every_call(world, stranger):
    answer = await stranger.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    api = answer.json()
    assert api["openapi"] == "3.1.0"
    described = {
        (method.upper(), path) for path, methods in api["paths"].items() for method in methods
    }
    routed = {
        (method, re.sub(r"{(\w+):\w+}", r"{\1}", route.path))
        for route in world.app.routes
        for method in route.methods
        if route.path.startswith("/api/") and method != "OPTIONS"
    }
    assert routed <= described
    payment = api["components"]["schemas"]["NewPayment"]
    assert payment["additionalProperties"] is False
    assert payment["required"] == ["amount", "date", "paymentMethod", "currency", "realm"]
    post = api["paths"]["/api/payment"]["post"]
    assert post["security"] == [{"key": []}, {"session": []}]
    assert {"201", "400", "401", "403", "409", "413", "415", "422", "429"} <= set(post["responses"])
    assert "Idempotency-Key" in [parameter["name"] for parameter in post["parameters"]]


async def test_the_documents_are_pages_of_ours_alone(stranger):
    for path in ("/docs", "/docs/errors"):
        page = await stranger.get(path)
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src")
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in page.text
        assert set(re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', page.text)) == {
            "/docs/reference.css"
        }
    assert "/api/payment/{payment_id}/cancel" in (await stranger.get("/docs")).text
    assert (
        (await stranger.get("/docs/reference.css")).headers["content-type"].startswith("text/css")
    )


async def test_the_reference_shows_what_is_within_and_what_it_is_for(stranger):
    text = re.sub(r"<[^>]+>", " ", (await stranger.get("/docs")).text)
    for shown in (
        "paymentMethods[].currencies",
        "data[].expiresAt",
        "not a due date",
        "16 to 255 characters",
        "transaction.captured",
        "Whose data",
        "Those of this payment only",
        "webhook-signature",
        "any name, and a string",
    ):
        assert shown in text, shown


async def test_the_document_says_what_webhooks_are_sent(world, api, stranger):
    hooks = (await stranger.get("/openapi.json")).json()["webhooks"]
    examples = {
        name: hook["post"]["requestBody"]["content"]["application/json"]["example"]
        for name, hook in hooks.items()
    }
    await api.post("/api/payment", json=PAYMENT)
    shelf = world.payments._shelves[Event]
    event = next(shelf.read(Event, id) for id in shelf.rows)
    assert set(event.data) == set(examples["LinkMessage"]["data"])
    for kind, example in MESSAGES.items():
        sent = msgspec.json.decode(msgspec.json.encode(example), type=kind)
        assert sent.type in EVENT_TYPES
    facts = (*TransactionFacts.__struct_encode_fields__,)
    assert set(examples["TransactionMessage"]["data"]) == set(facts)


async def test_the_type_of_a_problem_leads_to_its_row(stranger):
    problem = (await stranger.get("/api/nothing")).json()
    path, _, anchor = problem["type"].partition("#")
    assert f'id="{anchor}"' in (await stranger.get(path)).text


def test_each_code_means_one_thing():
    statuses = {}
    for kind in problems():
        statuses.setdefault(kind.code, set()).add(status_of(kind))
    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}


def test_every_code_is_in_the_documents_table():
    for module in pkgutil.walk_packages(payseal.__path__, "payseal."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    table = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert {(code, int(status), advice) for code, status, _, advice in table} == {
        (code, status, advice) for code, status, _, _, advice in error_rows()
    }


def test_what_a_code_means_is_said_without_names_of_our_own():
    for code, _, _, meaning, advice in error_rows():
        assert not re.search(r"[A-Z]+_[A-Z]+", meaning + advice), code
