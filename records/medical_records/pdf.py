"""A prescription on paper."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.encryption.fields import unreadable_refused
from core.errors import NotFound
from core.regional import in_practice_time
from practices.models import Practice
from records.models import MedicalRecord
from records.plans.pdf import patient_label
from records.printing.signed import signed_pdf
from records.versions.labels import field_label

NOTHING_PRESCRIBED = _("Nothing was prescribed in this medical record.")


@unreadable_refused()
@in_practice_time
def prescription_pdf(record: MedicalRecord, *, practice: Practice, by: User) -> bytes:
    """Return the PDF of what a record prescribes, without its diagnosis, which is nobody's business at the pharmacy.
    Raises NotFound for a record without a prescription, and DecryptionError rather than print a part of it."""
    if not record.prescription.strip():
        raise NotFound(NOTHING_PRESCRIBED, about=record._meta.label, about_id=record.pk)
    patient, last = record.patient, record.versions.with_author().order_by("number").last()
    about = patient_label(patient.name, patient.date_of_birth)
    return signed_pdf(
        title=gettext("Prescription"),
        about=about,
        fields=[
            (gettext("Patient"), about),
            (gettext("Address"), patient.address),
            (field_label("prescription"), record.prescription),
        ],
        signed=(record.doctor, record.created_at),
        amended=(last.author, record.amended_at) if last and record.amended_at else None,
        office=record.appointment.office if record.appointment else None,
        practice=practice,
        by=by,
    )
