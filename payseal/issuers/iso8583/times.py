"""Times: how long each thing may take; settings of a connector, with the values for a real host."""

from __future__ import annotations

from datetime import timedelta

import msgspec


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase has none here: it is done by its `call_until`."""

    # A call waits so long for a connection before it says that nothing was sent.
    line_within: timedelta = timedelta(seconds=2)
    look_up_within: timedelta = timedelta(seconds=5)
    reverse_within: timedelta = timedelta(seconds=10)
    # Sign-on and echo; a line that does not answer these is dropped.
    network_within: timedelta = timedelta(seconds=5)
    sign_off_within: timedelta = timedelta(seconds=1)
    # So long nothing may be heard before an echo.
    echo_after: timedelta = timedelta(seconds=60)
