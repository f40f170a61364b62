"""Typed readers for environment variables; a bad value raises one sentence that says how to fix it."""

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from core.encryption import key_file

BASE_DIR = Path(__file__).resolve().parent.parent
MAKE_SECRET = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
MAKE_KEY = "python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465, "consolemail": 0, "dummymail": 0}  # 0: no server
SENDGRID, TWILIO = "sendgrid", "twilio"
STRIPE_KEY = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9]{8,240}")
SMS_SENDER = re.compile(r"\+[1-9]\d{6,14}|MG[0-9a-f]{32}|[A-Za-z0-9 ]{1,11}")  # a number, a service, a name
TRUE_WORDS, FALSE_WORDS = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}

OWN_ENGINES = {
    "django.db.backends.postgresql": "core.tenancy.postgresql",
    "django.db.backends.sqlite3": "core.database.sqlite",
}
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")

_env = environ.Env()
_files: dict[str, str] = {}  # kept out of the environment, which child processes inherit


def load_dotenv() -> None:
    """Read `.env`, or the file that ENV_FILE names (none if it is empty), and the folders of secrets. The environment
    takes precedence, and `.env` over the folders."""
    path = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
    if path and Path(path).is_file():
        environ.Env.read_env(path, overwrite=False)
    _files.clear()
    for folder in reversed(os.environ.get("SECRETS_DIR", "").split(os.pathsep)):
        if folder:
            _files.update(_read_secrets(Path(folder)))


