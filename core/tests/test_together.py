"""Statements that travel in one message (docs/adr/0057). PostgreSQL has one `statement_timestamp()` a message."""

import pytest
from django.db import DatabaseError, connection, transaction

from core.database.together import sent_together
from core.tenancy.compiled import CompiledQuery
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.tests.factories import PracticeFactory
from tests.plain_role import as_owner

pytestmark = pytest.mark.postgresql
CLOCK = "SELECT statement_timestamp(), current_setting('praxis.practice')"
DISCARD = """
CREATE FUNCTION discard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER discard BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION discard();
"""
of_name = CompiledQuery(lambda person, *, pk: Patient.objects.filter(pk=pk).values_list("pk"))


def asked(statement=CLOCK):
    cursor = connection.cursor()
    cursor.execute(statement)
    return cursor


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
    """An event of the trail above all."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(DISCARD.format(table="audit_event"))
    with practice_scope(practice.pk):
        for _ in range(3):
            with pytest.raises(DatabaseError, match="Not every row was written"), transaction.atomic(), sent_together():
                PatientFactory()
        assert Patient.objects.count() == 0
