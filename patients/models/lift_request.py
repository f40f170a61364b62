"""Requests to lift a restriction that the primary doctor cannot lift."""

from typing import ClassVar

from django.db import models

from accounts.models import User, display_name
from core.encryption.fields import EncryptedTextField
from core.tenancy.models import PracticeModel
from patients.models.patient import Patient


class LiftRequest(PracticeModel):
    """Somebody asks to lift the restriction of a chart; somebody else has to agree before `expires_at`
    (patients/restriction/two_people.py)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(label="lift_request.reason", max_length=2000)
    expires_at = models.DateTimeField()

    audited = False  # patients/restriction/two_people.py records its own events
    patient_field = "patient_id"

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["patient"], name="lift_request_once")]

    def __str__(self) -> str:
        return f"Lift request {str(self.pk)[-6:]}"

    @property
    def asked_by_name(self) -> str:
        return display_name(getattr(self, "asked_by", None))
