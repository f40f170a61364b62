"""Writing session notes (docs/adr/0017): draft, finalised, amended, and never back. Each save names the version that
was read, and the row is locked while the two are compared: of two saves of one version exactly one is stored."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from appointments.time_rules import took_place
from audit.events import AuditEvent
from core.api import throttling
from core.errors import Conflict, Invalid, Refusal, StaleVersion
from core.texts import has_visible
from patients.restriction.services import check_access
from patients.services import lock_chart
from records.models import PlanOfCare, SessionNote
from records.models.note import SECTIONS, NoteStatus
from records.notes.serializers import NoteShape
from records.versions import services as versions

NOT_AUTHOR = _("Only the author can edit this session note.")
BEGUN_ALREADY = _("You have already begun a note here.")
NOT_A_DRAFT = _("This session note is finalised. Amend it with a reason instead.")
STILL_A_DRAFT = _("This session note is still a draft: edit it directly.")
EMPTY_NOTE = _("Fill in at least one section of the session note.")


class OtherNote(Conflict):
    """409: the doctor has a note for this appointment already. The answer names it."""

    def __init__(self, note_id: UUID) -> None:
        super().__init__(_("You already have a session note for this appointment."))
        self.extra = {"sessionId": note_id}  # type: ignore[misc]


@transaction.atomic
def create_draft(*, by: User, patient_id: UUID, **fields: Any) -> SessionNote:
    """Create a draft by this doctor. Raises NotFound, Forbidden, Invalid, and Conflict like autosave."""
    patient = check_access(by, lock_chart(by=by, patient_id=patient_id))
    note = SessionNote(patient=patient, doctor=by)
    _write(note, by=by, **fields)
    note.save()
    return note


@transaction.atomic
def begin_draft(*, by: User, patient_id: UUID, appointment_id: UUID | None = None, **fields: Any) -> SessionNote:
    """Create a draft where this doctor has none yet, as the editor does: a page that is open twice, or whose request
    is sent again, must not leave two. Raises what create_draft raises, and StaleVersion with the note begun before."""
    lock_chart(by=by, patient_id=patient_id)
    begun = find_begun(by=by, patient_id=patient_id, appointment_id=appointment_id)
    if begun is not None:
        check_access(by, begun.patient)
        raise StaleVersion(BEGUN_ALREADY, current=NoteShape.to_dict(begun))
    return create_draft(by=by, patient_id=patient_id, appointment_id=appointment_id, **fields)


def find_begun(*, by: User, patient_id: UUID, appointment_id: UUID | None) -> SessionNote | None:
    """Return this doctor's note of the appointment, or their latest draft that belongs to none."""
    own = SessionNote.objects.filter(doctor=by, patient_id=patient_id, appointment_id=appointment_id)
    if appointment_id is None:
        own = own.filter(status=NoteStatus.DRAFT)
    begun: SessionNote | None = own.with_people().latest_first().first()
    return begun


@transaction.atomic
def autosave(*, by: User, note_id: UUID, expected: int, **changes: Any) -> SessionNote:
    """Save a draft; omitted fields keep their value. Saving never changes the appointment itself. Raises NotFound,
    Forbidden for anyone but the author and if the chart is closed, Throttled for too many saves a minute, StaleVersion
    for another version than `expected` and for a finalised note, Invalid, and Conflict for an appointment for which
    this doctor already has a note."""
    _lock_referenced_chart(by, note_id, changes)
    note = _own_note(by, note_id)
    throttling.count_per_minute("autosave", str(note_id), limit=settings.AUTOSAVES_PER_MINUTE)
    if note.status != NoteStatus.DRAFT:
        raise StaleVersion(NOT_A_DRAFT, current=NoteShape.to_dict(note))
    versions.check_version(note, expected, NoteShape.to_dict)
    _write(note, by=by, **changes)
    note.version += 1
    written = {name.removesuffix("_id") for name in changes}
    note.save(update_fields={*written, "version", "updated_at"})
    return note


