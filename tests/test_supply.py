"""What looks after the packages: an audit that goes on without a network, and a list of what Praxis is made of."""

import json
import re
import stat
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIP_AUDIT = "#!/bin/sh\ncat {told}\nexit {code}\n"


def audit(tools):
    command = [sys.executable, ".ci/audit.py", str(tools)]
    return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True)


@pytest.fixture
def tools(tmp_path):
    """`tools(answer, code)`: a folder whose pip-audit answers so."""

    def make(answer, code=0, name="pip-audit"):
        told = tmp_path / "told"
        told.write_text(answer)
        tool = tmp_path / name
        tool.write_text(PIP_AUDIT.format(told=told, code=code))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        return tmp_path

    return make


def test_audit_fails_for_a_vulnerability_and_names_it(tools):
    one = {"id": "GHSA-aaaa", "fix_versions": ["9.9"], "aliases": [], "description": ""}
    found = {"dependencies": [{"name": "django", "version": "5.2", "vulns": [one]}], "fixes": []}
    done = audit(tools(json.dumps(found), code=1))
    assert (done.returncode, done.stderr) == (1, "django 5.2: GHSA-aaaa, fixed in 9.9\n")


def test_audit_passes_where_nothing_is_known(tools):
    clean = {"dependencies": [{"name": "django", "version": "5.2", "vulns": []}], "fixes": []}
    done = audit(tools(json.dumps(clean)))
    assert (done.returncode, done.stderr) == (0, "")


def test_audit_says_that_it_could_not_ask_and_goes_on(tools, tmp_path):
    for folder in (tools("", code=1), tmp_path / "nowhere"):
        done = audit(folder)
        assert done.returncode == 0
        assert done.stderr.startswith("Not audited")


def test_list_of_what_praxis_is_made_of_leaves_the_tests_tools_out(tools):
    names = {"Django": "a", "asgiref": "b", "pytest": "c"}
    made = {
        "bomFormat": "CycloneDX",
        "components": [{"name": name, "bom-ref": ref} for name, ref in names.items()],
        "dependencies": [{"ref": "a", "dependsOn": ["b", "c"]}, {"ref": "b"}, {"ref": "c"}],
    }
    command = [sys.executable, ".ci/sbom.py", str(tools(json.dumps(made), name="cyclonedx-py"))]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert [one["name"] for one in told["components"]] == ["Django", "asgiref"]
    assert told["dependencies"] == [{"ref": "a", "dependsOn": ["b"]}, {"ref": "b"}]


def test_lock_has_each_package_that_praxis_needs_with_its_hashes():
    text = (settings.BASE_DIR / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.M))
    hashes = re.split(r"^[a-z0-9.-]+==\S+", text, flags=re.M)[1:]
    assert len(locked) == len(hashes) > 70 and all("--hash=sha256:" in some for some in hashes)

    lines = (settings.BASE_DIR / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line.partition("#")[0].strip()) for line in lines if line.strip()]
    assert {one.name for one in wanted if not one.specifier.contains(locked[canonicalize_name(one.name)])} == set()
    brought = []
    for name in locked:
        extras = {extra for one in wanted if canonicalize_name(one.name) == name for extra in one.extras} or {""}
        for one in map(Requirement, requires(name)):
            if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in extras):
                brought.append(canonicalize_name(one.name))
    assert set(brought) - set(locked) == set()


def requires(name):
    """A package that an older 3.11 alone needs is not there."""
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []
