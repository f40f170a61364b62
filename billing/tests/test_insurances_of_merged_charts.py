"""Two charts of one person with insurances become one: policies go along in their order, none is there twice."""

from decimal import Decimal

import orjson
import pytest

from audit.models import Event
from billing.claims import services as claims
from billing.invoices import services as invoices
from billing.models import Coverage
from core.errors import Conflict
from patients.merging import services as merging
from patients.tests.factories import PatientFactory


@pytest.fixture
def insured(biller):
    """`insured("Aetna 1", "Cigna 2")`: a chart with these policies, payer and member id."""

    def make(*policies):
        chart = PatientFactory()
        save(biller, chart, *policies)
        return chart

    return make


def save(biller, chart, *policies):
    rows = [dict(zip(("payer", "member_id"), policy.rsplit(" ", 1), strict=True)) for policy in policies]
    claims.set_coverages(by=biller, patient_id=chart.pk, coverages=rows)


def policies_of(chart):
    return [f"{row.payer} {row.member_id}" for row in Coverage.objects.filter(patient=chart)]


def test_policies_go_along_and_come_back(insured, make_user, subtests):
    desk, manager = make_user("staff"), make_user("admin")
    for name, of_into, of_source, together in (
        ("one each", ["Aetna 1"], ["Cigna 2"], ["Aetna 1", "Cigna 2"]),
        ("only the merged one", [], ["Cigna 2", "Aetna 1"], ["Cigna 2", "Aetna 1"]),
        ("the same", ["Aetna 1"], ["AETNA 1"], ["Aetna 1"]),
        ("the same payer for somebody else", ["Aetna 1"], ["Aetna 2"], ["Aetna 1", "Aetna 2"]),
        ("one of them twice", ["Aetna 1"], ["Cigna 2", "aetna  1", "Humana 3"], ["Aetna 1", "Cigna 2", "Humana 3"]),
    ):
        with subtests.test(name):
            into, source = insured(*of_into), insured(*of_source)
            assert merging.preview(by=desk, into=into.pk, source=source.pk, keep={}).into == into
            merging.merge(by=desk, into=into.pk, source=source.pk, keep={})
            assert policies_of(into) == together
            merging.undo(by=manager, into=into.pk, source=source.pk)
            assert (policies_of(into), policies_of(source)) == (of_into, of_source)


def test_more_policies_than_a_chart_can_have_are_told_and_none_is_lost(insured, make_user, biller):
    desk = make_user("staff")
    into, source = insured("Aetna 1", "Cigna 2"), insured("Humana 3", "Kaiser 4")
    for attempt in (merging.preview, merging.merge):
        with pytest.raises(Conflict, match="more than 3 insurances"):
            attempt(by=desk, into=into.pk, source=source.pk, keep={})
    assert policies_of(into) == ["Aetna 1", "Cigna 2"] and policies_of(source) == ["Humana 3", "Kaiser 4"]
    claims.set_coverages(by=biller, patient_id=source.pk, coverages=[{"payer": "Kaiser", "member_id": "4"}])
    merging.merge(by=desk, into=into.pk, source=source.pk, keep={})
    assert policies_of(into) == ["Aetna 1", "Cigna 2", "Kaiser 4"]


def test_undoing_gives_back_what_came_after_the_list_was_changed(insured, make_user, biller, subtests):
    desk, manager = make_user("staff"), make_user("admin")
    for name, typed, of_into, of_source in (
        ("one removed", "Cigna 2, Kaiser 4", [], ["Cigna 2", "Kaiser 4"]),
        ("in another order", "Kaiser 4, Aetna 1, Cigna 2", ["Aetna 1"], ["Kaiser 4", "Cigna 2"]),
        ("one corrected and moved", "cigna 22, AETNA 1", ["AETNA 1"], ["cigna 22"]),
        ("a new one", "Humana 3, Cigna 2", ["Humana 3"], ["Cigna 2"]),
    ):
        with subtests.test(name):
            into, source = insured("Aetna 1"), insured("Cigna 2", "Kaiser 4")
            merging.merge(by=desk, into=into.pk, source=source.pk, keep={})
            save(biller, into, *typed.split(", "))
            assert policies_of(into) == typed.split(", ")
            merging.undo(by=manager, into=into.pk, source=source.pk)
            assert (policies_of(into), policies_of(source)) == (of_into, of_source)


def test_saving_the_same_list_changes_nothing(insured, biller):
    chart, trail = insured("Aetna 1", "Cigna 2"), Event.objects.filter(about=Coverage._meta.label)
    before = trail.count(), list(Coverage.objects.filter(patient=chart).values())
    save(biller, chart, "Aetna 1", "Cigna 2")
    assert (trail.count(), list(Coverage.objects.filter(patient=chart).values())) == before


def test_corrected_insurance_is_in_the_trail(insured, biller):
    chart, trail = insured("Aetna 1"), Event.objects.filter(about=Coverage._meta.label)
    before = set(trail.values_list("pk", flat=True))
    save(biller, chart, "Aetna 2")
    (event,) = trail.exclude(pk__in=before)
    assert (event.kind, orjson.loads(event.details)["fields"]) == ("data.changed", ["member_id"])


def test_removed_draft_goes_along_and_can_be_put_back(biller, make_user):
    into, source = PatientFactory(), PatientFactory()
    lines = [{"description": "Massage", "unit_price": Decimal(80)}]
    draft = invoices.write_draft(by=biller, patient_id=source.pk, lines=lines)
    invoices.remove_draft(by=biller, invoice_id=draft.pk)
    merging.merge(by=make_user("staff"), into=into.pk, source=source.pk, keep={})
    assert invoices.put_back_draft(by=biller, invoice_id=draft.pk).patient_id == into.pk
