from __future__ import annotations

from datetime import UTC, datetime

from payseal.accounts.api_key import ApiKey, KeyStatus
from payseal.core.ids import AccountId, Mint, home
from tests.moves import assert_table

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TABLE = {KeyStatus.ACTIVE: {"revoke": KeyStatus.REVOKED}, KeyStatus.REVOKED: {}}


def key_in(status: KeyStatus) -> ApiKey:
    id = Mint(lambda size: b"\x07" * size).id("key", home(AccountId("0" * 12)), AT)
    return ApiKey(id=id, name="till", hash="0" * 64, status=status)


def test_each_status_of_a_key_allows_its_moves_and_no_others():
    assert_table(key_in, {"revoke": ApiKey.revoke}, TABLE)
