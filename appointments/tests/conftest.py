"""The day that the tests of the calendar's pages look at; a front desk whose time can be moved."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, WorkingHoursFactory
from appointments.tests.messages import NOW
from appointments.tests.visit_clinic import Clinic
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.models import Office


@pytest.fixture
def day(practice, make_user):
    """A doctor who works on Mondays, a patient, and their visit at ten."""
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        WorkingHoursFactory(doctor=doctor)
        kind = AppointmentTypeFactory(name="Follow-up", colour="#1565c0")
        chart = PatientFactory(name="Paula Jensen", phone="(212) 555-0114")
        start = datetime(2030, 1, 7, 15, tzinfo=UTC)
        visit = AppointmentFactory(
            patient=chart, doctor=doctor, type=kind, starts_at=start, ends_at=start + timedelta(minutes=30)
        )
    return SimpleNamespace(doctor=doctor, kind=kind, chart=chart, visit=visit, practice=practice)


@pytest.fixture
def now(day):
    """The day's visit began an hour ago."""
    with practice_scope(day.practice.pk):
        start = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=1)
        Appointment.objects.filter(pk=day.visit.pk).update(starts_at=start, ends_at=start + timedelta(minutes=30))
        day.visit.refresh_from_db()
    return day


@pytest.fixture
def at(monkeypatch):
    """`at(moment)`: what time it is; `at(None)` for what it really is, by which sessions are made."""
    really = timezone.now

    def move(moment: datetime | None) -> None:
        monkeypatch.setattr(timezone, "now", (lambda: moment) if moment else really)

    move(NOW)
    return move


@pytest.fixture
def desk(practice, scope, at, settings):
    """Somebody at the front desk, a doctor and a patient; text messages and e-mails are kept."""
    settings.SMS_PROVIDER, settings.SITE_URL = "console", "https://praxis.example.org"
    office = Office.objects.create(name="Main Street", address="1 Main Street", phone="+1 212 555 0100")
    staff = UserFactory(role="staff")
    return SimpleNamespace(
        staff=staff,
        manager=UserFactory(role="admin"),
        doctor=UserFactory(role="doctor", name="Dr. Reyes", office=office),
        other=UserFactory(role="doctor", name="Dr. Smith", office=office),
        chart=PatientFactory(name="Paula Jensen", email="paula@example.org", phone="(212) 555-0114"),
        practice=practice,
        office=office,
    )


@pytest.fixture
def visit_clinic(scope, as_role, make_user):
    return Clinic(as_role, make_user("doctor"))
