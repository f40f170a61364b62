"""Restricted charts and breaking the glass: access, expiry, alerts and review."""

from datetime import timedelta

import orjson
import pytest
from django.core import mail
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import EmergencyAccess, Patient
from patients.tests.factories import PatientFactory
from records.models import MedicalRecord
from records.tests.factories import MedicalRecordFactory
from tests import damage

REASON = {"reason": "Found unconscious, allergies unknown"}
OUTSIDERS = ["admin", "doctor", "staff", "billing"]


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    """Run on_commit callbacks, as outside a test."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def treating(as_role):
    """The chart's primary doctor."""
    return as_role("doctor", name="Dr. Grace Chen")


@pytest.fixture
def chart(practice, treating, make_user):
    user = make_user("patient")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Rosa Hidden", restricted=True, primary_doctor=treating.user, user=user)
        AppointmentFactory(patient=chart, doctor=treating.user, reason="Secret reason", notes="Secret notes")
        MedicalRecordFactory(patient=chart, doctor=treating.user, diagnosis="Secret diagnosis")
        other = PatientFactory(name="Paul Plain")
        MedicalRecordFactory(patient=other, doctor=treating.user, diagnosis="Plain diagnosis")
    return chart


def address(chart, tail=""):
    return f"/api/patients/{chart.pk}{tail}"


def break_glass(client, chart, body=REASON):
    return client.post(address(chart, "/emergency-access"), body, content_type="application/json")


def review(client, access_id, **body):
    return client.post(f"/api/emergency-accesses/{access_id}/review", body, content_type="application/json")


def stored(practice):
    with practice_scope(practice.pk):
        return list(EmergencyAccess.objects.order_by("id"))


def end(practice, access_id):
    """Let the access expire."""
    with practice_scope(practice.pk):
        hour_ago = timezone.now() - timedelta(hours=2)
        EmergencyAccess.objects.filter(pk=access_id).update(
            created_at=hour_ago, expires_at=hour_ago + timedelta(hours=1)
        )


def logged(kind):
    return [event for event in whole_trail().order_by("id") if event.kind == kind]


# --- Who sees a restricted chart


def test_patient_and_the_primary_doctor_see_all_of_it(chart, treating, client_of):
    for client in (treating, client_of(chart.user)):
        answer = client.get(address(chart))
        assert answer.status_code == 200
        assert (answer.json()["phone"], answer.json()["restricted"]) == (chart.phone, True)
        assert "Secret diagnosis" in client.get("/api/records").content.decode()
        assert "Secret reason" in client.get("/api/appointments").content.decode()


@pytest.mark.parametrize("role", OUTSIDERS)
def test_nobody_else_opens_it_and_is_told_the_way_in_if_they_have_one(as_role, chart, role):
    client = as_role(role)
    for asked in (address(chart), f"/api/records?patientId={chart.pk}"):
        if role == "billing" and "records" in asked:
            continue
        answer = client.get(asked)
        assert answer.status_code == 403
        assert list(answer.json()) == ["detail"]
        assert ("In an emergency" in answer.json()["detail"]) == (role in ("admin", "doctor"))


@pytest.mark.parametrize("role", OUTSIDERS)
def test_refused_access_logs_the_patient(as_role, chart, role):
    client = as_role(role)
    client.get(address(chart))

    (event,) = logged("chart.read")
    assert (event.outcome, event.user_id, event.about_id) == ("refused", client.user.pk, chart.pk)
    assert orjson.loads(event.patients) == [str(chart.pk)]


@pytest.mark.parametrize("role", OUTSIDERS)
def test_lists_show_its_name_and_nothing_more(as_role, chart, role):
    client = as_role(role)
    row = next(row for row in client.get("/api/patients").json()["patients"] if row["id"] == str(chart.pk))

    assert {**row, "created_at": ""} == {
        "id": str(chart.pk),
        "name": "Rosa Hidden",
        "email": "",
        "phone": "",
        "dateOfBirth": None,
        "gender": "",
        "address": "",
        "created_at": "",
        "restricted": True,
    }


def test_unrestricted_row_matches_the_contract(as_role, chart):
    rows = as_role("staff").get("/api/patients").json()["patients"]
    (plain,) = [row for row in rows if row["name"] == "Paul Plain"]
    assert list(plain) == ["id", "name", "email", "phone", "dateOfBirth", "gender", "address", "created_at"]
    assert plain["phone"]


@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_records_leave_it_out_and_the_total_knows(as_role, chart, role):
    answer = as_role(role).get("/api/records").json()
    assert [row["diagnosis"] for row in answer["records"]] == ["Plain diagnosis"]
    assert answer["total"] == 1


