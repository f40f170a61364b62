"""The tenant and its locations."""

import zoneinfo
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.codes import random_code
from core.encryption.blind_index import join_code_fingerprint
from core.encryption.fields import EncryptedCharField
from core.models import Model
from core.search.regions import region_of
from core.tenancy.versioned import VersionedModel
from core.texts import validate_currency, validate_line, validate_phone

JOIN_CODE_LENGTH = 8


def new_join_code() -> str:
    return random_code(JOIN_CODE_LENGTH)


def validate_timezone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("Enter a time zone from the IANA database, such as America/New_York."))


class Practice(Model):
    """A clinic with its own people and charts; no practice ever sees another's rows."""

    name = models.CharField(_("name"), max_length=200, validators=[validate_line])
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_timezone])
    appointment_minutes = models.PositiveSmallIntegerField(
        _("appointment length (minutes)"),
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(480)],
        help_text=_("How long an appointment usually takes."),
    )
    max_upcoming_appointments = models.PositiveSmallIntegerField(
        _("upcoming appointments per patient"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("How many upcoming appointments patients can have before only the practice can book more."),
    )
    booking_months_ahead = models.PositiveSmallIntegerField(
        _("online booking window (months)"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=_("How far ahead patients can book by themselves."),
    )
    booking_notice_hours = models.PositiveSmallIntegerField(
        _("shortest notice for online booking (hours)"),
        default=0,
        validators=[MaxValueValidator(720)],
        help_text=_("How long before a visit patients can still book it by themselves."),
    )
    same_day_booking = models.BooleanField(
        _("patients can book for today"),
        default=True,
        help_text=_("When off, the first day they can book is tomorrow."),
    )
    cancellation_hours = models.PositiveSmallIntegerField(
        _("shortest notice for cancelling online (hours)"),
        default=0,
        validators=[MaxValueValidator(720)],
        help_text=_("How long before a visit patients can still move or cancel it by themselves."),
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        default="",
        help_text=_("Of pages and emails, for everybody who has not chosen another one."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="USD",
        validators=[validate_currency],
        help_text=_("Three-letter code, such as USD."),
    )
    payment_days = models.PositiveSmallIntegerField(
        _("days until an invoice is due"),
        default=14,
        validators=[MaxValueValidator(365)],
        help_text=_("How long patients have to pay. Of invoices that are issued from now on."),
    )
    doctors_see_revenue = models.BooleanField(
        _("let doctors see their own revenue"),
        default=False,
        help_text=_("What was invoiced for their own visits. When off, only billing and managers see revenue."),
    )
    two_factor_required = models.BooleanField(
        _("two-step verification required"),
        default=False,
        help_text=_("Everyone who works here must set it up before they can work. Optional for patients."),
    )
    doctors_see_drafts = models.BooleanField(
        _("let doctors read each other's drafts"),
        default=False,
        help_text=_("When off, only the author of a draft session note can see it."),
    )
    retention_years = models.PositiveSmallIntegerField(
        _("record retention (years)"),
        default=10,
        validators=[MaxValueValidator(100)],
        help_text=_("Deleted charts, records, notes, plans and files are only hidden until they are this old."),
    )
    join_code = EncryptedCharField(
        _("join code"),
        label="practice.join_code",
        max_length=JOIN_CODE_LENGTH,
        default=new_join_code,
        editable=False,
        help_text=_("Patients enter this code when they register."),
    )
    join_code_index = models.BinaryField(unique=True, editable=False, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)  # increases with each change

    unlogged_fields: ClassVar = {"version"}  # it changes with any other

    class Meta(Model.Meta):
        verbose_name, verbose_name_plural = _("practice"), _("practices")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(appointment_minutes__gte=5, appointment_minutes__lte=480),
                name="practice_appointment_minutes_sensible",
            ),
            models.CheckConstraint(
                condition=models.Q(max_upcoming_appointments__gte=1, max_upcoming_appointments__lte=100),
                name="practice_max_upcoming_appointments_sensible",
            ),
            models.CheckConstraint(
                condition=models.Q(booking_months_ahead__gte=1, booking_months_ahead__lte=120),
                name="practice_booking_months_ahead_sensible",
            ),
            models.CheckConstraint(
                condition=models.Q(booking_notice_hours__lte=720, cancellation_hours__lte=720),
                name="practice_notice_sensible",
            ),
            models.CheckConstraint(condition=models.Q(payment_days__lte=365), name="practice_payment_days_sensible"),
            models.CheckConstraint(
                condition=models.Q(retention_years__lte=100), name="practice_retention_years_sensible"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.join_code_index:  # the code never changes
            self.join_code_index = join_code_fingerprint(self.join_code)
        super().save(*args, **kwargs)

    @property
    def practice_id(self) -> UUID:
        """Its own id, so that its events are logged in its own trail."""
        return self.pk

    @property
    def tzinfo(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)

    @property
    def region(self) -> str:
        """The country (ISO 3166) of the time zone, by which phone numbers and dates are read; ZZ if it has none."""
        return region_of(self.timezone)

    def today(self) -> date:
        return timezone.localdate(timezone=self.tzinfo)

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return the start of a local day and of the next; 23 or 25 hours apart when clocks change."""
        start = datetime.combine(day, time.min, self.tzinfo)
        return start, datetime.combine(day + timedelta(days=1), time.min, self.tzinfo)


class Office(VersionedModel):
    """A location of a practice."""

    name = models.CharField(_("name"), max_length=200, validators=[validate_line])
    address = models.CharField(_("address"), max_length=300, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True, validators=[validate_phone])
    timezone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[validate_timezone])

    class Meta(VersionedModel.Meta):
        verbose_name, verbose_name_plural = _("office"), _("offices")

    def __str__(self) -> str:
        return self.name

    @property
    def tzinfo(self) -> zoneinfo.ZoneInfo:
        """The office's time zone, else its practice's."""
        return zoneinfo.ZoneInfo(self.timezone) if self.timezone else self.practice.tzinfo
