"""Invoices: drafts, issuing, credit notes, write-offs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from audit import context, log
from audit.events import AuditEvent
from billing import ledger
from billing.invoices import lines as written
from billing.invoices.serializers import InvoiceShape
from billing.models import Allocation, DocumentKind, EntryKind, Invoice, InvoiceLine, LedgerEntry, OpenAmount, Service
from billing.money import to_minor
from billing.rounding import Sums, summed
from core.encryption.blind_index import payer_fingerprint
from core.errors import CHANGED_MEANWHILE, Conflict, Invalid, StaleVersion
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.models import Practice
from practices.services import current_practice

COPIED = (
    *("currency", "net", "tax", "total", "patient_name", "patient_address", "payer_name", "payer_address"),
    "issuer",
)
PUT_BACK_WITHIN = timedelta(days=1)
TOO_LATE = _("This draft was deleted more than a day ago. Make a new invoice.")
VISIT_DELETED = _("A visit on this draft was deleted. Make a new invoice without it.")
NOT_A_DRAFT = _("This was issued and can't be changed any more. Credit it instead.")
NO_LINES = _("An invoice needs at least one line.")
DUE_BEFORE = _("Enter today or a later day.")
CREDITED_ALREADY = _("This invoice was credited already.")
NOTHING_OPEN = _("Nothing is owed on this invoice.")
MORE_THAN_OPEN = _("This is more than what is open of the invoice.")
NOT_NOTHING = _("Enter an amount above zero.")
PAYER_NAME = _("Enter the payer's name as well.")


def readable_invoices(by: User) -> QuerySet[Invoice]:
    """Return the invoices that this person may read, those of closed charts too, with all that is shown of one."""
    invoices: QuerySet[Invoice] = (
        Invoice.objects.readable_by(by)
        .with_sums()
        .select_related("patient", "credits", "credit_note")
        .prefetch_related("lines")
    )
    return invoices


def get_invoice(*, by: User, invoice_id: UUID) -> Invoice:
    """Raises NotFound and ChartRestricted."""
    invoice: Invoice = readable_invoices(by).get_or_refuse(pk=invoice_id)  # type: ignore[attr-defined]
    check_access(by, invoice.patient)
    return invoice


# --- Drafts -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def write_draft(
    *,
    by: User,
    patient_id: UUID,
    lines: Sequence[Mapping[str, Any]] = (),
    appointment_ids: Iterable[UUID] = (),
    **fields: Any,
) -> Invoice:
    """Write a draft: what the visits bring by their types, then these lines. Raises NotFound for an unknown patient,
    visit or service, ChartRestricted, Invalid, and Conflict for a visit that is on another invoice."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    _check_payer(fields.get("payer_name", ""), fields.get("payer_address", ""))
    invoice = Invoice(patient=chart, currency=current_practice().currency, created_by=by, **fields)
    with context.done_by(by):
        invoice.save()
        brought = written.lines_of_visits(invoice, appointment_ids)
        _write_lines(invoice, [*brought, *written.lines_from(invoice, lines)])
    return get_invoice(by=by, invoice_id=invoice.pk)


def propose(*, by: User, visit: Appointment, service: Service) -> Invoice:
    """Write a draft of this service for a visit, for somebody who did not ask for it themselves."""
    invoice = Invoice(patient_id=visit.patient_id, currency=current_practice().currency, created_by=by)
    line = {"service_id": service.pk, "appointment_id": visit.pk}
    invoice.save()
    _write_lines(invoice, written.lines_from(invoice, [line]))
    return invoice


@transaction.atomic
def change_draft(
    *,
    by: User,
    invoice_id: UUID,
    expected: int | None,
    lines: Sequence[Mapping[str, Any]] | None = None,
    **changes: Any,
) -> Invoice:
    """Change a draft. `lines` are all of its lines; of one with the id of a line that is there, what is not given
    stays. Raises what `write_draft` raises, StaleVersion, and Conflict if it was issued."""
    invoice = _lock_draft(by, invoice_id, expected)
    for name, value in changes.items():
        setattr(invoice, name, value)
    _check_payer(invoice.payer_name, invoice.payer_address)
    with context.done_by(by):
        if lines is None:
            invoice.version += 1
            invoice.save()
        else:
            there = {line.pk: line for line in invoice.lines.all()}
            _write_lines(invoice, written.lines_from(invoice, lines, there))
    return get_invoice(by=by, invoice_id=invoice_id)


