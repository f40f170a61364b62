"""Two desks write, issue, pay, allocate, refund, credit and write off in any order, and a provider tells of what was
paid on its pages late, twice and in any order. A plain model of the account says what must come out: the balance is the
sum of the ledger, nothing is negative that may not be, and what was issued stays as it was."""

from decimal import Decimal
from itertools import cycle

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.accounts.services import account_of
from billing.invoices import services as invoices
from billing.invoices.serializers import InvoiceShape
from billing.models import Invoice, LedgerEntry, LeftAmount, OpenAmount
from billing.online import services as online
from billing.payments import services as payments
from core.errors import Refusal
from integrations.payments import CheckoutSession, Event
from patients.tests.factories import PatientFactory
from tests.sampling import examples

cents = st.integers(1, 30_000)
picks = st.integers(0, 50)
rates = st.sampled_from(["0", "7.7", "19"])
FROZEN = ("number", "total", "net", "tax", "lines", "issuedOn", "dueOn", "patientName", "payerName", "version")


def money(minor):
    return Decimal(minor).scaleb(-2)


class Account(RuleBasedStateMachine):
    desks = None  # set by the test

    @initialize()
    def open(self):
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.desk = cycle(self.desks)
        self.chart = PatientFactory()
        self.drafts, self.open_of, self.totals, self.shown = [], {}, {}, {}
        self.left, self.refundable, self.towards = {}, {}, {}  # by payment; towards: (payment, invoice) -> amount
        self.off, self.balance, self.numbers = {}, 0, []
        self.pages = {}  # of the provider, also those that were closed

    def teardown(self):
        if hasattr(self, "savepoint"):
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def one_of(self, things, pick):
        things = list(things)
        return things[pick % len(things)]

    def refuses(self, call, **values):
        with pytest.raises(Refusal), transaction.atomic():
            call(by=next(self.desk), **values)

    @rule(price=cents, quantity=st.sampled_from(["1", "0.3333", "3"]), rate=rates, included=st.booleans())
    def write(self, price, quantity, rate, included):
        line = {"description": "Massage", "unit_price": money(price), "quantity": Decimal(quantity)}
        line |= {"tax_rate": Decimal(rate), "tax_included": included}
        self.drafts.append(invoices.write_draft(by=next(self.desk), patient_id=self.chart.pk, lines=[line]).pk)

    @precondition(lambda self: self.drafts)
    @rule(pick=picks)
    def issue(self, pick):
        pk = self.drafts.pop(pick % len(self.drafts))
        issued = invoices.issue(by=next(self.desk), invoice_id=pk)
        self.refuses(invoices.issue, invoice_id=pk)
        self.open_of[pk] = self.totals[pk] = issued.total
        self.shown[pk] = InvoiceShape.to_dict(issued)
        self.off[pk] = 0
        self.balance += issued.total
        self.numbers.append(issued.sequence)

    @rule(amount=cents, part=st.integers(0, 100), pick=picks)
    def pay(self, amount, part, pick):
        allocations, target, minor = [], None, 0
        if self.open_of:
            target = self.one_of(self.open_of, pick)
            minor = min(amount * part // 100, self.open_of[target])
            allocations = [{"invoice_id": target, "amount": money(minor)}] if minor else []
        taken = payments.take(
            by=next(self.desk),
            patient_id=self.chart.pk,
            amount=money(amount),
            method="cash",
            allocations=allocations,
        )
        self.left[taken.pk], self.refundable[taken.pk] = amount - minor, amount
        self.towards[taken.pk] = {}
        if minor:
            self._put(taken.pk, target, minor)
        self.balance -= amount

    def _put(self, payment, invoice, amount):
        towards = self.towards[payment]
        towards[invoice] = towards.pop(invoice, 0) + amount
        self.open_of[invoice] -= amount

    @precondition(lambda self: self.left and self.open_of)
    @rule(pick=picks, other=picks, amount=cents)
    def allocate(self, pick, other, amount):
        payment, invoice = self.one_of(self.left, pick), self.one_of(self.open_of, other)
        towards = {"payment_id": payment, "allocations": [{"invoice_id": invoice, "amount": money(amount)}]}
        if amount > min(self.left[payment], self.open_of[invoice]):
            self.refuses(payments.allocate, **towards)
            return
        payments.allocate(by=next(self.desk), **towards)
        self.left[payment] -= amount
        self._put(payment, invoice, amount)

    @precondition(lambda self: self.refundable)
    @rule(pick=picks, amount=cents, is_forgiven=st.booleans())
    def refund(self, pick, amount, is_forgiven):
        payment = self.one_of(self.refundable, pick)
        values = {"payment_id": payment, "amount": money(amount), "reason": "Asked for", "write_off": is_forgiven}
        if amount > self.refundable[payment]:
            self.refuses(payments.refund, **values)
            return
        payments.refund(by=next(self.desk), **values)
        self.refundable[payment] -= amount
        missing = amount - self.left[payment]
        self.left[payment] = max(-missing, 0)
        for invoice, put in reversed(list(self.towards[payment].items())):
            taken = min(max(missing, 0), put)
            self.towards[payment][invoice] -= taken
            if is_forgiven:
                self.off[invoice] += taken
                self.balance -= taken
            elif invoice in self.open_of:
                self.open_of[invoice] += taken
            missing -= taken
        self.towards[payment] = {pk: put for pk, put in self.towards[payment].items() if put}
        self.balance += amount

    @precondition(lambda self: self.open_of)
    @rule(pick=picks)
    def use_credit(self, pick):
        invoice = self.one_of(self.open_of, pick)
        if not (sum(self.left.values()) and self.open_of[invoice]):
            self.refuses(payments.use_credit, invoice_id=invoice)
            return
        payments.use_credit(by=next(self.desk), invoice_id=invoice)
        for payment in sorted(self.left):  # the oldest first; what was paid online is as old as its page
            part = min(self.left[payment], self.open_of[invoice])
            if part:
                self.left[payment] -= part
                self._put(payment, invoice, part)

    @precondition(lambda self: self.open_of)
    @rule(pick=picks)
    def credit(self, pick):
        invoice = self.one_of(self.open_of, pick)
        invoices.credit(by=next(self.desk), invoice_id=invoice, reason="Wrong")
        self.refuses(invoices.credit, invoice_id=invoice, reason="Twice")
        self.balance += self.off[invoice] - self.totals[invoice]
        del self.open_of[invoice]
        for payment, towards in self.towards.items():
            self.left[payment] += towards.pop(invoice, 0)

    @precondition(lambda self: self.open_of)
    @rule(pick=picks, amount=cents)
    def write_off(self, pick, amount):
        invoice = self.one_of(self.open_of, pick)
        values = {"invoice_id": invoice, "amount": money(amount), "reason": "Goodwill"}
        if amount > self.open_of[invoice]:
            self.refuses(invoices.write_off, **values)
            return
        invoices.write_off(by=next(self.desk), **values)
        self.off[invoice] += amount
        self.open_of[invoice] -= amount
        self.balance -= amount

    @precondition(lambda self: any(self.open_of.values()))
    @rule(pick=picks)
    def ask_for_page(self, pick):
        invoice = self.one_of([pk for pk, amount in self.open_of.items() if amount], pick)
        page = online.pay_link(by=next(self.desk), invoice_id=invoice)
        assert page.amount == self.open_of[invoice]
        self.pages[page.pk] = page

    @precondition(lambda self: self.pages)
    @rule(pick=picks, number=st.integers(0, 2), is_paid=st.booleans())
    def be_told(self, pick, number, is_paid):
        page = self.one_of(self.pages.values(), pick)
        ours = {"key": str(page.pk), "practice": str(page.practice_id)}
        said = {"amount": page.amount, "currency": page.currency, "is_paid": is_paid, "is_over": not is_paid}
        event = Event(
            f"{page.pk} {is_paid} {number}", is_live=False, session=CheckoutSession(page.session, **ours, **said)
        )
        online.take_event(event)
        if not is_paid or page.pk in self.left:
            return
        put = min(page.amount, self.open_of.get(page.invoice_id, 0))
        self.left[page.pk], self.refundable[page.pk] = page.amount - put, page.amount
        self.towards[page.pk] = {}
        if put:
            self._put(page.pk, page.invoice_id, put)
        self.balance -= page.amount

    @invariant()
    def account_is_as_the_model_says(self):
        if not hasattr(self, "chart"):
            return
        account = account_of(by=self.desks[0], patient_id=self.chart.pk)
        assert account.balance == self.balance == LedgerEntry.objects.filter(patient=self.chart).sum()
        assert sum(account.ages.values()) == sum(self.open_of.values())
        assert account.credit == sum(self.left.values())
        found = Invoice.objects.filter(patient=self.chart, kind="invoice").exclude(issued_at=None).with_sums()
        assert {row.pk: row.open for row in found if row.pk in self.open_of} == self.open_of
        assert dict(OpenAmount.objects.values_list("invoice_id", "amount")) == {row.pk: row.open for row in found}
        assert all(row.open >= 0 and row.paid >= 0 and row.off <= 0 for row in found)
        assert {
            row.pk: (row.left, row.refundable)
            for row in payments.readable_payments(self.desks[0]).filter(patient=self.chart)
        } == {pk: (self.left[pk], self.refundable[pk]) for pk in self.left}
        assert dict(LeftAmount.objects.values_list("payment_id", "amount")) == self.left
        assert sorted(self.numbers) == list(range(1, len(self.numbers) + 1))

    @invariant()
    def what_was_issued_stays_as_it_was(self):
        for pk, before in getattr(self, "shown", {}).items():
            now = InvoiceShape.to_dict(invoices.get_invoice(by=self.desks[0], invoice_id=pk))
            assert {name: now[name] for name in FROZEN} == {name: before[name] for name in FROZEN}


def test_account_of_two_desks(scope, make_user):
    Account.desks = [make_user("billing"), make_user("admin")]
    run_state_machine_as_test(
        Account,
        settings=settings(max_examples=examples(100, 4), stateful_step_count=examples(40, 12), deadline=None),
    )
