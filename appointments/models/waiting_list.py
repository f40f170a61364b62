"""The waiting list: who would come sooner, or at all, if a slot became free, and what was offered to them."""

from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models.appointment import Appointment, AppointmentStatus
from appointments.models.appointment_type import AppointmentType
from appointments.models.hold import SlotHold
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedTextField
from core.permissions import Permission
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from core.tenancy.versioned import VersionedModel
from patients.models import Patient

ANY_DAY = 0b111_1111


class WaitingState(PublicTextChoices):
    WAITING = "waiting", _("Waiting")
    OFFERED = "offered", _("Offered")  # computed: waiting, with an offer that has not expired
    BOOKED = "booked", _("Booked")
    WITHDRAWN = "withdrawn", _("Withdrawn")


STORED = [WaitingState.WAITING, WaitingState.BOOKED, WaitingState.WITHDRAWN]


class Priority(models.IntegerChoices):
    URGENT = 1, _("Urgent")
    NORMAL = 2, _("Normal")
    FLEXIBLE = 3, _("Flexible")


class WaitingListQuerySet(PracticeQuerySet):
    def visible_to(self, user: User) -> Self:
        """Return the entries this person may see: the practice's, or those of their own chart. Deleted charts do not
        wait."""
        not_deleted = self.filter(patient__deletion=None)
        if user.can(Permission.MANAGE_WAITING_LIST):
            return not_deleted
        if user.can(Permission.READ_OWN_APPOINTMENTS):
            return not_deleted.filter(patient__user_id=user.pk)
        return self.none()

    def waiting(self) -> Self:
        return self.filter(status=WaitingState.WAITING)

    def in_state(self, state: str) -> Self:
        if state not in (WaitingState.WAITING, WaitingState.OFFERED):
            return self.filter(status=state)
        offered = Exists(SlotOffer.objects.open().filter(entry=OuterRef("pk")))
        return self.waiting().filter(offered if state == WaitingState.OFFERED else ~offered)

    def with_shown(self) -> Self:
        names = ("patient__name", "patient__restricted", "patient__user_id")
        own = [field.attname for field in self.model._meta.concrete_fields]
        return self.select_related("patient").only(*own, *names).prefetch_related("wanted_doctors", "offers")

    def urgent_first(self) -> Self:
        return self.order_by("priority", "id")  # an id tells since when


class WaitingListEntry(VersionedModel):
    """A patient who waits for a slot, and what would suit them. Without doctors, days or times any will do."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.CASCADE, related_name="+")
    type = models.ForeignKey(
        AppointmentType, verbose_name=_("type"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    first_day = models.DateField(_("first day"), null=True)
    last_day = models.DateField(_("last day"), null=True)
    weekdays = models.PositiveSmallIntegerField(  # a bit for each, Monday's is the lowest
        _("weekdays"), default=ANY_DAY, validators=[MaxValueValidator(ANY_DAY)]
    )
    earliest = models.TimeField(_("not before"), null=True)
    latest = models.TimeField(_("over by"), null=True)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.NORMAL)
    note = EncryptedTextField(_("note"), label="waiting_list_entry.note", max_length=2000, blank=True, default="")
    status = models.CharField(_("status"), max_length=9, choices=WaitingState.choices, default=WaitingState.WAITING)
    appointment = models.ForeignKey(
        Appointment, verbose_name=_("appointment"), null=True, on_delete=models.SET_NULL, related_name="+"
    )

    patient_field = "patient_id"

    objects: ClassVar[PracticeManager] = PracticeManager.from_queryset(WaitingListQuerySet)()

    class Meta(VersionedModel.Meta):
        verbose_name, verbose_name_plural = _("entry of the waiting list"), _("waiting list")
        indexes: ClassVar = [
            models.Index(fields=["practice", "status", "priority", "id"], name="waiting_list_order"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=STORED), name="waiting_list_status_known"),
            models.CheckConstraint(condition=Q(priority__in=Priority.values), name="waiting_list_priority_known"),
            models.CheckConstraint(
                condition=Q(weekdays__gte=1, weekdays__lte=ANY_DAY), name="waiting_list_some_weekday"
            ),
            models.CheckConstraint(
                condition=Q(first_day=None) | Q(last_day=None) | Q(last_day__gte=F("first_day")),
                name="waiting_list_days_in_order",
            ),
            models.CheckConstraint(
                condition=Q(earliest=None) | Q(latest=None) | Q(latest__gt=F("earliest")),
                name="waiting_list_times_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"Waiting {str(self.pk)[-6:]}"


class WantedDoctor(PracticeModel):
    """A doctor whom somebody on the waiting list would see. Without any it may be anybody."""

    entry = models.ForeignKey(
        WaitingListEntry, verbose_name=_("entry"), on_delete=models.CASCADE, related_name="wanted_doctors"
    )
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("wanted doctor"), _("wanted doctors")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "entry", "doctor"], name="wanted_doctor_once"),
        ]


class SlotOfferQuerySet(PracticeQuerySet):
    def open(self) -> Self:
        """Return what can still be accepted: neither expired, nor withdrawn, nor taken by somebody."""
        return self.filter(hold__isnull=False, expires_at__gt=timezone.now())

    def visible_to(self, user: User) -> Self:
        """Return the offers to whom this person may see on the waiting list."""
        return self.filter(entry__in=WaitingListEntry.objects.visible_to(user))

    def with_shown(self) -> Self:
        return self.select_related("entry__type", "practice", "doctor__office__practice")


class SlotOfferManager(PracticeManager.from_queryset(SlotOfferQuerySet)):  # type: ignore[misc]
    pass


class SlotOffer(PracticeModel):
    """A slot that is offered to somebody who waits. Offers of one slot share the hold that keeps it; whoever accepts
    first books through it, and then none has it."""

    entry = models.ForeignKey(
        WaitingListEntry, verbose_name=_("entry"), on_delete=models.CASCADE, related_name="offers"
    )
    hold = models.ForeignKey(
        SlotHold, verbose_name=_("held slot"), null=True, on_delete=models.SET_NULL, related_name="offers"
    )
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    expires_at = models.DateTimeField(_("expires at"))

    objects: ClassVar[SlotOfferManager] = SlotOfferManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("offered slot"), _("offered slots")

    def about_patients(self) -> list[UUID]:
        return [self.entry.patient_id]

    def as_visit(self) -> Appointment:
        """Return the visit that it would be, which is not stored."""
        return Appointment(
            doctor=self.doctor,
            type=self.entry.type,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            practice=self.practice,
        )

    def accepted_visit(self) -> Appointment | None:
        """Return the visit that was booked by accepting it, while it is still to come at that time."""
        visit = self.entry.appointment if self.entry.status == WaitingState.BOOKED else None
        if visit is None or visit.deletion_id or visit.status != AppointmentStatus.SCHEDULED:
            return None
        is_this = (visit.doctor_id, visit.starts_at) == (self.doctor_id, self.starts_at)
        return visit if is_this and visit.starts_at > timezone.now() else None

    def is_open(self, now: datetime) -> bool:
        return self.hold_id is not None and self.expires_at > now
