"""What changes of other apps mean for money."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentEvent, EventKind
from billing.claims import services as claims
from billing.models import Coverage, Invoice, LedgerEntry, Service
from billing.policies.services import propose_fee
from core.errors import Conflict
from patients.chart_rows import carries_over
from practices.services import practice_changed

CURRENCY_IS_USED = _("The currency can't be changed any more: there are prices, invoices or payments in it.")


@receiver(post_save, sender=AppointmentEvent, dispatch_uid="propose fee of missed visit")
def propose_fee_of_missed_visit(instance: AppointmentEvent, **kwargs: Any) -> None:
    """Each change of a visit has an entry in its history, whoever made it and from where."""
    if instance.what != EventKind.BOOKED:  # nobody has missed it yet
        propose_fee(instance.appointment)


carries_over(Coverage)(claims.carry_over)


@receiver(practice_changed)
def keep_currency(*, changed: set[str], **kwargs: Any) -> None:
    if "currency" in changed and any(model.objects.exists() for model in (Service, Invoice, LedgerEntry)):
        raise Conflict(CURRENCY_IS_USED)
