"""The calendar in the mails of a visit, as somebody's mail program gets it: booked, moved and cancelled over HTTP, sent
by the worker through a mail server."""

import email
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from email.policy import default
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from zoneinfo import ZoneInfo

import icalendar
import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from appointments.tests.factories import AppointmentTypeFactory
from notifications.jobs import enqueue, run_due
from notifications.messages.jobs import send_due
from notifications.messages.settings import change_settings
from patients.tests.factories import PatientFactory
from practices.models import Office

NEW_YORK = ZoneInfo("America/New_York")
ANSWERS = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}


@contextmanager
def mail_server():
    """Yield the port of a mail server, and what it has been sent."""
    received = []

    class Smtp(StreamRequestHandler):
        def handle(self):
            self.say(b"220 mail.example.org ESMTP")
            while line := self.rfile.readline():
                word = line[:4].upper()
                self.say(ANSWERS.get(word, b"250 ok"))
                if word == b"DATA":
                    lines = iter(self.rfile.readline, b".\r\n")
                    received.append(email.message_from_bytes(b"".join(lines), policy=default))
                    self.say(b"250 queued")
                if word == b"QUIT":
                    return

        def say(self, line):
            self.wfile.write(line + b"\r\n")

    with ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server.server_address[1], received
        server.shutdown()


@pytest.fixture
def mails(settings, monkeypatch, practice, scope):
    """`mails()`: what the worker sends once the grace is over."""
    office = Office.objects.create(name="Main Street", address="1 Main Street; 2nd floor, left", timezone=NEW_YORK.key)
    change_settings(by=UserFactory(role="admin"), quiet_from=time(0), quiet_until=time(0))
    with mail_server() as (port, received):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.SMS_PROVIDER = "127.0.0.1", port, ""

        def send():
            now = timezone.now
            with monkeypatch.context() as later:
                later.setattr(timezone, "now", lambda: now() + timedelta(minutes=10))
                enqueue(send_due, payload={}, unique_key="due")
                run_due()
            sent, received[:] = list(received), []
            return sent

        send.office = office
        yield send


def calendar_in(mail):
    (part,) = mail.iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == ("text/calendar", "appointment.ics")
    return icalendar.Calendar.from_ical(part.get_content())


def last_sunday_of_summer_time():
    """Return the day in November of next year on which New York sets its clocks back."""
    first = date(timezone.now().year + 1, 11, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7)


def test_calendar_follows_a_visit_across_the_change_of_the_clocks(mails, as_role):
    client, doctor = as_role("staff"), UserFactory(role="doctor", office=mails.office)
    chart = PatientFactory(name="Paula Jensen", email="paula@example.org")
    day = last_sunday_of_summer_time()
    friday, tuesday = (
        datetime.combine(day + timedelta(days=days), time(9), NEW_YORK).astimezone(UTC) for days in (-2, 2)
    )
    booking = {
        "patientId": str(chart.pk),
        "doctorId": str(doctor.pk),
        "date": friday.isoformat(),
        "reason": "Sciatica",
        "notes": "Disc prolapse",
        "typeId": str(AppointmentTypeFactory(name="Psychotherapy", minutes=50).pk),
    }
    visit = client.post("/api/appointments", booking, "application/json").json()
    sent = mails()
    for change in ({"date": tuesday.isoformat()}, {"status": "cancelled"}):
        answer = client.patch(f"/api/appointments/{visit['id']}", change, "application/json")
        assert answer.status_code == 200, answer.json()
        sent += mails()
    assert [mail["To"] for mail in sent] == ["paula@example.org"] * 3

    calendars = [calendar_in(mail) for mail in sent]
    assert [calendar["METHOD"] for calendar in calendars] == ["PUBLISH"] * 3
    events = [event for calendar in calendars for event in calendar.events]
    assert {event["UID"] for event in events} == {f"{visit['id']}@praxis"} and len(events) == 3
    numbers = [event["SEQUENCE"] for event in events]
    assert numbers == sorted(set(numbers)), "a later one replaces an earlier one"
    assert [event["STATUS"] for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    for event, calendar, moment, offset in zip(
        events, calendars, (friday, tuesday, tuesday), (-4, -5, -5), strict=True
    ):
        start = event["DTSTART"]
        assert (start.params["TZID"], start.dt.replace(tzinfo=None).hour) == (NEW_YORK.key, 9)
        (zone,) = calendar.timezones
        own_zone = zone.to_tz(lookup_tzid=False)  # what the calendar itself says of it
        assert start.dt.replace(tzinfo=own_zone).utcoffset() == timedelta(hours=offset)
        assert start.dt.astimezone(UTC) == moment
        assert event["DTEND"].dt - start.dt == timedelta(minutes=50)
        assert event["LOCATION"] == "Main Street, 1 Main Street; 2nd floor, left"
    for mail, calendar in zip(sent, calendars, strict=True):
        said = mail["Subject"] + mail.get_body().get_content() + calendar.to_ical().decode()
        for word in ("Sciatica", "Disc prolapse", "Psychotherapy"):
            assert word not in said
        assert "Paula" not in calendar.to_ical().decode()


def test_time_that_comes_twice_is_in_utc(mails, as_role):
    client, doctor = as_role("staff"), UserFactory(role="doctor", office=mails.office)
    second_half_past_one = datetime.combine(last_sunday_of_summer_time(), time(1, 30), NEW_YORK).replace(fold=1)
    moment = second_half_past_one.astimezone(UTC)
    chart = PatientFactory(email="paula@example.org")
    ids = {"patientId": str(chart.pk), "doctorId": str(doctor.pk)}
    booking = {**ids, "date": moment.isoformat(), "reason": "Pain"}
    assert client.post("/api/appointments", booking, "application/json").status_code == 201
    (mail,) = mails()
    (event,) = calendar_in(mail).events
    assert event["DTSTART"].to_ical() == moment.strftime("%Y%m%dT%H%M%SZ").encode()
