"""`python -m config.dotenv [--production] [FILE]`: write a `.env` with new secrets unless it exists.

For production it asks what only a person knows, unless flags say it, and puts the secrets into files of their own for
the containers (docker-compose.yml); with --one-file into the same file, for an installation without containers.

Uses only the standard library: it runs before anything is installed.
"""

import base64
import os
import re
import secrets
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

DEVELOPMENT = """\
# Written by `make run` for this machine only; .env.example explains every variable.
DEBUG=true
"""
PRODUCTION = """\
# Written by `python -m config.dotenv --production`; .env.example explains every variable.
# `manage.py check --deploy` lists what is still to be set.
DEBUG=false
ALLOWED_HOSTS={allowed_hosts}
{public}#TRUSTED_PROXIES=
PASSWORD_MIN_LENGTH=12
# To keep files in the MinIO of docker-compose.yml (--profile s3) instead of a folder, uncomment the next two lines.
#FILES_S3_BUCKET=praxis-files
#FILES_S3_ENDPOINT_URL=http://minio:9000
FILES_S3_ACCESS_KEY=praxis
# Where the worker makes a backup each night: s3://bucket/prefix, or a folder on another disk. With docker-compose.yml
# the folder is /srv/backups, and the next line but one says which folder of this machine that is.
#BACKUP_TARGET=/srv/backups
#BACKUPS_FOLDER=/mnt/backup
# Without docker-compose.yml, who may read everything (docs/operations.md): postgresql://NAME:PASSWORD@host:5432/praxis
#BACKUP_DATABASE_URL=
"""
PUBLIC = """\
SITE_URL=https://{host}
CORS_ALLOWED_ORIGINS=https://{host}
EMAIL_FROM={email}
ACME_EMAIL={email}
"""
NOT_PUBLIC = "#CORS_ALLOWED_ORIGINS=\n"
OF_PRODUCTION = """\
POSTGRES_PASSWORD={postgres_password}
DATABASE_APP_PASSWORD={database_app_password}
FILES_S3_SECRET_KEY={files_s3_secret_key}
# Keep this key apart from the others and from the backups: without it they cannot be restored.
BACKUP_KEY=1@{today}:{backup_key}
"""
SECRETS = """\
SECRET_KEY={secret_key}
SEARCH_INDEX_KEY={search_index_key}
FIELD_ENCRYPTION_KEYS=1@{today}:{encryption_key}
AUDIT_KEYS=1:{audit_key}
"""
ROLES = {"praxis": "praxis_app", "database": "praxis"}  # folder of secrets -> role of the database
IN_FOLDERS: dict[str, tuple[str, ...]] = {  # others: praxis
    "POSTGRES_PASSWORD": ("database",),
    "DATABASE_APP_PASSWORD": ("database",),
    "BACKUP_KEY": ("worker",),
    "FILES_S3_SECRET_KEY": ("praxis", "storage"),
}
FOR_PEOPLE = {"EMAIL_URL": "", "SMS_URL": ""}  # empty files to fill in
SECRET = re.compile(r"\w+_(KEY|KEYS|PASSWORD|SECRET)|(EMAIL|SMS|PAYMENTS)_URL")
NOT_SECRET = ("FILES_S3_ACCESS_KEY",)
# Read anew when it changes (FIELD_ENCRYPTION_KEYS_FILE), so it is no variable, which a name in small letters says.
RENAMED = {"FIELD_ENCRYPTION_KEYS": "field_encryption_keys"}
HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
EMAIL = re.compile(r"[^@\s,<>]+@[^@\s,<>]+\.[^@\s,<>]+")


