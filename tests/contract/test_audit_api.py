"""GET /api/audit: reading the audit trail."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from accounts.models import User
from audit.events import AuditEvent, Outcome
from audit.tests.whole_trail import record
from tests.contract.clinic import NOBODY

AUDIT = "/api/audit"
EVENT_FIELDS = [
    *("id", "at", "event", "label", "outcome", "user", "apiKey", "email", "patients"),
    *("about", "aboutId", "address", "agent"),
    *("requestId", "details"),
]


def accesses(chart):
    return f"/api/patients/{chart}/accesses"


def events(clinic, **query):
    answer = clinic.admin.get(AUDIT, **{"limit": 100, **query})
    assert answer.status == 200, answer
    return answer.json["events"]


def all_pages(caller, path, listed, **query):
    """Return all pages of a list; each but the last is full."""
    found, limit = [], query["limit"]
    while True:
        answer = caller.get(path, **query)
        assert answer.status == 200, answer
        page, following = answer.json[listed], answer.json["next"]
        found += page
        if following is None:
            return found
        assert len(page) == limit
        query["cursor"] = following


def test_event_says_who_what_whom_when_and_from_where(clinic):
    chart, doctor = clinic.chart()["id"], clinic.hire("doctor", name="Dr. Grace Chen")
    answer = doctor.request("GET", f"/api/patients/{chart}", headers={"User-Agent": "Chart reader 1.0"})

    (event,) = events(clinic, user=doctor.id, event="chart.read")

    assert list(event) == EVENT_FIELDS
    assert event["user"] == {"id": doctor.id, "name": "Dr. Grace Chen", "role": "doctor"}
    assert (event["event"], event["label"], event["outcome"]) == ("chart.read", "Chart opened", "done")
    assert (event["patients"], event["about"], event["aboutId"]) == ([chart], "patients.Patient", chart)
    assert (event["address"], event["agent"]) == ("127.0.0.1", "Chart reader 1.0")
    assert event["requestId"] == answer.headers["X-Request-ID"]
    assert (event["email"], event["details"]) == (None, {})
    assert abs(datetime.fromisoformat(event["at"]) - datetime.now(UTC)) < timedelta(minutes=1)


class TestTheFilters:
    def test_patient(self, clinic):
        mine = clinic.chart()["id"]
        other = clinic.chart(name="Nora Quist", phone="+1 555 010 2031", dateOfBirth="1979-03-08")["id"]
        for chart in (mine, other, mine):
            clinic.doctor.get(f"/api/patients/{chart}")

        found = events(clinic, patient=mine)

        assert [event["event"] for event in found] == ["chart.read", "chart.read", "data.created"]
        assert all(event["patients"] == [mine] for event in found)

    def test_user(self, clinic):
        first, second = clinic.hire("doctor"), clinic.hire("doctor")
        first.get("/api/patients")
        second.get("/api/records")

        assert "chart.listed" in {event["event"] for event in events(clinic, user=first.id)}
        assert {event["user"]["id"] for event in events(clinic, user=second.id) if event["user"]} == {second.id}
        assert "chart.listed" not in {event["event"] for event in events(clinic, user=second.id)}

    def test_event_and_outcome(self, clinic):
        doctor = clinic.hire("doctor")
        doctor.get(f"/api/patients/{NOBODY}")
        doctor.get(f"/api/patients/{clinic.chart()['id']}")

        refused = events(clinic, user=doctor.id, event="chart.read", outcome="refused")

        assert [(event["aboutId"], event["details"]) for event in refused] == [(NOBODY, {"status": 404})]
        assert [event["outcome"] for event in events(clinic, user=doctor.id, event="chart.read")] == ["done", "refused"]
        assert events(clinic, user=doctor.id, event="record.read") == []

    def test_from_is_included_and_to_is_not(self, clinic):
        doctor = clinic.hire("doctor")
        for _ in range(3):
            doctor.get("/api/patients")
        last, middle, first = events(clinic, user=doctor.id, event="chart.listed")

        def between(**span):
            return events(clinic, user=doctor.id, event="chart.listed", **span)

        assert between(**{"from": middle["at"]}) == [last, middle]
        assert between(to=middle["at"]) == [first]
        assert between(**{"from": first["at"], "to": last["at"]}) == [middle, first]
        assert between(**{"from": "1950-01-01", "to": "2190-01-01"}) == [last, middle, first]
        assert between(to="1950-01-01") == []

    def test_microsecond_apart(self, clinic):
        doctor = clinic.hire("doctor")
        doctor.get("/api/patients")
        (event,) = events(clinic, user=doctor.id, event="chart.listed")
        after = (datetime.fromisoformat(event["at"]) + timedelta(microseconds=1)).isoformat()

        assert events(clinic, user=doctor.id, event="chart.listed", **{"from": after}) == []
        assert events(clinic, user=doctor.id, event="chart.listed", to=after) == [event]

    def test_all_at_once(self, clinic):
        chart, doctor = clinic.chart()["id"], clinic.hire("doctor")
        doctor.get(f"/api/patients/{chart}")
        (event,) = events(clinic, user=doctor.id, event="chart.read")
        everything = {"patient": chart, "user": doctor.id, "event": "chart.read", "outcome": "done", "to": "2190-01-01"}

        assert events(clinic, **everything, **{"from": event["at"]}) == [event]
        assert events(clinic, **{**everything, "user": clinic.staff.id}) == []
        assert events(clinic, **{**everything, "patient": clinic.chart()["id"]}) == []


def test_day_is_the_practices_own(clinic):
    """The contract has no route that sets a practice's time zone."""
    from practices.models import Practice
    from practices.services import practice_with_code

    practice = practice_with_code(clinic.join_code)
    Practice.objects.filter(pk=practice.pk).update(timezone="Pacific/Kiritimati")  # UTC+14
    doctor = clinic.hire("doctor")
    doctor.get("/api/patients")
    (event,) = events(clinic, user=doctor.id, event="chart.listed")
    local = datetime.fromisoformat(event["at"]) + timedelta(hours=14)
    today, tomorrow = local.date(), local.date() + timedelta(days=1)

    def listed(**span):
        return events(clinic, user=doctor.id, event="chart.listed", **span)

    assert listed(**{"from": str(today), "to": str(today)}) == [event]
    assert listed(**{"from": event["at"], "to": str(today)}) == [event]
    assert listed(**{"from": str(tomorrow)}) == []
    assert listed(to=str(today - timedelta(days=1))) == []
    assert listed(to=f"{today}T00:00") == []
    assert listed(**{"from": f"{local:%Y-%m-%dT%H:%M}"}) == [event]  # without an offset: local


