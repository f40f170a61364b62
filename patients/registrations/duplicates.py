"""A new chart that may be of somebody who has one already."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import log
from audit.events import AuditEvent
from core.errors import Conflict
from core.tenancy.scope import current_practice_id
from patients.models import Patient
from patients.registrations.matching import Match, with_matches
from patients.registrations.serializers import MatchShape
from patients.restriction.services import emergency_details, resolve_access


class MayBeTwice(Conflict):
    """409: the person may have a chart already. The answer holds the `candidates`; so does `matches`."""

    def __init__(self, matches: list[Match]) -> None:
        super().__init__(_("This person may already have a chart."))
        self.matches = matches
        self.extra = {"candidates": [MatchShape.to_dict(match) for match in matches]}  # type: ignore[misc]


def find_possible_duplicates(*, by: User, **fields: Any) -> list[Match]:
    """Return the charts that a chart with these fields may be of, likeliest first, at most five; that they are shown
    goes into the trail. A restricted chart is compared by its name alone, as at the registrations desk."""
    (new,) = with_matches([Patient(**fields)], by_fact=True)
    found = new.matches
    if found:
        charts = [match.chart for match in found]
        resolve_access(by, charts)
        log.record(
            AuditEvent.CHARTS_SEARCHED,
            practice_id=current_practice_id(),
            patients=[chart.pk for chart in charts],
            about=Patient._meta.label,
            hits=len(found),
            **emergency_details(charts),
        )
    return found
