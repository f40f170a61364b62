"""schemathesis asks the started server everything its schema allows, and much that it does not, as every role."""

import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.api_clients.mobile_views import BearerView
from core.api.routes import api_routes
from core.api.views import ApiView, PublicView
from tests.contract.clients import ServerTransport
from tests.contract.clinic import Clinic
from tests.sampling import SEED, examples, sample
from tests.server import Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = ["admin", "doctor", "staff", "billing", "patient", "anonymous"]
MODES = dict.fromkeys((GenerationMode.POSITIVE, GenerationMode.NEGATIVE), examples(4, 1))
# No worker runs beside this server: the 503 of this address is a true answer, held to the schema like any other.
SAYS_WHAT_FAILS = {"/api/health/worker"}
HASHES_A_PASSWORD = {"/api/auth/login", "/api/auth/register", "/api/auth/token", "/auth/login", "/auth/register"}
# With a session they would end it, or require a second factor of everybody, for the examples that follow.
ANONYMOUS_ALONE = {"/api/auth/logout", "/auth/logout", "/api/practice"}
SIGNED_IN = [{"accessCookie": []}, {"bearer": []}]


@pytest.fixture(scope="module")
def explored(server: Server) -> Clinic:
    """A clinic of its own: its people are renamed and its calendar filled at random."""
    return Clinic(ServerTransport(server))


