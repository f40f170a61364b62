from datetime import date

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from patients.models import EmergencyAccess, Patient
from patients.restriction.services import EMERGENCY


class PatientFactory(DjangoModelFactory):
    """Use within a practice's scope."""

    class Meta:
        model = Patient

    name = factory.Sequence(lambda n: f"Jane Doe{n}")
    email = factory.Sequence(lambda n: f"jane{n}@example.org")
    phone = factory.Sequence(lambda n: f"+1 555 {n:07d}")
    date_of_birth = date(1980, 2, 3)
    gender = "female"
    address = "1 Main Street"


class EmergencyAccessFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `patient` and `opened_by`."""

    class Meta:
        model = EmergencyAccess

    reason = "Unconscious, brought in by ambulance"
    created_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda made: made.created_at + EMERGENCY)
