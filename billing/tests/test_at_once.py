"""Many desks at once, each with a connection of its own."""

from collections import Counter
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection

from appointments.tests.test_double_booking import at_once
from billing.accounts.services import balance_of
from billing.claims import services as claims
from billing.invoices import services as invoices
from billing.models import Invoice, LedgerEntry, OpenAmount
from billing.payments import services as payments
from core.errors import Refusal
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]  # many threads
LINE = {"description": "Massage", "unit_price": Decimal("100.00")}


@pytest.fixture
def biller(transactional_db, make_user, monkeypatch):
    monkeypatch.setattr("core.tenancy.postgresql.base.WAIT_SECONDS", 240)  # as in test_double_booking.py
    return make_user("billing")


def test_parallel_issues_are_numbered_without_a_gap(practice, biller):
    callers = 50 if connection.vendor == "postgresql" else 8
    with practice_scope(practice.pk):
        charts = PatientFactory.create_batch(5)
        drafts = [
            invoices.write_draft(by=biller, patient_id=charts[number % 5].pk, lines=[LINE]) for number in range(callers)
        ]

    def call(number):
        with practice_scope(practice.pk):
            return invoices.issue(by=biller, invoice_id=drafts[number].pk).sequence

    assert sorted(at_once(callers, call)) == list(range(1, callers + 1))
    with practice_scope(practice.pk):
        assert Invoice.objects.exclude(issued_at=None).count() == LedgerEntry.objects.count() == callers


def test_first_identifiers_saved_by_many_are_one_row(practice, biller):
    callers = 8
    ready = Barrier(callers)

    def call(number):
        with practice_scope(practice.pk):
            claims.identity_of(None)  # so that each has a connection
            ready.wait(timeout=60)
            return claims.set_identity(by=biller, doctor_id=None, npi="1234567893").pk

    assert len(set(at_once(callers, call))) == 1


def test_parallel_refunds_give_back_exactly_what_is_left(practice, biller):
    callers = 20 if connection.vendor == "postgresql" else 8
    with practice_scope(practice.pk):
        chart = PatientFactory()
        invoice = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[LINE])
        invoices.issue(by=biller, invoice_id=invoice.pk)
        towards = [{"invoice_id": invoice.pk, "amount": Decimal("90.00")}]
        taken = payments.take(
            by=biller, patient_id=chart.pk, amount=Decimal("100.00"), method="card", allocations=towards
        )

    def call(number):
        with practice_scope(practice.pk):
            try:
                payments.refund(by=biller, payment_id=taken.pk, amount=Decimal("30.00"), reason="Asked for")
            except Refusal as refusal:
                return refusal.status
            return 200

    assert Counter(at_once(callers, call)) == {200: 3, 400: callers - 3}
    with practice_scope(practice.pk):
        found = payments.get_payment(by=biller, payment_id=taken.pk)
        assert (found.refunded, found.left, found.allocated) == (9_000, 0, 1_000)
        assert balance_of(chart) == OpenAmount.objects.get().amount == 9_000


def test_parallel_payments_never_pay_more_than_is_open(practice, biller):
    callers = 20 if connection.vendor == "postgresql" else 8
    with practice_scope(practice.pk):
        chart = PatientFactory()
        draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[LINE])
        invoice = invoices.issue(by=biller, invoice_id=draft.pk)
    towards = [{"invoice_id": invoice.pk, "amount": Decimal("40.00")}]

    def call(number):
        with practice_scope(practice.pk):
            try:
                payments.take(
                    by=biller, patient_id=chart.pk, amount=Decimal("40.00"), method="cash", allocations=towards
                )
            except Refusal as refusal:
                return refusal.status
            return 200

    assert Counter(at_once(callers, call)) == {200: 2, 400: callers - 2}
    with practice_scope(practice.pk):
        assert invoices.get_invoice(by=biller, invoice_id=invoice.pk).open == balance_of(chart) == 2_000
        assert OpenAmount.objects.get().amount == 2_000
