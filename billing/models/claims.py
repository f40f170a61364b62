"""What a claim to an insurer needs (docs/adr/0053)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from billing.codes import OFFICE, validate_npi, validate_place, validate_tax_id, validate_taxonomy
from core.encryption.fields import EncryptedCharField, EncryptedJsonField
from core.tenancy.models import PracticeModel
from core.texts import validate_line, validate_name
from patients.models import Patient

MOST_COVERAGES = 3


class ProviderIdentity(PracticeModel):
    """By what payers know the practice or, with `doctor`, one of its doctors."""

    doctor = models.ForeignKey(User, verbose_name=_("doctor"), null=True, on_delete=models.CASCADE, related_name="+")
    npi = models.CharField(_("NPI"), max_length=10, blank=True, default="", validators=[validate_npi])
    taxonomy = models.CharField(_("taxonomy"), max_length=10, blank=True, default="", validators=[validate_taxonomy])
    tax_id = EncryptedCharField(
        _("tax id"),
        label="provider_identity.tax_id",
        max_length=11,
        blank=True,
        default="",
        validators=[validate_tax_id],
    )

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("identity for payers"), _("identities for payers")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "doctor"], name="provider_identity_of_doctor"),
            models.UniqueConstraint(
                fields=["practice"], condition=Q(doctor=None), name="provider_identity_of_practice"
            ),
        ]


class VisitCoding(PracticeModel):
    """Diagnoses of a visit and what was done, as codes. `content` is {"diagnoses": ["M54.50"], "lines": [{"code",
    "modifiers", "units", "pointers", "charge"}]}: pointers count diagnoses from 1, the charge is in minor units."""

    appointment = models.OneToOneField(
        Appointment, verbose_name=_("visit"), on_delete=models.CASCADE, related_name="coding"
    )
    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.CASCADE, related_name="+")
    place_of_service = models.CharField(
        _("place of service"), max_length=2, default=OFFICE, validators=[validate_place]
    )
    content = EncryptedJsonField(_("codes"), label="visit_coding.content")
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    patient_field = "patient_id"
    unlogged_fields: ClassVar = {"version"}

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("codes of a visit"), _("codes of visits")


class Coverage(PracticeModel):
    """An insurance of a patient; `position` 1 is asked to pay first."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(_("order"))
    payer = EncryptedCharField(_("payer"), label="coverage.payer", max_length=200, validators=[validate_name])
    payer_id = EncryptedCharField(
        _("payer id"), label="coverage.payer_id", max_length=80, blank=True, default="", validators=[validate_line]
    )
    member_id = EncryptedCharField(
        _("member id"), label="coverage.member_id", max_length=80, validators=[validate_line]
    )
    group = EncryptedCharField(
        _("group"), label="coverage.group", max_length=80, blank=True, default="", validators=[validate_line]
    )

    patient_field = "patient_id"

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("insurance of a patient"), _("insurances of patients")
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "patient", "position"], name="coverage_positions"),
            models.CheckConstraint(condition=Q(position__range=(1, MOST_COVERAGES)), name="coverage_position_sensible"),
        ]
