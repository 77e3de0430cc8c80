"""The table: made, brought up to date, refused; and the same as the template in deploy/."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from payseal.core.store import StoreError
from payseal.storage.dynamodb import NoTable, NotAsNeeded, migrate
from payseal.storage.dynamodb.connection import Address, Connection
from payseal.storage.dynamodb.table import TTL, definition
from tests.servers.dynamodb import CREDENTIALS, REGION, DynamoServer
from tests.servers.dynamodb_proxy import error, proxy
from tests.storage.dynamo import store_of, where
from tests.storage.things import AT, HOME, Thing, plain, put, thing

TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws" / "payments-table.yaml"
NO_RECOVERY = "There is no point-in-time recovery: this server does not know it."
PROTECTED = "Protected it from deletion."
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server of its own: beside hundreds of tables it takes a minute to make an index."""
    server = DynamoServer().start()
    yield server.endpoint
    server.stop()


@pytest.fixture
def at(endpoint: str) -> dict:
    return where(endpoint)


@pytest.fixture
async def connection(endpoint: str) -> AsyncIterator[Connection]:
    connection = Connection(Address(REGION, endpoint, CREDENTIALS), bytes)
    await connection.open()
    yield connection
    await connection.close()


def some_name() -> str:
    return f"old-{next(_numbers)}"


async def make(connection: Connection, **other: Any) -> str:
    """A table that is not as it should be; None leaves a part out."""
    wishes = {name: value for name, value in (definition(some_name()) | other).items() if value}
    await connection.once("create_table", **wishes)
    return wishes["TableName"]


def index_of(name: str) -> dict:
    return next(i for i in definition("x")["GlobalSecondaryIndexes"] if i["IndexName"] == name)


def attributes(*names: str) -> list[dict]:
    return [a for a in definition("x")["AttributeDefinitions"] if a["AttributeName"] in names]


async def test_a_table_is_made_once_and_what_this_server_lacks_is_said(
    connection: Connection, at: dict
):
    table = some_name()
    assert await migrate(table, **at) == [
        f"Made the table {table}.", f"Set the TTL on {TTL}.", NO_RECOVERY,
    ]  # fmt: skip
    before = await connection.once("describe_table", TableName=table)
    assert await migrate(table, **at) == [NO_RECOVERY]
    after = await connection.once("describe_table", TableName=table)
    assert before["Table"] == after["Table"]
    assert after["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert after["Table"]["StreamSpecification"] == {
        "StreamEnabled": True, "StreamViewType": "NEW_IMAGE",
    }  # fmt: skip
    assert after["Table"]["DeletionProtectionEnabled"] is True


OLD = {
    "no stream": ({"StreamSpecification": None}, "it has no stream", "Turned on the stream."),
    "no index at all": (
        {"GlobalSecondaryIndexes": None, "AttributeDefinitions": attributes("p", "s")},
        "it has no index children; it has no index due",
        "Made the index children., Made the index due.",
    ),
    "no index of what is due": (
        {
            "GlobalSecondaryIndexes": [index_of("children")],
            "AttributeDefinitions": attributes("p", "s", "o"),
        },
        "it has no index due",
        "Made the index due.",
    ),
    "billing by capacity": (
        {
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            "GlobalSecondaryIndexes": None,
            "AttributeDefinitions": attributes("p", "s"),
        },
        "it has no index children; it has no index due",
        "Set billing on demand., Made the index children., Made the index due.",
    ),
}


@pytest.mark.parametrize("what", OLD)
async def test_an_older_table_is_refused_until_it_is_brought_up_to_date(
    connection: Connection, at: dict, what: str
):
    other, lacking, done = OLD[what]
    table = await make(connection, **other)
    await put_plainly(connection, table)
    lacks = "; ".join(filter(None, [lacking, f"it has no TTL on {TTL}"]))
    with pytest.raises(NotAsNeeded, match=f"{table} is not as needed: {lacks}. `payseal migrate`"):
        await store_of(table, endpoint=at["endpoint"]).open()
    said = await migrate(table, **at)
    wanted = [*filter(None, done.split(", ")), f"Set the TTL on {TTL}.", NO_RECOVERY]
    assert [each for each in said if each != PROTECTED] == wanted
    async with store_of(table, endpoint=at["endpoint"]) as store:
        await put(store, one := thing(parent=plain().id, when=AT))
        assert (await store.page(Thing, HOME, of=one.parent)).records == [one]
        assert await store.due(Thing, before=AT) == [one]
    assert await migrate(table, **at) == [NO_RECOVERY]


async def put_plainly(connection: Connection, table: str) -> None:
    await connection.once("put_item", TableName=table, Item={"p": {"S": "x"}, "s": {"S": "x"}})


async def test_a_table_is_protected_from_deletion(connection: Connection, at: dict):
    table = await make(connection, DeletionProtectionEnabled=None)
    assert PROTECTED in await migrate(table, **at)
    there = await connection.once("describe_table", TableName=table)
    assert there["Table"]["DeletionProtectionEnabled"] is True


