"""schemathesis asks the running server everything that its OpenAPI document allows, and more."""

import os
import subprocess
import sys
from contextlib import ExitStack

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from payseal.web.app import ROUTES
from tests.e2e.people import Merchant, pay, sign_in
from tests.e2e.processes import ROOT, environment

EXAMPLES_MAX, WITHIN_S = 4, 120
# What is well formed may still be refused: an amount that a currency has not, a weak password.
NOT_CHECKED = "positive_data_acceptance"


@pytest.fixture(scope="module")
def asked(server, tmp_path_factory):
    """What schemathesis found, by the credentials that it had; both side by side."""
    merchant = Merchant.at(server.url, "contract")
    pay(merchant.payment()["url"])
    merchant.close()
    credentials = {
        "key": ("--auth", f"{merchant.key}:{merchant.secret}"),
        "session": ("--header", f"Authorization: Bearer {sign_in(server.url, 'contract')}"),
    }
    with ExitStack() as stack:
        runs = {
            name: stack.enter_context(run(server, those, tmp_path_factory.mktemp(name)))
            for name, those in credentials.items()
        }
        printed = {name: process.communicate(timeout=WITHIN_S)[0] for name, process in runs.items()}
        return {name: (runs[name].returncode, printed[name]) for name in runs}


def run(server, credentials, folder):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *credentials,
            *("--phases", "examples,coverage,fuzzing,stateful"),
            *("--max-examples", str(EXAMPLES_MAX), "--seed", "1", "--no-shrink"),
            *("--checks", "all", "--exclude-checks", NOT_CHECKED, "--continue-on-failure"),
        ],
        cwd=folder,
        env=environment({"PYTHONPATH": os.fspath(ROOT), "NO_COLOR": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_document_is_openapi_3_1(server):
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize("credentials", ["key", "session"])
def test_every_answer_is_as_the_document_says(asked, credentials):
    code, printed = asked[credentials]
    assert code == 0, printed
    assert f"Tested: {sum(map(len, ROUTES.values()))}" in printed
