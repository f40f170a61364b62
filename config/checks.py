"""Deployment checks: `manage.py check --deploy` warns of each insecure setting and how to fix it, and with `--database
default` of what is in the database."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.text import capfirst

from accounts.models import User
from accounts.second_factor_challenge import HAS_SECOND_FACTOR
from core.backups.runs import last_backup
from core.database.probe import why_unreachable
from core.tenancy.row_level_security import can_search_use_index
from core.tenancy.scope import installation_scope
from demo.clinic import SIGN_INS

THIS_MACHINE = {"", "localhost", "127.0.0.1", "::1", "[::1]"}
BACKUP_WITHIN = timedelta(hours=26)  # a day, and what the backup itself may take
MIN_PASSWORD_LENGTH = 8  # NIST SP 800-63B, 5.1.1.2
MIN_WORKFORCE_PASSWORD_LENGTH = 12
VERIFIED_TLS = "verify-full"  # the only sslmode of libpq that verifies the server's name
POSTGRESQL = "core.tenancy.postgresql"
NO_SCANNER = ("", "eicar-only://")
SMTP = "django.core.mail.backends.smtp.EmailBackend"
SENDGRID = "integrations.email.sendgrid.EmailBackend"


@register(Tags.security, deploy=True)
def check_settings(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    return [*_addresses(), *_people(), *_services(), *_mail(), *_files(), *_secrets(), *_backups()]


@register(Tags.database)
def check_reachable(app_configs: Any, databases: Any = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """Fail `manage.py check --database default` while the database cannot be reached; Django's own checks pass."""
    reasons = [why_unreachable(alias) for alias in databases or ()]
    hint = "Check DATABASE_URL, and that the database is running."
    return [checks.Error(capfirst(reason) + ".", hint=hint, id="praxis.E001") for reason in reasons if reason]


@register(Tags.database, deploy=True)
def check_database(app_configs: Any, databases: Any = None, **kwargs: Any) -> Sequence[CheckMessage]:
    if not databases:
        return []
    try:
        return [*_demo(), *_role(), *_last_backup()]
    except DatabaseError as error:
        message = f"The database could not be checked: {type(error).__name__}."
        return [_warning(20, message, "Check DATABASE_URL, and that manage.py migrate has run.")]


@register(Tags.security, deploy=True)
def check_superusers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Ask for the second factor of the platform's superusers, whom no practice can require it of."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return []  # to ask it would make the file
    try:
        with installation_scope():
            superusers = User.all_practices.filter(is_superuser=True, is_active=True)
            unprotected = superusers.exclude(HAS_SECOND_FACTOR).count()
    except (DatabaseError, ImproperlyConfigured):
        return []  # no database where the check runs, or no tables yet; `--database default` says so
    if not unprotected:
        return []
    return [
        _warning(
            24,
            f"Platform superusers who sign in with a password alone: {unprotected}.",
            "Sign in to the admin site as the superuser and set up an authenticator app or a passkey there.",
        )
    ]


def _warning(number: int, message: str, hint: str) -> CheckMessage:
    return checks.Warning(message, hint=hint, id=f"praxis.W{number:03}")


