"""Whether doctors may see what their own visits brought."""

from django.utils.translation import gettext_lazy as _

from core.errors import Forbidden
from practices.services import current_practice

REVENUE_HIDDEN = _("Your practice doesn't show doctors their revenue.")


def check_allowed() -> None:
    """Raise Forbidden where the practice does not let doctors see their revenue."""
    if not current_practice().doctors_see_revenue:
        raise Forbidden(REVENUE_HIDDEN)
