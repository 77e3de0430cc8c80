"""Settings: what is wrong is said in one sentence, by name, and nothing wrong is taken."""

import pytest

from payseal.settings import WrongSetting, read
from payseal.stores import vault_of

GIVEN = {
    "PAYSEAL_ACCOUNTS": "sqlite:///accounts.db",
    "PAYSEAL_PAYMENTS": "sqlite:///payments.db",
}
WRONG = {
    "PAYSEAL_ACCOUNTS": [
        *("accounts.db", "sqlite:///", "sqlite:///:memory:", "postgresql://db", "mysql://h/db"),
        *("postgresql://h/", "dynamodb://payments?region=eu-central-1"),
        *("postgresql://h:port/db", "postgresql://h:65536/db", "postgresql://h:1,h:x/db"),
    ],
    "PAYSEAL_PAYMENTS": [
        *("payments.db", "dynamodb://payments", "dynamodb://payments?region=", "dynamodb://p"),
        *("dynamodb://payments?region=eu-central-1&region=eu-west-1", "dynamodb://a b?region=x"),
        *("dynamodb://payments?region=eu-central-1&endpoint=here", "dynamodb://t_t?region=e&x=1"),
    ],
    "PAYSEAL_HOST": ["", "a b", "http://here"],
    "PAYSEAL_PORT": ["", "http", "-1", "65536", "99999", "80.5", "1e3"],
    "PAYSEAL_BASE_URL": [
        *("", "pay.example", "ftp://pay.example", "https://", "https://pay.example/"),
        *("https://pay.example/pay", "https://pay.example?x", "https://pay.example:99999"),
        *("https://me@pay.example", "https://pay .example", "https://[x", "//pay.example"),
    ],
    "PAYSEAL_TRUSTED_PROXIES": ["*", "proxy.example", "10.0.0.1/8", "10.0.0.1,", "300.0.0.1"],
    "PAYSEAL_LOOPBACK_WEBHOOKS": ["", "perhaps", "2"],
    "PAYSEAL_RATE_ADDRESS": ["0", "-1", "many"],
    "PAYSEAL_RATE_CALLER": ["0", "0.5"],
    "PAYSEAL_RATE_DOOR": ["0", ""],
    "PAYSEAL_ISO8583_NAME": ["", "My Bank"],
    "PAYSEAL_ISO8583_TITLE": ["", "a\nb"],
    "PAYSEAL_ISO8583_HOST": ["", "a b"],
    "PAYSEAL_ISO8583_PORT": ["99999", "-1", "x"],
    "PAYSEAL_ISO8583_HOSTS": [
        *("127.0.0.1:4001", "bank=", "bank=host", "bank=:1", "bank=host:1,", "Bank=host:1"),
        *("bank=host:x", "bank=host:1 host:2", "bank=user@host:1"),
    ],
    "PAYSEAL_ISO8583_ACQUIRER": ["", "4000A1", "123456789012", "٤"],
    "PAYSEAL_ISO8583_TERMINAL": ["", "PAYSEAL12", "KASSEÄ"],
    "PAYSEAL_ISO8583_CATEGORY": ["", "599", "shop"],
    "PAYSEAL_ISO8583_LOCATION": ["", "x" * 41, "Köln"],
    "PAYSEAL_STRIPE_CURRENCIES": ["EUR,", "EUR,ABC", "eur"],
    "PAYSEAL_STRIPE_API": ["", "http://api.stripe.example", "https://api.stripe.com/v1", "stripe"],
    "PAYSEAL_ISO8583_CURRENCIES": ["", "EUR,", "EUR,ABC", "eur", "XAU", "EUR,EUR"],
    "PAYSEAL_ISO8583_LOOK_UP": ["maybe"],
    "PAYSEAL_ISO8583_REPEATS": ["maybe"],
    "PAYSEAL_ISO8583_REVERSAL_MEMORY": ["maybe"],
    "PAYSEAL_ISO8583_PARTIAL_APPROVALS": ["maybe"],
    "PAYSEAL_ISO8583_ADVICES": ["maybe"],
    "PAYSEAL_ISO8583_CALLBACK_SECRET": [
        "secret",
        "whsec_",
        "whsec_" + "x" * 31,
        "whsec_" + "x" * 33,
    ],
    "PAYSEAL_SETTLEMENT_FOLDER": ["a\x00b"],
    "PAYSEAL_ISO8583_FEE_SHARE": ["-1", "1.4", "10001"],
    "PAYSEAL_ISO8583_FEE_FIXED": ["-1", "0.25", "1000001"],
    "PAYSEAL_ISO8583_TRANSIT_S": ["-1", "1e9", "999999", "1.5"],
    "PAYSEAL_ISO8583_THREE_DS": ["acs.example", "https://acs.example/", "ftp://acs.example"],
    "PAYSEAL_ISO8583_CHALLENGE_S": ["-1", "3601", "10m"],
    "PAYSEAL_VAULT": ["vault.db", "sqlite:///", "dynamodb://vault?region=eu-central-1"],
}
RIGHT = {
    "PAYSEAL_ACCOUNTS": [
        *("sqlite:////srv/a.db", "postgresql://payseal@db.example/payseal?sslmode=verify-full"),
        *("postgresql:///payseal?host=/run/postgresql", "postgresql://u:p%40p@h:1,h:2/db"),
    ],
    "PAYSEAL_PAYMENTS": [
        *("postgresql://u:p@[::1]:5432/payseal", "dynamodb://payments?region=eu-central-1"),
        "dynamodb://pay.test_1-a?region=us-east-1&endpoint=http://127.0.0.1:8001",
    ],
    "PAYSEAL_PORT": ["0", "8000", "65535"],
    "PAYSEAL_HOST": ["0.0.0.0", "::1", "localhost"],
    "PAYSEAL_BASE_URL": ["https://pay.example", "http://127.0.0.1:8000", "http://[::1]:8000"],
    "PAYSEAL_TRUSTED_PROXIES": ["", "10.0.0.1", "10.0.0.0/8, ::1"],
    "PAYSEAL_LOOPBACK_WEBHOOKS": ["true", "0"],
    "PAYSEAL_ISO8583_HOSTS": ["bank=[::1]:4001,h.example:2", "one=h:1,g:1  two=h:2 three=h:3"],
    "PAYSEAL_ISO8583_CURRENCIES": ["EUR", "EUR, KWD"],
    "PAYSEAL_STRIPE_CURRENCIES": ["EUR", "EUR, USD"],
    "PAYSEAL_STRIPE_API": ["https://api.stripe.com", "http://127.0.0.1:8420"],
    "PAYSEAL_ISO8583_FEE_SHARE": ["0", "10000"],
    "PAYSEAL_ISO8583_FEE_FIXED": ["0", "1000000"],
    "PAYSEAL_ISO8583_TRANSIT_S": ["0", "3600"],
    "PAYSEAL_ISO8583_THREE_DS": ["https://3ds.example", "http://127.0.0.1:8002"],
    "PAYSEAL_VAULT": ["sqlite:///vault.db", "postgresql://vault@db.example/vault"],
}


