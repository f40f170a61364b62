"""The demo patient's clinical record besides medical records: session notes in each status, a plan of care in progress,
two files, a deleted draft, and what its doctor begins notes with."""

import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from core.encryption.streams import Spool
from demo.cases import cases_of
from patients.deletion.services import delete
from patients.models import Patient
from practices.services import current_practice
from records.attachments.services import add_file
from records.attachments.uploads import Upload
from records.body_charts.services import draw
from records.chart_lists.services import add_entry, change_entry, take_over
from records.measures.services import add_measures
from records.models import LetterTemplate, NoteTemplate, Phrase, PlanOfCare, SessionNote
from records.models.chart_entry import ChartList, Severity
from records.models.measure import Joint, MeasureKind, Movement, Side
from records.models.note import SECTIONS
from records.models.plan import GoalStatus
from records.note_templates.services import create_aid
from records.notes.services import amend_note, create_draft, finalise
from records.plans import services as plans
from records.plans.pdf import plan_pdf

SECTION_MARKS = re.compile(r"\s*\b[SOAP]: ")  # of the sections in a SOAP text
MINUTES = 30
CASE = 1  # index of the chiropractor's case of neck stiffness and headaches
GOALS = (
    {"text": "No headache on most days", "measure": "Days with a headache a week", "target": "one at most"},
    {"text": "Turn the head freely at the wheel", "measure": "Rotation to the right", "target": "70 degrees"},
    {"text": "Work a whole day at the desk", "measure": "Hours without a break for pain", "target": "eight"},
)
LETTERS = (
    {
        "name": "Certificate for work",
        "title": "Certificate of attendance",
        "text": "To whom it may concern\n\nThis is to certify that {patient}, born {date_of_birth}, was treated at "
        "{practice} on {last_visit}.\n\nWork can be resumed on [[day]].",
    },
    {
        "name": "Referral",
        "title": "Referral",
        "text": "To [[colleague]]\n\nThank you for seeing {patient}, born {date_of_birth}.\n\nProblems: {problems}\n"
        "Medications: {medications}\nAllergies: {allergies}\n\nI have treated the patient since {first_visit}. "
        "My question: [[question]]",
    },
)
MARKS = {"back.neck": 7, "back.upper_back": 4, "front.head": 5}
EXERCISES = """Home exercises for the neck

Chin tucks: three times ten, every day.
Get up from the desk for two minutes in each hour.
Heat in the evening, fifteen minutes.
"""


TEMPLATE = {
    "name": "Follow-up of the spine",
    "texts": {"objective": "Rotation right, left:\nTender:\nReflexes:"},
    "prompts": {"subjective": "Better, the same, or worse? Pain from 0 to 10?", "plan": "Exercises, and when again?"},
}
PHRASES = {
    "nka": "No known allergies.",
    "consent": "Risks and alternatives were explained; the patient agrees to treatment.",
    "redflags": "No fever, weight loss, night pain, or loss of bladder or bowel control.",
}


def write_up(chart: Patient, *, doctor: User, desk: User) -> None:
    """Write session notes for the patient's past visits with this doctor; the last stays a draft."""
    visits = list(
        Appointment.objects.filter(patient=chart, doctor=doctor, status=AppointmentStatus.COMPLETED).order_by(
            "starts_at"
        )
    )
    create_aid(NoteTemplate, by=doctor, shared=True, **TEMPLATE)
    for letter in LETTERS:
        create_aid(LetterTemplate, by=doctor, shared=True, **letter)
    for word, text in PHRASES.items():
        create_aid(Phrase, by=doctor, shared=True, word=word, text=text)
    plan = _plan(chart, doctor, visits)
    notes = [_note(visit, doctor, plan) for visit in visits]
    for note in notes[:-1]:
        finalise(by=doctor, note_id=note.pk, expected=note.version)
    amend_note(
        by=doctor,
        note_id=notes[0].pk,
        expected=notes[0].version + 1,
        reason="Wrong side noted",
        objective=notes[0].objective.replace("rotation right", "rotation left"),
    )
    _files(chart, doctor, desk, plan)
    _lists(chart, doctor)
    _measures(chart, doctor, notes)
    mistake = create_draft(by=doctor, patient_id=chart.pk, subjective="Ankle sprain at soccer, walks with a limp.")
    delete(by=doctor, row=mistake, reason="Started in the wrong chart")


