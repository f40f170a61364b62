"""A list asks the database as often for three rows as for one: at most 6 times; a chart at most 4 times."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import JoinCodeFactory
from appointments.tests.factories import AppointmentFactory
from core import redis
from core.tenancy import practice_scope
from patients.deletions import delete
from patients.models import Patient
from patients.tests.chart_with_all import chart_with_all
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.tests.factories import OfficeFactory
from records.tests.factories import FinalisedNoteFactory, GoalFactory, MedicalRecordFactory, PlanFactory, stored_file
from tests.guards.test_routes import GUARDED

LISTS = {
    "api/patients": "/api/patients",
    "api/patients?search": "/api/patients?search=ada%20lovelace",
    "api/doctors": "/api/doctors",
    "api/appointments": "/api/appointments",
    "api/appointments?date": "/api/appointments?date=2030-01-07&status=scheduled",
    "api/records": "/api/records",
    "api/sessions": "/api/sessions",
    "api/sessions?filters": "/api/sessions?status=finalised&from=2020-01-01&to=2190-01-01",
    "api/attachments": "/api/attachments",
    "api/plans": "/api/plans",
    "api/plans?status": "/api/plans?status=active",
    "api/offices": "/api/offices",
}
QUEUE = "/api/emergency-accesses"
DESK = "/api/registrations"
JOIN_CODES = "/api/join-codes"
DELETED = "/api/deleted"
PEOPLE = ["/api/users", "/api/users?role=patient"]
OWN_SESSIONS = "/api/users/me/sessions"
TRAIL = {
    "api/audit": "/api/audit?limit=100",
    "api/audit?filters": "/api/audit?limit=100&outcome=done&from=2020-01-01&to=2190-01-01",
}
AT_MOST_LIST, AT_MOST_ROW = 6, 4


def queries(client, path):
    """With nothing remembered: the dearest call there is."""
    cache.clear()
    if redis.configured():
        redis.client().flushdb()
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.fixture
def add_rows(practice, make_user):
    def add(number, user=None):
        with practice_scope(practice.pk):
            for _ in range(number):
                doctor = make_user("doctor")
                chart = PatientFactory(name="Ada Lovelace", user=user)
                mine = doctor if user is None else user
                office = OfficeFactory()
                AppointmentFactory(patient=chart, doctor=doctor if mine.role != "doctor" else mine, office=office)
                MedicalRecordFactory(patient=chart, doctor=doctor)
                FinalisedNoteFactory(patient=chart, doctor=doctor)
                GoalFactory(plan=PlanFactory(patient=chart, doctor=doctor))
                stored_file(patient=chart, uploaded_by=doctor)

    return add


@pytest.mark.parametrize("path", LISTS.values(), ids=list(LISTS))
@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_a_list_costs_the_same_whatever_its_length(as_role, add_rows, path, role):
    client = as_role(role)
    add_rows(1)
    one = queries(client, path)

    add_rows(2)

    assert queries(client, path) == one
    assert one <= AT_MOST_LIST


@pytest.mark.parametrize("path", TRAIL.values(), ids=list(TRAIL))
def test_the_trail_costs_the_same_whatever_its_length(as_role, add_rows, path):
    client = as_role("admin")
    client.get(path)  # an event that names somebody
    one = queries(client, path)

    add_rows(2)
    client.get("/api/patients")

    assert queries(client, path) == one
    assert one <= AT_MOST_LIST
    assert queries(client, f"{path}&cursor={client.get(path).json()['events'][0]['id']}") <= AT_MOST_LIST


def test_a_charts_accesses_cost_the_same_whatever_their_number(as_role, practice):
    client, colleague = as_role("admin"), as_role("doctor")
    with practice_scope(practice.pk):
        address = f"/api/patients/{PatientFactory().pk}"
    client.get(address)
    one = queries(client, f"{address}/accesses")

    colleague.get(address)
    colleague.get("/api/patients")

    assert queries(client, f"{address}/accesses") == one
    assert one <= AT_MOST_LIST


@pytest.mark.parametrize("path", LISTS.values(), ids=list(LISTS))
def test_restricted_charts_on_a_page_cost_one_more_however_many(as_role, add_rows, practice, path):
    client = as_role("doctor")
    add_rows(1)
    unrestricted = queries(client, path)
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)
    one = queries(client, path)

    add_rows(2)
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert queries(client, path) == one
    assert one <= unrestricted + 1


def test_the_queue_of_emergencies_costs_the_same_whatever_its_length(as_role, practice, make_user):
    client = as_role("admin")

    def add():
        with practice_scope(practice.pk):
            chart = PatientFactory(restricted=True)
            EmergencyAccessFactory(patient=chart, opened_by=make_user("doctor"))

    add()
    one = queries(client, QUEUE)
    add()
    add()

    assert queries(client, QUEUE) == one
    assert one <= AT_MOST_LIST


def test_the_list_of_the_deleted_costs_the_same_whatever_its_length(as_role, practice, make_user):
    client = as_role("admin")

    def add():
        with practice_scope(practice.pk):
            made, other = (chart_with_all(make_user("doctor")) for _ in range(2))
            for row in (made.appointment, made.record, made.session, made.plan, made.attachment, other.patient):
                delete(by=client.user, row=row, reason="By mistake")

    add()
    one = queries(client, DELETED)
    add()
    add()

    assert queries(client, f"{DELETED}?limit=100") == one
    assert one <= AT_MOST_LIST


def test_join_codes_cost_the_same_whatever_their_number(as_role, practice, make_user):
    client = as_role("admin")

    def add():
        with practice_scope(practice.pk):
            JoinCodeFactory(doctor=make_user("doctor"), office=OfficeFactory())

    add()
    one = queries(client, JOIN_CODES)
    add()
    add()

    assert queries(client, JOIN_CODES) == one
    assert one <= AT_MOST_LIST


@pytest.mark.parametrize("address", PEOPLE)
def test_the_practices_accounts_cost_the_same_whatever_their_number(as_role, practice, make_user, address):
    client = as_role("admin")

    def add():
        with practice_scope(practice.pk):
            PatientFactory(user=make_user("patient"))
            PatientFactory(user=make_user("patient"), restricted=True)
        make_user("staff")

    add()
    one = queries(client, address)
    add()
    add()

    assert queries(client, address) == one
    assert one <= AT_MOST_LIST


def test_ones_sessions_cost_the_same_whatever_their_number(make_user, client_of):
    user = make_user("staff")
    client = client_of(user)
    one = queries(client, OWN_SESSIONS)

    client_of(user)
    client_of(user)

    assert queries(client, OWN_SESSIONS) == one
    assert one <= AT_MOST_LIST


def test_the_registrations_desk_costs_the_same_whatever_its_length(as_role, practice):
    client = as_role("staff")

    def add(**fields):
        with practice_scope(practice.pk):
            PatientFactory(name="Ada Lovelace", **fields)
            PatientFactory(name="Ada Lovelace", status="pending")

    add()
    one = queries(client, DESK)
    add(restricted=True)
    add(restricted=True)

    assert queries(client, DESK) == one + 1  # restricted charts cost one more, however many
    assert one <= AT_MOST_LIST


def test_every_list_is_counted_here():
    lists = {path for path, view in GUARDED if "GET" in view.permissions and "<" not in path}

    counted = {name.partition("?")[0] for name in LISTS | TRAIL}
    counted |= {address.removeprefix("/") for address in (QUEUE, DESK, DELETED, JOIN_CODES, PEOPLE[0], OWN_SESSIONS)}
    one_thing = {"api/users/me", "api/users/me/mfa", "api/dashboard/stats", "api/sessions/last-finalised"}
    assert lists == counted | one_thing


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_a_chart_costs_at_most_four(as_role, practice, role):
    with practice_scope(practice.pk):
        chart = PatientFactory()

    assert queries(as_role(role), f"/api/patients/{chart.pk}") <= AT_MOST_ROW


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing", "patient"])
def test_ones_account_costs_at_most_four_and_a_dashboard_at_most_eight(as_role, role):
    client = as_role(role)

    assert queries(client, "/api/users/me") <= AT_MOST_ROW
    assert queries(client, "/api/dashboard/stats") <= 8
