"""PostgreSQL need not plan a statement of a list or a chart anew (docs/adr/0033): each is one that the connection has
prepared. Whether it keeps a plan is PostgreSQL's to say, by what plans cost and rows were counted; here it must."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

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
NO_QUERIES = ("SAVEPOINT", "RELEASE")


def runs_of_kept_plans():
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements")
        return cursor.fetchone()[0]


def planned_anew(client, path):
    """Count the statements that are planned in every call, after calls like it. Some are sent once in a while, such as
    that a session is in use."""
    for _ in range(UNTIL_PREPARED):
        assert client.get(path).status_code == 200
    return min(planned_in_call(client, path) for _ in range(3))


def planned_in_call(client, path):
    before = runs_of_kept_plans()
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
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
            assert planned_anew(client, path) == expected
    assert LISTS.keys() | TRAIL.keys() > PLANNED_ANEW.keys()
