"""What changed since somebody last asked, in the order of the changes (docs/adr/0038).

The database numbers each change of a visit under a lock of the practice that is held until the change is committed, so
nothing is ever committed below a number that was read. A cursor is the number up to which somebody has read.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db.models import BooleanField, ExpressionWrapper, Max, Min, Q, Value
from django.utils import timezone
from django.utils.translation import ngettext

from accounts.models import User
from appointments.models import Appointment, AppointmentQuerySet
from core.api.pagination import UNKNOWN_CURSOR
from core.errors import Invalid

# A change that was on its way at the moment that somebody names tells an earlier one once it is committed. No
# transaction of a request lasts so long.
ON_ITS_WAY = timedelta(minutes=1)
_signer = Signer(salt="cursor:appointments.changes")


class Changes(NamedTuple):
    """A page of changes: `rows` match what is asked for, `deleted` are gone, and `removed` do not match, or no longer.
    `next` is the cursor to ask with the next time, whether or not there is more by now."""

    rows: list[Appointment]
    deleted: list[Appointment]
    removed: list[Appointment]
    total: int
    next: str


def changed_since(
    by: User,
    *columns: str,
    since: datetime,
    cursor: str | None = None,
    limit: int,
    start: datetime | None = None,
    end: datetime | None = None,
    **equal: Any,
) -> Changes:
    """Return what was added, changed or deleted after the cursor, else since the moment, with these columns. Of a visit
    that changed twice there is the last state. What a visit was before is not kept, so `removed` has what matched once
    and what never did. One query if nothing changed in the practice. Raises Invalid for a cursor of something else, and
    for asking further back than deleted visits are kept."""
    after = number_of(cursor) if cursor else None
    last = last_number()  # before the rows: what comes now is above it
    if after is None:
        after = _number_before(since, last)
    if after == last:
        return Changes([], [], [], 0, cursor_of(last))
    asked = {**equal, "starts_at__gte": start, "starts_at__lt": end}
    conditions = Q(**{name: value for name, value in asked.items() if value is not None})
    found: AppointmentQuerySet = Appointment.with_deleted.visible_to(by).filter(change_number__gt=after)
    shown = found.with_shown_people(*columns, "change_number", "deletion__created_at").select_related("deletion")
    matches = ExpressionWrapper(conditions, BooleanField()) if conditions else Value(True)
    rows = list(shown.annotate(matches=matches).order_by("change_number")[: limit + 1])
    is_last = len(rows) <= limit
    total = len(rows) if is_last else found.count()
    rows = rows[:limit]
    read = max([last, *(row.change_number for row in rows)]) if is_last else rows[-1].change_number
    deleted = [row for row in rows if row.deletion_id is not None]
    kept = [row for row in rows if row.deletion_id is None]
    matching, removed = [row for row in kept if row.matches], [row for row in kept if not row.matches]
    return Changes(matching, deleted, removed, total, cursor_of(read))


def _all() -> AppointmentQuerySet:
    every: AppointmentQuerySet = Appointment.with_deleted.order_by()
    return every


def last_number() -> int:
    """Return the number of the practice's last change."""
    return _all().aggregate(last=Max("change_number"))["last"] or 0


def _number_before(since: datetime, last: int) -> int:
    """Return the number after which come all changes since the moment."""
    if since < _kept_since():
        raise Invalid("updatedSince", _too_old())
    first = _all().filter(changed_at__gte=since - ON_ITS_WAY).aggregate(first=Min("change_number"))["first"]
    return last if first is None else min(first - 1, last)


def cursor_of(number: int) -> str:
    """Return the cursor of somebody who knows all up to this number."""
    return _signer.sign_object([number, timezone.now().isoformat()])


def number_of(cursor: str) -> int:
    """Return the number. Raises Invalid for a cursor of something else, and for one that is too old."""
    try:
        number, made_at = _signer.unsign_object(cursor)
    except (BadSignature, ValueError) as error:
        raise Invalid("cursor", UNKNOWN_CURSOR) from error
    if datetime.fromisoformat(made_at) < _kept_since():
        raise Invalid("cursor", _too_old())
    return int(number)


def _kept_since() -> datetime:
    """Return since when everything that was deleted is still known."""
    return timezone.now() - timedelta(days=settings.RESTORE_DAYS)


def _too_old() -> str:
    days = settings.RESTORE_DAYS
    sentence = ngettext(
        "What changed is known for %(days)s day. Read the whole list instead.",
        "What changed is known for %(days)s days. Read the whole list instead.",
        days,
    )
    return sentence % {"days": days}
