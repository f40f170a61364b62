"""Known vulnerabilities of what is installed in .venv, as the OSV database has them.

    .venv/bin/python .ci/audit.py

Exit code 1: there is one that nobody has accepted below. Where the tool or the database cannot be reached it says so
and goes on: a build must not depend on somebody else's server.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".venv" / "audit" / "bin"
SECONDS = 240
ACCEPTED: dict[str, str] = {}  # by the advisory's id: why it does not reach Praxis


def packages() -> Path:
    """Return the folder of what is installed for the Python that runs this."""
    import django

    return Path(django.__file__).resolve().parent.parent


def ask() -> list[dict[str, Any]] | None:
    """Return the packages with their vulnerabilities; None if nobody could be asked."""
    command = [str(TOOLS / "pip-audit"), "--vulnerability-service=osv", "--format=json", "--progress-spinner=off"]
    try:
        told = subprocess.run(  # noqa: S603 - our own tool
            [*command, "--path", str(packages())], capture_output=True, timeout=SECONDS, check=False
        )
        return list(json.loads(told.stdout)["dependencies"])
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return None


def main() -> int:
    asked = ask()
    if asked is None:
        sys.stderr.write("Not audited: pip-audit or the database of vulnerabilities is out of reach.\n")
        return 0
    found = {
        (package["name"], package.get("version", ""), one["id"], ", ".join(one.get("fix_versions", [])))
        for package in asked
        for one in package.get("vulns", [])
    }
    known = {id_ for _name, _version, id_, _fixed in found}
    for name, version, id_, fixed in sorted(found):
        if id_ not in ACCEPTED:
            sys.stderr.write(f"{name} {version}: {id_}" + (f", fixed in {fixed}\n" if fixed else ", not fixed yet\n"))
    stale = ACCEPTED.keys() - known
    for id_ in sorted(stale):
        sys.stderr.write(f"{id_} is accepted in .ci/audit.py, and nothing has it any more.\n")
    return 1 if stale or known - ACCEPTED.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
