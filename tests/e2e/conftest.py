"""One server and one bank for what can share them; and the order of the tests."""

import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.e2e import recovery, stopped
from tests.e2e.beside import Beside
from tests.e2e.people import Merchant
from tests.e2e.processes import Bank, Server

HERE = Path(__file__).parent
# What waits longest begins first and is asked last; the search for cards sees all that was written.
LAST = ("test_stopped.py", "test_rotation.py", "test_recovery.py", "test_canary.py")
SCENARIOS = {"test_recovery.py": recovery.SCENARIOS, "test_stopped.py": stopped.SCENARIOS}


def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.name
        return LAST.index(name) + 1 if item.path.parent == HERE and name in LAST else 0

    items.sort(key=place)


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Under which all data of these tests is kept."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session", autouse=True)
def beside(request, folders):
    """Kills and stops, side by side and beside the other tests: they mostly wait."""
    asked = {item.path.name for item in request.session.items if item.path.parent == HERE}
    wanted = {c: s for file, those in SCENARIOS.items() if file in asked for c, s in those.items()}
    with Beside(folders, wanted) as beside:
        yield beside


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


class Rotation(NamedTuple):
    """Names of keys, and a link that was made before the new ones."""

    before: set
    made: set
    link: dict


@pytest.fixture(scope="session")
def rotated(server, merchant):
    """`payseal keys rotate`, run beside the server."""
    link = merchant.payment()
    keys = httpx.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
    code, printed = server.command("keys", "rotate")
    assert code == 0, printed
    made = re.findall(r"(?m)^(\S{43})  signs from [-0-9]{10} [:0-9]{8} UTC$", printed)
    assert len(made) == 3, "one for each purpose"
    return Rotation({key["kid"] for key in keys}, set(made), link)
