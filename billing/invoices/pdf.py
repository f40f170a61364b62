"""An invoice or a credit note as a PDF: what was issued, in the words of that day."""

from collections.abc import Iterable
from decimal import Decimal
from io import BytesIO

from django.utils.translation import gettext

from accounts.models import User
from billing.invoices.serializers import quantity_text
from billing.models import DocumentKind, Invoice, InvoiceLine
from billing.money import label, rate_text
from billing.rounding import Sums, summed
from core.formats import format_day
from core.regional import in_practice_time
from practices.models import Office, Practice
from records.printing import Document
from records.printing.fonts import BOLD


@in_practice_time
def invoice_pdf(invoice: Invoice, *, practice: Practice, by: User) -> bytes:
    """Return the PDF of an issued invoice or credit note from `get_invoice`."""
    printed = BytesIO()
    is_note = invoice.kind == DocumentKind.CREDIT_NOTE
    title = gettext("Credit note %(number)s") if is_note else gettext("Invoice %(number)s")
    title %= {"number": invoice.number}
    document = Document(printed, title=title, about=invoice.patient_name, practice=practice, by=by)
    write_sender(document, invoice.issuer or practice.name)
    payer = "\n".join(part for part in (invoice.payer_name, invoice.payer_address) if part)
    document.field(gettext("To"), payer)
    if invoice.payer_name != invoice.patient_name:
        document.field(gettext("Patient"), invoice.patient_name)
    document.field(gettext("Date"), format_day(invoice.issued_on or practice.today()))
    if is_note and invoice.credits:
        document.field(gettext("Credits the invoice"), str(invoice.credits.number))
        document.field(gettext("Reason"), invoice.reason)
    elif invoice.due_on:
        document.field(gettext("Due on"), format_day(invoice.due_on))
    lines = list(invoice.lines.all())
    _write_lines(document, invoice, lines)
    _write_sums(document, invoice, lines)
    if not is_note:
        _write_payments(document, invoice)
    document.field(gettext("Note"), invoice.note)
    document.close()
    return printed.getvalue()


def write_sender(document: Document, name: str) -> None:
    """Write who sends it, with the address of the practice's first office."""
    office = Office.objects.order_by("id").first()
    parts = [name, office.address if office else "", office.phone if office else ""]
    document.field(gettext("From"), "\n".join(part for part in parts if part))


def _write_lines(document: Document, invoice: Invoice, lines: Iterable[InvoiceLine]) -> None:
    document.gap(14)
    heads = (gettext("Quantity"), gettext("Price"), gettext("Amount"))
    document.row(gettext("Service"), *heads, shade=0.4, size=8)
    document.rule()
    for line in lines:
        amount = line.total if line.tax_included else line.net
        name = f"{line.code} {line.description}" if line.code else line.description
        document.row(
            name, quantity_text(line), label(line.unit_price, invoice.currency), label(amount, invoice.currency)
        )
        if line.discount:
            document.small(gettext("Discount: %(amount)s") % {"amount": label(line.discount, invoice.currency)})
    document.rule()


def _write_sums(document: Document, invoice: Invoice, lines: Iterable[InvoiceLine]) -> None:
    by_rate: dict[Decimal, list[Sums]] = {}
    for line in lines:
        by_rate.setdefault(line.tax_rate, []).append(Sums(line.net, line.tax, line.total))
    if invoice.tax:
        document.row(gettext("Without tax"), label(invoice.net, invoice.currency))
        for rate, parts in sorted(by_rate.items()):
            sums = summed(parts)
            said = {"rate": rate_text(rate), "net": label(sums.net, invoice.currency)}
            document.row(gettext("Tax, %(rate)s%% of %(net)s") % said, label(sums.tax, invoice.currency))
    document.row(gettext("Total"), label(invoice.total, invoice.currency), weight=BOLD)


def _write_payments(document: Document, invoice: Invoice) -> None:
    if invoice.paid:
        document.row(gettext("Paid"), label(invoice.paid, invoice.currency))
    if invoice.written_off:
        document.row(gettext("Written off"), label(invoice.written_off, invoice.currency))
    if invoice.is_credited:
        note = getattr(invoice, "credit_note", None)
        document.row(gettext("Undone by credit note %(number)s") % {"number": note.number if note else ""})
    elif invoice.open != invoice.total:
        document.row(gettext("Still to pay"), label(invoice.open, invoice.currency), weight=BOLD)
