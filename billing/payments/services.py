"""Payments: taking them, putting them towards invoices, refunding them."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context, log
from audit.events import AuditEvent
from billing import ledger
from billing.models import Allocation, EntryKind, Invoice, LedgerEntry, OnlineRefund, PaymentMethod
from billing.money import to_minor, to_text
from billing.paying_back import check_pending_refund, pay_back, reserve, was_made
from core.database.chosen_ids import ID_TAKEN
from core.errors import Conflict, Invalid
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.services import current_practice

NOBODYS = UUID(int=0)
NOT_NOTHING = _("Enter an amount above zero.")
NOT_TO_COME = _("This day is still to come. Enter today or an earlier one.")
MORE_THAN_LEFT = _("Only %(left)s of this payment is left.")
MORE_THAN_OPEN = _("Only %(open)s of invoice %(number)s is open.")
TWICE = _("Name each invoice once.")
OF_ANOTHER = _("This invoice is another patient's.")
OTHER_CURRENCY = _("This invoice is in another currency.")
NO_CREDIT = _("Nothing is owed on this invoice, or the account has no credit.")
NOTHING_LEFT = _("This payment was refunded as a whole.")
TAKEN_ALREADY = _("A payment of %(amount)s was taken with this page already. Open the account to take another one.")
REFUNDED_ALREADY = _("%(amount)s was refunded with this page already. Check below what is left of the payment.")
ANSWER_WAS_LOST = _("Made at the payment provider, whose answer was lost")


def readable_payments(by: User) -> QuerySet[LedgerEntry]:
    """Return the payments that this person may read, those of closed charts too, with all that is shown of one."""
    payments: QuerySet[LedgerEntry] = (
        LedgerEntry.objects.readable_by(by)
        .payments()
        .with_sums()
        .select_related("patient")
        .prefetch_related(
            Prefetch("allocations", Allocation.objects.order_by("id").select_related("invoice")),
            Prefetch("refunds", LedgerEntry.objects.order_by("id")),
        )
    )
    return payments


def get_payment(*, by: User, payment_id: UUID) -> LedgerEntry:
    """Raises NotFound and ChartRestricted."""
    payment: LedgerEntry = readable_payments(by).get_or_refuse(pk=payment_id)  # type: ignore[attr-defined]
    check_access(by, payment.patient)
    return payment


@transaction.atomic
def take(
    *,
    by: User,
    patient_id: UUID,
    amount: Decimal,
    method: str,
    allocations: Sequence[Mapping[str, Any]] = (),
    received_on: date | None = None,
    reference: str = "",
    payment_id: UUID | None = None,
) -> LedgerEntry:
    """Take a payment and put it towards invoices; what is left stays the patient's credit. A page sends the id that the
    payment shall have: sent twice, it is taken once. Raises NotFound for an unknown patient or invoice,
    ChartRestricted, Invalid, and Conflict for an invoice that is not to be paid or an id of another payment."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    practice = current_practice()
    if received_on and received_on > practice.today():
        raise Invalid("receivedOn", NOT_TO_COME)
    minor = _positive(amount, practice.currency)
    if payment_id and (there := LedgerEntry.objects.filter(pk=payment_id).first()):
        payment = get_payment(by=by, payment_id=there.pk if there.patient_id == chart.pk else NOBODYS)
        if (-payment.amount, payment.method, payment.reference) != (minor, method, reference):
            raise Conflict(TAKEN_ALREADY % {"amount": to_text(-payment.amount, payment.currency)})
        return payment
    with context.done_by(by):
        payment = ledger.enter(
            by=by,
            kind=EntryKind.PAYMENT,
            amount=-minor,
            patient=chart,
            currency=practice.currency,
            method=method,
            reference=reference,
            booked_on=received_on or practice.today(),
            **({"pk": payment_id} if payment_id else {}),
        )
        payment.allocated = payment.refunded = 0
        _allocate(payment, allocations, by=by)
        log.record_about(AuditEvent.PAYMENT_TAKEN, payment)
    return get_payment(by=by, payment_id=payment.pk)


