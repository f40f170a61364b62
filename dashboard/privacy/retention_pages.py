"""What is deleted and when it will be gone for good, and the charts that are closed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from core.admin.export import log_exported_part
from core.csv_files import csv_response, in_this_context
from dashboard.privacy.base import PrivacyPage
from patients.deletion.retention import kept_until
from patients.deletion.services import deletions_for
from patients.models import Deletion, Patient

SHOWN, AT_ONCE = 200, 500
HEADINGS = (_("Type"), _("Patient"), _("Deleted or closed"), _("Deleted by"), _("Permanent deletion"), _("Why then"))


class Row(NamedTuple):
    kind: str
    patient: str
    deleted_at: datetime
    who: str
    gone_at: datetime | None  # None: not before a hold is lifted
    why: str


class RetentionPage(PrivacyPage):
    about = Deletion._meta.label

    def closed(self) -> Any:
        charts = Patient.objects.inactive().order_by("-updated_at", "-id")
        return charts.only("name", "restricted", "status", "updated_at", "practice", "deletion")


class Retention(RetentionPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        found = list(deletions_for(self.user)[: SHOWN + 1])
        rows = sorted(_rows(found[:SHOWN]), key=lambda row: (row.gone_at is None, row.gone_at or row.deleted_at))
        closed = list(self.closed()[: SHOWN + 1])
        self.read([*found[:SHOWN], *closed[:SHOWN]], hits=len(rows) + len(closed[:SHOWN]))
        context = {
            "tab": "retention",
            "rows": rows,
            "closed": closed[:SHOWN],
            "are_more": len(found) > SHOWN or len(closed) > SHOWN,
            "years": request.practice.retention_years,  # type: ignore[attr-defined]
            "now": timezone.now(),
        }
        return render(request, "dashboard/privacy/retention.html", context)


class RetentionFile(RetentionPage):
    """All of it, what was deleted last at the top, read while it is sent."""

    def get(self, request: HttpRequest) -> Any:
        self.read([], kind=AuditEvent.LIST_EXPORTED)
        return csv_response(f"retention-{timezone.localdate()}.csv", HEADINGS, in_this_context(self._parts()))

    def _parts(self) -> Iterator[list[list[Any]]]:
        for number, found in enumerate(_some_at_a_time(deletions_for(self.user)), start=1):
            log_exported_part(found, by=self.user, about=self.about, part=number)
            yield [
                [row.kind, row.patient, _day(row.deleted_at), row.who, row.gone_at and _day(row.gone_at), row.why]
                for row in _rows(found)
            ]
        for number, charts in enumerate(_some_at_a_time(self.closed()), start=1):
            log_exported_part(charts, by=self.user, about=Patient._meta.label, part=number)
            yield [
                [one.get_status_display(), one.name, _day(one.updated_at), "", "", gettext("kept")] for one in charts
            ]


def _some_at_a_time(rows: Any) -> Iterator[list[Any]]:
    """Yield the rows in parts, newest first, each after the last of the one before."""
    following = rows = rows.order_by("-pk")
    while part := list(following[:AT_ONCE]):
        yield part
        following = rows.filter(pk__lt=part[-1].pk)


def _day(moment: datetime) -> str:
    return timezone.localdate(moment).isoformat()


def _rows(deletions: list[Any]) -> list[Row]:
    until = kept_until(deletions)
    return [_row(one, until.get(one.pk)) for one in deletions]


def _row(deletion: Any, until: datetime | None) -> Row:
    """Say when it is gone, and why not before. The worker removes it in the night after."""
    gone_at, why = (
        max(deletion.restorable_until, until or deletion.restorable_until),
        gettext("can be restored until then"),
    )
    if deletion.purge_began_at:
        gone_at, why = deletion.purge_began_at, gettext("is being removed")
    elif deletion.on_hold:
        gone_at, why = None, gettext("the chart is on legal hold")
    elif until and until > deletion.restorable_until:
        why = gettext("record retention")
    kind = gettext("chart") if deletion.is_of_chart else apps.get_model(deletion.about)._meta.verbose_name
    return Row(capfirst(kind), deletion.patient.name, deletion.created_at, deletion.deleted_by_name, gone_at, why)
