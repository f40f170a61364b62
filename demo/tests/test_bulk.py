"""Rows in bulk."""

import pytest
from django.db import connection

from appointments.models import Appointment, AppointmentStatus
from core.tenancy.scope import practice_scope
from demo import bulk
from demo.people import make_random, person
from patients.models import Patient
from records.models import MedicalRecord
from tests.plain_role import as_owner


@pytest.mark.postgresql
def test_postgresql_knows_how_large_a_filled_table_is(practice):
    """Until autovacuum came by it planned as if it were small."""
    with as_owner(), practice_scope(practice.pk):
        assert sum(bulk.add_patients(practice, 40, seed=1)) == 40
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'patients_patient'")
            assert cursor.fetchone()[0] >= 40


def test_role_that_owns_no_table_can_seed(practice):
    with practice_scope(practice.pk):
        assert sum(bulk.add_patients(practice, 3, seed=1)) == 3


def test_seeded_charts_are_stored_as_saved_ones_are(practice):
    """They go past Django's INSERT, in the database's own format."""
    with practice_scope(practice.pk):
        sum(bulk.add_patients(practice, 3, seed=1))
        seeded = list(Patient.with_deleted.defer(None).order_by("pk"))
        random = make_random("1 patients")
        expected = [person(random, number).fields() for number in (1, 2, 3)]
        assert [{name: getattr(chart, name) for name in expected[0]} for chart in seeded] == expected
        columns = [list(Patient.objects.filter(pk=chart.pk).values()) for chart in seeded]
        for chart in seeded:
            chart.save()
        saved = [list(Patient.objects.filter(pk=chart.pk).values()) for chart in seeded]
        derived = ("updated_at", "version")
        assert [without(derived, row) for (row,) in saved] == [without(derived, row) for (row,) in columns]


@pytest.mark.postgresql
def test_seeded_visits_and_records_are_stored_as_saved_ones_are_with_what_is_null(practice, make_user):
    make_user("doctor")
    with practice_scope(practice.pk):
        sum(bulk.add_patients(practice, 3, seed=1))
        sum(bulk.add_appointments(practice, 4, seed=1))
        sum(bulk.add_records(practice, 6, seed=1))
        rows = [
            Appointment.objects.filter(arrived_at=None).first(),
            MedicalRecord.objects.filter(appointment=None).first(),
        ]
        for row in rows:
            (seeded,) = type(row).objects.filter(pk=row.pk).values()
            row.save()
            (saved,) = type(row).objects.filter(pk=row.pk).values()
            derived = ("updated_at", "changed_at", "change_number")
            assert without(derived, saved) == without(derived, seeded)


def without(names, row):
    return {name: value for name, value in row.items() if name not in names}


def test_records_are_of_completed_appointments_newest_first_and_once(practice, make_user, monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 4)
    make_user("doctor")
    with practice_scope(practice.pk):
        sum(bulk.add_patients(practice, 5, seed=1))
        sum(bulk.add_appointments(practice, 20, seed=1))
        completed = Appointment.objects.filter(status=AppointmentStatus.COMPLETED).order_by("-pk")
        assert 0 < len(completed) < 20
        for amount in (3, 20):
            sum(bulk.add_records(practice, amount, seed=amount))
        of_visits = MedicalRecord.objects.exclude(appointment=None).order_by("pk")
        assert list(of_visits.values_list("appointment", flat=True)) == [visit.pk for visit in completed]
        assert MedicalRecord.objects.count() == 23
