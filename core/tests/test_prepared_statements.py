"""Statements that are planned once answer like those that are planned anew, for whichever practice is asking
(docs/adr/0033)."""

import threading
from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import DataError, NotSupportedError, OperationalError, connection, connections, transaction
from psycopg import Binary, ClientCursor
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int2

from core.tenancy.postgresql.prepared import MOST_PARAMETERS, Numbers, key_of, statement_of
from core.tenancy.scope import practice_scope
from patients.models import ChartStatus, Patient
from patients.tests.factories import PatientFactory

pytestmark = pytest.mark.postgresql
CHARTS = "SELECT practice_id, status FROM patients_patient WHERE created_at < %s"
EVER = datetime(9999, 1, 1, tzinfo=UTC)
TIMES = 8  # sent once, prepared, planned five times with the values, then for good
inside_and_outside = pytest.mark.parametrize("inside", [transaction.atomic, nullcontext], ids=["a transaction", "none"])


def ask(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def prepared():
    """Of each prepared statement, how often it ran from the kept plan."""
    return dict(ask("SELECT name, generic_plans FROM pg_prepared_statements"))


def practices_seen():
    return {found for found, _ in ask(CHARTS, EVER)}


@pytest.fixture
def fresh(transactional_db):
    """A connection on which nothing is prepared, and which serves no other test: here some prepare no more."""
    connection.close()
    connection.close_pool()
    yield
    connection.close()
    connection.close_pool()


@pytest.fixture
def both(fresh, practice, other_practice):
    for one, charts in ((practice, 1), (other_practice, 2)):
        with practice_scope(one.pk):
            PatientFactory.create_batch(charts)
    return practice, other_practice


@pytest.fixture
def planned(both):
    """The two practices, after each has asked until the plan was kept."""
    for _ in range(TIMES):
        for one in both:
            with practice_scope(one.pk):
                assert practices_seen() == {one.pk}
    assert max(prepared().values()) > 0
    return both


@inside_and_outside
def test_one_plan_serves_each_practice_its_own_rows(planned, inside):
    runs = max(prepared().values())
    with inside():
        for _ in range(3):
            for one in planned:
                with practice_scope(one.pk):
                    assert practices_seen() == {one.pk}
            assert practices_seen() == set()
    assert max(prepared().values()) == runs + 9


def test_scope_is_told_anew_after_a_rollback(planned):
    own, other = planned
    with practice_scope(own.pk), pytest.raises(ZeroDivisionError), transaction.atomic():
        assert practices_seen() == {own.pk}
        raise ZeroDivisionError
    assert practices_seen() == set()
    with practice_scope(other.pk):
        assert practices_seen() == {other.pk}


@pytest.mark.parametrize("failing", ["SELECT 1 / 0", "SELECT 1 / %s"])
def test_scope_is_told_anew_after_a_savepoint_was_rolled_back(planned, failing):
    own, other = planned
    with transaction.atomic():
        with practice_scope(own.pk):
            for _ in range(3):
                with practice_scope(other.pk), pytest.raises(Exception, match="division by zero"), transaction.atomic():
                    assert practices_seen() == {other.pk}
                    ask(failing, *([0] if "%s" in failing else []))
                assert practices_seen() == {own.pk}
        assert practices_seen() == set()


def test_killed_session_leaves_no_scope(planned):
    own, other = planned
    with practice_scope(own.pk), pytest.raises(OperationalError), transaction.atomic():
        assert practices_seen() == {own.pk}
        ask("SET ROLE NONE")
        ask("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()
    assert practices_seen() == set()
    with practice_scope(other.pk):
        assert practices_seen() == {other.pk}


def test_connection_given_back_within_a_transaction_keeps_no_scope(planned, settings):
    """As by a thread whose request dies."""
    own, other = planned
    sessions = set()

    def die():
        transaction.atomic().__enter__()
        with practice_scope(own.pk):
            assert practices_seen() == {own.pk}
        sessions.update(ask("SELECT pg_backend_pid()")[0])
        connection.connection._pool.putconn(connection.connection)
        connection.connection = None

    connection.close()
    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    for _ in range(100):
        mine = ask("SELECT pg_backend_pid()")[0][0]
        assert practices_seen() == set()
        with practice_scope(other.pk):
            assert practices_seen() == {other.pk}
        connection.close()
        if mine in sessions:
            break
    else:
        pytest.fail("The connection did not come back.")
    connections.close_all()


def test_streamed_rows_stay_those_of_the_scope_they_were_asked_in(planned):
    own, other = planned
    with practice_scope(other.pk), transaction.atomic():
        seen = []
        for chart in Patient.objects.order_by("pk").iterator(chunk_size=1):
            with practice_scope(own.pk):
                assert practices_seen() == {own.pk}
            seen.append(chart.practice_id)
    assert seen == [other.pk] * 2


VALUES = [
    0,
    -1,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63 - 1,
    -(2**63),
    2**64,
    1.5,
    True,
    False,
    None,
    "",
    "it's 100% \\ ; %s",
    "x" * 500,
    ChartStatus.CONFIRMED,
    date(2030, 1, 7),
    datetime(2030, 1, 7, 12, tzinfo=UTC),
    datetime(2030, 1, 7, 12),  # noqa: DTZ001 - that there is no zone is what is tried
    UUID(int=7),
    b"\x00\xff",
    [1, 2],
    [2**40],
    ["a", "b"],
]


@inside_and_outside
def test_every_value_reads_as_it_does_in_a_literal(fresh, inside, subtests):
    statement = "SELECT %s, pg_typeof(%s)::text, 100 %% 7"
    with inside():
        for value in VALUES:
            with subtests.test(value=value):
                with connection.cursor() as cursor:
                    expected = ClientCursor.mogrify(cursor.cursor, statement, [value, value])
                    cursor.execute(expected)
                    (row,) = cursor.fetchall()
                for _ in range(3):
                    assert ask(statement, value, value) == [row]


@inside_and_outside
def test_what_postgresql_will_not_prepare_is_sent_as_it_is(both, inside):
    """With two parameters it cannot know that the groups are those that are selected."""
    by_length = "SELECT length(status) + %s, count(*) FROM patients_patient GROUP BY length(status) + %s"
    with practice_scope(both[0].pk), inside():
        PatientFactory()
        for _ in range(TIMES):
            assert ask(by_length, 3, 3) == [(len("confirmed") + 3, 2)]
        assert Patient.objects.count() == 2
    assert not any("GROUP BY" in text for (text,) in ask("SELECT statement FROM pg_prepared_statements"))


def test_mistakes_are_reported_as_of_the_statement_that_was_sent(fresh):
    for _ in range(3):
        with pytest.raises(Exception, match='relation "nowhere" does not exist'), transaction.atomic():
            ask("SELECT * FROM nowhere WHERE id = %s", 1)


def test_column_whose_type_has_changed_is_read_anew(fresh):
    ask("CREATE TEMPORARY TABLE sheet (number int, word int)")
    ask("INSERT INTO sheet VALUES (1, 7)")
    number = "SELECT number FROM sheet WHERE word = %s"
    for _ in range(TIMES):
        assert ask(number, 7) == [(1,)]
    ask("ALTER TABLE sheet ALTER number TYPE text")
    for _ in range(TIMES):
        assert ask(number, 7) == [("1",)]
    ask("ALTER TABLE sheet ALTER number TYPE bigint USING number::bigint")
    with pytest.raises(NotSupportedError), transaction.atomic():  # PostgreSQL has aborted it: nothing can be sent again
        ask(number, 7)
    with transaction.atomic():
        for _ in range(TIMES):
            assert ask(number, 7) == [(1,)]
    ask("DROP TABLE sheet")


def test_migration_that_changes_a_type_is_followed_by_reading_it_in_its_transaction(fresh):
    number = "SELECT number FROM sheet WHERE word = %s"
    with connection.schema_editor() as editor:
        editor.execute("CREATE TEMPORARY TABLE sheet (number int, word int)")
        ask("INSERT INTO sheet VALUES (1, 7)")
        for _ in range(TIMES):
            assert ask(number, 7) == [(1,)]
        editor.execute("ALTER TABLE sheet ALTER number TYPE text")
        for _ in range(TIMES):
            assert ask(number, 7) == [("1",)]
    ask("DROP TABLE sheet")


def test_session_that_lost_its_statements_prepares_no_more(planned):
    """A pooler that gives each transaction another session has them elsewhere."""
    ask("DEALLOCATE ALL")
    for _ in range(TIMES):
        with practice_scope(planned[0].pk):
            assert practices_seen() == {planned[0].pk}
    assert prepared() == {}


def test_statement_that_another_client_of_the_session_has_prepared_is_used(both):
    ask(statement_of(key_of(CHARTS, [EVER])).prepare)
    for _ in range(3):
        with practice_scope(both[0].pk):
            assert practices_seen() == {both[0].pk}
    names = ask("SELECT name FROM pg_prepared_statements WHERE statement LIKE %s", "%created_at < $1")
    assert names == [(statement_of(key_of(CHARTS, [EVER])).name,)]


def test_least_used_statement_makes_room(fresh):
    with connection.cursor() as cursor:
        cursor.cursor._statements.limit = 3
    for number in range(10):
        for _ in range(3):
            assert ask(f"SELECT {number} + %s", 1) == [(number + 1,)]
    texts = ask("SELECT statement FROM pg_prepared_statements ORDER BY prepare_time")
    assert [text.partition(" AS ")[2] for (text,) in texts] == [f"SELECT {number} + $1" for number in (7, 8, 9)]


def test_statements_sent_once_are_not_prepared(fresh):
    for length in range(1, MOST_PARAMETERS + 10):
        assert ask(f"SELECT 1 WHERE 0 IN ({', '.join(['%s'] * length)})", *range(length)) == [(1,)]
    with connection.cursor() as cursor:
        statements = cursor.cursor._statements
    assert prepared() == {}
    assert len(statements._sent_once) == statements.limit


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_values_are_written_as_psycopg_writes_them(fresh, conforming):
    texts = ["", "O'Brien", "back\\\\slash", "'); DROP TABLE kept; --", "100 %s %%", "Zoë 😀\nNext", "\\'", "E'\\x41'"]
    columns = {
        "text": [*texts, ChartStatus.PENDING, None],
        "bytea": [b"\x00'\\\xff", b"", Binary(b"\x01'")],
        "jsonb": [Jsonb({"said": text}) for text in texts],
        "bigint[]": [[-1, 2**62], [], Numbers([3])],
        "uuid": [UUID(int=7)],
        "timestamptz": [EVER, datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=ZoneInfo("Europe/Berlin"))],
        "date": [date(1880, 1, 1)],
        "smallint": [-5, 0, Int2(3)],
        "boolean": [True, False, None],
        "numeric": [Decimal("-0.10")],
    }
    with transaction.atomic():
        ask(f"SET LOCAL standard_conforming_strings TO {conforming}")
        for number, (kind, values) in enumerate(columns.items()):
            table = f"kept_{number}"  # a plan of its own
            ask(f"CREATE TEMP TABLE {table} (value {kind})")
            for value in values:
                for _ in range(3):  # as it is, prepared, from the plan
                    ask(f"INSERT INTO {table} (value) VALUES (%s)", value)
                assert len(set(ask(f"SELECT value::text FROM {table}"))) == 1, value
                ask(f"DELETE FROM {table} WHERE TRUE")
        transaction.set_rollback(True)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_cannot_be_stored_is_refused(fresh, text):
    with transaction.atomic():
        ask("CREATE TEMP TABLE kept (value text)")
        for value in ("a", "b", "c"):
            ask("INSERT INTO kept (value) VALUES (%s)", value)
        with pytest.raises((DataError, UnicodeEncodeError, ValueError)):
            ask("INSERT INTO kept (value) VALUES (%s)", text)
        transaction.set_rollback(True)


def test_names_of_statuses_stand_in_the_plan(fresh):
    """So that a rare one has its own plan, which may use a partial index."""
    key = key_of("SELECT 1 WHERE status = %s AND id = %s", [ChartStatus.PENDING, UUID(int=7)])
    statement = statement_of(key)
    assert "status = %s AND id = $1" in statement.prepare
    assert statement.values_in_plan(["pending", UUID(int=7)]) == ["pending"]
    assert statement.execute(["pending", UUID(int=7)], quote=repr) == f"EXECUTE {statement.name} ('{UUID(int=7)}')"


def test_limits_stand_in_the_plan(fresh):
    statement = statement_of(key_of("SELECT %s FROM chart LIMIT %s OFFSET %s", [1, 11, 0]))
    assert statement.prepare.endswith("SELECT $1 FROM chart LIMIT %s OFFSET %s")
    assert statement.values_in_plan([1, 11, 0]) == [11, 0]
    for _ in range(3):
        assert ask("SELECT number + %s FROM generate_series(1, 9) AS number LIMIT %s OFFSET %s", 1, 2, 3) == [
            (5,),
            (6,),
        ]
    assert any("LIMIT 2 OFFSET 3" in text for (text,) in ask("SELECT statement FROM pg_prepared_statements"))


@pytest.mark.parametrize(
    "statement, parameters",
    [
        ("SELECT 1 WHERE %(yes)s", {"yes": True}),
        ("SELECT %s; DELETE FROM patients_patient", [1]),
        ("EXPLAIN SELECT %s", [1]),
        ("SELECT 1 WHERE search_index @> %s", [[1, 2]]),
        ("SELECT %s", ["a text that is longer than any status is"]),
        ("INSERT INTO a (b) SELECT %s", [1]),
        ("SELECT %s, %s", [1]),
        ("VACUUM", []),
        ("SELECT 1", None),
    ],
)
def test_statements_that_are_planned_anew(statement, parameters):
    assert key_of(statement, parameters) is None


def test_nothing_is_prepared_where_the_setting_is_0(fresh, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict["OPTIONS"], "prepared_statements", 0)
        for _ in range(TIMES):
            assert ask("SELECT %s", 1) == [(1,)]
        assert prepared() == {}


def test_setting_is_the_number_of_each_connection():
    assert settings.DATABASES["default"]["OPTIONS"]["prepared_statements"] == 100