def cases(table):
    return [(name, text) for name, texts in table.items() for text in texts]


def refusal(environ):
    with pytest.raises(WrongSetting) as refused:
        read(environ)
    return str(refused.value)


@pytest.mark.parametrize(("name", "text"), cases(WRONG))
def test_what_cannot_be_is_refused_by_name_with_what_to_give(name, text):
    said = refusal(GIVEN | {name: text})
    assert said.startswith((f"{name} is {text!r}: give ", f"{name} is missing: give "))
    assert "\n" not in said


@pytest.mark.parametrize(("name", "text"), cases(RIGHT))
def test_what_can_be_is_taken(name, text):
    read(GIVEN | {name: text})


def test_every_setting_that_can_be_wrong_is_tried():
    names = {f"PAYSEAL_{name.upper()}" for name in read(GIVEN).__struct_fields__}
    untyped = {"PAYSEAL_MASTER_KEY", "PAYSEAL_MASTER_KEY_FILE"}
    assert names - untyped == set(WRONG)


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_missing_setting_is_named(name):
    said = refusal({other: text for other, text in GIVEN.items() if other != name})
    assert said.startswith(f"{name} is missing: give sqlite:///FILE")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PAYSEAL_PORTT", "did you mean PAYSEAL_PORT?"),
        ("PAYSEAL_Port", "did you mean PAYSEAL_PORT?"),
        ("PAYSEAL_ISO_PORT", "did you mean PAYSEAL_ISO8583_PORT?"),
        ("PAYSEAL_COLOUR_OF_THE_SKY", "names all that there are."),
    ],
)
def test_a_setting_that_is_none_is_refused_with_the_nearest(name, hint):
    said = refusal(GIVEN | {name: "1"})
    assert said.startswith(f"{name} is no setting of Payseal; ")
    assert said.endswith(hint)


