"""Merge two charts of one person, and undo it (docs/adr/0039).

Both charts are locked in the order of their ids, as for a registration, and so does everything that adds rows to a
chart: of two merges, or a merge and a booking, one comes first and the other finds what it has left."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import F, ForeignKey
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Role
from accounts.users.services import set_newcomer_active
from audit import log
from audit.events import AuditEvent
from core.encryption.fields import unreadable_marked
from core.errors import Conflict, Gone, Invalid, NotFound, Sentence
from core.formats import format_date
from core.permissions import Permission
from patients.chart_rows import (
    NOT_MERGED,
    all_rows,
    chart_not_found,
    exclusive,
    lock_charts,
    move,
    move_rows,
    relation_label,
    relations_to_move,
    rows_of,
    warnings_of_joining,
)
from patients.deletion.services import place_hold
from patients.merging.values import Difference, Kept, differences, from_json, to_json
from patients.models import ChartMerge, ChartStatus, Deletion, LegalHold, Patient
from patients.registrations.matching import MatchReason, match_reasons
from patients.restriction.services import check_regular_access
from patients.services import chart_texts_changed, check_reachable
from practices.services import current_practice

BUSY = _("Someone else is changing one of these charts. Please try again.")
ACCOUNT = "account"


class MergedAway(NotFound):
    """404: the chart was merged into another one, `mergedInto`."""

    def __init__(self, chart: Patient) -> None:
        super().__init__(
            _("This chart was merged into another one. Open that one instead."),
            about=Patient._meta.label,
            about_id=chart.pk,
        )
        self.extra = {"mergedInto": chart.merged_into_id}  # type: ignore[misc]


@dataclass(frozen=True)
class Moved:
    """How many rows of a model go over."""

    kind: str
    name: str
    count: int


@dataclass
class Plan:
    """What a merge would do, or has done. `account` tells whose account stays: Kept, or None if neither has one."""

    into: Patient
    source: Patient
    differences: list[Difference]
    because: list[MatchReason]
    rows: dict[Any, int]  # by model
    account: str | None
    closes_account: bool
    merge: ChartMerge | None = None

    @property
    def warnings(self) -> list[Sentence]:
        return warnings_of_joining(self.into, self.source)

    @property
    def moves(self) -> list[Moved]:
        return [
            Moved(model._meta.label, str(model._meta.verbose_name_plural), count) for model, count in self.rows.items()
        ]


def preview(*, by: User, into: UUID, source: UUID, keep: Mapping[str, str]) -> Plan:
    """Return what merging the chart `source` into the chart `into` would do. Raises like `merge`: rows are moved, and
    back again, for only that tells what can't be in one chart."""
    with exclusive(BUSY), log.taken_back():
        plan = _plan(*_checked(lock_charts(into, source), by=by, into=into, source=source), keep)
        move_rows(plan.source, plan.into)
    return plan


def merge(*, by: User, into: UUID, source: UUID, keep: Mapping[str, str]) -> Plan:
    """Move everything of the chart `source` to the chart `into`, which keeps the values that `keep` chooses by field
    ("into", "from", of texts also "both") and one account; the other account is closed.

    Raises NotFound if either is no chart of the practice that `by` may see, MergedAway if one was merged before,
    Conflict for a registration that is still waiting and for what cannot be in one chart, ChartRestricted without
    regular access to both, and Invalid for choices that cannot be made."""
    with exclusive(BUSY):
        plan = _plan(*_checked(lock_charts(into, source), by=by, into=into, source=source), keep)
        moved = move_rows(plan.source, plan.into)
        accounts = _merge_accounts(plan, by=by)
        changed = _write(plan)
        plan.merge = ChartMerge.objects.create(
            patient=plan.into,
            merged=plan.source,
            merged_by=by,
            moved=moved,
            values={one.attribute: [to_json(one.into), to_json(one.result)] for one in changed},
            accounts=accounts,
        )
        _log(
            AuditEvent.CHARTS_MERGED,
            plan.into,
            plan.source,
            rows={model._meta.label: count for model, count in plan.rows.items()},
            fields=[one.attribute.removesuffix("_id") for one in changed],
            because=plan.because,
        )
        chart_texts_changed.send(sender=Patient, chart=plan.into, by=by)
    return plan


