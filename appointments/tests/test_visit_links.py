"""The link in a message, and the messages of a visit explained."""

import re
from datetime import timedelta

import pytest

from appointments import services
from appointments.tests.messages import NOW, VISIT, book, run
from notifications.messages.settings import say_preference

# --- Explained --------------------------------------------------------------------------------------------------------


def test_messages_of_a_visit_are_explained(desk, at, client_of):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    say_preference(patient_id=desk.chart.pk, how="stop", channels=["sms"], wanted=False)
    run(at, VISIT - timedelta(hours=24))
    at(None)
    answer = client_of(desk.staff).get(f"/api/appointments/{visit.pk}/messages").json()
    by_kind = {(each["kind"], each["channel"]): each for each in answer["messages"]}
    assert list(by_kind["booked", "email"]) == ["id", "kind", "channel", "status", "plannedFor", "sentAt", "why"]
    assert by_kind["booked", "email"]["status"] == "sent"
    assert by_kind["booked", "email"]["sentAt"] == "2030-01-07T15:05:00Z"
    assert by_kind["booked", "email"]["why"] is None
    suppressed = by_kind["reminder", "sms"]
    assert (suppressed["status"], suppressed["sentAt"]) == ("suppressed", None)
    assert suppressed["why"] == "not sent: opted out of text messages on Jan 7, 2030 (by replying STOP)"


# --- The link ---------------------------------------------------------------------------------------------------------


def link_in(mail) -> str:
    return re.search(r"https://praxis\.example\.org(/visit/\S+)", mail.body)[1]


@pytest.fixture
def link(desk, at, mailoutbox):
    desk.visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    return link_in(mailoutbox[0])


def test_link_asks_before_it_confirms(desk, link, client):
    page = client.get(link)
    assert page.status_code == 200
    assert "Yes, I will come" in page.content.decode()
    assert "Paula" not in page.content.decode()
    desk.visit.refresh_from_db()
    assert desk.visit.confirmed_at is None
    assert "is confirmed" in client.post(link, {"action": "confirm"}).content.decode()
    desk.visit.refresh_from_db()
    assert desk.visit.confirmed_at is not None
    event = desk.visit.events.order_by("-id").first()
    assert (event.what, event.by_id, event.details) == ("confirmed", None, {"via": "link"})
    assert "You have confirmed" in client.get(link).content.decode()


def test_link_cancels_once(desk, link, client, at, mailoutbox):
    assert "is cancelled" in client.post(link, {"action": "cancel"}).content.decode()
    desk.visit.refresh_from_db()
    assert (desk.visit.status, desk.visit.cancel_reason) == ("cancelled", "patient_asked")
    assert client.get(link).status_code == 404
    run(at, NOW + timedelta(minutes=15))
    assert mailoutbox[-1].subject.endswith("is cancelled")


def test_link_of_another_time_or_after_the_visit_or_made_up_is_404(desk, link, client, at):
    assert client.get(link[:-3] + "AA/").status_code == 404
    assert client.get("/visit/é/").status_code == 404
    services.change(by=desk.staff, appointment_id=desk.visit.pk, date=VISIT + timedelta(days=1))
    assert client.post(link, {"action": "confirm"}).status_code == 404
    services.change(by=desk.staff, appointment_id=desk.visit.pk, date=VISIT)
    assert client.get(link).status_code == 200
    at(VISIT + timedelta(seconds=1))
    assert client.get(link).status_code == 404


def test_link_cancels_only_as_long_as_patients_may(desk, link, client, at):
    type(desk.practice).objects.filter(pk=desk.practice.pk).update(cancellation_hours=24)
    at(VISIT - timedelta(hours=23))
    assert "Cancel this appointment" not in client.get(link).content.decode()
    assert client.post(link, {"action": "cancel"}).status_code == 409
    desk.visit.refresh_from_db()
    assert desk.visit.status == "scheduled"


def test_links_cannot_be_tried_out(desk, link, client, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 3
    assert [client.get(link).status_code for _ in range(5)][-1] == 429
