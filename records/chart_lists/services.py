"""Problems, medications and allergies of a chart, and the texts of the chart that say the same.

The contract's `allergies` and `medicalHistory` are the chart's own columns, a line for each entry. A change of the list
writes the text, and a change of the text, by whoever knows no lists, changes the list: a line that is new becomes an
entry in free words, and an entry whose line is gone is taken off the list. A list begins with its first entry, or when
somebody asks for it; until then the chart has its text alone, and pages show that line by line.
"""

from collections import Counter
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.encryption.fields import is_unreadable
from core.errors import Conflict, Invalid
from patients.allergies import NONE_KNOWN, Allergies, allergies_of, means_none_known
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import lock_chart, update_chart
from practices.services import current_practice
from records.chart_lists.serializers import ChartEntryShape
from records.models import ChartEntry
from records.models.chart_entry import ChartEntryStatus, ChartList
from records.versions import services as versions

TEXTS = {ChartList.ALLERGY: "allergies", ChartList.PROBLEM: "medical_history"}
_columns: Any = Patient._meta
MOST = {name: _columns.get_field(name).max_length for name in TEXTS.values()}
OF_ONE_LIST = {"dose": ChartList.MEDICATION, "reaction": ChartList.ALLERGY, "severity": ChartList.ALLERGY}
IN_LINES = ("text", "reaction", "severity", "since", "until")
# while it does, the text follows the list and not the list the text
_is_writing_text: ContextVar[bool] = ContextVar("is_writing_text", default=False)
CHANGED_TEXT = "Changed through the chart's text"  # stored as the reason, in no language of a page

UNREADABLE = _("Part of this list can't be decrypted, so it can't be changed now.")
NOT_OF_THIS_LIST = _("This list does not have this field.")
ENDS_BEFORE = _("The end can't be before the start.")
NOT_TO_COME = _("This day is still to come. Enter today or an earlier one.")
TOO_MUCH = _("The whole list can have %(most)d characters. Shorten this text, or end what is no longer true.")
HAS_ALLERGIES = _("The chart lists allergies. End them first.")


@transaction.atomic
def add_entry(*, by: User, patient_id: UUID, kind: str, **values: Any) -> ChartEntry:
    """Add to a list of the chart. Raises NotFound, ChartRestricted, Invalid, and Conflict if the list can't be
    decrypted."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    _take_over(chart, kind, by=by)
    entry = ChartEntry(patient=chart, doctor=by, kind=kind, **values)
    _check(entry)
    with context.done_by(by):
        entry.save()
    _write_text(chart, kind, by=by)
    return entry


@transaction.atomic
def change_entry(*, by: User, entry_id: UUID, expected: int, reason: str = "", **changes: Any) -> ChartEntry:
    """Change an entry, and keep what it said as a version. Raises like `add_entry`, and StaleVersion and Refusal like
    `versions.amendment`."""
    found = ChartEntry.objects.readable_by(by).only("patient_id").get_or_refuse(pk=entry_id)
    chart = check_access(by, lock_chart(by=by, patient_id=found.patient_id))
    _take_over(chart, found.kind, by=by)
    entry: ChartEntry = versions.get_entry(ChartEntry, by=by, pk=entry_id, for_update=True)
    entry.patient = chart
    with (
        context.done_by(by),
        versions.amendment(entry, by=by, expected=expected, reason=reason, shape=ChartEntryShape.to_dict),
    ):
        for name, value in changes.items():
            setattr(entry, name, value)
        _check(entry)
    _write_text(chart, entry.kind, by=by)
    return entry


@transaction.atomic
def record_no_known_allergies(*, by: User, patient_id: UUID) -> Patient:
    """Keep that somebody has asked, and that no allergies are known. Raises NotFound, ChartRestricted, and Conflict if
    the chart lists some."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    if is_unreadable(chart, "allergies"):
        raise Conflict(UNREADABLE)
    if allergies_of(chart) == Allergies.KNOWN:
        raise Conflict(HAS_ALLERGIES)
    return update_chart(patient=chart, by=by, allergies=NONE_KNOWN)


def loose_lines(chart: Patient, kind: str, entries: Iterable[ChartEntry]) -> list[str]:
    """Return the lines of the chart's text that are no entries yet."""
    known = Counter(entry.line for entry in entries if entry.is_in_text)
    return list((Counter(_lines(chart, kind)) - known).elements())


