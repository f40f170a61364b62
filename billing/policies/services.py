"""Fees for visits that were missed: what they are, and proposing them as drafts, which a biller issues or deletes."""

from uuid import UUID

from django.db import transaction

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from appointments.visits.machine import REASONS_OF_PRACTICE
from audit import context
from billing.invoices import lines as written
from billing.invoices.services import propose
from billing.models import BillingPolicy, Invoice, Service


def policy() -> BillingPolicy:
    """Return the practice's policy; an unsaved one, which asks for nothing, if it has none."""
    return BillingPolicy.objects.select_related("no_show_fee", "late_cancellation_fee").first() or BillingPolicy()


@transaction.atomic
def set_policy(*, by: User, no_show_fee_id: UUID | None, late_cancellation_fee_id: UUID | None) -> BillingPolicy:
    """Raises NotFound for a service that is not on the price list."""
    row = policy()
    row.no_show_fee = Service.objects.get_or_refuse(pk=no_show_fee_id) if no_show_fee_id else None
    row.late_cancellation_fee = (
        Service.objects.get_or_refuse(pk=late_cancellation_fee_id) if late_cancellation_fee_id else None
    )
    row.changed_by = by
    with context.done_by(by):
        row.save()
    return row


def fee_of(visit: Appointment, row: BillingPolicy) -> Service | None:
    """Return what is asked for the visit as it is now; nothing of a patient whose visit the practice cancelled."""
    if visit.no_show_at is not None:
        return row.no_show_fee
    is_late = visit.status == AppointmentStatus.CANCELLED and visit.cancelled_late
    return row.late_cancellation_fee if is_late and visit.cancel_reason not in REASONS_OF_PRACTICE else None


@transaction.atomic
def propose_fee(visit: Appointment) -> Invoice | None:
    """Let a draft ask for the visit's fee; take back one that is not asked for any more. A visit that is on an invoice
    already is left to the biller."""
    row = policy()
    fee = fee_of(visit, row)
    ours = [pk for pk in (row.no_show_fee_id, row.late_cancellation_fee_id) if pk]
    billed = list(written.billed().filter(appointment=visit).select_related("invoice"))
    for line in billed:
        is_proposed = line.invoice.is_draft and line.service_id in ours and line.invoice.lines.count() == 1
        if is_proposed and (fee is None or line.service_id != fee.pk):
            invoice = line.invoice
            line.delete()
            invoice.delete()
            billed = [other for other in billed if other is not line]
    if fee is None or billed or not fee.is_active:
        return None
    return propose(by=row.changed_by, visit=visit, service=fee)
