"""Addresses of others that pages lead to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


def origin_of(url: str) -> str:
    """Scheme, host and port: it goes into a header, so nothing else is let through."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    assert _ORIGIN.fullmatch(origin), "a page leads to web addresses only"
    return origin


def web_address(url: str) -> str:
    """The address; empty where it is none, as `javascript:` must not stand on a page."""
    return url if url.startswith(("https://", "http://")) else ""