def test_invalid_filter_is_named(clinic, subtests):
    for query, field in [
        ({"patient": "me"}, "patient"),
        ({"patient": "\x00"}, "patient"),
        ({"user": "1" * 500}, "user"),
        ({"user": "null"}, "user"),
        ({"event": "chart.eaten"}, "event"),
        ({"event": "Chart opened"}, "event"),
        ({"event": "chart.read\x00"}, "event"),
        ({"outcome": "DONE"}, "outcome"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-01-01\x00"}, "from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "9999-12-31T23:59:59-12:00"}, "to"),
        ({"to": "9" * 500}, "to"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01"}, "to"),
        ({"from": "2026-01-01T10:00:00.000001Z", "to": "2026-01-01T10:00:00Z"}, "to"),
        ({"from": "2026-01-01T10:00:00Z", "to": "2026-01-01T10:00:00Z"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"cursor": "next"}, "cursor"),
        ({"cursor": "0"}, "cursor"),
        ({"cursor": NOBODY}, "cursor"),
    ]:
        with subtests.test(query=query, field=field):
            answer = clinic.admin.get(AUDIT, **query)

            assert (answer.status, set(answer.json["errors"])) == (400, {field})


@pytest.mark.parametrize("value", ["yesterday", "2026-02-30"])
def test_span_formats_are_documented(clinic, value):
    answer = clinic.admin.get(AUDIT, to=value)

    said = "Enter a date (YYYY-MM-DD) or a date and time (YYYY-MM-DDThh:mm:ss, with or without an offset)."
    assert answer.json["errors"] == {"to": [said]}


