"""The tenant and its locations."""

import secrets
import zoneinfo
from datetime import date, datetime, time, timedelta
from typing import ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from core.models import Model
from core.tenancy import PracticeModel

JOIN_CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # no 0/O, 1/I/L
JOIN_CODE_LENGTH = 8


def new_join_code() -> str:
    return "".join(secrets.choice(JOIN_CODE_ALPHABET) for _ in range(JOIN_CODE_LENGTH))


def validate_timezone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError("This is no time zone of the IANA database, such as America/New_York.")


class Practice(Model):
    """A clinic with its own people and charts; no row of one practice is ever seen in another."""

    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    appointment_minutes = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(480)],
        help_text="How long an appointment takes, in minutes.",
    )
    currency = models.CharField(max_length=3, default="USD", help_text="ISO 4217 code.")
    join_code = models.CharField(
        max_length=JOIN_CODE_LENGTH,
        unique=True,
        default=new_join_code,
        editable=False,
        help_text="A patient who registers gives this code to reach this practice.",
    )

    class Meta(Model.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(appointment_minutes__gte=5, appointment_minutes__lte=480),
                name="practice_appointment_minutes_sensible",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def practice_id(self) -> UUID:
        """A tenant's own row is its own: what happens to it stands in its trail."""
        return self.pk

    @property
    def tzinfo(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)

    def today(self) -> date:
        return timezone.localdate(timezone=self.tzinfo)

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """The practice's local day as two instants, first in, second out; 23 or 25 hours apart when clocks change."""
        start = datetime.combine(day, time.min, self.tzinfo)
        return start, datetime.combine(day + timedelta(days=1), time.min, self.tzinfo)


class Office(PracticeModel):
    """A location of a practice."""

    name = models.CharField(max_length=200)
    address = models.CharField(max_length=300, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    timezone = models.CharField(max_length=64, blank=True, validators=[validate_timezone])

    def __str__(self) -> str:
        return self.name
