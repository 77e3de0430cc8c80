"""What a bank is told of a payer's browser: bounded, plain, and never a reason not to be paid."""

import json
from uuid import UUID

import pytest

from payseal.issuers import Browser, Way
from payseal.issuers.browser import TEXT_MAX, Screen
from payseal.issuers.three_ds.messages import areq
from tests.issuers.payments import a_card, an_operation

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"


def read(accept="text/html", agent=AGENT, languages="de-DE,de;q=0.9", screen=""):
    return Browser.read("192.0.2.7", accept, agent, languages, screen)


def test_what_a_browser_sends_is_read_as_it_is():
    seen = read(screen="360 800 24 -60")
    assert seen == Browser("192.0.2.7", "text/html", AGENT, "de-DE", Screen(360, 800, 24, -60))
    assert read().screen is None, "no script has run"


@pytest.mark.parametrize(
    ("languages", "told"),
    [
        ("", "en"),
        ("*", "en"),
        ("fr", "fr"),
        ("zh-Hans-CN", "zh-Hans"),
        ("pt-BR;q=0.5", "pt-BR"),
        ("x" * 5000, "en"),
        ("de\n", "de"),
        ("é", "en"),
    ],
)
def test_a_language_is_a_short_tag(languages, told):
    assert read(languages=languages).language == told


@pytest.mark.parametrize(
    "odd",
    ["", "1 2 3", "1 2 3 4 5", "-1 2 24 0", "1e9 2 24 0", "9999999 1 24 0", "x" * 999, "٣ ٣ ٣"],
)
def test_a_screen_that_is_none_is_left_out(odd):
    assert read(screen=odd).screen is None


@pytest.mark.parametrize(("depth", "told"), [(24, 24), (30, 24), (48, 48), (99, 48), (2, 1)])
def test_a_depth_is_one_that_emv_knows(depth, told):
    assert read(screen=f"1 1 {depth} 0").screen.depth == told


def test_a_header_is_cut_and_cleaned_and_never_empty():
    assert read(agent="é\x00" * 10).agent == "unknown"
    assert read(agent="").agent == "unknown"
    assert read(accept="\t").accept == "*/*"
    assert len(read(agent="x" * 10**6).agent) == TEXT_MAX


@pytest.mark.parametrize("screen", ["", "360 800 24 -60"])
def test_an_areq_tells_what_emv_requires_of_a_browser(screen):
    way = Way("txn", "https://pay.example/back", browser=read(screen=screen))
    sent = areq(an_operation(), a_card(), way, UUID(int=1), "https://x", mandated=False)
    message = json.loads(sent)
    told = {name: value for name, value in message.items() if name.startswith("browser")}
    always = {
        "browserAcceptHeader": "text/html",
        "browserIP": "192.0.2.7",
        "browserLanguage": "de-DE",
        "browserUserAgent": AGENT,
        "browserJavascriptEnabled": bool(screen),
    }
    seen = {
        "browserJavaEnabled": False,
        "browserColorDepth": "24",
        "browserScreenHeight": "800",
        "browserScreenWidth": "360",
        "browserTZ": "-60",
    }
    assert told == (always | seen if screen else always)
    assert (message["deviceChannel"], message["threeDSCompInd"]) == ("02", "U")
