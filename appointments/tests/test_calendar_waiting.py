"""The waiting list beside the calendar: who waits, and what is offered to them."""

import re
from datetime import time

import pytest
from django.urls import reverse

from appointments.models import SlotHold, WaitingListEntry
from appointments.tests.calendar_day import MONDAY, NINE, PART, change, events, slot, visits
from appointments.tests.factories import WaitingListEntryFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory

TEN = "2030-01-07T15:00:00Z"


@pytest.fixture
def waiting(day):
    """Mia waits for this type and doctor on mornings; Noah for anything."""
    with practice_scope(day.practice.pk):
        mia = PatientFactory(name="Mia Okoro", phone="(212) 555-0155")
        noah = PatientFactory(name="Noah Klein", phone="(212) 555-0166")
        day.mia = WaitingListEntryFactory(patient=mia, type=day.kind, latest=time(12), priority=1)
        day.noah = WaitingListEntryFactory(patient=noah)
    return day


def post(client, name, **fields):
    return client.post(reverse(name), fields, **PART)


def opened(client, day, **fields):
    return post(client, "calendar_slot", **{"doctor": day.doctor.pk, "start": NINE, **fields}).content.decode()


def names_in(text):
    return re.findall(r"Offer to ([A-Z][a-z]+ [A-Z][a-z]+)", text)


def test_free_time_shows_who_fits_and_offers_it(enter_as, waiting):
    client, colleague = enter_as("staff", name="Kim"), enter_as("staff")
    panel = opened(client, waiting)
    assert names_in(panel) == ["Mia Okoro", "Noah Klein"]
    assert "(212) 555-0155" in panel and "Follow-up, urgent, over by 12:00 PM" in panel
    assert names_in(opened(client, waiting, start="2030-01-07T18:00:00Z")) == ["Noah Klein"]
    hold = re.search(r'name="hold" value="([0-9a-f-]+)"', panel)[1]
    here = {"doctor": waiting.doctor.pk, "start": NINE, "type": waiting.kind.pk, "hold": hold}
    offered = post(client, "calendar_offer", entry=waiting.mia.pk, **here).content.decode()
    assert re.search("on offer until [0-9:]+ [AP]M", offered) and names_in(offered) == ["Noah Klein"]
    assert [one.about_id for one in events(waiting.practice, kind="waiting_list.offered")] == [waiting.mia.pk]
    grid = colleague.get("/calendar/", {"day": MONDAY}).content.decode()
    assert "on offer until" in grid and "Mia" not in grid
    assert "On offer: Mon, Jan 7, 9:00 AM" in client.get(reverse("calendar_waiting")).content.decode()
    taken = colleague.post(reverse("calendar_book"), slot(waiting), **PART).content.decode()
    assert "On offer until" in taken

    both = post(client, "calendar_offer", entry=waiting.noah.pk, **here).content.decode()
    offers = dict(re.findall(r'"entry": "([0-9a-f-]+)", "offer": "([0-9a-f-]+)"', both))
    assert set(offers) == {str(waiting.mia.pk), str(waiting.noah.pk)}
    again = post(client, "calendar_offer", entry=waiting.noah.pk, **here).content.decode()
    assert "already offered to this patient" in again
    assert len(events(waiting.practice, kind="waiting_list.offered")) == 2
    noahs = {"entry": waiting.noah.pk, "offer": offers[str(waiting.noah.pk)]}
    back = post(client, "calendar_take_back", **noahs, **here).content.decode()
    assert names_in(back) == ["Noah Klein"]
    mias = {"entry": waiting.mia.pk, "offer": offers[str(waiting.mia.pk)]}
    assert "Booked Mia Okoro with" in post(client, "calendar_accept", **mias, **here).content.decode()
    late = post(client, "calendar_accept", **mias, **here).content.decode()
    assert "isn&#x27;t waiting any more" in late
    too_late = post(client, "calendar_take_back", **mias, **here).content.decode()
    assert "has been booked already" in too_late and 'id="slot"' in too_late
    assert len(visits(waiting.practice)) == 2
    with practice_scope(waiting.practice.pk):
        assert WaitingListEntry.objects.get(pk=waiting.mia.pk).status == "booked"
        assert not SlotHold.objects.filter(held_by__isnull=False, offers__isnull=False).exists()


def test_cancelled_visit_tells_who_would_come(enter_as, waiting):
    client = enter_as("staff")
    said = change(client, waiting.visit, status="cancelled", version=waiting.visit.version).content.decode()
    assert "Offer it to Mia Okoro or 1 other" in said and "Why?" in said
    read = events(waiting.practice, about_id=waiting.visit.pk)[-1]
    assert str(waiting.mia.patient_id) in str(read.patients)

    [cancelled] = [visit for visit in visits(waiting.practice) if visit.status == "cancelled"]
    fields = dict(re.findall(r'name="(version|just_cancelled)" value="(\w+)"', said[: said.index("Why?")]))
    reason = change(client, cancelled, cancel_reason="patient_ill", **fields).content.decode()
    assert "Offer it to Mia Okoro or 1 other" in reason and "Undo" in reason and "Why?" not in reason
    undo = dict(re.findall(r'name="(\w+)" value="(\w+)"', reason))
    assert "Undone." in change(client, cancelled, **undo).content.decode()
    [visit] = [visit for visit in visits(waiting.practice) if visit.pk == cancelled.pk]
    assert (visit.status, visit.cancel_reason) == ("scheduled", "")
    change(client, visit, status="cancelled")
    assert "On offer" not in opened(client, waiting, start=TEN)


