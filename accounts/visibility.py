"""Which accounts a person may see. That depends on charts: a patient's account has the same email and phone as a chart
that may be closed to them. patients/ registers the answers at start-up."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.core import checks
from django.db.models import QuerySet

if TYPE_CHECKING:
    from accounts.models import User


class Charts(NamedTuple):
    """`accounts_closed_to` returns the ids of the accounts that are hidden from a person, `charts_of_accounts` the
    chart ids of each patient's account."""

    accounts_closed_to: Callable[["User"], QuerySet[Any, Any]]
    charts_of_accounts: Callable[[list[UUID]], dict[UUID, list[UUID]]]


_charts: Charts | None = None


def register_charts(charts: Charts) -> None:
    global _charts
    _charts = charts


def charts() -> Charts:
    """Return the registered functions. Raises RuntimeError if there are none, so that no hidden account is shown."""
    if _charts is None:
        raise RuntimeError("No app has registered which accounts are closed to whom: see accounts/visibility.py.")
    return _charts


@checks.register()
def check_charts_are_registered(app_configs: Any, **kwargs: Any) -> Sequence[checks.CheckMessage]:
    if _charts is not None:
        return []
    hint = "Call accounts.visibility.register_charts in the ready() of an app, as patients/apps.py does."
    return [checks.Error("No app has registered which accounts are closed to whom.", hint=hint, id="praxis.E001")]
