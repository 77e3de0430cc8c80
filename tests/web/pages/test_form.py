"""Where a form comes from."""

from __future__ import annotations

import pytest

from payseal.core.errors import Forbidden
from payseal.web.pages.form import check_same_site


def sent_from(origin: str) -> dict:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost:8000")]
    return {"type": "http", "method": "POST", "headers": headers}


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://[::1]:8000"])
def test_the_names_of_this_machine_are_one_origin(origin):
    check_same_site(sent_from(origin), "http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("origin", "base_url"),
    [
        ("http://localhost:8001", "http://127.0.0.1:8000"),
        ("https://localhost:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://pay.shop.example:8000"),
        ("http://localhost.evil.example:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:x", "http://127.0.0.1"),
        ("", "http://127.0.0.1"),
    ],
)
def test_another_port_scheme_or_host_is_another_origin(origin, base_url):
    with pytest.raises(Forbidden):
        check_same_site(sent_from(origin), base_url)


def test_the_port_that_goes_without_saying_may_be_said():
    check_same_site(sent_from("https://pay.shop.example"), "https://pay.shop.example:443")