@pytest.fixture(scope="module")
def schema(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/api/schema")


@pytest.fixture(scope="module")
def of_the_practice(explored: Clinic) -> dict[str, str]:
    """Ids that exist, so that not every answer is a 404."""
    chart = explored.chart()
    booking = explored.booking(chart=chart["id"])
    return {"chart_id": chart["id"], "appointment_id": booking["id"], "doctor_id": explored.doctor.id}


def cookie_of(clinic: Clinic, role: str, path: str) -> dict[str, str]:
    if role == "anonymous" or path in ANONYMOUS_ALONE:
        return {}
    caller = clinic.as_role(role)
    return {"Cookie": f"access_token={caller.access}; refresh_token={caller.refresh}"}


def explore(operation: Any, mode: GenerationMode, most: int, call: Callable[[Any], None]) -> None:
    @seed(SEED)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        call(case)

    with suppress(Unsatisfiable):  # an operation that takes nothing has nothing to get wrong
        run()


@pytest.mark.slow
@pytest.mark.parametrize("role", sample(ROLES, 1))
def test_no_answer_is_outside_the_schema(schema, explored, of_the_practice, role):
    asked = 0
    for operation in sample([found.ok() for found in schema.get_all_operations()], 50):
        if role not in ("admin", "anonymous") and operation.path.startswith(("/api/auth", "/api/health")):
            continue  # these do not look at the role
        cookies = cookie_of(explored, role, operation.path)
        excluded = [not_a_server_error] if operation.path in SAYS_WHAT_FAILS else []

        def call(case: Any, cookies: dict[str, str] = cookies, excluded: list[Any] = excluded) -> None:
            nonlocal asked
            asked += 1
            if asked % 2:
                for name in set(case.path_parameters) & set(of_the_practice):
                    case.path_parameters[name] = of_the_practice[name]
            case.cookies.clear()
            answer = case.call(headers=cookies)
            if answer.status_code != 414:  # a longer address than gunicorn takes
                case.validate_response(answer, checks=CHECKS, excluded_checks=excluded)

        for mode, most in MODES.items():
            explore(operation, mode, min(most, 2) if operation.path in HASHES_A_PASSWORD else most, call)
    assert asked > 20


OWN_ERRORS = {
    ("delete", "/api/users/me/sessions/{session_id}"): {"404"},
    ("patch", "/api/users/{user_id}"): {"404"},
    ("delete", "/api/users/{user_id}/sessions"): {"404"},
    ("delete", "/api/users/{user_id}/mfa"): {"404"},
    ("post", "/auth/register"): {"404"},
    ("post", "/api/auth/register"): {"404"},
    ("post", "/auth/associate"): {"409"},
    ("delete", "/api/api-keys/{key_id}"): {"404"},
    ("post", "/api/invitations/{invitation_id}/resend"): {"404", "409"},
    ("post", "/api/invitations/{invitation_id}/withdraw"): {"404", "409"},
    ("post", "/api/join-codes"): {"404"},
    ("delete", "/api/join-codes/{code_id}"): {"404"},
    ("patch", "/api/practice"): {"409"},
    ("get", "/api/offices/{office_id}"): {"404"},
    ("patch", "/api/offices/{office_id}"): {"404", "409"},
    ("delete", "/api/offices/{office_id}"): {"404", "409"},
    ("post", "/api/registrations/{declined_id}/reopen"): {"404", "409"},
    ("post", "/api/registrations/{registration_id}/confirm"): {"404", "409"},
    ("post", "/api/registrations/{registration_id}/decline"): {"404", "409"},
    ("post", "/api/users/me/mfa/passkeys"): {"409"},
    ("delete", "/api/users/me/mfa/passkeys/{passkey_id}"): {"404"},
    ("post", "/api/users/me/mfa/passkeys/confirm"): {"409"},
    ("post", "/api/users/me/mfa/recovery-codes"): {"409"},
    ("post", "/api/users/me/mfa/totp"): {"409"},
    ("delete", "/api/users/me/mfa/totp"): {"404"},
    ("post", "/api/users/me/mfa/totp/confirm"): {"409"},
    ("post", "/api/patients"): {"409"},
    ("get", "/api/patients/{chart_id}"): {"404"},
    ("patch", "/api/patients/{chart_id}"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/message-wishes"): {"404"},
    ("patch", "/api/patients/{chart_id}/message-wishes"): {"404"},
    ("post", "/api/patients/{chart_id}/merge"): {"404", "409"},
    ("post", "/api/patients/{chart_id}/merge/undo"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/accesses"): {"404"},
    ("put", "/api/patients/{chart_id}/restriction"): {"404"},
    ("delete", "/api/patients/{chart_id}/restriction"): {"404"},
    ("post", "/api/patients/{chart_id}/emergency-access"): {"404", "409"},
    ("post", "/api/emergency-accesses/{access_id}/review"): {"404", "409"},
    ("get", "/api/doctors/{doctor_id}"): {"404"},
    ("post", "/api/appointments"): {"404", "409"},
    ("get", "/api/appointments"): {"404"},
    ("post", "/api/appointments/series"): {"404", "409"},
    ("post", "/api/waiting-list"): {"404", "409"},
    ("get", "/api/waiting-list/matches"): {"404"},
    ("get", "/api/waiting-list/{entry_id}"): {"404"},
    ("patch", "/api/waiting-list/{entry_id}"): {"404", "409"},
    ("post", "/api/waiting-list/{entry_id}/withdraw"): {"404", "409"},
    ("post", "/api/waiting-list/{entry_id}/offers"): {"404", "409"},
    ("delete", "/api/waiting-list/{entry_id}/offers/{offer_id}"): {"404", "409"},
    ("post", "/api/waiting-list/{entry_id}/offers/{offer_id}/accept"): {"404", "409"},
    ("get", "/api/calendar-feed/{token}.ics"): {"404"},
    ("post", "/api/services"): {"404", "409"},
    ("get", "/api/services/{service_id}"): {"404"},
    ("patch", "/api/services/{service_id}"): {"404", "409"},
    ("get", "/api/invoices"): {"404"},
    ("post", "/api/invoices"): {"404", "409"},
    ("get", "/api/invoices/{invoice_id}"): {"404"},
    ("patch", "/api/invoices/{invoice_id}"): {"404", "409"},
    ("delete", "/api/invoices/{invoice_id}"): {"404", "409"},
    ("post", "/api/invoices/{invoice_id}/issue"): {"404", "409"},
    ("post", "/api/invoices/{invoice_id}/credit"): {"404", "409"},
    ("post", "/api/invoices/{invoice_id}/write-off"): {"404", "409"},
    ("post", "/api/invoices/{invoice_id}/use-credit"): {"404", "409"},
    ("post", "/api/invoices/{invoice_id}/pay-link"): {"404", "409"},
    ("post", "/api/invoices/{invoice_id}/email"): {"404", "409"},
    ("post", "/api/payments/{payment_id}/email"): {"404", "409"},
    ("get", "/api/claims/visits/{appointment_id}/cms1500"): {"404"},
    ("put", "/api/billing-policy"): {"404"},
    ("put", "/api/claims/identities"): {"404"},
    ("get", "/api/claims/visits/{appointment_id}/codes"): {"404"},
    ("put", "/api/claims/visits/{appointment_id}/codes"): {"404", "409"},
    ("get", "/api/claims/visits/{appointment_id}/superbill"): {"404"},
    ("get", "/api/claims/patients/{chart_id}/coverages"): {"404"},
    ("put", "/api/claims/patients/{chart_id}/coverages"): {"404"},
    ("get", "/api/claims/patients/{chart_id}/superbill"): {"404"},
    ("get", "/api/invoices/{invoice_id}/pdf"): {"404", "409"},
    ("get", "/api/payments/{payment_id}/receipt"): {"404"},
    ("get", "/api/patients/{chart_id}/account/statement"): {"404"},
    ("get", "/api/payments"): {"404"},
    ("post", "/api/payments"): {"404", "409"},
    ("get", "/api/payments/{payment_id}"): {"404"},
    ("post", "/api/payments/{payment_id}/allocations"): {"404", "409"},
    ("post", "/api/payments/{payment_id}/refund"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/account"): {"404"},
    ("post", "/api/webhooks"): {"409"},
    ("get", "/api/webhooks/{webhook_id}"): {"404"},
    ("patch", "/api/webhooks/{webhook_id}"): {"404"},
    ("delete", "/api/webhooks/{webhook_id}"): {"404"},
    ("post", "/api/webhooks/{webhook_id}/rotate-secret"): {"404"},
    ("get", "/api/webhooks/{webhook_id}/deliveries"): {"404"},
    ("post", "/api/webhooks/{webhook_id}/deliveries/{delivery_id}/resend"): {"404", "409"},
    ("post", "/api/holds"): {"404", "409"},
    ("delete", "/api/holds/{hold_id}"): {"404"},
    ("post", "/api/appointment-types"): {"404", "409"},
    ("get", "/api/appointment-types/{type_id}"): {"404"},
    ("patch", "/api/appointment-types/{type_id}"): {"404", "409"},
    ("delete", "/api/appointment-types/{type_id}"): {"404", "409"},
    ("post", "/api/rooms"): {"404", "409"},
    ("get", "/api/rooms/{room_id}"): {"404"},
    ("patch", "/api/rooms/{room_id}"): {"404", "409"},
    ("delete", "/api/rooms/{room_id}"): {"404", "409"},
    **{
        (method, f"/api/patients/{{chart_id}}/{name}"): errors
        for name in ("problems", "medications", "allergies")
        for method, errors in {"get": {"404"}, "post": {"404", "409"}}.items()
    },
    ("put", "/api/patients/{chart_id}/allergies/none-known"): {"404", "409"},
    ("get", "/api/measures"): {"404"},
    ("get", "/api/body-charts"): {"404"},
    ("post", "/api/measures"): {"404"},
    ("post", "/api/body-charts"): {"404"},
    ("get", "/api/measures/{measure_id}"): {"404"},
    ("get", "/api/body-charts/{body_chart_id}"): {"404"},
    ("delete", "/api/measures/{measure_id}"): {"404", "409"},
    ("delete", "/api/body-charts/{body_chart_id}"): {"404", "409"},
    ("post", "/api/measures/{measure_id}/restore"): {"404", "409"},
    ("post", "/api/body-charts/{body_chart_id}/restore"): {"404", "409"},
    ("post", "/api/measures/{measure_id}/amendments"): {"404", "409"},
    ("post", "/api/body-charts/{body_chart_id}/amendments"): {"404", "409"},
    ("get", "/api/measures/{measure_id}/versions"): {"404"},
    ("get", "/api/body-charts/{body_chart_id}/versions"): {"404"},
    ("get", "/api/measures/{measure_id}/versions/{number}"): {"404"},
    ("get", "/api/body-charts/{body_chart_id}/versions/{number}"): {"404"},
    ("get", "/api/chart-entries/{chart_entry_id}"): {"404"},
    ("patch", "/api/chart-entries/{chart_entry_id}"): {"404", "409"},
    ("delete", "/api/chart-entries/{chart_entry_id}"): {"404", "409"},
    ("post", "/api/chart-entries/{chart_entry_id}/restore"): {"404", "409"},
    ("get", "/api/chart-entries/{chart_entry_id}/versions"): {"404"},
    ("get", "/api/chart-entries/{chart_entry_id}/versions/{number}"): {"404"},
    ("post", "/api/form-templates"): {"404"},
    ("get", "/api/form-templates/{form_template_id}"): {"404"},
    ("patch", "/api/form-templates/{form_template_id}"): {"404", "409"},
    ("post", "/api/forms"): {"404", "409"},
    ("get", "/api/forms/{form_id}"): {"404"},
    ("delete", "/api/forms/{form_id}"): {"404", "409"},
    ("post", "/api/forms/{form_id}/restore"): {"404", "409"},
    ("post", "/api/forms/{form_id}/complete"): {"404", "409"},
    ("post", "/api/forms/{form_id}/code"): {"404", "409"},
    ("post", "/api/forms/{form_id}/withdraw"): {"404", "409"},
    ("post", "/api/forms/{form_id}/review"): {"404", "409"},
    ("post", "/api/note-templates"): {"404", "409"},
    ("get", "/api/note-templates/{template_id}"): {"404"},
    ("patch", "/api/note-templates/{template_id}"): {"404", "409"},
    ("delete", "/api/note-templates/{template_id}"): {"404"},
    ("post", "/api/letter-templates"): {"409"},
    ("get", "/api/letter-templates/{letter_template_id}"): {"404"},
    ("patch", "/api/letter-templates/{letter_template_id}"): {"404", "409"},
    ("delete", "/api/letter-templates/{letter_template_id}"): {"404"},
    ("post", "/api/patients/{chart_id}/letters"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/letters/{letter_template_id}"): {"404", "409"},
    ("post", "/api/phrases"): {"404", "409"},
    ("get", "/api/phrases/{phrase_id}"): {"404"},
    ("patch", "/api/phrases/{phrase_id}"): {"404", "409"},
    ("delete", "/api/phrases/{phrase_id}"): {"404"},
    ("get", "/api/availability"): {"404", "409"},
    ("get", "/api/availability/next"): {"404", "409"},
    ("post", "/api/holidays"): {"404"},
    ("post", "/api/schedule-exceptions"): {"404"},
    ("get", "/api/schedule-exceptions/{exception_id}"): {"404"},
    ("patch", "/api/schedule-exceptions/{exception_id}"): {"404", "409"},
    ("delete", "/api/schedule-exceptions/{exception_id}"): {"404"},
    ("post", "/api/working-hours"): {"404", "409"},
    ("get", "/api/working-hours/{hours_id}"): {"404"},
    ("patch", "/api/working-hours/{hours_id}"): {"404", "409"},
    ("delete", "/api/working-hours/{hours_id}"): {"404"},
    ("get", "/api/appointments/{appointment_id}"): {"404"},
    ("patch", "/api/appointments/{appointment_id}"): {"404", "409"},
    ("delete", "/api/appointments/{appointment_id}"): {"404", "409"},
    ("post", "/api/appointments/{appointment_id}/restore"): {"404", "409"},
    ("get", "/api/appointments/{appointment_id}/history"): {"404"},
    ("get", "/api/appointments/{appointment_id}/messages"): {"404"},
    **{
        ("post", f"/api/appointments/{{appointment_id}}/{action}"): {"404", "409"}
        for action in ("confirm", "arrive", "start", "finish", "no-show", "undo")
    },
    ("delete", "/api/records/{record_id}"): {"404", "409"},
    ("post", "/api/records/{record_id}/restore"): {"404", "409"},
    ("delete", "/api/sessions/{note_id}"): {"404", "409"},
    ("post", "/api/sessions/{note_id}/restore"): {"404", "409"},
    ("delete", "/api/plans/{plan_id}"): {"404", "409"},
    ("post", "/api/plans/{plan_id}/restore"): {"404", "409"},
    ("get", "/api/attachments"): {"404"},
    ("post", "/api/attachments"): {"404"},
    ("get", "/api/attachments/{attachment_id}"): {"404"},
    ("patch", "/api/attachments/{attachment_id}"): {"404"},
    ("get", "/api/attachments/{attachment_id}/content"): {"404", "409"},
    ("post", "/api/attachments/{attachment_id}/link"): {"404", "409"},
    ("get", "/api/attachments/{attachment_id}/link/{token}"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/attachments.zip"): {"404"},
    ("delete", "/api/attachments/{attachment_id}"): {"404", "409"},
    ("post", "/api/attachments/{attachment_id}/restore"): {"404", "409"},
    ("get", "/api/deleted"): {"404"},
    ("delete", "/api/patients/{chart_id}"): {"404", "409"},
    ("post", "/api/patients/{chart_id}/restore"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/legal-hold"): {"404"},
    ("post", "/api/patients/{chart_id}/legal-hold"): {"404", "409"},
    ("delete", "/api/patients/{chart_id}/legal-hold"): {"404", "409"},
    ("get", "/api/records"): {"404"},
    ("post", "/api/records"): {"404"},
    ("get", "/api/records/{record_id}"): {"404"},
    ("post", "/api/records/{record_id}/amendments"): {"404", "409"},
    ("get", "/api/records/{record_id}/versions"): {"404"},
    ("get", "/api/records/{record_id}/versions/{number}"): {"404"},
    ("get", "/api/sessions"): {"404"},
    ("post", "/api/sessions"): {"404", "409"},
    ("post", "/api/sessions/search"): {"404"},
    ("get", "/api/sessions/last-finalised"): {"404"},
    ("get", "/api/sessions/{note_id}"): {"404"},
    ("patch", "/api/sessions/{note_id}"): {"404", "409"},
    ("post", "/api/sessions/{note_id}/finalise"): {"404", "409"},
    ("post", "/api/sessions/{note_id}/amendments"): {"404", "409"},
    ("get", "/api/sessions/{note_id}/versions"): {"404"},
    ("get", "/api/sessions/{note_id}/versions/{number}"): {"404"},
    ("get", "/api/plans"): {"404"},
    ("post", "/api/plans"): {"404"},
    ("get", "/api/plans/{plan_id}"): {"404"},
    ("post", "/api/plans/{plan_id}/amendments"): {"404", "409"},
    ("get", "/api/plans/{plan_id}/versions"): {"404"},
    ("get", "/api/plans/{plan_id}/versions/{number}"): {"404"},
    ("post", "/api/plans/{plan_id}/goals/{goal_id}/progress"): {"404", "409"},
    ("put", "/api/plans/{plan_id}/appointments/{appointment_id}"): {"404", "409"},
    ("delete", "/api/plans/{plan_id}/appointments/{appointment_id}"): {"404"},
    ("get", "/api/plans/{plan_id}/pdf"): {"404"},
    ("get", "/api/records/{record_id}/prescription"): {"404"},
    ("get", "/api/sessions/{note_id}/pdf"): {"404", "409"},
    ("get", "/api/patients/{chart_id}/export"): {"404"},
}


def test_schema_names_no_refusal_that_cannot_happen(schema):
    stated = {
        (method, path): found
        for path, methods in schema.raw_schema["paths"].items()
        for method, operation in methods.items()
        if (found := set(operation["responses"]) & {"404", "409"})
    }
    assert stated == OWN_ERRORS


def test_schema_states_the_ways_in_and_every_refusal(schema):
    document = schema.raw_schema
    schemes = document["components"]["securitySchemes"]
    assert {name: (scheme.get("in"), scheme.get("name")) for name, scheme in schemes.items()} == {
        "accessCookie": ("cookie", "access_token"),
        "refreshCookie": ("cookie", "refresh_token"),
        "bearer": (None, None),
    }
    assert set(schemes["bearer"]["flows"]) == {"password"}
    assert schemes["bearer"]["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = set(operation["responses"])
            assert {"400", "403", "411", "413", "429", "500", "503"} <= answers, (method, path)
            if operation.get("security") == SIGNED_IN:
                assert "401" in answers, (method, path)


def test_schema_has_what_a_stale_change_is_answered_and_the_version_of_each_entry(schema):
    document = schema.raw_schema
    shapes = {"records/{record_id}": "RecordWhole", "sessions/{note_id}": "NoteShape", "plans/{plan_id}": "PlanShape"}
    for path, shape in shapes.items():
        amending = document["paths"][f"/api/{path}/amendments"]["post"]["responses"]
        named = amending["409"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        current = document["components"]["schemas"][named]["properties"]["current"]
        assert current["allOf"] == [{"$ref": f"#/components/schemas/{shape}"}]
        for answer in (amending["200"], document["paths"][f"/api/{path}"]["get"]["responses"]["200"]):
            assert "ETag" in answer["headers"], path


def test_descriptions_are_for_api_clients(schema):
    said = {
        operation.get("description", "")
        for methods in schema.raw_schema["paths"].values()
        for operation in methods.values()
    }
    bases = [inspect.getdoc(base) for base in (ApiView, PublicView, BearerView)]
    assert not [text for text in said for words in bases if words and words in text]


def test_every_signed_in_operation_takes_the_cookie_or_a_bearer_token(schema):
    stated = schema.raw_schema["paths"]
    for path, view in api_routes():
        if isinstance(view, type) and issubclass(view, ApiView):
            named = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path)
            assert all(operation["security"] == SIGNED_IN for operation in stated[named].values()), path
