"""Statements that travel in one message (docs/adr/0057). PostgreSQL has one `statement_timestamp()` a message."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg import Connection

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.api.exceptions import TRAIL_DOWN
from core.database.together import sent_together
from core.errors import NotFound
from core.tenancy.compiled import CompiledQuery
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Office
from practices.services import checking_office_exists
from practices.tests.factories import OfficeFactory, PracticeFactory
from tests.databases import ROLE
from tests.plain_role import as_owner

pytestmark = pytest.mark.postgresql
CLOCK = "SELECT statement_timestamp(), current_setting('praxis.practice')"
DISCARD = """
CREATE FUNCTION discard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER discard BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION discard();
"""
REFUSE = DISCARD.replace("RETURN NULL", "RAISE ''full''")
CHART = {"incomplete": True, "name": "Ada Lovelace", "phone": "555 0100"}
of_name = CompiledQuery(lambda person, *, pk: Patient.objects.filter(pk=pk).values_list("pk"))


def asked(statement=CLOCK, *parameters):
    cursor = connection.cursor()
    cursor.execute(statement, parameters or None)
    return cursor


def as_operator(statement):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_statements_travel_together_each_in_its_scope(practice):
    other = PracticeFactory()
    with practice_scope(practice.pk), transaction.atomic():
        chart = PatientFactory()
        for _ in range(3):  # sent, prepared, run
            with sent_together():
                first, found = asked(), of_name(None, pk=chart.pk).sent()
                with practice_scope(other.pk):
                    second, hidden = asked(), of_name(None, pk=chart.pk).sent()
                assert hidden() == []
                assert found() == [(chart.pk,)]
                (sent, scope), (sent_too, scope_of_other) = first.fetchone(), second.fetchone()
                assert sent == sent_too
                assert (scope, scope_of_other) == (str(practice.pk), str(other.pk))
                assert asked().fetchone()[0] > sent
        alone = asked()
        assert alone.fetchone()[0] < asked().fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_kept_of_a_block_that_fails(practice, subtests):
    def written_then(fails):
        with sent_together():
            PatientFactory()
            fails()

    def stop():
        raise ZeroDivisionError

    with practice_scope(practice.pk):
        for fails in (stop, lambda: asked("SELECT 1 / 0"), lambda: asked("SELECT 1 / 0").fetchone()):
            with subtests.test(fails=fails):
                with transaction.atomic():
                    with pytest.raises((ZeroDivisionError, DatabaseError)):
                        written_then(fails)
                    with pytest.raises(transaction.TransactionManagementError):
                        Patient.objects.count()
                assert Patient.objects.count() == 0
                with transaction.atomic():
                    PatientFactory()
                    with pytest.raises((ZeroDivisionError, DatabaseError)), transaction.atomic():
                        written_then(fails)
                    assert Patient.objects.count() == 1
                    transaction.set_rollback(True)


def test_row_that_the_database_discards_is_missed(practice):
    as_operator(DISCARD.format(table="patients_patient"))
    with practice_scope(practice.pk):
        for _ in range(3):
            with pytest.raises(DatabaseError, match="Not every row was written"), transaction.atomic(), sent_together():
                PatientFactory()
        assert Patient.objects.count() == 0


def test_nothing_is_booked_or_opened_while_the_trail_cannot_be_written(practice, as_role, make_user, subtests):
    desk, doctor = as_role("staff"), make_user("doctor")
    with practice_scope(practice.pk):
        patient = PatientFactory()
    visit = {"patientId": patient.pk, "doctorId": doctor.pk, "date": "2031-03-03T15:00:00Z", "reason": "Pain"}
    revoke = f'REVOKE INSERT ON {{table}} FROM "{ROLE}"'
    for broken in (revoke, DISCARD, REFUSE):
        for path, body in (("/api/appointments", visit), ("/api/patients", CHART)):
            with subtests.test(path=path, broken=broken), transaction.atomic():
                as_operator(broken.format(table="audit_event"))
                answer = desk.post(path, body, "application/json")
                assert (answer.status_code, answer.json()["detail"]) == (503, str(TRAIL_DOWN))
                transaction.set_rollback(True)
    for path, body in (("/api/appointments", visit), ("/api/patients", CHART)):
        assert desk.post(path, body, "application/json").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_booking_is_five_messages_and_a_new_chart_three(practice, as_role, make_user, monkeypatch):
    """And one more that says who is asking. The first calls prepare what they send."""
    desk, doctor, wait, waits = as_role("staff"), make_user("doctor"), Connection.wait, []
    monkeypatch.setattr(Connection, "wait", lambda *args, **options: waits.append(1) or wait(*args, **options))

    def messages(path, body):
        waits.clear()
        assert desk.post(path, body, "application/json").status_code == 201
        return len(waits)

    with practice_scope(practice.pk):
        visit = {"patientId": PatientFactory().pk, "doctorId": doctor.pk, "reason": "Pain"}
    dates = [f"2031-03-0{day}T15:00:00Z" for day in range(3, 7)]
    assert min(messages("/api/appointments", visit | {"date": date}) for date in dates) == 1 + 5
    assert min(messages("/api/patients", CHART | {"name": f"Ada {name}"}) for name in ("Ash", "Bly", "Coe")) == 1 + 3


@pytest.mark.django_db(transaction=True)
def test_error_that_is_caught_within_a_block_takes_only_its_savepoint_back(practice, subtests):
    def write_twice(office):
        OfficeFactory(pk=office.pk)

    def fail(office):
        OfficeFactory()
        asked("SELECT 1 / 0").fetchone()

    def fail_unasked(office):
        asked("SELECT 1 / 0")

    def stop(office):
        OfficeFactory()
        raise ZeroDivisionError

    with practice_scope(practice.pk):
        for wrong, error in (
            (write_twice, IntegrityError),
            (fail, DatabaseError),
            (fail_unasked, DatabaseError),
            (stop, ZeroDivisionError),
        ):
            with subtests.test(wrong=wrong):
                before = set(Office.objects.values_list("pk", flat=True))
                with transaction.atomic(), sent_together():
                    kept = [OfficeFactory()]
                    with pytest.raises(error), transaction.atomic():
                        wrong(kept[0])
                    kept.append(OfficeFactory())
                assert {office.pk for office in Office.objects.exclude(pk__in=before)} == {office.pk for office in kept}


def test_scope_is_told_anew_behind_a_savepoint_that_is_rolled_back(practice, other_practice):
    with practice_scope(practice.pk), transaction.atomic(), sent_together():
        with practice_scope(other_practice.pk):
            savepoint = transaction.savepoint()
        asked()
        transaction.savepoint_rollback(savepoint)
        _, scope = asked().fetchone()
        assert scope == str(practice.pk)


def test_references_are_checked_when_they_are_asked_for(practice, make_user):
    with practice_scope(practice.pk):
        visit = AppointmentFactory(doctor=make_user("doctor"), patient=PatientFactory())
        with transaction.atomic(), sent_together():
            with pytest.raises(NotFound), checking_office_exists():
                Appointment.objects.filter(pk=visit.pk).update(office_id=uuid4())
            PatientFactory()
        assert Patient.objects.count() == 2


def test_plan_is_kept_for_those_that_wait_for_it(db, monkeypatch):
    statements = asked().cursor._statements
    monkeypatch.setattr(statements, "limit", 1)
    statements.forget()
    with transaction.atomic(), sent_together():
        found = [asked(f"SELECT %s + {number}", 1) for number in (1, 1, 2, 2)]
        assert [cursor.fetchone() for cursor in found] == [(2,), (2,), (3,), (3,)]


def test_each_gets_its_own_result(db):
    with transaction.atomic(), sent_together():
        first, second = asked("SELECT 1 -- one"), asked("SELECT 2")
        assert (first.fetchone(), second.fetchone()) == ((1,), (2,))
    with pytest.raises(DatabaseError, match="not as many results"), transaction.atomic(), sent_together():
        asked("-- nothing")
