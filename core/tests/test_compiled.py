"""Queries that are compiled once for each shape (docs/adr/0035): every request gets its own values and its own wall."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from appointments import views as appointments
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.errors import NotFound
from core.tenancy import compiled
from core.tenancy.compiled import CompiledQuery, now
from core.tenancy.scope import ScopeError, practice_scope
from core.tenancy.stand_ins import NotCompilable
from patients import views as charts
from patients.models import EmergencyAccess, Patient
from patients.restriction import services as restriction
from patients.search_index import chart_tokens
from patients.tests.chart_with_all import chart_with_all
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.services import current_practice
from practices.tests.factories import OfficeFactory
from records.medical_records import views as records
from records.models import medical_record
from records.notes import views as notes
from records.plans import views as plans


def by_status(person, *, status):
    return Patient.objects.filter(status=status).order_by("id")


def found(query):
    return [row.pk for row in query.rows(limit=100)]


def test_compiled_query_is_bound_to_the_scope_it_is_run_in(practice, other_practice):
    query = CompiledQuery(by_status)
    made = {}
    for one in (practice, other_practice):
        with practice_scope(one.pk):
            made[one.pk] = [PatientFactory().pk, PatientFactory().pk]

    for one in (practice, other_practice, practice):
        with practice_scope(one.pk):
            assert found(query(None, status="confirmed")) == made[one.pk]
            assert query(None, status="confirmed").count() == 2
    assert len(query._statements) == 2  # the rows and their number, for both practices


def test_compiled_query_without_a_scope_raises_before_and_after_it_is_compiled(practice):
    query = CompiledQuery(by_status)
    with pytest.raises(ScopeError):
        query(None, status="confirmed").rows(limit=1)
    with practice_scope(practice.pk):
        query(None, status="confirmed").rows(limit=1)
    with pytest.raises(ScopeError):
        query(None, status="confirmed").rows(limit=1)


def test_compiled_query_has_the_values_and_the_person_of_each_call(scope, make_user):
    query = CompiledQuery(lambda person, *, status: by_status(person, status=status).filter(primary_doctor=person))
    ada, grace = make_user("doctor"), make_user("doctor")
    of_ada, of_grace = (PatientFactory(primary_doctor=one) for one in (ada, grace))
    pending = PatientFactory(primary_doctor=ada, status="pending")

    assert found(query(ada, status="confirmed")) == [of_ada.pk]
    assert found(query(grace, status="confirmed")) == [of_grace.pk]
    assert found(query(ada, status="pending")) == [pending.pk]


def test_compiled_query_has_a_statement_of_its_own_for_each_filter_flag_and_role(scope, make_user):
    def build(person, newest_first, *, status=None):
        charts = Patient.objects.listed_for(person)
        charts = charts.filter(status=status) if status else charts
        return charts.order_by("-id" if newest_first else "id")

    query = CompiledQuery(build)
    patient = make_user("patient")
    first, own = PatientFactory(), PatientFactory(user=patient)
    staff = make_user("staff")

    assert found(query(staff, True)) == [own.pk, first.pk]
    assert found(query(staff, False)) == [first.pk, own.pk]
    assert found(query(staff, False, status="pending")) == []
    assert found(query(staff, False, status=None)) == [first.pk, own.pk]
    assert found(query(patient, False)) == [own.pk]


def test_compiled_query_asks_for_the_page_with_the_same_text(scope):
    query = CompiledQuery(by_status)
    made = [PatientFactory().pk for _ in range(5)]
    query(None, status="confirmed").rows(limit=1)
    with CaptureQueriesContext(connection) as captured:
        pages = [query(None, status="confirmed").rows(limit=2, skipped=skipped) for skipped in (0, 2, 4)]
    assert [[row.pk for row in page] for page in pages] == [made[:2], made[2:4], made[4:]]
    assert len(captured) == 3


def test_compiled_query_selects_the_keys_of_a_far_page_first(scope, make_user, monkeypatch):
    monkeypatch.setattr(compiled, "JOINED_BEFORE", 2)
    staff, chart = make_user("staff"), PatientFactory()
    made = [AppointmentFactory(patient=chart, doctor=make_user("doctor")).pk for _ in range(6)][::-1]
    query = appointments._listed(staff, status="scheduled")
    with CaptureQueriesContext(connection) as captured:
        pages = [[row.pk for row in query.rows(limit=2, skipped=skipped)] for skipped in range(7)]
    assert pages == [made[skipped : skipped + 2] for skipped in range(7)]
    assert ["LIMIT 2 OFFSET" in one["sql"].partition("IN (SELECT")[2] for one in captured] == [False] * 2 + [True] * 5


def test_moments_are_read_as_they_were_written(scope):
    moments = [datetime(2026, 10, 25, 1, 30, 0, 5, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), timezone.now()]
    for moment in moments:
        chart = PatientFactory(created_at=moment)
        assert Patient.objects.get(pk=chart.pk).created_at == moment


def test_compiled_query_takes_several_values_and_gives_columns(scope):
    query = CompiledQuery(lambda person, *, ids: Patient.objects.filter(pk__in=ids).order_by("id").values_list("pk"))
    first, second, third = (PatientFactory().pk for _ in range(3))

    assert query(None, ids=(first, second)).all() == [(first,), (second,)]
    assert query(None, ids=(third, second)).all() == [(second,), (third,)]
    assert query(None, ids=(third,)).all() == [(third,)]
    assert query(None, ids=(third,)).exists()
    assert len(query._statements) == 2  # for one and for two


@pytest.mark.postgresql  # where the hashes of an index are an array
def test_compiled_query_takes_arrays(scope):
    query = CompiledQuery(
        lambda person, *, any_of: Patient.objects.filter(search_index__has_all_of_one=any_of).values_list("pk")
    )
    chart, other = PatientFactory(name="Ada Lovelace"), PatientFactory(name="Grace Hopper")
    tokens = {one.pk: chart_tokens(one) for one in (chart, other)}

    for one in (chart, other):
        assert query(None, any_of=(tokens[one.pk], [1, 2])).all() == [(one.pk,)]
    assert query(None, any_of=([1], [2])).all() == []


def test_compiled_query_locks_in_a_transaction_alone(scope):
    query = CompiledQuery(lambda person, *, status: by_status(person, status=status).select_for_update())
    chart = PatientFactory()
    with CaptureQueriesContext(connection) as captured:
        assert found(query(None, status="confirmed")) == [chart.pk]
    assert ("FOR UPDATE" in captured[-1]["sql"]) == (connection.vendor == "postgresql")

    atomic, connection.in_atomic_block = connection.in_atomic_block, False
    try:
        with pytest.raises(TransactionManagementError):
            query(None, status="confirmed").rows(limit=1)
    finally:
        connection.in_atomic_block = atomic


@pytest.mark.parametrize(
    "build",
    [
        lambda person, *, status: by_status(person, status=status).filter(created_at__lt=timezone.now()),
        lambda person, *, status: Patient.objects.order_by("id"),  # forgets the status
        lambda person, *, status: Patient._base_manager.filter(status=status).order_by("id"),  # and the practice
        lambda person, *, status: by_status(person, status=status).order_by(
            F("id").asc() if status.endswith("1000") else F("id").desc()
        ),
        lambda person, *, status: by_status(person, status=status)[:3],
        lambda person, *, status: by_status(person, status=status).prefetch_related("appointments"),
        lambda person, *, status: by_status(person, status=status).none(),
        lambda person, *, status: by_status(person, status=status).filter(created_at__date__gt="2026-01-01"),
        lambda person, *, status: by_status(person, status=status).filter(restricted=Patient.objects.exists()),
    ],
    ids=["time", "forgotten", "no practice", "SQL by value", "slice", "prefetch", "nothing", "zone", "read"],
)
def test_query_that_depends_on_more_than_its_shape_is_refused(scope, build):
    with pytest.raises(NotCompilable):
        CompiledQuery(build)(None, status="confirmed").rows(limit=1)


def test_query_cannot_depend_on_more_of_a_person_than_id_role_and_practice(scope, make_user):
    query = CompiledQuery(lambda person: by_status(person, status="pending" if person.office_id else "confirmed"))
    with pytest.raises(NotCompilable):
        query(make_user("doctor")).rows(limit=1)


def test_superuser_has_a_statement_of_their_own(scope, make_user):
    """The role is the office manager's, but there is no practice to be of."""
    query = CompiledQuery(lambda person: by_status(person, status="confirmed" if person.practice_id else "declined"))
    chart = PatientFactory()

    assert found(query(make_user("admin"))) == [chart.pk]
    assert found(query(User(role="admin", is_superuser=True))) == []


