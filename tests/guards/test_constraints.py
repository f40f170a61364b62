"""What the database itself says, and that no migration has lost it."""

import pytest
from django.db import IntegrityError, connection, transaction

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from patients.tests.factories import PatientFactory


@pytest.mark.embedded
def test_sqlite_has_the_triggers_against_double_booking(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        triggers = {name for (name,) in cursor.fetchall()}

    assert {"appointment_overlap_insert", "appointment_overlap_update"} <= triggers


@pytest.mark.postgresql
def test_postgresql_has_the_constraint_against_double_booking(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT contype FROM pg_constraint WHERE conname = 'appointment_overlap'")
        assert cursor.fetchall() == [("x",)]


@pytest.mark.postgresql
def test_postgresql_has_the_search_index(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'patient_search'")
        assert "USING gin (search_index)" in cursor.fetchone()[0]


def test_the_database_refuses_an_overlap_whoever_writes_it(scope, make_user):
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
