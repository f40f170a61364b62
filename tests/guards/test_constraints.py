"""Constraints of the database, and that no migration has lost one."""

import pytest
from django.db import IntegrityError, connection, transaction

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from patients.models import EmergencyAccess
from patients.tests.factories import EmergencyAccessFactory, PatientFactory


@pytest.mark.embedded
def test_sqlite_has_the_triggers_against_overlaps(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        triggers = {name for (name,) in cursor.fetchall()}

    assert {"appointment_overlap_insert", "appointment_overlap_update"} <= triggers
    assert {"appointment_numbered_insert", "appointment_numbered_update"} <= triggers
    assert {"room_overlap_insert", "room_overlap_update"} <= triggers
    assert {"emergency_overlap_insert", "emergency_overlap_update"} <= triggers


@pytest.mark.postgresql
def test_postgresql_has_the_constraints_against_overlaps(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contype FROM pg_constraint "
            "WHERE conname IN ('appointment_overlap', 'room_overlap', 'emergency_overlap')"
        )
        assert cursor.fetchall() == [("x",)] * 3


@pytest.mark.postgresql
def test_postgresql_has_the_search_index(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'patient_search'")
        assert "USING gin (search_index)" in cursor.fetchone()[0]


def test_database_refuses_overlapping_appointments(scope, make_user):
    doctor, chart = make_user("doctor"), PatientFactory()
    first = AppointmentFactory(patient=chart, doctor=doctor)
    second = AppointmentFactory(patient=chart, doctor=doctor)
    cancelled = AppointmentFactory(
        patient=chart, doctor=doctor, starts_at=first.starts_at, ends_at=first.ends_at, status="cancelled"
    )

    for change in (
        lambda: AppointmentFactory(patient=chart, doctor=doctor, starts_at=first.starts_at, ends_at=first.ends_at),
        lambda: Appointment.objects.filter(pk=second.pk).update(starts_at=first.starts_at),
        lambda: Appointment.objects.filter(pk=cancelled.pk).update(status="scheduled"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_database_refuses_a_second_access_while_one_lasts_and_a_review_of_ones_own(scope, make_user):
    doctor, chart = make_user("doctor"), PatientFactory(restricted=True)
    access = EmergencyAccessFactory(patient=chart, opened_by=doctor)
    EmergencyAccessFactory(patient=chart, opened_by=make_user("doctor"))
    later = EmergencyAccessFactory(patient=chart, opened_by=doctor, created_at=access.expires_at)
    mine = EmergencyAccess.objects.filter(pk=access.pk)

    for change in (
        lambda: EmergencyAccessFactory(patient=chart, opened_by=doctor),
        lambda: EmergencyAccess.objects.filter(pk=later.pk).update(created_at=access.created_at),
        lambda: mine.update(reviewed_by=doctor, reviewed_at=access.created_at),
        lambda: mine.update(reviewed_at=access.created_at),
        lambda: mine.update(expires_at=access.created_at),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