def test_value_of_another_type_is_not_bound_in_the_place_of_the_first(scope):
    query = CompiledQuery(lambda person, *, pk: Patient.objects.filter(pk=pk).order_by())
    chart = PatientFactory()

    assert found(query(None, pk=chart.pk)) == [chart.pk]
    with pytest.raises(ValidationError):
        found(query(None, pk=str(chart.pk)))


def test_person_may_be_the_lazy_one_of_the_admin_site(scope, make_user):
    ada = make_user("doctor")
    own = PatientFactory(primary_doctor=ada)
    query = CompiledQuery(lambda person: Patient.objects.filter(primary_doctor=person).order_by("id"))

    assert found(query(SimpleLazyObject(lambda: ada))) == [own.pk]


def test_compiled_query_takes_each_call_s_time(scope, make_user, monkeypatch):
    live = CompiledQuery(lambda person: EmergencyAccess.objects.live().order_by("id"))
    access = EmergencyAccessFactory(patient=PatientFactory(restricted=True), opened_by=make_user("doctor"))
    assert found(live(None)) == [access.pk]

    later = access.expires_at + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)

    assert now() == later
    assert found(live(None)) == []


def test_row_that_is_not_there_is_refused_by_name(scope, other_practice):
    query = CompiledQuery(lambda person, *, pk: Patient.objects.filter(pk=pk).order_by())
    with practice_scope(other_practice.pk):
        foreign = PatientFactory().pk
    with pytest.raises(NotFound) as refusal:
        query(None, pk=foreign).get_or_refuse()
    assert (refusal.value.detail, refusal.value.about_id) == ("Patient not found.", foreign)


