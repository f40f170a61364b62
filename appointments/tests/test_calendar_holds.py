"""The calendar's panel keeps the time that it books, and colleagues see that."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import SlotHold
from appointments.services import book
from appointments.tests.calendar_day import MONDAY, NINE, PART, change, events, slot, visits
from appointments.tests.factories import AppointmentTypeFactory, SlotHoldFactory
from core.tenancy.scope import practice_scope


def open_slot(client, day, **fields):
    return client.post(reverse("calendar_slot"), {"doctor": day.doctor.pk, "start": NINE, **fields}, **PART)


def hold_in(answer):
    return re.search(r'name="hold" value="([0-9a-f-]+)"', answer.content.decode())[1]


def held(day):
    with practice_scope(day.practice.pk):
        return list(SlotHold.objects.live().order_by("id"))


def test_open_panel_keeps_its_time_and_books_through_it(enter_as, day):
    kim, lee = enter_as("staff", name="Kim"), enter_as("staff", name="Lee")
    address = lee.get("/calendar/", {"day": MONDAY}).context["changes"]
    opened = open_slot(kim, day)
    assert "Kept for you until" in opened.content.decode()
    (hold,) = held(day)
    assert (str(hold.pk), hold.held_by_id, hold.ends_at - hold.starts_at) == (
        hold_in(opened),
        kim.user.pk,
        timedelta(minutes=30),
    )
    fresh = lee.get(address, **PART).content.decode()
    assert re.search("Dr. Daniel Reyes, 9:15 AM, kept by Kim until [0-9:]+ [AP]M", fresh)
    week = lee.get("/calendar/", {"day": MONDAY, "view": "week", "doctor": day.doctor.pk}).content.decode()
    assert "kept by Kim" in week
    assert "kept by" not in kim.get("/calendar/", {"day": MONDAY, "view": "day"}).content.decode()
    refused = open_slot(lee, day).content.decode()
    assert "Kept by Kim until" in refused and "Kept for you" not in refused
    assert "is booking this time" in lee.post(reverse("calendar_book"), slot(day), **PART).content.decode()

    # another type is longer, and so is what is kept; the same panel opened anew has it still
    with practice_scope(day.practice.pk):
        longer = AppointmentTypeFactory(minutes=45)
    again = open_slot(kim, day, type=longer.pk)
    assert hold_in(again) == str(hold.pk)
    assert [one.ends_at - one.starts_at for one in held(day)] == [timedelta(minutes=45)]
    # another time of the same panel moves it
    open_slot(kim, day, hold=hold.pk, start="2030-01-07T16:00:00Z")
    assert [one.starts_at.hour for one in held(day)] == [16]
    open_slot(kim, day, hold=hold.pk)
    booked = kim.post(reverse("calendar_book"), slot(day, hold=hold.pk), **PART)
    assert "Booked Paula Jensen" in booked.content.decode()
    assert held(day) == [] and len(visits(day.practice)) == 2


def test_closed_panel_lets_others_have_the_time(enter_as, day):
    kim, lee = enter_as("staff", name="Kim"), enter_as("staff", name="Lee")
    hold = hold_in(open_slot(kim, day))
    assert lee.post(reverse("calendar_release"), {"hold": hold}, **PART).status_code == 204
    assert len(held(day)) == 1  # it is not theirs
    for _twice in range(2):
        assert kim.post(reverse("calendar_release"), {"hold": hold}, **PART).status_code == 204
    assert held(day) == []
    assert "Kept for you" in open_slot(lee, day).content.decode()
    assert kim.post(reverse("calendar_release"), {"hold": "x"}, **PART).status_code == 400


def test_hold_that_is_over_is_kept_again_unless_somebody_was_faster(enter_as, day):
    client = enter_as("staff")
    hold = hold_in(open_slot(client, day))
    with practice_scope(day.practice.pk):
        SlotHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert held(day) == []
    kept = client.post(reverse("calendar_keep"), slot(day, hold=hold), **PART)
    assert "Kept for you until" in kept.content.decode() and hold_in(kept) == hold
    with practice_scope(day.practice.pk):
        SlotHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        faster = book(
            by=enter_as("staff").user,
            patient_id=day.chart.pk,
            doctor_id=day.doctor.pk,
            date=held_start(),
            reason="Faster",
            allow_overlap=True,
        )
    late = client.post(reverse("calendar_keep"), slot(day, hold=hold), **PART).content.decode()
    assert "The doctor has another appointment at this time." in late and "Kept for you" not in late
    refused = client.post(reverse("calendar_book"), slot(day, hold=hold), **PART).content.decode()
    assert "another appointment" in refused
    change(client, faster, status="cancelled")
    # whoever sends the form too late books all the same if the time is free
    assert "Booked" in client.post(reverse("calendar_book"), slot(day, hold=hold), **PART).content.decode()


def held_start():
    return SlotHold.objects.get().starts_at


def test_what_patients_keep_names_nobody_and_the_fourth_time_is_not_kept(enter_as, day, make_user):
    client = enter_as("staff")
    patient = make_user("patient", name="Paula Jensen")
    with practice_scope(day.practice.pk):
        start = visits(day.practice)[0].starts_at + timedelta(hours=1)
        SlotHoldFactory(doctor=day.doctor, held_by=patient, starts_at=start, ends_at=start + timedelta(minutes=30))
        for number in range(3):
            begins = start + timedelta(days=1 + number)
            SlotHoldFactory(
                doctor=day.doctor, held_by=client.user, starts_at=begins, ends_at=begins + timedelta(minutes=30)
            )
    assert "being booked online until" in client.get("/calendar/", {"day": MONDAY}).content.decode()
    panel = open_slot(client, day).content.decode()
    assert "holding three times already" in panel and 'name="hold"' not in panel
    assert "Booked" in client.post(reverse("calendar_book"), slot(day), **PART).content.decode()


@pytest.mark.parametrize("role", ["billing", "patient"])
def test_holds_of_the_calendar_are_the_desks(enter_as, day, role):
    client = enter_as(role)
    for name in ("calendar_keep", "calendar_release"):
        assert client.post(reverse(name), slot(day), **PART).status_code == 403
    assert held(day) == [] and events(day.practice, outcome="refused")
