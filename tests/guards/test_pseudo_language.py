"""Refusals of many kinds, in a language that wraps each message in brackets: whatever stands outside them was not said
through gettext, or is a sentence put together from pieces."""

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.tests.factories import PASSWORD
from tests.guards.rows import BODIES, Rows
from tests.pseudo_language import MARKED, pseudo_language

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_wrapped")]  # some seventy requests
JSON = "application/json"
NOBODY = "0197a6d2-0000-7000-8000-000000000000"
CHART = BODIES[("POST", "api/patients")]


@pytest.fixture
def _wrapped():
    with pseudo_language():
        yield


def outside(text):
    """Return what stands outside the brackets, also outside those within others."""
    while (rest := MARKED.sub("", text)) != text:
        text = rest
    return text.strip()


def unwrapped(body):
    """Return what is not wrapped of `detail`, which begins with the field's name, and of `errors`."""
    errors = body.get("errors", {})
    detail = body["detail"]
    for field in errors:
        detail = detail.removeprefix(f"{field}: ")
    said = [detail, *(message for messages in errors.values() for message in messages)]
    return [text for text in said if "⟦" not in text or outside(text)]


@pytest.fixture
def rows(practice, make_user):
    return Rows(practice, make_user)


@pytest.fixture
def ask(rows, make_user, client_of):
    """`ask(role, method, path, body, headers)`: the answer."""
    clients = {role: client_of(make_user(role)) for role in ("admin", "staff", "patient")}
    clients |= {"doctor": client_of(rows.doctor), "nobody": Client()}

    def send(role, method, path, body=None, **headers):
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        return clients[role].generic(method, path.format(**rows.ids), content, JSON, **headers)

    send.clients = clients
    return send


def visit(rows, **fields):
    return {
        "patientId": rows.chart.pk,
        "doctorId": rows.doctor.pk,
        "date": "2031-02-03T10:00:00Z",
        "reason": "Pain",
        **fields,
    }


WRONG_CHART = {"name": "\u200b", "email": "x", "phone": "hello", "dateOfBirth": "1850-01-01", "gender": "x"}
REFUSALS = [
    (401, "nobody", "GET", "/api/patients"),
    (401, "nobody", "POST", "/api/auth/login", {"email": "who@example.org", "password": "wrong"}),
    (401, "nobody", "POST", "/api/auth/refresh"),
    (400, "nobody", "POST", "/api/auth/login", b"{"),
    (400, "nobody", "POST", "/api/auth/login", b"[]"),
    (400, "nobody", "POST", "/api/auth/login", {}),
    (400, "nobody", "POST", "/api/auth/register", {**CHART, "role": "patient"}),
    (400, "nobody", "POST", "/api/auth/register", {"name": "7", "email": "a@b.org", "password": "1", "role": "cook"}),
    (400, "nobody", "POST", "/api/auth/password-reset/confirm", {"token": "x", "password": PASSWORD}),
    (400, "nobody", "POST", "/api/auth/token", b""),
    (404, "nobody", "GET", "/api/nothing"),
    (405, "staff", "PUT", "/api/patients", {}),
    (405, "nobody", "POST", "/api/schema", {}),
    (403, "staff", "PATCH", "/api/practice", {"currency": "USD"}),
    (400, "admin", "PATCH", "/api/practice", {}),
    (400, "admin", "PATCH", "/api/practice", {"currency": "dol", "timezone": "x", "bookingMonthsAhead": 0}),
    (400, "admin", "PATCH", "/api/practice", {"twoFactorRequired": "no", "retentionYears": "x", "name": 7}),
    (400, "staff", "POST", "/api/patients", {**WRONG_CHART, "address": "\x07"}),
    (400, "staff", "POST", "/api/patients", {"name": "Ada\nLovelace", "incomplete": True}),
    (400, "staff", "POST", "/api/patients", {"name": "Ada Lovelace", "incomplete": True}),
    (400, "staff", "POST", "/api/patients", {**CHART, "nickname": "Ada"}),
    (400, "staff", "POST", "/api/patients", {**CHART, "dateOfBirth": "10/12/1985", "name": None}),
    (400, "staff", "GET", "/api/patients?page=0&limit=x"),
    (400, "staff", "GET", "/api/patients?page=1&cursor=x"),
    (400, "staff", "GET", "/api/patients?cursor=x"),
    (400, "staff", "GET", "/api/patients?search=a&search=b&serach=c"),
    (404, "staff", "GET", f"/api/patients/{NOBODY}"),
    (404, "admin", "GET", f"/api/offices/{NOBODY}"),
    (400, "staff", "GET", "/api/appointments?date=1850-01-01&status=no_show"),
    (400, "staff", "POST", "/api/appointments", {"patientId": "x", "date": "tomorrow"}),
    (400, "staff", "POST", "/api/appointments", {"date": "2031-02-03"}),
    (400, "admin", "PATCH", "/api/appointments/{appointment_id}", {"patientId": NOBODY}),
    (400, "admin", "PATCH", "/api/appointments/{appointment_id}", {"status": "completed"}),
    (400, "doctor", "POST", "/api/sessions", {"patientId": NOBODY, "minutes": "x", "date": "yesterday"}),
    (409, "doctor", "PATCH", "/api/sessions/{note_id}", {"version": 1, "plan": "Rest"}),
    (400, "doctor", "POST", "/api/sessions/{note_id}/amendments", {"reason": "Left out", "plan": "Ice"}),
    (400, "doctor", "POST", "/api/plans", {"patientId": NOBODY, "title": "Walk", "startsOn": "x", "goals": "x"}),
    (409, "doctor", "POST", "/api/plans/{plan_id}/amendments", {"version": 9, "reason": "x", "title": "Walk"}),
    (404, "doctor", "GET", "/api/records/{record_id}/versions/9"),
    (403, "doctor", "DELETE", "/api/records/{record_id}", {"reason": "By mistake"}),
    (409, "admin", "DELETE", "/api/offices/{office_id}"),
    (409, "admin", "DELETE", "/api/patients/{chart_id}/legal-hold"),
    (409, "admin", "POST", "/api/patients/{chart_id}/restore"),
    (409, "admin", "POST", "/api/patients/{chart_id}/emergency-access", {"reason": "Unconscious"}),
    (409, "staff", "POST", "/api/registrations/{declined_id}/confirm", {}),
    (409, "staff", "PATCH", "/api/patients/{chart_id}", {"version": 9, "name": "Ada"}),
    (400, "staff", "PATCH", "/api/patients/{chart_id}", {"version": 1, "email": "", "phone": "", "address": ""}),
    (403, "doctor", "PATCH", "/api/patients/{chart_id}", {"version": 1, "name": "Ada"}),
    (404, "admin", "POST", "/api/patients/{chart_id}/merge/undo", {"from": NOBODY}),
    (400, "admin", "GET", "/api/audit?from=2026-02-01&to=2026-01-01&event=x"),
    (400, "admin", "GET", f"/api/audit?cursor={NOBODY}"),
    (400, "doctor", "POST", "/api/join-codes", {"officeId": NOBODY, "mostUses": 0, "expiresAt": "x"}),
    (400, "patient", "POST", "/api/users/me/password", {"current": "wrong", "new": PASSWORD}),
    (400, "doctor", "PATCH", "/api/users/me", {"department": "Front desk"}),
]


