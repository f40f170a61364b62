"""GET and PATCH /api/practice: what each role is shown, and whose change counts."""

import pytest

from practices.models import Practice
from practices.serializers import PracticeBrief, PracticeShape
from tests.admin_forms import send

BOOKING = {"maxUpcomingAppointments", "bookingMonthsAhead", "bookingNoticeHours", "sameDayBooking", "cancellationHours"}
BRIEF = {"id", "name", "timezone", "appointmentMinutes", *BOOKING}
WHOLE = BRIEF | {"currency", "paymentDays", "doctorsSeeRevenue"}
WHOLE |= {"twoFactorRequired", "doctorsSeeDrafts", "retentionYears", "version"}
JSON = "application/json"


@pytest.fixture
def admin(as_role):
    return as_role("admin")


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_whoever_works_here_sees_the_settings(as_role, role):
    answer = as_role(role).get("/api/practice")

    assert (answer.status_code, set(answer.json()), answer["ETag"]) == (200, WHOLE, '"1"')


def test_patient_sees_what_concerns_them(as_role, practice):
    Practice.objects.update(max_upcoming_appointments=2)

    answer = as_role("patient").get("/api/practice")

    assert (answer.status_code, set(answer.json())) == (200, BRIEF)
    assert answer.json()["name"] == practice.name
    assert answer.json()["maxUpcomingAppointments"] == 2


def test_schema_says_who_sees_what(anonymous):
    schema = anonymous.get("/api/schema").json
    answer = schema["paths"]["/api/practice"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    shapes = schema["components"]["schemas"]
    shown = [shapes[one["$ref"].rpartition("/")[2]] for one in shapes[answer["$ref"].rpartition("/")[2]]["anyOf"]]

    assert [set(shape["properties"]) for shape in shown] == [WHOLE, BRIEF]
    assert [set(shape["required"]) for shape in shown] == [WHOLE, BRIEF]


def test_version_grows_with_each_change(admin):
    changed = admin.patch("/api/practice", {"bookingMonthsAhead": 6}, JSON, headers={"If-Match": '"1"'})
    same = admin.patch("/api/practice", {"bookingMonthsAhead": 6, "version": 2}, JSON)

    assert (changed.status_code, changed["ETag"], changed.json()["version"]) == (200, '"2"', 2)
    assert (same.status_code, same["ETag"]) == (200, '"2"')


@pytest.mark.parametrize("said", ["header", "body"])
def test_stale_version_is_refused_with_the_current_settings(admin, as_role, said):
    how = {"headers": {"If-Match": '"1"'}} if said == "header" else {}
    body = {"version": 1} if said == "body" else {}
    as_role("admin").patch("/api/practice", {"currency": "EUR"}, JSON)

    refused = admin.patch("/api/practice", {"currency": "CHF", **body}, JSON, **how)

    assert refused.status_code == 409
    assert refused.json()["current"] == admin.get("/api/practice").json()
    assert refused.json()["current"]["currency"] == "EUR"


def test_version_alone_changes_nothing(admin):
    answer = admin.patch("/api/practice", {"version": 1}, JSON)

    assert (answer.status_code, answer.json()["errors"]) == (400, {"name": ["Send at least one field to change."]})


def test_a_change_on_the_page_counts_too(enter_as, practice, admin):
    send(enter_as("admin"), practice, currency="EUR")

    assert admin.patch("/api/practice", {"currency": "CHF", "version": 1}, JSON).status_code == 409


def test_every_setting_is_shown_to_somebody():
    shown = {field.source or name for name, field in PracticeShape().fields.items()}
    columns = {field.name for field in Practice._meta.concrete_fields}

    of_the_site = {"language"}  # of pages and emails
    assert columns - shown == {"created_at", "updated_at", "join_code", "join_code_index", *of_the_site}
    assert set(PracticeBrief().fields) == BRIEF