@transaction.atomic
def finalise(*, by: User, note_id: UUID, expected: int) -> SessionNote:
    """Turn the draft into the note's first version. Raises NotFound, Forbidden for anyone but the author and if the
    chart is closed, StaleVersion, also for a note that is already finalised, and Refusal for an empty note."""
    note = _own_note(by, note_id)
    if note.status != NoteStatus.DRAFT:
        raise StaleVersion(_("This session note is already finalised."), current=NoteShape.to_dict(note))
    versions.check_version(note, expected, NoteShape.to_dict)
    _check_not_empty(note)
    note.status, note.finalised_at, note.version = NoteStatus.FINALISED, timezone.now(), note.version + 1
    note.save(update_fields={"status", "finalised_at", "version", "updated_at"})
    versions.save_version(note, by=by)
    versions.log_event(AuditEvent.NOTE_FINALISED, note)
    return note


@transaction.atomic
def amend_note(*, by: User, note_id: UUID, expected: int, reason: str, **changes: Any) -> SessionNote:
    """Change a finalised note and keep what it said as a version. Raises NotFound, Forbidden, Conflict for a draft,
    Invalid and Conflict like autosave, and what versions.amendment raises."""
    _lock_referenced_chart(by, note_id, changes)
    note: SessionNote = versions.get_entry(SessionNote, by=by, pk=note_id, for_update=True)
    if note.status == NoteStatus.DRAFT:
        raise Conflict(STILL_A_DRAFT)
    with versions.amendment(note, by=by, expected=expected, reason=reason, shape=NoteShape.to_dict):
        _write(note, by=by, **changes)
        _check_not_empty(note)
        note.status = NoteStatus.AMENDED
    return note


def _lock_referenced_chart(by: User, note_id: UUID, changes: dict[str, Any]) -> None:
    """Lock the chart before the note, if the note is to refer to something in it."""
    if changes.get("appointment_id") or changes.get("plan_of_care_id"):
        versions.lock_chart_for(SessionNote, by=by, pk=note_id)


def _own_note(by: User, note_id: UUID) -> SessionNote:
    """Return the note, locked; also that of a doctor who no longer works here. Raises NotFound and Forbidden."""
    note: SessionNote = versions.get_entry(SessionNote, by=by, pk=note_id, for_update=True)
    versions.check_author(by, note.doctor, NOT_AUTHOR)
    return note


def _write(note: SessionNote, *, by: User, **fields: Any) -> None:
    """Set the fields. Raises NotFound for an appointment or a plan that `by` cannot see, Invalid for one of another
    patient. What the note refers to already is accepted, deleted or not: a client saves the whole form."""
    if "date" in fields and fields["date"] != note.date:
        fields["date"] = took_place(fields["date"])
    if fields.get("appointment_id") not in (None, note.appointment_id):
        _check_appointment(note, by, fields["appointment_id"])
    if fields.get("plan_of_care_id") not in (None, note.plan_of_care_id):
        plan = PlanOfCare.objects.visible_to(by).get_or_refuse(pk=fields["plan_of_care_id"])
        _check_same_patient(note, plan, "planId")
    for name, value in fields.items():
        setattr(note, name, value)


def _check_appointment(note: SessionNote, by: User, appointment_id: UUID) -> None:
    """Raise Conflict if the doctor has another note for the appointment. The chart is locked, so of two notes for one
    appointment the second sees the first."""
    _check_same_patient(note, Appointment.objects.visible_to(by).get_or_refuse(pk=appointment_id), "appointmentId")
    others = SessionNote.objects.filter(appointment=appointment_id, doctor=note.doctor_id).exclude(pk=note.pk)
    other = others.values_list("pk", flat=True).first()
    if other:
        raise OtherNote(other)


def _check_same_patient(note: SessionNote, row: Appointment | PlanOfCare, field: str) -> None:
    if row.patient_id != note.patient_id:
        raise Invalid(field, _("This belongs to another patient."))


def _check_not_empty(note: SessionNote) -> None:
    if not any(has_visible(getattr(note, section)) for section in SECTIONS):
        raise Refusal(EMPTY_NOTE)
