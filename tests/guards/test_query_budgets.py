"""What one request may ask the database: a chart takes at most 4 queries, a daily list compiles none."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import LoginSession
from appointments.tests.factories import WorkingHoursFactory
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from tests.guards.test_queries import AT_MOST_ROW, queries


@pytest.mark.parametrize("is_own, times", [(False, 1), (True, 0)])
def test_booking_reads_offices_once(as_role, practice, make_user, is_own, times):
    """The doctor's own comes with the doctor."""
    client = as_role("staff")
    with practice_scope(practice.pk):
        office, chart = OfficeFactory(), PatientFactory()
        doctor = make_user("doctor", office=office if is_own else OfficeFactory())
        for weekday in range(7):
            WorkingHoursFactory(doctor=doctor, office=office, weekday=weekday)
    at_three = f"{timezone.localdate() + timedelta(days=30)}T15:00:00Z"
    visit = {"patientId": chart.pk, "doctorId": doctor.pk, "date": at_three, "reason": "Check-up"}

    with CaptureQueriesContext(connection) as asked:
        booked = client.post("/api/appointments", visit, content_type="application/json")

    assert booked.json()["officeId"] == str(office.pk)
    assert sum('FROM "practices_office"' in query["sql"] for query in asked) == times


@pytest.mark.parametrize("has_hours", [True, False])
def test_booking_reads_the_office_that_is_asked_for_before_it_locks(as_role, practice, make_user, has_hours):
    client = as_role("staff")
    with practice_scope(practice.pk):
        office, chart = OfficeFactory(), PatientFactory()
        doctor = make_user("doctor", office=OfficeFactory())
        for weekday in range(7):
            WorkingHoursFactory(doctor=doctor, office=office if has_hours else doctor.office, weekday=weekday)
    at_three = f"{timezone.localdate() + timedelta(days=30)}T15:00:00Z"
    visit = {"patientId": chart.pk, "doctorId": doctor.pk, "date": at_three, "reason": "Check-up"}

    with CaptureQueriesContext(connection) as asked:
        booked = client.post("/api/appointments", {**visit, "officeId": office.pk}, content_type="application/json")

    assert booked.json()["officeId"] == str(office.pk)
    read = [query["sql"] for query in asked]
    offices = [number for number, sql in enumerate(read) if 'FROM "practices_office"' in sql]
    chart_lock = next(number for number, sql in enumerate(read) if 'FROM "patients_patient"' in sql)
    assert len(offices) == 1 and offices[0] < chart_lock


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_chart_takes_at_most_four_queries(as_role, practice, role):
    with practice_scope(practice.pk):
        chart = PatientFactory()

    assert queries(as_role(role), f"/api/patients/{chart.pk}") <= AT_MOST_ROW


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing", "patient"])
def test_account_takes_at_most_four_queries_and_dashboard_eight(as_role, role):
    client = as_role(role)

    assert queries(client, "/api/users/me") <= AT_MOST_ROW
    assert queries(client, "/api/dashboard/stats") <= 8


COMPILED = {
    "staff": ["/api/patients", "/api/appointments", "/api/appointments?date=2030-01-07", "/api/patients/{chart}"],
    "doctor": ["/api/records", "/api/records?patientId={chart}", "/api/sessions", "/api/plans", "/api/appointments"],
}


@pytest.mark.parametrize("role", COMPILED)
def test_daily_lists_compile_no_query_from_the_second_request_on(subtests, as_role, add_rows, role, monkeypatch):
    """See core/tenancy/compiled.py. Without Redis the session is looked up by an ordinary query."""
    client, compiled = as_role(role), []
    add_rows(3)
    with practice_scope(client.user.practice_id):
        chart = Patient.objects.newest_first()[0].pk
    as_sql = SQLCompiler.as_sql

    def counted(compiler, *given, **named):
        compiled.append(compiler.query.model)
        return as_sql(compiler, *given, **named)

    monkeypatch.setattr(SQLCompiler, "as_sql", counted)
    for path in COMPILED[role]:
        with subtests.test(path=path):
            assert client.get(path.format(chart=chart)).status_code == 200
            compiled.clear()
            assert client.get(path.format(chart=chart)).status_code == 200
            assert [model for model in compiled if model is not LoginSession] == []
