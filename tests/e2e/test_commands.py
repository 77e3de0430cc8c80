"""The command line beside a running server."""

import re
from datetime import datetime, timedelta

import httpx

from tests.e2e.people import said
from tests.e2e.processes import PAYSEAL, Process

KEY_SETS = (b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [{"kty": "OKP"}]}', b"\xff")


def verify(url, keys):
    process = Process(PAYSEAL, "verify-link", url, "--keys", keys)
    return process.ends(), process.said


def saved_keys(server, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(httpx.get(f"{server.url}/.well-known/jwks.json").content)
    return keys


def test_a_second_process_on_one_file_refuses_with_a_sentence(server):
    code, printed = server.command("serve")
    assert code == 1
    assert "accounts.db is in use" in printed
    assert f"as process {server.process.pid}." in printed
    assert len(printed.strip().splitlines()) == 1
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_a_link_is_checked_offline_with_a_saved_key_set(server, merchant, tmp_path):
    keys = saved_keys(server, tmp_path)
    payment = merchant.payment()
    code, printed = verify(payment["url"], keys)
    assert code == 0, printed
    told = re.fullmatch(r"Valid until (\S+ \S+) UTC, signed by (\S{43})\.\n", printed)
    assert told[2] in keys.read_text()
    ends = datetime.fromisoformat(f"{told[1]}+00:00")
    # A token counts whole seconds: it may outlive its link by less than one.
    outlives = ends - datetime.fromisoformat(payment["expiresAt"])
    assert timedelta(0) <= outlives < timedelta(seconds=1)
    head, dot, tail = payment["url"].rpartition(".")
    altered = head + dot + ("A" if tail[0] != "A" else "B") + tail[1:]
    code, printed = verify(altered, keys)
    assert code == 1
    assert len(printed.strip().splitlines()) == 1
    cut = payment["url"][:-9]
    assert verify(cut, keys)[0] == 1


def test_an_expired_link_is_said_to_be_expired(server, merchant, tmp_path):
    keys = saved_keys(server, tmp_path)
    payment = merchant.payment(expiresIn=60)
    # Not to wait a minute: the very claims, checked with the command's own clock moved on.
    ahead = Process("tests.e2e.tomorrow", "verify-link", payment["url"], "--keys", keys)
    assert ahead.ends() == 1
    assert "expired" in ahead.said
    assert len(ahead.said.strip().splitlines()) == 1


def test_a_key_set_that_cannot_be_read_is_said_in_a_sentence(merchant, tmp_path):
    payment = merchant.payment()
    processes = {}
    for number, text in enumerate(KEY_SETS):
        keys = tmp_path / f"{number}.json"
        keys.write_bytes(text)
        processes[text] = Process(PAYSEAL, "verify-link", payment["url"], "--keys", keys)
    missing = tmp_path / "missing.json"
    processes["no file"] = Process(PAYSEAL, "verify-link", payment["url"], "--keys", missing)
    for text, process in processes.items():
        assert process.ends() == 1, text
        assert len(process.said.strip().splitlines()) == 1, process.said


def test_keys_are_rotated_beside_the_server_and_all_links_still_verify(
    server, merchant, rotated, tmp_path
):
    new = merchant.payment()
    for payment in (rotated.link, new):
        assert verify(payment["url"], saved_keys(server, tmp_path))[0] == 0
        assert httpx.get(payment["url"]).status_code == 200
        assert said(merchant.http.get(f"/api/payment/{payment['id']}"))["status"] == "open"
