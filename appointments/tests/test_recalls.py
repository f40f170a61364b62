"""Whoever was here so many months ago and has no next visit is asked to come again, once."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.urls import reverse

from appointments import services
from appointments.messages.recalls import plan_recalls
from appointments.models import Appointment, AppointmentStatus
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from appointments.tests.messages import NOW, book, ledger, run
from core.tenancy.scope import practice_scope
from notifications.jobs import run_due, schedule
from notifications.messages.settings import change_settings, get_settings
from notifications.models import Message, MessagePreference
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
    assert mail.subject == "Time for your next appointment"
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


def test_rule_is_of_a_type_and_reaches_back_a_month(recalled):
    older, other, cancelled, with_flu = PatientFactory(), PatientFactory(), PatientFactory(), PatientFactory()
    visit(recalled, older, HALF_A_YEAR_AGO - 40 * DAY)
    visit(recalled, with_flu, HALF_A_YEAR_AGO - 4000 * DAY)  # their next visit was booked when the rule was set
    visit(recalled, with_flu, type=recalled.other_kind, start=NOW - 7 * DAY)
    visit(recalled, other, type=recalled.other_kind, start=HALF_A_YEAR_AGO + timedelta(hours=1))
    visit(recalled, cancelled, status=AppointmentStatus.CANCELLED, start=HALF_A_YEAR_AGO + timedelta(hours=2))
    assert plan_recalls(now=NOW) == 1
    assert {row.patient_id for row in Message.objects.filter(kind="recall")} == {recalled.chart.pk}


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
        "of another type": (march - DAY / 2, {"type": recalled.other_kind}),
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
    with subtests.test("long ago"):
        assert plan_recalls(now=march + 40 * DAY) == 0


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
    assert 'max="60"' in client.get(address).content.decode()
    assert client.post(address, {**sent, f"recall_{kind.pk}": "61"}).status_code == 200
    with practice_scope(practice.pk):
        assert get_settings().recalls == {str(kind.pk): 6}
