"""What a doctor still owes: drafts, visits without a note, files to look at, plans to review. Each with the day it
is from, or due."""

from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import Case, Min, OuterRef, Subquery, When
from django.db.models.functions import Coalesce, Least

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from core.tenancy.compiled import now
from patients.models import Patient
from records.chart import links
from records.models import Attachment, Goal, PlanOfCare, SessionNote
from records.models.note import SECTIONS, NoteStatus
from records.models.plan import GoalStatus, PlanStatus
from records.notes.due import without_note

MOST = 20


class Owed(NamedTuple):
    """One thing to do: whose, since or until when, and where."""

    row: Any
    day: date | datetime
    address: str

    @property
    def patient(self) -> Patient:
        patient: Patient = self.row.patient
        return patient


class OwedList(NamedTuple):
    shown: list[Owed]
    are_more: bool


def drafts_of(doctor: User) -> OwedList:
    """Return the doctor's own drafts, the oldest first."""
    notes = SessionNote.objects.visible_to(doctor).filter(doctor=doctor, status=NoteStatus.DRAFT)
    rows = notes.with_people().defer(*SECTIONS).order_by("date", "id")
    return _listed(Owed(row, row.date, links.note_address(row.pk)) for row in rows[: MOST + 1])


def visits_without_note(doctor: User) -> OwedList:
    """Return the visits that are done and have no note, the latest first."""
    visits = Appointment.objects.visible_to(doctor).filter(doctor=doctor, status=AppointmentStatus.COMPLETED)
    rows = without_note(visits).filter(starts_at__lte=now()).with_people().order_by("-starts_at", "-id")
    return _listed(Owed(row, row.starts_at, links.new_note_address(row.patient_id, row.pk)) for row in rows[: MOST + 1])


def files_to_look_at(doctor: User) -> OwedList:
    """Return the files of the doctor's own patients that no clinician has opened yet, the oldest first."""
    files = Attachment.objects.visible_to(doctor).unseen().filter(patient__primary_doctor=doctor)
    rows = files.with_people().order_by("id")[: MOST + 1]
    return _listed(Owed(row, row.created_at, links.file_address(row.patient_id, row.pk)) for row in rows)


def plans_to_review(doctor: User, today: date) -> OwedList:
    """Return the doctor's active plans that end, or have an open goal that was due, by today; the longest due first."""
    open_goals = Goal.objects.filter(plan=OuterRef("pk"), status=GoalStatus.OPEN, due_on__lte=today).order_by()
    earliest = open_goals.values("plan").annotate(earliest=Min("due_on")).values("earliest")
    plans = PlanOfCare.objects.visible_to(doctor).filter(doctor=doctor, status=PlanStatus.ACTIVE)
    due = plans.annotate(
        goal_due_on=Subquery(earliest), ended_on=Case(When(target_end_on__lte=today, then="target_end_on"))
    )
    first = Least(Coalesce("goal_due_on", "ended_on"), Coalesce("ended_on", "goal_due_on"))
    due = due.annotate(due_on=first).filter(due_on__isnull=False).with_people().order_by("due_on", "id")
    return _listed(Owed(row, row.due_on, links.plan_address(row.patient_id, row.pk)) for row in due[: MOST + 1])


def _listed(found: Any) -> OwedList:
    rows = list(found)
    return OwedList(rows[:MOST], len(rows) > MOST)
