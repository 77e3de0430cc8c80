"""Connection: an account's credentials at an issuer, sealed, each mode for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from payseal.core.credential import Credential
from payseal.core.errors import Invalid
from payseal.core.event import happened
from payseal.core.ids import AccountId, Mode, derive, home, mode_of
from payseal.core.master import MasterKey
from payseal.core.record import Record
from payseal.core.store import Insert, Store, Update

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NothingToConnect(Invalid):
    """The issuer takes no credentials of a merchant: the operator has set it up."""

    code, title = "nothing_to_connect", "This issuer needs no credentials."


class InvalidCredentials(Invalid):
    """One is missing, not known, or not of the form that it has in this mode."""

    code, title = "invalid_credentials", "The credentials are not valid."


class Connection(Record, frozen=True, kw_only=True):
    """What was given is sealed; once it is disconnected nothing of it is kept."""

    prefix, table = "con", "connections"

    issuer: str
    sealed: bytes
    given: tuple[str, ...]  # the names of what is sealed
    connected_at: datetime

    @property
    def mode(self) -> Mode:
        """Test or live."""
        return mode_of(self.id)

    @property
    def is_connected(self) -> bool:
        """Whether there are credentials."""
        return bool(self.sealed)

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {"id": self.id, "issuer": self.issuer, "mode": self.mode.value}

    def give(self, sealed: bytes, given: tuple[str, ...], at: datetime) -> Connection:
        """Other credentials from now on."""
        return self._become(sealed=sealed, given=given, connected_at=at)

    def disconnect(self) -> Connection:
        """Nothing is kept."""
        return self._become(sealed=b"", given=())

    def __repr__(self) -> str:
        return f"Connection({self.id} v{self.version} {self.issuer})"


async def connect(
    store: Store,
    master: MasterKey,
    wanted: Sequence[Credential],
    account: AccountId,
    mode: Mode,
    issuer: str,
    given: Mapping[str, str],
    *,
    at: datetime,
) -> Connection:
    """Keep the credentials, instead of those before; nobody is shown them again."""
    _check(wanted, mode, given)
    id, names = _id(account, mode, issuer), tuple(sorted(given))
    sealed = master.seal(msgspec.json.encode(given, order="sorted"), _context(id))
    before = await store.get(Connection, id)
    if before is None:
        new = Connection(id=id, issuer=issuer, sealed=sealed, given=names, connected_at=at)
        await store.commit(Insert(new), Insert(happened("issuer.connected", new, at)))
        return new
    if before.sealed == sealed:
        return before
    after = before.give(sealed, names, at)
    await store.commit(Update(after), Insert(happened("issuer.connected", after, at)))
    return after


async def connection(
    store: Store, account: AccountId, mode: Mode, issuer: str
) -> Connection | None:
    """The account's connection, if it is connected."""
    found = await store.get(Connection, _id(account, mode, issuer))
    return found if found is not None and found.is_connected else None


async def disconnect(
    store: Store, account: AccountId, mode: Mode, issuer: str, *, at: datetime
) -> None:
    """Forget the credentials; whoever has none is disconnected already."""
    found = await connection(store, account, mode, issuer)
    if found is not None:
        found = found.disconnect()
        await store.commit(Update(found), Insert(happened("issuer.disconnected", found, at)))


async def credentials(
    store: Store, master: MasterKey, account: AccountId, mode: Mode, issuer: str
) -> dict[str, str] | None:
    """For the connector that calls with them, and for nobody else; None if there are none."""
    found = await connection(store, account, mode, issuer)
    if found is None:
        return None
    opened = master.unseal(found.sealed, _context(found.id))
    return msgspec.json.decode(opened, type=dict[str, str])


def _check(wanted: Sequence[Credential], mode: Mode, given: Mapping[str, str]) -> None:
    """What is wrong is named; never what was given."""
    if not wanted:
        raise NothingToConnect("Whoever runs this server has connected it.")
    known = {credential.name: credential for credential in wanted}
    if not given.keys() <= known.keys():
        raise InvalidCredentials(f"Known here: {', '.join(known)}.", field="credentials")
    for name, credential in known.items():
        field = f"credentials.{name}"
        if name not in given:
            if credential.required:
                raise InvalidCredentials(f"It is missing: give {credential.hint}.", field=field)
        elif not credential.fits(given[name], mode):
            told = f"In {mode.value} mode give {credential.hint}."
            raise InvalidCredentials(told, field=field)


def _id(account: AccountId, mode: Mode, issuer: str) -> str:
    """There is one for each issuer and mode."""
    return derive(Connection.prefix, home(account, mode), _EPOCH, issuer)


def _context(id: str) -> str:
    return f"connection {id}"
