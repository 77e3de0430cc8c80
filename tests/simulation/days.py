"""Live through many days: `python -m tests.simulation.days 200` says which of them went wrong."""

import asyncio
import sys
import warnings

from .oracle import check
from .world import ACCOUNT, day


def failure(seed):
    """What is wrong at the end of that day, in a sentence; None if nothing is."""
    try:
        world = day(seed)
        asyncio.run(check(world.disk, world.banks, ACCOUNT, world.shards))
    except Exception as error:  # noqa: BLE001  # whatever breaks the day is what we look for
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return None


def main(count, *, first_only):
    warnings.simplefilter("ignore")  # a broken day leaves tasks behind
    failed = 0
    for seed in range(count):
        sentence = failure(seed)
        if sentence is not None:
            failed += 1
            print(f"seed {seed}: {sentence}")
            if first_only:
                break
    print(f"{failed} of {seed + 1} days failed")
    return failed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), first_only="--first" in sys.argv) > 0)
