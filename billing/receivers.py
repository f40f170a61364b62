"""What changes of other apps mean for money."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice, LedgerEntry, Service
from core.errors import Conflict
from practices.services import practice_changed

CURRENCY_IS_USED = _("The currency can't be changed any more: there are prices, invoices or payments in it.")


@receiver(practice_changed)
def keep_currency(*, changed: set[str], **kwargs: Any) -> None:
    if "currency" in changed and any(model.objects.exists() for model in (Service, Invoice, LedgerEntry)):
        raise Conflict(CURRENCY_IS_USED)