@transaction.atomic
def remove_draft(*, by: User, invoice_id: UUID, expected: int | None = None) -> Invoice:
    """Remove a draft, and return what it was; it can be put back for a day. Raises NotFound, ChartRestricted,
    StaleVersion, and Conflict if it was issued."""
    invoice = _lock_draft(by, invoice_id, expected)
    invoice.removed_at = timezone.now()
    with context.done_by(by):
        invoice.save()
        log.record_about(AuditEvent.SOFT_DELETED, invoice)
    return invoice


@transaction.atomic
def put_back_draft(*, by: User, invoice_id: UUID) -> Invoice:
    """Take the removal back. Raises NotFound, ChartRestricted, and Conflict if one of its visits was billed or deleted
    since, or a day is over."""
    known = Invoice.with_removed.readable_by(by).only("patient_id").get_or_refuse(pk=invoice_id)
    check_access(by, lock_chart(by=by, patient_id=known.patient_id))
    draft: Invoice = Invoice.with_removed.select_for_update(of=("self",)).get_or_refuse(pk=invoice_id)
    if draft.removed_at is not None:
        if draft.removed_at < timezone.now() - PUT_BACK_WITHIN:
            raise Conflict(TOO_LATE)
        visits = [line.appointment_id for line in draft.lines.all() if line.appointment_id]
        if Appointment.with_deleted.filter(pk__in=visits).exclude(deletion=None).exists():
            raise Conflict(VISIT_DELETED)
        written.check_not_billed(visits)
        draft.removed_at = None
        with context.done_by(by):
            draft.save()
            log.record_about(AuditEvent.RESTORED, draft)
    return get_invoice(by=by, invoice_id=invoice_id)


def purge_removed_drafts() -> None:
    """Delete the practice's drafts that can't be put back any more."""
    late = Invoice.with_removed.filter(removed_at__lt=timezone.now() - PUT_BACK_WITHIN)
    for pk in list(late.values_list("pk", flat=True)):
        with transaction.atomic():
            if draft := late.select_for_update(of=("self",)).filter(pk=pk).first():  # unless it was put back meanwhile
                draft.delete()


def _lock_draft(by: User, invoice_id: UUID, expected: int | None) -> Invoice:
    invoice = ledger.lock_invoice(by, invoice_id)
    if not invoice.is_draft:
        raise Conflict(NOT_A_DRAFT)
    _check_version(invoice, expected, by=by)
    return invoice


def _check_version(invoice: Invoice, expected: int | None, *, by: User) -> None:
    if expected is not None and invoice.version != expected:
        current = InvoiceShape.to_dict(get_invoice(by=by, invoice_id=invoice.pk))
        raise StaleVersion(CHANGED_MEANWHILE, current=current)


def _check_payer(name: str, address: str) -> None:
    if address and not name:
        raise Invalid("payerName", PAYER_NAME)


def _write_lines(invoice: Invoice, lines: list[InvoiceLine]) -> None:
    """Let these be the invoice's lines, in this order, and sum them up."""
    kept = {line.pk for line in lines}
    old = list(invoice.lines.all())
    for line in old:
        if line.pk not in kept:
            line.delete()
    _free_positions([line for line in old if line.pk in kept], lines)
    for position, line in enumerate(lines, start=1):
        line.invoice, line.position = invoice, position
        line.save()
    sums = summed(Sums(line.net, line.tax, line.total) for line in lines)
    invoice.net, invoice.tax, invoice.total = sums
    invoice.version += 0 if invoice.version == 1 and not old else 1
    invoice.save()


def _free_positions(kept: list[InvoiceLine], lines: list[InvoiceLine]) -> None:
    """Move lines that change their places out of each other's way."""
    places = {line.pk: position for position, line in enumerate(lines, start=1)}
    for line in kept:
        if places[line.pk] != line.position:
            InvoiceLine.objects.filter(pk=line.pk).update(position=line.position + written.MOST_LINES + 1)


