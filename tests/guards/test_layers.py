"""The import order is enforced by import-linter (pyproject.toml); here stands that no app of ours escapes it."""

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
