"""What the worker does for billing."""

from datetime import time, timedelta

from django.apps import apps
from django.utils import timezone

from billing.kept_sums import fill_payers
from notifications.jobs import scheduled

LATELY = timedelta(days=7)


@scheduled("billing.find_payers", daily_at=time(4, 20))
def find_payers() -> None:
    """Name who pays the invoices that the release before issued while it was being replaced: it did not say so."""
    fill_payers(apps, None, issued_at__gte=timezone.now() - LATELY, kept_open__payer=None)
