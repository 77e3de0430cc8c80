"""A host that takes no advice: captures and reversals are asked for as requests."""

import pytest

from tests.sandbox.acquirer import again, authorization, capture, purchase, refund, reversal, void


def as_request(message):
    """The 0200 for a 0220, the 0400 for a 0420."""
    return message | {"t": {"0220": "0200", "0420": "0400"}[message["t"]]}


@pytest.fixture(params=[True, False], ids=["takes advices", "takes none"])
async def advices(request, desk):
    await desk.put("/abilities", {"advices": request.param})
    return request.param


async def test_an_advice_is_taken_or_not_supported(line, desk, advices):
    held, bought = authorization(), purchase()
    code = (await line.ask(held))["38"]
    await line.ask(bought)
    for advice in (capture(held, code), reversal(bought)):
        answers = [await line.ask(advice), await line.ask(again(advice))]
        assert [answer["39"] for answer in answers] == ["00" if advices else "40"] * 2
    assert (await desk.booking(bought))["status"] == ("reversed" if advices else "approved")


async def test_a_request_does_the_same_with_or_without_the_ability(line, desk, advices):
    held, bought = authorization(), purchase()
    code = (await line.ask(held))["38"]
    await line.ask(bought)
    taken = as_request(capture(held, code, amount=1000))
    answer = await line.ask(taken)
    assert (answer["t"], answer["39"], answer["4"]) == ("0210", "00", "000000001000")
    assert (await line.ask(again(taken)))["38"] == answer["38"]
    assert (await desk.booking(taken))["kind"] == "capture"
    assert (await line.ask(refund(taken, answer["38"])))["39"] == "00", "named as a 0200"
    undone = await line.ask(as_request(reversal(bought)))
    assert (undone["t"], undone["39"]) == ("0410", "00")
    assert (await line.ask(again(as_request(reversal(bought)))))["39"] == "00"
    assert (await desk.booking(bought))["status"] == "reversed"


async def test_a_void_is_no_reversal_and_needs_its_approval(line):
    held = authorization()
    code = (await line.ask(held))["38"]
    answer = await line.ask(void(held, code, f38=None))
    assert (answer["39"], answer["44"]) == ("30", "38")
    assert (await line.ask(void(held, code)))["39"] == "00"
