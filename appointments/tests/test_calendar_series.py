"""Series in the calendar: what would come of one is shown before it is booked, and several visits are changed."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import orjson
from django.urls import reverse

from appointments.models import Appointment
from appointments.tests.calendar_day import NINE, PART, act, change, events, slot, visits
from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory

WEEKLY = {"unit": "week", "every": "1", "count": "3"}


def book(client, day, **fields):
    return client.post(reverse("calendar_book"), slot(day, **WEEKLY, **fields), **PART)


def restore(client, visit, **fields):
    return client.post(reverse("calendar_restore", args=[visit.pk]), fields, **PART)


def undo_of(said):
    return unescape(re.search(r'name="several" value="([^"]+)"', said).group(1))


def booked_days(day):
    return [(visit.starts_at.day, visit.status) for visit in visits(day.practice) if visit.series_id]


def test_series_is_shown_before_it_is_booked_and_undone(enter_as, day):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        taken = datetime(2030, 1, 14, 14, tzinfo=UTC)
        AppointmentFactory(
            patient=PatientFactory(), doctor=day.doctor, starts_at=taken, ends_at=taken + timedelta(minutes=30)
        )
    ask = lambda **fields: client.post(reverse("calendar_slot"), slot(day, **fields), **PART).content.decode()  # noqa: E731
    assert ask().count("<li") == 0  # nothing repeats yet
    assert "Book 6 visits" in ask(unit="day")  # as long as nobody has said how many
    shown = ask(**WEEKLY)
    found = re.findall(r"<li[^>]*>(Mon, Jan \d+, 9:00 AM)", shown)
    assert found == ["Mon, Jan 7, 9:00 AM", "Mon, Jan 14, 9:00 AM", "Mon, Jan 21, 9:00 AM"]
    assert "The doctor has another appointment at this time." in shown and "Book 2 visits" in shown
    assert "Book 2 visits" in ask(unit="month", ends="until", until="2030-02-20")
    assert "at most 100 visits" in ask(unit="week", count="100", every="4")
    wrong = client.post(reverse("calendar_book"), slot(day, unit="week", every="0"), **PART).content.decode()
    assert "Every: Enter 1 or more." in wrong
    assert len(visits(day.practice)) == 2

    refused = book(client, day).content.decode()
    assert "nothing was saved" in refused and "Mon, Jan 14" in refused
    assert booked_days(day) == []
    said = book(client, day, skip="on").content.decode()
    assert "Booked 2 visits of Paula Jensen with Dr. Daniel Reyes, the first on Mon, Jan 7, 9:00 AM" in said
    assert booked_days(day) == [(7, "scheduled"), (21, "scheduled")]
    first = next(visit for visit in visits(day.practice) if visit.series_id)
    undo = {"status": "cancelled", "scope": "all", "undo": "on", "confirmed": "on", "version": first.version}
    assert all(f'name="{name}" value="{undo[name]}"' in said for name in ("status", "scope", "version"))
    assert "Undone." in change(client, first, **undo).content.decode()
    assert booked_days(day) == [(7, "cancelled"), (21, "cancelled")]


def test_this_the_following_or_all_visits_are_changed(enter_as, day):
    client = enter_as("staff")
    assert "Booked 3 visits" in book(client, day).content.decode()
    first, second, third = [visit for visit in visits(day.practice) if visit.series_id]
    panel = client.get(reverse("calendar_visit", args=[second.pk]), **PART).content.decode()
    assert "Visit 2 of a series" in panel and panel.count('<option value="following">') == 2
    alone = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert "of a series" not in alone and 'name="scope"' not in alone

    later = {"day": "2030-01-14", "time": "11:00", "scope": "following", "version": second.version}
    said = change(client, second, **later).content.decode()
    assert "Changed: Paula Jensen with Dr. Daniel Reyes, Mon, Jan 14, 11:00 AM, and the following visits" in said
    undo = undo_of(said)
    assert "Undone." in restore(client, second, several=undo).content.decode()
    assert [visit.starts_at.hour for visit in visits(day.practice) if visit.series_id] == [14, 14, 14]
    assert "Someone else changed" in restore(client, second, several=undo).content.decode()
    with practice_scope(day.practice.pk):
        later["version"] = Appointment.objects.get(pk=second.pk).version
    change(client, second, **later)
    hours = [visit.starts_at.hour for visit in visits(day.practice) if visit.series_id]
    assert hours == [14, 16, 16]
    with practice_scope(day.practice.pk):
        taken = datetime(2030, 1, 21, 17, tzinfo=UTC)
        AppointmentFactory(
            patient=PatientFactory(), doctor=day.doctor, starts_at=taken, ends_at=taken + timedelta(minutes=30)
        )
    noon = {"day": "2030-01-14", "time": "12:00", "scope": "all", "confirmed": "on"}
    refused = change(client, second, **noon).content.decode()
    assert "Mon, Jan 21, 11:00 AM: The doctor has another" in refused
    assert [visit.starts_at.hour for visit in visits(day.practice) if visit.series_id] == hours
    change(client, second, start=NINE.replace("07T14", "14T18"), scope="this", confirmed="on")
    said = change(client, third, status="cancelled", scope="all").content.decode()
    assert "Cancelled: all coming visits of this series of Paula Jensen" in said and "Why?" in said
    assert {status for _, status in booked_days(day)} == {"cancelled"}
    why = {"cancel_reason": "patient_ill", "just_cancelled": "more", "several": undo_of(said)}
    said = change(client, third, **why).content.decode()  # which is taken back as well
    assert "Undone." in restore(client, third, several=undo_of(said)).content.decode()
    assert {status for _, status in booked_days(day)} == {"scheduled"}
    assert [visit.starts_at.hour for visit in visits(day.practice) if visit.series_id] == [14, 18, 16]
    change(client, third, status="cancelled", scope="all")
    assert change(client, first, status="cancelled", scope="some").status_code == 400
    assert "isn&#x27;t part of a series" in change(client, day.visit, status="cancelled", scope="all").content.decode()
    assert act(client, day.visit, "confirm").status_code == 200


def test_undo_of_several_takes_back_all_or_nothing_and_only_what_it_may(
    enter_as, day, other_practice, make_user, subtests
):
    client = enter_as("staff")
    book(client, day)
    first, second, third = [visit for visit in visits(day.practice) if visit.series_id]
    said = change(client, first, start="2030-01-07T13:00:00Z", scope="all", confirmed="on").content.decode()
    undo = undo_of(said)
    assert [visit.starts_at.hour for visit in visits(day.practice) if visit.series_id] == [13, 13, 13]
    with practice_scope(day.practice.pk):
        AppointmentFactory(
            patient=PatientFactory(),
            doctor=day.doctor,
            starts_at=third.starts_at,
            ends_at=third.starts_at + timedelta(minutes=30),
        )
    assert "nothing was saved" in restore(client, first, several=undo).content.decode()
    assert [visit.starts_at.hour for visit in visits(day.practice) if visit.series_id] == [13, 13, 13]
    with practice_scope(other_practice.pk):
        foreign = AppointmentFactory(patient=PatientFactory(), doctor=make_user("doctor", practice=other_practice))
    row = {"visit": str(second.pk), "version": 2, "minutes": 45}
    for name, several, status in [
        ("no JSON", "[", 400),
        ("nothing", "[]", 400),
        ("no list", '{"visit": 1}', 400),
        ("not objects", "[1]", 400),
        ("a number as a visit", orjson.dumps([{**row, "visit": 7}]).decode(), 400),
        ("no change", orjson.dumps([{"visit": str(second.pk), "version": 2}]).decode(), 400),
        ("without a doctor", orjson.dumps([{**row, "doctor": ""}]).decode(), 400),
        ("one twice", orjson.dumps([row, row]).decode(), 400),
        ("completed", orjson.dumps([{**row, "status": "completed"}]).decode(), 400),
        ("a list as a moment", orjson.dumps([{**row, "start": [1]}]).decode(), 400),
    ]:
        with subtests.test(name=name):
            assert restore(client, first, several=several).status_code == status
    stranger = orjson.dumps([{**row, "visit": str(foreign.pk)}]).decode()
    assert "Appointment not found." in restore(client, first, several=stranger).content.decode()
    assert enter_as("billing").post(reverse("calendar_restore", args=[first.pk]), {"several": undo}).status_code == 403


def test_series_for_a_new_patient_in_the_same_panel(enter_as, day):
    client = enter_as("staff")
    new = {"patient": "", "new": "on", "name": "Nina Holm", "phone": "(212) 555-0177", **WEEKLY}
    with practice_scope(day.practice.pk):
        charts = Patient.objects.count()
        read = len(events(day.practice))
    shown = client.post(
        reverse("calendar_slot"), slot(day, **{**new, "name": "", "phone": ""}), **PART
    ).content.decode()
    assert "Mon, Jan 21, 9:00 AM" in shown and "Book 3 visits" in shown
    assert [visit for visit in visits(day.practice) if visit.series_id] == []
    with practice_scope(day.practice.pk):
        assert Patient.objects.count() == charts  # the chart that was tried with is gone
    told = [one.about for one in events(day.practice)[read:] if one.kind == "data.created"]
    assert "patients.Patient" not in told and "appointments.Appointment" not in told
    said = client.post(reverse("calendar_book"), slot(day, **new), **PART).content.decode()
    assert "Booked 3 visits of Nina Holm with Dr. Daniel Reyes, the first on Mon, Jan 7, 9:00 AM" in said
    assert len(booked_days(day)) == 3
