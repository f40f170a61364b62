"""`python -m config.dotenv [FILE]`: write a `.env` with freshly generated secrets where there is none (standard
library alone: it runs before anything is installed)."""

import base64
import os
import secrets
import sys
from pathlib import Path

TEMPLATE = """\
# Written by `make run` for this machine alone; .env.example explains every variable.
DEBUG=true
SECRET_KEY={secret_key}
SEARCH_INDEX_KEY={search_index_key}
FIELD_ENCRYPTION_KEYS=1:{encryption_key}
"""


def write_dotenv(path: Path) -> bool:
    """Whether it was written; a file that is there already is never touched, for its keys open the data."""
    content = TEMPLATE.format(
        secret_key=secrets.token_urlsafe(48),
        search_index_key=secrets.token_urlsafe(48),
        encryption_key=base64.b64encode(os.urandom(32)).decode(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return True


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".env")
    if write_dotenv(target):
        print(f"Wrote {target} with new secrets. Keep it: without its keys the data cannot be read.")