def test_filter_that_is_empty_is_named(clinic):
    before = events(clinic)

    assert events(clinic, cursor="")[1:] == before[:99]
    for filters in (("event", "outcome", "from", "to"), ("patient", "user")):
        refused = clinic.admin.get(AUDIT, **dict.fromkeys(filters, ""))
        assert (refused.status, refused.json["errors"].keys()) == (400, set(filters))


def test_pages_follow_each_other_whatever_happens_meanwhile(clinic):
    doctor = clinic.hire("doctor")
    for _ in range(5):
        doctor.get("/api/patients")
    query = {"user": doctor.id, "event": "chart.listed"}
    all_at_once = events(clinic, **query)
    first = clinic.admin.get(AUDIT, **query, limit=2).json

    doctor.get("/api/patients")

    assert [first["events"], first["next"]] == [all_at_once[:2], all_at_once[1]["id"]]
    assert clinic.admin.get(AUDIT, **query, limit=2, cursor=first["next"]).json["events"] == all_at_once[2:4]
    assert all_pages(clinic.admin, AUDIT, "events", **query, limit=2)[1:] == all_at_once
    assert all_pages(clinic.admin, AUDIT, "events", **query, limit=3)[1:] == all_at_once
    assert [event["id"] for event in all_at_once] == sorted((e["id"] for e in all_at_once), reverse=True)


def test_page_holds_ten_unless_asked_and_never_more_than_a_hundred(clinic):
    practice = User.all_practices.get(pk=clinic.admin.id).practice_id
    for _ in range(101):
        record(AuditEvent.CHART_READ, practice_id=practice)

    assert len(clinic.admin.get(AUDIT, event="chart.read").json["events"]) == 10
    assert len(clinic.admin.get(AUDIT, event="chart.read", limit=100_000).json["events"]) == 100


def test_cursor_is_good_for_its_own_list_alone(clinic):
    elsewhere = clinic.elsewhere
    chart, other = clinic.chart()["id"], clinic.chart()["id"]
    (foreign, *_) = events(elsewhere)
    (own, *_) = events(clinic, patient=chart)

    assert clinic.admin.get(AUDIT, cursor=own["id"]).status == 200
    assert clinic.admin.get(AUDIT, patient=chart, cursor=own["id"]).status == 200
    for answer in (
        clinic.admin.get(AUDIT, cursor=foreign["id"]),
        clinic.admin.get(AUDIT, patient=other, cursor=own["id"]),
        clinic.admin.get(AUDIT, event="sign_in.failed", cursor=own["id"]),
        clinic.admin.get(accesses(other), cursor=own["id"]),
        clinic.admin.get(accesses(chart), cursor=foreign["id"]),
        clinic.admin.get(accesses(chart), cursor="malformed"),
    ):
        assert (answer.status, set(answer.json["errors"])) == (400, {"cursor"})


def test_another_practices_events_do_not_exist(clinic):
    elsewhere = clinic.elsewhere
    chart, person = elsewhere.foreign_chart["id"], elsewhere.doctor.id
    elsewhere.doctor.get(f"/api/patients/{chart}")
    assert events(elsewhere, patient=chart)
    assert events(elsewhere, user=person)

    assert events(clinic, patient=chart) == []
    assert events(clinic, user=person) == []
    own = {event["id"] for event in all_pages(clinic.admin, AUDIT, "events", limit=100)}
    assert not own & {event["id"] for event in events(elsewhere)}


