"""Which accounts a person may see, and that nothing starts where nobody can tell."""

import pytest
from django.core.checks import run_checks

from accounts import visibility
from accounts.models import User, attach_charts
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


def test_account_behind_a_closed_chart_does_not_exist(make_user, practice):
    manager, patient, other = make_user("admin"), make_user("patient"), make_user("patient")
    with practice_scope(practice.pk):
        PatientFactory(user=patient, restricted=True)
        PatientFactory(user=other)

        assert set(User.objects.visible_to(manager)) == {manager, other}
        assert set(User.objects.visible_to(patient)) == {manager, patient, other}


def test_attach_charts_sets_patient_charts(make_user, practice, django_assert_num_queries):
    patient, doctor = make_user("patient"), make_user("doctor")
    with practice_scope(practice.pk):
        chart = PatientFactory(user=patient)
        assert patient.about_patients() == []

        with django_assert_num_queries(1):
            attach_charts([patient, doctor])

    assert patient.about_patients() == [chart.pk]
    assert doctor.about_patients() == []


def test_missing_chart_registration_fails_closed(monkeypatch, make_user, practice):
    manager = make_user("admin")
    monkeypatch.setattr(visibility, "_charts", None)

    assert "praxis.E001" in [found.id for found in run_checks()]
    with practice_scope(practice.pk), pytest.raises(RuntimeError):
        list(User.objects.visible_to(manager))
