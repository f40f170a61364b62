"""Entering movements into the ledger, and the locks around them. No rule about who may or how much is here."""

from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models import Allocation, DocumentKind, EntryKind, Invoice, LedgerEntry
from core.database.chosen_ids import chosen_id
from core.database.locks import take_lock
from core.errors import Conflict
from core.tenancy.scope import current_practice_id
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.services import current_practice

IS_DRAFT = _("This invoice is still a draft. Issue it first.")
IS_CREDITED = _("This invoice was credited, so nothing is open on it. Choose another one.")
IS_CREDIT_NOTE = _("This is a credit note. Choose the invoice instead.")


def lock_invoice(by: User, invoice_id: UUID) -> Invoice:
    """Return the invoice with its sums, locked after its chart, which is what every movement of an account locks first.
    Raises NotFound and ChartRestricted."""
    known = Invoice.objects.readable_by(by).only("patient_id").get_or_refuse(pk=invoice_id)
    chart = check_access(by, lock_chart(by=by, patient_id=known.patient_id))
    Invoice.objects.select_for_update(of=("self",)).only("pk").get_or_refuse(pk=invoice_id)
    invoice: Invoice = Invoice.objects.with_sums().get_or_refuse(pk=invoice_id)
    invoice.patient = chart
    return invoice


def lock_payment(by: User, payment_id: UUID, *, is_done: bool = False) -> LedgerEntry:
    """Return the payment with its sums, locked after its chart. Raises NotFound and ChartRestricted, but not for what
    is done already and has to be written down."""
    if is_done:
        known = LedgerEntry.objects.only("patient_id").get(pk=payment_id)
        chart = Patient.with_deleted.select_for_update(of=("self",), no_key=True).get(pk=known.patient_id)
    else:
        known = LedgerEntry.objects.readable_by(by).payments().only("patient_id").get_or_refuse(pk=payment_id)
        chart = check_access(by, lock_chart(by=by, patient_id=known.patient_id))
    LedgerEntry.objects.select_for_update(of=("self",)).only("pk").get_or_refuse(pk=payment_id)
    payment: LedgerEntry = LedgerEntry.objects.with_sums().get_or_refuse(pk=payment_id)
    payment.patient = chart
    return payment


def check_open(invoice: Invoice) -> None:
    """Raise Conflict unless this is an issued invoice that was not credited."""
    if invoice.is_draft:
        raise Conflict(IS_DRAFT)
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        raise Conflict(IS_CREDIT_NOTE)
    if invoice.is_credited:
        raise Conflict(IS_CREDITED)


def enter(*, by: User, kind: EntryKind, amount: int, **fields: Any) -> LedgerEntry:
    """Add a movement to the account of `patient`; today, unless `booked_on` says otherwise. Raises Conflict if its `pk`
    is another entry's, of whatever practice."""
    fields.setdefault("booked_on", current_practice().today())
    with chosen_id(fields.get("pk")):
        entry: LedgerEntry = LedgerEntry.objects.create(author=by, kind=kind, amount=amount, **fields)
    return entry


def put_towards(*, by: User, payment: LedgerEntry, invoice: Invoice, amount: int) -> None:
    """Let so much of the payment pay the invoice; a negative amount takes it back."""
    if amount:
        Allocation.objects.create(author=by, payment=payment, invoice=invoice, amount=amount)


def next_number(kind: DocumentKind, year: int) -> int:
    """Return the next number of the practice's invoices or credit notes of the year. Until the transaction ends nobody
    else gets one, so none is ever left out."""
    take_lock(f"billing.number:{current_practice_id()}:{kind}:{year}")
    issued = Invoice.objects.filter(kind=kind, year=year).aggregate(last=Max("sequence"))
    return int(issued["last"] or 0) + 1
