"""Audit events written by actions through the API, the admin site, commands and bulk writes (45 CFR
164.312(b)); and that nothing is done or shown where it cannot be written."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from uuid import UUID

import orjson
import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit import context, log
from audit.context import NoOrigin, Origin
from audit.events import AuditEvent
from audit.models import Subject
from audit.tests.whole_trail import record, whole_trail
from core.tenancy.managers import PracticeQuerySet
from core.tenancy.scope import installation_scope, practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Practice
from records.tests.factories import MedicalRecordFactory

trail_statement = log._statement
FIRST = UUID("01890000-0000-7000-8000-000000000001")
CHART = {
    "name": "Zebulon Quartermain",
    "email": "zebulon@example.com",
    "phone": "+1 555 777 8899",
    "dateOfBirth": "1961-03-09",
    "gender": "male",
    "address": "9 Obsidian Row",
    "allergies": "Penicillin-marked",
}


def events(**lookups):
    return list(whole_trail().filter(**lookups).order_by("id"))


def fields_of(event):
    return orjson.loads(event.details)["fields"]


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Ada Lovelace")


def test_new_chart_is_logged_with_its_fields_and_without_a_value(as_role, practice):
    staff = as_role("staff")

    chart_id = post(staff, "/api/patients", CHART).json()["id"]

    (event,) = events(kind=AuditEvent.CREATED, about="patients.Patient")
    assert (str(event.about_id), orjson.loads(event.patients)) == (chart_id, [chart_id])
    assert {"name", "email", "phone", "date_of_birth", "address", "allergies"} <= set(fields_of(event))
    assert (event.user_id, event.role, event.practice_id) == (staff.user.pk, "staff", practice.pk)
    stored = [str(value) for row in whole_trail().values_list() for value in row]
    for value in CHART.values():
        assert not any(value in text for text in stored)


def test_change_is_logged_with_the_fields_that_changed(as_role, practice, make_user, chart):
    with practice_scope(practice.pk):
        appointment = AppointmentFactory(patient=chart, doctor=make_user("doctor"))
    staff = as_role("staff")

    address = f"/api/appointments/{appointment.pk}"
    assert staff.patch(address, {"status": "cancelled"}, content_type="application/json").status_code == 200

    (event,) = events(kind=AuditEvent.CHANGED, about="appointments.Appointment")
    assert fields_of(event) == ["cancelled_at", "cancelled_late", "status"]
    assert orjson.loads(event.patients) == [str(chart.pk)]


def test_change_without_effect_is_logged_as_it_shows_the_patient(as_role, practice, make_user, chart):
    with practice_scope(practice.pk):
        appointment = AppointmentFactory(patient=chart, doctor=make_user("doctor"))

    as_role("staff").patch(
        f"/api/appointments/{appointment.pk}", {"status": "scheduled"}, content_type="application/json"
    )

    (event,) = events(kind=AuditEvent.CHANGED, about="appointments.Appointment")
    assert orjson.loads(event.patients) == [str(chart.pk)]
    assert orjson.loads(event.details) == {}


def test_delete_is_logged(practice, chart):
    with practice_scope(practice.pk):
        chart_id = chart.pk
        chart.delete()

    (event,) = events(kind=AuditEvent.DELETED)
    assert (event.about, event.about_id) == ("patients.Patient", chart_id)
    assert event.agent == "manage.py test"


def test_bulk_writes_are_logged_with_whom_they_touched(practice, make_user):
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        charts = [PatientFactory.build(practice=practice) for _ in range(3)]
        Patient.objects.bulk_create(charts)
        Patient.objects.filter(pk__in=[charts[0].pk, charts[1].pk]).update(primary_doctor=doctor)
        charts[2].phone = "555 0199"
        Patient.objects.bulk_update([charts[2]], ["restricted"])

    told = events(about="patients.Patient")
    assert [(event.kind, orjson.loads(event.details)) for event in told] == [
        (AuditEvent.CREATED, {"count": 3}),
        (AuditEvent.CHANGED, {"count": 2, "fields": ["primary_doctor"]}),
        (AuditEvent.CHANGED, {"count": 1, "fields": ["restricted"]}),
    ]
    named = [set(orjson.loads(event.patients)) for event in told]
    assert named == [{str(chart.pk) for chart in some} for some in (charts, charts[:2], charts[2:])]
    with practice_scope(practice.pk):
        assert Subject.objects.filter(practice_id=practice.pk, patient_id=charts[0].pk).count() == 2


def test_row_moved_to_another_patient_names_both(practice, make_user, chart):
    with practice_scope(practice.pk):
        other = PatientFactory()
        appointment = AppointmentFactory(patient=chart, doctor=make_user("doctor"))
        chart.appointments.update(patient=other)
        appointment.refresh_from_db()
        appointment.patient = chart
        appointment.save()

    moved = events(kind=AuditEvent.CHANGED, about="appointments.Appointment")
    both = {str(chart.pk), str(other.pk)}
    assert [set(orjson.loads(event.patients)) for event in moved] == [both, both]


def test_bulk_write_that_hides_what_it_did_is_refused(practice, chart):
    with practice_scope(practice.pk):
        for hiding in ({"ignore_conflicts": True}, {"update_conflicts": True, "unique_fields": ["id"]}):
            with pytest.raises(FieldError):
                Patient.objects.bulk_create([PatientFactory.build(practice=practice)], **hiding)


def test_bulk_write_to_accounts_of_all_practices_is_logged(make_user):
    user = make_user("staff")

    User.all_practices.filter(pk=user.pk).update(department="Archive")

    (event,) = events(kind=AuditEvent.CHANGED, about="accounts.User")
    assert orjson.loads(event.details) == {"count": 1, "fields": ["department"]}


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_bulk_write_changes_only_the_rows_it_names(practice, chart, monkeypatch):
    """A row that is committed between looking and writing is either left alone or named."""
    lock = PracticeQuerySet._lock_rows

    def lock_and_add_another(rows):
        found = lock(rows)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(add_chart, practice).result()
        return found

    monkeypatch.setattr(PracticeQuerySet, "_lock_rows", lock_and_add_another)
    with practice_scope(practice.pk):
        assert Patient.objects.update(restricted=True) == 1
        assert Patient.objects.filter(restricted=False).count() == 1

    (event,) = events(kind=AuditEvent.CHANGED, about="patients.Patient")
    assert orjson.loads(event.patients) == [str(chart.pk)]


def add_chart(practice):
    with practice_scope(practice.pk):
        PatientFactory(gender="female")
    connection.close()


def test_refusal_by_role_names_the_patient_of_the_chart(as_role, chart):
    as_role("billing").get(f"/api/patients/{chart.pk}/accesses")

    (event,) = events(outcome="refused")
    assert orjson.loads(event.patients) == [str(chart.pk)]


def test_event_that_the_database_drops_is_an_error(db, monkeypatch):
    monkeypatch.setattr(log, "_statement", lambda: f"{trail_statement()} ON CONFLICT DO NOTHING")
    monkeypatch.setattr(log, "_event_id", lambda at: FIRST)
    with installation_scope():
        log.record(AuditEvent.CHART_READ, practice_id=None)

        with pytest.raises(log.AuditLogUnavailable):
            log.record(AuditEvent.CHART_READ, practice_id=None)


def test_bulk_delete_logs_each_row(practice, make_user, chart):
    with practice_scope(practice.pk):
        for _ in range(2):
            AppointmentFactory(patient=chart, doctor=make_user("doctor"))
        Appointment.objects.all().delete()

    assert [event.about for event in events(kind=AuditEvent.DELETED)] == ["appointments.Appointment"] * 2


def test_command_is_named(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("Passw0rd!long\n"))
    arguments = ["Riverside", "--timezone", "UTC", "--admin-email", "m@example.org", "--password-stdin"]
    call_command("create_practice", *arguments)

    told = events(kind=AuditEvent.CREATED)
    assert {event.about for event in told} == {"practices.Practice", "accounts.User"}
    assert {event.agent for event in told} == {"manage.py test"}
    assert {event.user_id for event in told} == {None}


@pytest.mark.slow  # seeds the demo
def test_seed_logs_every_row(db):
    call_command("seed", "--patients", "40", "--password", "Passw0rd!long")

    with practice_scope(Practice.objects.get().pk):
        named = Subject.objects.values_list("patient_id", flat=True)
        assert set(Patient.objects.values_list("pk", flat=True)) <= set(named)


def test_search_is_logged_with_its_hits_and_without_its_words(as_role, chart):
    as_role("doctor").get("/api/patients?search=lovel")

    (event,) = events(kind=AuditEvent.CHARTS_SEARCHED)
    assert orjson.loads(event.details) == {"hits": 1, "page": 1, "limit": 10}
    assert orjson.loads(event.patients) == [str(chart.pk)]
    assert not any("lovel" in str(value) for row in whole_trail().values_list() for value in row)


def test_looking_up_the_records_of_a_patient_without_any_is_logged(as_role, chart):
    as_role("doctor").get(f"/api/records?patientId={chart.pk}")

    (event,) = events(kind=AuditEvent.RECORDS_LISTED)
    assert orjson.loads(event.patients) == [str(chart.pk)]


def test_unknown_patient_in_a_body_is_logged_as_refused(as_role, other_practice):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()

    answer = post(
        as_role("doctor"),
        "/api/records",
        {"patientId": str(foreign.pk), "diagnosis": "x", "prescription": "", "notes": ""},
    )

    assert answer.status_code == 404
    (event,) = events(outcome="refused")
    assert (event.about, event.about_id) == ("patients.Patient", foreign.pk)


# --- In the transaction of what it tells


def test_change_and_its_event_are_rolled_back_together(practice, chart):
    before = whole_trail().count()

    with pytest.raises(RuntimeError), practice_scope(practice.pk), transaction.atomic():
        chart.name = "Somebody Else"
        chart.save()
        assert whole_trail().count() == before + 1
        raise RuntimeError("half-way")

    assert whole_trail().count() == before


@pytest.fixture
def break_the_trail(monkeypatch):
    """From the call on nothing can be written into the trail."""

    def break_it():
        monkeypatch.setattr(log, "_statement", lambda: "INSERT INTO no_such_table VALUES (" + "%s, " * 16 + "%s)")

    return break_it


@pytest.mark.django_db(transaction=True)
def test_read_that_cannot_be_logged_is_not_answered(as_role, practice, make_user, chart, break_the_trail, subtests):
    client = as_role("doctor")
    with practice_scope(practice.pk):
        MedicalRecordFactory(patient=chart, doctor=make_user("doctor"), diagnosis="Lovelace syndrome")
    break_the_trail()

    for path in ["/api/patients", "/api/patients?search=ada", "/api/patients/{}", "/api/records"]:
        with subtests.test(path=path):
            answer = client.get(path.format(chart.pk))

            assert answer.status_code == 503
            assert set(answer.json()) == {"detail"}
            assert "Lovelace" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_change_that_cannot_be_logged_is_not_made(as_role, practice, break_the_trail):
    client = as_role("staff")
    break_the_trail()

    assert post(client, "/api/patients", CHART).status_code == 503

    with practice_scope(practice.pk):
        assert not Patient.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_refusal_that_cannot_be_logged_is_not_answered(as_role, chart, break_the_trail):
    client = as_role("patient")
    break_the_trail()

    assert client.get(f"/api/patients/{chart.pk}").status_code == 503


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["/admin/", "/admin/patients/patient/", "/admin/patients/patient/{}/change/"])
def test_admin_page_that_cannot_be_logged_is_not_shown(client, make_user, chart, break_the_trail, page):
    client.force_login(make_user("admin"))
    break_the_trail()

    answer = client.get(page.format(chart.pk))

    assert answer.status_code == 503
    assert "Lovelace" not in answer.content.decode()


def test_event_without_a_context_is_an_error(db, monkeypatch):
    monkeypatch.setattr(context, "_process", None)

    with pytest.raises(NoOrigin):
        record(AuditEvent.CHART_READ, practice_id=None)


def test_user_agent_is_truncated(db):
    with context.coming_from(Origin(agent="x\x00" * 400)):
        record(AuditEvent.CHART_READ, practice_id=None)

    assert whole_trail().get(kind=AuditEvent.CHART_READ).agent == "x" * 255


def test_keys_sort_by_time(db):
    for _ in range(50):
        record(AuditEvent.CHART_READ, practice_id=None)

    moments = list(whole_trail().filter(kind=AuditEvent.CHART_READ).order_by("id").values_list("id", "at"))
    for key, at in moments:
        assert int(key.hex[:12], 16) == int(at.timestamp() * 1000)
    assert [at.replace(microsecond=at.microsecond // 1000 * 1000) for _, at in moments] == sorted(
        at.replace(microsecond=at.microsecond // 1000 * 1000) for _, at in moments
    )


def test_logging_a_read_costs_one_statement(as_role, chart):
    client = as_role("doctor")
    client.get(f"/api/patients/{chart.pk}")
    with CaptureQueriesContext(connection) as captured:
        client.get(f"/api/patients/{chart.pk}")

    assert [query["sql"].startswith("INSERT INTO audit_event") for query in captured].count(True) == 1
