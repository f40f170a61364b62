"""import-linter enforces the import order (pyproject.toml); this checks that it covers every app."""

import ast
import configparser
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.embedded
ROOT = Path(__file__).resolve().parent.parent.parent
NO_APPS = {"tests": "may import anything", "bench": "scripts beside the application"}


def test_every_package_has_its_layer():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NO_APPS.keys()
    layers = {name.strip(" ()") for line in linter["contracts"][0]["layers"] for name in line.split("|")}
    assert set(linter["root_packages"]) == packages
    assert packages <= layers


def test_every_package_with_tests_is_where_pytest_looks():
    """`make test` names no folders: an app that pytest.ini leaves out would never be tested."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "pytest.ini")
    assert {path.parent.parent.name for path in ROOT.glob("*/tests/__init__.py")} | {"tests"} == set(
        settings["pytest"]["testpaths"].split()
    )


def test_every_admin_and_every_app_is_in_the_further_contracts():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (protected,) = (contract for contract in contracts if contract["type"] == "protected")
    (acyclic,) = (contract for contract in contracts if contract["type"] == "acyclic_siblings")
    apps = {path.parent.name for path in ROOT.glob("*/models*")} | {"audit_review"}

    admins = {path.parent.name for path in ROOT.glob("*/admin.py")} | {
        path.parent.parent.name for path in ROOT.glob("*/admin/__init__.py")
    }

    assert {f"{app}.admin" for app in admins - {"core"}} == set(protected["protected_modules"])
    assert apps <= set(acyclic["ancestors"])


def test_models_services_and_views_do_not_import_djangos_admin():
    """import-linter cannot forbid a part of an outside package."""
    apps = {path.parent for path in ROOT.glob("*/__init__.py")}
    names = ("models.py", "models/*.py", "**/services.py", "**/views.py")
    modules = [path for app in apps for name in names for path in app.glob(name)]
    assert len(modules) > 40

    assert [str(path) for path in modules if "django.contrib.admin" in _imported(path)] == []


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names
