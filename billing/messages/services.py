"""Invoices and receipts by e-mail, through the ledger of messages.

The mail carries no document: an invoice names what was done, and mail is not encrypted on its way. It leads to the
patient's own page, where the document is behind their sign-in (docs/billing.md)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import log
from audit.events import AuditEvent
from billing import ledger
from billing.models import Invoice, LedgerEntry
from core.errors import Conflict
from notifications.messages.planning import Draft, build, ledger_of, store
from notifications.models import Channel, Message, MessageKind, MessageStatus

ON_ITS_WAY = _("It is on its way already.")
JUST_SENT = _("It was sent to this address a moment ago. To send it again, wait a minute.")
TWICE = timedelta(minutes=1)  # a double click, or a page that was sent again
ABOUT_INVOICES, ABOUT_PAYMENTS = Invoice._meta.label, LedgerEntry._meta.label


@transaction.atomic
def send_invoice(*, by: User, invoice_id: UUID) -> Message:
    """Plan the e-mail that there is an invoice. Raises NotFound, ChartRestricted, and Conflict for a draft, a credit
    note, what was credited, or while another one is on its way."""
    invoice = ledger.lock_invoice(by, invoice_id)
    ledger.check_open(invoice)
    return _plan(MessageKind.INVOICE, invoice)


@transaction.atomic
def send_receipt(*, by: User, payment_id: UUID) -> Message:
    """Plan the e-mail that there is a receipt. Raises NotFound, ChartRestricted, and Conflict while another one is on
    its way."""
    return _plan(MessageKind.RECEIPT, ledger.lock_payment(by, payment_id))


def _plan(kind: MessageKind, about: Any) -> Message:
    """The row that it is about is locked, so that two desks plan one message."""
    earlier = ledger_of([about.pk])
    if any(message.status in (MessageStatus.PLANNED, MessageStatus.SENDING) for message in earlier):
        raise Conflict(ON_ITS_WAY)
    sent = Message.objects.filter(about_id=about.pk, sent_at__gt=timezone.now() - TWICE).order_by("id").last()
    if sent and sent.address == about.patient.email:
        raise Conflict(JUST_SENT)
    (row,) = rows = build(
        [Draft(kind, Channel.EMAIL, timezone.now())],
        about=about._meta.label,
        about_id=about.pk,
        occurrence=f"{about.pk}:{len(earlier)}",
        patient_id=about.patient_id,
    )
    store(rows)
    log.record_about(AuditEvent.BILL_MAILED, about)
    return row