def write_dotenv(
    path: Path, *, production: bool = False, host: str = "", email: str = "", folder: Path | None = None
) -> bool:
    """Write the file and return True; return False if it exists. It is never overwritten: its keys decrypt the data.
    With `folder` the secrets are written there instead."""
    if folder and folder.exists():
        return False
    settings = DEVELOPMENT if not production else PRODUCTION.format(**_public(host, email))
    made = (OF_PRODUCTION * production + SECRETS).format(
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
        file.write(settings + made * (folder is None))
    if folder:
        write_secrets(folder, _variables(made))
    return True


def write_secrets(folder: Path, values: dict[str, str]) -> None:
    """Write a file for each secret below `folder`, which its owner alone may enter: within it they are readable, for
    each container has a user of its own."""
    folder.mkdir(mode=0o700)
    for name in ROLES:
        _write(folder / name / "DATABASE_URL", _database_url(ROLES[name], values))
    _write(folder / "worker" / "BACKUP_DATABASE_URL", _database_url(ROLES["database"], values))
    for name, value in {**FOR_PEOPLE, **values}.items():
        for part in IN_FOLDERS.get(name, ("praxis",)):
            _write(folder / part / RENAMED.get(name, name), value)


def _database_url(role: str, values: dict[str, str]) -> str:
    name = "DATABASE_APP_PASSWORD" if role == ROLES["praxis"] else "POSTGRES_PASSWORD"
    return f"postgresql://{role}:{values.get(name, '')}@database:5432/praxis"


def _write(file: Path, value: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.parent.chmod(0o755)
    file.write_text(f"{value}\n")
    file.chmod(0o444)


def _public(host: str, email: str) -> dict[str, str]:
    if not host:
        return {"allowed_hosts": "localhost,127.0.0.1", "public": NOT_PUBLIC}
    return {"allowed_hosts": f"{host},localhost,127.0.0.1", "public": PUBLIC.format(host=host, email=email)}


def _variables(content: str) -> dict[str, str]:
    found = re.findall(r"^(?:export )?([A-Z][A-Z0-9_]*)=(.*)$", content, re.M)
    return {name: re.sub(r"""^(["'])(.*)\1$""", r"\2", value.strip()) for name, value in found}


def main(arguments: list[str]) -> None:
    options = _parse(arguments)
    target = options.file or Path(".env.production" if options.production else ".env")
    folder = target.parent / "secrets" if options.production and not options.one_file else None
    if target.exists() or (folder and folder.exists()):
        print(f"{target if target.exists() else folder} already exists and was not changed.")
        if folder and not folder.exists():
            _copy_secrets(target, folder)
        return
    if options.production:
        options.host = _ask("The host name that people will open, such as praxis.example.org", options.host, HOST)
        options.email = _ask("Your e-mail, for the certificate and as the sender of mails", options.email, EMAIL)
    write_dotenv(target, production=options.production, host=options.host, email=options.email, folder=folder)
    where = f"{target}, and new secrets in {folder}/" if folder else f"{target} with new secrets"
    print(f"Wrote {where}. Back them up: without the keys the data cannot be decrypted.")


def _copy_secrets(target: Path, folder: Path) -> None:
    """What an earlier release has written into one file, for the containers of this one."""
    values = _variables(target.read_text())
    secret = {name for name in values if SECRET.fullmatch(name)} - set(NOT_SECRET)
    write_secrets(folder, {name: values[name] for name in secret})
    print(f"Copied its secrets to {folder}/, where containers read them: remove their lines from {target}.")


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m config.dotenv", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("file", nargs="?", type=Path, help="default: .env, or .env.production")
    parser.add_argument("--production", action="store_true", help="for a server that people use")
    parser.add_argument("--host", default="", help="the host name that people will open")
    parser.add_argument("--email", default="", help="for the certificate, and the sender of mails")
    parser.add_argument("--one-file", action="store_true", help="secrets in the same file (without containers)")
    return parser.parse_args(arguments)


def _ask(question: str, given: str, valid: re.Pattern[str]) -> str:
    """What the flag says, or the answer of a person, if there is one."""
    asked = not given and sys.stdin.isatty()
    while True:
        value = input(f"{question}: ").strip().lower() if asked else given.strip().lower()
        if valid.fullmatch(value) or not (asked or value):
            return value
        if not asked:
            sys.exit(f"praxis: {value!r} is not valid. {question}.")


if __name__ == "__main__":
    main(sys.argv[1:])
