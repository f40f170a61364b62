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