# --- Issuing ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def issue(*, by: User, invoice_id: UUID, expected: int | None = None, due_on: date | None = None) -> Invoice:
    """Issue a draft: it gets its number and never changes again. Raises NotFound, ChartRestricted, StaleVersion,
    Invalid for a due date before today, and Conflict if it was issued already or has no lines."""
    invoice = _lock_draft(by, invoice_id, expected)
    if not invoice.lines.exists():
        raise Conflict(NO_LINES)
    practice = current_practice()
    today = practice.today()
    due_on = due_on or invoice.due_on or today + timedelta(days=practice.payment_days)
    if due_on < today:
        raise Invalid("dueOn", DUE_BEFORE)
    chart = invoice.patient
    invoice.patient_name, invoice.patient_address = chart.name, chart.address
    invoice.payer_name = invoice.payer_name or chart.name
    invoice.payer_address = invoice.payer_address or (chart.address if invoice.payer_name == chart.name else "")
    invoice.due_on = due_on
    with context.done_by(by):
        _give_number(invoice, practice, by=by)
        ledger.enter(
            by=by,
            kind=EntryKind.CHARGE,
            amount=invoice.total,
            patient=chart,
            currency=invoice.currency,
            invoice=invoice,
            booked_on=today,
        )
        if invoice.payer_name != invoice.patient_name:
            payer = payer_fingerprint(invoice.payer_name, practice_id=practice.pk)
            OpenAmount.objects.filter(invoice=invoice).update(payer=payer)
        log.record_about(AuditEvent.INVOICE_ISSUED, invoice)
    return get_invoice(by=by, invoice_id=invoice_id)


def _give_number(document: Invoice, practice: Practice, *, by: User) -> None:
    today = practice.today()
    document.year, document.issued_on, document.issued_at = today.year, today, timezone.now()
    document.issuer, document.issued_by = practice.name, by
    document.sequence = ledger.next_number(DocumentKind(document.kind), today.year)
    document.version += 1
    document.save()


# --- Credit notes and write-offs --------------------------------------------------------------------------------------


@transaction.atomic
def credit(*, by: User, invoice_id: UUID, reason: str) -> Invoice:
    """Undo an invoice by a credit note, and return that. What was paid of it is the patient's credit again, what was
    written off is taken back. Raises NotFound, ChartRestricted, and Conflict for a draft or a credit note, or if it was
    credited already."""
    invoice = ledger.lock_invoice(by, invoice_id)
    if invoice.is_credited:
        raise Conflict(CREDITED_ALREADY)
    ledger.check_open(invoice)
    note = Invoice(
        patient=invoice.patient,
        kind=DocumentKind.CREDIT_NOTE,
        credits=invoice,
        reason=reason,
        created_by=by,
        **{name: getattr(invoice, name) for name in COPIED},
    )
    with context.done_by(by):
        note.save()
        for line in invoice.lines.all():
            InvoiceLine.objects.create(**{**written.copied(line), "invoice": note})
        _give_number(note, current_practice(), by=by)
        _give_back(invoice, by=by)
        common = {"patient": invoice.patient, "currency": invoice.currency}
        if invoice.off:
            ledger.enter(by=by, kind=EntryKind.WRITE_OFF, amount=-invoice.off, invoice=invoice, **common)
        ledger.enter(by=by, kind=EntryKind.CREDIT_NOTE, amount=-invoice.total, invoice=note, **common)
        log.record_about(AuditEvent.INVOICE_CREDITED, invoice, note=note.pk)
    return get_invoice(by=by, invoice_id=note.pk)


def _give_back(invoice: Invoice, *, by: User) -> None:
    """Take back what payments were put towards the invoice."""
    paid: Counter[UUID] = Counter()
    for payment_id, amount in Allocation.objects.filter(invoice=invoice).values_list("payment_id", "amount"):
        paid[payment_id] += amount
    for payment in LedgerEntry.objects.filter(pk__in=[pk for pk, amount in paid.items() if amount]).order_by("pk"):
        ledger.put_towards(by=by, payment=payment, invoice=invoice, amount=-paid[payment.pk])


@transaction.atomic
def write_off(*, by: User, invoice_id: UUID, reason: str, amount: Decimal | None = None) -> Invoice:
    """Write off what is open of an invoice, or a part of it. Raises NotFound, ChartRestricted, Invalid for more than
    that, and Conflict if nothing is open."""
    invoice = ledger.lock_invoice(by, invoice_id)
    ledger.check_open(invoice)
    if not invoice.open:
        raise Conflict(NOTHING_OPEN)
    off = invoice.open if amount is None else to_minor(amount, invoice.currency, field="amount")
    if off > invoice.open:
        raise Invalid("amount", MORE_THAN_OPEN)
    if not off:
        raise Invalid("amount", NOT_NOTHING)
    with context.done_by(by):
        ledger.enter(
            by=by,
            kind=EntryKind.WRITE_OFF,
            amount=-off,
            patient=invoice.patient,
            currency=invoice.currency,
            invoice=invoice,
            reason=reason,
        )
        log.record_about(AuditEvent.WRITTEN_OFF, invoice)
    return get_invoice(by=by, invoice_id=invoice_id)
