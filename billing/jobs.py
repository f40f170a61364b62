"""What the worker does for billing."""

from datetime import time, timedelta

from django.apps import apps
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.invoices.services import purge_removed_drafts
from billing.kept_sums import fill_payers
from notifications.jobs import scheduled
from practices.services import each_practice

LATELY = timedelta(days=7)


@scheduled("billing.forget_drafts", _("Remove drafts of invoices that were deleted"), daily_at=time(1))
def purge_drafts() -> None:
    """Delete drafts that were removed a day ago, before what was deleted with their charts is removed for good."""
    for _practice in each_practice():
        purge_removed_drafts()


@scheduled("billing.find_payers", _("Name who pays older invoices"), daily_at=time(4, 20))
def find_payers() -> None:
    """Name who pays the invoices that the release before issued while it was being replaced: it did not say so."""
    fill_payers(apps, None, issued_at__gte=timezone.now() - LATELY, kept_open__payer=None)
