"""One server and one bank for what can share them; and the order of the tests."""

from pathlib import Path

import pytest

from tests.e2e.people import Merchant
from tests.e2e.processes import Bank, Server
from tests.e2e.recovery import Recoveries

HERE = Path(__file__).parent
# What waits longest begins first and is asked last; the search for cards sees all that was written.
LAST = ("test_recovery.py", "test_canary.py")


def pytest_collection_modifyitems(items):
    def place(item):
        ours = item.path.parent == HERE and item.path.name in LAST
        return LAST.index(item.path.name) + 1 if ours else 0

    items.sort(key=place)


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Under which all data of these tests is kept."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session", autouse=True)
def recoveries(request, folders):
    """Kills and restarts, side by side and beside the other tests: they mostly wait."""
    asked = any(item.path.name == "test_recovery.py" for item in request.session.items)
    with Recoveries(folders, begin=asked) as recoveries:
        yield recoveries


@pytest.fixture(scope="session")
def folder(folders):
    folder = folders / "shared"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def bank(folder):
    bank = Bank(folder)
    yield bank
    bank.stop()


@pytest.fixture(scope="session")
def server(folder, bank):
    server = Server(folder, bank, PAYSEAL_RATE_ADDRESS="100000", PAYSEAL_RATE_CALLER="100000")
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def merchant(server):
    merchant = Merchant.at(server.url)
    yield merchant
    merchant.close()
