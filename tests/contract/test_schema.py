"""schemathesis asks the started server everything its schema allows, and much that it does not, as every role."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.clinic import Clinic
from tests.contract.doors import ServerDoor
from tests.server import Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = ["admin", "doctor", "staff", "billing", "patient", "anonymous"]
MODES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 4}
HASHES_A_PASSWORD = {"/api/auth/login", "/api/auth/register"}


@pytest.fixture(scope="module")
def explored(server: Server) -> Clinic:
    """A clinic of its own: its people are renamed and its calendar filled at random."""
    return Clinic(ServerDoor(server))


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
    """Signing out with a session would end it for the examples that follow."""
    if role == "anonymous" or path == "/api/auth/logout":
        return {}
    caller = clinic.as_role(role)
    return {"Cookie": f"access_token={caller.access}; refresh_token={caller.refresh}"}


def explore(operation: Any, mode: GenerationMode, examples: int, call: Callable[[Any], None]) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
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


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_is_outside_the_schema(schema, explored, of_the_practice, role):
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if role not in ("admin", "anonymous") and operation.path.startswith(("/api/auth", "/api/health")):
            continue  # these do not look at the role
        cookies = cookie_of(explored, role, operation.path)

        def call(case: Any, cookies: dict[str, str] = cookies) -> None:
            nonlocal asked
            asked += 1
            if asked % 2:
                for name in set(case.path_parameters) & set(of_the_practice):
                    case.path_parameters[name] = of_the_practice[name]
            case.cookies.clear()
            case.call_and_validate(headers=cookies, checks=CHECKS)

        for mode, examples in MODES.items():
            explore(operation, mode, 2 if operation.path in HASHES_A_PASSWORD else examples, call)
    assert asked > 30


OWN_ERRORS = {
    ("post", "/api/auth/login"): {"503"},
    ("get", "/api/health"): {"503"},
    ("get", "/api/health/ready"): {"503"},
    ("get", "/api/patients/{chart_id}"): {"404"},
    ("get", "/api/patients/{chart_id}/accesses"): {"404"},
    ("put", "/api/patients/{chart_id}/restriction"): {"404"},
    ("delete", "/api/patients/{chart_id}/restriction"): {"404"},
    ("post", "/api/patients/{chart_id}/emergency-access"): {"404", "409"},
    ("post", "/api/emergency-accesses/{access_id}/review"): {"404", "409"},
    ("get", "/api/doctors/{doctor_id}"): {"404"},
    ("post", "/api/appointments"): {"404", "409"},
    ("patch", "/api/appointments/{appointment_id}"): {"404", "409"},
    ("get", "/api/records"): {"404"},
    ("post", "/api/records"): {"404"},
}


def test_the_schema_names_no_refusal_that_cannot_happen(schema):
    stated = {
        (method, path): found
        for path, methods in schema.raw_schema["paths"].items()
        for method, operation in methods.items()
        if (found := set(operation["responses"]) & {"404", "409", "503"})
    }
    assert stated == OWN_ERRORS


def test_the_schema_states_the_cookies_and_every_refusal(schema):
    document = schema.raw_schema
    schemes = document["components"]["securitySchemes"]
    assert {(scheme["in"], scheme["name"]) for scheme in schemes.values()} == {
        ("cookie", "access_token"),
        ("cookie", "refresh_token"),
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = set(operation["responses"])
            assert {"400", "403", "413", "429", "500"} <= answers, (method, path)
            if operation.get("security") == [{"accessCookie": []}]:
                assert "401" in answers, (method, path)
