"""`payseal`, with shorter times, or stopped at the worst moment; the environment says which.

E2E_CALL_WITHIN_S, E2E_RESOLVE_MARGIN_S: the two times of a call.
E2E_STOP: `before_call` or `before_first_byte`, where the first purchase sends SIGSTOP to itself.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from payseal import issuers

QUIET_S = 1.0  # until the worker has nothing more to write: who is stopped must hold no lock

# Before anybody else imports them.
for name in ("CALL_WITHIN", "RESOLVE_MARGIN"):
    if text := os.environ.get(f"E2E_{name}_S"):
        setattr(issuers, name, timedelta(seconds=float(text)))

from payseal import connectors, main  # noqa: E402  # after the times are set
from payseal.cli import app  # noqa: E402  # likewise
from payseal.issuers.iso8583 import Iso8583  # noqa: E402  # likewise

clock, left = main.now, [1]


def stop():
    """Once; goes on with SIGCONT."""
    if left:
        left.clear()
        os.kill(os.getpid(), signal.SIGSTOP)


class StoppedBeforeTheCall(Iso8583):
    """Commit 1 is done, the call is not begun."""

    async def purchase(self, operation, card, now):
        await asyncio.sleep(QUIET_S)
        stop()
        return await super().purchase(operation, card, now)


class StoppedBeforeTheFirstByte(Iso8583):
    """`call_until` was looked at for the last time, and nothing has left."""

    async def purchase(self, operation, card, now):
        await asyncio.sleep(QUIET_S)

        def stopping():
            at = now()
            if sys._getframe(1).f_code.co_name == "_send":
                stop()
            return at

        return await super().purchase(operation, card, stopping)


KINDS = {"before_call": StoppedBeforeTheCall, "before_first_byte": StoppedBeforeTheFirstByte}
connectors.Iso8583 = KINDS.get(os.environ.get("E2E_STOP"), Iso8583)

if __name__ == "__main__":
    app(prog_name="payseal")
