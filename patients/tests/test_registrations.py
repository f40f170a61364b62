"""Confirming, merging, declining and reopening registrations."""

from datetime import date, timedelta

import orjson
import pytest
from django.apps import apps
from django.db.models import ForeignKey
from django.utils import timezone

from accounts.models import LoginSession, User
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.chart_rows import NOT_MERGED, relations_to_move
from patients.models import EmergencyAccess, Patient
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from records.models import MedicalRecord
from records.tests.factories import MedicalRecordFactory

BORN = date(1980, 2, 3)  # as the factory has it
SOON = timezone.now() + timedelta(days=3)
MISSING = {"detail": "Patient not found."}


@pytest.fixture
def newcomer(make_user):
    return make_user("patient", name="Ada Lovelace", email="ada@example.org")


@pytest.fixture
def pending(practice, newcomer, make_user):
    """A registration with a row in every table that can refer to it."""
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        chart = PatientFactory(
            user=newcomer, status="pending", name="Ada Lovelace", phone="555 010 2030", primary_doctor=doctor
        )
        MedicalRecordFactory(patient=chart, doctor=doctor)
        for number, (status, start) in enumerate(
            [("scheduled", SOON), ("scheduled", SOON - timedelta(days=9)), ("completed", SOON - timedelta(days=10))]
        ):
            start += timedelta(hours=number)
            end = start + timedelta(minutes=30)
            AppointmentFactory(patient=chart, doctor=doctor, starts_at=start, ends_at=end, status=status)
    return chart


@pytest.fixture
def known(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Ada Lovelace", phone="")


def settle(client, chart, how="confirm", **body):
    return client.post(f"/api/registrations/{chart.pk}/{how}", body, content_type="application/json")


def now(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


def logged(kind):
    return list(whole_trail().filter(kind=kind, outcome="done"))


# --- Confirm as new


@pytest.mark.parametrize("role", ["admin", "staff"])
@pytest.mark.parametrize("body", [{}, {"patientId": None}])
def test_registration_is_confirmed_as_a_new_chart(as_role, pending, role, body):
    answer = settle(as_role(role), pending, **body)

    pk = str(pending.pk)
    assert (answer.status_code, answer.json()) == (200, {"id": pk, "status": "confirmed", "patientId": pk})
    assert (now(pending).status, now(pending).user_id) == ("confirmed", pending.user_id)
    (event,) = logged("registration.confirmed")
    assert (orjson.loads(event.patients), event.role) == ([pk], role)


@pytest.mark.parametrize("how", ["confirm", "decline", "reopen"])
@pytest.mark.parametrize("role", ["doctor", "billing", "patient"])
def test_only_the_front_desk_handles_registrations(as_role, pending, role, how):
    assert settle(as_role(role), pending, how).status_code == 403
    assert now(pending).status == "pending"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("confirmed", "This registration has already been confirmed."),
        ("declined", "This registration has already been declined."),
        ("merged", "This registration has already been merged into a chart."),
    ],
)
@pytest.mark.parametrize("how", ["confirm", "merge", "decline"])
def test_handled_registration_cannot_be_handled_again(as_role, practice, pending, known, status, sentence, how):
    with practice_scope(practice.pk):
        into = PatientFactory() if status == "merged" else None
        Patient.objects.filter(pk=pending.pk).update(status=status, merged_into=into)

    body = {"patientId": str(known.pk)} if how == "merge" else {}
    answer = settle(as_role("staff"), pending, "decline" if how == "decline" else "confirm", **body)

    assert (answer.status_code, answer.json()) == (409, {"detail": sentence})
    assert now(known).user_id is None


@pytest.mark.parametrize("body", [{"patientId": "x"}, {"patientId": {}}, {"patientId": []}])
def test_invalid_id_is_refused(as_role, pending, body):
    answer = settle(as_role("staff"), pending, **body)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["patientId"])


# --- Merge


def test_merge_moves_the_account_and_all_that_names_the_registration(as_role, practice, pending, known, newcomer):
    answer = settle(as_role("staff"), pending, patientId=str(known.pk))

    ids = [str(pending.pk), str(known.pk)]
    assert answer.json() == {"id": ids[0], "status": "merged", "patientId": ids[1]}
    chart, merged = now(known), now(pending)
    assert (chart.user_id, chart.primary_doctor_id, chart.phone) == (
        newcomer.pk,
        pending.primary_doctor_id,
        "555 010 2030",
    )
    assert (merged.status, merged.merged_into_id, merged.user_id) == ("merged", known.pk, None)
    assert (merged.name, merged.phone, merged.email) == (pending.name, pending.phone, pending.email)
    with practice_scope(practice.pk):
        assert Appointment.objects.filter(patient=known).count() == 3
        assert MedicalRecord.objects.filter(patient=known).count() == 1
    (event,) = logged("registration.merged")
    assert (orjson.loads(event.patients), event.about_id) == (ids, pending.pk)
    assert orjson.loads(event.details) == {"into": ids[1], "because": ["birthDate", "name"]}
    moved = [event for event in logged("data.changed") if event.about == "appointments.Appointment"]
    assert [sorted(orjson.loads(event.patients)) for event in moved] == [sorted(ids)]


