"""What holds for every operation of the API: a name that it does not know is refused and named, an empty PATCH is
refused, no field converts what was sent, lists have cursors, what is made is made once, what is changed has a version.
An exception is listed with its reason."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from core.api.routes import api_routes
from core.api.schema import TAKES_NOTHING
from core.api.serializers import (
    ChoiceField,
    DateTimeField,
    DayField,
    LocalDateTimeField,
    RangeBoundaryField,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.api.views import ApiView, PublicView, UnknownPath
from tests.guards.rows import NAMES, UPLOAD, Rows
from tests.guards.test_routes import LET_IN

pytestmark = pytest.mark.slow  # walks the whole API
NAMED = {"unheard": ["Unknown field."]}
VIEWS = {path: view for path, view in api_routes() if isinstance(view, type) and issubclass(view, ApiView | PublicView)}
OPERATIONS = [
    (method, path)
    for path, view in VIEWS.items()
    if not issubclass(view, UnknownPath)
    for method in (view.permissions if issubclass(view, ApiView) else view.methods)
]
IGNORED = {
    ("POST", "api/auth/token"): "RFC 6749 3.2: unrecognized request parameters must be ignored",
}
BODY_WITHOUT_MEANING = {"GET"}  # RFC 9110, 9.3.1
# DRF's field -> those of ours that take nothing but what it says, and drop nothing of it.
OURS = {
    serializers.EmailField: serializers.EmailField,  # whatever is converted is no address
    serializers.CharField: StrictCharField,
    serializers.BooleanField: StrictBooleanField,
    serializers.ChoiceField: ChoiceField,
    serializers.UUIDField: UUIDField,
    serializers.DateField: DayField,
    serializers.DateTimeField: DateTimeField,
}
DAY_OR_MOMENT = {
    ("POST", "api/join-codes", "expiresAt"): "a code expires at the end of a day",
    ("POST", "api/api-keys", "expiresAt"): "and so does a key",
}
WHOLE = {
    "api/reports/takings": "a row for each method",
    "api/reports/revenue": "sums of the days that were asked for, five years at most",
    "api/reports/own-revenue": "the same, of one doctor",
    "api/reports/payers": "a row for each payer who owes",
    "api/reports/visits": "a row for each week, two years at most",
    "api/claims/identities": "the practice and its doctors",
    "api/claims/visits/<uuid:appointment_id>/codes": "one visit",
    "api/claims/patients/<uuid:chart_id>/coverages": "three at most",
    "api/offices": "the contract's list; a practice has a handful",
    "api/appointment-types": "what a practice offers, chosen from as a whole",
    "api/rooms": "a handful",
    "api/webhooks": "twenty at most",
    "api/appointments/<uuid:appointment_id>/messages": "of one visit: a handful",
    "api/note-templates": "a handful, chosen from as a whole",
    "api/letter-templates": "the same",
    "api/patients/<uuid:chart_id>/letters/<uuid:letter_template_id>": "one letter, and what it lacks",
    "api/form-templates": "a handful, chosen from as a whole",
    "api/phrases": "as many as a person knows by heart",
    "api/holidays": "of one year",
    "api/availability": "bounded by its days",
    "api/availability/next": "bounded by `count`",
    "api/waiting-list/matches": "bounded by how many it names",
    "api/records/<uuid:record_id>/versions": "of one entry, read as a whole",
    "api/sessions/<uuid:note_id>/versions": "the same",
    "api/chart-entries/<uuid:chart_entry_id>/versions": "the same",
    "api/measures/<uuid:measure_id>/versions": "the same",
    "api/body-charts/<uuid:body_chart_id>/versions": "the same",
    "api/plans/<uuid:plan_id>/versions": "the same",
    "api/users/me/sessions": "one's own; a person has a handful",
    "api/users/me/mfa": "one's own",
}
BY_CURSOR_ALONE = {"api/audit", "api/patients/<uuid:chart_id>/accesses"}  # too long to count
NOT_KEPT = {
    "api/users/me/password": "the password is checked each time",
    "api/users/me/mfa/totp": "its answer is a secret",
    "api/users/me/mfa/totp/confirm": "its answer has recovery codes",
    "api/users/me/mfa/passkeys": "its answer is a challenge",
    "api/users/me/mfa/passkeys/confirm": "its answer has recovery codes",
    "api/users/me/mfa/recovery-codes": "its answer has recovery codes",
    "api/forms/<uuid:form_id>/code": "its answer is a secret; sent twice, the second one is good",
    "api/calendar-feed": "its answer is a secret address; sent twice, the second one is good",
    "api/api-keys": "its answer is a secret; a second key can be revoked",
    "api/ws-ticket": "its answer is a secret; a second ticket is good",
    "api/sessions/search": "it makes nothing",
    "api/webhooks": "its answer is a secret",
    "api/webhooks/<uuid:webhook_id>/rotate-secret": "the same",
}
NO_VERSION = {
    "api/users/me": "one's own",
    "api/users/<uuid:user_id>": "two switches, each of which is set to what is wanted",
    "api/webhooks/<uuid:webhook_id>": "its manager's alone; a PATCH of other fields keeps them",
    "api/attachments/<uuid:attachment_id>": "its name alone",
    "api/patients/<uuid:chart_id>/message-wishes": "switches, each of which is set to what is wanted",
}


@pytest.fixture(autouse=True)
def _no_limits(settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000


@pytest.fixture
def ask(practice, make_user, client_of):
    """`ask(method, path, body, query)`: the answer to a caller who may do it, about rows that exist."""
    rows = Rows(practice, make_user)
    clients = {role: client_of(rows.doctor if role == "doctor" else make_user(role)) for role in NAMES}

    def send(method, path, body=None, query=""):
        allowed = LET_IN.get((method, path))
        client = Client() if allowed is None else clients[next(r for r, initial in NAMES.items() if initial in allowed)]
        of_a_draft = rows.draft_ids(method, path)
        rows.ids |= of_a_draft
        address = f"{rows.address(path).partition('?')[0]}{query}"
        if (method, address) == UPLOAD and body is not None:
            file = SimpleUploadedFile("findings.txt", b"Normal", "text/plain")
            return client.post(address, {"patientId": str(rows.chart.pk), "file": file, **body})
        return client.generic(method, address, b"" if body is None else b'{"unheard": 1}', "application/json")

    return send


def test_schema_has_these_operations():
    documented = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    found = {(method.upper(), path) for path, methods in documented.items() for method in methods}

    assert len(found - {("GET", "/api/schema")}) == len(OPERATIONS)


def test_unknown_name_in_the_query_is_refused(ask, subtests):
    for method, path in OPERATIONS:
        with subtests.test(operation=f"{method} {path}"):
            answer = ask(method, path, query="?unheard=1")

            assert (answer.status_code, answer.json().get("errors")) == (400, NAMED)


def test_unknown_name_in_the_body_is_refused(ask, subtests):
    for method, path in OPERATIONS:
        if method in BODY_WITHOUT_MEANING or (method, path) in IGNORED:
            continue
        with subtests.test(operation=f"{method} {path}"):
            answer = ask(method, path, body={"unheard": "1"})

            assert (answer.status_code, answer.json().get("errors")) == (400, NAMED)


def test_every_body_has_a_strict_serializer():
    for method, path in OPERATIONS:
        body = getattr(getattr(VIEWS[path], method.lower()), "takes", None)
        if body is not None and body.body is not None and (method, path) not in IGNORED:
            assert issubclass(body.body, StrictSerializer), (method, path)


def test_empty_patch_is_refused(ask, subtests):
    for method, path in OPERATIONS:
        if method == "PATCH":
            with subtests.test(path=path):
                assert ask(method, path, body={}).status_code == 400


def test_empty_id_in_the_query_is_refused(ask, subtests):
    """As a filter that is dropped, it would show what is everybody's."""
    for method, path in OPERATIONS:
        for name in sorted(takes(method, path).query):
            if name.endswith("Id"):
                with subtests.test(path=path, name=name):
                    assert ask(method, path, query=f"?{name}=").json()["errors"].keys() >= {name}


