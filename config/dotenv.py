"""`python -m config.dotenv [--production] [FILE]`: write a `.env` with freshly generated secrets where there is none
(standard library alone: it runs before anything is installed)."""

import base64
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

DEVELOPMENT = """\
# Written by `make run` for this machine alone; .env.example explains every variable.
DEBUG=true
"""
PRODUCTION = """\
# Written by `python -m config.dotenv --production`; .env.example explains every variable.
# What is still to be set, `manage.py check --deploy` says: the public name, the web client's origin, the proxy.
DEBUG=false
ALLOWED_HOSTS=localhost,127.0.0.1
#CORS_ALLOWED_ORIGINS=
#TRUSTED_PROXIES=
PASSWORD_MIN_LENGTH=12
POSTGRES_PASSWORD={postgres_password}
DATABASE_APP_PASSWORD={database_app_password}
# Files in the MinIO of docker-compose.yml (--profile s3) instead of a folder: take away the first two #.
#FILES_S3_BUCKET=praxis-files
#FILES_S3_ENDPOINT_URL=http://minio:9000
FILES_S3_ACCESS_KEY=praxis
FILES_S3_SECRET_KEY={files_s3_secret_key}
"""
SECRETS = """\
SECRET_KEY={secret_key}
SEARCH_INDEX_KEY={search_index_key}
FIELD_ENCRYPTION_KEYS=1@{today}:{encryption_key}
AUDIT_KEYS=1:{audit_key}
"""


def write_dotenv(path: Path, *, production: bool = False) -> bool:
    """Whether it was written; a file that is there already is never touched, for its keys open the data."""
    content = ((PRODUCTION if production else DEVELOPMENT) + SECRETS).format(
        secret_key=secrets.token_urlsafe(48),
        search_index_key=secrets.token_urlsafe(48),
        postgres_password=secrets.token_urlsafe(24),
        database_app_password=secrets.token_urlsafe(24),
        files_s3_secret_key=secrets.token_urlsafe(24),
        today=datetime.now(UTC).date(),
        encryption_key=base64.b64encode(os.urandom(32)).decode(),
        audit_key=base64.b64encode(os.urandom(32)).decode(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return True


def main(arguments: list[str]) -> None:
    production = "--production" in arguments
    files = [argument for argument in arguments if argument != "--production"]
    target = Path(files[0]) if files else Path(".env.production" if production else ".env")
    if write_dotenv(target, production=production):
        print(f"Wrote {target} with new secrets. Keep it: without its keys the data cannot be read.")
    else:
        print(f"{target} is there already and stays as it is.")


if __name__ == "__main__":
    main(sys.argv[1:])
