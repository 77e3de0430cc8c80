"""`payseal`, a day from now."""

import datetime as dates


class Tomorrow(dates.datetime):
    """A clock that is ahead."""

    @classmethod
    def now(cls, tz=None):
        return dates.datetime.now(tz) + dates.timedelta(days=1)


if __name__ == "__main__":
    from payseal import cli

    cli.datetime = Tomorrow
    cli.app(prog_name="payseal")