def takes(method, path):
    return getattr(getattr(VIEWS[path], method.lower()), "takes", TAKES_NOTHING)


def fields_of(serializer):
    """Yield the name and field of everything in a body, within lists and objects too."""
    for name, field in serializer.fields.items():
        yield name, field
        inner = getattr(field, "child", None) or field
        if isinstance(inner, serializers.Serializer):
            yield from fields_of(inner)
        elif inner is not field:
            yield name, inner


def test_no_field_of_a_body_converts_what_was_sent(subtests):
    found = set()
    for method, path in OPERATIONS:
        body = takes(method, path).body
        if body is None or (method, path) in IGNORED:
            continue
        for name, field in fields_of(body()):
            with subtests.test(operation=f"{method} {path}", name=name):
                ours = next((ours for theirs, ours in OURS.items() if type(field).__mro__.count(theirs)), object)
                assert isinstance(field, (ours, LocalDateTimeField))
                if isinstance(field, RangeBoundaryField):
                    found.add((method, path, name))
    assert found == set(DAY_OR_MOMENT)


def test_lists_have_a_cursor_beside_the_page():
    documented = SchemaGenerator().get_schema(request=None, public=True)
    shapes = documented["components"]["schemas"]
    lists, paged = set(), set()
    for method, path in OPERATIONS:
        operation = documented["paths"].get(plain(path), {}).get(method.lower(), {})
        reference = dig(operation, "responses", "200", "content", "application/json", "schema", "$ref")
        shape = shapes.get((reference or "").rpartition("/")[2], {}).get("properties", {})
        if method == "GET" and sum(part.get("type") == "array" for part in shape.values()) and "id" not in shape:
            lists.add(path)
        if {"page", "cursor"} <= takes(method, path).query:
            paged.add(path)
    assert lists - paged == set(WHOLE) | BY_CURSOR_ALONE
    assert all("cursor" in takes("GET", path).query for path in BY_CURSOR_ALONE)


def plain(path):
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path)


def dig(value, *names):
    for name in names:
        value = (value or {}).get(name)
    return value


def test_what_a_post_does_is_done_once_with_a_key():
    ignoring = {path for method, path in OPERATIONS if method == "POST" and not VIEWS[path].keeps_answers}
    assert ignoring == set(NOT_KEPT)


def test_what_is_changed_has_a_version():
    without = {
        path for method, path in OPERATIONS if method == "PATCH" and "If-Match" not in takes(method, path).headers
    }
    assert without == set(NO_VERSION)


def test_exceptions_are_operations():
    assert set(IGNORED) <= set(OPERATIONS)