def test_merge_keeps_the_charts_own_data(as_role, practice, pending, make_user):
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        known = PatientFactory(phone="555 7777", email="old@example.org", primary_doctor=doctor)

    settle(as_role("admin"), pending, patientId=str(known.pk))

    chart = now(known)
    assert (chart.phone, chart.email, chart.primary_doctor_id) == ("555 7777", "old@example.org", doctor.pk)


@pytest.mark.parametrize(
    ("held", "because"),
    [
        ({"name": "Grace Hopper", "phone": ""}, []),
        ({"name": "Grace Hopper", "phone": "+1 555 010 2030"}, ["phone"]),
        ({"name": "Ada Lovelase", "phone": "555 010 2030", "date_of_birth": BORN}, ["birthDate", "phone", "name"]),
    ],
)
def test_merge_event_lists_the_match_reasons(as_role, practice, pending, held, because):
    with practice_scope(practice.pk):
        known = PatientFactory(**{"date_of_birth": date(1971, 2, 3), **held})

    assert settle(as_role("staff"), pending, patientId=str(known.pk)).status_code == 200

    (event,) = logged("registration.merged")
    assert orjson.loads(event.details)["because"] == because


def test_data_copied_by_a_merge_is_searchable(as_role, pending, known):
    desk = as_role("staff")
    settle(desk, pending, patientId=str(known.pk))

    (found,) = desk.get("/api/patients", {"search": "5550102030"}).json()["patients"]
    assert found["id"] == str(known.pk)


def test_patient_goes_on_with_the_chart_and_its_appointments(client_of, as_role, pending, known, newcomer):
    patient = client_of(newcomer)
    settle(as_role("staff"), pending, patientId=str(known.pk))

    (chart,) = patient.get("/api/patients").json()["patients"]
    assert chart["id"] == str(known.pk)
    assert patient.get("/api/appointments").json()["total"] == 3
    assert patient.get("/api/records").json()["total"] == 1
    assert patient.get(f"/api/patients/{pending.pk}").status_code == 404


def test_chart_that_has_an_account_is_refused(as_role, practice, pending, make_user):
    with practice_scope(practice.pk):
        taken = PatientFactory(user=make_user("patient"))

    answer = settle(as_role("staff"), pending, patientId=str(taken.pk))

    assert (answer.status_code, answer.json()) == (409, {"detail": "This chart already has an account."})
    assert (now(pending).status, now(taken).user_id) == ("pending", taken.user_id)


@pytest.mark.parametrize("status", ["pending", "declined", "merged", "elsewhere"])
def test_only_a_confirmed_chart_of_the_practice_is_merged_into(as_role, practice, other_practice, pending, status):
    with practice_scope(other_practice.pk if status == "elsewhere" else practice.pk):
        into = PatientFactory() if status == "merged" else None
        real = "confirmed" if status == "elsewhere" else status
        other = PatientFactory(status=real, merged_into=into)

    answer = settle(as_role("staff"), pending, patientId=str(other.pk))

    assert (answer.status_code, answer.json()) == (404, MISSING)
    assert now(pending).status == "pending"


def test_registration_is_not_merged_into_itself(as_role, pending):
    assert settle(as_role("staff"), pending, patientId=str(pending.pk)).status_code == 400


def test_registration_without_an_account_is_merged_too(as_role, practice, known):
    with practice_scope(practice.pk):
        pending = PatientFactory(status="pending", user=None)

    assert settle(as_role("staff"), pending, patientId=str(known.pk)).status_code == 200
    assert (now(pending).status, now(known).user_id) == ("merged", None)


@pytest.mark.parametrize("whose", ["registration", "chart"])
@pytest.mark.parametrize("by_emergency", [False, True])
def test_restricted_chart_gets_no_account_by_a_merge(as_role, practice, pending, known, whose, by_emergency):
    desk, closed = as_role("admin"), pending if whose == "registration" else known
    with practice_scope(practice.pk):
        Patient.objects.filter(pk=closed.pk).update(restricted=True)
        if by_emergency:
            EmergencyAccessFactory(patient=closed, opened_by=desk.user)

    answer = settle(desk, pending, patientId=str(known.pk))

    assert answer.status_code == 403
    assert ("Emergency access is not enough for this" in answer.json()["detail"]) == by_emergency
    assert (now(pending).status, now(known).user_id) == ("pending", None)
    (event,) = whole_trail().filter(kind="registration.confirmed")
    assert (event.outcome, orjson.loads(event.patients)) == ("refused", [str(closed.pk)])


def test_emergency_access_stays_with_the_chart_it_opened(as_role, practice, pending, known):
    """If it moved, it would open a chart for which nobody broke the glass."""
    desk = as_role("admin")
    with practice_scope(practice.pk):
        EmergencyAccessFactory(patient=pending, opened_by=desk.user)

    assert settle(desk, pending, patientId=str(known.pk)).status_code == 200

    with practice_scope(practice.pk):
        assert [access.patient_id for access in EmergencyAccess.objects.all()] == [pending.pk]
    (row,) = desk.get("/api/emergency-accesses").json()["emergencyAccesses"]
    assert row["patientName"] == pending.name


