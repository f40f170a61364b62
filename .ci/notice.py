"""NOTICE: the licences of everything that Praxis depends on.

    .venv/bin/python .ci/notice.py          write it; after a change of the requirements
    .venv/bin/python .ci/notice.py --check  fail if it is not as this would write it

The names are those that the requirements files and their dependencies lead to, not what happens to be installed; the
licences are what pip-licenses finds in the packages. What a wheel contains besides, no metadata says: see BESIDES.
"""

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
NOTICE = ROOT / "NOTICE"
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.14"}  # so that NOTICE is the same under any other
BESIDES = {  # licences of what wheels contain that differ from their own; each wheel has the texts in its .dist-info
    "django-unfold": "Alpine.js, Chart.js, SimpleBar (MIT), htmx (0BSD), fonts (Apache-2.0, OFL-1.1)",
    "drf-spectacular-sidecar": "Swagger UI (Apache-2.0), Redoc (MIT)",
    "justmytype-intl-cjk": "Noto Sans CJK (OFL-1.1)",
    "pikepdf": "qpdf (Apache-2.0), libjpeg-turbo (BSD, IJG)",
    "pillow": "libraries of picture formats (BSD, MIT, libpng, IJG), FreeType (FTL), HarfBuzz (MIT)",
    "pillow-heif": "libheif and libde265 (LGPL-3.0), x265 (GPL-2.0): see above",
    "psycopg-binary": "libpq (PostgreSQL), OpenSSL (Apache-2.0), Kerberos (MIT), OpenLDAP, SASL, libcrypt (LGPL-2.1)",
}
STRONG = (
    "GPL",
    "GNU General",
    "Affero",
)  # whose terms reach whatever is distributed with it
WEAK = ("LGPL", "Lesser")
HEAD = """\
Praxis uses the packages below. None is part of its source; `pip` installs them, and each has the text of its licence
in its `.dist-info` folder. This file is written by `.ci/notice.py`, which `.ci/run` checks; change it there.

One of them has terms for anyone who distributes Praxis together with its packages, as a container image or an installed
folder: the wheel of pillow-heif contains x265, an encoder of HEVC, and is therefore, as its own LICENSES_bundled.txt
says, under the GNU General Public License, version 2. Praxis never calls x265, since a HEIC is stored as JPEG. Running
Praxis requires nothing because of it. Distributing the wheel requires offering its sources, which
LICENSES_bundled.txt names (x265: https://github.com/Multicorewareinc/x265), or a build of pillow-heif without x265. Why
it is used all the same: docs/adr/0024.
"""


def names_from(requirements: str) -> set[str]:
    """Return the canonical names of the packages that a requirements file leads to."""
    found: set[tuple[str, frozenset[str]]] = set()
    for line in (ROOT / requirements).read_text().splitlines():
        wanted = line.partition("#")[0].strip()
        if wanted and not wanted.startswith("-r"):
            _follow(Requirement(wanted), found)
    return {name for name, _ in found}


def _follow(requirement: Requirement, found: set[tuple[str, frozenset[str]]]) -> None:
    key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
    if key in found:
        return
    found.add(key)
    for text in distribution(requirement.name).requires or []:
        needed = Requirement(text)
        extras = ["", *requirement.extras]
        if needed.marker is None or any(needed.marker.evaluate({**PYTHON, "extra": extra}) for extra in extras):
            _follow(needed, found)


def licences(names: set[str]) -> dict[str, str]:
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system", "--packages"]
    listed = json.loads(subprocess.run([*command, *names], check=True, capture_output=True).stdout)  # noqa: S603 - our own interpreter
    return {canonicalize_name(each["Name"]): each["License"] for each in listed}


def table(names: set[str], licence_of: dict[str, str]) -> str:
    rows = [(name, "; ".join(filter(None, [licence_of[name], BESIDES.get(name)]))) for name in sorted(names)]
    width = max(map(len, names))
    return "".join(f"{name:<{width}}  {licence}\n" for name, licence in rows)


def notice() -> str:
    used = names_from("requirements.txt")
    tools = names_from("requirements-dev.txt") - used
    licence_of = licences(used | tools)
    for name in sorted(used):
        licence = licence_of[name]
        if licence == "UNKNOWN" or (any(word in licence for word in STRONG) and not any(map(licence.count, WEAK))):
            sys.exit(f"{name}: its licence, {licence}, is not one that Praxis can be passed on with.")
    if stale := BESIDES.keys() - used:
        sys.exit(f"BESIDES in .ci/notice.py names what is not used: {', '.join(sorted(stale))}")
    return "\n".join(
        [
            HEAD,
            f"What Praxis runs with\n---------------------\n{table(used, licence_of)}",
            f"What its tests and checks use besides\n-------------------------------------\n{table(tools, licence_of)}",
        ]
    )


if __name__ == "__main__":
    written = notice()
    if "--check" not in sys.argv:
        NOTICE.write_text(written)
    elif not NOTICE.exists() or NOTICE.read_text() != written:
        sys.exit("NOTICE is not up to date: .venv/bin/python .ci/notice.py")
