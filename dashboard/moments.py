"""How pages write moments: Django's own columns would show them in UTC."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from appointments.models import Appointment


def moment(at: datetime) -> str:
    """In the practice's time."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def day(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATE_FORMAT")


def in_local_time(row: Appointment, at: datetime) -> str:
    """In the time of where the appointment is, which is named where it is not the practice's."""
    said = date_format(at.astimezone(row.tzinfo), "DATETIME_FORMAT")
    return said if row.tzinfo == timezone.get_current_timezone() else f"{said} ({row.tzinfo})"
