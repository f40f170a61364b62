"""The pages of imports: upload a file, match its columns, look at what would come of each line, import, take back."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.models import User
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.csv_files import csv_response, in_this_context
from core.errors import Invalid, Refusal
from core.forms import CheckedForm, as_uuid
from core.pages import WorkPage
from core.permissions import Permission
from patients.imports import services
from patients.imports.csv_reader import ENCODINGS, SEPARATORS
from patients.imports.importers import IMPORTERS, Importer
from patients.imports.uploads import SpooledFile, SpoolingHandler
from patients.models import DateOrder, Import, ImportLine, ImportPart, ImportState, LineState, Patient
from patients.registrations.matching import MatchReason
from patients.restriction.services import resolve_access

LISTED, SAMPLES, LINES_SHOWN = 50, 3, 50
SHOWN_STATES = (LineState.WRONG, LineState.DOUBLE, LineState.KEPT)
WORDS_OF_WORK = {
    ImportState.CHECKING: gettext_lazy("Checking the lines. Nothing is imported yet."),
    ImportState.RUNNING: gettext_lazy("Importing"),
    ImportState.UNDOING: gettext_lazy("Taking back what nobody has changed"),
}


class ImportPage(WorkPage):
    needs = Permission.IMPORT_DATA
    about = Import._meta.label


class Imports(ImportPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        services.remove_old()
        self.read([])
        rows = list(Import.objects.order_by("-id").prefetch_related("made_by").defer("columns")[:LISTED])
        context = {"imports": rows, "kinds": list(IMPORTERS.values()), "days": services.RETENTION.days}
        return render(request, "patients/imports/list.html", context)


class UploadForm(CheckedForm):
    encoding = forms.ChoiceField(
        required=False,
        choices=[("", gettext_lazy("Recognise it")), *ENCODINGS.items()],
        label=gettext_lazy("How its letters are written"),
    )
    separator = forms.ChoiceField(
        required=False,
        choices=[("", gettext_lazy("Recognise it")), *SEPARATORS.items()],
        label=gettext_lazy("What stands between its columns"),
    )
    no_names = forms.BooleanField(required=False, label=gettext_lazy("The first line is data, not the columns' names"))


class Upload(ImportPage):
    """Whether somebody may import is asked before any of the file is read; the token of the form is in its body."""

    def get(self, request: HttpRequest, kind: str) -> HttpResponse:
        return self.show(kind, UploadForm())

    def post(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        handler = SpoolingHandler(request)
        request.upload_handlers = [handler]
        try:
            request.POST  # noqa: B018 - reads the body
        except Refusal as refusal:
            return self.show(kind, UploadForm(), error=refusal.detail)

        def received(request: HttpRequest) -> HttpResponse:
            return self.received(kind)

        try:
            return csrf_protect(received)(request)
        finally:
            handler.close()

    def received(self, kind: str) -> HttpResponse:
        form, file = UploadForm(self.request.POST), self.request.FILES.get("file")
        if not isinstance(file, SpooledFile):
            return self.show(kind, form, error=_("Choose a file."))
        try:
            asked = form.validated_data
            batch = services.read_file(
                by=self.user,
                kind=kind,
                chunks=file.chunks,
                file_name=file.name,
                encoding=asked["encoding"],
                separator=asked["separator"],
                has_names=not asked["no_names"],
            )
        except Invalid as refusal:
            return self.show(kind, form, error=refusal.message)
        return redirect("import", batch.pk)

    def show(self, kind: str, form: UploadForm, error: str = "") -> HttpResponse:
        self.read([])
        context = {"kind": IMPORTERS[kind], "form": form, "error": error}
        return render(self.request, "patients/imports/upload.html", context, status=400 if error else 200)


upload = csrf_exempt(Upload.as_view())


class OneImport(ImportPage):
    def get(self, request: HttpRequest, import_id: UUID) -> HttpResponse:
        return self.show(services.get_import(by=self.user, pk=import_id))

    def show(self, batch: Import, error: str = "", sent: Any = None) -> HttpResponse:
        if batch.state == ImportState.READ or (batch.state == ImportState.CHECKED and "match" in self.request.GET):
            return self.matching(batch, error, sent)
        shown = self.request.GET.get("show", "")
        states = [shown] if shown in [state.value for state in SHOWN_STATES] else []
        counts = services.counts(batch)
        if not states:
            states = [state.value for state in SHOWN_STATES if counts[state]][:1]
        lines, pages = _lines(batch, states, self.request.GET.get("page", "1"))
        charts = self.charts_of(lines)
        context = {
            "batch": batch,
            "kind": IMPORTERS[batch.kind],
            "error": error,
            "counts": [(state, number) for state, number in counts.items() if number],
            "ready": counts[LineState.READY],
            "left": sum(counts[state] for state in services.NOT_IMPORTED),
            "made": counts[LineState.MADE],
            "shown": states[0] if states else "",
            "filters": [(state, counts[state]) for state in SHOWN_STATES if counts[state]],
            "rows": [_described(line, charts, batch) for line in lines],
            "pages": pages,
            "working": WORDS_OF_WORK.get(ImportState(batch.state)),
            "progress": _progress(batch, counts),
            "may_decide": batch.state == ImportState.CHECKED,
        }
        return render(self.request, "patients/imports/import.html", context)

    def charts_of(self, lines: list[ImportLine]) -> dict[str, Patient]:
        """Return the charts that the lines may be of, as far as this person may see them."""
        named = {pk for line in lines for pk, _why in services.report_of(line)["candidates"]}
        charts = list(Patient.objects.visible_to(self.user).filter(pk__in=named).brief()) if named else []
        self.read(charts, hits=len(charts))
        resolve_access(self.user, charts)
        return {str(chart.pk): chart for chart in charts}

    def matching(self, batch: Import, error: str, sent: Any) -> HttpResponse:
        self.read([])
        kind = IMPORTERS[batch.kind]
        first = ImportPart.objects.filter(of=batch).order_by("number").first()
        rows = [cells for _number, cells in first.rows[:SAMPLES]] if first else []
        mapping = batch.mapping or services.suggested_mapping(batch)
        chosen = {at: name for name, at in (mapping if sent is None else sent["mapping"]).items()}
        columns = [
            {
                "at": at,
                "name": column["name"],
                "samples": [cells[at] for cells in rows if at < len(cells) and cells[at]],
                "field": chosen.get(at, ""),
            }
            for at, column in enumerate(batch.columns)
        ]
        told = services.date_evidence(batch, mapping)
        context = {
            "batch": batch,
            "kind": kind,
            "error": error,
            "columns": columns,
            "fields": [(field.name, field.label) for field in kind.fields],
            "encoding": ENCODINGS[batch.encoding],
            "separator": SEPARATORS[batch.separator],
            "orders": [(order, told.get(order.value)) for order in DateOrder],
            "told": told,
            "chosen_order": sent["date_order"]
            if sent
            else (batch.date_order or (next(iter(told)) if len(told) == 1 else "")),
            "doctors": list(User.objects.doctors().order_by("pk")) if kind.asks_doctor else [],
            "doctor": str(sent["doctor"] if sent else (batch.doctor_id or "")),
        }
        return render(self.request, "patients/imports/match.html", context, status=400 if error else 200)


class Match(OneImport):
    def post(self, request: HttpRequest, import_id: UUID) -> HttpResponse:
        batch = services.get_import(by=self.user, pk=import_id)
        order, doctor = request.POST.get("date_order", ""), as_uuid(request.POST.get("doctor", ""))
        mapping: dict[str, int] = {}
        try:
            mapping = _mapping_of(request.POST, batch, IMPORTERS[batch.kind])
            services.match_columns(by=self.user, pk=import_id, mapping=mapping, date_order=order, doctor_id=doctor)
        except Invalid as refusal:
            sent = {"mapping": mapping or _first_of_each(request.POST, batch), "date_order": order, "doctor": doctor}
            return self.matching(batch, refusal.message, sent)
        return redirect("import", import_id)


def _first_of_each(posted: Any, batch: Import) -> dict[str, int]:
    """Return what was chosen, where a field was chosen twice only the first."""
    found: dict[str, int] = {}
    for at in range(len(batch.columns)):
        found.setdefault(posted.get(f"column-{at}", ""), at)
    return found


def _only(told: dict[str, int]) -> str:
    """Return the order that the file decides; it is confirmed all the same."""
    return next(iter(told)) if len(told) == 1 else ""


def _mapping_of(posted: Any, batch: Import, kind: Importer) -> dict[str, int]:
    found: dict[str, int] = {}
    for at in range(len(batch.columns)):
        name = posted.get(f"column-{at}", "")
        if name and name in found:
            raise Invalid("mapping", services.TAKEN_TWICE % {"field": kind.label_of(name)})
        if name:
            found[name] = at
    return found


class Step(ImportPage):
    """One part of the work; the page asks for the next one until there is none."""

    http_method_names = ["post"]
    is_counted = False  # a large file takes many

    def post(self, request: HttpRequest, import_id: UUID) -> HttpResponse:
        batch = services.step(by=self.user, pk=import_id)
        address = reverse("import", args=[import_id])
        if "HX-Request" not in request.headers:
            return redirect(address)
        self.read([])
        if not batch.is_at_work:
            answer = HttpResponse()
            answer["HX-Redirect"] = address
            return answer
        context = {"batch": batch, "progress": _progress(batch, services.counts(batch) if _is_undone(batch) else {})}
        context["working"] = WORDS_OF_WORK[ImportState(batch.state)]
        return render(request, "patients/imports/progress.html", context)


class DecideForm(CheckedForm):
    number = forms.IntegerField(required=False, min_value=1)
    chart = forms.UUIDField(required=False)
    choice = forms.ChoiceField(choices=[("make", ""), ("leave", ""), ("same", ""), ("all", "")])


DONE_MESSAGES = {
    "start": gettext_lazy("Started: the lines are being imported. You can leave this page."),
    "undo": gettext_lazy("Started: what nobody has changed since is being taken back."),
    "discard": gettext_lazy("Discarded: nothing of this file was imported."),
}


class Change(ImportPage):
    """What somebody decides. `verb` is the function of services.py."""

    http_method_names = ["post"]
    verb = ""

    def post(self, request: HttpRequest, import_id: UUID) -> HttpResponse:
        try:
            getattr(services, self.verb)(by=self.user, pk=import_id)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            raise
        self.done(str(DONE_MESSAGES[self.verb]))
        is_there = Import.objects.filter(pk=import_id).exists()
        return redirect("import", import_id) if is_there else redirect("imports")


class Decide(ImportPage):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, import_id: UUID) -> HttpResponse:
        asked = DecideForm(request.POST).validated_data
        services.decide(
            by=self.user,
            pk=import_id,
            number=None if asked["choice"] == "all" else asked["number"],
            chart_id=asked["chart"] if asked["choice"] == "same" else None,
            make=asked["choice"] == "make",
        )
        query = request.GET.urlencode()
        anchor = f"#line-{asked['number']}" if asked["number"] else ""
        return redirect(f"{reverse('import', args=[import_id])}{f'?{query}' if query else ''}{anchor}")


class NotImported(ImportPage):
    """The lines that were not imported, with the reason, as a file that can be corrected and imported again."""

    def get(self, request: HttpRequest, import_id: UUID) -> HttpResponseBase:
        batch = services.get_import(by=self.user, pk=import_id)
        self.read(
            [],
            kind=AuditEvent.LIST_EXPORTED,
            count=sum(services.counts(batch)[state] for state in services.NOT_IMPORTED),
        )
        header = [*(column["name"] for column in batch.columns), _("Why it was not imported")]
        return csv_response("not-imported.csv", header, in_this_context(_rows_not_imported(batch)))


def _rows_not_imported(batch: Import) -> Iterator[list[list[str]]]:
    for report in services.lines_not_imported(batch):
        problems = report["problems"] or [_("May be here already")]
        yield [[*report["cells"], " ".join(problems)]]


def _is_undone(batch: Import) -> bool:
    return batch.state == ImportState.UNDOING


def _progress(batch: Import, counts: dict[LineState, int]) -> dict[str, int]:
    """Return how many lines are done, and of how many."""
    if _is_undone(batch):
        done = counts[LineState.UNDONE] + counts[LineState.KEPT]
        return {"done": done, "of": done + counts[LineState.MADE]}
    parts = max(1, batch.parts_count)
    return {"done": batch.lines * batch.position // parts, "of": batch.lines}


def _lines(batch: Import, states: list[str], page: str) -> tuple[list[ImportLine], dict[str, int]]:
    number = int(page) if page.isdecimal() and 0 < int(page) < 100_000 else 1
    chosen = set(states)
    if LineState.DOUBLE in chosen and batch.state == ImportState.CHECKED:
        chosen |= {LineState.READY, LineState.SAME}  # what was decided of them stays in sight
    lines = ImportLine.objects.filter(of=batch, state__in=chosen)
    if LineState.KEPT not in chosen:
        lines = lines.filter(report__isnull=False)
    start = (number - 1) * LINES_SHOWN
    found = list(lines.order_by("number")[start : start + LINES_SHOWN + 1])
    return found[:LINES_SHOWN], {"before": number - 1, "after": number + 1 if len(found) > LINES_SHOWN else 0}


def _still_said(chart: Patient, why: str) -> str:
    """Return why a chart may be the line's; of one that was restricted since, only that the names are alike."""
    if not chart.restricted:
        return why
    alike = str(MatchReason.NAME.label)
    return alike if alike in why else ""


def _described(line: ImportLine, charts: dict[str, Patient], batch: Import) -> dict[str, Any]:
    report, mapped = services.report_of(line), batch.mapping.values()
    return {
        "line": line,
        "state": LineState(line.state),
        "problems": report["problems"],
        "text": [cell for at, cell in enumerate(report["cells"]) if cell and at in mapped][:6] or report["cells"][:6],
        "candidates": [
            {"chart": charts[pk], "why": said, "is_chosen": line.state == LineState.SAME and str(line.row_id) == pk}
            for pk, why in report["candidates"]
            if pk in charts and (said := _still_said(charts[pk], why))
        ],
    }
