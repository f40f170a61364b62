"""The Audit trail page of the admin site."""

from datetime import timedelta
from uuid import UUID

import orjson
import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import log
from audit.events import AuditEvent, Outcome
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory

TRAIL = "/admin/trail/"
NOBODY = "01890000-0000-7000-8000-000000000000"


def log_event(practice, kind=AuditEvent.CHART_READ, **more):
    with practice_scope(practice.pk):
        log.record(kind, practice_id=practice.pk, **more)


def events_shown(client, **query):
    answer = client.get(TRAIL, query)
    assert answer.status_code == 200
    return [row.entry.event for row in answer.context["rows"]]


def test_events_show_names(enter_as, own):
    log_event(own.practice, patients=[own.chart.pk], user_id=own.doctor.pk, role="doctor", hits=3)

    page = enter_as("admin").get(TRAIL).content.decode()

    assert "Dr Ownwood" in page
    assert f'<a href="/admin/patients/patient/{own.chart.pk}/change/">Ann Ownwood</a>' in page
    assert "Chart opened" in page
    assert "3 results" in page


@pytest.mark.parametrize(
    ("kind", "details", "text"),
    [
        (AuditEvent.PAGE_READ, {"page": "patients_patient_changelist"}, "Patients: list"),
        (AuditEvent.PAGE_READ, {"page": "patients_patient_break_glass", "rows": [NOBODY]}, "Patient: break glass"),
        (AuditEvent.PAGE_READ, {"page": "index", "emergency": [NOBODY]}, "Today; emergency access"),
        (AuditEvent.CHARTS_SEARCHED, {"hits": 25, "page": 2, "limit": 10}, "25 results; page 2"),
        (AuditEvent.CHARTS_LISTED, {"hits": 1, "page": 1, "limit": 10}, "1 result"),
        (AuditEvent.TRAIL_READ, {"filters": {"patient": NOBODY, "start": "2026-01-01"}}, "filtered by patient, from"),
        (
            AuditEvent.CHANGED,
            {"about": "patients.Patient", "fields": ["name", "blood_type"]},
            "patient; name, blood type",
        ),
        (AuditEvent.DELETED, {"fields": list("abcdefgh")}, "a, b, c, d, e, f and 2 more"),
        (AuditEvent.REGISTRATION_MERGED, {"into": NOBODY, "because": ["birthDate", "name"]},
         "same date of birth, similar name"),
        (AuditEvent.REGISTRATION_MERGED, {"into": NOBODY, "because": []}, "no matching details"),
        (AuditEvent.SIGNED_IN, {"door": "admin_site"}, "via website"),
        (AuditEvent.REGISTERED, {"as_role": "billing"}, "as billing administrator"),
        (AuditEvent.SIGN_IN_FAILED, {"reason": "wrong_password"}, "wrong password"),
        (AuditEvent.SESSION_ENDED, {"session": NOBODY, "by": NOBODY}, ""),
        (AuditEvent.CHART_READ, {"outcome": Outcome.REFUSED, "about_id": UUID(NOBODY), "status": 404},
         f"not found; requested ID {NOBODY}"),
    ],
)  # fmt: skip
def test_details_are_described_in_words_and_listed_in_full(enter_as, own, kind, details, text):
    log_event(own.practice, kind, **details)

    answer = enter_as("admin").get(TRAIL, {"event": kind.value})

    (row,) = [row for row in answer.context["rows"] if row.entry.event.user_id is None]
    assert row.description == text
    page = answer.content.decode()
    assert f"<li>Event: {kind.label} ({kind.value})</li>" in page
    for name in details.keys() & {"hits", "limit", "into", "about_id"}:  # each is there, whatever it is called
        assert f": {details[name]}</li>" in page


def test_details_are_names_and_values_in_words(enter_as, own):
    event = {
        "about": "appointments.Appointment",
        "about_id": UUID(NOBODY),
        "fields": ["starts_at", "cancel_reason"],
        "rows": {"appointments.Appointment": 1200},
        "filters": {"start": "2026-01-02T05:00:00Z", "patient": NOBODY},
        "reason": "wrong_password",
        "as_role": "doctor",
        "searched": True,
        "not_named": "as_it_is",
        "limit": 25,
    }
    log_event(own.practice, AuditEvent.CHANGED, **event)

    page = enter_as("admin").get(TRAIL, {"event": AuditEvent.CHANGED.value}).content.decode()

    for name, value in [
        ("Kind of entry", "Appointment"),
        ("ID", NOBODY),
        ("Fields", "starts at, why it was cancelled"),
        ("Rows", "appointments: 1,200"),
        ("Filters", f"from: Jan 2, 2026, 12:00 AM, patient: {NOBODY}"),
        ("Reason", "Wrong password"),
        ("Role", "Doctor"),
        ("Searched", "Yes"),
        ("Not named", "as_it_is"),
        ("Rows per page", "25"),
    ]:
        assert f"<li>{name}: {value}</li>" in page, name