def test_patient_is_put_on_the_list_changed_and_taken_off(enter_as, day):
    client = enter_as("staff")
    assert post(client, "calendar_waiting_save").status_code == 400  # nobody is named
    panel = opened(client, day, patient=day.chart.pk)
    assert "Put on the waiting list instead" in panel
    form = post(client, "calendar_waiting_entry", patient=day.chart.pk, type=day.kind.pk, doctors=day.doctor.pk)
    assert f'value="{day.doctor.pk}" checked' in form.content.decode()
    wishes = {
        "type": day.kind.pk,
        "doctors": [day.doctor.pk],
        "weekdays": [0, 2],
        "earliest": "09:00",
        "latest": "08:00",
        "priority": 1,
        "note": "By bus",
    }
    refused = post(client, "calendar_waiting_save", patient=day.chart.pk, **wishes).content.decode()
    assert "Enter an end after the start." in refused and 'value="By bus"' in refused
    wishes["latest"] = "12:00"
    saved = post(client, "calendar_waiting_save", patient=day.chart.pk, **wishes)
    assert "Paula Jensen is on the waiting list." in saved.content.decode()
    assert "calendar:done" in saved["HX-Trigger-After-Settle"]
    twice = post(client, "calendar_waiting_save", patient=day.chart.pk, **wishes).content.decode()
    assert "already waiting for this" in twice
    with practice_scope(day.practice.pk):
        (entry,) = WaitingListEntry.objects.all()
        assert (entry.weekdays, entry.earliest, entry.note, entry.priority) == (0b101, time(9), "By bus", 1)
        assert [one.doctor_id for one in entry.wanted_doctors.all()] == [day.doctor.pk]
    listed = client.get(reverse("calendar_waiting"), **PART).content.decode()
    assert "Follow-up, urgent, Mon Wed, from 9:00 AM, over by 12:00 PM, waiting since" in listed
    assert str(day.chart.pk) in str(events(day.practice, kind="waiting_list.read")[-1].patients)
    form = post(client, "calendar_waiting_entry", entry=entry.pk).content.decode()
    assert 'value="By bus"' in form and 'value="9:00 AM"' in form
    changed = {**wishes, "weekdays": [], "priority": 3, "last_day": "2030-02-01", "doctors": []}
    assert "is on the waiting list" in post(client, "calendar_waiting_save", entry=entry.pk, **changed).content.decode()
    listed = client.get(reverse("calendar_waiting"), **PART).content.decode()
    assert "Follow-up, flexible, from 9:00 AM, over by 12:00 PM, until Feb 1" in listed
    removed = post(client, "calendar_waiting_remove", entry=entry.pk).content.decode()
    assert "Nobody is waiting" in removed
    assert "Removed from the waiting list: Paula Jensen." in removed
    again = post(client, "calendar_waiting_remove", entry=entry.pk, undo="on").content.decode()
    assert "Paula Jensen is on the waiting list again." in again
    assert "Nobody is waiting" not in again
    assert "Nobody is waiting" in post(client, "calendar_waiting_remove", entry=entry.pk).content.decode()


def test_restricted_chart_waits_by_name_alone(enter_as, waiting):
    client = enter_as("staff")
    with practice_scope(waiting.practice.pk):
        waiting.mia.note = "Private matter"
        waiting.mia.save()
        type(waiting.mia.patient).objects.filter(pk=waiting.mia.patient_id).update(restricted=True)
    for text in (
        opened(client, waiting),
        client.get(reverse("calendar_waiting"), **PART).content.decode(),
        post(client, "calendar_waiting_entry", entry=waiting.mia.pk).content.decode(),
    ):
        assert "Mia Okoro" in text and "Restricted chart" in text
        assert "555-0155" not in text and "Private matter" not in text
    assert "is on the waiting" in post(client, "calendar_waiting_save", entry=waiting.mia.pk).content.decode()
    with practice_scope(waiting.practice.pk):
        assert WaitingListEntry.objects.get(pk=waiting.mia.pk).note == "Private matter"


def test_list_is_the_desks_and_of_the_own_practice(enter_as, waiting, make_user, other_practice, client, subtests):
    here = {"entry": waiting.mia.pk, "doctor": waiting.doctor.pk, "start": NINE, "offer": waiting.mia.pk}
    names = ("entry", "save", "remove")
    posts = [*(f"calendar_waiting_{name}" for name in names), "calendar_offer", "calendar_accept", "calendar_take_back"]
    client.force_login(make_user("staff", practice=other_practice))
    assert "Mia" not in client.get(reverse("calendar_waiting"), **PART).content.decode()
    for name in posts:
        with subtests.test(name=name, who="stranger"):
            answer = post(client, name, **here)
            assert "Mia" not in answer.content.decode()
            assert answer.status_code == 404 or "not found" in answer.content.decode().lower()
    for role in ("billing", "patient"):
        outsider = enter_as(role)
        assert outsider.get(reverse("calendar_waiting"), **PART).status_code == 403
        for name in posts:
            assert post(outsider, name, **here).status_code == 403
    staff = enter_as("staff")
    bad = [
        {"weekdays": "9"},
        {"priority": "7"},
        {"type": "x"},
        {"entry": "x"},
        {"first_day": "9999-12-31"},
        {"note": "\0"},
    ]
    for fields in bad:
        with subtests.test(fields=fields):
            answer = post(staff, "calendar_waiting_save", **{"entry": waiting.mia.pk, **fields})
            assert (answer.status_code, 'role="alert"' in answer.content.decode()) in [(400, True), (200, True)]
    with practice_scope(waiting.practice.pk):
        assert WaitingListEntry.objects.waiting().count() == 2
