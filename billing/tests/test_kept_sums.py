"""What triggers keep for reports says what the ledger and the invoices say, and can be filled anew."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from billing.invoices import services as invoices
from billing.jobs import find_payers
from billing.kept_sums import fill, fill_left, fill_payers
from billing.models import Allocation, Invoice, InvoiceLine, IssuedLine, LedgerEntry, LeftAmount, OpenAmount
from billing.payments import services as payments
from billing.reports import figures
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


@pytest.fixture
def visit(chart, make_user):
    return AppointmentFactory(patient=chart, doctor=make_user("doctor", name="Dr. First"))


def kept():
    return dict(OpenAmount.objects.values_list("invoice_id", "amount"))


def left_of_payments():
    return dict(LeftAmount.objects.values_list("payment_id", "amount"))


def test_rows_of_one_statement_are_each_counted(biller, chart, bill):
    invoice, other = bill("100.00"), bill("30.00")
    taken = payments.take(by=biller, patient_id=chart.pk, amount=Decimal("50.00"), method="cash")
    common = {"practice_id": chart.practice_id, "author": biller}
    Allocation.objects.bulk_create(
        Allocation(payment=taken, invoice=one, amount=amount, **common)
        for one, amount in ((invoice, 1_000), (other, 200), (invoice, 500))
    )
    common |= {"kind": "write_off", "patient": chart, "currency": "USD", "booked_on": invoice.issued_on}
    LedgerEntry.objects.bulk_create(LedgerEntry(invoice=invoice, amount=amount, **common) for amount in (-70, -30))

    assert kept() == {invoice.pk: 10_000 - 1_600, other.pk: 2_800}
    assert {row.pk: row.open for row in Invoice.objects.with_sums()} == kept()
    assert set(Invoice.objects.unpaid()) == {invoice, other}


def test_line_stays_the_doctors_whose_visit_it_was_when_it_was_issued(biller, chart, visit, make_user):
    line = {"description": "Massage", "unit_price": Decimal("100.00"), "appointment_id": visit.pk}
    draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line])
    assert not IssuedLine.objects.exists()
    day = invoices.issue(by=biller, invoice_id=draft.pk).issued_on
    first = visit.doctor_id
    Appointment.objects.filter(pk=visit.pk).update(doctor=make_user("doctor", name="Dr. Second"))

    (row,) = figures.revenue(day, day, "doctor")
    assert (row.key, row.name, row.invoiced) == (first, "Dr. First", 10_000)
    assert [one.line_id for one in figures.lines(day, day, doctor=first)] == [draft.lines.get().pk]
    with pytest.raises(IntegrityError), transaction.atomic():
        IssuedLine.objects.update(total=1)


def test_filling_says_what_the_triggers_said(practice, biller, chart, bill, visit):
    line = {"description": "Massage", "unit_price": Decimal("80.00"), "appointment_id": visit.pk}
    draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line])
    invoices.issue(by=biller, invoice_id=draft.pk)
    invoice, credited = bill("100.00"), bill("30.00")
    towards = [{"invoice_id": invoice.pk, "amount": Decimal("40.00")}]
    taken = payments.take(by=biller, patient_id=chart.pk, amount=Decimal("60.00"), method="cash", allocations=towards)
    refunded = payments.take(by=biller, patient_id=chart.pk, amount=Decimal("6.00"), method="cash")
    payments.refund(by=biller, payment_id=refunded.pk, amount=Decimal("1.00"), reason="Too much")
    invoices.write_off(by=biller, invoice_id=invoice.pk, reason="Goodwill", amount=Decimal("5.00"))
    invoices.credit(by=biller, invoice_id=credited.pk, reason="Wrong")
    right, left = kept(), left_of_payments()
    assert left == {taken.pk: 2_000, refunded.pk: 500}
    assert right == {draft.pk: 8_000, invoice.pk: 5_500, credited.pk: 0}
    OpenAmount.objects.filter(invoice=invoice).update(amount=1)
    OpenAmount.objects.exclude(invoice=invoice).delete()

    LeftAmount.objects.filter(payment=taken).update(amount=1)
    LeftAmount.objects.exclude(payment=taken).delete()

    for again in (fill, fill_left):
        again(apps, SimpleNamespace(connection=connection))

    assert kept() == right
    assert left_of_payments() == left
    lines = InvoiceLine.objects.exclude(invoice__issued_at=None).select_related("appointment", "invoice")
    assert {
        (row.line_id, row.kind, row.issued_on, row.doctor_id, row.service_id, row.total)
        for row in IssuedLine.objects.all()
    } == {
        (
            *(one.pk, one.invoice.kind, one.invoice.issued_on),
            *(one.appointment and one.appointment.doctor_id, one.service_id, one.total),
        )
        for one in lines
    }


def test_filling_says_who_pays_as_issuing_did(practice, biller, chart, bill):
    line = {"description": "Massage", "unit_price": Decimal("10.00")}
    payers = ("Aetna", " AETNA ", "Cigna")
    drafts = [invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line], payer_name=one) for one in payers]
    insured = [invoices.issue(by=biller, invoice_id=draft.pk).pk for draft in drafts]
    own = bill().pk

    def who():
        return dict(OpenAmount.objects.values_list("invoice_id", "payer"))

    before = who()
    assert before[insured[0]] == before[insured[1]] != before[insured[2]] and before[own] is None
    OpenAmount.objects.update(payer=None)
    fill_payers(apps, SimpleNamespace(connection=connection))
    assert who() == before
    OpenAmount.objects.filter(invoice=insured[2]).update(payer=None)  # by the release before, while it was replaced
    find_payers()
    assert who() == before


def triggers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        return set(cursor.fetchall())


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_migration_that_builds_tables_anew_on_sqlite_leaves_the_triggers(practice, make_user, subtests):
    before = triggers()
    state = MigrationExecutor(connection).loader.project_state()
    for app, model in (("billing", "OpenAmount"), ("billing", "LedgerEntry"), ("appointments", "Appointment")):
        with subtests.test(model):
            adding = migrations.AddField(model, "is_probe", models.BooleanField(default=False))
            after = state.clone()
            adding.state_forwards(app, after)
            with connection.schema_editor() as editor:
                adding.database_forwards(app, editor, state, after)
            try:
                assert triggers() == before and len(before) > 10
            finally:
                with connection.schema_editor() as editor:
                    adding.database_backwards(app, editor, after, state)
            assert triggers() == before
    with practice_scope(practice.pk):
        biller, chart = make_user("billing"), PatientFactory()
        line = {"description": "Massage", "unit_price": Decimal("10.00")}
        draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line])
        invoices.issue(by=biller, invoice_id=draft.pk)
        assert kept() == {draft.pk: 1_000}
        with pytest.raises(IntegrityError), transaction.atomic():
            LedgerEntry.objects.update(amount=1)
