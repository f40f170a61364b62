"""What a practice offers: how long a visit of a type takes, and which doctors do it."""

from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from core.tenancy.versioned import VersionedModel
from core.texts import validate_line

SHORTEST, LONGEST, LONGEST_BUFFER = 5, 480, 120  # minutes
validate_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", _("Enter a colour such as #2e7d32."))


class AppointmentTypeQuerySet(PracticeQuerySet):
    def offered_by(self, doctor_id: object) -> Self:
        """Return the types that this doctor does: those that name them, and those that name nobody."""
        offers = TypeOffer.objects.filter(appointment_type=OuterRef("pk"))
        return self.filter(Q(Exists(offers.filter(doctor=doctor_id))) | ~Exists(offers))


class AppointmentType(VersionedModel):
    """A kind of visit, such as a first examination. An appointment keeps the minutes that its type had when it was
    booked; a type that was ever used is made inactive and not removed."""

    name = models.CharField(_("name"), max_length=100, validators=[validate_line])
    minutes = models.PositiveSmallIntegerField(
        _("length (minutes)"), validators=[MinValueValidator(SHORTEST), MaxValueValidator(LONGEST)]
    )
    buffer_before = models.PositiveSmallIntegerField(
        _("time kept free before (minutes)"), default=0, validators=[MaxValueValidator(LONGEST_BUFFER)]
    )
    buffer_after = models.PositiveSmallIntegerField(
        _("time kept free after (minutes)"), default=0, validators=[MaxValueValidator(LONGEST_BUFFER)]
    )
    colour = models.CharField(_("colour"), max_length=7, default="#3b6ea5", validators=[validate_colour])
    bookable_online = models.BooleanField(_("patients can book it themselves"), default=True)
    video = models.BooleanField(_("by video"), default=False)
    video_link = models.URLField(
        _("video link"),
        max_length=500,
        blank=True,
        default="",
        help_text=_("Where patients meet you, if it is by video."),
    )
    position = models.PositiveSmallIntegerField(_("order in lists"), default=0)
    is_active = models.BooleanField(_("offered"), default=True, help_text=_("When off, nobody can book it any more."))

    objects: ClassVar[PracticeManager] = PracticeManager.from_queryset(AppointmentTypeQuerySet)()

    class Meta(VersionedModel.Meta):
        verbose_name = _("appointment type")
        verbose_name_plural = _("appointment types")
        ordering: ClassVar = ["position", "name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint("practice", Lower("name"), name="appointment_type_name"),
            models.CheckConstraint(
                condition=Q(minutes__gte=SHORTEST, minutes__lte=LONGEST), name="appointment_type_minutes_sensible"
            ),
            models.CheckConstraint(
                condition=Q(buffer_before__lte=LONGEST_BUFFER, buffer_after__lte=LONGEST_BUFFER),
                name="appointment_type_buffers_sensible",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TypeOffer(PracticeModel):
    """A doctor who does visits of a type. A type without any is done by all."""

    appointment_type = models.ForeignKey(
        AppointmentType, verbose_name=_("appointment type"), on_delete=models.CASCADE, related_name="offers"
    )
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")

    class Meta(PracticeModel.Meta):
        verbose_name = _("doctor who offers a type")
        verbose_name_plural = _("doctors who offer a type")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "appointment_type", "doctor"], name="type_offer_once"),
        ]
