"""The office manager sets types, hours and time off in the admin site."""

from datetime import UTC, datetime, time

import pytest
from django.urls import reverse

from accounts.models import User
from appointments.models import AppointmentType, ScheduleException, WorkingHours
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, WorkingHoursFactory
from core.tenancy.scope import practice_scope
from practices.tests.factories import OfficeFactory
from tests.admin_forms import errors_of, page_of, send

TYPES, HOURS, TIME_OFF = (
    reverse(f"admin:appointments_{model}_add") for model in ("appointmenttype", "workinghours", "scheduleexception")
)
EXAM = {
    "name": "First exam",
    "minutes": "45",
    "buffer_before": "0",
    "buffer_after": "10",
    "colour": "#2e7d32",
    "bookable_online": "on",
    "position": "1",
    "is_active": "on",
}


@pytest.fixture
def manager(enter_as):
    return enter_as("admin")


def test_manager_adds_changes_and_removes_a_type(manager, own, practice):
    assert manager.post(TYPES, {**EXAM, "doctors": [str(own.doctor.pk)]}).status_code == 302
    with practice_scope(practice.pk):
        kind = AppointmentType.objects.get(name="First exam")
        assert (kind.minutes, [offer.doctor_id for offer in kind.offers.all()]) == (45, [own.doctor.pk])
    page = manager.get(page_of(kind)).content.decode()
    assert "First exam" in page and "Dr Ownwood" in page
    assert send(manager, kind, minutes="50", doctors=[]).status_code == 302
    with practice_scope(practice.pk):
        kind.refresh_from_db()
        assert (kind.minutes, kind.offers.count()) == (50, 0)
    taken = manager.post(TYPES, EXAM)
    assert "already an appointment type with this name" in taken.content.decode()
    with practice_scope(practice.pk):
        visit = AppointmentFactory(patient=own.chart, doctor=own.doctor, type=kind)
    remove = reverse("admin:appointments_appointmenttype_remove", args=[kind.pk])
    assert "stop offering it" in manager.post(remove, follow=True).content.decode()
    with practice_scope(practice.pk):
        type(visit).objects.filter(pk=visit.pk).update(type=None)
    assert "Appointment type removed." in manager.post(remove, follow=True).content.decode()


def test_manager_sets_hours(manager, own, practice):
    body = {"doctor": str(own.doctor.pk), "office": "", "weekday": "1", "start": "9 am", "end": "12:30"}
    assert manager.post(HOURS, body).status_code == 302
    with practice_scope(practice.pk):
        hours = WorkingHours.objects.get(weekday=1)
    assert (hours.start, hours.end, hours.weekday) == (time(9), time(12, 30), 1)
    assert "overlap other working hours" in manager.post(HOURS, {**body, "start": "11 am"}).content.decode()
    assert "Enter an end after the start" in str(errors_of(send(manager, hours, end="8 am")))
    listed = manager.get(reverse("admin:appointments_workinghours_changelist")).content.decode()
    assert "Dr Ownwood" in listed and "Tuesday" in listed
    removed = manager.post(reverse("admin:appointments_workinghours_remove", args=[hours.pk]), follow=True)
    assert "Working hours removed." in removed.content.decode()


def test_manager_enters_time_off(manager, own, practice):
    times = {"starts_at_0": "2031-01-06", "starts_at_1": "9 am", "ends_at_0": "2031-01-06", "ends_at_1": "5 pm"}
    answer = manager.post(TIME_OFF, {"kind": "off", "doctor": "", "office": "", "reason": "Staff day", **times})
    assert answer.status_code == 302
    with practice_scope(practice.pk):
        closed = ScheduleException.objects.get(doctor=None)
    assert closed.starts_at == datetime(2031, 1, 6, 14, tzinfo=UTC)  # nine in New York
    page = manager.get(reverse("admin:appointments_scheduleexception_changelist")).content.decode()
    assert "Everyone" in page and "Staff day" in page
    assert send(manager, closed, doctor=str(own.doctor.pk)).status_code == 302
    refused = manager.post(TIME_OFF, {"kind": "extra", "doctor": "", "office": "", "reason": "", **times})
    assert "Say whose extra hours these are" in refused.content.decode()