def undo(*, by: User, into: UUID, source: UUID) -> ChartMerge:
    """Put back what merging `source` into `into` has moved and changed, unless somebody has changed a value since: that
    stays. What was added since stays in `into`.

    Raises NotFound if there is no such merge, MergedAway if `into` has itself been merged since, Gone once the days for
    it are over, ChartRestricted without regular access to both, and Conflict if something that happened since keeps it
    from being undone."""
    with exclusive(BUSY):
        charts = lock_charts(into, source)
        merge: ChartMerge | None = ChartMerge.objects.filter(patient=into, merged=source).first()
        if merge is None or source not in charts:
            raise NotFound(_("These charts are not merged."), about=Patient._meta.label, about_id=into)
        chart, merged = _active(charts, into), charts[source]
        for one in (chart, merged):
            check_regular_access(by, one)
        _check_undoable(merge)
        _put_rows_back(merge, merged=merged, into=chart)
        _keep_on_hold(chart, merged, by=by)
        _check_consistent(chart, merged)
        _put_accounts_back(merge, merged=merged, into=chart, by=by)
        changed = _put_values_back(merge, chart)
        merged.status, merged.merged_into = ChartStatus.CONFIRMED, None
        merged.save(update_fields={"status", "merged_into", "updated_at"})
        rows = {label: len(keys) for label, keys in merge.moved.items()}
        _log(AuditEvent.MERGE_UNDONE, chart, merged, rows=rows, fields=changed)
        merge.delete()
        for one in (chart, merged):
            chart_texts_changed.send(sender=Patient, chart=one, by=by)
    return merge


@contextmanager
def naming_the_survivor(*, by: User, patient_id: UUID) -> Iterator[None]:
    """Run what looks the chart up. If it is not found because it was merged into one that `by` may see, raise
    MergedAway."""
    try:
        yield
    except NotFound:
        chart = Patient.objects.filter(pk=patient_id, status=ChartStatus.MERGED).only("merged_into").first()
        is_staff = by.can(Permission.READ_CHARTS) or by.can(Permission.READ_CONTACTS)
        if chart is not None and is_staff and Patient.objects.visible_to(by).filter(pk=chart.merged_into_id).exists():
            raise MergedAway(chart) from None
        raise


# --- What a merge does ------------------------------------------------------------------------------------------------


def _checked(charts: dict[UUID, Patient], *, by: User, into: UUID, source: UUID) -> tuple[Patient, Patient]:
    """Return the two charts. Raises what `merge` raises before it has a plan."""
    if into == source:
        raise Invalid("from", _("A chart can't be merged into itself. Choose the other one."))
    pair = _active(charts, into), _active(charts, source)
    for chart in pair:
        check_regular_access(by, chart)
    return pair


def _active(charts: dict[UUID, Patient], patient_id: UUID) -> Patient:
    chart = charts.get(patient_id)
    if chart is None or chart.status == ChartStatus.DECLINED:
        raise chart_not_found(patient_id)
    if chart.status == ChartStatus.MERGED:
        raise MergedAway(chart)
    if chart.status == ChartStatus.PENDING:
        raise Conflict(_("This registration is waiting. Confirm it, or merge it, at the registrations desk."))
    return chart


def _plan(into: Patient, source: Patient, keep: Mapping[str, str]) -> Plan:
    counts: Counter[Any] = Counter()
    for relation, rows in rows_of(source):
        counts[relation.related_model] += rows.count()
    account = _kept_account(into, source, keep.get(ACCOUNT))
    return Plan(
        into,
        source,
        list(differences(into, source, keep)),
        match_reasons(into, source),
        {model: count for model, count in counts.items() if count},
        account,
        closes_account=None not in (into.user_id, source.user_id),
    )


def _kept_account(into: Patient, source: Patient, asked: str | None) -> str | None:
    """Return whose account stays. Raises Invalid for choosing the one that has none."""
    have = {Kept.INTO.value: into.user_id, Kept.FROM.value: source.user_id}
    if asked and have[asked] is None and any(have.values()):
        raise Invalid(f"keep.{ACCOUNT}", _("This chart has no account."))
    return asked if asked and have[asked] else next((which for which, account in have.items() if account), None)


def _merge_accounts(plan: Plan, *, by: User) -> dict[str, str | None]:
    """Leave the kept account to the chart that stays, and close the other one, which stays with its own chart."""
    into, source = plan.into, plan.source
    before = {"into": to_json(into.user_id), "from": to_json(source.user_id)}
    if plan.account == Kept.FROM:
        _give_accounts(into, source, source.user_id, into.user_id)
    closed = source.user if plan.closes_account else None
    if closed is not None and closed.role == Role.PATIENT and closed.is_active:  # who works here keeps theirs
        set_newcomer_active(user=closed, by=by, is_active=False)
    else:
        closed = None
    return {**before, "after": to_json(into.user_id), "closed": closed and str(closed.pk)}


def _give_accounts(into: Patient, source: Patient, of_into: UUID | None, of_source: UUID | None) -> None:
    """Exchange the accounts in three steps: no two charts have the same one."""
    source.user_id = None
    source.save(update_fields={"user", "updated_at"})
    into.user_id = of_into
    into.save(update_fields={"user", "updated_at"})
    source.user_id = of_source
    source.save(update_fields={"user", "updated_at"})


