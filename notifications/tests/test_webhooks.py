"""Webhooks: events of the practice are sent once they are committed, signed, again if they are not accepted."""

import hmac
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import orjson
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from accounts.tests.factories import UserFactory
from appointments import services as appointments
from core.tenancy.scope import practice_scope
from integrations.web_post import PostFailed
from notifications.jobs import run_due
from notifications.models import Delivery, Webhook
from notifications.tests.factories import DeliveryFactory, WebhookFactory
from notifications.webhooks.delivery import signature
from patients.deletion import services as deletions
from patients.models import Patient
from patients.tests.factories import PatientFactory

URL = "https://hooks.example.com/praxis?key=of-theirs"
EVENTS = ["appointment.changed", "patient.changed"]
AT = datetime(2031, 1, 6, 15, 0, tzinfo=UTC)
JSON = {"content_type": "application/json"}


@pytest.fixture
def manager(as_role) -> Client:
    return as_role("admin")


@pytest.fixture
def sent(monkeypatch):
    """What was posted; `sent.answers` are raised or returned in this order, else 200."""

    class Sent(list):
        answers = []

    made = Sent()

    def post(url, body, headers):
        made.append((url, body, headers))
        answer = made.answers.pop(0) if made.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("notifications.webhooks.delivery.post", post)
    return made


def make(manager, **changes):
    answer = manager.post("/api/webhooks", {"url": URL, "events": EVENTS, **changes}, **JSON)
    assert answer.status_code == 201, answer.content
    return answer.json()


def book():
    doctor = UserFactory(role="doctor")
    return appointments.book(by=doctor, doctor_id=doctor.pk, patient_id=PatientFactory().pk, date=AT, reason="Pain")


def test_secret_is_shown_once(manager):
    made = make(manager)
    assert made["secret"].startswith("whsec_")
    shown = [manager.get("/api/webhooks").json()["webhooks"][0], manager.get(f"/api/webhooks/{made['id']}").json()]
    assert shown == [{name: value for name, value in made.items() if name != "secret"}] * 2


def test_booking_is_sent_as_ids_alone_with_a_signature(manager, scope, sent):
    secret = make(manager, events=["appointment.changed"])["secret"]
    visit = book()

    run_due()

    ((url, body, headers),) = sent
    event = orjson.loads(body)
    assert url == URL
    assert event.keys() == {"type", "id", "version", "eventId", "happenedAt"}
    assert (event["type"], event["id"], event["version"]) == ("appointment.changed", str(visit.pk), visit.version)
    moment, signature = (part.partition("=")[2] for part in headers["Praxis-Signature"].split(","))
    assert signature == hmac.new(secret.encode(), moment.encode() + b"." + body, sha256).hexdigest()
    assert Delivery.objects.get().state == "done"


def test_check_of_the_documents_tells_right_from_wrong_signatures(manager, scope, sent):
    secret = make(manager, events=["patient.changed"])["secret"]
    PatientFactory()
    run_due()
    ((_, body, headers),) = sent
    (code,) = re.findall(r"^```py\n(.*?)^```$", (settings.BASE_DIR / "docs/clients.md").read_text(), re.M | re.S)
    names = {}
    exec(code, names)
    check, header = names["is_from_praxis"], headers["Praxis-Signature"]

    assert check(header, body, secret)
    assert not check(header, body + b" ", secret)
    assert not check(header, body, "whsec_another")
    old = signature(secret, "1600000000", body)
    assert not check(f"t=1600000000,v1={old}", body, secret)


def test_only_chosen_events_of_the_own_practice_are_sent(manager, scope, other_practice, sent):
    make(manager, events=["patient.deleted"])
    with practice_scope(other_practice.pk):
        WebhookFactory(events=EVENTS, url="https://foreign.example.com/")
    chart = PatientFactory()
    deletions.delete(by=manager.user, row=Patient.objects.get(pk=chart.pk), reason="By mistake")

    run_due()

    assert [orjson.loads(body)["type"] for _, body, _ in sent] == ["patient.deleted"]


