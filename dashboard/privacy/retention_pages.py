"""What is deleted and when it will be gone for good, and the charts that are closed."""

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
from core.csv_files import csv_response
from dashboard.privacy.base import PrivacyPage
from patients.deletion.retention import kept_until
from patients.deletion.services import deletions_for
from patients.models import Deletion, Patient

SHOWN, IN_FILE = 200, 10_000
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

    def rows(self, most: int) -> tuple[list[Any], list[Row]]:
        """Return the deletions, and their rows with what is gone first at the top."""
        found = list(deletions_for(self.user)[: most + 1])
        until = kept_until(found[:most])
        rows = [_row(one, until.get(one.pk)) for one in found[:most]]
        return found, sorted(rows, key=lambda row: (row.gone_at is None, row.gone_at or row.deleted_at))

    def closed(self, most: int) -> list[Patient]:
        charts = Patient.objects.inactive().order_by("-updated_at", "-id")
        return list(charts.only("name", "restricted", "status", "updated_at", "practice", "deletion")[:most])


class Retention(RetentionPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        found, rows = self.rows(SHOWN)
        closed = self.closed(SHOWN + 1)
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
    def get(self, request: HttpRequest) -> Any:
        found, rows = self.rows(IN_FILE)
        closed = self.closed(IN_FILE)
        self.read([*found[:IN_FILE], *closed], kind=AuditEvent.LIST_EXPORTED, count=len(rows) + len(closed))
        lines = [
            [row.kind, row.patient, _day(row.deleted_at), row.who, row.gone_at and _day(row.gone_at), row.why]
            for row in rows
        ]
        kept = [[one.get_status_display(), one.name, _day(one.updated_at), "", "", gettext("kept")] for one in closed]
        return csv_response(f"retention-{timezone.localdate()}.csv", HEADINGS, lines + kept)


def _day(moment: datetime) -> str:
    return timezone.localdate(moment).isoformat()


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
