from __future__ import annotations

from datetime import timedelta

import pytest

from payseal.core.errors import NotAllowed
from payseal.core.ids import AccountId, Mint, Mode, home
from payseal.core.money import Money
from payseal.core.record import decode, encode
from payseal.links import AlreadyPaid, Link, LinkCancelled, LinkExpired, LinkStatus
from tests.moves import assert_table
from tests.shop import EUR, START

S = LinkStatus
END = START + timedelta(hours=24)
MILLISECOND = timedelta(milliseconds=1)
METHODS = {
    "authorize": Link.authorize,
    "set_free": lambda link: link.set_free(START),
    "pay": Link.pay,
    "cancel": Link.cancel,
    "expire": lambda link: link.expire(END),
}
ENDS = {"pay": S.PAID, "cancel": S.CANCELLED, "expire": S.EXPIRED}
TABLE = {
    S.OPEN: {"authorize": S.AUTHORIZED, **ENDS},
    S.AUTHORIZED: {"set_free": S.OPEN, **ENDS},
    S.EXPIRED: {"authorize": S.AUTHORIZED, "pay": S.PAID},
    S.CANCELLED: {"authorize": S.AUTHORIZED, "pay": S.PAID},
    S.PAID: {},
}
SHOWN = {  # status: before the end, at the end
    S.OPEN: (S.OPEN, S.EXPIRED),
    S.AUTHORIZED: (S.AUTHORIZED, S.AUTHORIZED),
    S.EXPIRED: (S.EXPIRED, S.EXPIRED),
    S.CANCELLED: (S.CANCELLED, S.CANCELLED),
    S.PAID: (S.PAID, S.PAID),
}
REFUSALS = {
    S.AUTHORIZED: AlreadyPaid,
    S.EXPIRED: LinkExpired,
    S.CANCELLED: LinkCancelled,
    S.PAID: AlreadyPaid,
}


def link_in(status: LinkStatus = S.OPEN, **members: object) -> Link:
    account = home(AccountId("0" * 12), Mode.TEST)
    return Link(
        id=Mint(lambda size: b"\x07" * size).id("lnk", account, START),
        status=status,
        amount=Money(1250, EUR),
        method="card",
        issuer="bank",
        realm="shop",
        date=START,
        expires_at=END,
        **members,
    )


def test_each_status_allows_its_moves_and_no_others():
    assert_table(link_in, METHODS, TABLE)


@pytest.mark.parametrize("status", S)
def test_a_link_never_expires_before_its_moment(status):
    with pytest.raises(NotAllowed):
        link_in(status).expire(END - timedelta(microseconds=1))


@pytest.mark.parametrize("status", S)
def test_a_link_is_shown_as_expired_at_its_moment_without_the_worker(status):
    before, after = SHOWN[status]
    link = link_in(status)
    assert link.shown(END - timedelta(microseconds=1)) is before
    assert link.shown(END) is after
    assert link.shown(END + timedelta(days=1)) is after


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("at", [END - MILLISECOND, END])
def test_an_attempt_starts_on_an_open_link_only(status, at):
    link = link_in(status)
    refusal = REFUSALS.get(link.shown(at))
    if refusal is None:
        link.check_open(at)
    else:
        with pytest.raises(refusal) as refused:
            link.check_open(at)
        assert refused.value.members["link"] == link.id


@pytest.mark.parametrize("status", S)
def test_only_an_open_link_waits_for_its_end(status):
    assert link_in(status).due == (END if status is S.OPEN else None)


def test_its_events_tell_what_a_merchant_may_know():
    link = link_in(description="a book", metadata={"order": "7"}, success_url="https://x.example")
    assert link.facts() == {
        "id": link.id,
        "mode": "test",
        "status": "open",
        "amount": "12.50",
        "currency": "EUR",
        "realm": "shop",
    }


def test_a_link_comes_back_from_its_body():
    link = link_in(S.PAID, max_payments=None, metadata={"a": "b"}, description="é")
    assert decode(Link, link.id, 1, encode(link)) == link
    assert (link.account, link.created_at) == ("0" * 12, START)