@transaction.atomic
def allocate(*, by: User, payment_id: UUID, allocations: Sequence[Mapping[str, Any]]) -> LedgerEntry:
    """Put what is left of a payment towards invoices. Raises what `take` raises."""
    payment = ledger.lock_payment(by, payment_id)
    check_pending_refund(payment)
    with context.done_by(by):
        _allocate(payment, allocations, by=by)
        log.record_about(AuditEvent.PAYMENT_ALLOCATED, payment)
    return get_payment(by=by, payment_id=payment_id)


def refund(
    *,
    by: User,
    payment_id: UUID,
    amount: Decimal,
    reason: str,
    method: str = "",
    write_off: bool = False,
    refund_id: UUID | None = None,
) -> LedgerEntry:
    """Give back a payment or a part of it: first what is not put towards an invoice, then what was put last. What of
    an invoice is open again by that is owed, or with `write_off` written off. Returns the payment. Raises NotFound,
    ChartRestricted, Invalid for more than what is left of it, Conflict if nothing is, and Unavailable.

    To a card it takes three steps, so that nothing is locked while the provider is asked."""
    with transaction.atomic():
        payment = ledger.lock_payment(by, payment_id)
        if refund_id and (there := LedgerEntry.objects.filter(pk=refund_id).first()):
            _check_same(there, payment, amount)
            return get_payment(by=by, payment_id=payment_id)
        if not payment.refundable:
            raise Conflict(NOTHING_LEFT)
        minor = _positive(amount, payment.currency)
        if minor > payment.refundable:
            raise Invalid("amount", MORE_THAN_LEFT % {"left": to_text(payment.refundable, payment.currency)})
        how: dict[str, Any] = {
            "by": by,
            "method": method or payment.method,
            "reason": reason,
            "write_off": write_off,
        }
        if how["method"] != PaymentMethod.STRIPE:
            check_pending_refund(payment)
            _refund(payment, minor, pk=refund_id, **how)
            return get_payment(by=by, payment_id=payment_id)
        asked = reserve(payment, minor, by=by, refund_id=refund_id)
    pay_back(asked)
    _enter_refund(asked, **how)
    return get_payment(by=by, payment_id=payment_id)


def settle(asked: OnlineRefund) -> bool:
    """Enter a refund that was not answered if the provider has made it, and forget it if not. Returns whether it was
    made. Raises PaymentsFailed."""
    if is_made := was_made(asked):
        reason = str(ANSWER_WAS_LOST)
        _enter_refund(asked, by=asked.made_by, method=PaymentMethod.STRIPE, reason=reason, write_off=False)
    else:
        OnlineRefund.objects.filter(pk=asked.pk, updated_at=asked.updated_at).delete()
    return is_made


@transaction.atomic
def _enter_refund(asked: OnlineRefund, *, by: User, **how: Any) -> None:
    """Enter what the provider has done."""
    payment = ledger.lock_payment(by, asked.payment_id, is_done=True)
    if not LedgerEntry.objects.filter(pk=asked.pk).exists():  # another desk may have asked again
        _refund(payment, asked.amount, by=by, pk=asked.pk, **how)
    OnlineRefund.objects.filter(pk=asked.pk).delete()


def _refund(
    payment: LedgerEntry, minor: int, *, by: User, method: str, reason: str, write_off: bool, pk: UUID | None
) -> None:
    common = {"patient": payment.patient, "currency": payment.currency, "reason": reason}
    with context.done_by(by):
        for invoice, taken in _take_back(payment, minor - payment.left, by=by):
            if write_off:
                ledger.enter(by=by, kind=EntryKind.WRITE_OFF, amount=-taken, invoice=invoice, **common)
        ledger.enter(
            by=by,
            kind=EntryKind.REFUND,
            amount=minor,
            payment=payment,
            method=method,
            **common,
            **({"pk": pk} if pk else {}),
        )
        log.record_about(AuditEvent.PAYMENT_REFUNDED, payment)


