"""The list of what Praxis is made of (SBOM), as CycloneDX JSON: what it runs with, without the tools of its tests.

.venv/bin/python .ci/sbom.py > sbom.json    (`make sbom` does it)
"""

import json
import subprocess
import sys
from pathlib import Path

from notice import names_from
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".venv" / "audit" / "bin"


def main() -> None:
    command = [str(TOOLS / "cyclonedx-py"), "environment", "--output-reproducible", "--of", "JSON", sys.executable]
    made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603 - our own tool
    used = names_from("requirements.txt")
    made["components"] = [one for one in made["components"] if canonicalize_name(one["name"]) in used]
    kept = {one["bom-ref"] for one in made["components"]} | {
        made.get("metadata", {}).get("component", {}).get("bom-ref")
    }
    made["dependencies"] = [
        {**one, **({"dependsOn": [ref for ref in one["dependsOn"] if ref in kept]} if "dependsOn" in one else {})}
        for one in made.get("dependencies", [])
        if one["ref"] in kept
    ]
    json.dump(made, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
