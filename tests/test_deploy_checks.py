"""`manage.py check --deploy`: quiet on the production example, a sentence for each thing left open."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core import checks
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.models import Authenticator, Passkey, User
from accounts.second_factor.totp import new_secret
from config import env
from config.checks import check_settings, check_superusers
from config.dotenv import write_dotenv
from demo.clinic import SIGN_INS
from demo.management.commands.seed import DEMO_PASSWORD

ROOT = Path(__file__).resolve().parent.parent
POSTGRESQL, REDIS = "postgresql://praxis:s3cret@{}/praxis{}", "redis{}://{}:6379/0{}"
# What docs/operations.md tells to set beside what `python -m config.dotenv --production` writes.
DOCUMENTED = {
    "ALLOWED_HOSTS": "praxis.example.org,127.0.0.1",
    "CORS_ALLOWED_ORIGINS": "https://app.example.org",
    "TRUSTED_PROXIES": "10.0.0.2",
    "DATABASE_URL": POSTGRESQL.format("db.example.org", "?sslmode=verify-full&sslrootcert=/etc/ca.pem"),
    "REDIS_URL": REDIS.format("s", "cache.example.org", "?ssl_ca_certs=/etc/ca.pem"),
    "EMAIL_URL": "smtp+tls://praxis:s3cret@mail.example.org:587",
    "SITE_URL": "https://praxis.example.org",
    "VIRUS_SCAN_URL": "unix:///run/clamav/clamd.ctl",
    "BACKUP_TARGET": "/mnt/backup/praxis",
}


def check(directory: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """The command on the production example, with these changes; nothing listens where it points."""
    write_dotenv(directory / "env", production=True)
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(directory / "env"), **DOCUMENTED, **changes}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def left_open(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"\((\w+\.W\d+)\)", done.stderr))


class TestTheCommand:
    pytestmark = [pytest.mark.embedded, pytest.mark.slow]  # it asks no database: one half will do

    def test_production_example_passes(self, tmp_path):
        done = check(tmp_path)

        assert (done.returncode, done.stderr) == (0, "")
        assert "no issues" in done.stdout

    def test_generated_example_names_what_to_set(self, tmp_path):
        done = check(tmp_path, **dict.fromkeys(DOCUMENTED, ""))

        assert done.returncode == 1
        assert left_open(done) == {f"praxis.W{number:03}" for number in (2, 3, 4, 8, 10, 14, 15, 16, 28)}
        hints = re.findall(r"HINT: (.+)", done.stderr)
        assert len(hints) == 9
        assert all(re.search(r"[A-Z_]{6,}", hint) for hint in hints)

    @pytest.mark.parametrize("change", ["DEBUG=true", "HTTPS_ONLY=false"])
    def test_djangos_own_checks_are_reported(self, tmp_path, change):
        done = check(tmp_path, **dict([change.split("=")]))

        found = {"security.W004", "security.W008"}  # no HSTS, no redirect
        if change == "DEBUG=true":
            found |= {"security.W010", "security.W018", "praxis.W005"}
        assert (done.returncode, left_open(done)) == (1, found)


@pytest.fixture
def production(monkeypatch):
    """`production(NAME="value")`: what our checks find where the environment says so."""

    monkeypatch.delenv("WORKFORCE_PASSWORD_MIN_LENGTH")  # the tests' own

    def found(**changes):
        for name, value in {"HTTPS_ONLY": "true", **DOCUMENTED, **changes}.items():
            monkeypatch.setenv(name, value)
        ring = {1: bytes(range(32))}
        monkeypatch.setattr(
            "config.checks.settings",
            SimpleNamespace(
                ALLOWED_HOSTS=env.names("ALLOWED_HOSTS", ()),
                TRUSTED_PROXIES=env.networks("TRUSTED_PROXIES"),
                HTTPS_ONLY=env.flag("HTTPS_ONLY", default=True),
                CORS_ALLOWED_ORIGINS=env.origins("CORS_ALLOWED_ORIGINS", ()),
                PRACTICE_SIGNUP=env.flag("PRACTICE_SIGNUP", default=False),
                PASSWORD_MIN_LENGTH=env.number("PASSWORD_MIN_LENGTH", 12),
                WORKFORCE_PASSWORD_MIN_LENGTH=env.number("WORKFORCE_PASSWORD_MIN_LENGTH", 12),
                PAYMENTS_PROVIDER="",
                IDLE_LOGOFF_MINUTES=env.number("IDLE_LOGOFF_MINUTES", 15, minimum=0),
                DATABASES={"default": {"OPTIONS": {}, **env.database("DATABASE_URL", "")}},
                REDIS_URL=env.redis_url("REDIS_URL"),
                LOCAL_HOSTS=env.names("LOCAL_HOSTS", ()),
                EMAIL_BACKEND=env.mail("EMAIL_URL", "")["EMAIL_BACKEND"],
                VIRUS_SCAN_URL=env.virus_scanner("VIRUS_SCAN_URL", ""),
                FILES_S3_ENDPOINT_URL=env.text("FILES_S3_ENDPOINT_URL"),
                SITE_URL=env.origins("SITE_URL", ("http://localhost:8000",))[0],
                SECRET_KEY=env.text("SECRET_KEY"),
                SEARCH_INDEX_KEY=env.text("SEARCH_INDEX_KEY"),
                FIELD_ENCRYPTION_KEYS=ring,
                BACKUP_KEY={1: bytes(range(2, 34))},
                BACKUP_TARGET=env.text("BACKUP_TARGET"),
                AUDIT_KEYS=ring if changes.get("AUDIT_KEYS") == "the same" else {1: bytes(range(1, 33))},
            ),
        )
        messages = check_settings(None)
        assert not any("s3cret" in message.msg + message.hint for message in messages)
        return {message.id for message in messages}

    return found


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ""),
        ({"ALLOWED_HOSTS": "*"}, "W001"),
        ({"ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]"}, "W002"),
        ({"TRUSTED_PROXIES": ""}, "W003"),
        ({"TRUSTED_PROXIES": "", "HTTPS_ONLY": "false"}, ""),  # Django asks for the redirect itself
        ({"CORS_ALLOWED_ORIGINS": "https://app.example.org,http://app.example.org"}, "W004"),
        ({"CORS_ALLOWED_ORIGINS": "http://localhost:5173"}, "W004"),
        ({"CORS_ALLOWED_ORIGINS": "capacitor://localhost,https://localhost"}, ""),
        ({"PRACTICE_SIGNUP": "true"}, "W005"),
        ({"PASSWORD_MIN_LENGTH": "7"}, "W006"),
        ({"PASSWORD_MIN_LENGTH": "8"}, ""),
        ({"WORKFORCE_PASSWORD_MIN_LENGTH": "11"}, "W025"),
        ({"IDLE_LOGOFF_MINUTES": "0"}, "W007"),
        ({"DATABASE_URL": "sqlite:///praxis.sqlite3"}, "W008"),
        *(
            ({"DATABASE_URL": POSTGRESQL.format("db.example.org", query)}, "W009")
            for query in ("", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=disable")
        ),
        *(({"DATABASE_URL": POSTGRESQL.format(host, "")}, "") for host in ("localhost", "127.0.0.1:5433", "[::1]")),
        ({"DATABASE_URL": "postgresql:////run/postgresql/praxis"}, ""),
        ({"DATABASE_URL": POSTGRESQL.format("database", ""), "LOCAL_HOSTS": "cache,database"}, ""),
        ({"REDIS_URL": ""}, "W010"),
        ({"REDIS_URL": REDIS.format("", "cache.example.org", "")}, "W011"),
        ({"REDIS_URL": REDIS.format("", "cache", ""), "LOCAL_HOSTS": "cache"}, ""),
        ({"REDIS_URL": REDIS.format("", "127.0.0.1", "")}, ""),
        ({"REDIS_URL": "unix:///run/redis.sock"}, ""),
        ({"REDIS_URL": REDIS.format("s", "cache.example.org", "?ssl_cert_reqs=none")}, "W012"),
        ({"REDIS_URL": REDIS.format("s", "cache.example.org", "?ssl_check_hostname=false")}, "W012"),
        ({"SEARCH_INDEX_KEY": "the same", "SECRET_KEY": "the same"}, "W013"),
        ({"AUDIT_KEYS": "the same"}, "W013"),
        ({"EMAIL_URL": ""}, "W014"),
        ({"EMAIL_URL": "consolemail://"}, "W014"),  # whoever reads the log could use the links
        ({"SITE_URL": "http://praxis.example.org"}, "W015"),
        ({"SITE_URL": ""}, "W015"),
        ({"VIRUS_SCAN_URL": ""}, "W016"),
        ({"VIRUS_SCAN_URL": "eicar-only://"}, "W016"),
        ({"VIRUS_SCAN_URL": "tcp://localhost:3310"}, ""),
        ({"VIRUS_SCAN_URL": "tcp://clamav.example.org:3310"}, "W017"),
        ({"VIRUS_SCAN_URL": "tcp://clamav:3310", "LOCAL_HOSTS": "clamav"}, ""),
        ({"FILES_S3_ENDPOINT_URL": "http://minio.example.org:9000"}, "W018"),
        ({"FILES_S3_ENDPOINT_URL": "http://minio:9000", "LOCAL_HOSTS": "minio"}, ""),
        ({"FILES_S3_ENDPOINT_URL": "https://minio.example.org"}, ""),
        ({"BACKUP_TARGET": ""}, "W028"),
    ],
    ids=str,
)
def test_insecure_settings_are_named(production, changes, found):
    assert production(**changes) == ({f"praxis.{found}"} if found else set())


def database_findings() -> dict[str, str]:
    found = checks.run_checks(tags=[checks.Tags.database], include_deployment_checks=True, databases=["default"])
    return {message.id: message.msg for message in found if message.id.startswith("praxis.")}


def test_demo_accounts_are_named(make_user):
    before = database_findings()
    make_user("admin", email=SIGN_INS[0].email)

    assert "praxis.W021" not in before
    assert SIGN_INS[0].email in database_findings()["praxis.W021"]
    assert DEMO_PASSWORD not in str(database_findings())


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "passes"), [("NOBYPASSRLS", False), ("BYPASSRLS", True), ("SUPERUSER", True)])
def test_database_role_that_passes_by_row_level_security_is_named(kind, passes):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE NONE")
        cursor.execute(f"CREATE ROLE praxis_checked {kind}")  # gone with the test's transaction
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO praxis_checked")
        cursor.execute("SET LOCAL ROLE praxis_checked")

    found = database_findings()

    assert ("praxis.W022" in found) is passes
    assert "praxis.W020" not in found


@pytest.mark.django_db
def test_database_that_does_not_answer_is_named(monkeypatch):
    def refuse(email):
        raise DatabaseError(f"no row for {email}")

    monkeypatch.setattr(User.all_practices, "with_email", refuse)

    assert database_findings()["praxis.W020"] == "The database could not be checked: DatabaseError."


def test_superuser_is_asked_for_a_second_factor(superuser, make_user):
    """Also by the command without `--database`."""
    make_user("admin")  # their practice may require one
    (found,) = check_superusers(None)
    assert (found.id, found.msg) == ("praxis.W024", "Platform superusers who sign in with a password alone: 1.")
    assert "authenticator app" in found.hint

    Passkey.objects.create(user=superuser, name="Key", credential_id=b"key", public_key=b"key")
    assert check_superusers(None) == []
    Passkey.objects.all().delete()
    Authenticator.objects.create(user=superuser, secret=new_secret(), created_at=timezone.now())
    assert check_superusers(None) != []  # not confirmed yet
    Authenticator.objects.update(confirmed_at=timezone.now())
    assert check_superusers(None) == []
    Authenticator.objects.all().delete()
    User.all_practices.filter(pk=superuser.pk).update(is_active=False)
    assert check_superusers(None) == []
