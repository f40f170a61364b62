"""Counting: what a session note, a deletion, a declined registration and a merge do to the numbers of the dashboard.

Seen in nametag#77: a count stayed although what it counts was done.
"""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.models import ChartStatus, Patient
from patients.tests.factories import PatientFactory
from records.tests.factories import NoteFactory, PlanFactory

STATS = "/api/dashboard/stats"
SECTIONS = {"subjective": "Sore neck", "assessment": "Strain"}


@pytest.fixture(autouse=True)
def _commit_at_once(monkeypatch):
    """A test's transaction never commits, so cached counts would stay."""
    monkeypatch.setattr(transaction, "on_commit", lambda work, **kwargs: work())


@pytest.fixture
def manager(as_role):
    return as_role("admin")


@pytest.fixture
def desk(as_role):
    return as_role("staff")


@pytest.fixture
def visit(practice, doctor):
    """A visit of last week that took place."""
    with practice_scope(practice.pk):
        return past_visit(PatientFactory(), doctor.user)


def past_visit(chart, doctor, **fields):
    start = timezone.now() - timedelta(days=7)
    times = {"starts_at": start, "ends_at": start + timedelta(minutes=30), "status": "completed"}
    return AppointmentFactory(patient=chart, doctor=doctor, **{**times, **fields})


def send(client, method, path, body=None, *, status):
    answer = getattr(client, method)(path, body or {}, "application/json")
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def change(client, did):
    """By how much each number of this person's dashboard moves."""
    before = client.get(STATS).json()
    did()
    after = client.get(STATS).json()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def write_note(doctor, visit, **fields):
    body = {"patientId": str(visit.patient_id), "appointmentId": str(visit.pk), **SECTIONS, **fields}
    return send(doctor, "post", "/api/sessions", body, status=201)


def finalise(doctor, note):
    send(doctor, "post", f"/api/sessions/{note['id']}/finalise", {"version": note["version"]}, status=200)


def write_record(doctor, visit):
    body = {"patientId": str(visit.patient_id), "diagnosis": "Strain", "prescription": "", "notes": ""}
    return send(doctor, "post", "/api/records", body, status=201)


def test_visit_waits_for_its_note_until_that_is_finalised(doctor, manager, visit):
    notes = []
    assert doctor.get(STATS).json()["pendingReports"] == 1
    assert change(doctor, lambda: notes.append(write_note(doctor, visit))) == {}
    assert change(doctor, lambda: finalise(doctor, notes[0])) == {"pendingReports": -1}
    path = f"/api/sessions/{notes[0]['id']}"
    amendment = {"version": 2, "reason": "Left side", "plan": "Ice"}
    assert change(doctor, lambda: send(doctor, "post", f"{path}/amendments", amendment, status=200)) == {}
    delete, restore = {"reason": "Wrong patient"}, {}
    assert change(doctor, lambda: send(manager, "delete", path, delete, status=200)) == {"pendingReports": 1}
    assert change(doctor, lambda: send(manager, "post", f"{path}/restore", restore, status=200)) == {
        "pendingReports": -1
    }


def test_record_and_note_of_one_visit_count_once(doctor, manager, visit):
    write_record(doctor, visit)
    note = write_note(doctor, visit)
    assert change(doctor, lambda: finalise(doctor, note)) == {}
    record = doctor.get("/api/records").json()["records"][0]["id"]
    delete = {"reason": "Written twice"}
    assert change(doctor, lambda: send(manager, "delete", f"/api/records/{record}", delete, status=200)) == {}
    assert doctor.get(STATS).json()["pendingReports"] == 0


def test_visit_that_a_colleague_wrote_up_is_written_up(doctor, as_role, visit):
    colleague = as_role("doctor")
    note = write_note(colleague, visit)
    assert change(doctor, lambda: finalise(colleague, note)) == {"pendingReports": -1}


def test_note_of_another_visit_leaves_the_first_waiting(doctor, practice, visit):
    with practice_scope(practice.pk):
        other = past_visit(visit.patient, doctor.user, starts_at=timezone.now() - timedelta(days=14))
    finalise(doctor, write_note(doctor, other))
    assert doctor.get(STATS).json()["pendingReports"] == 1


def test_deleted_visit_or_chart_waits_for_nothing(doctor, desk, manager, practice, visit):
    with practice_scope(practice.pk):
        other = past_visit(PatientFactory(), doctor.user, starts_at=timezone.now() - timedelta(days=14))
    delete = {"reason": "By mistake"}
    path = f"/api/appointments/{visit.pk}"
    gone = {"assignedPatients": -1, "pendingReports": -1}
    assert change(doctor, lambda: send(desk, "delete", path, delete, status=200)) == gone
    chart = f"/api/patients/{other.patient_id}"
    assert change(doctor, lambda: send(manager, "delete", chart, delete, status=200)) == gone
    assert change(doctor, lambda: send(manager, "post", f"{chart}/restore", status=200)) == {
        "assignedPatients": 1,
        "pendingReports": 1,
    }


def test_declined_registration_waits_for_nothing_a_merged_one_moves(doctor, desk, practice, subtests):
    for how, moved in [("decline", {"assignedPatients": -1, "pendingReports": -1}), ("merge", {})]:
        with subtests.test(how=how):
            with practice_scope(practice.pk):
                registered, known = PatientFactory(status=ChartStatus.PENDING), PatientFactory()
                past_visit(registered, doctor.user, starts_at=timezone.now() - timedelta(days=20))
            path, body = f"/api/registrations/{registered.pk}/decline", {}
            if how == "merge":
                path, body = f"/api/registrations/{registered.pk}/confirm", {"patientId": str(known.pk)}
            assert change(doctor, lambda p=path, b=body: send(desk, "post", p, b, status=200)) == moved