class TestWhatNoRouteWrites:
    """Events of commands and of other parts, written as those write them, read as the office manager reads."""

    def read(self, as_role, **query):
        return as_role("admin").get(AUDIT, query).json()["events"]

    def test_installations_events_are_not_the_practices(self, as_role, practice):
        record(AuditEvent.KEYS_ROTATED, practice_id=None)
        record(AuditEvent.SIGN_IN_FAILED, practice_id=None, email="stranger@example.com")

        assert self.read(as_role, event="keys.rotated") == []
        assert self.read(as_role, event="sign_in.failed") == []

    def test_event_of_a_command_has_no_user(self, as_role, practice):
        record(AuditEvent.INDEX_REBUILT, practice_id=practice.pk)

        (event,) = self.read(as_role, event="keys.index_rebuilt")

        assert (event["user"], event["agent"]) == (None, "manage.py test")

    def test_unknown_user_shows_as_an_id(self, as_role, practice):
        record(AuditEvent.CHART_READ, practice_id=practice.pk, user_id=UUID(NOBODY), role="billing")

        (event,) = self.read(as_role, user=NOBODY)

        assert event["user"] == {"id": NOBODY, "name": None, "role": "billing"}

    def test_another_practices_person_is_not_named(self, as_role, practice, other_practice, make_user):
        foreign = make_user("doctor", practice=other_practice, name="Foreign Person")
        record(AuditEvent.CHART_READ, practice_id=practice.pk, user_id=foreign.pk, role="doctor")

        (event,) = self.read(as_role, user=str(foreign.pk))

        assert event["user"] == {"id": str(foreign.pk), "name": None, "role": "doctor"}

    def test_failed_sign_in_shows_the_email_that_was_given(self, as_role, practice):
        record(AuditEvent.SIGN_IN_FAILED, practice_id=practice.pk, outcome=Outcome.FAILED, email="Ada@example.com")

        (event,) = self.read(as_role, event="sign_in.failed", outcome="failed")

        assert (event["email"], event["user"]) == ("Ada@example.com", None)

    def test_email_whose_key_is_lost_takes_no_page_with_it(self, as_role, practice, settings):
        record(AuditEvent.SIGN_IN_FAILED, practice_id=practice.pk, outcome=Outcome.FAILED, email="ada@example.com")
        settings.AUDIT_KEYS = {9: b"9" * 32}

        (event,) = self.read(as_role, event="sign_in.failed")

        assert event["email"] is None

    def test_retired_event_shows_its_stored_name(self, as_role, practice):
        class Former:
            value = "chart.photographed"

        record(Former, practice_id=practice.pk)

        assert ("chart.photographed",) * 2 in [(event["event"], event["label"]) for event in self.read(as_role)]


def test_reading_the_trail_is_logged(clinic):
    chart, doctor = clinic.chart()["id"], clinic.hire("doctor")
    manager = clinic.hire("admin")
    query = {"patient": chart, "user": doctor.id, "event": "chart.read", "from": "2026-01-01", "outcome": "done"}
    doctor.get(f"/api/patients/{chart}")

    manager.get(AUDIT, **query)
    manager.get(AUDIT, patient=NOBODY)

    nothing, told = events(clinic, user=manager.id, event="trail.read")
    assert told["about"] == "audit.Event"
    assert told["patients"] == [chart]
    filters = {"patient": chart, "user": doctor.id, "event": "chart.read", "outcome": "done"}
    start = told["details"]["filters"].pop("start")
    assert datetime.fromisoformat(start) == datetime(2026, 1, 1, tzinfo=UTC)
    assert told["details"] == {"filters": filters, "hits": 1}
    assert (nothing["patients"], nothing["details"]) == ([], {"filters": {"patient": NOBODY}, "hits": 0})


def test_trail_is_for_office_managers_only(clinic, subtests):
    for role in ["doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            caller = clinic.as_role(role)

            answer = caller.get(AUDIT)

            assert (answer.status, answer.json) == (403, {"detail": "You don't have permission to do this."})
            assert events(clinic, user=caller.id, event="trail.read")[0]["outcome"] == "refused"


def test_trail_is_read_only(clinic, subtests):
    for method in ["POST", "PUT", "PATCH", "DELETE"]:
        with subtests.test(method=method):
            for path in (AUDIT, accesses(clinic.chart()["id"])):
                answer = clinic.admin.request(method, path, json={})
                assert (answer.status, answer.headers["Allow"]) == (405, "GET")