def test_every_refusal_is_said_through_gettext(ask, rows, subtests):
    for status, role, method, path, *body in REFUSALS:
        with subtests.test(case=f"{role} {method} {path} {body}"):
            answer = ask(role, method, path, *body)

            assert (answer.status_code, unwrapped(answer.json())) == (status, [])


def test_refusals_that_need_something_before_them(ask, rows, settings):
    desk, doctor = ask.clients["staff"], ask.clients["doctor"]
    refused = [ask("staff", "POST", "/api/appointments", visit(rows)) for _ in range(2)][1:]  # the slot is taken
    refused += [
        ask("staff", "POST", "/api/appointments", visit(rows, date="2020-01-01T10:00:00Z")),
        ask("staff", "POST", "/api/appointments", visit(rows, doctorId=NOBODY)),
        ask("staff", "POST", "/api/appointments", visit(rows, date="2031-03-09T02:30:00")),  # the clocks skip it
        ask("staff", "POST", "/api/patients", CHART, HTTP_IDEMPOTENCY_KEY="x" * 256),
        ask("admin", "PATCH", "/api/practice", {"currency": "USD"}, HTTP_IF_UNMODIFIED_SINCE="x"),
        ask("staff", "POST", "/api/patients", CHART, HTTP_ORIGIN="https://evil.example"),
        ask("staff", "POST", "/api/patients", CHART, HTTP_TRANSFER_ENCODING="chunked"),
        desk.post("/api/patients", b"x" * (settings.MAX_BODY_BYTES + 1), JSON),
        desk.post("/api/patients", {"name": "Ada"}),  # another type
    ]
    for name in ("letter.docx", "letter.pdf", "\u200b.pdf"):
        upload = SimpleUploadedFile(name, b"x", "application/octet-stream")
        refused.append(doctor.post("/api/attachments", {"patientId": str(rows.chart.pk), "file": upload}))
    rows.restrict()
    refused += [ask(role, "GET", "/api/patients/{chart_id}") for role in ("staff", "admin")]
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1
    refused.append([ask("staff", "GET", "/api/users/me") for _ in range(2)][1])
    settings.ANON_RATE_LIMIT_PER_MINUTE = 100
    attempts = [ask("nobody", "POST", "/api/auth/login", {"email": "a@b.org", "password": "x"}) for _ in range(6)]
    refused.append(attempts[-1])

    said = [(answer.status_code, unwrapped(answer.json())) for answer in refused]
    statuses = [409, 400, 404, 400, 400, 400, 403, 411, 413, 415, 400, 400, 400, 403, 403, 429, 429]
    assert said == [(status, []) for status in statuses]
