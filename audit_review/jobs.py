"""What the worker does for the audit trail."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from audit.seals.sealing import Sealing
from notifications.jobs import GiveUp, scheduled


@scheduled("audit.seal", _("Seal the audit trail"), every=timedelta(minutes=1))
def seal() -> None:
    """Seal what was added in every practice, as `manage.py audit_seal` does."""
    left_out = sum(1 for _ in Sealing().run())
    if left_out:
        raise GiveUp(f"{left_out} events are not what was written, and stay unsealed: run manage.py audit_verify.")
