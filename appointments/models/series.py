"""Series: visits that were booked together, each a row of its own."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from core.tenancy.models import PracticeModel


class SeriesUnit(PublicTextChoices):
    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")


class SeriesScope(PublicTextChoices):
    """Which visits of a series a change is meant for."""

    THIS = "this", _("This visit")
    FOLLOWING = "following", _("This and following visits")
    ALL = "all", _("All visits")


class AppointmentSeries(PracticeModel):
    """Every so many days, weeks or months at the same local time. What takes place when, its appointments say."""

    every = models.PositiveSmallIntegerField(_("every"))
    unit = models.CharField(_("unit"), max_length=5, choices=SeriesUnit.choices)

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("series of appointments"), _("series of appointments")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(unit__in=SeriesUnit.values), name="appointment_series_unit_known"),
            models.CheckConstraint(condition=Q(every__gte=1), name="appointment_series_every_positive"),
        ]
