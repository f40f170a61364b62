"""When doctors work: rules by weekday in an office's local time, and exceptions from them. Free times are computed from
these (appointments/schedule/) and never stored."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField
from core.tenancy.versioned import VersionedModel
from practices.models import Office


class WorkingHours(VersionedModel):
    """One stretch of a doctor's working day, each week, from `valid_from` to `valid_to`, both included, or open."""

    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")
    office = models.ForeignKey(
        Office, verbose_name=_("office"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), validators=[MaxValueValidator(6)])  # 0 is Monday
    start = models.TimeField(_("start"))
    end = models.TimeField(_("end"))
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)

    class Meta(VersionedModel.Meta):
        verbose_name = verbose_name_plural = _("working hours")
        ordering: ClassVar = ["doctor_id", "weekday", "start", "id"]
        indexes: ClassVar = [models.Index(fields=["practice", "doctor"], name="working_hours_doctor")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="working_hours_weekday_known"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="working_hours_end_after_start"),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="working_hours_valid_in_order",
            ),
        ]

    @property
    def tzinfo(self) -> ZoneInfo:
        """The zone of its office, else of the doctor's own, else of the practice."""
        office = self.office or self.doctor.office
        return office.tzinfo if office else self.practice.tzinfo


class ExceptionKind(PublicTextChoices):
    OFF = "off", _("Off")
    EXTRA = "extra", _("Extra hours")


class ScheduleException(VersionedModel):
    """A span in which a doctor, or everybody at an office, or everybody, is off or works beside their usual hours."""

    doctor = models.ForeignKey(
        User, verbose_name=_("doctor"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    office = models.ForeignKey(
        Office, verbose_name=_("office"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    kind = models.CharField(_("kind"), max_length=5, choices=ExceptionKind.choices, default=ExceptionKind.OFF)
    reason = EncryptedCharField(_("reason"), label="schedule_exception.reason", max_length=200, blank=True, default="")

    @property
    def tzinfo(self) -> ZoneInfo:
        return self.office.tzinfo if self.office else self.practice.tzinfo

    class Meta(VersionedModel.Meta):
        verbose_name = _("time off or extra hours")
        verbose_name_plural = _("time off and extra hours")
        ordering: ClassVar = ["starts_at", "id"]
        indexes: ClassVar = [models.Index(fields=["practice", "ends_at", "starts_at"], name="schedule_exception_span")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=ExceptionKind.values), name="schedule_exception_kind_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="schedule_exception_ends_after_start"),
        ]
