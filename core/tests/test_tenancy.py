"""The wall between practices. tests/guards walks every model; here is what the wall itself does."""

import threading

import pytest
from django.db import connection

from accounts.models import User
from core.tenancy.models import PracticeModel
from core.tenancy.scope import ScopeError, current_practice_id, practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Office
from practices.tests.factories import PracticeFactory


@pytest.fixture
def foreign(other_practice):
    with practice_scope(other_practice.pk):
        return PatientFactory(name="Not Yours")


def test_without_a_scope_every_query_raises(practice):
    for query in (
        Patient.objects.all,
        Patient.objects.count,
        lambda: Patient.objects.filter(status="confirmed"),
        lambda: Patient.objects.create(name="x"),
        lambda: PatientFactory(),
        lambda: Patient.objects.bulk_create([PatientFactory.build()]),
    ):
        with pytest.raises(ScopeError):
            query()


def test_row_of_another_practice_cannot_be_saved_moved_or_deleted(scope, foreign, other_practice):
    with pytest.raises(ScopeError):
        foreign.save()
    with pytest.raises(ScopeError):
        foreign.delete()
    with pytest.raises(ScopeError):
        Patient.objects.bulk_create([PatientFactory.build(practice=other_practice)])
    own = PatientFactory()
    with pytest.raises(ScopeError):
        Patient.objects.filter(pk=own.pk).update(practice=other_practice)


def test_bulk_update_reaches_only_the_scope(scope, foreign, other_practice):
    PatientFactory()
    assert Patient.objects.update(restricted=True) == 1
    with practice_scope(other_practice.pk):
        assert Patient.objects.get().restricted is False


def test_queryset_keeps_the_scope_it_was_made_in(practice, other_practice, foreign):
    with practice_scope(practice.pk):
        own = PatientFactory()
        charts = Patient.objects.all()
    with practice_scope(other_practice.pk):
        # PostgreSQL goes by the scope it is asked in as well (core/tenancy/row_level_security.py)
        assert list(charts) == ([] if connection.vendor == "postgresql" else [own])


def test_related_managers_keep_to_the_scope(scope, make_user, other_practice):
    doctor = make_user("doctor")
    with practice_scope(other_practice.pk):
        assert list(doctor.appointments.all()) == []
    assert User.objects.get(pk=doctor.pk) == doctor


def test_scopes_nest_and_close_after_an_error(practice, other_practice):
    with practice_scope(practice.pk):
        with pytest.raises(ZeroDivisionError), practice_scope(other_practice.pk):
            raise ZeroDivisionError
        assert current_practice_id() == practice.pk
    with pytest.raises(ScopeError):
        current_practice_id()


def test_scope_does_not_reach_another_thread(scope):
    seen = []

    def look():
        try:
            seen.append(current_practice_id())
        except ScopeError:
            seen.append("shut")

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == ["shut"]


def test_inherited_managers_do_not_share_cached_querysets(scope):
    class Room(PracticeModel):
        class Meta:
            app_label = "core"

    assert [model.objects.all().model for model in (Office, Room, Office)] == [Office, Room, Office]


@pytest.mark.slow  # many threads
def test_concurrent_practices_keep_their_own_rows(db, monkeypatch):
    """The remembered starts are dropped when there are too many of them, while others read them."""
    monkeypatch.setattr("core.tenancy.managers.QUERYSETS_CACHED", 3)
    practices = PracticeFactory.create_batch(12)
    errors = []

    def read(practice):
        try:
            for _ in range(200):
                with practice_scope(practice.pk):
                    where = str(Patient.objects.all().query)
                    assert practice.pk.hex in where.replace("-", "")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(practice,)) for practice in practices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
