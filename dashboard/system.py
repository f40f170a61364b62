"""How the installation is doing, for the platform's superuser: what runs, what it lacks, and what to do about it."""

import platform
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import django
import orjson
from django.conf import settings
from django.contrib import admin
from django.core import checks
from django.core.checks import Tags
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_safe

from audit.events import AuditEvent
from audit.models import Event
from core.admin.access_log import own_account_page
from core.api.health import OK, state
from core.backups import runs
from core.cache import redis_client
from core.errors import Sentence
from core.formats import format_datetime, format_size
from core.monitoring.gauges import key_age_seconds, last_backup, unsealed_seconds
from core.tenancy.scope import installation_scope
from notifications.jobs import status
from notifications.models import JobState

LATEST = 10  # backups, drills and restores
LOW_ON_SPACE = 0.1  # of the disk is left
UNSEALED_LATE = 900  # seconds


class Line(NamedTuple):
    name: Sentence
    value: Sentence
    is_bad: bool = False


class Finding(NamedTuple):
    message: str
    hint: str
    number: str


@require_safe
@own_account_page("what the installation runs with; it shows nobody")
def system_page(request: HttpRequest) -> HttpResponse:
    if not request.user.is_superuser:
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": gettext("System"),
        "parts": [
            (gettext("Checks"), [*_checks(), *_trail()]),
            (gettext("The worker"), _worker()),
            (gettext("Backups and keys"), [*_backups(), *_keys()]),
            (gettext("Latest backups, drills and restores"), _latest_backups()),
            (gettext("Storage"), _storage()),
            (gettext("Versions"), _versions()),
        ],
        "findings": findings(),
    }
    return TemplateResponse(request, "admin/system.html", context)


system_page.superuser_only = True  # type: ignore[attr-defined] # for menus (core/admin/needs.py)


def findings() -> list[Finding]:
    """Return what `manage.py check --deploy --database default` warns of."""
    found = checks.run_checks(
        tags=[Tags.security, Tags.database], include_deployment_checks=True, databases=["default"]
    )
    return [Finding(one.msg, one.hint or "", one.id or "") for one in found if not one.is_silenced()]


def _checks() -> list[Line]:
    names = {
        "database": gettext("Database"),
        "cache": gettext("Redis"),
        "migrations": gettext("Migrations"),
        "writing": gettext("Writing"),
    }
    fine, failing = gettext("works"), gettext("fails")
    return [Line(names[name], fine if is_ok == OK else failing, is_ok != OK) for name, is_ok in state().items()]


def _trail() -> list[Line]:
    age = unsealed_seconds()
    value = gettext("sealed") if age < UNSEALED_LATE else gettext("not sealed for %(time)s") % {"time": _how_long(age)}
    return [Line(gettext("Audit trail"), value, age >= UNSEALED_LATE)]


def _worker() -> list[Line]:
    late, numbers = status.lateness(), status.count_by_state()
    if late.seconds is None:
        lines = [Line(gettext("Schedule"), gettext("no worker has ever run"), True)]
    else:
        value = gettext("%(time)s late") % {"time": _how_long(late.seconds)} if late.is_late else gettext("on time")
        lines = [Line(gettext("Schedule"), value, late.is_late)]
    bad = numbers[JobState.FAILED] + numbers[JobState.UNCERTAIN]
    waiting = numbers[JobState.WAITING] + numbers[JobState.RUNNING]
    return [*lines, Line(gettext("Jobs waiting"), str(waiting)), Line(gettext("Jobs failed"), str(bad), bad > 0)]


def _backups() -> list[Line]:
    begun, tried = last_backup(), runs.last_drill()
    value = format_datetime(begun) if begun else gettext("unknown")
    is_old = begun is None or begun < timezone.now() - timedelta(hours=26)
    drill = format_datetime(tried.began_at) if tried else gettext("never")
    return [
        Line(gettext("Last backup"), value, is_old),
        Line(gettext("Last drill without a difference"), drill, tried is None),
    ]


@installation_scope()
def _latest_backups() -> list[Line]:
    """Return who made, tried and restored backups, from the audit trail."""
    return [_of_event(event) for event in runs.latest_events(LATEST)]


def _of_event(event: Event) -> Line:
    details = orjson.loads(event.details)
    is_bad = details["state"] != "done"
    told = {
        "what": AuditEvent(event.kind).label,
        "backup": details["backup"] or "-",
        "account": details["operator"],
        "command": event.agent,
    }
    sentence = gettext("%(what)s, %(backup)s, by %(account)s with %(command)s")
    failed = gettext("%(what)s, %(backup)s: failed, by %(account)s with %(command)s")
    return Line(format_datetime(event.at), (failed if is_bad else sentence) % told, is_bad)


def _keys() -> list[Line]:
    age = key_age_seconds()
    if age is None:
        return [Line(gettext("Encryption key"), gettext("age unknown"), True)]
    days = int(age // 86400)
    value = ngettext("%(number)d day old", "%(number)d days old", days) % {"number": days}
    return [Line(gettext("Encryption key"), value, days > 90)]


def _storage() -> list[Line]:
    lines = [Line(gettext("Database"), format_size(_database_bytes()))]
    if settings.FILES_S3_BUCKET:
        return [*lines, Line(gettext("Files"), gettext("bucket %(name)s") % {"name": settings.FILES_S3_BUCKET})]
    folder: Path = settings.FILES_DIR
    disk = shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists()))
    free = {"free": format_size(disk.free), "total": format_size(disk.total)}
    is_low = disk.free < LOW_ON_SPACE * disk.total
    return [*lines, Line(gettext("Disk of the files"), gettext("%(free)s of %(total)s free") % free, is_low)]


def _database_bytes() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def _versions() -> list[Line]:
    return [
        Line("Python", platform.python_version()),
        Line("Django", django.get_version()),
        Line(connection.display_name, _database_version()),
        *([Line("Redis", _redis_version())] if redis_client.configured() else []),
    ]


def _database_version() -> str:
    return ".".join(map(str, connection.get_database_version()))


def _redis_version() -> str:
    try:
        told: Any = redis_client.call(lambda client: client.info("server"))
    except (redis_client.RedisDown, DatabaseError):
        return gettext("unknown")
    return str(told.get("redis_version", ""))


def _how_long(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 120:
        return ngettext("%(number)d minute", "%(number)d minutes", minutes) % {"number": minutes}
    hours = minutes // 60
    return ngettext("%(number)d hour", "%(number)d hours", hours) % {"number": hours}
