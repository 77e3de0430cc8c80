"""Who holds a card: a browser without JavaScript that a shop and a bank lead to each other."""

import html
import re
from urllib.parse import urljoin

import httpx

from tests.e2e.people import WITHIN_S, Page, form

CODE = "123456"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
ACTION = re.compile(r'<form[^>]* method="post" action="([^"]+)"')


class Holder:
    """One payer at one link, who follows forms by hand."""

    def __init__(self, url):
        self.url, self.http = url, httpx.Client(timeout=WITHIN_S, follow_redirects=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()

    def look(self):
        return Page(self.http.get(self.url))

    def status(self):
        return self.http.get(f"{self.url}/status").json()["status"]

    def pay(self, card, **fields):
        """Fill in the form and send it; the page after it."""
        return Page(self.http.post(self.url, data=form(self.look().attempt, card, **fields)))

    def press(self, page, base=None, **typed):
        """Send the form of a page, from wherever it came."""
        to = urljoin(base or self.url, html.unescape(ACTION.search(page.html)[1]))
        hidden = {name: html.unescape(value) for name, value in HIDDEN.findall(page.html)}
        origin = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        return Page(self.http.post(to, data=hidden | typed, headers=origin)), to

    def confirm(self, page, **typed):
        """From the shop's page to the bank's, type the code, and back; the pages on the way."""
        ask, there = self.press(page)
        told, _ = self.press(ask, there, **(typed or {"code": CODE}))
        back, _ = self.press(told, there)
        return ask, told, back
