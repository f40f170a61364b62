"""Body charts: drawn, and corrected with a reason."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.encryption.fields import is_unreadable
from core.errors import Conflict, Forbidden, Invalid
from patients.restriction.services import check_access
from patients.services import lock_chart
from records.body_charts.serializers import BodyChartShape
from records.models import BodyChart, SessionNote
from records.versions import services as versions

UNREADABLE = _("This body chart can't be decrypted, so it can't be corrected.")
TO_COME = _("This moment is still to come. Enter when it was, or leave it blank for now.")
OTHER_PATIENT = _("This session note belongs to another patient.")
NOT_AUTHOR = _("Only the author of a session note can draw a body chart with it.")


@transaction.atomic
def draw(
    *,
    by: User,
    patient_id: UUID,
    marks: Iterable[Mapping[str, Any]],
    note_id: UUID | None = None,
    drawn_at: datetime | None = None,
    remark: str = "",
) -> BodyChart:
    """Keep what was drawn. Raises NotFound, ChartRestricted, Forbidden for a colleague's note, and Invalid."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    drawing = BodyChart(patient=chart, doctor=by, marks=_stored(marks), remark=remark)
    if note_id is not None:
        note: SessionNote = SessionNote.objects.visible_to(by).only("patient", "doctor").get_or_refuse(pk=note_id)
        if note.patient_id != chart.pk:
            raise Invalid("sessionId", OTHER_PATIENT)
        if note.doctor_id != by.pk:
            raise Forbidden(NOT_AUTHOR)
        drawing.note = note
    if drawn_at is not None:
        drawing.drawn_at = drawn_at.astimezone(UTC)  # as it will be read again
    _check_moment(drawing)
    with context.done_by(by):
        drawing.save()
    return drawing


@transaction.atomic
def correct(*, by: User, body_chart_id: UUID, expected: int, reason: str, **changes: Any) -> BodyChart:
    """Correct a body chart, and keep what it said as a version. Raises NotFound, ChartRestricted, StaleVersion, Refusal
    if nothing changes, Invalid, and Conflict if it can't be decrypted."""
    versions.lock_chart_for(BodyChart, by=by, pk=body_chart_id)
    drawing: BodyChart = versions.get_entry(BodyChart, by=by, pk=body_chart_id, for_update=True)
    if is_unreadable(drawing, "marks") or is_unreadable(drawing, "remark"):
        raise Conflict(UNREADABLE)
    with (
        context.done_by(by),
        versions.amendment(drawing, by=by, expected=expected, reason=reason, shape=BodyChartShape.to_dict),
    ):
        if "marks" in changes:
            drawing.marks = _stored(changes["marks"])
        drawing.remark = changes.get("remark", drawing.remark)
        drawing.drawn_at = changes.get("drawn_at", drawing.drawn_at).astimezone(UTC)
        _check_moment(drawing)
    return drawing


def _stored(marks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    kept = [
        {"region": str(mark["region"]), "sensation": str(mark["sensation"]), "level": mark["level"]} for mark in marks
    ]
    return {"marks": sorted(kept, key=lambda mark: (mark["region"], mark["sensation"]))}


def _check_moment(drawing: BodyChart) -> None:
    if drawing.drawn_at > timezone.now():
        raise Invalid("drawnAt", TO_COME)