@pytest.mark.parametrize("role", ["staff", "doctor", "billing", "patient"])
def test_page_is_for_office_managers_only(enter_as, own, role):
    assert enter_as(role).get(TRAIL).status_code == 403
    if role != "patient":
        assert "/admin/trail/" not in enter_as(role).get("/admin/").content.decode()


def test_sidebar_links_to_the_page(enter_as, own):
    assert "/admin/trail/" in enter_as("admin").get("/admin/").content.decode()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_page_is_read_only(enter_as, own, method):
    assert getattr(enter_as("admin"), method)(TRAIL).status_code == 405


def test_superuser_reads_the_picked_practice(client, superuser, own, foreign):
    log_event(own.practice, AuditEvent.GLASS_BROKEN)
    log_event(foreign.practice, AuditEvent.EMERGENCY_REVIEWED)
    client.force_login(superuser)
    assert client.get(TRAIL).url == "/admin/pick-practice/"
    client.post("/admin/pick-practice/", {"practice": str(own.practice.pk)})

    kinds = {event.kind for event in events_shown(client)}

    assert "emergency.opened" in kinds
    assert "emergency.reviewed" not in kinds


def test_superuser_entering_is_logged_in_the_practices_trail(client, superuser, own, foreign):
    client.force_login(superuser)
    for practice in (own.practice, foreign.practice):
        client.post("/admin/pick-practice/", {"practice": str(practice.pk)})

    entered = whole_trail().filter(kind="practice.entered").order_by("id")
    assert [(event.practice_id, event.user_id) for event in entered] == [
        (own.practice.pk, superuser.pk),
        (foreign.practice.pk, superuser.pk),
    ]
    client.post("/admin/pick-practice/", {"practice": "no practice"})
    assert entered.count() == 2


def test_reading_a_patients_account_names_their_chart(enter_as, own, make_user):
    account, client = make_user("patient", email="pat@example.org"), enter_as("admin")
    with practice_scope(own.practice.pk):
        chart = PatientFactory(user=account)
    for address in (
        f"/admin/accounts/user/{account.pk}/change/",
        "/admin/accounts/user/?q=pat@example.org",
        "/admin/accounts/user/?who=all",
    ):
        assert client.get(address).status_code == 200
        event = whole_trail().order_by("-id").first()
        assert orjson.loads(event.patients) == [str(chart.pk)], address
        assert str(account.pk) not in event.details
    assert orjson.loads(event.details)["rows"] == [str(client.user.pk), str(own.doctor.pk)]  # the team's


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("staff", "post", "patients/patient/{chart}/restrict/"),
        ("staff", "post", "patients/patient/{chart}/lift-restriction/"),
        ("admin", "post", "patients/patient/{chart}/lift-restriction/"),
        ("staff", "post", "patients/patient/{chart}/emergency-access/"),
        ("admin", "get", "patients/patient/{chart}/history/"),
        ("admin", "get", "patients/patient/{chart}/change/"),
        ("admin", "get", "accounts/user/{account}/change/"),
    ],
)
def test_refused_attempt_names_the_chart(enter_as, own, make_user, role, method, path):
    account, client = make_user("patient"), enter_as(role)
    with practice_scope(own.practice.pk):
        chart = PatientFactory(restricted=True, user=account)
    address = "/admin/" + path.format(chart=chart.pk, account=account.pk)

    assert getattr(client, method)(address, {"reason": "Found unconscious"}).status_code in (403, 404)

    event = whole_trail().order_by("-id").first()
    assert (event.outcome, event.user_id) == ("refused", client.user.pk)
    assert orjson.loads(event.patients) == [str(chart.pk)]


def test_refused_attempt_names_no_foreign_chart(enter_as, own, foreign):
    assert enter_as("admin").get(f"/admin/patients/patient/{foreign.chart.pk}/change/").status_code == 404

    event = whole_trail().order_by("-id").first()
    assert (event.outcome, event.patients, event.about_id) == ("refused", "[]", foreign.chart.pk)


def test_events_and_people_of_another_practice_are_hidden(enter_as, own, foreign):
    log_event(foreign.practice, patients=[foreign.chart.pk], user_id=foreign.doctor.pk, role="doctor")
    client = enter_as("admin")

    page = client.get(TRAIL).content.decode()

    assert "Foreignson" not in page
    assert {event.practice_id for event in events_shown(client)} == {own.practice.pk}
    assert events_shown(client, user=str(foreign.doctor.pk)) == []
    answer = client.get(TRAIL, {"patient": str(foreign.chart.pk)})
    assert answer.context["rows"] == []
    assert "patient" in answer.context["form"].errors


def test_each_filter_narrows(enter_as, own, make_user):
    other = make_user("staff", practice=own.practice)
    log_event(own.practice, patients=[own.chart.pk], user_id=own.doctor.pk, role="doctor")
    log_event(own.practice, patients=[own.pending.pk], user_id=other.pk, role="staff", outcome=Outcome.REFUSED)
    client = enter_as("admin")
    read = {"event": "chart.read"}

    assert {event.user_id for event in events_shown(client, **read)} == {other.pk, own.doctor.pk}
    for query in (
        {"user": str(own.doctor.pk)},
        {"patient": str(own.chart.pk)},
        {"outcome": "done"},
    ):
        assert [event.user_id for event in events_shown(client, **read, **query)] == [own.doctor.pk]
    today = own.practice.today()
    assert len(events_shown(client, **read, first=str(today), last=str(today))) == 2
    assert events_shown(client, **read, first=str(today + timedelta(days=1))) == []
    assert events_shown(client, **read, last=str(today - timedelta(days=1))) == []


