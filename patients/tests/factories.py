from datetime import date

import factory
from factory.django import DjangoModelFactory

from patients.models import Patient


class PatientFactory(DjangoModelFactory):
    """Within a practice's scope."""

    class Meta:
        model = Patient

    name = factory.Sequence(lambda n: f"Jane Doe{n}")
    email = factory.Sequence(lambda n: f"jane{n}@example.org")
    phone = factory.Sequence(lambda n: f"+1 555 {n:07d}")
    date_of_birth = date(1980, 2, 3)
    gender = "female"
    address = "1 Main Street"
