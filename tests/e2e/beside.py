"""Scenarios that mostly wait: they run side by side, and beside the other tests."""

from concurrent.futures import ThreadPoolExecutor

AT_ONCE_MAX = 6  # each is a server and a bank
WITHIN_S = 240


class Beside:
    """Begins what will be asked for, each with a folder of its own."""

    def __init__(self, folders, scenarios):
        self._pool = ThreadPoolExecutor(AT_ONCE_MAX)
        self._futures = {
            name: self._pool.submit(scenario, _made(folders / f"beside-{number}"))
            for number, (name, scenario) in enumerate(scenarios.items())
        }

    def outcome(self, name):
        """What the scenario came to, waited for."""
        return self._futures[name].result(WITHIN_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown(cancel_futures=True)


def _made(folder):
    folder.mkdir()
    return folder
