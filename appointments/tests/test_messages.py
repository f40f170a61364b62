"""What patients are told about their visits: when, what, and why not. Time is moved, not waited for."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments import services
from appointments.messages.planning import plan_missing
from appointments.models import Appointment
from appointments.series import services as series
from appointments.tests.factories import AppointmentTypeFactory
from appointments.tests.messages import NOW, VISIT, book, ledger, planned, run
from appointments.visits.machine import Action
from notifications.messages.settings import change_settings, say_preference
from notifications.messages.unsent_reasons import explain
from notifications.models import Message
from patients.deletion.services import delete, restore
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from practices.models import Office


def test_booking_plans_what_the_practice_sends(desk):
    visit = book(desk)
    assert planned(visit) == [
        ("booked", "email", NOW + timedelta(minutes=3)),
        ("reminder", "email", VISIT - timedelta(hours=72)),
        ("reminder", "sms", VISIT - timedelta(hours=24)),
    ]


def test_planning_adds_two_statements_to_a_booking(desk):
    book(desk, date=VISIT)
    with CaptureQueriesContext(connection) as captured:
        book(desk, date=VISIT + timedelta(hours=1))
    ours = [query["sql"] for query in captured if "notifications_message" in query["sql"]]
    assert len(ours) == 2, ours


def test_nothing_is_sent_before_the_grace_is_over(desk, at, mailoutbox):
    visit = book(desk)
    assert run(at, NOW + timedelta(minutes=2)) == 0
    assert run(at, NOW + timedelta(minutes=3)) == 1
    assert run(at, NOW + timedelta(minutes=4)) == 0
    (mail,) = mailoutbox
    assert mail.to == ["paula@example.org"]
    assert mail.subject == "Your appointment on Monday, January 14, 2030"
    assert "Dear Paula Jensen" in mail.body
    assert "at 3:00 PM" in mail.body
    assert "Main Street, 1 Main Street" in mail.body
    assert "https://praxis.example.org/visit/" in mail.body
    assert "Back pain" not in mail.body + mail.subject
    name, content, kind = mail.attachments[0]
    assert (name, kind) == ("appointment.ics", "text/calendar")
    assert "DTSTART;TZID=America/New_York:20300114T150000" in content
    assert "Back pain" not in content
    row = Message.objects.get(about_id=visit.pk, kind="booked")
    assert (row.status, row.address, row.text) == ("sent", "paula@example.org", mail.body)


def test_slip_that_is_corrected_in_time_writes_to_nobody(desk, at, mailoutbox):
    visit = book(desk)
    services.change(by=desk.staff, appointment_id=visit.pk, status="cancelled")
    run(at, NOW + timedelta(days=7))
    assert mailoutbox == []
    assert {status for _kind, _channel, status, _why in ledger(visit)} == {"cancelled"}


def test_moving_replaces_what_was_planned(desk, at, mailoutbox):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    later = VISIT + timedelta(days=1)
    services.change(by=desk.staff, appointment_id=visit.pk, date=later)
    services.change(by=desk.staff, appointment_id=visit.pk, notes="Bring the X-ray")  # tells nobody
    assert planned(visit) == [
        ("moved", "email", NOW + timedelta(minutes=8)),
        ("reminder", "email", later - timedelta(hours=72)),
        ("reminder", "sms", later - timedelta(hours=24)),
    ]
    run(at, NOW + timedelta(minutes=9))
    assert [mail.subject for mail in mailoutbox] == [
        "Your appointment on Monday, January 14, 2030",
        "Your appointment is now on Tuesday, January 15, 2030",
    ]


def test_moved_and_moved_back_tells_nothing(desk, at, mailoutbox):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    services.change(by=desk.staff, appointment_id=visit.pk, date=VISIT + timedelta(days=1))
    services.change(by=desk.staff, appointment_id=visit.pk, date=VISIT)
    assert [kind for kind, _channel, _at in planned(visit)] == ["reminder", "reminder"]
    run(at, NOW + timedelta(minutes=15))
    assert len(mailoutbox) == 1


def test_another_doctor_is_told_and_another_room_is_not(desk, at):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    services.change(by=desk.staff, appointment_id=visit.pk, minutes=45)
    assert "moved" not in {kind for kind, _channel, _at in planned(visit)}
    services.change(by=desk.staff, appointment_id=visit.pk, doctor_id=desk.other.pk)
    assert "moved" in {kind for kind, _channel, _at in planned(visit)}


def test_cancelling_tells_who_was_told_and_booking_again_tells_again(desk, at, mailoutbox):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    services.change(by=desk.staff, appointment_id=visit.pk, status="cancelled")
    run(at, NOW + timedelta(minutes=10))
    services.act(by=desk.staff, appointment_id=visit.pk, action=Action.REOPEN)
    run(at, NOW + timedelta(minutes=15))
    assert [mail.subject.partition(" on ")[0] for mail in mailoutbox] == ["Your appointment"] * 3
    assert mailoutbox[1].subject.endswith("is cancelled")
    assert "STATUS:CANCELLED" in mailoutbox[1].attachments[0][1]


def test_series_is_one_message_and_a_reminder_for_each_visit(desk, at, mailoutbox):
    made = series.book(
        by=desk.staff,
        patient_id=desk.chart.pk,
        doctor_id=desk.doctor.pk,
        date=VISIT,
        every=1,
        unit="week",
        count=3,
        reason="Exercises",
    )
    run(at, NOW + timedelta(minutes=5))
    (mail,) = mailoutbox
    assert "Further appointments:\nMonday, January 21, 2030, 3:00 PM\nMonday, January 28, 2030, 3:00 PM" in mail.body
    second = Appointment.objects.get(pk=made[1].appointment_id)
    assert ledger(second)[0] == ("booked", "email", "suppressed", "series")
    assert [kind for kind, _channel, _at in planned(second)] == ["reminder", "reminder"]
    services.change(by=desk.staff, appointment_id=second.pk, date=VISIT + timedelta(days=8))
    run(at, NOW + timedelta(minutes=9))
    assert mailoutbox[1].subject == "Your appointment is now on Tuesday, January 22, 2030"


def test_deleted_visit_is_cancelled_and_comes_back(desk, at, mailoutbox):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    Deletion.objects.filter(pk=delete(by=desk.staff, row=visit, reason="typo").pk).update(created_at=NOW)
    run(at, NOW + timedelta(minutes=10))
    assert mailoutbox[1].subject.endswith("is cancelled")
    restore(by=desk.staff, model=type(visit), pk=visit.pk)
    assert [kind for kind, _channel, _at in planned(visit)] == ["booked", "reminder", "reminder"]


def test_reminders_go_out_once_by_each_channel(desk, at, mailoutbox, capsys):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=72))
    run(at, VISIT - timedelta(hours=24))
    assert mailoutbox[1].subject == "Reminder: your appointment on Monday, January 14, 2030"
    said = capsys.readouterr().out
    assert said.startswith("SMS to +12125550114\nDemo Clinic: reminder of your appointment on Monday, January 14")
    assert "Reply C to confirm, STOP for no more texts" in said
    assert {status for _kind, _channel, status, _why in ledger(visit)} == {"sent"}
    assert run(at, VISIT) == 0


def test_many_visits_that_came_by_another_way_are_reminded_of(desk):
    """More than go into one statement, in few queries: doctors and offices are read once."""
    change_settings(by=desk.manager, quiet_from=time(0), quiet_until=time(0))
    half = timedelta(minutes=30)
    visits = [
        Appointment(patient=desk.chart, doctor=desk.doctor, starts_at=start, ends_at=start + half, reason="Back pain")
        for start in (VISIT + half * number for number in range(32))
    ]
    Appointment.objects.bulk_create(visits)
    with CaptureQueriesContext(connection) as asked:
        assert plan_missing() == 64
    assert plan_missing() == 0
    assert len(asked) < 20
    rows = Message.objects.filter(about_id__in=[visit.pk for visit in visits])
    assert {(row.kind, row.status, row.text, row.address) for row in rows} == {("reminder", "planned", "", "")}
    assert {(row.about_id, row.channel, row.due_at) for row in rows} == {
        (visit.pk, channel, visit.starts_at - timedelta(hours=hours))
        for visit in visits
        for channel, hours in (("email", 72), ("sms", 24))
    }


def test_visit_by_video_says_where_to_meet_and_no_office(desk, at, mailoutbox):
    kind = AppointmentTypeFactory(name="Video visit", video=True, video_link="https://meet.example.org/reyes")
    book(desk, type_id=kind.pk)
    run(at, NOW + timedelta(minutes=5))
    (mail,) = mailoutbox
    assert "We meet by video: https://meet.example.org/reyes" in mail.body
    assert "Main Street" not in mail.body
    (attached,) = mail.attachments
    said = str(attached.content)
    assert "meet.example.org" in said and "Main Street" not in said


def test_visit_that_is_booked_late_says_why_there_is_no_reminder(desk):
    visit = book(desk, date=NOW + timedelta(hours=30))
    assert ("reminder", "email", "suppressed", "too_late") in ledger(visit)
    assert [kind for kind, _channel, _at in planned(visit)] == ["booked", "reminder"]


def test_visit_in_the_past_tells_nobody(desk):
    assert ledger(book(desk, date=NOW - timedelta(days=1), allow_past=True)) == []


def test_message_that_is_late_is_not_sent_once_the_visit_has_begun(desk, at, mailoutbox):
    visit = book(desk)
    run(at, VISIT + timedelta(minutes=1))
    assert mailoutbox == []
    assert {why for _kind, _channel, _status, why in ledger(visit)} == {"too_late"}


def test_opting_out_suppresses_and_says_since_when(desk, at, mailoutbox, capsys):
    visit = book(desk)
    say_preference(patient_id=desk.chart.pk, how="staff", channels=["sms"], wanted=False)
    run(at, VISIT - timedelta(hours=24))
    assert ("reminder", "sms", "suppressed", "opted_out") in ledger(visit)
    assert "SMS" not in capsys.readouterr().out
    row = Message.objects.get(about_id=visit.pk, channel="sms")
    assert explain(row) == "not sent: opted out of text messages on Jan 7, 2030 (at the practice)"


def test_chart_without_addresses_says_so(desk, at):
    chart = PatientFactory(email="", phone="none")
    visit = book(desk, chart=chart)
    run(at, VISIT - timedelta(hours=24))
    assert {why for _kind, _channel, _status, why in ledger(visit)} == {"no_address"}


def test_practice_says_when_it_reminds_of_which_type(desk):
    long = AppointmentTypeFactory(name="Long", minutes=60)
    change_settings(
        by=desk.manager,
        reminders={"": {"email": 48, "sms": None}, str(long.pk): {"sms": 2}},
        notices={"booked": []},
    )
    assert planned(book(desk)) == [("reminder", "email", VISIT - timedelta(hours=48))]
    other = book(desk, date=VISIT + timedelta(hours=2), type_id=long.pk)
    assert [(channel, due) for _kind, channel, due in planned(other)] == [
        ("email", VISIT - timedelta(hours=46)),
        ("sms", VISIT),
    ]


def test_german_patient_is_written_to_in_german(desk, at, mailoutbox):
    say_preference(patient_id=desk.chart.pk, how="patient", language="de")
    book(desk)
    run(at, NOW + timedelta(minutes=5))
    assert mailoutbox[0].subject == "Ihr Termin am Montag, 14. Januar 2030"
    assert "um 15:00 Uhr" in mailoutbox[0].body


# --- Quiet hours, and the clocks that change --------------------------------------------------------------------------


def test_night_is_quiet(desk, at, mailoutbox):
    at(datetime(2030, 1, 8, 2, 0, tzinfo=UTC))  # nine in the evening in New York
    visit = book(desk)
    assert planned(visit)[0] == ("booked", "email", datetime(2030, 1, 8, 13, 0, tzinfo=UTC))  # eight in the morning


def test_reminder_of_an_early_visit_comes_before_the_night(desk):
    change_settings(by=desk.manager, reminders={"": {"sms": 2}})
    visit = book(desk, date=datetime(2030, 1, 14, 13, 0, tzinfo=UTC))  # eight in the morning
    assert planned(visit)[-1] == ("reminder", "sms", datetime(2030, 1, 14, 0, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "visit", "due"),
    [
        # the clocks of New York go forward on March 10 and back on November 3, 2030
        ("America/New_York", datetime(2030, 3, 10, 16, tzinfo=UTC), datetime(2030, 3, 9, 16, tzinfo=UTC)),
        ("America/New_York", datetime(2030, 3, 11, 11, 30, tzinfo=UTC), datetime(2030, 3, 10, 12, tzinfo=UTC)),
        ("America/New_York", datetime(2030, 11, 4, 12, 30, tzinfo=UTC), datetime(2030, 11, 3, 13, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2030, 4, 1, 5, 30, tzinfo=UTC), datetime(2030, 3, 31, 6, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2030, 10, 28, 6, 30, tzinfo=UTC), datetime(2030, 10, 27, 7, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2030, 6, 3, 1, 30, tzinfo=UTC), datetime(2030, 6, 2, 2, 30, tzinfo=UTC)),
    ],
)
def test_reminder_keeps_to_the_clocks_of_the_place(desk, zone, visit, due):
    Office.objects.filter(pk=desk.office.pk).update(timezone=zone)
    desk.doctor.refresh_from_db()
    assert planned(book(desk, date=visit))[-1] == ("reminder", "sms", due)