@pytest.mark.parametrize("role", ["admin", "staff", "billing"])
def test_appointments_are_in_the_calendar_without_their_texts(as_role, chart, role):
    (row,) = as_role(role).get("/api/appointments").json()["appointments"]
    assert (row["patientName"], row["reason"], row["notes"]) == ("Rosa Hidden", None, None)


def test_desk_books_moves_and_cancels_without_reading(as_role, chart, treating, practice):
    staff = as_role("staff")
    body = {"patientId": chart.pk, "doctorId": treating.user.pk, "date": "2031-02-03T10:00:00Z", "reason": "Typed"}
    booked = staff.post("/api/appointments", body, content_type="application/json")
    assert (booked.status_code, booked.json()["reason"]) == (201, None)
    place = f"/api/appointments/{booked.json()['id']}"
    for change in ({"date": "2031-02-04T10:00:00Z"}, {"status": "cancelled"}):
        answer = staff.patch(place, change, content_type="application/json")
        assert (answer.status_code, answer.json()["reason"], answer.json()["notes"]) == (200, None, None)

    assert staff.patch(place, {"notes": "Blind"}, content_type="application/json").status_code == 403
    with practice_scope(practice.pk):
        appointment = Appointment.objects.get(pk=booked.json()["id"])
        assert (appointment.reason, appointment.notes, appointment.status) == ("Typed", "", "cancelled")


def test_doctor_without_access_writes_no_record(as_role, chart, practice):
    body = {"patientId": chart.pk, "diagnosis": "Guess", "prescription": "", "notes": ""}
    doctor = as_role("doctor")
    assert doctor.post("/api/records", body, content_type="application/json").status_code == 403
    assert break_glass(doctor, chart).status_code == 201
    assert doctor.post("/api/records", body, content_type="application/json").status_code == 201
    with practice_scope(practice.pk):
        assert MedicalRecord.objects.filter(patient=chart).count() == 2


@pytest.mark.parametrize(
    ("query", "hits"),
    [("rosa", 1), ("Hidden", 1), ("ro", 1), ("555", 0), ("hidden 555", 0), ("@example.org", 0), ("jane", 0)],
)
def test_restricted_chart_is_found_by_its_name_alone(as_role, practice, treating, query, hits):
    with practice_scope(practice.pk):
        PatientFactory(name="Rosa Hidden", restricted=True, email="jane@example.org", phone="+1 555 0100")
    for client in (as_role("staff"), treating):
        answer = client.get("/api/patients", {"search": query}).json()
        assert (answer["total"], len(answer["patients"])) == (hits, hits), query


def test_former_doctor_loses_access_as_primary_doctor(chart, treating, practice, client_of):
    with practice_scope(practice.pk):
        treating.user.role = "staff"
        treating.user.save()
    assert client_of(treating.user).get(address(chart)).status_code == 403


# --- Restricting


def test_admin_and_the_primary_doctor_restrict_and_each_time_it_is_told(as_role, practice, treating):
    with practice_scope(practice.pk):
        chart = PatientFactory(primary_doctor=treating.user)
    for client in (as_role("admin"), treating):
        assert client.put(address(chart, "/restriction")).status_code == 204
        assert client.put(address(chart, "/restriction")).status_code == 204  # again is no error
        assert as_role("staff").get(address(chart)).status_code == 403
        assert treating.delete(address(chart, "/restriction")).status_code == 204
        assert as_role("staff").get(address(chart)).status_code == 200
        last = [logged(kind)[-1] for kind in ("chart.restricted", "chart.unrestricted")]
        assert [event.user_id for event in last] == [client.user.pk, treating.user.pk]
        assert {event.patients for event in last} == {orjson.dumps([str(chart.pk)]).decode()}


@pytest.mark.parametrize(("role", "status"), [("doctor", 403), ("staff", 403), ("billing", 403), ("patient", 403)])
def test_others_neither_restrict_nor_lift(as_role, chart, role, status, practice):
    client = as_role(role)
    with practice_scope(practice.pk):
        plain = PatientFactory()
    assert client.put(address(plain, "/restriction")).status_code == status
    assert client.delete(address(chart, "/restriction")).status_code == status
    with practice_scope(practice.pk):
        assert not Patient.objects.get(pk=plain.pk).restricted
        assert Patient.objects.get(pk=chart.pk).restricted


def test_emergency_access_does_not_allow_lifting_the_restriction(as_role, chart, treating):
    admin = as_role("admin")
    assert admin.delete(address(chart, "/restriction")).status_code == 403
    assert break_glass(admin, chart).status_code == 201
    assert admin.get(address(chart)).status_code == 200
    refused = admin.delete(address(chart, "/restriction"))
    assert (refused.status_code, "Only the primary doctor can lift" in refused.json()["detail"]) == (403, True)
    assert as_role("staff").get(address(chart)).status_code == 403
    assert break_glass(treating, chart).status_code == 409
    assert treating.delete(address(chart, "/restriction")).status_code == 204


