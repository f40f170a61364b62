"""Dates and times as people of the practice's region write and type them, on every kind of page and paper."""

import re
from datetime import UTC, date, datetime, time

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from appointments.messages.source import place_and_time
from appointments.models import Appointment
from appointments.tests.calendar_day import CALENDAR, change
from core.formats import format_day, format_moment, format_time
from core.tenancy.scope import practice_scope
from core.typed import parse_date, picked_date, picked_time, short_date
from practices.models import Practice

PLACES = {  # time zone, language: a day in words, with its weekday, in digits; the time; a message's
    ("America/New_York", "en"): ("Jan 7, 2030", "Monday, January 7, 2030", "01/07/2030", "10:00 AM", "10:00 AM"),
    ("Europe/London", "en"): ("7 Jan 2030", "Monday, 7 January 2030", "07/01/2030", "15:00", "15:00"),
    ("Australia/Sydney", "en"): ("8 Jan 2030", "Tuesday, 8 January 2030", "08/01/2030", "2:00 AM", "2:00 AM"),
    ("Europe/Berlin", "en"): ("7 Jan 2030", "Monday, 7 January 2030", "07/01/2030", "16:00", "16:00"),
    ("Europe/Berlin", "de"): ("07.01.2030", "Montag, 7. Januar 2030", "07.01.2030", "16:00", "16:00 Uhr"),
    ("America/New_York", "de"): ("07.01.2030", "Montag, 7. Januar 2030", "07.01.2030", "10:00", "10:00 Uhr"),
    ("America/Kralendijk", "en"): ("7 Jan 2030", "Monday, 7 January 2030", "07/01/2030", "11:00 AM", "11:00 AM"),
    ("Asia/Tokyo", "en"): ("8 Jan 2030", "Tuesday, 8 January 2030", "2030-01-08", "00:00", "00:00"),
}


def move(practice, zone):
    """The practice is somewhere else."""
    Practice.objects.filter(pk=practice.pk).update(timezone=zone)
    practice.refresh_from_db()


@pytest.mark.parametrize(("place", "said"), PLACES.items(), ids=lambda part: "-".join(part) if len(part) == 2 else "")
def test_pages_files_and_messages_write_dates_as_the_region_does(day, enter_as, place, said):
    zone, language = place
    words, long, digits, clock, told = said
    move(day.practice, zone)
    local = day.visit.starts_at.astimezone(day.practice.tzinfo)
    client = enter_as("admin", language=language)
    shown = client.get(CALENDAR, {"day": local.date().isoformat()}).content.decode()
    assert long in shown
    assert clock in client.get(reverse("calendar_visit", args=[day.visit.pk])).content.decode()
    listed = client.get(reverse("admin:appointments_appointment_changelist")).content.decode()
    assert f"{words}, {clock}" in listed
    form = client.get(reverse("admin:appointments_appointment_change", args=[day.visit.pk])).content.decode()
    assert {f'value="{digits}"', f'value="{clock}"'} <= set(re.findall(r'value="[^"]*"', form))
    with practice_scope(day.practice.pk):
        row = Appointment.objects.with_offices().get(pk=day.visit.pk)
        message = place_and_time(row.starts_at, row, language)
    assert (message["date"], message["time"]) == (long, told)


@pytest.mark.parametrize(
    ("zone", "typed"),
    [
        ("America/New_York", [("1/8/2030", "2:30 pm"), ("01/08/30", "2.30pm"), ("2030-01-08", "1430")]),
        ("Europe/London", [("8/1/2030", "14:30"), ("08.01.2030", "2:30 pm"), ("8-1-30", "14h30")]),
        ("Europe/Berlin", [("8.1.2030", "14.30"), ("08.01.30", "14:30 Uhr"), ("2030-01-08", "2:30 PM")]),
    ],
)
def test_visit_is_moved_to_what_was_typed(day, enter_as, zone, typed):
    move(day.practice, zone)
    client = enter_as("staff")
    for day_typed, time_typed in typed:
        fields = {"day": day_typed, "time": time_typed, "minutes": 30, "doctor": day.doctor.pk, "confirmed": "on"}
        with practice_scope(day.practice.pk):
            Appointment.objects.filter(pk=day.visit.pk).update(starts_at=datetime(2030, 1, 7, 15, tzinfo=UTC))
            version = Appointment.objects.get(pk=day.visit.pk).version
        answer = change(client, day.visit, version=version, **fields)
        with practice_scope(day.practice.pk):
            start = Appointment.objects.get(pk=day.visit.pk).starts_at.astimezone(day.practice.tzinfo)
        assert (start.date(), start.time()) == (date(2030, 1, 8), time(14, 30)), (typed, answer.content.decode()[:500])


def test_mistyped_time_is_refused_with_one_of_the_region(day, enter_as):
    client = enter_as("staff")
    for zone, example in {"America/New_York": "2:30 PM", "Europe/London": "14:30"}.items():
        move(day.practice, zone)
        answer = change(client, day.visit, version=day.visit.version, day="2030-01-08", time="half two", minutes=30)
        assert f"Enter a time such as {example}." in answer.content.decode()


def test_pickers_write_what_is_read():
    moment = datetime(2030, 1, 8, 14, 30, tzinfo=UTC)
    for zone in ("America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "UTC"):
        for language in ("en", "de"):
            with timezone.override(zone), translation.override(language):
                assert (
                    parse_date(moment.strftime(picked_date())) == parse_date(short_date(moment.date())) == moment.date()
                )
                assert moment.strftime(picked_time()).lstrip("0") == format_time(moment.time())


def test_place_without_a_region_writes_as_before():
    with timezone.override("UTC"):
        assert format_day(date(2030, 1, 8)) == "Jan 8, 2030"
        assert format_moment(datetime(2030, 1, 8, 14, 30, tzinfo=UTC), UTC) == "Jan 8, 2030, 2:30 PM"