@transaction.atomic
def use_credit(*, by: User, invoice_id: UUID) -> int:
    """Put the patient's credit towards this invoice, the oldest payment first. Returns how much, in minor units. Raises
    NotFound, ChartRestricted, and Conflict if nothing is open of it or there is no credit."""
    invoice = ledger.lock_invoice(by, invoice_id)
    ledger.check_open(invoice)
    missing = invoice.open
    with context.done_by(by):
        theirs = LedgerEntry.objects.filter(patient=invoice.patient, currency=invoice.currency).with_credit()
        for payment in theirs.with_sums().order_by("booked_on", "pk"):
            part = min(payment.left, missing)
            if part > 0:
                ledger.put_towards(by=by, payment=payment, invoice=invoice, amount=part)
                log.record_about(AuditEvent.PAYMENT_ALLOCATED, payment)
            missing -= part
    if missing == invoice.open:
        raise Conflict(NO_CREDIT)
    return invoice.open - missing


@transaction.atomic
def receive_online(*, by: User, invoice_id: UUID, minor: int, payment_id: UUID) -> LedgerEntry:
    """Enter what came in through the provider of online payments, for the one who made the link. It has been paid, so
    it is taken whatever the invoice says by now: what it does not need stays the patient's credit. The chart is locked
    by the caller."""
    invoice = Invoice.objects.with_sums().select_related("patient").get(pk=invoice_id)
    payment = ledger.enter(
        by=by,
        kind=EntryKind.PAYMENT,
        amount=-minor,
        patient=invoice.patient,
        currency=invoice.currency,
        method=PaymentMethod.STRIPE,
        pk=payment_id,
    )
    ledger.put_towards(by=by, payment=payment, invoice=invoice, amount=max(0, min(minor, invoice.open)))
    log.record_about(AuditEvent.PAYMENT_TAKEN, payment)
    return payment


def _check_same(there: LedgerEntry, payment: LedgerEntry, amount: Decimal) -> None:
    """Raise Conflict unless this entry is the refund of so much of the payment."""
    if there.payment_id != payment.pk:
        raise Conflict(ID_TAKEN)
    if there.amount != _positive(amount, payment.currency):
        raise Conflict(REFUNDED_ALREADY % {"amount": to_text(there.amount, payment.currency)})


def _positive(amount: Decimal, currency: str) -> int:
    minor = to_minor(amount, currency, field="amount")
    if minor <= 0:
        raise Invalid("amount", NOT_NOTHING)
    return minor


def _allocate(payment: LedgerEntry, allocations: Sequence[Mapping[str, Any]], *, by: User) -> None:
    """Put the payment towards these invoices. Its chart is locked."""
    if len({one["invoice_id"] for one in allocations}) < len(allocations):
        raise Invalid("allocations", TWICE)
    left = payment.left
    for one in allocations:
        known = Invoice.objects.readable_by(by).only("patient_id").get_or_refuse(pk=one["invoice_id"])
        if known.patient_id != payment.patient_id:
            raise Invalid("allocations", OF_ANOTHER)
        invoice = ledger.lock_invoice(by, known.pk)
        if invoice.currency != payment.currency:
            raise Invalid("allocations", OTHER_CURRENCY)
        ledger.check_open(invoice)
        amount = to_minor(one["amount"], payment.currency, field="allocations")
        if amount <= 0:
            raise Invalid("allocations", NOT_NOTHING)
        if amount > left:
            raise Invalid("allocations", MORE_THAN_LEFT % {"left": to_text(left, payment.currency)})
        if amount > invoice.open:
            shown = {"open": to_text(invoice.open, invoice.currency), "number": invoice.number}
            raise Invalid("allocations", MORE_THAN_OPEN % shown)
        ledger.put_towards(by=by, payment=payment, invoice=invoice, amount=amount)
        left -= amount


def _take_back(payment: LedgerEntry, missing: int, *, by: User) -> list[tuple[Invoice, int]]:
    """Take back so much of what was put towards invoices, beginning with the last. Return of which how much."""
    towards: dict[UUID, int] = {}
    for invoice_id, amount in payment.allocations.order_by("id").values_list("invoice_id", "amount"):
        towards[invoice_id] = towards.pop(invoice_id, 0) + amount
    invoices, opened = Invoice.objects.in_bulk(towards), []
    for invoice_id, amount in reversed(towards.items()):
        taken = min(max(missing, 0), amount)
        if taken:
            ledger.put_towards(by=by, payment=payment, invoice=invoices[invoice_id], amount=-taken)
            opened.append((invoices[invoice_id], taken))
        missing -= taken
    return opened
