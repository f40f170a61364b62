"""`python -m config.dotenv [--production] [FILE]`: write a `.env` with new secrets unless it exists.

Uses only the standard library: it runs before anything is installed.
"""

import base64
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

DEVELOPMENT = """\
# Written by `make run` for this machine only; .env.example explains every variable.
DEBUG=true
"""
PRODUCTION = """\
# Written by `python -m config.dotenv --production`; .env.example explains every variable.
# `manage.py check --deploy` lists what is still to be set: the public host name, the web client's origin, the proxy.
DEBUG=false
ALLOWED_HOSTS=localhost,127.0.0.1
#CORS_ALLOWED_ORIGINS=
#TRUSTED_PROXIES=
PASSWORD_MIN_LENGTH=12
POSTGRES_PASSWORD={postgres_password}
DATABASE_APP_PASSWORD={database_app_password}
# To keep files in the MinIO of docker-compose.yml (--profile s3) instead of a folder, uncomment the next two lines.
#FILES_S3_BUCKET=praxis-files
#FILES_S3_ENDPOINT_URL=http://minio:9000
FILES_S3_ACCESS_KEY=praxis
FILES_S3_SECRET_KEY={files_s3_secret_key}
# Keep this key apart from the others and from the backups: without it they cannot be restored.
BACKUP_KEY=1@{today}:{backup_key}
# Where the daily backup goes: a folder on another disk, or s3://bucket/prefix.
#BACKUP_TARGET=
# Without docker-compose.yml, the tables' owner, who may read everything: postgresql://praxis:PASSWORD@host:5432/praxis
#BACKUP_DATABASE_URL=
"""
SECRETS = """\
SECRET_KEY={secret_key}
SEARCH_INDEX_KEY={search_index_key}
FIELD_ENCRYPTION_KEYS=1@{today}:{encryption_key}
AUDIT_KEYS=1:{audit_key}
"""


def write_dotenv(path: Path, *, production: bool = False) -> bool:
    """Write the file and return True; return False if it exists. It is never overwritten: its keys decrypt the data."""
    content = ((PRODUCTION if production else DEVELOPMENT) + SECRETS).format(
        secret_key=secrets.token_urlsafe(48),
        search_index_key=secrets.token_urlsafe(48),
        postgres_password=secrets.token_urlsafe(24),
        database_app_password=secrets.token_urlsafe(24),
        files_s3_secret_key=secrets.token_urlsafe(24),
        today=datetime.now(UTC).date(),
        encryption_key=base64.b64encode(os.urandom(32)).decode(),
        backup_key=base64.b64encode(os.urandom(32)).decode(),
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
        print(f"Wrote {target} with new secrets. Back it up: without its keys the data cannot be decrypted.")
    else:
        print(f"{target} already exists and was not changed.")


if __name__ == "__main__":
    main(sys.argv[1:])
