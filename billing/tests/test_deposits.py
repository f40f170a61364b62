"""Money that is taken before there is an invoice: a deposit, which pays one later or is given back. And what a refund
leaves of an invoice."""

from decimal import Decimal

import pytest
from django.urls import reverse
from uuid_utils.compat import uuid7

from billing import ledger
from billing.accounts.services import account_of
from billing.invoices import services as invoices
from billing.models import EntryKind, LedgerEntry
from billing.payments import services as payments
from core.errors import Conflict, Invalid, NotFound
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


@pytest.fixture
def deposit(biller, chart):
    def take(amount, **fields):
        return payments.take(by=biller, patient_id=chart.pk, amount=Decimal(amount), method="cash", **fields)

    return take


def test_deposit_is_taken_used_for_a_later_invoice_and_the_rest_given_back(enter_as, chart, biller, bill, subtests):
    desk, account = enter_as("staff"), reverse("billing-account", args=[chart.pk])
    form = f"{reverse('billing-payment-new', args=[chart.pk])}?deposit=1"
    bill("10.00")  # open already, and not what the deposit is for
    assert form in desk.get(account).content.decode() and "Take a deposit" in desk.get(form).content.decode()
    sent = {"payment_id": uuid7(), "amount": "80.00", "method": "card", "as_credit": "on"}
    for _twice in range(2):
        assert desk.post(form, sent).status_code == 302
    taken = LedgerEntry.objects.payments().get()
    with subtests.test("it is the patient's credit"):
        found = account_of(by=biller, patient_id=chart.pk)
        assert (found.balance, found.credit) == (-7_000, 8_000)
    invoice = bill("50.00")
    page, use = (reverse(f"billing-{name}", args=[invoice.pk]) for name in ("invoice", "use-credit"))
    with subtests.test("it pays the invoice"):
        assert "Pay 50.00 USD with the credit" in desk.get(page).content.decode()
        assert desk.post(use).status_code == 302
        assert invoices.get_invoice(by=biller, invoice_id=invoice.pk).state == "paid"
        desk.get(page)  # says that it was done
        assert "with the credit" not in desk.get(page).content.decode()
        assert desk.post(use).status_code == 400
    with subtests.test("the rest is given back, and no more"):
        payments.refund(by=biller, payment_id=taken.pk, amount=Decimal("30.00"), reason="Not needed")
        assert account_of(by=biller, patient_id=chart.pk).credit == 0
        assert invoices.get_invoice(by=biller, invoice_id=invoice.pk).state == "paid"
    assert enter_as("doctor").post(use).status_code == 403


def test_credit_pays_the_oldest_first_and_only_one_patients(deposit, bill, biller, chart):
    first, second = deposit("30.00"), deposit("30.00")
    other = PatientFactory()
    payments.take(by=biller, patient_id=other.pk, amount=Decimal("500.00"), method="cash")
    invoice = bill("45.00")
    assert payments.use_credit(by=biller, invoice_id=invoice.pk) == 4_500
    assert [payments.get_payment(by=biller, payment_id=one.pk).left for one in (first, second)] == [0, 1_500]
    draft = bill(issue=False)
    for wrong in (draft, invoice):
        with pytest.raises(Conflict):
            payments.use_credit(by=biller, invoice_id=wrong.pk)


