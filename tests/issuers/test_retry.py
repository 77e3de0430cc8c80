"""What the schemes allow after a decline."""

from datetime import date

import pytest

from payseal.issuers import Retry, retry_of
from payseal.issuers.retry import OTHERS, RULES

NEVER, LATER, CORRECTED, AUTHENTICATED = Retry


@pytest.mark.parametrize(
    ("scheme", "code", "retry"),
    [
        *(("visa", code, NEVER) for code in ("04", "07", "12", "15", "41", "43", "46", "57")),
        *(("mastercard", code, NEVER) for code in ("04", "14", "41", "43", "57", "62", "63")),
        *(("visa", code, LATER) for code in ("05", "51", "61", "62", "65", "91", "ZZ")),
        *(("mastercard", code, LATER) for code in ("05", "51", "61", "91")),
        *((scheme, "54", CORRECTED) for scheme in ("visa", "mastercard", "amex")),
        ("visa", "1A", AUTHENTICATED),
        ("mastercard", "65", AUTHENTICATED),
        ("amex", "43", NEVER),
        ("unknown", "51", LATER),
        ("visa", "", None),
        ("visa", "card_declined", None),
    ],
)
def test_a_code_is_read_by_its_schemes_rules(scheme, code, retry):
    assert retry_of(scheme, code) is retry


@pytest.mark.parametrize("rules", [*RULES.values(), OTHERS], ids=[*RULES, "others"])
def test_rules_are_dated_have_a_source_and_name_a_code_once(rules):
    assert date(2020, 1, 1) < rules.on < date(2027, 1, 1)
    assert rules.source
    codes = [code for named in rules.codes.values() for code in named]
    assert len(codes) == len(set(codes))
    assert LATER not in rules.codes, "that is what is left"