@transaction.atomic
def take_over(*, by: User, patient_id: UUID) -> None:
    """Make entries of what the chart's texts say. Raises NotFound, ChartRestricted, and Conflict if a list can't be
    decrypted."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    for kind in TEXTS:
        _take_over(chart, kind, by=by)


def take_over_texts(*, chart: Patient, by: User) -> None:
    """Let the lists that have been begun say what the chart's texts say now. What can't be decrypted stays as it is."""
    if _is_writing_text.get():
        return
    begun = ChartEntry.objects.filter(patient=chart, kind__in=TEXTS).order_by().values_list("kind", flat=True)
    for kind in begun.distinct():
        try:
            _take_over(chart, kind, by=by)
        except Conflict:
            continue


def write_text_without(*, entry: ChartEntry, by: User) -> None:
    """Write the chart's text anew, before the entry is hidden. One that can't be decrypted leaves its line."""
    chart = lock_chart(by=by, patient_id=entry.patient_id)
    lost = entry if any(is_unreadable(entry, name) for name in IN_LINES) else None
    _take_over(chart, entry.kind, by=by, apart_from=lost)
    _write_text(chart, entry.kind, by=by, apart_from=entry)


def write_text_with(*, entry: ChartEntry, by: User) -> None:
    """Write the chart's text anew, after the entry has been restored."""
    chart = lock_chart(by=by, patient_id=entry.patient_id)
    _take_over(chart, entry.kind, by=by, apart_from=entry)
    _write_text(chart, entry.kind, by=by)


# --- Helpers ----------------------------------------------------------------------------------------------------------


def _check(entry: ChartEntry) -> None:
    """Raise Invalid for what the entry can't say, and let one with a day until which it lasted have ended."""
    today = current_practice().today()
    for name, kind in OF_ONE_LIST.items():
        if getattr(entry, name) and entry.kind != kind:
            raise Invalid(name, NOT_OF_THIS_LIST)
    for name in ("since", "until"):
        day = getattr(entry, name)
        if day and day > today:
            raise Invalid(name, NOT_TO_COME)
    if entry.since and entry.until and entry.until < entry.since:
        raise Invalid("until", ENDS_BEFORE)
    entry.status = ChartEntryStatus.ENDED if entry.until else ChartEntryStatus.ACTIVE


def _entries(chart: Patient, kind: str, apart_from: ChartEntry | None = None) -> list[ChartEntry]:
    """Return the list with what was taken off it, locked. Raises Conflict if it or the chart's text can't be
    decrypted."""
    entries = list(
        ChartEntry.objects.select_for_update(of=("self",))
        .filter(patient=chart, kind=kind)
        .exclude(pk=apart_from and apart_from.pk)
        .order_by("id")
    )
    if is_unreadable(chart, TEXTS[ChartList(kind)]) or any(
        is_unreadable(entry, name) for entry in entries for name in IN_LINES
    ):
        raise Conflict(UNREADABLE)
    return entries


def _lines(chart: Patient, kind: str) -> list[str]:
    text = getattr(chart, TEXTS[ChartList(kind)]) if kind in TEXTS else ""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not (kind == ChartList.ALLERGY and means_none_known(line))]


def _take_over(chart: Patient, kind: str, *, by: User, apart_from: ChartEntry | None = None) -> None:
    """Let the list say what the chart's text says. An entry that was taken off comes back with its line."""
    if kind not in TEXTS:
        return
    entries = _entries(chart, kind, apart_from)
    wanted = Counter(_lines(chart, kind))
    with context.done_by(by):
        for entry in sorted(entries, key=lambda entry: not entry.is_in_text):
            is_wanted = wanted[entry.line] > 0
            if is_wanted:
                wanted[entry.line] -= 1
            if is_wanted != entry.is_in_text:
                _set_in_text(entry, chart, is_in_text=is_wanted, by=by)
        for line in wanted.elements():
            ChartEntry.objects.create(patient=chart, doctor=by, kind=kind, text=line)


def _set_in_text(entry: ChartEntry, chart: Patient, *, is_in_text: bool, by: User) -> None:
    entry.patient = chart
    with versions.amendment(entry, by=by, expected=entry.version, reason=CHANGED_TEXT, shape=ChartEntryShape.to_dict):
        if not is_in_text:
            entry.status = ChartEntryStatus.REMOVED
        elif entry.kind == ChartList.PROBLEM and entry.until:
            entry.status = ChartEntryStatus.ENDED
        else:
            entry.status, entry.until = ChartEntryStatus.ACTIVE, None


def _write_text(chart: Patient, kind: str, *, by: User, apart_from: ChartEntry | None = None) -> None:
    """Write the chart's text from the list."""
    if kind not in TEXTS:
        return
    name = TEXTS[ChartList(kind)]
    lines = [entry.line for entry in _entries(chart, kind, apart_from) if entry.is_in_text]
    text, most = "\n".join(lines), MOST[name]
    if len(text) > most:
        raise Invalid("text", TOO_MUCH % {"most": most})
    if not lines and kind == ChartList.ALLERGY and allergies_of(chart) == Allergies.NONE_KNOWN:
        return
    changes: dict[str, Any] = {name: text}
    token = _is_writing_text.set(True)
    try:
        changed = update_chart(patient=chart, by=by, **changes)
    finally:
        _is_writing_text.reset(token)
    chart.version = changed.version
    setattr(chart, name, text)
