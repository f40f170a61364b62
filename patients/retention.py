"""How long clinical records are kept that somebody has deleted: the practice's `retention_years`, from what each kind
calls its beginning (`Deletable.kept_since`)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from core.soft_delete import soft_deletable_models
from patients.deletions import KINDS
from patients.models import Deletion


def kept_until(deletions: Sequence[Deletion]) -> dict[UUID, datetime]:
    """By the deletion's id, until when nothing of what it has hidden is removed for good; not there where that is no
    clinical record. A chart is kept as long as anything in it is, whoever deleted that when. Asks the database once."""
    charts = [deletion.patient_id for deletion in deletions if deletion.is_of_chart]
    begun = _begun([deletion.pk for deletion in deletions if not deletion.is_of_chart], charts)
    by_key = ((deletion, deletion.patient_id if deletion.is_of_chart else deletion.pk) for deletion in deletions)
    return {
        deletion.pk: _years_after(begun[key], deletion.practice.retention_years)
        for deletion, key in by_key
        if key in begun
    }


def _begun(deletions: list[UUID], charts: list[UUID]) -> dict[UUID, datetime]:
    """When the years of the youngest row began that one of the deletions has hidden, or that is in one of the
    charts."""
    parts = list(_youngest("deletion_id", deletions)) + list(_youngest("", charts))
    found: dict[UUID, datetime] = {}
    for key, since in parts[0].union(*parts[1:], all=True) if parts else ():
        if since is not None:
            found[key] = max(since, found.get(key, since))
    return found


def _youngest(field: str, keys: list[UUID]) -> Iterator[Any]:
    """Rows `(key, since)` of each kind; without a field by the chart."""
    for model in soft_deletable_models() if keys else ():
        since, column = KINDS[model._meta.label].kept_since, field or model.patient_field
        if since is not None:
            rows = model.with_deleted.filter(**{f"{column}__in": keys}).order_by()
            yield rows.values(column).annotate(since=Max(since)).values_list(column, "since")


def _years_after(moment: datetime, years: int) -> datetime:
    """The same day; for the 29th of February the day after it in a year that has none."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
