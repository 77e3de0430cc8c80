"""`payseal`, a day from now."""

import datetime as dt


class Tomorrow(dt.datetime):
    """A clock that is ahead."""

    @classmethod
    def now(cls, tz=None):
        return dt.datetime.now(tz) + dt.timedelta(days=1)


if __name__ == "__main__":
    from payseal import cli

    cli.datetime = Tomorrow
    cli.app(prog_name="payseal")
