"""Faults on demand: what the operator wants to go wrong, and which message it strikes."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Annotated, Final

import msgspec

from payseal_sandbox.messages import Topic

FAULTS_MAX: Final = 100
DELAY_MAX_S: Final = 3600


class Kind(StrEnum):
    """What a fault does; docs/sandbox-iso8583.md, chapter 10."""

    LATE = "late"
    HELD = "held"
    LOST = "lost"
    DROPPED = "dropped"
    DUPLICATED = "duplicated"
    GARBLED = "garbled"
    ALTERED = "altered"
    STRAYED = "strayed"
    DECLINED = "declined"
    RESET = "reset"
    CRASH = "crash"


Seconds = Annotated[float, msgspec.Meta(ge=0, le=DELAY_MAX_S)]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strikes the `next` n messages it is on, or each with a `probability`; neither: all."""

    kind: Kind
    next: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seconds: Seconds = 0
    on: tuple[Topic, ...] = tuple(Topic)

    def __post_init__(self) -> None:
        """`next` and `probability` are two ways to say when; one of them at most."""
        if self.next is not None and self.probability is not None:
            raise ValueError("A fault has `next` or `probability`, not both.")

    def struck(self) -> Fault | None:
        """The fault after it has struck once more; None when that was the last time."""
        if self.next is None:
            return self
        return msgspec.structs.replace(self, next=self.next - 1) if self.next > 1 else None


class FaultPlan(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """All that the operator wants to go wrong."""

    seed: int = 0
    slow_answer_seconds: Seconds = 20.0
    faults: Annotated[tuple[Fault, ...], msgspec.Meta(max_length=FAULTS_MAX)] = ()


class Faults:
    """The plan as far as it has not happened yet."""

    def __init__(self) -> None:
        self.set(FaultPlan())

    def set(self, plan: FaultPlan) -> None:
        """Start over with another plan."""
        self.plan = plan
        self._chance = Random(plan.seed)  # noqa: S311 - a seed must replay it

    def strike(self, topic: Topic) -> Fault | None:
        """The first fault that strikes a message about this."""
        for place, fault in enumerate(self.plan.faults):
            if topic in fault.on and self._lucky(fault):
                left = list(self.plan.faults)
                left[place : place + 1] = [after] if (after := fault.struck()) else []
                self.plan = msgspec.structs.replace(self.plan, faults=tuple(left))
                return fault
        return None

    def _lucky(self, fault: Fault) -> bool:
        return fault.probability is None or self._chance.random() < fault.probability
