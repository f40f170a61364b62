"""Fixtures for the admin site through Django's test client, and two clinics, so that a leak would show."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.factories import InvitationFactory, JoinCodeFactory
from accounts.tests.soft_passkey import SoftPasskey
from appointments.tests.factories import (
    AppointmentFactory,
    AppointmentTypeFactory,
    RoomFactory,
    ScheduleExceptionFactory,
    WorkingHoursFactory,
)
from core.tenancy.scope import installation_scope, practice_scope
from notifications.models import Job
from notifications.tests.factories import WebhookFactory
from patients.deletion import services as deletions
from patients.models import ChartStatus
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.tests.factories import OfficeFactory
from records.tests.factories import (
    FinalisedNoteFactory,
    MedicalRecordFactory,
    NoteFactory,
    PlanFactory,
    stored_file,
)


@pytest.fixture
def enter_as(make_user) -> Callable[..., Client]:
    """`enter_as("admin")`: a client signed in to the admin site as a new user of this role; `.user` is that user."""

    def enter(role: str, **fields) -> Client:
        client = Client()
        client.user = make_user(role, **fields)
        client.force_login(client.user)
        return client

    return enter


@pytest.fixture
def superuser(db) -> User:
    user = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    user.set_password("Passw0rd!")
    with installation_scope():
        user.save()
    return user


def clinic(practice, make_user, surname: str) -> SimpleNamespace:
    """Create one row of everything in this practice."""
    doctor = make_user("doctor", practice=practice, name=f"Dr {surname}")
    with practice_scope(practice.pk):
        chart = PatientFactory(name=f"Ann {surname}", email=f"ann@{surname.lower()}.org")
        office = OfficeFactory(name=f"Office {surname}")
        return SimpleNamespace(
            practice=practice,
            doctor=doctor,
            chart=chart,
            pending=PatientFactory(name=f"Pending {surname}", status=ChartStatus.PENDING),
            kind=AppointmentTypeFactory(name=f"Visit {surname}"),
            room=RoomFactory(name=f"Room {surname}", office=office),
            hours=WorkingHoursFactory(doctor=doctor),
            time_off=ScheduleExceptionFactory(doctor=doctor),
            appointment=AppointmentFactory(patient=chart, doctor=doctor, reason=f"Reason {surname}"),
            record=MedicalRecordFactory(patient=chart, doctor=doctor, diagnosis=f"Diagnosis {surname}"),
            note=FinalisedNoteFactory(patient=chart, doctor=doctor, assessment=f"Assessment {surname}"),
            plan=PlanFactory(patient=chart, doctor=doctor, title=f"Plan {surname}"),
            file=stored_file(patient=chart, uploaded_by=doctor, name=f"scan-{surname}.txt"),
            deletion=deletions.delete(
                by=doctor, row=NoteFactory(patient=chart, doctor=doctor), reason=f"Deleted {surname}"
            ),
            emergency=EmergencyAccessFactory(patient=chart, opened_by=doctor, reason=f"Emergency {surname}"),
            office=office,
            join_code=JoinCodeFactory(doctor=doctor, office=office),
            invitation=InvitationFactory(name=f"Newcomer {surname}", invited_by=doctor),
            webhook=WebhookFactory(),
            job=Job.objects.create(practice=practice, name="test.job"),
        )


@pytest.fixture
def own(practice, make_user) -> SimpleNamespace:
    return clinic(practice, make_user, "Ownwood")


@pytest.fixture
def foreign(other_practice, make_user) -> SimpleNamespace:
    return clinic(other_practice, make_user, "Foreignson")


@pytest.fixture
def key(settings) -> SoftPasskey:
    """A passkey for the admin site's own pages."""
    return SoftPasskey(origin=settings.SITE_URL)
