import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from structlog.testing import capture_logs

from payseal.outbound import AGENT, ANSWER_MAX, AddressRule, NoResponse, Outbound, Response

OPEN = AddressRule(loopback=True)


@pytest.fixture
async def serve():
    """`serve(handler)` gives the address of a server on this machine."""
    servers = []

    async def start(handler):
        app = web.Application()
        app.router.add_post("/{path:.*}", handler)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("/hook"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def outbound():
    async with Outbound(OPEN) as outbound:
        yield outbound


async def test_body_and_headers_arrive_and_the_answer_is_a_value(serve, outbound):
    seen = []

    async def answer(request):
        seen.append((await request.read(), request.headers))
        return web.Response(status=202, text="thanks", headers={"Retry-After": "7"})

    result = await outbound.post(await serve(answer), b'{"a":1}', {"content-type": "x/y"})
    assert result == Response(202, "7", b"thanks")
    ((body, headers),) = seen
    assert body == b'{"a":1}'
    assert (headers["Content-Type"], headers["User-Agent"]) == ("x/y", AGENT)


async def test_a_redirect_is_an_answer(serve, outbound):
    calls = []

    async def answer(request):
        calls.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    result = await outbound.post(await serve(answer), b"", {})
    assert isinstance(result, Response)
    assert (result.status, calls) == (307, ["/hook"])


async def test_no_more_of_an_answer_is_read_than_its_limit(serve, outbound):
    sent = 0

    async def answer(request):
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 50_000_000:
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    result = await outbound.post(await serve(answer), b"", {})
    assert result == Response(200, "", b"x" * ANSWER_MAX)
    assert sent < 50_000_000


async def test_an_answer_is_not_unpacked(serve, outbound):
    async def answer(request):
        response = web.Response(text="x" * 10_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    result = await outbound.post(await serve(answer), b"", {})
    assert isinstance(result, Response)
    assert result.body.startswith(b"\x1f\x8b")


async def test_no_cookie_is_kept(serve, outbound):
    cookies = []

    async def answer(request):
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    url = await serve(answer)
    for _ in range(2):
        await outbound.post(url, b"", {})
    assert cookies == [None, None]


async def test_silence_ends_by_the_time_out(serve, outbound):
    end = asyncio.Event()

    async def answer(request):
        await end.wait()
        return web.Response()

    result = await outbound.post(await serve(answer), b"", {}, timeout_s=0.1)
    assert result == NoResponse("timed_out")
    end.set()


async def test_a_body_that_never_ends_does_not_undo_the_status(serve, outbound):
    end = asyncio.Event()

    async def answer(request):
        response = web.StreamResponse(status=201)
        await response.prepare(request)
        await response.write(b"so far")
        await end.wait()
        return response

    result = await outbound.post(await serve(answer), b"", {}, timeout_s=0.2)
    assert result == Response(201, "", b"so far")
    end.set()


async def test_what_cannot_be_reached_is_a_value(outbound):
    port = unused_port()
    assert await outbound.post(f"http://127.0.0.1:{port}/", b"", {}) == NoResponse("not_connected")
    assert await outbound.post("http://x.example/", b"", {}) == NoResponse("forbidden_address")
    assert await outbound.post("nonsense", b"", {}) == NoResponse("forbidden_address")


async def test_garbage_instead_of_http_is_a_value(outbound):
    async def garble(reader, writer):
        await reader.read(10)
        writer.write(b"\x00\xff not http\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(garble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await outbound.post(f"http://127.0.0.1:{port}/", b"", {}, timeout_s=2)
        assert result == NoResponse("connection_failed")
        result = await outbound.post(f"https://127.0.0.1:{port}/", b"", {}, timeout_s=2)
        assert isinstance(result, NoResponse)


async def test_the_log_tells_the_host_and_no_secret(serve, outbound):
    async def answer(request):
        return web.Response(text="canary-answer")

    url = await serve(answer)
    with capture_logs() as logs:
        headers = {"webhook-signature": "v1,canary-signature"}
        await outbound.post(f"{url}/canary-path?canary=query", b"canary-body", headers)
        await outbound.post("https://canary:word@x.example/", b"", {})
    assert [entry["event"] for entry in logs] == ["outbound.post", "outbound.post"]
    assert logs[0]["status"] == 200
    assert logs[0]["to"].startswith("http://127.0.0.1:")
    assert logs[1]["reason"] == "forbidden_address"
    assert "canary" not in str(logs)
