"""A list takes as many queries for three rows as for one, at most 6."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.factories import ApiKeyFactory, InvitationFactory, JoinCodeFactory
from appointments.models import TypeOffer, WantedDoctor
from appointments.tests.factories import (
    AppointmentFactory,
    AppointmentTypeFactory,
    ScheduleExceptionFactory,
    SlotOfferFactory,
    WaitingListEntryFactory,
    WorkingHoursFactory,
)
from billing.invoices import services as invoices
from billing.payments import services as payments
from billing.tests.factories import ServiceFactory
from core.tenancy.scope import practice_scope
from notifications.tests.factories import DeliveryFactory, WebhookFactory
from patients.deletion.services import delete
from patients.models import Patient
from patients.tests.chart_with_all import chart_with_all
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.tests.factories import OfficeFactory
from records.tests.factories import (
    LetterTemplateFactory,
    NoteTemplateFactory,
    PhraseFactory,
    consent_template,
)
from tests.guards.rows import clear_caches
from tests.guards.test_routes import GUARDED

LISTS = {
    "api/patients": "/api/patients",
    "api/patients?search": "/api/patients?search=ada%20lovelace",
    "api/patients?cursor": "/api/patients?cursor=",
    "api/patients?incomplete": "/api/patients?incomplete=true",
    "api/doctors": "/api/doctors",
    "api/appointments": "/api/appointments",
    "api/appointments?date": "/api/appointments?date=2030-01-07&status=scheduled",
    "api/appointments?updatedSince": f"/api/appointments?updatedSince={timezone.now():%Y-%m-%dT%H:%MZ}",
    "api/records": "/api/records",
    "api/sessions": "/api/sessions",
    "api/sessions?filters": "/api/sessions?status=finalised&from=2020-01-01&to=2190-01-01",
    "api/attachments": "/api/attachments",
    "api/measures": "/api/measures",
    "api/body-charts": "/api/body-charts",
    "api/plans": "/api/plans",
    "api/plans?status": "/api/plans?status=active",
    "api/offices": "/api/offices",
    "api/forms": "/api/forms",
}
WAITING_LIST = "/api/waiting-list"
QUEUE = "/api/emergency-accesses"
DESK = "/api/registrations"
JOIN_CODES = "/api/join-codes"
API_KEYS = "/api/api-keys"
WEBHOOKS = "/api/webhooks"
DELETED = "/api/deleted"
PEOPLE = ["/api/users", "/api/users?role=patient"]
OWN_SESSIONS = "/api/users/me/sessions"
TRAIL = {
    "api/audit": "/api/audit?limit=100",
    "api/audit?filters": "/api/audit?limit=100&outcome=done&from=2020-01-01&to=2190-01-01",
}
SCHEDULES = [
    *("/api/note-templates", "/api/letter-templates", "/api/phrases", "/api/form-templates"),
    *("/api/appointment-types", "/api/rooms", "/api/working-hours", "/api/schedule-exceptions"),
    *("/api/availability?from=2030-01-07&to=2030-02-07", "/api/availability/next?count=1"),
]
BILLS = ("api/services", "api/invoices", "api/invoices?status=unpaid", "api/payments")
AT_MOST_LIST, AT_MOST_ROW = 6, 4


def queries(client, path):
    """Count the queries of a call with empty caches, the most expensive case."""
    clear_caches()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_query_count_of_lists_is_constant(subtests, as_role, add_rows, role):
    client = as_role(role)
    assert connection.features.supports_json_field  # Django asks SQLite once
    add_rows(1)
    ones = {path: queries(client, path) for path in LISTS.values()}

    add_rows(2)

    for path, one in ones.items():
        with subtests.test(path=path):
            assert queries(client, path) == one
            assert one <= AT_MOST_LIST


def test_query_count_of_the_trail_is_constant(subtests, as_role, add_rows):
    client = as_role("admin")
    client.get("/api/audit")  # an event that names somebody
    ones = {path: queries(client, path) for path in TRAIL.values()}

    add_rows(2)
    client.get("/api/patients")

    for path, one in ones.items():
        with subtests.test(path=path):
            assert queries(client, path) == one
            assert one <= AT_MOST_LIST
            assert queries(client, f"{path}&cursor={client.get(path).json()['events'][0]['id']}") <= AT_MOST_LIST


def test_query_count_of_accesses_is_constant(as_role, practice):
    client, colleague = as_role("admin"), as_role("doctor")
    with practice_scope(practice.pk):
        address = f"/api/patients/{PatientFactory().pk}"
    client.get(address)
    one = queries(client, f"{address}/accesses")

    colleague.get(address)
    colleague.get("/api/patients")

    assert queries(client, f"{address}/accesses") == one
    assert one <= AT_MOST_LIST


def test_restricted_charts_cost_one_more_query(subtests, as_role, add_rows, practice):
    client = as_role("doctor")
    add_rows(1)
    unrestricted = {path: queries(client, path) for path in LISTS.values()}
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)
    ones = {path: queries(client, path) for path in LISTS.values()}

    add_rows(2)
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    for path, one in ones.items():
        with subtests.test(path=path):
            assert queries(client, path) == one
            assert one <= unrestricted[path] + 1


def test_query_count_of_the_emergency_queue_is_constant(as_role, practice, make_user):
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


def test_query_count_of_the_deleted_list_is_constant(as_role, practice, make_user):
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


def test_query_count_of_join_codes_is_constant(as_role, practice, make_user):
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


def test_query_count_of_api_keys_is_constant(as_role, practice, make_user):
    client = as_role("admin")

    def add():
        with practice_scope(practice.pk):
            ApiKeyFactory(made_by=make_user("admin"))

    add()
    one = queries(client, API_KEYS)
    add()
    add()

    assert queries(client, API_KEYS) == one
    assert one <= AT_MOST_LIST


def test_query_count_of_invitations_is_constant(as_role, practice):
    client = as_role("admin")

    def add():
        with practice_scope(practice.pk):
            InvitationFactory(invited_by=client.user)

    add()
    one = queries(client, "/api/invitations")
    add()
    add()

    assert queries(client, "/api/invitations") == one <= AT_MOST_LIST


def test_query_count_of_webhooks_and_their_deliveries_is_constant(as_role, practice):
    client = as_role("admin")

    def add(hook):
        with practice_scope(practice.pk):
            DeliveryFactory(webhook=hook)
            return WebhookFactory()

    with practice_scope(practice.pk):
        hook = WebhookFactory()
    addresses = (WEBHOOKS, f"{WEBHOOKS}/{hook.pk}/deliveries")
    add(hook)
    ones = [queries(client, address) for address in addresses]
    add(hook)
    add(hook)

    assert [queries(client, address) for address in addresses] == ones
    assert max(ones) <= AT_MOST_LIST


@pytest.mark.parametrize("address", PEOPLE)
def test_query_count_of_accounts_is_constant(as_role, practice, make_user, address):
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


def test_query_count_of_own_sessions_is_constant(make_user, client_of):
    user = make_user("staff")
    client = client_of(user)
    one = queries(client, OWN_SESSIONS)

    client_of(user)
    client_of(user)

    assert queries(client, OWN_SESSIONS) == one
    assert one <= AT_MOST_LIST


def test_query_count_of_registrations_is_constant(as_role, practice):
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


@pytest.mark.parametrize("address", SCHEDULES)
def test_query_count_of_schedules_is_constant(as_role, practice, make_user, address):
    client = as_role("admin")

    assert connection.features.supports_json_field  # Django asks SQLite once

    def add():
        doctor = make_user("doctor")
        with practice_scope(practice.pk):
            TypeOffer.objects.create(appointment_type=AppointmentTypeFactory(), doctor=doctor)
            office = OfficeFactory()
            for weekday in range(7):  # or how far there is to look hangs on the day
                WorkingHoursFactory(doctor=doctor, office=office, weekday=weekday)
            ScheduleExceptionFactory(doctor=doctor)
            NoteTemplateFactory(appointment_type=AppointmentTypeFactory())
            LetterTemplateFactory()
            PhraseFactory()
            consent_template(by=doctor)
            AppointmentFactory(doctor=doctor, patient=PatientFactory())

    add()
    one = queries(client, address)
    add()
    add()

    assert queries(client, address) == one
    assert one <= AT_MOST_LIST + 4  # free times: who is asked, five of calendars, the practice


def test_query_count_of_the_waiting_list_is_constant(as_role, practice, make_user):
    client, doctor = as_role("admin"), make_user("doctor")

    def add(number):
        with practice_scope(practice.pk):
            for _ in range(number):
                entry = WaitingListEntryFactory(patient=PatientFactory(), type=AppointmentTypeFactory())
                WantedDoctor.objects.create(entry=entry, doctor=doctor)
                SlotOfferFactory(entry=entry, doctor=doctor)

    addresses = (WAITING_LIST, f"{WAITING_LIST}/matches?doctorId={doctor.pk}&date=2031-01-06T14:00:00Z")
    add(1)
    ones = [queries(client, address) for address in addresses]
    add(2)

    assert [queries(client, address) for address in addresses] == ones
    assert max(ones) <= AT_MOST_LIST + 5  # the matches: the doctor, the practice, its time zone, where they work then


def test_query_count_of_bills_is_constant(as_role, practice, make_user):
    client, biller = as_role("admin"), make_user("billing")

    def add(number):
        with practice_scope(practice.pk):
            for _ in range(number):
                chart, service = PatientFactory(), ServiceFactory()
                draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[{"service_id": service.pk}] * 2)
                invoices.issue(by=biller, invoice_id=draft.pk)
                towards = [{"invoice_id": draft.pk, "amount": Decimal("5.00")}]
                payments.take(
                    by=biller, patient_id=chart.pk, amount=Decimal("9.00"), method="cash", allocations=towards
                )

    add(1)
    ones = [queries(client, f"/{address}") for address in BILLS]
    add(2)

    assert [queries(client, f"/{address}") for address in BILLS] == ones
    assert max(ones) <= AT_MOST_LIST


def test_every_list_has_a_query_count_test():
    lists = {path for path, view in GUARDED if "GET" in view.permissions and "<" not in path}

    counted = {name.partition("?")[0] for name in LISTS | TRAIL}
    counted |= {address.removeprefix("/").partition("?")[0] for address in SCHEDULES}
    others = (QUEUE, DESK, DELETED, JOIN_CODES, API_KEYS, PEOPLE[0], OWN_SESSIONS, WEBHOOKS)
    counted |= {address.removeprefix("/") for address in others} | {"api/invitations"}
    one_thing = {
        "api/users/me",
        "api/practice",
        "api/users/me/mfa",
        "api/dashboard/stats",
        "api/holidays",  # asks no table
        "api/sessions/last-finalised",
        *("api/reports/takings", "api/reports/revenue", "api/reports/unpaid", "api/reports/own-revenue"),  # sums
        *("api/reports/payers", "api/reports/visits"),
        *("api/billing-policy", "api/claims/identities"),
    }
    counted |= {address.partition("?")[0] for address in BILLS}
    counted |= {WAITING_LIST.removeprefix("/"), "api/waiting-list/matches"}
    assert lists == counted | one_thing
