"""The edge over real HTTP: uvicorn on a port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import httpx
import pytest
import uvicorn

from payseal.links import Link

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
KEY = {"Idempotency-Key": "order-1042-attempt-1"}


@pytest.fixture
async def port(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = uvicorn.Config(world.app, log_config=None, access_log=False, lifespan="on")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[taken]))
        while not server.started:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0.01)
        yield taken.getsockname()[1]
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def client(port, shop):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", auth=shop.test) as client:
        yield client


async def raw(port, *parts):
    """Send these bytes; what comes back until the server is done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(parts))
    await writer.drain()
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    return head.decode("latin-1")


async def test_twenty_posts_at_once_with_one_key_make_one_payment(world, client):
    answers = await asyncio.gather(
        *(client.post("/api/payment", json=PAYMENT, headers=KEY) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(world.payments._shelves[Link].rows) == 1


async def test_a_stranger_is_refused_before_the_body_is_sent(port):
    head = await raw(port, b"POST /api/payment HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
    assert head.startswith("HTTP/1.1 401 ")


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(port, client):
    auth = client.build_request("GET", "/").headers
    request = next(client.auth.auth_flow(httpx.Request("GET", "http://x", headers=auth)))
    credentials = request.headers["authorization"].encode()
    head = await raw(
        port,
        b"POST /api/payment HTTP/1.1\r\nHost: x\r\nAuthorization: ",
        credentials,
        b"\r\nContent-Type: application/json\r\nContent-Length: 70000\r\n\r\n",
    )
    assert head.startswith("HTTP/1.1 413 ")


async def test_two_lines_of_one_key_are_refused(port, client):
    lines = [*KEY.items(), *KEY.items()]
    answer = await client.post("/api/payment", json=PAYMENT, headers=lines)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


async def test_head_has_the_length_of_get_and_no_body(client):
    head, get = await client.head("/api/payment"), await client.get("/api/payment")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


async def test_a_connection_outlives_head_and_options(port, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for line in (b"HEAD /docs", b"OPTIONS /docs", b"HEAD /nothing", b"GET /healthz"):
        writer.write(line + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"connection: close" not in head.lower()
    assert head.startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_dots_and_empty_segments_are_missing_as_they_were_sent(port):
    for path in (b"/x/../healthz", b"/./healthz", b"//healthz", b"/p/../healthz"):
        head = await raw(port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert head.startswith("HTTP/1.1 404 ")


async def test_headers_of_many_lines_are_refused(port):
    lines = b"".join(b"X-%d: x\r\n" % i for i in range(120))
    head = await raw(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
    assert head.startswith("HTTP/1.1 431 ")


async def test_a_path_with_an_escaped_nul_or_slash_is_missing(client):
    for path in ("/api/payment/%00", "/api/payment/a%2Fb", "/api/payment/%FF", "/%2e%2e/etc"):
        assert (await client.get(path)).status_code == 404
