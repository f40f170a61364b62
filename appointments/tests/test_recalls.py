"""Whoever was here so many months ago and has no next visit is asked to come again, once."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appointments import services
from appointments.messages.recalls import plan_overdue, plan_recalls
from appointments.models import Appointment, AppointmentStatus
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from appointments.tests.messages import NOW, book, ledger, run
from core.models import first_key_at
from core.tenancy.scope import practice_scope
from notifications.jobs import run_due, schedule
from notifications.messages.settings import change_settings, get_settings
from notifications.models import Job, Message, MessagePreference
from patients.tests.factories import PatientFactory

DAY = timedelta(days=1)
HALF_A_YEAR_AGO = datetime(2029, 7, 7, 14, tzinfo=UTC)


@pytest.fixture
def recalled(desk):
    """Paula's check-up is six months ago, and check-ups are recalled after six."""
    desk.kind, desk.other_kind = AppointmentTypeFactory(name="Check-up"), AppointmentTypeFactory(name="Massage")
    desk.visit = visit(desk, desk.chart)
    change_settings(by=desk.manager, recalls={str(desk.kind.pk): 6})
    return desk


def visit(desk, chart, start=HALF_A_YEAR_AGO, **fields):
    values = {"type": desk.kind, "status": AppointmentStatus.COMPLETED, **fields}
    return AppointmentFactory(
        patient=chart, doctor=desk.doctor, starts_at=start, ends_at=start + timedelta(minutes=30), **values
    )


def recalls_of(row):
    return [(kind, channel, status, why) for kind, channel, status, why in ledger(row) if kind == "recall"]


def test_recall_is_sent_once_on_its_day(recalled, at, mailoutbox):
    assert plan_recalls(now=NOW - DAY) == 0
    assert plan_recalls(now=NOW) == 1
    assert plan_recalls(now=NOW) == plan_recalls(now=NOW + DAY) == 0
    run(at, NOW)
    assert recalls_of(recalled.visit) == [("recall", "email", "sent", "")]
    (mail,) = [mail for mail in mailoutbox if mail.to == ["paula@example.org"]]
    assert mail.subject == "Time for your next regular appointment"
    assert "https://praxis.example.org/" in mail.body
    assert "Check-up" not in mail.body


@pytest.mark.parametrize(
    ("who", "fields"),
    [
        ("has a next visit", {"start": NOW + 20 * DAY, "status": AppointmentStatus.SCHEDULED}),
        ("was here since", {"start": NOW - 30 * DAY}),
    ],
)
def test_who_needs_none_gets_none(recalled, who, fields):
    visit(recalled, recalled.chart, **fields)
    assert plan_recalls(now=NOW) == 0, who


def test_rule_is_of_a_type_and_begins_when_it_is_set(recalled, at):
    at(NOW)
    change_settings(by=recalled.manager, recalls={str(recalled.kind.pk): 5})
    change_settings(by=recalled.manager, recalls={str(recalled.kind.pk): 6})
    before, today, long_due, other, cancelled = (PatientFactory() for _ in range(5))
    visit(recalled, before, HALF_A_YEAR_AGO - DAY)
    visit(recalled, today, HALF_A_YEAR_AGO + timedelta(hours=9, minutes=30))
    visit(recalled, long_due, HALF_A_YEAR_AGO - 400 * DAY)
    visit(recalled, other, type=recalled.other_kind, start=HALF_A_YEAR_AGO + timedelta(hours=1))
    visit(recalled, cancelled, status=AppointmentStatus.CANCELLED, start=HALF_A_YEAR_AGO + timedelta(hours=2))
    assert plan_recalls(now=NOW + DAY) == 2
    asked = {row.patient_id for row in Message.objects.filter(kind="recall")}
    assert asked == {recalled.chart.pk, today.pk}
    change_settings(by=recalled.manager, quiet_from=time(21))
    assert plan_recalls(now=NOW + 2 * DAY) == 0
    assert plan_overdue(months=3, now=NOW) == 1
    assert plan_overdue(months=14, now=NOW) == 1
    assert plan_overdue(months=14, now=NOW) == 0