@pytest.mark.parametrize(
    "query",
    [
        {"patient": "me"},
        {"user": "me"},
        {"event": "chart.eaten"},
        {"outcome": "DONE"},
        {"first": "yesterday"},
        {"last": "9999-12-31"},
        {"first": "2026-01-02", "last": "2026-01-01"},
        {"cursor": "me"},
        {"cursor": "01890000-0000-7000-8000-000000000000"},
    ],
)
def test_invalid_filter_is_reported_and_shows_no_rows(enter_as, own, query):
    answer = enter_as("admin").get(TRAIL, query)

    assert (answer.status_code, answer.context["rows"]) == (200, [])
    assert answer.context["form"].errors
    assert "Please correct the filters" in answer.content.decode()


def test_nul_character_is_refused(enter_as, own):
    assert enter_as("admin").get(TRAIL, {"event": "\0"}).status_code == 400


def test_paging_to_older_events_and_back(enter_as, own):
    for hits in range(30):
        log_event(own.practice, hits=hits)
    client = enter_as("admin")
    first = client.get(TRAIL, {"event": "chart.read"})

    older = client.get(TRAIL + first.context["older"])

    assert (len(first.context["rows"]), len(older.context["rows"])) == (25, 5)
    assert (first.context["newest"], older.context["older"]) == (None, None)
    assert older.context["newest"] == "?event=chart.read"
    seen = [orjson.loads(row.entry.event.details)["hits"] for page in (first, older) for row in page.context["rows"]]
    assert sorted(seen) == list(range(30))


def test_reading_is_logged_once_with_the_patients_named(enter_as, own):
    log_event(own.practice, patients=[own.chart.pk])
    client = enter_as("admin")
    before = set(whole_trail().values_list("pk", flat=True))

    client.get(TRAIL, {"event": "chart.read", "patient": str(own.chart.pk)})

    (event,) = whole_trail().exclude(pk__in=before)
    assert (event.kind, event.outcome, event.about) == ("trail.read", "done", "audit.Event")
    assert (event.user_id, event.practice_id) == (client.user.pk, own.practice.pk)
    assert orjson.loads(event.patients) == [str(own.chart.pk)]
    assert orjson.loads(event.details) == {
        "page": "trail",
        "filters": {"patient": str(own.chart.pk), "event": "chart.read"},
        "hits": 1,
    }


def test_refused_read_is_logged(enter_as, own):
    client = enter_as("staff")
    client.get(TRAIL)

    event = whole_trail().order_by("-pk").first()

    assert (event.outcome, event.user_id) == ("refused", client.user.pk)
    assert orjson.loads(event.details) == {"page": "trail", "status": 403}


def test_many_patients_the_first_and_the_filtered_one_are_named(enter_as, own):
    with practice_scope(own.practice.pk):
        charts = [PatientFactory(name=f"Number {number}").pk for number in range(8)]
    log_event(own.practice, AuditEvent.CHARTS_LISTED, patients=charts)
    client = enter_as("admin")

    (row,) = client.get(TRAIL, {"event": "chart.listed", "patient": str(charts[6])}).context["rows"]

    assert [chart.name for _, chart in row.patients] == ["Number 6", *(f"Number {number}" for number in range(4))]
    assert row.more_patients == 3


def test_unknown_user_unknown_chart_and_anonymous(enter_as, own):
    unknown = UUID(NOBODY)
    log_event(own.practice, user_id=unknown, role="doctor", patients=[unknown])
    log_event(own.practice, AuditEvent.SIGN_IN_FAILED, outcome=Outcome.FAILED, email="who@example.com")
    client = enter_as("admin")

    page = client.get(TRAIL).content.decode()

    assert "Doctor 000000" in page
    assert str(unknown) in page
    assert "who@example.com" in page
    assert [event.user_id for event in events_shown(client, user=str(unknown))] == [unknown]


@pytest.mark.parametrize("restricted", [False, True])
def test_query_count_does_not_grow_with_rows(enter_as, own, make_user, restricted):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        chart = PatientFactory(restricted=restricted)
    log_event(own.practice, patients=[chart.pk], user_id=own.doctor.pk, role="doctor")

    def queries():
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            client.get(TRAIL)
        assert not any("COUNT(" in query["sql"].upper() for query in captured)
        return len(captured)

    queries()
    one = queries()
    for _ in range(3):
        person = make_user("doctor", practice=own.practice)
        with practice_scope(own.practice.pk):
            chart = PatientFactory(restricted=restricted)
        log_event(own.practice, patients=[chart.pk], user_id=person.pk, role="doctor")

    assert queries() == one