def test_time_off_is_typed_in_the_local_time_of_the_office(manager, own, practice):
    with practice_scope(practice.pk):
        office = OfficeFactory(timezone="America/Chicago")
    times = {"starts_at_0": "2031-01-06", "starts_at_1": "8 pm", "ends_at_0": "2031-01-06", "ends_at_1": "9 pm"}
    added = manager.post(TIME_OFF, {"kind": "off", "doctor": "", "office": str(office.pk), **times}, follow=True)
    assert "Off, Jan 6, 2031" in added.content.decode()
    with practice_scope(practice.pk):
        closed = ScheduleException.objects.get(office=office)
    assert closed.starts_at == datetime(2031, 1, 7, 2, tzinfo=UTC)
    assert send(manager, closed, reason="Inventory").status_code == 302
    assert send(manager, closed, office="").status_code == 302  # the clock time stays, in New York
    with practice_scope(practice.pk):
        closed.refresh_from_db()
    assert closed.starts_at == datetime(2031, 1, 7, 1, tzinfo=UTC)


def test_type_whose_doctor_has_left_stays_theirs(manager, own, practice):
    assert manager.post(TYPES, {**EXAM, "doctors": [str(own.doctor.pk)]}).status_code == 302
    with practice_scope(practice.pk):
        kind = AppointmentType.objects.get(name="First exam")
        User.objects.filter(pk=own.doctor.pk).update(is_active=False)
    assert send(manager, kind, minutes="50").status_code == 302
    with practice_scope(practice.pk):
        assert [offer.doctor_id for offer in kind.offers.all()] == [own.doctor.pk]  # otherwise everyone's


def test_staff_see_and_do_not_change_them(enter_as, own, practice):
    staff = enter_as("staff")
    with practice_scope(practice.pk):
        kind, hours = AppointmentTypeFactory(), WorkingHoursFactory(doctor=own.doctor)
    for row in (kind, hours):
        assert staff.get(page_of(row)).status_code == 200
        assert staff.post(page_of(row), {}).status_code == 403
        assert staff.post(page_of(row).replace("/change/", "/remove/")).status_code == 403
    assert staff.get(TYPES).status_code == 403


def test_who_may_only_look_reads_names_and_follows_no_link_in_vain(enter_as, own):
    staff = enter_as("staff")
    page = staff.get(page_of(own.hours)).content.decode()
    assert "Dr Ownwood" in page and "Monday" in page
    assert reverse("admin:accounts_user_change", args=[own.doctor.pk]) not in page
    assert (
        reverse("admin:practices_office_change", args=[own.office.pk]) in staff.get(page_of(own.room)).content.decode()
    )


def test_another_practices_are_not_found(manager, foreign, other_practice):
    with practice_scope(other_practice.pk):
        kind, hours = AppointmentTypeFactory(), WorkingHoursFactory(doctor=foreign.doctor)
    for row in (kind, hours):
        assert manager.get(page_of(row)).status_code == 404
        assert manager.post(page_of(row).replace("/change/", "/remove/")).status_code == 404


def test_time_zone_in_which_hours_would_overlap_is_refused_in_the_form(enter_as, practice, make_user):
    doctor = make_user("doctor", name="Dr. Reyes")
    with practice_scope(practice.pk):
        offices = [OfficeFactory(timezone="America/New_York") for _ in range(2)]
        WorkingHoursFactory(doctor=doctor, office=offices[0], start=time(9), end=time(12))
        WorkingHoursFactory(doctor=doctor, office=offices[1], start=time(13), end=time(17))
    manager = enter_as("admin")

    answer = send(manager, offices[1], timezone="Europe/London")

    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Dr. Reyes would have overlapping working hours at two offices" in text
    assert "working hours at their time on the clock" in text  # what a change does
    with practice_scope(practice.pk):
        offices[1].refresh_from_db()
    assert offices[1].timezone == "America/New_York"