def cases(clinic):
    """Yield each compiled query of the API, and the values to ask it with."""
    moment = timezone.now()
    days = {"start": moment - timedelta(days=9), "end": moment + timedelta(days=999)}
    of_one = [{}, {"patient_id": clinic.patient.pk}]
    yield charts._listed_charts, [{}]
    yield restriction.visible_chart, [{"pk": clinic.patient.pk}]
    yield restriction.visible_key, [{"pk": clinic.patient.pk}]
    by_day = {"midnight": days["start"], "next_midnight": days["end"]}
    filters = [{"status": "scheduled"}, {"doctor_id": clinic.appointment.doctor_id}, {"office_id": clinic.office.pk}]
    yield appointments._listed, [*of_one, days, by_day, *filters, {**by_day, **filters[0], **filters[1]}]
    yield records._listed, of_one
    yield medical_record._in_closed_charts, [{}]
    yield notes._listed, [*of_one, days, {"status": "finalised"}, {"doctor_id": clinic.session.doctor_id, **days}]
    yield plans._listed, [*of_one, {"status": "active"}]
    yield plans._found, of_one


@pytest.mark.parametrize("role", ["admin", "doctor", "patient"])
def test_compiled_queries_of_the_api_find_what_the_ordinary_ones_find(subtests, scope, make_user, role):
    person = make_user(role)
    clinic = chart_with_all(make_user("doctor"))
    clinic.office = OfficeFactory()
    Appointment.objects.filter(pk=clinic.appointment.pk).update(office=clinic.office)
    closed = chart_with_all(person if role == "doctor" else make_user("doctor"))
    Patient.objects.filter(pk=closed.patient.pk).update(restricted=True)
    if role == "patient":
        clinic.patient.user = person
        clinic.patient.save()
    seen = set()
    for query, asked in cases(clinic):
        for values in asked:
            with subtests.test(values=sorted(values), query=query._build):
                bound = query(person, **values)
                ordinary = bound.queryset()
                rows = bound.rows(limit=100)
                assert [(row.pk, state(row)) for row in rows] == [(row.pk, state(row)) for row in ordinary]
                if query is not plans._listed:
                    assert bound.count() == ordinary.count() == len(rows)
                seen.update(type(row) for row in rows)
    assert len(seen) >= 4  # charts, appointments, records and plans at least


def state(row):
    """Return what a row and those fetched with it hold, and which of their columns were left out."""
    values = {name: value for name, value in vars(row).items() if name != "_state"}
    related = {
        name: state(other) for name, other in row._state.fields_cache.items() if name in ("patient", "doctor") and other
    }
    return values, row.get_deferred_fields(), row._state.adding, row._state.db, related


def test_the_current_practice_is_the_scope_s(practice, other_practice):
    for one in (practice, other_practice):
        with practice_scope(one.pk):
            assert current_practice() == one
