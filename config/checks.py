"""What is left open is said in a sentence by `manage.py check --deploy`, with how to mend it; what the database holds,
with `--database default`."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError, connection

from accounts.models import User
from core.row_security import search_uses_its_index
from core.tenancy import installation_scope
from dashboard.demo.clinic import SIGN_INS

THIS_MACHINE = {"", "localhost", "127.0.0.1", "::1", "[::1]"}
LEAST_PASSWORD = 8  # NIST SP 800-63B, 5.1.1.2
CHECKED = "verify-full"  # of libpq's ways the one that knows whom it talks to
POSTGRESQL = "core.postgresql"
NO_SCANNER = ("", "eicar-only://")
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@register(Tags.security, deploy=True)
def check_what_is_left_open(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    return [*_doors(), *_people(), *_services(), *_mail(), *_files(), *_secrets()]


@register(Tags.database, deploy=True)
def check_what_the_database_holds(app_configs: Any, databases: Any = None, **kwargs: Any) -> Sequence[CheckMessage]:
    if not databases:
        return []
    try:
        return [*_demo(), *_role()]
    except DatabaseError as error:
        told = f"The database could not be asked: {type(error).__name__}."
        return [_open(20, told, "Look at DATABASE_URL, and whether manage.py migrate has run.")]


def _open(number: int, sentence: str, hint: str) -> CheckMessage:
    return checks.Warning(sentence, hint=hint, id=f"praxis.W{number:03}")


def _doors() -> Iterator[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        yield _open(1, "Praxis answers under any name.", "Name the public one in ALLOWED_HOSTS.")
    elif not set(settings.ALLOWED_HOSTS) - THIS_MACHINE:
        yield _open(2, "Praxis answers under names of this machine alone.", "Add the public one to ALLOWED_HOSTS.")
    if settings.HTTPS_ONLY and not settings.TRUSTED_PROXIES:
        yield _open(
            3,
            "Every request would be sent on to HTTPS without end: no proxy is believed that it came that way.",
            "Name the addresses of the proxy that ends TLS in TRUSTED_PROXIES.",
        )
    plain = [origin for origin in settings.CORS_ALLOWED_ORIGINS if urlsplit(origin).scheme == "http"]
    if plain:
        yield _open(
            4,
            f"Pages that come without TLS may call the API as the user: {', '.join(plain)}.",
            "Set CORS_ALLOWED_ORIGINS to https:// origins of your own.",
        )


def _people() -> Iterator[CheckMessage]:
    if settings.PRACTICE_SIGNUP:
        yield _open(5, "Anybody may open a practice here.", "Set PRACTICE_SIGNUP to false.")
    if settings.PASSWORD_MIN_LENGTH < LEAST_PASSWORD:
        least = settings.PASSWORD_MIN_LENGTH
        yield _open(
            6, f"Passwords of {least} characters are taken.", f"Set PASSWORD_MIN_LENGTH to {LEAST_PASSWORD} or more."
        )
    if not settings.IDLE_LOGOFF_MINUTES:
        yield _open(
            7, "Nobody is signed out of a desk that was left (45 CFR 164.312(a)(2)(iii)).", "Set IDLE_LOGOFF_MINUTES."
        )


def _services() -> Iterator[CheckMessage]:
    database: dict[str, Any] = settings.DATABASES["default"]
    if database["ENGINE"] != POSTGRESQL:
        yield _open(
            8, "SQLite has no row-level security below the application.", "Set DATABASE_URL to a PostgreSQL server."
        )
    elif not _is_local(database.get("HOST", "")) and database["OPTIONS"].get("sslmode") != CHECKED:
        yield _open(
            9,
            f"The way to the database on {database['HOST']} is not secured by TLS that checks whom it leads to.",
            f"Add ?sslmode={CHECKED}&sslrootcert=/path/to/ca.pem to DATABASE_URL, or, where the way never leaves this "
            "machine, the host to LOCAL_HOSTS.",
        )
    redis = urlsplit(settings.REDIS_URL)
    if not settings.REDIS_URL:
        yield _open(10, "Without Redis a restart forgets who is locked out.", "Set REDIS_URL.")
    elif redis.scheme == "redis" and not _is_local(redis.hostname or ""):
        yield _open(
            11,
            f"The way to Redis on {redis.hostname} is not secured by TLS.",
            "Begin REDIS_URL with rediss://, or, where the way never leaves this machine, add the host to LOCAL_HOSTS.",
        )
    elif "ssl_cert_reqs=none" in redis.query.lower() or "ssl_check_hostname=false" in redis.query.lower():
        yield _open(
            12, "Redis is not asked for its certificate.", "Set ssl_cert_reqs=required in REDIS_URL, or leave it out."
        )


def _mail() -> Iterator[CheckMessage]:
    if settings.EMAIL_BACKEND != SMTP:
        yield _open(
            14,
            "No mail server is set: who has forgotten their password gets no link, and no office manager an alert.",
            "Set EMAIL_URL to smtp+tls://user:password@host:587 or the like.",
        )
    if urlsplit(settings.SITE_URL).scheme != "https":
        yield _open(
            15, f"The links in e-mails lead to {settings.SITE_URL}.", "Set SITE_URL to the https:// address of Praxis."
        )


def _files() -> Iterator[CheckMessage]:
    scanner = urlsplit(settings.VIRUS_SCAN_URL)
    if settings.VIRUS_SCAN_URL in NO_SCANNER:
        yield _open(
            16,
            "No virus scanner is set: uploads stay quarantined, or with eicar-only:// are not scanned.",
            "Set VIRUS_SCAN_URL to the address of ClamAV's clamd, tcp://host:3310 or unix:///path.",
        )
    elif not _is_local(scanner.hostname or ""):
        yield _open(
            17,
            f"Patients' files go to the virus scanner on {scanner.hostname} in clear: clamd knows no TLS.",
            "Run clamd beside Praxis, or, where the way never leaves this machine, add the host to LOCAL_HOSTS.",
        )
    storage = urlsplit(settings.FILES_S3_ENDPOINT_URL)
    if storage.scheme == "http" and not _is_local(storage.hostname or ""):
        yield _open(
            18,
            f"The way to the file storage on {storage.hostname} is not secured by TLS.",
            "Begin FILES_S3_ENDPOINT_URL with https://, or, where the way never leaves this machine, add the host to "
            "LOCAL_HOSTS.",
        )


def _is_local(host: str) -> bool:
    return host.startswith("/") or host in THIS_MACHINE or host in settings.LOCAL_HOSTS


def _secrets() -> Iterator[CheckMessage]:
    fields, trail = settings.FIELD_ENCRYPTION_KEYS, settings.AUDIT_KEYS
    if settings.SECRET_KEY == settings.SEARCH_INDEX_KEY or set(fields.values()) & set(trail.values()):
        yield _open(
            13,
            "One secret does the work of two: who learns the one has the other.",
            "SECRET_KEY, SEARCH_INDEX_KEY, FIELD_ENCRYPTION_KEYS and AUDIT_KEYS: make each by itself (.env.example).",
        )


def _demo() -> Iterator[CheckMessage]:
    with installation_scope():
        known = [one.email for one in SIGN_INS if User.sign_in.with_email(one.email)]
    if known:
        yield _open(
            21,
            f"People of the demo, whose password everybody knows, may sign in: {', '.join(known)}.",
            "Serve practices from a database that manage.py seed was never run on.",
        )


def _role() -> Iterator[CheckMessage]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, passes = cursor.fetchone()
        finds = search_uses_its_index(cursor)
    if passes:
        yield _open(
            22,
            f"The database's role {name} passes by row-level security.",
            "Serve as the role that manage.py setup_database_roles makes.",
        )
    if not finds:
        yield _open(
            23,
            "Each search reads all charts of the practice: its index cannot be used under row-level security.",
            "Run manage.py setup_database_roles --apply once as a superuser; a restored database needs it anew.",
        )
