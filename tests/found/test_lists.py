"""Kind 12 of issue 11, lists: a row that is deleted between two pages is one never seen, one that is added is seen
twice. Seen in django-rest-framework#6886, koalixcrm#422, cliniko-api#106. A cursor minds neither.

Request lines over 4 KB, the other half of the kind: tests/wire/test_messages.py.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from django.core.signing import Signer
from drf_spectacular.generators import SchemaGenerator

from accounts.models import ApiKey, Invitation, JoinCode, User
from accounts.tests.factories import ApiKeyFactory, InvitationFactory, JoinCodeFactory
from appointments.models import Appointment, ScheduleException, WaitingListEntry, WorkingHours
from appointments.tests.factories import (
    AppointmentFactory,
    ScheduleExceptionFactory,
    WaitingListEntryFactory,
    WorkingHoursFactory,
)
from core.tenancy.scope import practice_scope
from patients.deletion import services as deletions
from patients.models import ChartStatus, Deletion, EmergencyAccess, Patient
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.tests.factories import OfficeFactory
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, PlanFactory, stored_file

LIMIT = 3
NOON = datetime(2026, 11, 2, 17, tzinfo=UTC)
numbers = count()


class Rows:
    """Makes rows of each list, and removes them as somebody else would meanwhile."""

    def __init__(self, practice, make_user):
        self.make_user, self.doctor, self.by = make_user, make_user("doctor"), make_user("admin")
        self.chart, self.office = PatientFactory(), OfficeFactory()

    def add(self, model):
        with_people = {"patient": self.chart, "doctor": self.doctor}
        match model:
            case "chart":
                return PatientFactory(name="Ada Lovelace")
            case "registration":
                return PatientFactory(status=ChartStatus.PENDING)
            case "appointment":
                return AppointmentFactory(**with_people)
            case "record":
                return MedicalRecordFactory(**with_people)
            case "note":  # on three days: most rows share theirs with others
                return FinalisedNoteFactory(**with_people, date=NOON + timedelta(days=next(numbers) % 3))
            case "plan":
                return PlanFactory(**with_people)
            case "file":
                return stored_file(patient=self.chart, uploaded_by=self.doctor)
            case "emergency":
                return EmergencyAccessFactory(patient=self.chart, opened_by=self.make_user("doctor"))
            case "deletion":
                return deletions.delete(by=self.by, row=PatientFactory(), reason="By mistake")
            case "hours":
                return WorkingHoursFactory(doctor=self.make_user("doctor"), office=self.office)
            case "time off":
                return ScheduleExceptionFactory(doctor=self.doctor)
            case "wish":
                return WaitingListEntryFactory(patient=PatientFactory())
            case "join code":
                return JoinCodeFactory(doctor=self.doctor, office=self.office)
            case "API key":
                return ApiKeyFactory(made_by=self.by)
            case "invitation":
                return InvitationFactory(invited_by=self.by)
            case _:
                return self.make_user(model)

    def remove(self, row):
        if isinstance(row, Patient | Appointment | MedicalRecord | SessionNote | PlanOfCare | Attachment):
            deletions.delete(by=self.by, row=row, reason="By mistake")
        elif isinstance(row, Deletion):
            deletions.restore(by=self.by, model=Patient, pk=row.about_id)
        elif isinstance(
            row, User | Invitation | JoinCode | ApiKey | WorkingHours | ScheduleException | WaitingListEntry
        ):
            type(row).objects.filter(pk=row.pk).delete()
        else:
            assert isinstance(row, EmergencyAccess)  # one is never deleted


LISTS = {  # address: what is in it
    "/api/patients": "chart",
    "/api/patients?search=ada": "chart",
    "/api/patients?search=lovelace": "chart",  # more than three letters: decrypted and checked
    "/api/registrations": "registration",
    "/api/appointments": "appointment",
    "/api/appointments?date=2030-01-07": "appointment",
    "/api/records": "record",
    "/api/sessions": "note",
    "/api/plans": "plan",
    "/api/attachments": "file",
    "/api/working-hours": "hours",
    "/api/schedule-exceptions": "time off",
    "/api/waiting-list": "wish",
    "/api/emergency-accesses": "emergency",
    "/api/deleted": "deletion",
    "/api/invitations": "invitation",
    "/api/join-codes": "join code",
    "/api/api-keys": "API key",
    "/api/users?role=staff": "staff",
    "/api/doctors": "doctor",
}


@pytest.fixture
def rows(scope, make_user):
    return Rows(scope, make_user)


@pytest.fixture
def office_manager(as_role):
    return as_role("admin")


def get(client, address, **query):
    path, _, filters = address.partition("?")
    answer = client.get(path, {**dict(parse_qsl(filters)), **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(page):
    (shown,) = [value for value in page.values() if isinstance(value, list)]
    return [row["id"] for row in shown]


def walk(client, address, page):
    """Yield the ids of all pages after this one."""
    while page.get("next"):
        page = get(client, address, limit=LIMIT, cursor=page["next"])
        yield from ids(page)
    assert page["next"] is None


@pytest.fixture(autouse=True)
def in_hours_of_one_day():
    AppointmentFactory.reset_sequence(0)


@pytest.mark.parametrize("address", LISTS)
def test_nothing_is_missed_or_seen_twice_while_others_write(rows, office_manager, address):
    made = {str(rows_pk(row)): row for row in [rows.add(LISTS[address]) for _ in range(8)]}
    everything = ids(get(office_manager, address, limit=100))
    first = get(office_manager, address, limit=LIMIT)
    met = ids(first)

    for pk in met[1:]:  # the row that the cursor was made from is one of them
        if pk in made:
            rows.remove(made.pop(pk))
    added = str(rows_pk(rows.add(LISTS[address])))

    rest = list(walk(office_manager, address, first))
    assert met == everything[:LIMIT]
    assert [pk for pk in rest if pk != added] == everything[LIMIT:]
    assert rest.count(added) <= 1  # it is where the order has it: on a page to come, or one that is over


def rows_pk(row) -> UUID:
    return row.about_id if isinstance(row, Deletion) else row.pk


@pytest.mark.parametrize("address", LISTS)
def test_walk_by_cursor_is_the_list(rows, office_manager, address):
    for _ in range(7):
        rows.add(LISTS[address])
    whole = get(office_manager, address, limit=100)

    page = get(office_manager, address, limit=LIMIT, cursor="")

    assert [*ids(page), *walk(office_manager, address, page)] == ids(whole)
    assert (page["total"], "page" in page) == (whole["total"], False)
    assert "next" not in whole


def test_search_of_notes_has_a_cursor_too(rows, office_manager):
    made = {str(note.pk): note for note in [rows.add("note") for _ in range(8)]}
    body = {"patientId": str(rows.chart.pk), "query": "lumbar", "limit": LIMIT}

    def search(**more):
        answer = office_manager.post("/api/sessions/search", {**body, **more}, content_type="application/json")
        assert answer.status_code == 200
        return answer.json()

    everything = search(limit=100)["sessions"]
    page = search()
    met = list(page["sessions"])
    rows.remove(made[met[-1]["id"]])
    while page.get("next"):
        page = search(cursor=page["next"])
        met += page["sessions"]

    assert [hit["id"] for hit in met] == [hit["id"] for hit in everything]
    assert page["total"] == 7


def test_trail_is_walked_the_same_way(rows, office_manager):
    for _ in range(4):
        office_manager.get(f"/api/patients/{rows.chart.pk}")
    address = f"/api/patients/{rows.chart.pk}/accesses"
    everything = ids(get(office_manager, address, limit=100))

    page = get(office_manager, address, limit=LIMIT, cursor="")

    assert ids(page)[1:] == everything[: LIMIT - 1]  # reading the accesses is one of them
    assert [*ids(page), *walk(office_manager, address, page)][1:] == everything


def test_cursor_that_is_none_of_the_list_is_refused(rows, office_manager, subtests):
    for _ in range(3):
        rows.add("chart")
        rows.add("plan")
    cursor = get(office_manager, "/api/plans", limit=1)["next"]
    other = get(office_manager, "/api/patients", limit=1)["next"]
    forged = Signer(salt="cursor", key="another").sign_object(["2026-11-02", str(rows.chart.pk)])
    for wrong in ("x", "x:y", other, forged, cursor[:-1], "W10:" + cursor, "\N{SNOWMAN}"):
        with subtests.test(wrong=wrong):
            answer = office_manager.get("/api/plans", {"cursor": wrong})

            assert answer.status_code == 400
            assert answer.json()["errors"] == {"cursor": ["This cursor is not valid for this list."]}
    with subtests.test("page and cursor"):
        assert office_manager.get("/api/plans", {"cursor": cursor, "page": "2"}).status_code == 400
    with subtests.test("the order of another list of the same rows"):
        of_day = office_manager.get("/api/appointments?date=2030-01-07", {"cursor": cursor})
        assert of_day.status_code == 400


def test_cursor_shows_no_row_of_another_practice(rows, office_manager, other_practice, as_role):
    for _ in range(2):
        rows.add("chart")
    cursor = get(office_manager, "/api/patients", limit=1)["next"]
    with practice_scope(other_practice.pk):
        theirs = PatientFactory()
    stranger = as_role("admin", practice=other_practice)

    assert set(ids(get(stranger, "/api/patients", cursor=cursor))) <= {str(theirs.pk)}


def test_every_list_that_has_a_limit_has_a_cursor():
    document = SchemaGenerator().get_schema(request=None, public=True)
    operations = [
        (path, {parameter["name"] for parameter in operation.get("parameters", [])})
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method == "get"
    ]
    lists = [path for path, names in operations if "limit" in names]

    assert len(lists) >= 14
    assert lists == [path for path, names in operations if {"limit", "cursor"} <= names]
