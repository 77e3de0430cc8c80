from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from payseal.core.errors import NotAllowed
from payseal.core.event import Event
from payseal.core.ids import AccountId, Mode, derive, home
from payseal.notifications import SCHEDULE, TRIES_MAX, DeliveryStatus, Endpoint
from payseal.notifications.delivery import (
    BODY_MAX,
    JITTER,
    message,
    new_delivery,
    rest_until,
    retry_at,
    wait,
)
from payseal.outbound import NoResponse, Response

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLACE = home(AccountId("4f8q0r2m7c1d"), Mode.TEST)
EVENT = Event(
    id=derive("evt", PLACE, AT, "1"),
    resource=derive("lnk", PLACE, AT, "2"),
    seq=1,
    type="link.paid",
    told={"amount": "12.50"},
)
END = Endpoint(
    id=derive("end", PLACE, AT, "3"), url="https://x.example/", events=("*",), secret=b""
)
FRESH = new_delivery(END, EVENT, at=AT)
PENDING, DELIVERED, FAILED = (
    DeliveryStatus.PENDING,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.FAILED,
)


def test_the_schedule_is_that_of_the_standard():
    hours = [gap.total_seconds() / 3600 for gap in SCHEDULE[3:]]
    assert SCHEDULE[:3] == (timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30))
    assert hours == [2, 5, 10, 14, 20, 24]
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert TRIES_MAX == 10


@pytest.mark.parametrize("tries", range(1, TRIES_MAX))
def test_a_wait_is_the_schedules_and_a_little_jitter_that_never_changes(tries):
    nominal = SCHEDULE[tries - 1]
    assert nominal <= wait(FRESH.id, tries) <= nominal * (1 + JITTER)
    assert wait(FRESH.id, tries) == wait(FRESH.id, tries)
    assert len({wait(f"dlv_{n}", tries) for n in range(20)}) == 20


@pytest.mark.parametrize(
    ("result", "status", "error"),
    [
        (Response(200), DELIVERED, ""),
        (Response(204), DELIVERED, ""),
        (Response(299), DELIVERED, ""),
        (Response(199), PENDING, "refused"),
        (Response(301), PENDING, "redirected"),
        (Response(307), PENDING, "redirected"),
        (Response(400), PENDING, "refused"),
        (Response(410), FAILED, "refused"),
        (Response(429), PENDING, "refused"),
        (Response(500), PENDING, "refused"),
        (NoResponse("timed_out"), PENDING, "timed_out"),
    ],
)
def test_only_2xx_is_success_and_only_410_is_final_at_once(result, status, error):
    heard = FRESH.hear(result, AT)
    assert (heard.status, heard.last_error, heard.tries) == (status, error, 1)
    assert heard.last_status == (result.status if isinstance(result, Response) else None)
    assert (heard.due is None) == (status is not PENDING)


def test_the_tenth_failure_is_the_last():
    delivery, at = FRESH, AT
    for tries in range(1, TRIES_MAX):
        delivery = delivery.hear(Response(500), at)
        assert delivery.due == at + wait(delivery.id, tries)
        at = delivery.due
    assert delivery.hear(Response(200), at).status is DELIVERED
    last = delivery.hear(Response(500), at)
    assert (last.status, last.tries, last.due) == (FAILED, 10, None)


@pytest.mark.parametrize("status", [DELIVERED, FAILED, DeliveryStatus.CANCELLED])
def test_a_final_delivery_never_moves_again(status):
    done = FRESH._become(status)
    with pytest.raises(NotAllowed):
        done.hear(Response(200), AT)
    with pytest.raises(NotAllowed):
        done.cancel("gone")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("999999999", 86_400),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120),
        ("Sun, 22 Nov 2026 13:02:00 +0100", 120),
        ("Sun, 22 Nov 2026 12:02:00 -0000", 120),
        ("Sun, 22 Nov 2020 12:00:00 GMT", 0),
        ("Sun, 22 Nov 2099 12:00:00 GMT", 86_400),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
        ("soon", None),
        ("Sun, 99 Nov 2026 12:02:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(text, seconds):
    asked = retry_at(Response(429, text), AT)
    assert asked == (None if seconds is None else AT + timedelta(seconds=seconds))


def test_retry_after_makes_a_wait_longer_and_never_shorter():
    assert FRESH.hear(Response(503, "3600"), AT).due == AT + timedelta(hours=1)
    assert FRESH.hear(Response(503, "1"), AT).due == AT + wait(FRESH.id, 1)


@pytest.mark.parametrize("status", [429, 502, 504])
def test_three_statuses_ask_for_rest(status):
    assert rest_until(Response(status), AT) == AT + timedelta(minutes=1)
    assert rest_until(Response(status, "600"), AT) == AT + timedelta(minutes=10)


@pytest.mark.parametrize("result", [Response(500), Response(200), NoResponse("timed_out")])
def test_others_do_not(result):
    assert rest_until(result, AT) is None


def test_the_message_id_is_of_the_event_and_the_endpoint():
    again = new_delivery(END, EVENT, at=AT + timedelta(hours=1))
    other = new_delivery(msgspec.structs.replace(END, id=END.id[:-1] + "z"), EVENT, at=AT)
    assert FRESH.message_id == again.message_id == FRESH.hear(Response(500), AT).message_id
    assert FRESH.message_id.startswith("msg_")
    assert FRESH.message_id != other.message_id


def test_the_body_is_type_timestamp_and_data():
    assert message(EVENT) == (
        b'{"type":"link.paid","timestamp":"2026-11-22T12:00:00Z",'
        b'"data":{"id":"%b","amount":"12.50"}}' % EVENT.resource.encode()
    )


def test_a_body_too_large_tells_only_what_it_is_about():
    large = msgspec.structs.replace(EVENT, told={"text": "x" * BODY_MAX})
    assert len(message(large)) < BODY_MAX
    assert msgspec.json.decode(message(large))["data"] == {"id": EVENT.resource}
