"""Merging two charts on the admin site."""

from html import unescape

import pytest
from django.urls import reverse

from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.restriction import services as restriction
from patients.tests.factories import PatientFactory
from records.tests.factories import MedicalRecordFactory

MERGED = "/admin/patients/patient/?status__exact=merged"


@pytest.fixture
def known(scope):
    return PatientFactory(name="Ada Lovelace", phone="+1 212 555 0104", email="", allergies="Latex", gender="female")


@pytest.fixture
def twice(scope, make_user):
    fields = {"email": "ada@example.org", "allergies": "Penicillin", "gender": "other"}
    chart = PatientFactory(name="Ada King", phone="+1 212 555 0104", primary_doctor=make_user("doctor"), **fields)
    MedicalRecordFactory(patient=chart, doctor=chart.primary_doctor)
    return chart


def page_of(chart):
    return reverse("admin:patients_patient_change", args=[chart.pk])


def merging(chart):
    return reverse("admin:patients_patient_merge_charts", args=[chart.pk])


def now(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_desk_finds_compares_and_merges(enter_as, known, twice, role):
    desk = enter_as(role)
    assert merging(known) in desk.get(page_of(known)).content.decode()

    for query in ({}, {"q": "king"}):  # the likely doubles, and what was searched for
        assert f"{merging(known)}?other={twice.pk}" in desk.get(merging(known), query).content.decode()
    compared = desk.get(merging(known), {"other": str(twice.pk)}).content.decode()
    for text in ("Latex", "Penicillin", "ada@example.org", "Medical records: 1", twice.primary_doctor.name, "Other"):
        assert text in compared, text
    assert 'name="keep_allergies" value="both" checked' in compared
    answer = desk.post(merging(known), {"other": str(twice.pk), "keep_name": "from", "keep_allergies": "both"})

    assert (answer.status_code, answer["Location"]) == (302, page_of(known))
    chart = now(known)
    assert (chart.name, chart.allergies, chart.email) == ("Ada King", "Latex\nPenicillin", "ada@example.org")
    assert (now(twice).status, now(twice).merged_into_id) == ("merged", known.pk)
    (event,) = whole_trail().filter(kind="chart.merged", outcome="done")
    assert event.role == role


def test_manager_undoes_it_on_the_merged_charts_page(enter_as, known, twice):
    manager, desk = enter_as("admin"), enter_as("staff")
    manager.post(merging(known), {"other": str(twice.pk)})
    undo = reverse("admin:patients_patient_undo_merge", args=[twice.pk, known.pk])

    page = manager.get(page_of(twice)).content.decode()
    assert undo in page
    assert "This chart was merged" in page
    assert undo not in desk.get(page_of(twice)).content.decode()
    assert desk.post(undo).status_code == 403
    assert manager.post(undo)["Location"] == page_of(twice)
    assert (now(twice).status, now(known).allergies) == ("confirmed", "Latex")
    assert manager.post(undo).status_code == 404


def test_what_cannot_be_merged_is_said(enter_as, other_practice, known, twice, subtests):
    desk = enter_as("staff")
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(known.practice_id):
        pending = PatientFactory(status="pending")
    for other, sentence in [
        (known, "A chart can't be merged into itself. Choose the other one."),
        (pending, "This registration is waiting."),
    ]:
        with subtests.test(sentence=sentence):
            for call in (desk.get, desk.post):
                page = call(merging(known), {"other": str(other.pk)}, follow=True)
                assert sentence in unescape(page.content.decode())
    for other in (str(foreign.pk), "01890000-0000-7000-8000-000000000000"):
        assert desk.get(merging(known), {"other": other}).status_code == 404
        assert desk.post(merging(known), {"other": other}).status_code == 404
    for other in ("", "x", "0"):
        assert desk.post(merging(known), {"other": other}).status_code == 200  # the page to search on
    assert desk.get(merging(foreign)).status_code == 404
    assert now(known).version == 1


def test_merged_chart_is_closed_and_opened_with_the_one_it_became_part_of(enter_as, known, twice, make_user):
    doctor, desk = make_user("doctor"), enter_as("staff")
    desk.post(merging(known), {"other": str(twice.pk)})
    with practice_scope(known.practice_id):
        Patient.objects.filter(pk=known.pk).update(primary_doctor=doctor)

        restriction.restrict(patient_id=known.pk, by=doctor)
        for reader in (desk, enter_as("doctor")):
            for chart in (known, twice):
                page = reader.get(page_of(chart))
                assert (page.status_code, "Penicillin" in page.content.decode()) == (403, False)
            assert "ada@example.org" not in reader.get(MERGED).content.decode()

        restriction.lift_restriction(patient_id=known.pk, by=doctor)
        assert "Penicillin" in desk.get(page_of(twice)).content.decode()


def test_restricted_chart_is_not_compared(enter_as, known, twice):
    manager = enter_as("admin")
    with practice_scope(known.practice_id):
        Patient.objects.filter(pk=twice.pk).update(restricted=True)

    page = manager.get(merging(known), {"q": "king"}).content.decode()
    assert "Ada King" in page
    assert str(twice.pk) not in page
    compared = manager.get(merging(known), {"other": str(twice.pk)}, follow=True).content.decode()
    assert "Penicillin" not in compared
    assert "This chart is restricted." in compared
    assert manager.get(merging(twice)).status_code == 302
