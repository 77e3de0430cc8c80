"""The shape of the code: who may import whom, how long things grow, what comes from outside."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (  # a package may import what lies on floors below its own
    {"core"},
    {"outbound", "settings", "logs"},
    {
        "accounts",
        "links",
        "vault",
        "ledger",
        "risk",
        "issuers",
        "notifications",
        "analytics",
        "storage",
    },
    {"transactions"},
    {"checkout"},
    {"web"},
    {"worker", "server", "stores", "connectors"},
    {"main"},
    {"bookkeeping"},
    {"demo"},
    {"cli"},
    {"__main__"},
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# What is not certain comes as an argument: only the root of the program may ask for it.
BANNED = (
    "datetime.now(",
    "utcnow(",
    "time.time(",
    "uuid4(",
    "import random",
    "import secrets",
    "urandom(",
    "float(",
)
ROOTS = {"main", "demo", "cli"}
OURS = sorted((ROOT / "payseal").rglob("*.py"))
BANK = sorted((ROOT / "payseal_sandbox").rglob("*.py"))


def name(path):
    return str(path.relative_to(ROOT))


def package(path):
    inside = path.relative_to(ROOT / "payseal")
    return inside.parts[0].removesuffix(".py")


def imports(path):
    """(package, module) for each import of ours: `payseal.links.place` is of `links`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = node.module.split(".")
            if parts == ["payseal"]:
                yield from ((alias.name, f"payseal.{alias.name}") for alias in node.names)
            elif parts[0] == "payseal":
                yield parts[1], node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "payseal" and len(parts) > 1:
                    yield parts[1], alias.name


def every(paths):
    return pytest.mark.parametrize("path", paths, ids=name)


@every([path for path in OURS if path.parent != ROOT / "payseal" or path.stem != "__init__"])
def test_imports_only_go_down(path):
    own = package(path)
    for other, _ in imports(path):
        if other not in (own, "__version__"):
            assert FLOOR[other] < FLOOR[own], f"{own} may not import {other}"


@every(OURS)
def test_other_packages_are_imported_by_their_face(path):
    own = package(path)
    inside = {
        module
        for other, module in imports(path)
        if other not in (own, "core") and module.count(".") > 1
    }
    # `connectors` picks connectors and `stores` adapters, each in a file or folder of its own.
    where = {"connectors": ".issuers.", "stores": ".storage."}.get(own, "nowhere")
    picked = {module for module in inside if where in module}
    assert inside <= picked, f"import these from their package: {sorted(inside - picked)}"


@every(BANK)
def test_the_bank_is_another_companys_software(path):
    assert not list(imports(path))


@every(OURS)
def test_nobody_but_main_picks_an_adapter(path):
    if package(path) not in ("main", "stores", "storage", "cli"):
        assert not [module for other, module in imports(path) if other == "storage"]


@every(OURS + BANK)
def test_nothing_grows_too_long(path):
    source = path.read_text()
    assert source.count("\n") <= 300, "a file has at most 300 lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{node.name} is longer than 40 lines"


@every([path for path in OURS if package(path) not in ROOTS])
def test_time_and_chance_come_from_outside(path):
    source = path.read_text()
    for banned in BANNED:
        assert not re.search(rf"(?<![\w.]){re.escape(banned)}", source), banned
    assert package(path) != "web" or "Decimal" not in source, "amounts are strings on the wire"


@every(OURS)
def test_only_a_record_makes_changed_copies(path):
    if name(path) != "payseal/core/record.py":
        assert "structs.replace" not in path.read_text()
        assert "import replace" not in path.read_text()


@every([path for path in OURS + BANK if path.name != "__main__.py"])
def test_each_file_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "a module's docstring is its line"


def test_the_readme_shows_the_tree_as_it_is():
    readme = (ROOT / "README.md").read_text()
    layout = readme.split("```text\n")[1].split("```")[0]
    shown = set(re.findall(r"^ {2}(\w+(?:/|\.py))", layout, re.MULTILINE))
    packages = {f"{path.parent.name}/" for path in (ROOT / "payseal").glob("*/__init__.py")}
    files = {path.name for path in (ROOT / "payseal").glob("[a-z]*.py")}
    assert shown == packages | files


def test_the_readmes_make_commands_are_there():
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make (run|test|check|bench|prove|pins)\b", readme))
    assert {"run", "test", "check"} <= named <= targets
