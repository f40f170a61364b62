"""Progress of a plan of care's goals, and the appointments and session notes that belong to it. Through the API."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import GoalProgress, PlannedAppointment, PlanOfCare
from records.tests.factories import FinalisedNoteFactory, NoteFactory
from records.tests.test_plans import JSON, amend, chart, doctor, logged_events, made, note

__all__ = ["chart", "doctor"]


# --- Progress


def test_any_doctor_adds_progress_without_amendment(as_role, doctor, chart):
    plan, other = made(doctor, chart), as_role("doctor")

    answer = note(other, plan, text="6 kg without pain", date="2026-11-05")

    now = answer.json()
    assert answer.status_code == 201
    assert now["goals"][0]["progress"] == [
        {
            "date": "2026-11-05",
            "authorId": str(other.user.pk),
            "authorName": other.user.name,
            "text": "6 kg without pain",
            "status": None,
            "value": None,
        }
    ]
    assert (now["version"], now["amendedAt"]) == (1, None)
    assert doctor.get(f"/api/plans/{plan['id']}/versions").json()["total"] == 1
    assert "6 kg" not in logged_events("data.changed")[-1].details


def test_progress_is_ordered_and_defaults_to_today(doctor, chart, practice):
    plan = made(doctor, chart)
    note(doctor, plan, text="today")
    note(doctor, plan, text="before", date="2026-11-03")

    (seen, _) = doctor.get(f"/api/plans/{plan['id']}").json()["goals"]

    assert [entry["text"] for entry in seen["progress"]] == ["before", "today"]
    assert seen["progress"][1]["date"] == practice.today().isoformat()


def test_progress_counts_met_not_dropped_goals(doctor, chart):
    plan = made(doctor, chart, goals=[{"text": f"Goal {n}"} for n in range(4)])
    note(doctor, plan, 0, status="met")
    now = note(doctor, plan, 1, status="dropped").json()

    assert [goal["status"] for goal in now["goals"]] == ["met", "dropped", "open", "open"]
    assert now["goals"][0]["progress"][0]["status"] == "met"
    progress = now["progress"]
    assert (progress["goals"], progress["goalsMet"], progress["goalsDropped"], progress["percent"]) == (4, 1, 1, 33)


def test_amendment_is_stale_after_goal_status_change(as_role, doctor, chart):
    plan = made(doctor, chart)
    note(as_role("doctor"), plan, status="met")

    answer = amend(doctor, plan, goals=[{"id": plan["goals"][0]["id"], "status": "open", "text": "Lift"}])

    assert answer.status_code == 409
    assert answer.json()["current"]["goals"][0]["status"] == "met"


@pytest.mark.parametrize("day", ["2026-11-01", "to come", "x", "0001-01-01"])
def test_progress_date_out_of_range_is_refused(doctor, chart, practice, day):
    day = (practice.today() + timedelta(days=1)).isoformat() if day == "to come" else day

    answer = note(doctor, made(doctor, chart), date=day)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"date"})


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "t" * 2001}, {"text": 1}, {"text": "t", "status": "x"}])
def test_invalid_progress_is_refused(doctor, chart, body):
    plan = made(doctor, chart)

    answer = doctor.post(f"/api/plans/{plan['id']}/goals/{plan['goals'][0]['id']}/progress", body, JSON)

    assert answer.status_code == 400
    with practice_scope(chart.practice_id):
        assert GoalProgress.objects.count() == 0


@pytest.mark.parametrize("status", ["completed", "discontinued"])
def test_inactive_plan_refuses_progress_until_reactivated(doctor, chart, status):
    over = amend(doctor, made(doctor, chart), status=status).json()

    assert note(doctor, over).status_code == 409
    assert note(doctor, amend(doctor, over, status="active").json()).status_code == 201


def test_goal_of_other_plan_is_404(doctor, chart):
    plan, other = made(doctor, chart), made(doctor, chart)

    assert note(doctor, {**plan, "goals": other["goals"]}).status_code == 404
    assert note(doctor, {**plan, "goals": [{"id": str(uuid4())}]}).status_code == 404


# --- Appointments and sessions


@pytest.fixture
def visit(practice, chart, doctor):
    with practice_scope(practice.pk):
        return AppointmentFactory(patient=chart, doctor=doctor.user)


def link(client, plan, visit, method="put"):
    return getattr(client, method)(f"/api/plans/{plan['id']}/appointments/{visit.pk}", content_type=JSON)


def columns(visit):
    with practice_scope(visit.practice_id):
        return Appointment.objects.filter(pk=visit.pk).values("updated_at", "status", "starts_at", "ends_at").get()


def test_appointment_is_added_and_removed_unchanged(doctor, chart, visit):
    plan, before = made(doctor, chart), columns(visit)
    already = len(whole_trail().filter(about="appointments.Appointment"))

    for _ in ("once", "twice"):
        answer = link(doctor, plan, visit)
        assert (answer.status_code, answer.json()["appointmentIds"]) == (200, [str(visit.pk)])
    assert answer.json()["progress"]["appointmentsToCome"] == 1
    answer = link(doctor, plan, visit, "delete")
    assert (answer.status_code, answer.json()["appointmentIds"]) == (200, [])
    assert link(doctor, plan, visit, "delete").status_code == 404
    assert columns(visit) == before
    assert len(whole_trail().filter(about="appointments.Appointment")) == already


def test_appointment_belongs_to_one_plan(doctor, chart, visit):
    plan, other = made(doctor, chart), made(doctor, chart)
    link(doctor, plan, visit)

    assert link(doctor, other, visit).status_code == 409
    link(doctor, plan, visit, "delete")
    assert link(doctor, other, visit).status_code == 200


def test_appointment_of_other_patient_is_404(doctor, chart, practice):
    with practice_scope(practice.pk):
        theirs = AppointmentFactory(patient=PatientFactory(), doctor=doctor.user)

    assert link(doctor, made(doctor, chart), theirs).status_code == 404


def test_completed_and_upcoming_are_counted(doctor, chart, practice):
    plan = made(doctor, chart)
    now = timezone.now()
    with practice_scope(practice.pk):
        row = PlanOfCare.objects.get()
        for number, status in enumerate(["completed", "completed", "cancelled", "scheduled"]):
            start = now + timedelta(days=number + 1)
            visit = AppointmentFactory(
                patient=chart, doctor=doctor.user, status=status, starts_at=start, ends_at=start + timedelta(hours=1)
            )
            PlannedAppointment.objects.create(plan=row, appointment=visit)
        finalised = FinalisedNoteFactory(patient=chart, doctor=doctor.user, plan_of_care=row)
        NoteFactory(patient=chart, doctor=doctor.user, plan_of_care=row)

    shown = doctor.get(f"/api/plans/{plan['id']}").json()

    counted = {"sessions": 1, "appointmentsDone": 2, "appointmentsToCome": 1}
    assert shown["progress"] | counted == shown["progress"]
    assert doctor.get("/api/plans").json()["plans"][0]["progress"] == shown["progress"]
    assert shown["sessionIds"] == [str(finalised.pk)]
    assert len(shown["appointmentIds"]) == 4