def _write(plan: Plan) -> list[Difference]:
    """Save both charts, and return what has changed in the one that stays."""
    into, source = plan.into, plan.source
    changed = [one for one in plan.differences if one.changes]
    for one in changed:
        setattr(into, one.attribute, one.result)
    check_reachable(into)
    into.restricted = into.restricted or source.restricted
    into.save(update_fields={*(one.attribute.removesuffix("_id") for one in changed), "restricted", "updated_at"})
    source.status, source.merged_into = ChartStatus.MERGED, into
    source.save(update_fields={"status", "merged_into", "updated_at"})
    return changed


# --- Undoing ----------------------------------------------------------------------------------------------------------


def _check_undoable(merge: ChartMerge) -> None:
    if merge.undoable_until <= timezone.now():
        until = format_date(merge.undoable_until, current_practice().tzinfo)
        raise Gone(_("This merge could be undone until %(day)s.") % {"day": until})
    if ChartMerge.objects.filter(patient=merge.patient_id, pk__gt=merge.pk).exists():
        raise Conflict(_("Another chart has been merged into this one since. Undo that first."))
    if LegalHold.objects.filter(patient=merge.patient_id, created_at__gt=merge.created_at).exists():
        raise Conflict(_("This chart has been put on legal hold since, with everything in it. It stays as it is."))


def _keep_on_hold(into: Patient, merged: Patient, *, by: User) -> None:
    """A hold that goes back has kept both charts while they were one, and nobody could place another. It is lifted from
    each by somebody who knows why."""
    held = merged.legal_holds.first()
    if held is not None and not into.legal_holds.exists():
        place_hold(by=by, patient_id=into.pk, reason=held.reason)


def _put_rows_back(merge: ChartMerge, *, merged: Patient, into: Patient) -> None:
    """Move back what is still there, and the deletions since of what moves."""
    for relation in relations_to_move():
        model: Any = relation.related_model
        keys = merge.moved.get(relation_label(relation))
        if not keys:
            continue
        move(relation, all_rows(model).filter(pk__in=keys, **{relation.field.name: into}).order_by(), merged)
        if model is not Deletion:
            deletions = Deletion.objects.filter(about=model._meta.label, about_id__in=keys, patient=into)
            deletions.order_by().update(patient=merged)


def _check_consistent(*charts: Patient) -> None:
    """Raise Conflict if a row of one chart refers to a row of the other: it was added since, to what has gone back."""
    for model in apps.get_models():
        for one, other in combinations(_ways_to_chart(model), 2):
            both = {f"{one}__in": charts, f"{other}__in": charts}
            if all_rows(model).filter(**both).exclude(**{one: F(other)}).exists():
                raise Conflict(
                    _("Since the merge, %(things)s were added that belong to what came from the other chart.")
                    % {"things": model._meta.verbose_name_plural}
                )


def _ways_to_chart(model: Any) -> list[str]:
    """Return the lookups by which a row names its chart: `["patient_id", "appointment__patient_id"]` of a record."""
    if model is Patient or model in NOT_MERGED:
        return []
    keys = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
    own = [field.attname for field in keys if field.related_model is Patient]
    return own + [
        f"{field.name}__{of_chart.attname}"
        for field in keys
        if field.related_model is not Patient
        for of_chart in field.related_model._meta.concrete_fields
        if isinstance(of_chart, ForeignKey) and of_chart.related_model is Patient
    ]


def _put_accounts_back(merge: ChartMerge, *, merged: Patient, into: Patient, by: User) -> None:
    accounts = merge.accounts
    if to_json(into.user_id) != accounts["after"]:
        raise Conflict(_("This chart has another account than after the merge."))
    of_into, of_merged = (accounts[which] and UUID(accounts[which]) for which in ("into", "from"))
    if into.user_id != of_into:
        _give_accounts(into, merged, of_into, of_merged)
    closed = accounts["closed"] and User.objects.filter(pk=accounts["closed"], role=Role.PATIENT).first()
    if closed and not closed.is_active:
        set_newcomer_active(user=closed, by=by, is_active=True)


def _put_values_back(merge: ChartMerge, chart: Patient) -> list[str]:
    """Return the names of the fields that say again what they said before the merge."""
    with unreadable_marked():  # what cannot be decrypted stays as it is
        since = {name for name, (_before, after) in merge.values.items() if to_json(getattr(chart, name)) != after}
    names = []
    for attribute, (before, _after) in merge.values.items():
        if attribute not in since:
            setattr(chart, attribute, from_json(attribute, before))
            names.append(attribute.removesuffix("_id"))
    check_reachable(chart)
    chart.save(update_fields={*names, "updated_at"})
    return names


def _log(kind: AuditEvent, into: Patient, source: Patient, **details: Any) -> None:
    log.record(
        kind,
        practice_id=into.practice_id,
        patients=[into.pk, source.pk],
        about=Patient._meta.label,
        about_id=into.pk,
        merged=source.pk,
        **details,
    )