def test_other_visits_do_not_keep_a_patient_from_being_recalled(recalled, at):
    """Paula comes for a massage each week, and it is said what for."""
    for week in range(-3, 4):
        booked = AppointmentStatus.COMPLETED if week < 0 else AppointmentStatus.SCHEDULED
        visit(recalled, recalled.chart, NOW + DAY + week * 7 * DAY, type=recalled.other_kind, status=booked)
    assert plan_recalls(now=NOW) == 1
    run(at, NOW)
    assert recalls_of(recalled.visit) == [("recall", "email", "sent", "")]


def test_due_before_the_rule_and_in_a_chain_of_next_visits_that_ends(recalled, at):
    """Each next one is booked before the last of them is over, until one is cancelled."""
    last = visit(recalled, PatientFactory(), HALF_A_YEAR_AGO - 400 * DAY)
    missed = {"status": AppointmentStatus.SCHEDULED, "no_show_at": NOW}
    for month in (1, 2):
        visit(recalled, last.patient, NOW + month * 30 * DAY, **missed)
    end = NOW + 90 * DAY
    coming = visit(recalled, last.patient, end + DAY, status=AppointmentStatus.SCHEDULED)
    for months in (1, 2, 3):
        plan_recalls(now=NOW + months * 30 * DAY)
    assert recalls_of(last) == []
    Appointment.objects.filter(pk=coming.pk).update(status=AppointmentStatus.CANCELLED, cancelled_at=end)
    assert plan_recalls(now=end + timedelta(hours=1)) == 1
    assert plan_recalls(now=end + DAY) == 0
    assert recalls_of(last) == [("recall", "email", "planned", "")]


def test_booking_before_it_is_sent_makes_it_needless(recalled, at):
    plan_recalls(now=NOW)
    book(recalled)
    run(at, NOW)
    assert recalls_of(recalled.visit) == [("recall", "email", "suppressed", "next_visit")]


def test_next_visit_that_comes_to_nothing_puts_it_off(recalled, at, subtests):
    """Longer than a rule reaches back: the last check-up was due in January, and it is March."""
    march, cancelled = NOW + 65 * DAY, AppointmentStatus.CANCELLED
    next_one = {
        "missed": (march - DAY, {"status": AppointmentStatus.SCHEDULED, "no_show_at": march}),
        "cancelled": (march + 9 * DAY, {"status": cancelled, "cancelled_at": march - DAY}),
        "without a type": (march - DAY / 2, {"type": None}),
    }
    for hours, (what, (start, fields)) in enumerate(next_one.items(), start=1):
        with subtests.test(what):
            chart = PatientFactory()
            last = visit(recalled, chart, start=HALF_A_YEAR_AGO + timedelta(hours=hours))
            coming = visit(recalled, chart, start=start, status=AppointmentStatus.SCHEDULED)
            assert plan_recalls(now=march - 2 * DAY) == 0
            Appointment.objects.filter(pk=coming.pk).update(**{"status": AppointmentStatus.COMPLETED, **fields})
            assert plan_recalls(now=march) == 1
            assert plan_recalls(now=march + DAY) == 0
            assert recalls_of(last) == [("recall", "email", "planned", "")]
    with subtests.test("of another type after all"):
        at(march - 2 * DAY)
        chart = PatientFactory()
        last = visit(recalled, chart, start=HALF_A_YEAR_AGO + timedelta(hours=9))
        coming = book(recalled, chart=chart, date=march + 9 * DAY)
        services.change(by=recalled.staff, appointment_id=coming.pk, notes="No type yet")
        assert plan_recalls(now=march) == 0
        services.change(by=recalled.staff, appointment_id=coming.pk, type_id=recalled.other_kind.pk)
        for number, entry in enumerate(coming.events.order_by("id")):
            pk = UUID(int=first_key_at(march - 2 * DAY).int + number)
            coming.events.filter(pk=entry.pk).update(id=pk, created_at=march - 2 * DAY)
        assert plan_recalls(now=march) == 1
        assert recalls_of(last) == [("recall", "email", "planned", "")]
    with subtests.test("long ago"):
        assert plan_recalls(now=march + 40 * DAY) == 0


