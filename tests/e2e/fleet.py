"""A fleet: real processes of Payseal on some stores, one or several for each role."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.people import Merchant
from tests.e2e.processes import LAUNCHER, Bank, Server, until
from tests.servers import dynamodb
from tests.servers.postgres import PostgresServer

HASTY = {"E2E_CALL_WITHIN_S": "4", "E2E_RESOLVE_MARGIN_S": "2"}
NO_LIMIT = {"PAYSEAL_RATE_ADDRESS": "100000", "PAYSEAL_RATE_CALLER": "100000"}
CERTAIN_WITHIN_S = 90


class Fleet:
    """What a merchant and payers see of it, and the bank."""

    def __init__(self, bank, webs, merchant):
        self.bank, self.webs, self.merchant = bank, webs, merchant

    def at(self, number, url):
        """The same address at one of the processes that answer."""
        return url.replace(self.webs[0].url, self.webs[number % len(self.webs)].url)

    def all_certain(self):
        """Every attempt of the merchant, once nothing is open any more."""

        def certain():
            found = self.merchant.transactions()
            return found if not {"started", "unknown"} & {t["status"] for t in found} else None

        return until(certain, CERTAIN_WITHIN_S)


@contextmanager
def fleet(folder, stores=None, *, webs=1, workers=0) -> Iterator[Fleet]:
    """So many processes that answer, and that work; without workers one process does both."""
    with ExitStack() as stack:
        bank = Bank(folder)
        stack.callback(bank.stop)
        settings, servers = HASTY | NO_LIMIT | (stores or {}), []
        for role in ["web" if workers else "all"] * webs + ["worker"] * workers:
            server = Server(folder, bank, module=LAUNCHER, role=role, **settings)
            if not servers:
                # One master key, and one address that payers see.
                shared = ("PAYSEAL_MASTER_KEY", "PAYSEAL_BASE_URL")
                settings |= {name: server.settings[name] for name in shared}
                code, said = server.command("migrate")
                assert code == 0, said
            servers.append(server)
            stack.callback(server.stop)
            server.start()
        merchant = Merchant.at(servers[0].url)
        stack.callback(merchant.close)
        yield Fleet(bank, servers[:webs], merchant)


@contextmanager
def on_sqlite(folder) -> Iterator[Fleet]:
    """One process, and files."""
    with fleet(folder) as one:
        yield one


@contextmanager
def on_servers(folder) -> Iterator[Fleet]:
    """Accounts on PostgreSQL, payments on DynamoDB; two processes that answer, two that work."""
    endpoint = dynamodb.server().endpoint
    with PostgresServer() as accounts:
        stores = {"PAYSEAL_ACCOUNTS": accounts.url(accounts.database())} | dynamo(endpoint)
        with fleet(folder, stores, webs=2, workers=2) as many:
            yield many


def dynamo(endpoint, table="payments"):
    """The settings of a payments store there."""
    key, secret = dynamodb.CREDENTIALS
    return {
        "PAYSEAL_PAYMENTS": f"dynamodb://{table}?region={dynamodb.REGION}&endpoint={endpoint}",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
