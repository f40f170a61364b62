"""The receipt of a payment as a PDF."""

from io import BytesIO

from django.utils.translation import gettext

from accounts.models import User
from billing.invoices.pdf import write_sender
from billing.models import LedgerEntry
from billing.money import label
from billing.payments.serializers import allocations_of
from core.formats import format_day
from core.regional import in_practice_time
from practices.models import Practice
from records.printing import Document
from records.printing.fonts import BOLD


@in_practice_time
def receipt_pdf(payment: LedgerEntry, *, practice: Practice, by: User) -> bytes:
    """Return the receipt of a payment from `get_payment`, with what of it was refunded."""
    printed, currency, patient = BytesIO(), payment.currency, payment.patient.name
    document = Document(printed, title=gettext("Receipt"), about=patient, practice=practice, by=by)
    write_sender(document, practice.name)
    document.field(gettext("Received for"), patient)
    document.field(gettext("Date"), format_day(payment.booked_on))
    document.field(gettext("Paid by"), str(payment.get_method_display()))
    document.field(gettext("Reference"), payment.reference)
    document.gap(14)
    for invoice, amount in allocations_of(payment):
        document.row(gettext("Invoice %(number)s") % {"number": invoice.number}, label(amount, currency))
    if payment.left:
        document.row(gettext("Credit"), label(payment.left, currency))
    document.rule()
    document.row(gettext("Received"), label(-payment.amount, currency), weight=BOLD)
    for refund in payment.refunds.all():
        said = {"day": format_day(refund.booked_on), "method": refund.get_method_display()}
        document.row(gettext("Refunded on %(day)s (%(method)s)") % said, label(refund.amount, currency))
    document.close()
    return printed.getvalue()
