"""Every method of every route succeeds over HTTP; a new route without a walk in walks.py fails here."""

import pytest

from tests.contract.clinic import Clinic
from tests.server import Server
from tests.wire.walks import RecordingTransport, operations, walk

# Operations whose happy path is elsewhere, with the reason.
ELSEWHERE = {
    ("GET", "api/health/worker"): "no worker runs beside this server: notifications/tests/test_schedule.py",
    ("POST", "api/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/resend"): "a worker must have tried before: "
    "notifications/tests/test_webhooks.py",
    **{
        (method, f"api/claims/{path}"): "billing/tests/test_claims.py"
        for path in ("identities", "patients/<uuid:chart_id>/coverages", "visits/<uuid:appointment_id>/codes")
        for method in ("GET", "PUT")
    },
    ("GET", "api/claims/patients/<uuid:chart_id>/superbill"): "billing/tests/test_claims.py",
    ("GET", "api/claims/visits/<uuid:appointment_id>/superbill"): "billing/tests/test_claims.py",
    ("GET", "api/billing-policy"): "billing/tests/test_claims.py",
    ("PUT", "api/billing-policy"): "billing/tests/test_claims.py",
    **{
        (method, f"api/form-templates{path}"): "records/tests/test_forms.py"
        for path, methods in {"": ("GET", "POST"), "/<uuid:form_template_id>": ("GET", "PATCH")}.items()
        for method in methods
    },
    ("GET", "api/forms"): "records/tests/test_forms.py",
    ("POST", "api/forms"): "records/tests/test_forms.py",
    ("GET", "api/forms/<uuid:form_id>"): "records/tests/test_forms.py",
    ("DELETE", "api/forms/<uuid:form_id>"): "records/tests/test_forms.py",
    **{
        ("POST", f"api/forms/<uuid:form_id>/{verb}"): "records/tests/test_forms.py"
        for verb in ("code", "complete", "restore", "review", "withdraw")
    },
    **{
        ("GET", path): "answers 405, and a POST of the provider's: it is no view of the API"
        for path in ("api/payments/stripe/webhook", "api/providers/sendgrid", "api/providers/twilio")
    },
    ("POST", "api/auth/password-reset/confirm"): "its token comes by e-mail: tests/contract/test_password.py",
}


@pytest.fixture(scope="module")
def answers(server: Server):
    transport = RecordingTransport(server)
    walk(Clinic(transport))
    return transport.answers


def test_every_route_and_method_succeeds(answers, subtests):
    for method, route in operations():
        if (method, route) not in ELSEWHERE:
            with subtests.test(method=method, route=route):
                given = answers.get((method, route), [])
                assert any(200 <= answer.status < 300 for answer in given), given


def test_exceptions_name_existing_operations():
    assert ELSEWHERE.keys() <= set(operations())
