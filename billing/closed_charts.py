"""Lists leave out the rows of charts that are deleted or closed to whoever reads them. Sums do not: what a practice is
owed does not depend on who looks, and every page of sums says so."""

from typing import Any

from accounts.models import User
from patients.models import Patient
from patients.restriction.services import inaccessible_to


def not_closed(rows: Any, user: User, patient: str) -> Any:
    """Return these rows without those of closed charts; `patient` leads to the chart."""
    closed = inaccessible_to(user).values("pk")
    return rows.filter(**{f"{patient}__deletion": None}).exclude(**{f"{patient}__in": closed})


def number_closed(rows: Any, user: User, patient: str) -> int:
    """Return how many of these rows that leaves out: closed charts are few, so this is quicker than counting the
    others."""
    closed, deleted = inaccessible_to(user), Patient.with_deleted.exclude(deletion=None).order_by()
    return int(rows.filter(**{f"{patient}__in": closed.values("pk").union(deleted.values("pk"))}).count())