def _addresses() -> Iterator[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        yield _warning(1, "Praxis answers requests for any host name.", "Set ALLOWED_HOSTS to the public host name.")
    elif not set(settings.ALLOWED_HOSTS) - THIS_MACHINE:
        yield _warning(2, "Praxis answers only to local host names.", "Add the public host name to ALLOWED_HOSTS.")
    if settings.HTTPS_ONLY and not settings.TRUSTED_PROXIES:
        yield _warning(
            3,
            "Every request would be redirected to HTTPS in a loop: no proxy is trusted to report HTTPS.",
            "Set TRUSTED_PROXIES to the addresses of the proxy that terminates TLS.",
        )
    plain = [origin for origin in settings.CORS_ALLOWED_ORIGINS if urlsplit(origin).scheme == "http"]
    if plain:
        yield _warning(
            4,
            f"Pages served without TLS may call the API as the signed-in user: {', '.join(plain)}.",
            "Set CORS_ALLOWED_ORIGINS to your own https:// origins.",
        )


def _people() -> Iterator[CheckMessage]:
    if settings.PRACTICE_SIGNUP:
        yield _warning(5, "Anyone can create a practice here.", "Set PRACTICE_SIGNUP to false.")
    if settings.PASSWORD_MIN_LENGTH < MIN_PASSWORD_LENGTH:
        yield _warning(
            6,
            f"Patients' passwords may be as short as {settings.PASSWORD_MIN_LENGTH} characters.",
            f"Set PASSWORD_MIN_LENGTH to {MIN_PASSWORD_LENGTH} or more.",
        )
    if settings.WORKFORCE_PASSWORD_MIN_LENGTH < MIN_WORKFORCE_PASSWORD_LENGTH:
        yield _warning(
            25,
            f"Passwords that open every chart may be as short as {settings.WORKFORCE_PASSWORD_MIN_LENGTH} characters.",
            f"Set WORKFORCE_PASSWORD_MIN_LENGTH to {MIN_WORKFORCE_PASSWORD_LENGTH} or more.",
        )
    if not settings.IDLE_LOGOFF_MINUTES:
        yield _warning(7, "Idle users are never signed out (45 CFR 164.312(a)(2)(iii)).", "Set IDLE_LOGOFF_MINUTES.")


def _payments() -> Iterator[CheckMessage]:
    if settings.PAYMENTS_PROVIDER != "stripe":
        return
    if not settings.PAYMENTS_LIVE:
        yield _warning(26, "Online payments are tests: nobody is charged.", "Set PAYMENTS_URL to a live key of Stripe.")
    if not settings.STRIPE_WEBHOOK_SECRET:
        yield _warning(
            27,
            "What is paid online is not booked: Stripe's calls can't be verified.",
            "Set STRIPE_WEBHOOK_SECRET to the signing secret of the webhook.",
        )


def _services() -> Iterator[CheckMessage]:
    database: dict[str, Any] = settings.DATABASES["default"]
    if database["ENGINE"] != POSTGRESQL:
        yield _warning(8, "SQLite has no row-level security.", "Set DATABASE_URL to a PostgreSQL server.")
    elif not _is_local(database.get("HOST", "")) and database["OPTIONS"].get("sslmode") != VERIFIED_TLS:
        yield _warning(
            9,
            f"The connection to the database on {database['HOST']} does not use TLS that verifies the server.",
            f"Add ?sslmode={VERIFIED_TLS}&sslrootcert=/path/to/ca.pem to DATABASE_URL, or, if the connection never "
            "leaves this machine, add the host to LOCAL_HOSTS.",
        )
    yield from _payments()
    redis = urlsplit(settings.REDIS_URL)
    if not settings.REDIS_URL:
        yield _warning(10, "Without Redis, lockouts are lost at each restart.", "Set REDIS_URL.")
    elif redis.scheme == "redis" and not _is_local(redis.hostname or ""):
        yield _warning(
            11,
            f"The connection to Redis on {redis.hostname} does not use TLS.",
            "Use a rediss:// URL in REDIS_URL, or, if the connection never leaves this machine, add the host to "
            "LOCAL_HOSTS.",
        )
    elif "ssl_cert_reqs=none" in redis.query.lower() or "ssl_check_hostname=false" in redis.query.lower():
        yield _warning(
            12,
            "The certificate of Redis is not verified.",
            "Set ssl_cert_reqs=required in REDIS_URL.",
        )


def _mail() -> Iterator[CheckMessage]:
    if settings.EMAIL_BACKEND not in (SMTP, SENDGRID):
        yield _warning(
            14,
            "No mail server is set: no password reset links or alerts are sent.",
            "Set EMAIL_URL to smtp+tls://user:password@host:587, sendgrid://apikey:KEY@ or the like.",
        )
    if urlsplit(settings.SITE_URL).scheme != "https":
        yield _warning(
            15, f"Links in emails point to {settings.SITE_URL}.", "Set SITE_URL to the https:// address of Praxis."
        )


def _files() -> Iterator[CheckMessage]:
    scanner = urlsplit(settings.VIRUS_SCAN_URL)
    if settings.VIRUS_SCAN_URL in NO_SCANNER:
        yield _warning(
            16,
            "No virus scanner is set: uploads stay quarantined or, with eicar-only://, are not scanned.",
            "Set VIRUS_SCAN_URL to the address of ClamAV's clamd, tcp://host:3310 or unix:///path.",
        )
    elif not _is_local(scanner.hostname or ""):
        yield _warning(
            17,
            f"Patients' files are sent unencrypted to the virus scanner on {scanner.hostname}: clamd has no TLS.",
            "Run clamd on the same machine, or, if the connection never leaves this machine, add the host to "
            "LOCAL_HOSTS.",
        )
    storage = urlsplit(settings.FILES_S3_ENDPOINT_URL)
    if storage.scheme == "http" and not _is_local(storage.hostname or ""):
        yield _warning(
            18,
            f"The connection to the file storage on {storage.hostname} does not use TLS.",
            "Use an https:// URL in FILES_S3_ENDPOINT_URL, or, if the connection never leaves this machine, add the "
            "host to LOCAL_HOSTS.",
        )


def _is_local(host: str) -> bool:
    return host.startswith("/") or host in THIS_MACHINE or host in settings.LOCAL_HOSTS


def _secrets() -> Iterator[CheckMessage]:
    rings = (settings.FIELD_ENCRYPTION_KEYS, settings.AUDIT_KEYS, settings.BACKUP_KEY)
    secrets = [secret for ring in rings for secret in set(ring.values())]
    if settings.SECRET_KEY == settings.SEARCH_INDEX_KEY or len(set(secrets)) < len(secrets):
        yield _warning(
            13,
            "The same secret is used for two purposes.",
            "Use a different secret for each of SECRET_KEY, SEARCH_INDEX_KEY, FIELD_ENCRYPTION_KEYS, AUDIT_KEYS "
            "and BACKUP_KEY (.env.example).",
        )


def _backups() -> Iterator[CheckMessage]:
    if not settings.BACKUP_TARGET:
        yield _warning(
            28,
            "No daily backup is made.",
            "Set BACKUP_TARGET to a folder on another disk or to s3://bucket/prefix, and BACKUP_KEY.",
        )


def _last_backup() -> Iterator[CheckMessage]:
    last = last_backup() if settings.BACKUP_TARGET else None
    if not settings.BACKUP_TARGET or (last and last.ended_at > timezone.now() - BACKUP_WITHIN):
        return
    yield _warning(
        29,
        f"The last backup was made on {last.ended_at:%Y-%m-%d at %H:%M} UTC." if last else "No backup was made yet.",
        "Run manage.py backup, which says what is wrong, and see that manage.py worker is running.",
    )


def _demo() -> Iterator[CheckMessage]:
    with installation_scope():
        known = [one.email for one in SIGN_INS if User.all_practices.with_email(one.email)]
    if known:
        yield _warning(
            21,
            f"Demo accounts with a public password can sign in: {', '.join(known)}.",
            "Use a database that manage.py seed was never run on.",
        )


def _role() -> Iterator[CheckMessage]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, bypasses = cursor.fetchone()
        uses_index = can_search_use_index(cursor)
    if bypasses:
        yield _warning(
            22,
            f"The database role {name} bypasses row-level security.",
            "Connect as the role that manage.py setup_database_roles creates.",
        )
    if not uses_index:
        yield _warning(
            23,
            "Every search reads all charts of the practice: row-level security keeps it from using its index.",
            "Run manage.py setup_database_roles --apply once as a superuser, and again after a restore.",
        )