def test_new_primary_doctor_with_emergency_access_can_lift_restriction(as_role, chart, practice):
    doctor = as_role("doctor")
    assert break_glass(doctor, chart).status_code == 201
    assert doctor.delete(address(chart, "/restriction")).status_code == 403
    with practice_scope(practice.pk):
        Patient.objects.filter(pk=chart.pk).update(primary_doctor=doctor.user)
    assert doctor.delete(address(chart, "/restriction")).status_code == 204


# --- Breaking the glass


@pytest.mark.parametrize("role", ["admin", "doctor"])
def test_reason_opens_it_to_that_person_for_an_hour(as_role, chart, practice, role):
    client = as_role(role)
    answer = break_glass(client, chart)

    assert answer.status_code == 201
    assert list(answer.json()) == ["id", "patientId", "openedAt", "expiresAt"]
    (access,) = stored(practice)
    assert (access.expires_at - access.created_at).total_seconds() == 3600
    assert (access.reason, access.opened_by_id) == (REASON["reason"], client.user.pk)
    assert client.get(address(chart)).json()["phone"] == chart.phone
    assert client.get("/api/records").json()["total"] == 2
    assert client.get(f"/api/records?patientId={chart.pk}").json()["records"][0]["diagnosis"] == "Secret diagnosis"
    assert "Secret reason" in client.get(f"/api/appointments?doctorId={chart.primary_doctor_id}").content.decode()
    assert as_role(role).get(address(chart)).status_code == 403  # a colleague's glass is whole

    end(practice, access.pk)
    assert client.get(address(chart)).status_code == 403
    assert client.get("/api/records").json()["total"] == 1
    assert break_glass(client, chart).status_code == 201


def test_break_glass_again_returns_the_live_access(as_role, chart, practice):
    doctor = as_role("doctor")
    first, second = break_glass(doctor, chart), break_glass(doctor, chart, {"reason": "Still here"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert [access.reason for access in stored(practice)] == [REASON["reason"]]


def test_break_glass_of_unrestricted_chart_is_a_conflict(as_role, chart, treating, practice):
    with practice_scope(practice.pk):
        plain = PatientFactory()
    assert break_glass(as_role("doctor"), plain).status_code == 409
    assert break_glass(treating, chart).status_code == 409
    assert stored(practice) == []


@pytest.mark.parametrize("role", ["staff", "billing", "patient"])
def test_break_glass_without_permission_is_refused(as_role, chart, role, practice):
    assert break_glass(as_role(role), chart).status_code == 403
    assert stored(practice) == []


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "   x  "}, {"reason": 5555}, {"reason": "x" * 2001}])
def test_reason_is_a_text_of_some_length(as_role, chart, body, practice):
    answer = break_glass(as_role("doctor"), chart, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["reason"])
    assert stored(practice) == []


def test_chart_of_another_practice_is_not_found(as_role, other_practice, make_user):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory(restricted=True)
    admin = as_role("admin")
    assert break_glass(admin, foreign).status_code == 404
    assert admin.put(address(foreign, "/restriction")).status_code == 404


def test_lost_role_ends_emergency_access(as_role, chart, practice, client_of):
    doctor = as_role("doctor")
    break_glass(doctor, chart)
    with practice_scope(practice.pk):
        doctor.user.role = "staff"
        doctor.user.save()
    assert client_of(doctor.user).get(address(chart)).status_code == 403


def test_reads_with_emergency_access_log_it(as_role, chart):
    doctor = as_role("doctor")
    access_id = break_glass(doctor, chart).json()["id"]
    doctor.get(address(chart))
    doctor.get("/api/patients")
    doctor.get("/api/records")
    doctor.get(f"/api/appointments?doctorId={chart.primary_doctor_id}")

    (broken,) = logged("emergency.opened")
    assert (broken.about, broken.about_id, broken.user_id) == ("patients.Patient", chart.pk, doctor.user.pk)
    for event in [broken, *(logged(kind)[0] for kind in ("chart.read", "chart.listed", "record.listed"))]:
        assert orjson.loads(event.details)["emergency"] == [access_id], event.kind
    (seen,) = logged("appointment.listed")
    assert orjson.loads(seen.details)["emergency"] == [access_id]
    body = {"patientId": chart.pk, "diagnosis": "Shock", "prescription": "", "notes": ""}
    assert doctor.post("/api/records", body, content_type="application/json").status_code == 201
    written = [event for event in logged("data.created") if event.about == "records.MedicalRecord" and event.role]
    assert [orjson.loads(event.details).get("emergency") for event in written] == [
        None,  # the record, by django-auditlog
        [access_id],  # by which emergency access it could be written
    ]
    assert not any("unconscious" in event.details for event in whole_trail().all())


# --- Telling and signing off