def test_refund_leaves_the_invoice_owed_or_written_off_as_somebody_says(
    deposit, bill, biller, chart, enter_as, subtests
):
    for name, amount, is_forgiven, state, still_open, off in (
        ("a part, owed again", "30.00", False, "partly_paid", 3_000, 0),
        ("all of it, owed again", "100.00", False, "issued", 10_000, 0),
        ("a part, not owed", "30.00", True, "paid", 0, 3_000),
        ("all of it, not owed", "100.00", True, "paid", 0, 10_000),
    ):
        with subtests.test(name):
            invoice = bill("100.00")
            paid = deposit("110.00", allocations=[{"invoice_id": invoice.pk, "amount": Decimal("100.00")}])
            more = Decimal(amount) + 10  # the credit goes first
            values = {"payment_id": paid.pk, "amount": more, "reason": "Half an hour less"}
            payments.refund(by=biller, write_off=is_forgiven, **values)
            found = invoices.get_invoice(by=biller, invoice_id=invoice.pk)
            assert (found.state, found.open, found.written_off) == (state, still_open, off)
    with subtests.test("the page asks"):
        invoice = bill("100.00")
        paid = deposit("100.00", allocations=[{"invoice_id": invoice.pk, "amount": Decimal("100.00")}])
        desk = enter_as("billing")
        assert 'name="write_off" checked' in desk.get(reverse("billing-payment", args=[paid.pk])).content.decode()
        sent = {"refund_id": uuid7(), "amount": "20.00", "reason": "Goodwill", "write_off": "on"}
        for _twice in range(2):
            assert desk.post(reverse("billing-refund", args=[paid.pk]), sent).status_code == 302
        found = invoices.get_invoice(by=biller, invoice_id=invoice.pk)
        assert (found.state, found.paid, found.written_off) == ("paid", 8_000, 2_000)
    with subtests.test("a refused form comes back as it was typed"):
        for url, typed, box in (
            (reverse("billing-refund", args=[paid.pk]), {"amount": "900.00", "reason": "Came late"}, "write_off"),
            (
                f"{reverse('billing-payment-new', args=[chart.pk])}?deposit=1",
                {"amount": "12.345", "reference": "Cheque 7", "method": "cheque"},
                "as_credit",
            ),
        ):
            bill("10.00")
            for is_ticked in (False, True):
                ids = {"refund_id": uuid7(), "payment_id": uuid7()}
                page = desk.post(url, {**typed, **ids, **({box: "on"} if is_ticked else {})})
                assert page.status_code == 400
                shown = page.content.decode()
                assert all(f'value="{text}"' in shown for text in typed.values())
                assert (f'name="{box}" checked' in shown) == is_ticked and f'name="{box}"' in shown


def test_credit_of_another_currency_pays_nothing(deposit, bill, biller, chart, enter_as):
    """A practice's currency can't be changed once there is money in it; an older installation may have two."""
    euros = {"patient": chart, "currency": "EUR", "method": "cash"}
    ledger.enter(by=biller, kind=EntryKind.PAYMENT, amount=-7_000, **euros)
    deposit("20.00")
    invoice = bill("50.00")
    page = enter_as("staff").get(reverse("billing-invoice", args=[invoice.pk])).content.decode()
    assert "Pay 20.00 USD with the credit" in page
    assert payments.use_credit(by=biller, invoice_id=invoice.pk) == 2_000


def test_refund_with_a_key_is_done_once_and_credits_after_it_take_the_write_off_back(deposit, bill, biller, client_of):
    invoice = bill("100.00")
    paid = deposit("100.00", allocations=[{"invoice_id": invoice.pk, "amount": Decimal("100.00")}])
    api, body = client_of(biller), {"amount": "40.00", "reason": "Goodwill", "writeOff": True}
    for _twice in range(2):
        answer = api.post(
            f"/api/payments/{paid.pk}/refund",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": "k1"},
        )
        assert answer.status_code == 200 and answer.json()["refunded"] == "40.00", answer.content
    invoices.credit(by=biller, invoice_id=invoice.pk, reason="Wrong")
    found = account_of(by=biller, patient_id=invoice.patient_id)
    assert (found.balance, found.credit) == (-6_000, 6_000)


def test_amounts_that_cannot_be(deposit, bill, biller, chart, other_practice, make_user, subtests):
    invoice, paid = bill("100.00"), deposit("100.00")
    for amount in ("0", "-5.00", "0.001", "99999999999999"):
        with subtests.test(amount=amount):
            with pytest.raises(Invalid):
                deposit(amount)
            with pytest.raises(Invalid):
                payments.refund(by=biller, payment_id=paid.pk, amount=Decimal(amount), reason="Wrong")
            with pytest.raises(Invalid):
                payments.allocate(
                    by=biller,
                    payment_id=paid.pk,
                    allocations=[{"invoice_id": invoice.pk, "amount": Decimal(amount)}],
                )
    with subtests.test("the same invoice twice in one payment"), pytest.raises(Invalid):
        deposit("10.00", allocations=[{"invoice_id": invoice.pk, "amount": Decimal("5.00")}] * 2)
    with practice_scope(other_practice.pk):
        stranger = make_user("billing", practice=other_practice)
        for call in (
            lambda: payments.use_credit(by=stranger, invoice_id=invoice.pk),
            lambda: payments.refund(by=stranger, payment_id=paid.pk, amount=Decimal(1), reason="Wrong"),
        ):
            with subtests.test("another practice's"), pytest.raises(NotFound):
                call()