def test_change_that_is_undone_is_not_sent(manager, scope, sent):
    make(manager)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        PatientFactory()
        raise ZeroDivisionError
    run_due()
    assert sent == []


def test_event_is_sent_again_up_to_a_day_and_then_failed(manager, scope, sent):
    made = make(manager, events=["patient.changed"])
    sent.answers = [PostFailed("The answer was 500.", status=500)] * 99
    PatientFactory()
    now = first = datetime.now(UTC)
    while Delivery.objects.filter(state="waiting").exists():
        now += timedelta(minutes=10)
        run_due(now=now)

    assert timedelta(hours=22) < now - first < timedelta(hours=30)
    assert len(sent) == 17
    (row,) = manager.get(f"/api/webhooks/{made['id']}/deliveries").json()["deliveries"]
    assert (row["status"], row["attempts"], row["answered"], row["error"]) == ("failed", 17, 500, "The answer was 500.")
    assert len({headers["Praxis-Delivery"] for _, _, headers in sent}) == 1


def test_failed_event_is_sent_once_more_on_request(manager, scope, sent):
    hook = WebhookFactory()
    row = DeliveryFactory(webhook=hook)
    address = f"/api/webhooks/{hook.pk}/deliveries/{row.pk}/resend"

    assert manager.post(address).json()["status"] == "waiting"
    assert manager.post(address).status_code == 409
    run_due()

    assert len(sent) == 1
    assert Delivery.objects.get().state == "done"


def test_address_that_is_not_public_any_more_ends_at_once(manager, scope, sent):
    make(manager, events=["patient.changed"])
    sent.answers = [PostFailed("The address may not be sent to.", permanent=True)]
    PatientFactory()
    run_due()
    assert Delivery.objects.get().state == "failed"


def test_webhook_that_is_turned_off_or_removed_is_sent_nothing(manager, scope, sent):
    made = make(manager, events=["patient.changed"])
    PatientFactory()
    assert manager.patch(f"/api/webhooks/{made['id']}", {"active": False}, **JSON).json()["active"] is False
    PatientFactory()
    run_due()
    assert manager.delete(f"/api/webhooks/{made['id']}").status_code == 204
    run_due()
    assert (sent, Delivery.objects.count()) == ([], 0)


def test_after_a_rotation_both_secrets_sign_for_a_day(manager, scope, sent, monkeypatch):
    made = make(manager, events=["patient.changed"])
    new = manager.post(f"/api/webhooks/{made['id']}/rotate-secret").json()["secret"]
    PatientFactory()
    run_due()

    ((_, body, headers),) = sent
    moment, *signatures = (part.partition("=")[2] for part in headers["Praxis-Signature"].split(","))
    expected = [
        hmac.new(secret.encode(), moment.encode() + b"." + body, sha256).hexdigest() for secret in (new, made["secret"])
    ]
    assert signatures == expected

    Webhook.objects.get().deliveries.all().delete()
    hook = Webhook.objects.get()
    hook.old_secret_until = datetime(2020, 1, 1, tzinfo=UTC)
    hook.save()
    PatientFactory()
    run_due()
    assert sent[-1][2]["Praxis-Signature"].count("v1=") == 1


def test_wrong_webhooks_are_refused(manager, subtests):
    wrong = [
        {"url": "http://example.com/"},
        {"url": "https://localhost/"},
        {"url": "https://10.0.0.1/"},
        {"url": "https://0x7f.1/"},
        {"url": "https://user:pass@example.com/"},
        {"events": []},
        {"events": ["appointment.booked"]},
        {"name": "unknown"},
    ]
    for change in wrong:
        with subtests.test(change=change):
            answer = manager.post("/api/webhooks", {"url": URL, "events": EVENTS, **change}, **JSON)
            assert answer.status_code == 400
            assert {name.partition(".")[0] for name in answer.json()["errors"]} == set(change)


def test_there_are_at_most_twenty(manager, scope):
    for _ in range(20):
        WebhookFactory()
    answer = manager.post("/api/webhooks", {"url": URL, "events": EVENTS}, **JSON)
    assert answer.status_code == 409
