"""What the calendar says happened to a visit, and its rooms."""

import re
from uuid import uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.tests.calendar_day import CALENDAR, MONDAY, NINE, PART, act, change, slot, visits
from appointments.tests.factories import (
    RoomFactory,
)
from core.tenancy.scope import practice_scope
from practices.tests.factories import OfficeFactory
from records.notes.services import create_draft

ACTS = [  # what is said, the words of the grid then, and the buttons of the panel then
    ("arrive", "here since", ["start", "finish", "undo"]),
    ("start", "in progress", ["finish", "undo"]),
    ("finish", "done", ["undo"]),
    ("undo", "in progress", ["finish", "undo"]),
    ("undo", "here since", ["start", "finish", "undo"]),
    ("undo", "", ["arrive", "start", "finish", "no-show"]),
    ("no-show", "no-show", ["arrive", "start", "finish", "undo"]),
    ("arrive", "here since", ["start", "finish", "undo"]),
]


def test_what_happened_is_said_with_one_click_each(enter_as, now, subtests):
    client = enter_as("staff")
    shown = timezone.localtime(now.visit.starts_at, now.practice.tzinfo).date()
    for action, words, buttons in ACTS:
        with subtests.test(action=action):
            answer = act(client, now.visit, action)
            assert ("Undone." if action == "undo" else words) in answer.content.decode()
            assert "calendar:changed" in answer["HX-Trigger-After-Settle"]
            panel = client.get(reverse("calendar_visit", args=[now.visit.pk]), **PART)
            found = re.findall(r'name="action" value="([a-z-]+)"', panel.content.decode())
            assert sorted(found) == sorted(buttons)
            for view in ("day", "week", "list"):
                page = client.get(CALENDAR, {"day": shown, "view": view, "doctor": now.doctor.pk}).content.decode()
                assert words.lower() in page.lower()
    says = act(client, now.visit, "arrive").content.decode()  # twice
    assert "here since" in says and "Undo" not in says
    assert "Undo" in act(client, now.visit, "start").content.decode()


def test_only_what_may_follow_now_is_offered_and_the_rest_is_refused(enter_as, day):
    client = enter_as("doctor")
    panel = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert re.findall(r'name="action" value="([a-z-]+)"', panel) == ["confirm"]  # it is on a later day
    assert "Not confirmed yet" in panel
    assert "on a later day" in act(client, day.visit, "arrive").content.decode()
    assert "Paula Jensen: confirmed" in act(client, day.visit, "confirm").content.decode()
    panel = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert "Not confirmed yet" not in panel
    grid = client.get(CALENDAR, {"day": MONDAY}).content.decode()
    assert "Paula Jensen, confirmed, 10:00 AM" in grid and "is-confirmed" in grid


def test_whoever_saw_an_earlier_version_is_told_how_the_visit_is(enter_as, now):
    client = enter_as("staff")
    act(enter_as("doctor"), now.visit, "arrive")
    stale = act(client, now.visit, "no-show", version=now.visit.version)
    said = stale.content.decode()
    assert "Someone else changed this visit in the meantime. Now it is: here since" in said and "data-error" in said
    assert "calendar:changed" in stale["HX-Trigger-After-Settle"]
    (visit,) = visits(now.practice)
    assert visit.no_show_at is None and visit.arrived_at


def test_what_happened_is_said_by_the_practice_alone(enter_as, now, other_practice, make_user, subtests):
    for role, status in {"admin": 200, "billing": 403, "patient": 403}.items():
        with subtests.test(role=role):
            assert act(enter_as(role), now.visit, "arrive").status_code == status
    stranger = Client()
    stranger.force_login(make_user("staff", practice=other_practice))
    assert act(stranger, now.visit, "undo").status_code == 404
    client = enter_as("staff")
    for fields in ({"action": "cancel"}, {"action": ""}, {"version": ""}, {"version": "x"}, {"version": "9" * 40}):
        with subtests.test(fields=fields):
            answer = act(client, now.visit, **{"action": "undo", **fields})
            assert (answer.status_code, "data-error" in answer.content.decode()) in [(400, True), (200, True)]
    assert client.get(reverse("calendar_act", args=[now.visit.pk])).status_code == 405
    assert visits(now.practice)[0].arrived_at


def test_reason_of_a_cancellation_is_picked_afterwards(enter_as, day):
    client = enter_as("staff")
    said = change(client, day.visit, status="cancelled", version=day.visit.version).content.decode()
    assert "The patient is ill" in said and "Undo" in said
    (visit,) = visits(day.practice)
    said = change(client, visit, cancel_reason="patient_ill", version=visit.version).content.decode()
    assert "Reason: The patient is ill" in said
    panel = client.get(reverse("calendar_visit", args=[visit.pk]), **PART).content.decode()
    assert '<option value="patient_ill" selected>' in panel
    listed = client.get(CALENDAR, {"day": MONDAY, "view": "list"}).content.decode()
    assert "Cancelled: The patient is ill" in listed
    assert change(client, visit, cancel_reason="none of these").status_code == 400
    assert "Booked again" in change(client, visit, status="scheduled").content.decode()
    assert "has a reason why" in change(client, visit, cancel_reason="weather").content.decode()


