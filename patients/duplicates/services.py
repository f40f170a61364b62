"""The worklist of charts that may be twice. The charts are compared some at a time, in the order in which they were
changed last, so that a new or corrected chart is compared again and all others are not."""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context, log
from audit.events import AuditEvent
from core.errors import Forbidden
from core.permissions import Permission
from core.tenancy.managers import row_not_found
from patients.models import ChartStatus, DuplicatePair, DuplicateSearch, Patient
from patients.registrations.matching import MatchReason, with_matches

CHARTS_AT_ONCE = 100
NOT_ALLOWED = _("You can't merge charts. Ask the front desk or your office manager.")
SETTLED = timedelta(seconds=30)  # a chart that is being saved now may be seen after later ones


class Progress(NamedTuple):
    compared: int  # in this step
    is_done: bool


def open_pairs() -> QuerySet[DuplicatePair]:
    """Return the pairs to look at: of two confirmed charts, which nobody has said are different people. Where one was
    restricted since, nothing but the names may have made the pair, as when restricted charts are compared."""
    confirmed = Q(one__status=ChartStatus.CONFIRMED, other__status=ChartStatus.CONFIRMED)
    pairs = DuplicatePair.objects.filter(confirmed, dismissed_by=None, one__deletion=None, other__deletion=None)
    open_ones = Q(one__restricted=False, other__restricted=False)
    alike = Q(as_text__contains=f'"{MatchReason.NAME.value}"')
    found: QuerySet[DuplicatePair] = (
        pairs.annotate(as_text=Cast("reasons", TextField())).filter(open_ones | alike).order_by("-id")
    )
    return found


@transaction.atomic
def compare_some(*, by: User) -> Progress:
    """Compare the next charts with all others. Raises Forbidden."""
    _check_may(by)
    search = DuplicateSearch.objects.select_for_update().first() or DuplicateSearch()
    charts = Patient.objects.confirmed().filter(updated_at__lt=timezone.now() - SETTLED)
    if search.changed_at is not None:
        charts = charts.filter(updated_at__gte=search.changed_at).filter(
            Q(updated_at__gt=search.changed_at) | Q(pk__gt=search.chart_id)
        )
    columns = ("name", "phone", "date_of_birth", "restricted", "updated_at", "practice")
    some = list(charts.order_by("updated_at", "pk").only(*columns)[:CHARTS_AT_ONCE])
    if some:
        _remember(some)
        search.changed_at, search.chart_id = some[-1].updated_at, some[-1].pk
        search.save()
    return Progress(len(some), len(some) < CHARTS_AT_ONCE)


def _remember(charts: list[Patient]) -> None:
    """Store the pairs that these charts make, and forget those that they made before they were changed."""
    keys = [chart.pk for chart in charts]
    found: dict[tuple[UUID, UUID], list[str]] = {}
    for registration in with_matches(charts, by_fact=True):
        for match in registration.matches:
            if match.chart.pk != registration.chart.pk:
                pair = sorted((registration.chart.pk, match.chart.pk))
                found[pair[0], pair[1]] = [reason.value for reason in match.reasons]
    known = {(pair.one_id, pair.other_id): pair for pair in _pairs_of(keys)}
    # a restricted chart is found by its name when the other one is compared, not the other way round
    closed = {chart.pk for chart in charts if chart.restricted}
    gone = [
        pair.pk
        for ends, pair in known.items()
        if ends not in found and pair.dismissed_by_id is None and closed.isdisjoint(ends)
    ]
    DuplicatePair.objects.filter(pk__in=gone).delete()
    for (one, other), reasons in found.items():
        if (one, other) not in known:
            DuplicatePair(one_id=one, other_id=other, reasons=reasons).save()


def _pairs_of(keys: Iterable[UUID]) -> Iterable[DuplicatePair]:
    keys = list(keys)
    return DuplicatePair.objects.filter(Q(one__in=keys) | Q(other__in=keys))


@transaction.atomic
def dismiss(*, by: User, pair_id: UUID) -> DuplicatePair:
    """Say that the two are not the same person. Raises NotFound and Forbidden."""
    _check_may(by)
    pair: DuplicatePair | None = DuplicatePair.objects.select_for_update().filter(pk=pair_id).first()
    if pair is None:
        raise row_not_found(DuplicatePair, pair_id)
    if pair.dismissed_by_id is None:
        pair.dismissed_by = by
        pair.save()
        with context.done_by(by):
            log.record(
                AuditEvent.DUPLICATE_DISMISSED,
                practice_id=pair.practice_id,
                patients=pair.about_patients(),
                about=DuplicatePair._meta.label,
                about_id=pair.pk,
            )
    return pair


@transaction.atomic
def reopen(*, by: User, pair_id: UUID) -> DuplicatePair:
    """Take back that the two are not the same person. Raises NotFound and Forbidden."""
    _check_may(by)
    pair: DuplicatePair | None = DuplicatePair.objects.select_for_update().filter(pk=pair_id).first()
    if pair is None:
        raise row_not_found(DuplicatePair, pair_id)
    with context.done_by(by):
        pair.dismissed_by = None
        pair.save()
    return pair


def reasons_of(pair: DuplicatePair) -> str:
    """Return why the two may be the same; of a chart that was restricted since, only that the names are alike."""
    reasons = [MatchReason(reason) for reason in pair.reasons]
    if pair.one.restricted or pair.other.restricted:
        reasons = [reason for reason in reasons if reason == MatchReason.NAME]
    return ", ".join(str(reason.label) for reason in reasons)


def _check_may(by: User) -> None:
    if not by.can(Permission.MERGE_CHARTS):
        raise Forbidden(NOT_ALLOWED)
