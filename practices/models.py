"""The tenant and its locations."""

import re
import zoneinfo
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from core.codes import draw
from core.encryption.blind_index import join_code_fingerprint
from core.encryption.fields import EncryptedCharField
from core.models import Model
from core.tenancy import PracticeModel

JOIN_CODE_LENGTH = 8
_BETWEEN_LETTERS = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")


def new_join_code() -> str:
    return draw(JOIN_CODE_LENGTH)


def as_join_code(typed: str) -> str:
    """The code that somebody means who typed small letters, spaces or dashes: `abcd-2345` is ABCD2345."""
    return _BETWEEN_LETTERS.sub("", typed).upper()


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
    two_factor_required = models.BooleanField(
        "two-factor sign-in required",
        default=False,
        help_text="Everybody who works here sets up a second factor before they see anything else; patients may.",
    )
    doctors_see_drafts = models.BooleanField(
        "doctors read each other's drafts",
        default=False,
        help_text="A session note that is not finalised yet is its author's alone unless this is set.",
    )
    retention_years = models.PositiveSmallIntegerField(
        "years that clinical records are kept",
        default=10,
        validators=[MaxValueValidator(100)],
        help_text="A deleted chart, record, note, plan or file younger than this is hidden, but not removed for good.",
    )
    join_code = EncryptedCharField(
        label="practice.join_code",
        max_length=JOIN_CODE_LENGTH,
        default=new_join_code,
        editable=False,
        help_text="A patient who registers gives this code to reach this practice.",
    )
    join_code_index = models.BinaryField(unique=True, editable=False, blank=True)

    class Meta(Model.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(appointment_minutes__gte=5, appointment_minutes__lte=480),
                name="practice_appointment_minutes_sensible",
            ),
            models.CheckConstraint(
                condition=models.Q(retention_years__lte=100), name="practice_retention_years_sensible"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.join_code_index:  # the code stays as it was made
            self.join_code_index = join_code_fingerprint(self.join_code)
        super().save(*args, **kwargs)

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

    @property
    def tzinfo(self) -> zoneinfo.ZoneInfo:
        """Its own, else its practice's."""
        return zoneinfo.ZoneInfo(self.timezone) if self.timezone else self.practice.tzinfo
