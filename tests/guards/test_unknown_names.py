"""Every operation of the API refuses a name that it does not know, in its query and in its body, and says which."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from core.api.routes import api_routes
from core.api.serializers import StrictSerializer
from core.api.views import ApiView, PublicView, UnknownPath
from tests.guards.rows import NAMES, OF_A_DRAFT, UPLOAD, Rows
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
IGNORED = {("POST", "api/auth/token"): "RFC 6749 3.2: unrecognized request parameters must be ignored"}
BODY_WITHOUT_MEANING = {"GET"}  # RFC 9110, 9.3.1


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
        of_a_draft = {"note_id": rows.draft.pk} if (method, path) in OF_A_DRAFT else {}
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


def test_exceptions_are_operations():
    assert set(IGNORED) <= set(OPERATIONS)
