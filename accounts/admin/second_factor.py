"""What the admin site says of second factors, and its inputs for them."""

from django.db.models import Count
from django.utils.translation import gettext, ngettext
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.roles import Role
from accounts.second_factor.pages import CodeInput
from accounts.second_factor_challenge import HAS_SECOND_FACTOR
from practices.admin import SECOND_FACTOR_HINTS


def describe_missing_factors() -> str:
    """Return how many staff have no second factor, for an office manager who is about to require one."""
    team = User.objects.exclude(role=Role.PATIENT).filter(is_active=True)
    counts = team.aggregate(total=Count("pk"), without=Count("pk", filter=~HAS_SECOND_FACTOR))
    if not counts["without"]:
        return gettext("Everyone has set it up.")
    return ngettext(
        "%(without)s of %(total)s person who works here hasn't set it up yet.",
        "%(without)s of %(total)s people who work here haven't set it up yet.",
        counts["total"],
    ) % {"without": counts["without"], "total": counts["total"]}


SECOND_FACTOR_HINTS.append(describe_missing_factors)


class AdminCodeInput(CodeInput, UnfoldAdminTextInputWidget):
    """With unfold's look."""