def test_history_is_looked_through_once_and_not_beyond_a_month(recalled):
    change_settings(by=recalled.manager, recalls={str(recalled.kind.pk): 6, str(recalled.other_kind.pk): 6})
    with CaptureQueriesContext(connection) as asked:
        plan_recalls(now=NOW)
    (history,) = [query["sql"] for query in asked if 'FROM "appointments_appointmentevent"' in query["sql"]]
    assert '"appointments_appointmentevent"."id" >= ' in history


def test_booked_after_it_was_planned_and_then_cancelled(recalled, at):
    plan_recalls(now=NOW)
    next_one = book(recalled)
    run(at, NOW)
    services.change(by=recalled.staff, appointment_id=next_one.pk, status=AppointmentStatus.CANCELLED)
    assert [row[2:] for row in recalls_of(recalled.visit)] == [("suppressed", "next_visit")]
    assert plan_recalls(now=NOW + DAY) == 1
    assert plan_recalls(now=NOW + 2 * DAY) == 0
    assert [row[2] for row in recalls_of(recalled.visit)] == ["suppressed", "planned"]


def test_opt_out_and_quiet_hours_hold_and_are_explained(recalled, at, enter_as):
    night = datetime(2030, 1, 8, 4, tzinfo=UTC)  # eleven at night in New York
    plan_recalls(now=night)
    assert Message.objects.get(kind="recall").due_at == datetime(2030, 1, 8, 13, tzinfo=UTC)
    MessagePreference.objects.create(patient=recalled.chart, no_email_since=NOW, no_email_how="staff")
    run(at, night + timedelta(hours=9))
    assert [row[2:] for row in recalls_of(recalled.visit)] == [("suppressed", "opted_out")]
    at(None)
    panel = enter_as("staff").get(reverse("calendar_visit", args=[recalled.visit.pk])).content.decode()
    assert "Recall, Email" in panel
    assert "opted out of emails on Jan 7, 2030" in panel


def test_worker_plans_them_each_day(recalled):
    schedule.write_table(NOW)
    assert "appointments.find_recalls" in schedule.tick(NOW + DAY)
    run_due(now=NOW + DAY)
    run_due(now=NOW + DAY)
    assert [row.about_id for row in Message.objects.filter(kind="recall")] == [recalled.visit.pk]


def test_rule_is_set_on_the_page_of_messages(practice, enter_as):
    with practice_scope(practice.pk):
        kind = AppointmentTypeFactory(name="Check-up")
    client, address = enter_as("admin"), reverse("messages")
    assert "Check-up: ask to come again, months after the last visit" in client.get(address).content.decode()
    sent = {"language": "en", "quiet_from": "8 pm", "quiet_until": "8:00 AM", f"recall_{kind.pk}": "6"}
    assert "Saved: when and how patients get messages." in client.post(address, sent, follow=True).content.decode()
    with practice_scope(practice.pk):
        found = get_settings()
    assert (found.recalls, found.quiet_from, found.quiet_until) == ({str(kind.pk): 6}, time(20), time(8))
    for nobody in ({}, {"notice_recall": ["email"], f"recall_{kind.pk}": ""}):
        refused = client.post(address, {**sent, **nobody, "overdue": "12"}, follow=True).content.decode()
        assert "Say after how many months" in refused and "Everyone who has been due" not in refused
    sent["notice_recall"] = ["email"]
    asked = client.post(address, {**sent, "overdue": "12"}, follow=True).content.decode()
    assert "Everyone who has been due for up to that long will be asked" in asked
    assert client.post(address, {**sent, "overdue": "61"}).status_code == 200
    run_due()
    with practice_scope(practice.pk):
        job = Job.objects.get(name="appointments.plan_overdue_recalls")
    assert (job.payload, job.state, job.last_error) == ({"months": 12}, "done", "")
    assert 'max="60"' in client.get(address).content.decode()
    assert client.post(address, {**sent, f"recall_{kind.pk}": "61"}).status_code == 200
    with practice_scope(practice.pk):
        assert get_settings().recalls == {str(kind.pk): 6}