def _note(visit: Appointment, doctor: User, plan: PlanOfCare) -> SessionNote:
    _, *texts = SECTION_MARKS.split(cases_of(doctor.specialization)[CASE].notes)
    return create_draft(
        by=doctor,
        patient_id=visit.patient_id,
        date=visit.starts_at,
        duration_minutes=MINUTES,
        appointment_id=visit.pk,
        plan_of_care_id=plan.pk,
        **dict(zip(SECTIONS, texts, strict=True)),
    )


def _plan(chart: Patient, doctor: User, visits: Iterable[Appointment]) -> PlanOfCare:
    today, case = current_practice().today(), cases_of(doctor.specialization)[CASE]
    plan = plans.create_plan(
        by=doctor,
        patient_id=chart.pk,
        title="Headaches from the neck",
        diagnosis=case.diagnosis,
        frequency="Once a week",
        planned_visits=8,
        starts_on=today - timedelta(days=24),
        target_end_on=today + timedelta(days=32),
        goals=[{**goal, "due_on": today + timedelta(days=32)} for goal in GOALS],
    )
    for visit in visits:
        plans.add_appointment(by=doctor, plan_id=plan.pk, appointment_id=visit.pk)
    first, second, _ = plan.goals.order_by("position").values_list("pk", flat=True)
    _add_progress(plan, doctor, first, days_ago=16, text="Three days this week, four before.")
    _add_progress(plan, doctor, second, days_ago=16, text="62 degrees.")
    _add_progress(plan, doctor, second, days_ago=2, text="74 degrees, no pain at the end.", status=GoalStatus.MET)
    return plan


def _add_progress(plan: PlanOfCare, doctor: User, goal_id: UUID, *, days_ago: int, text: str, status: str = "") -> None:
    day = current_practice().today() - timedelta(days=days_ago)
    plans.add_progress(by=doctor, plan_id=plan.pk, goal_id=goal_id, text=text, date=day, status=status)


def _lists(chart: Patient, doctor: User) -> None:
    """What the front desk has taken down as text becomes entries; the doctor adds what the patient told."""
    today = current_practice().today()
    take_over(by=doctor, patient_id=chart.pk)
    add_entry(
        by=doctor,
        patient_id=chart.pk,
        kind=ChartList.ALLERGY,
        text="Latex",
        reaction="Hives",
        severity=Severity.MODERATE,
        code="1003754000",
        code_system="SNOMED CT",
    )
    for kind, values in (
        (ChartList.PROBLEM, {"text": "Cervicogenic headache", "code": "G44.86", "code_system": "ICD-10-CM"}),
        (ChartList.MEDICATION, {"text": "Naproxen", "dose": "250 mg twice a day with food"}),
        (ChartList.MEDICATION, {"text": "Ibuprofen", "dose": "400 mg when needed"}),
    ):
        since = today - timedelta(days=23)
        entry = add_entry(by=doctor, patient_id=chart.pk, kind=kind, since=since, **values)
    ended = today - timedelta(days=16)
    change_entry(by=doctor, entry_id=entry.pk, expected=entry.version, reason="Replaced by naproxen", until=ended)


def _measures(chart: Patient, doctor: User, notes: list[SessionNote]) -> None:
    """What was measured at each visit, and where it hurt at the first."""
    turned: dict[str, Any] = {"joint": Joint.NECK, "movement": Movement.ROTATION, "side": Side.RIGHT}
    for place, note in enumerate(notes):
        taken: list[dict[str, Any]] = [
            {"kind": MeasureKind.PAIN, "value": Decimal(max(2, 7 - 2 * place))},
            {"kind": MeasureKind.BLOOD_PRESSURE, "value": Decimal(132 - 3 * place), "diastolic": Decimal(84 - place)},
            {"kind": MeasureKind.RANGE_OF_MOTION, "value": Decimal(55 + 7 * place), **turned},
        ]
        measures = [{**each, "measured_at": note.date} for each in taken]
        add_measures(by=doctor, patient_id=chart.pk, measures=measures)
    marks = [{"region": region, "sensation": "pain", "level": level} for region, level in MARKS.items()]
    draw(by=doctor, patient_id=chart.pk, marks=marks, drawn_at=notes[0].date)


def _files(chart: Patient, doctor: User, desk: User, plan: PlanOfCare) -> None:
    printed = plan_pdf(plans.get_plan(by=doctor, plan_id=plan.pk), practice=current_practice(), by=doctor)
    for by, name, media_type, content in (
        (doctor, "Plan of care.pdf", "application/pdf", printed),
        (desk, "Home exercises.txt", "text/plain", EXERCISES.encode()),
    ):
        with Spool.throwaway().fill([content]) as spool:
            add_file(by=by, file=Upload(spool, name=name, declared_type=media_type), patient_id=chart.pk)