def test_every_model_that_names_a_patient_is_moved_or_says_why_not():
    naming = {
        (model, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model is Patient
    }
    moved = {(relation.related_model, relation.field.name) for relation in relations_to_move()}

    assert {one for one in naming if one[0] not in NOT_MERGED} == moved
    assert {model for model, _ in naming} >= set(NOT_MERGED) and all(NOT_MERGED.values())
    assert (Patient, "merged_into") in moved


def test_merge_of_one_that_was_merged_into_follows(as_role, practice, pending, known):
    """It cannot be, as things are; were it so, the earlier one would point where its rows went."""
    with practice_scope(practice.pk):
        earlier = PatientFactory(status="merged", merged_into=pending)

    settle(as_role("staff"), pending, patientId=str(known.pk))

    assert now(earlier).merged_into_id == known.pk


# --- Decline, and taking it up again


def test_declined_registration_loses_account_sessions_and_appointments(
    client_of, as_role, practice, pending, newcomer, django_capture_on_commit_callbacks
):
    patient = client_of(newcomer)
    assert patient.get("/api/users/me").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        answer = settle(as_role("staff"), pending, "decline", reason="twice")

    pk = str(pending.pk)
    assert (answer.status_code, answer.json()) == (200, {"id": pk, "status": "declined", "patientId": pk})
    assert patient.get("/api/users/me").status_code == 401
    with practice_scope(practice.pk):
        assert not User.objects.get(pk=newcomer.pk).is_active
        statuses = dict(Appointment.objects.order_by("starts_at").values_list("starts_at", "status"))
    assert list(statuses.values()) == ["completed", "scheduled", "cancelled"]  # what has passed stays
    assert not LoginSession.objects.live().filter(user=newcomer).exists()
    (event,) = logged("registration.declined")
    assert (orjson.loads(event.patients), orjson.loads(event.details)) == ([pk], {"reason": "twice"})
    (closed,) = logged("account.deactivated")
    assert closed.about_id == newcomer.pk


def test_reason_is_one_of_the_list(as_role, pending):
    desk = as_role("staff")

    assert settle(desk, pending, "decline", reason="Ada was rude").status_code == 400
    assert settle(desk, pending, "decline").status_code == 200


def test_declined_registration_of_staff_keeps_the_account(as_role, practice, pending, newcomer):
    with practice_scope(practice.pk):
        User.objects.filter(pk=newcomer.pk).update(role="staff")

    assert settle(as_role("admin"), pending, "decline").status_code == 200

    with practice_scope(practice.pk):
        assert User.objects.get(pk=newcomer.pk).is_active


def test_declined_registration_is_taken_up_again(client, as_role, pending, known):
    desk = as_role("admin")
    settle(desk, pending, "decline")
    signing_in = {"email": "ada@example.org", "password": "Passw0rd!"}
    assert client.post("/api/auth/login", signing_in, content_type="application/json").status_code == 401

    answer = settle(desk, pending, "reopen")

    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert client.post("/api/auth/login", signing_in, content_type="application/json").status_code == 200
    assert settle(desk, pending, "reopen").status_code == 409
    assert settle(desk, pending, patientId=str(known.pk)).status_code == 200
    assert logged("registration.reopened") and logged("account.reactivated")


def test_desk_does_not_undo_what_the_office_manager_did(client, as_role, pending, newcomer):
    desk, manager = as_role("staff"), as_role("admin")
    answer = manager.patch(f"/api/users/{newcomer.pk}", {"isActive": False}, content_type="application/json")
    assert answer.status_code == 200
    assert settle(desk, pending, "decline").status_code == 200

    assert settle(desk, pending, "reopen").status_code == 403

    assert now(pending).status == "declined"
    signing_in = {"email": "ada@example.org", "password": "Passw0rd!"}
    assert client.post("/api/auth/login", signing_in, content_type="application/json").status_code == 401


@pytest.mark.parametrize("how", ["decline", "reopen"])
@pytest.mark.parametrize("by_emergency", [False, True])
def test_restricted_registration_cannot_be_handled_without_access(
    as_role, practice, pending, newcomer, how, by_emergency
):
    desk, status = as_role("admin"), "pending" if how == "decline" else "declined"
    with practice_scope(practice.pk):
        Patient.objects.filter(pk=pending.pk).update(restricted=True, status=status)
        if by_emergency:
            EmergencyAccessFactory(patient=pending, opened_by=desk.user)

    answer = settle(desk, pending, how)

    assert answer.status_code == 403
    assert ("Emergency access is not enough for this" in answer.json()["detail"]) == by_emergency
    assert now(pending).status == status
    (event,) = whole_trail().filter(outcome="refused")
    assert orjson.loads(event.patients) == [str(pending.pk)]
    with practice_scope(practice.pk):
        assert User.objects.get(pk=newcomer.pk).is_active
