"""PostgreSQL need not plan a statement of a list, a chart, a new one or a booking anew (docs/adr/0033): each is one
that the connection has prepared. Whether it keeps a plan is PostgreSQL's to say, by what plans cost and rows were
counted; here it must."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import FinalisedNoteFactory, GoalFactory, MedicalRecordFactory, PlanFactory
from tests.guards.test_queries import LISTS, TRAIL

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]  # five calls of every list
UNTIL_PREPARED = 2  # sent once, prepared when sent again
PLANNED_ANEW = {
    "api/patients?search": (1, "the best plan for a rare word is not that for a common one"),
}
LOCK = 1  # its name is too long for a plan of its own, and it takes no planning
NO_QUERIES = ("SAVEPOINT", "RELEASE", "SET CONSTRAINTS")


def runs_of_kept_plans():
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements")
        return cursor.fetchone()[0]


def planned_anew(call):
    """Count the statements that are planned in every call, after calls like it. Some are sent once in a while, such as
    that a session is in use."""
    for _ in range(UNTIL_PREPARED):
        assert call().status_code in (200, 201)
    return min(planned_in_call(call) for _ in range(3))


def planned_in_call(call):
    before = runs_of_kept_plans()
    with CaptureQueriesContext(connection) as captured:
        call()
    asked = sum(not query["sql"].startswith(NO_QUERIES) for query in captured)
    assert asked > 0
    return asked - (runs_of_kept_plans() - before)


@pytest.fixture
def chart(practice, make_user):
    with practice_scope(practice.pk):
        doctor, chart = make_user("doctor"), PatientFactory(name="Ada Lovelace")
        AppointmentFactory(patient=chart, doctor=doctor)
        MedicalRecordFactory(patient=chart, doctor=doctor)
        FinalisedNoteFactory(patient=chart, doctor=doctor)
        GoalFactory(plan=PlanFactory(patient=chart, doctor=doctor))
        return chart


def test_lists_are_not_planned_anew(subtests, as_role, chart, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    client = as_role("admin")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    of_chart = {"a chart": f"/api/patients/{chart.pk}", "its records": f"/api/records?patientId={chart.pk}"}
    for name, path in (LISTS | TRAIL | of_chart).items():
        with subtests.test(path=path):
            expected, _ = PLANNED_ANEW.get(name, (0, ""))
            assert planned_anew(lambda path=path: client.get(path)) == expected
    assert LISTS.keys() | TRAIL.keys() > PLANNED_ANEW.keys()


def test_new_chart_is_not_planned_anew(as_role, chart, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    client, numbers = as_role("staff"), itertools.count(1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")

    def open_chart():
        number = next(numbers)
        person = {"name": "Grace Hopper", "email": f"grace{number}@example.com", "phone": f"+1 212 555 {number:04}"}
        person |= {"dateOfBirth": f"1950-01-{number:02}", "gender": "female", "address": "1 Main Street"}
        return client.post("/api/patients", person, content_type="application/json")

    assert planned_anew(open_chart) == 0


def test_booking_is_not_planned_anew(as_role, chart, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    client, numbers = as_role("staff"), itertools.count(1)
    with practice_scope(chart.practice_id):
        doctor_id = User.objects.filter(role=Role.DOCTOR).values_list("pk", flat=True)[0]
    start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")

    def book():
        date = (start + timedelta(hours=next(numbers))).isoformat()
        visit = {"patientId": chart.pk, "doctorId": doctor_id, "date": date, "reason": "Check-up"}
        return client.post("/api/appointments", visit, content_type="application/json")

    assert planned_anew(book) == LOCK