def test_other_variables_are_nobodys_business():
    assert read(GIVEN | {"HOME": "/", "PAYSEALED": "1"}) == read(GIVEN)


def test_one_file_is_not_two_stores():
    said = refusal(GIVEN | {"PAYSEAL_PAYMENTS": "sqlite:///./x/../accounts.db"})
    assert "PAYSEAL_ACCOUNTS and PAYSEAL_PAYMENTS are the same file" in said


def test_the_vault_is_a_file_beside_the_others_or_has_to_be_given():
    servers = {"PAYSEAL_ACCOUNTS": "postgresql:///a", "PAYSEAL_PAYMENTS": "postgresql:///p"}
    one_file = servers | {"PAYSEAL_PAYMENTS": "sqlite:////srv/p.db"}
    assert vault_of(read(GIVEN | one_file)) == "sqlite:////srv/vault.db"
    for given in ("sqlite:////run/v.db", "postgresql:///vault"):
        for others in (servers, one_file):
            assert vault_of(read(GIVEN | others | {"PAYSEAL_VAULT": given})) == given
    with pytest.raises(WrongSetting, match="PAYSEAL_VAULT is missing: give "):
        vault_of(read(GIVEN | servers))
    said = refusal(GIVEN | {"PAYSEAL_VAULT": GIVEN["PAYSEAL_PAYMENTS"]})
    assert "PAYSEAL_PAYMENTS and PAYSEAL_VAULT are the same file" in said


def test_one_database_may_be_both_stores():
    url = "postgresql://payseal@db.example/payseal"
    read(GIVEN | {"PAYSEAL_ACCOUNTS": url, "PAYSEAL_PAYMENTS": url})


@pytest.mark.parametrize("password", ["5ec7e7", "5ec@7e7", "5ec/7e7", "5ec:7e7", "5@e/c@7e7"])
def test_a_password_is_not_repeated(password):
    said = refusal(GIVEN | {"PAYSEAL_ACCOUNTS": f"postgresql://payseal:{password}@db.example"})
    assert "'postgresql://payseal:…@db.example': give" in said


def test_a_password_among_the_options_is_not_repeated():
    url = "postgresql://db.example:x/payseal?password=5ec7e7&sslmode=require&sslpassword=5ec7e7"
    said = refusal(GIVEN | {"PAYSEAL_ACCOUNTS": url})
    assert "?password=…&sslmode=require&sslpassword=…'" in said
    assert "5ec7e7" not in said


def test_an_at_sign_of_a_password_is_said_to_be_written_otherwise():
    said = refusal(GIVEN | {"PAYSEAL_ACCOUNTS": "postgresql://payseal:5ec@7e7@db.example/payseal"})
    assert "postgresql://payseal:…@db.example/payseal" in said
    assert "in a password %40 is an @" in said


def test_a_master_key_is_given_once_and_never_repeated():
    said = refusal(GIVEN | {"PAYSEAL_MASTER_KEY": "5ec7e7", "PAYSEAL_MASTER_KEY_FILE": "key"})
    assert "give one of them" in said
    assert "5ec7e7" not in said