def test_admins_are_told_by_mail_without_phi(as_role, chart, practice, other_practice, make_user, settings, commits):
    settings.SITE_URL = "https://praxis.example.org"
    admins = [make_user("admin") for _ in range(2)]
    make_user("admin", is_active=False)
    make_user("admin", practice=other_practice)
    doctor = as_role("doctor", name="Dr. House")
    with commits(execute=True):
        access_id = break_glass(doctor, chart).json()["id"]

    (sent,) = mail.outbox
    assert sorted(sent.recipients()) == sorted(admin.email for admin in admins)
    assert sent.to == []  # nobody reads the others' addresses
    assert "Dr. House" in sent.body
    assert f"https://praxis.example.org/admin/patients/emergencyaccess/{access_id}/change/" in sent.body
    for phi in (chart.name, chart.email, chart.phone, REASON["reason"], str(chart.pk)):
        assert phi not in sent.body + sent.subject
    assert stored(chart.practice)[0].alerted_at is not None


def test_mail_server_that_fails_keeps_nobody_from_the_chart(as_role, chart, practice, settings, commits, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nothing listens there
    admin, doctor = as_role("admin"), as_role("doctor")
    with commits(execute=True):
        assert break_glass(doctor, chart).status_code == 201

    assert doctor.get(address(chart)).status_code == 200
    (row,) = admin.get("/api/emergency-accesses").json()["emergencyAccesses"]
    assert row["alertedAt"] is None
    assert "emergency alert not sent" in caplog.text
    assert admin.user.email not in caplog.text


def test_undecryptable_admin_email_does_not_stop_other_alerts(as_role, chart, make_user, commits, caplog):
    lost, told_anyway, doctor = make_user("admin"), make_user("admin"), as_role("doctor")
    damage.lose_key(lost, "email")
    damage.lose_key(doctor.user, "name")
    with commits(execute=True):
        assert break_glass(doctor, chart).status_code == 201

    (sent,) = mail.outbox
    assert sent.recipients() == [told_anyway.email]
    assert "[cannot be decrypted: key 7 is missing] opened a restricted chart" in sent.body
    assert stored(chart.practice)[0].alerted_at is not None
    assert str(lost.pk) in caplog.text


def test_queue_keeps_it_until_another_admin_has_signed_it_off(as_role, chart, practice):
    first, second, doctor = as_role("admin", name="Ann First"), as_role("admin", name="Ben Second"), as_role("doctor")
    by_doctor, by_admin = (break_glass(client, chart).json()["id"] for client in (doctor, first))

    queue = second.get("/api/emergency-accesses?status=open&limit=1").json()
    assert (queue["total"], queue["page"], queue["limit"]) == (2, 1, 1)
    assert [row["id"] for row in queue["emergencyAccesses"]] == [by_admin]
    assert review(first, by_admin).status_code == 403
    assert review(first, by_doctor, note="Called the ER").status_code == 200
    assert review(second, by_doctor).status_code == 409
    signed = review(second, by_admin).json()
    assert (signed["status"], signed["reviewedByName"], signed["note"]) == ("reviewed", "Ben Second", "")
    assert second.get("/api/emergency-accesses?status=open").json()["total"] == 0
    reviewed = second.get("/api/emergency-accesses?status=reviewed").json()["emergencyAccesses"]
    assert [(row["id"], row["note"]) for row in reviewed] == [(by_admin, ""), (by_doctor, "Called the ER")]
    assert {row["reason"] for row in reviewed} == {REASON["reason"]}
    assert [event.user_id for event in logged("emergency.reviewed") if event.outcome == "done"] == [
        first.user.pk,
        second.user.pk,
    ]


def test_signing_off_does_not_close_the_chart_and_the_end_does_not_empty_the_queue(as_role, chart, practice):
    admin, doctor = as_role("admin"), as_role("doctor")
    access_id = break_glass(doctor, chart).json()["id"]
    end(practice, access_id)
    assert admin.get("/api/emergency-accesses?status=open").json()["total"] == 1
    assert review(admin, access_id).status_code == 200


@pytest.mark.parametrize("role", ["doctor", "staff", "billing", "patient"])
def test_only_admins_see_the_queue_and_sign_off(as_role, chart, role):
    access_id = break_glass(as_role("doctor"), chart).json()["id"]
    client = as_role(role)
    assert client.get("/api/emergency-accesses").status_code == 403
    assert review(client, access_id).status_code == 403


def test_another_practices_queue_does_not_exist(as_role, chart, other_practice, make_user, client_of):
    access_id = break_glass(as_role("doctor"), chart).json()["id"]
    stranger = client_of(make_user("admin", practice=other_practice))
    assert stranger.get("/api/emergency-accesses").json()["total"] == 0
    assert review(stranger, access_id).status_code == 404