def _read_secrets(folder: Path) -> dict[str, str]:
    """A folder as Docker, Kubernetes and systemd mount it: each file is a variable, named after it."""
    try:
        found = [path for path in folder.iterdir() if VARIABLE.fullmatch(path.name) and path.is_file()]
        return {path.name: path.read_text().strip() for path in found}
    except OSError as error:
        raise ImproperlyConfigured(f"SECRETS_DIR cannot be read ({error.filename}): {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"SECRETS_DIR has a file that is not text ({folder}).") from error


def text(name: str, default: str = "") -> str:
    given = str(_env.str(name, default="")).strip() or _files.get(name, "")
    return given or str(_env.str(name, default=default)).strip()


def flag(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value not in TRUE_WORDS | FALSE_WORDS:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in TRUE_WORDS


def number(name: str, default: int, *, minimum: int = 1) -> int:
    value = text(name) or str(default)
    if not value.isascii() or not value.isdigit() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {minimum}, not {value!r}.")
    return int(value)


def choice(name: str, default: str, *, allowed: tuple[str, ...]) -> str:
    value = text(name) or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def names(name: str, default: tuple[str, ...]) -> list[str]:
    """A comma-separated list."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks. A network of all addresses is rejected: what is named here is trusted."""
    found: list[IPv4Network | IPv6Network] = []
    for value in names(name, ()):
        network = _network(value)
        if network is None:
            raise ImproperlyConfigured(
                f"{name} must hold addresses or networks of your own proxies, such as 10.0.0.2 or 172.18.0.0/16, "
                f"not {value!r}."
            )
        found.append(network)
    return found


def secret(name: str, *, min_bytes: int = 32) -> str:
    """A secret of at least `min_bytes` bytes that does not look like a placeholder."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. Make one with: {MAKE_SECRET}")
    if len(value.encode()) < min_bytes or len(set(value)) < 12:
        raise ImproperlyConfigured(
            f"{name} is too weak: it needs at least {min_bytes} random characters. Make one with: {MAKE_SECRET}"
        )
    return value


def numbers(name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """As many whole numbers as the default has, separated by commas; not all zero."""
    found = tuple(int(part) for part in names(name, tuple(map(str, default))) if part.isascii() and part.isdigit())
    if len(found) != len(default) or not any(found):
        raise ImproperlyConfigured(
            f"{name} must hold {len(default)} whole numbers such as {','.join(map(str, default))}."
        )
    return found


def optional_secret(name: str) -> str:
    """The same; empty if it is not set."""
    return secret(name) if text(name) else ""


def encryption_keys(name: str, *, file: Path | None = None, required: bool = True) -> key_file.KeyRing:
    """The key ring (core/encryption/key_file.py), newest first, from the variable or its `<name>_FILE`."""
    source = f"{name}_FILE" if file else name
    if file and text(name):
        raise ImproperlyConfigured(f"{name} and {source} are both set; remove one of them.")
    try:
        keys = key_file.parse(file.read_text() if file else text(name))
    except OSError as error:
        raise ImproperlyConfigured(f"{source} cannot be read ({file}): {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{source} is not a text file ({file}).") from error
    except key_file.InvalidKeyFile as error:
        raise ImproperlyConfigured(f"{source} {error} Make a key with: {MAKE_KEY}") from error
    if not keys and file:
        raise ImproperlyConfigured(f"{source} is empty ({file}). Set it to '1:' and a key made with: {MAKE_KEY}")
    if not keys and required:
        raise ImproperlyConfigured(f"{name} is not set. Set it to '1:' and a key made with: {MAKE_KEY}")
    return keys


def file(name: str) -> Path | None:
    """A path, relative to the folder of manage.py unless absolute."""
    value = text(name)
    return BASE_DIR / value if value else None


def database(name: str, default: str) -> dict[str, object]:
    value = text(name) or default
    if not value.startswith(("postgresql://", "postgres://", "sqlite:///")):  # django-environ would only warn
        raise ImproperlyConfigured(f"{name} must begin with postgresql:// or sqlite:///.")
    try:
        config = dict(environ.Env.db_url_config(value))
    except Exception as error:  # django-environ raises several kinds for an odd URL
        raise ImproperlyConfigured(f"{name} is not a database URL such as postgresql://user:pass@host/name.") from error
    config["ENGINE"] = OWN_ENGINES[str(config["ENGINE"])]
    return config


def redis_url(name: str) -> str:
    """Empty, or the address of a Redis server. A bad value is not quoted in the error: it may hold a password."""
    value = text(name)
    parts = _split(value)
    is_server = parts.scheme in ("redis", "rediss") and parts.hostname
    is_socket = parts.scheme == "unix" and parts.path.startswith("/")
    if value and not is_server and not is_socket:
        raise ImproperlyConfigured(
            f"{name} must be the address of a Redis server such as redis://localhost:6379/0 (or rediss://, or unix:///path)."
        )
    return value


def mail(name: str, default: str) -> dict[str, object]:
    """Django's EMAIL_ settings from a mail server's URL; without one, nothing is sent. A bad value is not quoted in the
    error: it may hold a password."""
    value = text(name) or default or "dummymail://"
    parts = _split(value)
    if parts.scheme == SENDGRID and parts.password:
        return {
            "EMAIL_BACKEND": "integrations.email.sendgrid.EmailBackend",
            "SENDGRID_API_KEY": unquote(parts.password),
        }
    if parts.scheme not in MAIL_PORTS or (MAIL_PORTS[parts.scheme] and not parts.hostname):
        raise ImproperlyConfigured(
            f"{name} must be the address of a mail server such as smtp+tls://user:pass@mail.example.org:587 (or "
            "smtp+ssl://, smtp://), sendgrid://apikey:KEY@ for SendGrid, or consolemail:// to print emails instead of "
            "sending them."
        )
    read = environ.Env.email_url_config(value)
    return {**read, "EMAIL_PORT": read["EMAIL_PORT"] or MAIL_PORTS[parts.scheme]}


def sms(name: str, default: str, *, sender: str) -> dict[str, str]:
    """The provider of text messages and its credentials; without one, none are sent. A bad value is not quoted."""
    value = text(name) or default
    parts = _split(value)
    is_twilio = parts.scheme == TWILIO and parts.username and parts.password
    if value and not is_twilio and value != "console://":
        raise ImproperlyConfigured(
            f"{name} must be twilio://ACCOUNT_SID:AUTH_TOKEN@ or console:// to print text messages instead of sending "
            "them."
        )
    if is_twilio and not SMS_SENDER.fullmatch(text(sender)):
        raise ImproperlyConfigured(
            f"{sender} must be the number that text messages come from, such as +15005550006, or the SID of a "
            "messaging service."
        )
    return {"provider": parts.scheme, "account": unquote(parts.username or ""), "token": unquote(parts.password or "")}


def payments(name: str, default: str, *, debug: bool) -> dict[str, Any]:
    """The provider of online payments and its key; without one, there are none. A key of Stripe says itself whether it
    is for tests or for real money. A bad value is not quoted."""
    value = text(name) or default
    parts = _split(value)
    key = STRIPE_KEY.fullmatch(unquote(parts.username or "")) if parts.scheme == "stripe" else None
    if value and key is None and value != "console://":
        raise ImproperlyConfigured(
            f"{name} must be stripe://sk_live_...@ (sk_test_... for tests) or console:// to play payments instead of "
            "making them."
        )
    if value == "console://" and not debug:
        raise ImproperlyConfigured(f"{name}=console:// lets anybody pay with nothing: only with DEBUG=true.")
    is_live = key is not None and key[1] == "live"
    if is_live and debug:
        raise ImproperlyConfigured(f"{name} is a live key, which takes real money: not with DEBUG=true.")
    return {"provider": parts.scheme, "key": key[0] if key else "", "live": is_live}


def virus_scanner(name: str, default: str) -> str:
    """Empty, the address of ClamAV's daemon, or eicar-only://, which finds only the test string
    (integrations/virus_scan/)."""
    value = text(name) or default
    parts = _split(value)
    is_server = parts.scheme == "tcp" and parts.hostname and not parts.path.strip("/")
    is_socket = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")
    if value and not is_server and not is_socket and value != "eicar-only://":
        raise ImproperlyConfigured(
            f"{name} must be the address of ClamAV's clamd such as tcp://localhost:3310 or "
            "unix:///run/clamav/clamd.ctl (or, for development, eicar-only://, which only finds the test string)."
        )
    return value


def origins(name: str, default: tuple[str, ...]) -> list[str]:
    """Origins as browsers send them: scheme and host in lower case, and the port unless it is the scheme's default."""
    values = names(name, default)
    for value in values:
        parts = _split(value)
        if not parts.scheme or not parts.hostname or value != f"{parts.scheme}://{parts.netloc.lower()}":
            raise ImproperlyConfigured(
                f"{name} must hold origins such as https://app.example.org or http://localhost:5173, without a path "
                f"or trailing slash, not {value!r}."
            )
    return values


def _network(value: str) -> IPv4Network | IPv6Network | None:
    try:
        network = ip_network(value)
    except ValueError:
        return None
    return network if network.prefixlen else None


def _split(url: str) -> SplitResult:
    """The parts of a URL; empty parts if it is invalid, for example because the port is not a number."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed only on access
    except ValueError:
        return urlsplit("")
    return parts