def test_finished_visit_without_a_note_says_so(enter_as, now):
    client = enter_as("doctor")
    act(client, now.visit, "finish")
    panel = lambda: client.get(reverse("calendar_visit", args=[now.visit.pk]), **PART).content.decode()  # noqa: E731
    assert "No note yet" in panel()
    with practice_scope(now.practice.pk):
        create_draft(by=client.user, patient_id=now.chart.pk, appointment_id=now.visit.pk, subjective="Better.")
    assert "No note yet" not in panel()


def test_room_is_chosen_and_its_conflict_shown_before(enter_as, day, make_user):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        office = OfficeFactory(name="Midtown")
        room, other = RoomFactory(office=office, name="Room 1"), RoomFactory(office=office, name="Room 2")
        elsewhere = RoomFactory(office=OfficeFactory(name="Downtown"), name="Suite 9")
    doctor = make_user("doctor", office=office)
    at_ten = {"start": "2030-01-07T15:00:00Z", "doctor": doctor.pk, "allow_overlap": "on"}
    ask = lambda **fields: client.post(reverse("calendar_slot"), slot(day, **fields), **PART).content.decode()  # noqa: E731
    assert "Room 1" in ask(**at_ten) and elsewhere.name not in ask(**at_ten)
    assert "Booked" in client.post(reverse("calendar_book"), slot(day, **at_ten, room=room.pk), **PART).content.decode()
    _, booked = visits(day.practice)
    assert booked.room_id == room.pk
    panel = client.get(reverse("calendar_visit", args=[booked.pk]), **PART).content.decode()
    assert "Midtown, Room 1" in panel and f'<option value="{room.pk}" selected>' in panel

    third = make_user("doctor", office=office)
    taken = {**at_ten, "doctor": third.pk, "room": room.pk}
    assert "The room is taken at this time." in ask(**taken)
    assert "The room is taken" in client.post(reverse("calendar_book"), slot(day, **taken), **PART).content.decode()
    client.post(reverse("calendar_book"), slot(day, **{**taken, "room": other.pk}), **PART)
    *_, last = visits(day.practice)
    assert "The room is taken" in change(client, last, room=room.pk, version=last.version).content.decode()
    emptied = change(client, last, room="", version=last.version, confirmed="on").content.decode()
    assert "now without a room" in emptied and f'name="room" value="{other.pk}"' in emptied
    assert visits(day.practice)[-1].room_id is None
    chosen = change(client, last, room=other.pk, confirmed="on").content.decode()
    assert "now in room Room 2" in chosen
    assert change(client, last, room="x").status_code == 400
    assert "data-error" in change(client, last, room=str(uuid4())).content.decode()


def test_day_by_room_shows_and_books_in_rooms(enter_as, day):
    client = enter_as("staff")
    assert "No rooms here" in client.get(CALENDAR, {"day": MONDAY, "view": "rooms"}).content.decode()
    assert "Day by room" not in client.get(CALENDAR, {"day": MONDAY, "view": "day"}).content.decode()
    with practice_scope(day.practice.pk):
        office = OfficeFactory(name="Midtown")
        first, second = RoomFactory(office=office, name="Room 1"), RoomFactory(office=office, name="Room 2")
        day.doctor.office = office
        day.doctor.save()
    page = client.get(CALENDAR, {"day": MONDAY, "view": "rooms", "room": second.pk}).content.decode()
    assert 'aria-label="Room 1, 9:00 AM, free"' in page and "1 visit has no room." in page
    assert 'aria-label="Room 1, 8:45 AM, free, outside working hours"' in page
    assert f'<option value="{second.pk}" selected>Room 2</option>' in page
    assert client.get(CALENDAR).context["shown"].view == "rooms"  # remembered
    here = {"room": first.pk, "office": office.pk, "by_room": "on", "start": NINE}
    panel = client.post(reverse("calendar_slot"), here, **PART).content.decode()
    assert f'<option value="{day.doctor.pk}" selected>Dr. Daniel Reyes</option>' in panel
    booking = {**here, "doctor": day.doctor.pk, "patient": day.chart.pk, "type": day.kind.pk}
    assert "Booked" in client.post(reverse("calendar_book"), booking, **PART).content.decode()
    page = client.get(CALENDAR, {"day": MONDAY}).content.decode()
    assert "Paula Jensen, 9:00 AM, Follow-up, Dr. Daniel Reyes, until 9:30 AM" in page
    _, booked = visits(day.practice)
    assert "Room 2" in change(client, booked, room=second.pk, version=booked.version).content.decode()
    assert client.post(reverse("calendar_slot"), {"start": NINE}, **PART).status_code == 400
