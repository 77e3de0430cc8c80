"""The command line beside a running server."""

import json
import re
import socket
import subprocess
import sys
from datetime import datetime, timedelta

import httpx

from payseal.core.ids import by_time, partition_of
from tests.e2e.people import Merchant, said
from tests.e2e.processes import PAYSEAL, ROOT, Process, until

KEY_SETS = (b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [{"kty": "OKP"}]}', b"\xff")


def verify(url, keys, *more):
    process = Process(PAYSEAL, "verify-link", url, "--keys", keys, *more)
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
    code, printed = verify(payment["url"], keys, "--origin", server.url)
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


def test_a_true_token_behind_another_host_is_not_called_ours(server, merchant, tmp_path):
    keys = saved_keys(server, tmp_path)
    url = merchant.payment()["url"]
    token = url.rpartition("/")[2]
    elsewhere = (
        f"https://evil.example/p/{token}",
        f"{server.url}.evil.example/p/{token}",
        f"{server.url}@evil.example/p/{token}",
        f"https://evil.example\\@{server.url.removeprefix('http://')}/p/{token}",
        f"{server.url}/x/p/{token}",
        f"http://[x/p/{token}",
    )
    for other in elsewhere:
        code, printed = verify(other, keys, "--origin", server.url)
        assert (code, len(printed.splitlines())) == (1, 1), printed
        assert "leads elsewhere" in printed
    code, printed = verify(elsewhere[0], keys)
    assert "'https://evil.example/p/' is ours too was not checked: give --origin" in printed
    assert "Valid" not in printed
    assert verify(f"{url}?lang=de", keys, "--origin", server.url)[0] == 0
    assert verify(token, keys)[1].startswith("Valid until")


WRONG = {
    "PAYSEAL_PORT": ("99999", "PAYSEAL_PORT is '99999'"),
    "PAYSEAL_PORTT": ("1", "did you mean PAYSEAL_PORT?"),
    "PAYSEAL_HOST": ("bad.host.invalid", "PAYSEAL_HOST is 'bad.host.invalid'"),
    "PAYSEAL_MASTER_KEY": ("abc", "PAYSEAL_MASTER_KEY holds no master key"),
    "PAYSEAL_ACCOUNTS": ("sqlite:////etc", "PAYSEAL_ACCOUNTS is 'sqlite:////etc'"),
    "PAYSEAL_PAYMENTS": ("sqlite:////nowhere/p.db", "PAYSEAL_PAYMENTS is"),
}


def test_a_wrong_setting_ends_in_one_sentence_that_names_it(server, tmp_path):
    right = server.settings | {
        "PAYSEAL_ACCOUNTS": f"sqlite:///{tmp_path / 'a.db'}",
        "PAYSEAL_PAYMENTS": f"sqlite:///{tmp_path / 'p.db'}",
    }
    binary = tmp_path / "no.db"
    binary.write_bytes(b"\x7fELF" * 1000)
    cases = [({name: text}, words) for name, (text, words) in WRONG.items()] + [
        ({}, "PAYSEAL_PORT"),  # the shared server listens there
        ({"PAYSEAL_PAYMENTS": f"sqlite:///{binary}"}, "not a database"),
        ({"PAYSEAL_MASTER_KEY": "", "PAYSEAL_MASTER_KEY_FILE": str(binary)}, "_FILE holds no"),
    ]
    for wrong, words in cases:
        process = Process(PAYSEAL, "serve", settings=right | wrong)
        code, said = process.ends(), process.said
        sentences = [line for line in said.splitlines() if not line.startswith("{")]
        assert (code, len(sentences)) == (1, 1), said
        assert words in sentences[0]


def test_the_server_says_where_it_listens_and_logs_nothing_but_json(server):
    lines = server.log.splitlines()
    (ready,) = [line for line in lines if line.startswith("Payseal is ready")]
    assert ready.startswith(f"Payseal is ready on {server.url}; its links lead to {server.url}.")
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert [line["url"] for line in logged if line["event"] == "ready"] == [server.url]


def test_what_a_library_says_and_what_breaks_is_one_json_object_a_line():
    code = (
        "import asyncio, logging, sys, warnings\n"
        "from payseal.logs import log_as_json\n"
        "log_as_json()\n"
        "warnings.warn('two\\nlines')\n"
        "try:\n    secret = 'hush'; int(secret)\n"
        "except ValueError:\n    logging.getLogger('lib').exception('it \"broke\"\\n%s', 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    warned, broke = map(json.loads, done.stderr.splitlines())
    assert (warned["level"], warned["logger"]) == ("warning", "py.warnings")
    assert (broke["event"], broke["error"]) == ('it "broke"\n1', "ValueError")
    assert broke["at"] == ["<module>:6"]
    assert "hush" not in done.stderr


def test_a_store_that_is_not_there_is_said_in_one_sentence_without_its_password(server):
    table = "dynamodb://payments?region=eu-central-1&endpoint=http://127.0.0.1:1"
    keys = {"AWS_ACCESS_KEY_ID": "5ec7e7", "AWS_SECRET_ACCESS_KEY": "5ec7e7"}
    shop = "postgresql://shop:5ec7e7@127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        cases = (
            ({"PAYSEAL_ACCOUNTS": f"{shop}:{mute.getsockname()[1]}/shop"}, "no answer within 3 s"),
            ({"PAYSEAL_ACCOUNTS": f"{shop}:1/shop"}, "Connection refused"),
            ({"PAYSEAL_ACCOUNTS": f"{shop}:1/shop?sslmode=verify-full"}, "root.crt"),
            ({"PAYSEAL_PAYMENTS": table} | keys, "DynamoDB does not answer"),
        )
        for wrong, words in cases:
            process = Process(PAYSEAL, "migrate", settings=server.settings | wrong)
            code, said = process.ends(), process.said
            assert (code, len(said.strip().splitlines())) == (1, 1), said
            assert said.startswith(f"{next(iter(wrong))} is '"), said
            assert words in said
            assert "5ec7e7" not in said


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


def test_an_account_is_spread_beside_the_server_and_finds_all_its_payments(server):
    busy = Merchant.at(server.url, "busy")
    code, printed = server.command("shards", "busy", "4")
    assert (code, printed) == (0, "New links of busy go to any of 4 shards.\n")
    made = []

    def spreads():
        made.append(busy.payment()["id"])
        return len({partition_of(id) for id in made}) == 4

    until(spreads)  # a server remembers a user for a second
    listed = said(busy.http.get("/api/payment", params={"limit": 200}))["data"]
    busy.close()
    assert [payment["id"] for payment in listed] == sorted(made, key=by_time)[::-1]
    hot = partition_of(made[-1])
    assert server.command("shards", hot, "5")[0] == 0
    for whose, number, words in ((hot, "3", "It has 5 now"), ("nobody", "4", "no such account")):
        code, printed = server.command("shards", whose, number)
        assert (code, len(printed.strip().splitlines())) == (1, 1), printed
        assert words in printed
