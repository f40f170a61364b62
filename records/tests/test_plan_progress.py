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
from records.tests.plans import JSON, amend, logged_events, made, note

# --- Progress


def test_any_doctor_adds_progress_without_amendment(as_role, plan_doctor, plan_chart):
    plan, other = made(plan_doctor, plan_chart), as_role("doctor")

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
    assert plan_doctor.get(f"/api/plans/{plan['id']}/versions").json()["total"] == 1
    assert "6 kg" not in logged_events("data.changed")[-1].details


def test_progress_is_ordered_and_defaults_to_today(plan_doctor, plan_chart, practice):
    plan = made(plan_doctor, plan_chart)
    note(plan_doctor, plan, text="today")
    note(plan_doctor, plan, text="before", date="2026-11-03")

    (seen, _) = plan_doctor.get(f"/api/plans/{plan['id']}").json()["goals"]

    assert [entry["text"] for entry in seen["progress"]] == ["before", "today"]
    assert seen["progress"][1]["date"] == practice.today().isoformat()


def test_progress_counts_met_not_dropped_goals(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart, goals=[{"text": f"Goal {n}"} for n in range(4)])
    note(plan_doctor, plan, 0, status="met")
    now = note(plan_doctor, plan, 1, status="dropped").json()

    assert [goal["status"] for goal in now["goals"]] == ["met", "dropped", "open", "open"]
    assert now["goals"][0]["progress"][0]["status"] == "met"
    progress = now["progress"]
    assert (progress["goals"], progress["goalsMet"], progress["goalsDropped"], progress["percent"]) == (4, 1, 1, 33)


def test_amendment_is_stale_after_goal_status_change(as_role, plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)
    note(as_role("doctor"), plan, status="met")

    answer = amend(plan_doctor, plan, goals=[{"id": plan["goals"][0]["id"], "status": "open", "text": "Lift"}])

    assert answer.status_code == 409
    assert answer.json()["current"]["goals"][0]["status"] == "met"


@pytest.mark.parametrize("day", ["2026-11-01", "to come", "x", "0001-01-01"])
def test_progress_date_out_of_range_is_refused(plan_doctor, plan_chart, practice, day):
    day = (practice.today() + timedelta(days=1)).isoformat() if day == "to come" else day

    answer = note(plan_doctor, made(plan_doctor, plan_chart), date=day)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"date"})


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "t" * 2001}, {"text": 1}, {"text": "t", "status": "x"}])
def test_invalid_progress_is_refused(plan_doctor, plan_chart, body):
    plan = made(plan_doctor, plan_chart)

    answer = plan_doctor.post(f"/api/plans/{plan['id']}/goals/{plan['goals'][0]['id']}/progress", body, JSON)

    assert answer.status_code == 400
    with practice_scope(plan_chart.practice_id):
        assert GoalProgress.objects.count() == 0


@pytest.mark.parametrize("status", ["completed", "discontinued"])
def test_inactive_plan_refuses_progress_until_reactivated(plan_doctor, plan_chart, status):
    over = amend(plan_doctor, made(plan_doctor, plan_chart), status=status).json()

    assert note(plan_doctor, over).status_code == 409
    assert note(plan_doctor, amend(plan_doctor, over, status="active").json()).status_code == 201


def test_goal_of_other_plan_is_404(plan_doctor, plan_chart):
    plan, other = made(plan_doctor, plan_chart), made(plan_doctor, plan_chart)

    assert note(plan_doctor, {**plan, "goals": other["goals"]}).status_code == 404
    assert note(plan_doctor, {**plan, "goals": [{"id": str(uuid4())}]}).status_code == 404


# --- Appointments and sessions


@pytest.fixture
def visit(practice, plan_chart, plan_doctor):
    with practice_scope(practice.pk):
        return AppointmentFactory(patient=plan_chart, doctor=plan_doctor.user)


def link(client, plan, visit, method="put"):
    return getattr(client, method)(f"/api/plans/{plan['id']}/appointments/{visit.pk}", content_type=JSON)


def columns(visit):
    with practice_scope(visit.practice_id):
        return Appointment.objects.filter(pk=visit.pk).values("updated_at", "status", "starts_at", "ends_at").get()


def test_appointment_is_added_and_removed_unchanged(plan_doctor, plan_chart, visit):
    plan, before = made(plan_doctor, plan_chart), columns(visit)
    already = len(whole_trail().filter(about="appointments.Appointment"))

    for _ in ("once", "twice"):
        answer = link(plan_doctor, plan, visit)
        assert (answer.status_code, answer.json()["appointmentIds"]) == (200, [str(visit.pk)])
    assert answer.json()["progress"]["appointmentsToCome"] == 1
    answer = link(plan_doctor, plan, visit, "delete")
    assert (answer.status_code, answer.json()["appointmentIds"]) == (200, [])
    assert link(plan_doctor, plan, visit, "delete").status_code == 404
    assert columns(visit) == before
    assert len(whole_trail().filter(about="appointments.Appointment")) == already


def test_appointment_belongs_to_one_plan(plan_doctor, plan_chart, visit):
    plan, other = made(plan_doctor, plan_chart), made(plan_doctor, plan_chart)
    link(plan_doctor, plan, visit)

    assert link(plan_doctor, other, visit).status_code == 409
    link(plan_doctor, plan, visit, "delete")
    assert link(plan_doctor, other, visit).status_code == 200


def test_appointment_of_other_patient_is_404(plan_doctor, plan_chart, practice):
    with practice_scope(practice.pk):
        theirs = AppointmentFactory(patient=PatientFactory(), doctor=plan_doctor.user)

    assert link(plan_doctor, made(plan_doctor, plan_chart), theirs).status_code == 404


def test_completed_and_upcoming_are_counted(plan_doctor, plan_chart, practice):
    plan = made(plan_doctor, plan_chart)
    now = timezone.now()
    with practice_scope(practice.pk):
        row = PlanOfCare.objects.get()
        for number, status in enumerate(["completed", "completed", "cancelled", "scheduled"]):
            start = now + timedelta(days=number + 1)
            visit = AppointmentFactory(
                patient=plan_chart,
                doctor=plan_doctor.user,
                status=status,
                starts_at=start,
                ends_at=start + timedelta(hours=1),
            )
            PlannedAppointment.objects.create(plan=row, appointment=visit)
        finalised = FinalisedNoteFactory(patient=plan_chart, doctor=plan_doctor.user, plan_of_care=row)
        NoteFactory(patient=plan_chart, doctor=plan_doctor.user, plan_of_care=row)

    shown = plan_doctor.get(f"/api/plans/{plan['id']}").json()

    counted = {"sessions": 1, "appointmentsDone": 2, "appointmentsToCome": 1}
    assert shown["progress"] | counted == shown["progress"]
    assert plan_doctor.get("/api/plans").json()["plans"][0]["progress"] == shown["progress"]
    assert shown["sessionIds"] == [str(finalised.pk)]
    assert len(shown["appointmentIds"]) == 4
