"""The link in a message, and the messages of a visit explained."""

import re
from datetime import timedelta

import pytest

from appointments import services
from appointments.messages.tokens import LinkKind, link_of
from appointments.models import Appointment, SlotHold
from appointments.tests.factories import WaitingListEntryFactory, WorkingHoursFactory
from appointments.tests.messages import NOW, VISIT, book, run
from appointments.waiting_list import services as waiting_list
from audit.models import Event
from notifications.messages.settings import say_preference
from patients.tests.factories import PatientFactory
from practices.models import Office

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


def link_to(page) -> str:
    """Return the address of a link without its host."""
    return page.removeprefix("https://praxis.example.org")


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


# --- The link of an offer ---------------------------------------------------------------------------------------------


@pytest.fixture
def offered(desk, at, mailoutbox):
    """A time is offered to Paula, who has no account."""
    desk.entry = WaitingListEntryFactory(patient=desk.chart)
    desk.offer = offer_to(desk, desk.entry)
    run(at, NOW)
    assert desk.chart.user_id is None
    return link_in(mailoutbox[0])


def offer_to(desk, entry, **fields):
    return waiting_list.offer(by=desk.staff, entry_id=entry.pk, doctor_id=desk.doctor.pk, date=VISIT, **fields)


def trail_of(desk):
    found = Event.objects.filter(practice_id=desk.practice.pk, about_id=desk.entry.pk, details__contains="link")
    return sorted((event.kind, event.user_id, event.patients) for event in found)


def test_offer_is_accepted_by_its_link_which_asks_first(desk, offered, client, at, mailoutbox):
    page = client.get(offered).content.decode()
    assert "Yes, book it" in page and "until 10:30 AM" in page and "Dr. Reyes" in page and "Paula" not in page
    assert not Appointment.objects.exists()
    assert "your appointment is booked" in client.post(offered, {"action": "accept"}).content.decode()
    visit = Appointment.objects.get()
    assert (visit.patient_id, visit.doctor_id, visit.starts_at) == (desk.chart.pk, desk.doctor.pk, VISIT)
    event = visit.events.get()
    assert (event.what, event.by_id, event.details) == ("booked", None, {"via": "link"})
    patients = f'["{desk.chart.pk}"]'
    assert trail_of(desk) == [
        ("waiting_list.accepted", None, patients),
        ("waiting_list.read", None, patients),
    ]
    for again in (client.get(offered), *(client.post(offered, {"action": each}) for each in ("accept", "decline"))):
        page = again.content.decode()
        assert (again.status_code, "your appointment is booked" in page, "Yes, book it" in page) == (200, True, False)
    assert Appointment.objects.get().status == "scheduled"
    assert "waiting_list.offer_withdrawn" not in {kind for kind, *_ in trail_of(desk)}
    run(at, NOW + timedelta(minutes=5))
    assert "Your appointment on" in mailoutbox[-1].subject
    services.change(by=desk.staff, appointment_id=visit.pk, status="cancelled")
    assert client.get(offered).status_code == 404


def test_decline_that_comes_after_an_accept_is_refused(desk, offered, client, monkeypatch):
    real = waiting_list._calendars_locked

    def accepted_meanwhile(by, entry_id):
        monkeypatch.setattr(waiting_list, "_calendars_locked", real)
        waiting_list.accept(by=desk.staff, entry_id=desk.entry.pk, offer_id=desk.offer.pk)
        return real(by, entry_id)

    monkeypatch.setattr(waiting_list, "_calendars_locked", accepted_meanwhile)
    page = client.post(offered, {"action": "decline"})
    assert (page.status_code, "your appointment is booked" in page.content.decode()) == (200, True)
    assert "waiting_list.offer_withdrawn" not in {kind for kind, *_ in trail_of(desk)}


def test_offer_names_the_office_where_the_doctor_works_that_day(desk, client, at, mailoutbox):
    elsewhere = Office.objects.create(name="Harbor", address="2 Pier", timezone="America/Chicago")
    WorkingHoursFactory(doctor=desk.doctor, office=elsewhere)
    desk.entry = WaitingListEntryFactory(patient=desk.chart)
    desk.offer = offer_to(desk, desk.entry)
    run(at, NOW)
    link = link_in(mailoutbox[0])
    assert "2:00 PM" in mailoutbox[0].body
    for page in (client.get(link), client.post(link, {"action": "accept"})):
        shown = page.content.decode()
        assert ("Harbor, 2 Pier" in shown, "Main Street" in shown, "2:00 PM" in shown) == (True, False, True)
    assert Appointment.objects.get().office == elsewhere


def test_offer_is_declined_by_its_link(desk, offered, client):
    assert "stay on the waiting list" in client.post(offered, {"action": "decline"}).content.decode()
    desk.entry.refresh_from_db()
    assert desk.entry.status == "waiting"
    assert not SlotHold.objects.exists()
    assert [kind for kind, *_ in trail_of(desk)] == ["waiting_list.offer_withdrawn"]
    assert client.get(offered).status_code == 404


def test_offer_that_is_over_made_up_or_meant_for_a_visit(desk, offered, client, at, subtests):
    visit = book(desk, date=VISIT + timedelta(days=1))
    good_until = desk.offer.expires_at
    for what, link in {
        "made up": offered[:-3] + "AA/",
        "no token": "/visit/offer/é/",
        "signed for a visit": link_to(link_of(LinkKind.VISIT, desk.practice.pk, desk.offer.pk, good_until)).replace(
            "/visit/", "/visit/offer/"
        ),
        "of a visit": link_to(link_of(LinkKind.OFFER, desk.practice.pk, visit.pk, good_until)),
    }.items():
        with subtests.test(what):
            assert client.post(link, {"action": "accept"}).status_code == 404
    with subtests.test("an offer's link opens no visit"):
        assert client.get(offered.replace("/visit/offer/", "/visit/")).status_code == 404
    with subtests.test("expired"):
        at(good_until)
        assert client.post(offered, {"action": "accept"}).status_code == 404
    assert Appointment.objects.count() == 1


def test_offer_to_two_goes_to_the_first_and_who_is_elsewhere_is_told(desk, offered, client):
    other = WaitingListEntryFactory(patient=PatientFactory())
    theirs = offer_to(desk, other)
    booked = services.book(
        by=desk.staff, patient_id=other.patient_id, doctor_id=desk.other.pk, date=VISIT, reason="Elsewhere"
    )
    link = link_to(link_of(LinkKind.OFFER, desk.practice.pk, theirs.pk, theirs.expires_at))
    page = client.post(link, {"action": "accept"})
    assert page.status_code == 409 and 'role="alert"' in page.content.decode()
    assert client.post(offered, {"action": "accept"}).status_code == 200
    assert client.post(link, {"action": "accept"}).status_code == 404
    assert set(Appointment.objects.values_list("patient_id", flat=True)) == {booked.patient_id, desk.chart.pk}
