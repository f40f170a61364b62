"""A finalised note on paper."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.encryption.fields import unreadable_refused
from core.errors import Conflict
from core.regional import in_practice_time
from practices.models import Practice
from records.models import SessionNote
from records.models.note import SECTIONS, NoteStatus
from records.plans.pdf import patient_label
from records.printing.signed import signed_pdf
from records.versions.labels import field_label

NOT_SIGNED = _("Finalise the session note before you print it.")


@unreadable_refused()
@in_practice_time
def note_pdf(note: SessionNote, *, practice: Practice, by: User) -> bytes:
    """Return the PDF of a finalised note. Raises Conflict for a draft, which nobody has signed, and
    DecryptionError rather than print what is not all that was signed."""
    if note.status == NoteStatus.DRAFT or note.finalised_at is None:
        raise Conflict(NOT_SIGNED)
    about = patient_label(note.patient.name, note.patient.date_of_birth)
    last = note.versions.with_author().order_by("number").last()
    return signed_pdf(
        title=gettext("Session note"),
        about=about,
        fields=[(gettext("Patient"), about), *((field_label(name), getattr(note, name)) for name in SECTIONS)],
        signed=(note.doctor, note.finalised_at),
        amended=(last.author, note.amended_at) if last and note.amended_at else None,
        office=note.appointment.office if note.appointment else None,
        practice=practice,
        by=by,
    )
