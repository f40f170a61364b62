"""Writing session notes (docs/adr/0017): draft, finalised, amended, and never back. Each save says which version it has
read, and the row is locked while that is compared: of two saves of one version exactly one is stored."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment
from appointments.services import EARLIEST, LATEST
from audit.events import Kind
from core.api import limits
from core.errors import Conflict, Invalid, Refusal, Stale
from patients.restriction import check_open
from patients.services import held_chart
from records import versions
from records.models import PlanOfCare, SessionNote
from records.models.note import SECTIONS, Status
from records.note_serializers import NoteShape

NOT_THEIRS = "Only its author writes in a session note."
NO_DRAFT = "This session note is finalised. Amend it instead, with a reason."
STILL_A_DRAFT = "This session note is a draft, which is changed without an amendment."
SAYS_NOTHING = "A session note needs at least one section that says something."


@transaction.atomic
def begin_note(*, by: User, patient_id: UUID, **fields: Any) -> SessionNote:
    """A draft of this doctor's. Raises Missing, Restricted, Invalid, and Conflict like autosave."""
    patient = check_open(by, held_chart(by=by, patient_id=patient_id))
    note = SessionNote(patient=patient, doctor=by)
    _write(note, by=by, **fields)
    note.save()
    return note


@transaction.atomic
def autosave(*, by: User, note_id: UUID, expected: int, **changes: Any) -> SessionNote:
    """Save a draft; the fields that are not named keep what they hold. The appointment that a note names never changes
    by it. Raises Missing, Restricted, Forbidden to all but the author, Throttled for too many saves a minute, Stale
    for another version than `expected` and for a note that is finalised, Invalid, and Conflict for an appointment of
    which this doctor has a note already."""
    _hold_what_is_named(by, note_id, changes)
    note = _own_note(by, note_id)
    limits.spend_a_minute("autosave", str(note_id), most=settings.AUTOSAVES_PER_MINUTE)
    if note.status != Status.DRAFT:
        raise Stale(NO_DRAFT, current=NoteShape.of(note))
    versions.check_version(note, expected, NoteShape.of)
    _write(note, by=by, **changes)
    note.version += 1
    written = {name.removesuffix("_id") for name in changes}
    note.save(update_fields={*written, "version", "updated_at"})
    return note


@transaction.atomic
def finalise(*, by: User, note_id: UUID, expected: int) -> SessionNote:
    """What the draft says now becomes its first version. Raises Missing, Restricted, Forbidden to all but the author,
    Stale, also for a note that is finalised already, and Refusal for one that says nothing."""
    note = _own_note(by, note_id)
    if note.status != Status.DRAFT:
        raise Stale("This session note is finalised already.", current=NoteShape.of(note))
    versions.check_version(note, expected, NoteShape.of)
    _check_says_something(note)
    note.status, note.finalised_at, note.version = Status.FINALISED, timezone.now(), note.version + 1
    note.save(update_fields={"status", "finalised_at", "version", "updated_at"})
    versions.keep(note, by=by)
    versions.tell(Kind.NOTE_FINALISED, note)
    return note


@transaction.atomic
def amend_note(*, by: User, note_id: UUID, expected: int, reason: str, **changes: Any) -> SessionNote:
    """Change a finalised note; what it said stays as a version. Raises Missing, Restricted, Conflict for a draft,
    Invalid and Conflict like autosave, and like versions.amendment."""
    _hold_what_is_named(by, note_id, changes)
    note: SessionNote = versions.opened(SessionNote, by=by, pk=note_id, to_change=True)
    if note.status == Status.DRAFT:
        raise Conflict(STILL_A_DRAFT)
    with versions.amendment(note, by=by, expected=expected, reason=reason, shape=NoteShape.of):
        _write(note, by=by, **changes)
        _check_says_something(note)
        note.status = Status.AMENDED
    return note


def _hold_what_is_named(by: User, note_id: UUID, changes: dict[str, Any]) -> None:
    """The chart, before the note is locked, where the note is to name something of it."""
    if changes.get("appointment_id") or changes.get("plan_of_care_id"):
        versions.hold_chart_of(SessionNote, by=by, pk=note_id)


def _own_note(by: User, note_id: UUID) -> SessionNote:
    """Locked; also that of a doctor who is one here no more. Raises Missing, Restricted, Forbidden."""
    note: SessionNote = versions.opened(SessionNote, by=by, pk=note_id, to_change=True)
    versions.check_author(by, note.doctor, NOT_THEIRS)
    return note


def _write(note: SessionNote, *, by: User, **fields: Any) -> None:
    """Raises Missing for an appointment or a plan that `by` cannot see, Invalid for one of another patient. What the
    note names already stays nameable, deleted or not: a client saves the whole form."""
    if "date" in fields:
        fields["date"] = _checked_date(fields["date"])
    if fields.get("appointment_id") not in (None, note.appointment_id):
        _check_appointment(note, by, fields["appointment_id"])
    if fields.get("plan_of_care_id") not in (None, note.plan_of_care_id):
        plan = PlanOfCare.objects.visible_to(by).found(pk=fields["plan_of_care_id"])
        _check_same_patient(note, plan, "planId")
    for name, value in fields.items():
        setattr(note, name, value)


def _checked_date(date: datetime) -> datetime:
    """The same instant in UTC."""
    if not EARLIEST <= date < LATEST:
        raise Invalid("date", "This is no date of a session.")
    return date.astimezone(UTC)


def _check_appointment(note: SessionNote, by: User, appointment_id: UUID) -> None:
    """Its chart is held, so of two notes of one appointment the second sees the first."""
    _check_same_patient(note, Appointment.objects.visible_to(by).found(pk=appointment_id), "appointmentId")
    others = SessionNote.objects.filter(appointment=appointment_id, doctor=note.doctor_id).exclude(pk=note.pk)
    other = others.values_list("pk", flat=True).first()
    if other:
        raise Conflict(f"You have a session note of this appointment already: {other}.")


def _check_same_patient(note: SessionNote, row: Appointment | PlanOfCare, field: str) -> None:
    if row.patient_id != note.patient_id:
        raise Invalid(field, "This is another patient's.")


def _check_says_something(note: SessionNote) -> None:
    if not any(getattr(note, section).strip() for section in SECTIONS):
        raise Refusal(SAYS_NOTHING)
