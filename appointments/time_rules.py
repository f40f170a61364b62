"""When a visit may be, and which status it may have by then. A day is the practice's local day."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from core.errors import Conflict, Invalid
from core.formats import zone_label
from core.permissions import Permission
from practices.services import current_practice

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
INVALID_DATE = _("Enter a date between 2000 and 2099.")
PAST_DAY = _("This day has passed. To enter a visit that has already taken place, confirm that it was before today.")
STILL_TO_COME = _("This appointment is on a later day, so it can't be completed yet.")
NOT_YET = _("This can't be in the future.")
CANCELLED = _("This appointment is cancelled. Reopen it first.")


def at_local_time(date: datetime, zone: ZoneInfo, *, field: str = "date") -> datetime:
    """Return the UTC moment of a naive `date`, which somebody entered as this field, in a time zone.

    In an hour that occurs twice, the first is meant. Raises Invalid for a time that does not exist because clocks go
    forward."""
    try:
        moment = date.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == date:
            return moment
    except OverflowError as error:  # at the edges of what datetime can represent
        raise Invalid(field, INVALID_DATE) from error
    skipped = _("This time doesn't exist that day: clocks go forward (%(zone)s).") % {"zone": zone_label(zone)}
    raise Invalid(field, skipped)


def check_start(date: datetime, *, by: User, allow_past: bool) -> None:
    """Raise Invalid if the moment is out of range, past and `by` is a patient, or before today: the front desk enters
    walk-ins of today afterwards, and an earlier visit only if `allow_past` says that it is no slip."""
    if not EARLIEST <= date < LATEST:
        raise Invalid("date", INVALID_DATE)
    if not by.can(Permission.CHANGE_APPOINTMENTS):
        if date < timezone.now():
            raise Invalid("date", _("Enter a time in the future."))
    elif not allow_past and date < timezone.now() and date < _today()[0]:
        raise Invalid("date", PAST_DAY)


def check_status(appointment: Appointment, wanted: dict[str, Any]) -> None:
    """Raise Conflict for moving or completing a cancelled appointment, which has to be reopened first, and Invalid for
    completing one of a later day: its slot would be free again. `wanted` is what is to be changed."""
    was, status = appointment.status, wanted.get("status", appointment.status)
    if was == AppointmentStatus.CANCELLED and (
        status == AppointmentStatus.COMPLETED or ("starts_at" in wanted and status == was)
    ):
        raise Conflict(CANCELLED)
    starts_at = wanted.get("starts_at", appointment.starts_at)
    if status == AppointmentStatus.COMPLETED and {"status", "starts_at"} & wanted.keys() and is_later_day(starts_at):
        raise Invalid("status" if "status" in wanted else "date", STILL_TO_COME)


def took_place(date: datetime) -> datetime:
    """Return the same instant in UTC, for something that is written down afterwards. Raises Invalid if it is out of
    range or on a later day."""
    if not EARLIEST <= date < LATEST:
        raise Invalid("date", INVALID_DATE)
    if is_later_day(date):
        raise Invalid("date", NOT_YET)
    return date.astimezone(UTC)


def is_later_day(moment: datetime) -> bool:
    """Return whether this is on a day after the practice's today."""
    return moment > timezone.now() and moment >= _today()[1]


def _today() -> tuple[datetime, datetime]:
    practice = current_practice()
    return practice.day_bounds(practice.today())
