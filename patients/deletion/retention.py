"""How long deleted clinical records are kept: the practice's `retention_years`, counted from each model's
`Deletable.retention_starts_at`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from core.tenancy.soft_delete import soft_deletable_models
from patients.deletion.services import DELETABLES
from patients.models import Deletion


def kept_until(deletions: Sequence[Deletion]) -> dict[UUID, datetime]:
    """Return by deletion id until when the rows it hides have to be kept; without those that hide no clinical record.

    A chart is kept as long as anything in it, whenever that was deleted. Makes one query."""
    charts = [deletion.patient_id for deletion in deletions if deletion.is_of_chart]
    started = _started([deletion.pk for deletion in deletions if not deletion.is_of_chart], charts)
    by_key = ((deletion, deletion.patient_id if deletion.is_of_chart else deletion.pk) for deletion in deletions)
    return {
        deletion.pk: _years_after(started[key], deletion.practice.retention_years)
        for deletion, key in by_key
        if key in started
    }


def _started(deletions: list[UUID], charts: list[UUID]) -> dict[UUID, datetime]:
    """Return by deletion or chart id when retention started for the latest row that the deletion hides or the chart
    contains."""
    parts = list(_latest_rows("deletion_id", deletions)) + list(_latest_rows("", charts))
    found: dict[UUID, datetime] = {}
    for key, since in parts[0].union(*parts[1:], all=True) if parts else ():
        if since is not None:
            found[key] = max(since, found.get(key, since))
    return found


def _latest_rows(field: str, keys: list[UUID]) -> Iterator[Any]:
    """Yield a queryset of `(key, since)` for each model; without a `field`, by chart."""
    for model in soft_deletable_models() if keys else ():
        since, column = DELETABLES[model._meta.label].retention_starts_at, field or model.patient_field
        if since is not None:
            rows = model.with_deleted.filter(**{f"{column}__in": keys}).order_by()
            yield rows.values(column).annotate(since=Max(since)).values_list(column, "since")


def _years_after(moment: datetime, years: int) -> datetime:
    """Return the same day that many years later; for 29 February, 1 March in a common year."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
