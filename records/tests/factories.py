from factory.django import DjangoModelFactory

from records.models import MedicalRecord


class MedicalRecordFactory(DjangoModelFactory):
    """Within a practice's scope; give `patient` and `doctor`."""

    class Meta:
        model = MedicalRecord

    diagnosis = "Lumbar strain"
    prescription = "Ibuprofen 400 mg"
    notes = "Better with rest"