FOREIGN = {
    "another key": (
        {
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "GlobalSecondaryIndexes": None,
        },
        "its key is another",
    ),
    "another index of that name": (
        {
            "GlobalSecondaryIndexes": [index_of("children") | {"IndexName": "due"}],
            "AttributeDefinitions": attributes("p", "s", "o"),
        },
        "its index due has another key",
    ),
    "a stream that tells too little": (
        {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}},
        "its stream shows KEYS_ONLY and not the new image",
    ),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_a_table_that_is_not_ours_is_left_alone(connection: Connection, at: dict, what: str):
    other, why = FOREIGN[what]
    table = await make(connection, **other)
    before = await connection.once("describe_table", TableName=table)
    with pytest.raises(NotAsNeeded, match=why):
        await migrate(table, **at)
    assert (await connection.once("describe_table", TableName=table))["Table"] == before["Table"]
    with pytest.raises(NotAsNeeded, match=why):
        await store_of(table, endpoint=at["endpoint"]).open()


async def test_a_ttl_on_something_else_is_left_alone(connection: Connection, at: dict):
    table = await make(connection)
    wish = {"Enabled": True, "AttributeName": "expires"}
    await connection.once("update_time_to_live", TableName=table, TimeToLiveSpecification=wish)
    with pytest.raises(NotAsNeeded, match="TTL on expires, not on t"):
        await migrate(table, **at)
    with pytest.raises(NotAsNeeded, match="no TTL on t"):
        await store_of(table, endpoint=at["endpoint"]).open()


async def test_a_table_that_is_not_there_is_said_so(at: dict):
    with pytest.raises(NoTable, match=r"no table nowhere here. `payseal migrate` makes it"):
        await store_of("nowhere", endpoint=at["endpoint"]).open()


async def test_where_nobody_answers_that_is_said_at_the_start():
    where_nobody_is = where("http://127.0.0.1:9")
    with pytest.raises(StoreError, match="does not answer: Could not connect"):
        await store_of("some", endpoint=where_nobody_is["endpoint"]).open()
    with pytest.raises(StoreError, match="does not answer: Could not connect"):
        await migrate("some", **where_nobody_is)


async def test_point_in_time_recovery_is_asked_for_where_it_is_known(at: dict):
    async with proxy(at["endpoint"]) as (between, address):
        there = "DISABLED"

        async def rule(name, wishes):
            nonlocal there
            if name == "DescribeContinuousBackups":
                return 200, {
                    "ContinuousBackupsDescription": {
                        "ContinuousBackupsStatus": "ENABLED",
                        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": there},
                    }
                }
            if name == "UpdateContinuousBackups":
                wish = wishes["PointInTimeRecoverySpecification"]
                assert wish == {"PointInTimeRecoveryEnabled": True}
                there = "ENABLED"
                return 200, {}
            return None

        between.rule = rule
        table = some_name()
        said = await migrate(table, **where(address))
        assert said[-1] == "Turned on point-in-time recovery."
        assert await migrate(table, **where(address)) == []


async def test_what_may_not_be_done_is_said_and_not_passed_over(at: dict):
    async with proxy(at["endpoint"]) as (between, address):

        async def rule(name, _):
            return error("AccessDeniedException") if name == "DescribeContinuousBackups" else None

        between.rule = rule
        with pytest.raises(StoreError, match="AccessDenied"):
            await migrate(some_name(), **where(address))


async def test_two_who_migrate_at_once_make_one_table(connection: Connection, at: dict):
    async with proxy(at["endpoint"]) as (between, address):
        table, first = some_name(), asyncio.Event()

        async def rule(name, _):
            if name == "CreateTable" and not first.is_set():
                first.set()
                await connection.once("create_table", **definition(table))

        between.rule = rule
        assert (await migrate(table, **where(address)))[0] == f"Made the table {table}."
    async with store_of(table, endpoint=at["endpoint"]):
        pass


class _Loader(yaml.SafeLoader):
    """CloudFormation's own tags are of no interest here."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: f"{tag} {node.value}")


def template() -> dict:
    return yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]


def test_the_template_makes_the_table_that_migrate_makes():
    made = template()["Payments"]
    properties = made["Properties"]
    wanted = definition("Ref TableName")
    assert wanted["StreamSpecification"].pop("StreamEnabled")  # the template says it by its view
    for name, value in wanted.items():
        assert properties[name] == value, name
    assert set(properties) - set(wanted) == {
        "TimeToLiveSpecification", "PointInTimeRecoverySpecification",
    }  # fmt: skip
    assert properties["TimeToLiveSpecification"] == {"AttributeName": TTL, "Enabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert made["DeletionPolicy"] == made["UpdateReplacePolicy"] == "Retain"


def test_the_policy_allows_what_the_service_calls_and_no_more():
    statements = template()["Access"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {action for each in statements for action in each["Action"]}
    called = {
        "batch_get_item", "delete_item", "describe_stream", "describe_table",
        "describe_time_to_live", "get_item", "get_records", "get_shard_iterator", "put_item",
        "query", "scan",
    }  # fmt: skip
    source = "".join(
        path.read_text() for path in (TEMPLATE.parents[2] / "payseal/storage/dynamodb").glob("*.py")
    )
    assert all(f'"{verb}"' in source for verb in called)
    # A transaction is allowed by the names of what is in it.
    names = {f"dynamodb:{''.join(map(str.capitalize, verb.split('_')))}" for verb in called}
    assert allowed == names | {"dynamodb:ConditionCheckItem"}


def test_the_template_is_sound():
    said = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), TEMPLATE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (0, ""), said.stdout + said.stderr