def test_patient_is_assigned_by_a_note_or_a_plan_too(doctor, practice, subtests):
    for factory in (NoteFactory, PlanFactory):
        with subtests.test(by=factory.__name__):
            with practice_scope(practice.pk):
                chart = PatientFactory()
                path = f"/api/doctors/{doctor.user.pk}"
                before = doctor.get(path).json()["assignedPatients"]
                factory(patient=chart, doctor=doctor.user)
            assert doctor.get(path).json()["assignedPatients"] == before + 1


def test_numbers_are_the_totals_of_the_lists_behind_them(doctor, manager, desk, practice, subtests):
    """After a deletion and a merge, too."""
    with practice_scope(practice.pk):
        charts = [PatientFactory() for _ in range(4)]
        registered = PatientFactory(status=ChartStatus.PENDING)
        for chart in [*charts, registered]:
            AppointmentFactory(patient=chart, doctor=doctor.user)
    send(manager, "delete", f"/api/patients/{charts[0].pk}", {"reason": "Test chart"}, status=200)
    send(desk, "post", f"/api/registrations/{registered.pk}/confirm", {"patientId": str(charts[1].pk)}, status=200)
    for client, number, path in [
        (manager, "totalPatients", "/api/patients"),
        (desk, "managedPatients", "/api/patients"),
        (manager, "totalAppointments", "/api/appointments"),
        (desk, "scheduledAppointments", "/api/appointments?status=scheduled"),
        (desk, "pendingRegistrations", "/api/registrations"),
        (manager, "totalDoctors", "/api/doctors"),
    ]:
        with subtests.test(number=number):
            assert client.get(STATS).json()[number] == client.get(path).json()["total"]


def test_merging_charts_undoing_it_a_no_show_and_a_series_are_counted(doctor, manager, desk, practice, subtests):
    with practice_scope(practice.pk):
        known, twin = PatientFactory(), PatientFactory()
        unwritten = past_visit(twin, doctor.user)
        begun = timezone.now() - timedelta(hours=3)
        times = {"starts_at": begun, "ends_at": begun + timedelta(minutes=30), "status": "scheduled"}
        missed = past_visit(twin, doctor.user, **times)
    booking = {
        "patientId": str(known.pk),
        "doctorId": str(doctor.user.pk),
        "date": "2031-03-03T10:00",
        "reason": "Pain",
    }
    series = {**booking, "unit": "week", "count": 3}
    merge = f"/api/patients/{known.pk}/merge"
    steps = {
        "merged": lambda: send(desk, "post", merge, {"from": str(twin.pk)}, status=200),
        "undone": lambda: send(manager, "post", f"{merge}/undo", {"from": str(twin.pk)}, status=200),
        "written up": lambda: finalise(doctor, write_note(doctor, unwritten)),
        "missed": lambda: send(desk, "post", f"/api/appointments/{missed.pk}/no-show", status=200),
        "series": lambda: send(desk, "post", "/api/appointments/series", series, status=201),
    }
    expected = {
        "merged": {"totalPatients": -1},
        "undone": {"totalPatients": 1},
        "written up": {},
        "missed": {},
        "series": {"totalAppointments": 3},
    }
    pending = []
    for step, did in steps.items():
        with subtests.test(step):
            assert change(manager, did) == expected[step]
            pending.append(doctor.get(STATS).json()["pendingReports"])
            for client, number, path in [
                (manager, "totalPatients", "/api/patients"),
                (desk, "managedPatients", "/api/patients"),
                (manager, "totalAppointments", "/api/appointments"),
                (desk, "scheduledAppointments", "/api/appointments?status=scheduled"),
            ]:
                assert client.get(STATS).json()[number] == client.get(path).json()["total"], number
    assert pending == [1, 1, 0, 0, 0]


def test_today_counts_also_what_it_does_not_show(enter_as, own, monkeypatch):
    """The page lists a hundred appointments; its number is of all."""
    monkeypatch.setattr("dashboard.home.APPOINTMENTS_SHOWN", 1)
    start, _ = own.practice.day_bounds(own.practice.today())
    with practice_scope(own.practice.pk):
        for hour in (8, 9, 10):
            at = start + timedelta(hours=hour)
            AppointmentFactory(patient=own.chart, doctor=own.doctor, starts_at=at, ends_at=at + timedelta(minutes=30))
    page = enter_as("admin").get(reverse("admin:index"))
    assert (page.context["scheduled_today"], len(page.context["appointments"])) == (3, 1)


def test_patients_own_numbers_follow_a_merge_and_a_deletion(as_role, desk, manager, doctor, practice):
    patient = as_role("patient")
    with practice_scope(practice.pk):
        registered = PatientFactory(status=ChartStatus.PENDING, user=patient.user)
        known = PatientFactory()
        AppointmentFactory(patient=known, doctor=doctor.user)
        AppointmentFactory(patient=registered, doctor=doctor.user)
    confirm = f"/api/registrations/{registered.pk}/confirm"
    assert change(patient, lambda: send(desk, "post", confirm, {"patientId": str(known.pk)}, status=200)) == {
        "upcomingAppointments": 1
    }
    with practice_scope(practice.pk):
        first = Appointment.objects.filter(patient=known).first()
        assert Patient.objects.get(pk=registered.pk).merged_into_id == known.pk
    path = f"/api/appointments/{first.pk}"
    assert change(patient, lambda: send(desk, "delete", path, {"reason": "By mistake"}, status=200)) == {
        "upcomingAppointments": -1
    }
