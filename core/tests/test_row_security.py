"""What the wall below the ORM does, asked in SQL past the managers, by the role that the application has."""

import threading
from contextlib import nullcontext

import pytest
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction

from accounts.models import User
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.tenancy.row_level_security import SCOPE
from core.tenancy.scope import installation_scope, practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Office
from practices.tests.factories import OfficeFactory, PracticeFactory
from records.models import MedicalRecord
from records.tests.factories import MedicalRecordFactory

pytestmark = pytest.mark.postgresql
TABLES = [model._meta.db_table for model in (User, Office, Patient, Appointment, MedicalRecord)]
each_table = pytest.mark.parametrize("table", TABLES)


def ask(statement, *parameters):
    """The rows, or where there are none to come the number of those touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def count(table, where="true", *parameters):
    return ask(f"SELECT count(*) FROM {table} WHERE {where}", *parameters)[0][0]


def furnish(practice, make_user):
    """A row in each table."""
    doctor = make_user("doctor", practice=practice)
    with practice_scope(practice.pk):
        OfficeFactory()
        patient = PatientFactory()
        AppointmentFactory(patient=patient, doctor=doctor)
        MedicalRecordFactory(patient=patient, doctor=doctor)


@pytest.fixture
def both(practice, other_practice, make_user):
    for one in (practice, other_practice):
        furnish(one, make_user)
    return practice, other_practice


@each_table
def test_without_a_scope_rows_can_be_neither_read_nor_added(both, table):
    with practice_scope(both[0].pk):
        assert count(table) > 0
        ask(f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {table}")
    assert count(table) == 0
    assert ask(f"UPDATE {table} SET updated_at = now()") == 0
    assert ask(f"DELETE FROM {table}") == 0
    with pytest.raises(ProgrammingError, match="violates row-level security policy"), transaction.atomic():
        ask(f"INSERT INTO {table} SELECT * FROM copied")
    with practice_scope(both[0].pk):
        assert count(table) > 0


@each_table
def test_other_practices_rows_can_be_neither_read_nor_written(both, table):
    own, other = both
    with practice_scope(other.pk):
        there = ask(f"SELECT * FROM {table} ORDER BY id")
        ask(f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {table}")
    with practice_scope(own.pk):
        assert count(table) == count(table, "practice_id = %s", own.pk) > 0
        assert count(table, "practice_id = %s", other.pk) == 0
        assert ask(f"UPDATE {table} SET updated_at = now() WHERE practice_id = %s", other.pk) == 0
        assert ask(f"DELETE FROM {table} WHERE practice_id = %s", other.pk) == 0
        for crossing in (
            f"INSERT INTO {table} SELECT * FROM copied",
            f"UPDATE {table} SET practice_id = '{other.pk}'",
        ):
            with pytest.raises(ProgrammingError, match="violates row-level security policy"), transaction.atomic():
                ask(crossing)
    with practice_scope(other.pk):
        assert ask(f"SELECT * FROM {table} ORDER BY id") == there


@each_table
def test_installation_scope_reaches_only_accounts(both, table):
    with installation_scope():
        assert (count(table) > 0) == (table == User._meta.db_table)


def test_platform_superuser_is_visible_only_in_installation_scope(both):
    superuser = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    superuser.set_unusable_password()
    with pytest.raises(ProgrammingError, match="violates row-level security policy"), transaction.atomic():
        superuser.save()
    with installation_scope():
        superuser.save()
        assert count("accounts_user", "is_superuser") == 1
    with practice_scope(both[0].pk):
        assert count("accounts_user", "is_superuser") == 0
        assert User.all_practices.get(pk=superuser.pk) == superuser


def test_scopes_nest_within_a_transaction(both):
    own, other = both
    ids = {}
    for one in both:
        with practice_scope(one.pk):
            ids[one] = ask("SELECT id FROM patients_patient")
    with transaction.atomic():
        with practice_scope(own.pk):
            with practice_scope(other.pk):
                assert ask("SELECT id FROM patients_patient") == ids[other]
            assert ask("SELECT id FROM patients_patient") == ids[own]
        assert ask("SELECT id FROM patients_patient") == []


def test_rolling_back_a_savepoint_restores_no_scope(both):
    own, other = both
    with transaction.atomic():
        with practice_scope(other.pk):
            ask("SELECT 1")
        with practice_scope(own.pk):
            with pytest.raises(DatabaseError), transaction.atomic():
                ask("SELECT 1 / 0")
            assert count("patients_patient", "practice_id = %s", own.pk) == 1
            assert count("patients_patient", "practice_id = %s", other.pk) == 0
        assert count("patients_patient") == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("inside", [transaction.atomic, nullcontext], ids=["a transaction", "none"])
def test_pooled_connections_keep_no_scope(both, inside):
    with practice_scope(both[0].pk), inside():
        assert count("patients_patient") == 1
        session = ask("SELECT pg_backend_pid()")
    borrowed = []
    while session not in borrowed:
        connection.close()
        borrowed.append(ask("SELECT pg_backend_pid()"))
        assert ask("SELECT coalesce(current_setting('praxis.practice', true), '')") == [("",)]
        assert count("patients_patient") == 0
        assert len(borrowed) < 100


@pytest.mark.django_db(transaction=True)
def test_threads_have_separate_scopes(make_user):
    practices, wrong = PracticeFactory.create_batch(4), []
    for number, practice in enumerate(practices):
        with practice_scope(practice.pk):
            PatientFactory.create_batch(number + 1)

    def look(practice, amount):
        for _ in range(25):
            with practice_scope(practice.pk):
                found = count("patients_patient")
            outside = count("patients_patient")
            if (found, outside) != (amount, 0):
                wrong.append((found, outside))
        connections.close_all()

    threads = [threading.Thread(target=look, args=(one, number + 1)) for number, one in enumerate(practices)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def every_way_of_asking():
    """Each of psycopg's and Django's ways to send a statement; each answers the numbers of rows it saw."""
    patients = "SELECT id FROM patients_patient"
    with connection.cursor() as cursor:
        cursor.execute(patients)
        yield "no parameters", len(cursor.fetchall())
        cursor.execute(f"{patients} WHERE 'a%%b' LIKE %s", ["a%"])
        yield "parameters", cursor.rowcount
        cursor.execute(f"{patients} WHERE 'a%b' LIKE 'a%'")
        yield "a percent sign", cursor.rowcount
        cursor.execute(f"{patients} WHERE %(yes)s", {"yes": True})
        yield "named parameters", cursor.rowcount
        cursor.execute(f"SELECT 1; {patients}")
        cursor.cursor.nextset()
        yield "two statements", cursor.cursor.rowcount
        cursor.executemany("UPDATE patients_patient SET gender = %s", [["male"], ["female"]])
        yield "executemany", cursor.rowcount // 2
        with cursor.copy(f"COPY ({patients}) TO STDOUT") as copy:
            yield "copy", len(list(copy.rows()))
        yield "stream", len(list(cursor.cursor.stream(patients)))
    yield "iterator", len(list(Patient._base_manager.all().iterator(chunk_size=1)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("inside", [transaction.atomic, nullcontext], ids=["a transaction", "none"])
def test_every_kind_of_query_sends_the_scope(both, inside):
    with inside():
        with practice_scope(both[0].pk):
            PatientFactory()
            seen = dict(every_way_of_asking())
        unseen = dict(every_way_of_asking())
    assert seen == dict.fromkeys(seen, 2) and len(seen) == 9
    assert unseen == dict.fromkeys(seen, 0)


@pytest.mark.django_db(transaction=True)
def test_statements_outside_of_transactions_work_without_a_scope(db):
    ask("VACUUM django_content_type")


def test_connection_queries_show_statements_without_the_scope(scope, django_assert_num_queries):
    with django_assert_num_queries(1) as asked:
        ask("SELECT %s::int", 7)
    assert asked.captured_queries[0]["sql"] == "SELECT 7::int"


@pytest.mark.parametrize(
    "attempt",
    [
        "ALTER TABLE patients_patient DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE patients_patient NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE patients_patient ADD COLUMN plain text",
        "DROP POLICY practice_wall ON patients_patient",
        "ALTER POLICY practice_wall ON patients_patient USING (true)",
        "CREATE POLICY everybody ON patients_patient USING (true)",
        "SET LOCAL row_security = off; SELECT * FROM patients_patient",
        "SET LOCAL session_replication_role = replica",
        "CREATE ROLE another",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "CREATE TABLE public.elsewhere (id int)",
        "CREATE VIEW public.everything AS SELECT * FROM patients_patient",
        "CREATE FUNCTION public.everything() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "TRUNCATE patients_patient CASCADE",
        "DROP TABLE records_medicalrecord",
        "UPDATE audit_event SET kind = 'x'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DELETE FROM django_migrations",
    ],
)
def test_application_role_cannot_disable_row_level_security(scope, attempt):
    with pytest.raises(ProgrammingError, match=r"permission denied|must be |row-level security"), transaction.atomic():
        ask(attempt)


def test_search_uses_its_index_under_row_level_security(scope):
    """On a table that has no other index, so that the planner's only choice is to read all of it."""
    ask("CREATE TEMPORARY TABLE chart AS SELECT practice_id, search_index FROM patients_patient")
    ask("CREATE INDEX chart_search ON chart USING gin (search_index)")
    ask("ALTER TABLE chart ENABLE ROW LEVEL SECURITY; ALTER TABLE chart FORCE ROW LEVEL SECURITY")
    ask(f"CREATE POLICY practice_wall ON chart USING (practice_id = {SCOPE})")
    ask("SET LOCAL enable_seqscan = off")
    plan = ask("EXPLAIN SELECT * FROM chart WHERE search_index @> %s::bigint[]", [1, 2])
    assert any("Bitmap Index Scan on chart_search" in line for (line,) in plan)
