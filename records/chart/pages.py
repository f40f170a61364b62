"""The chart: the banner that stays, and what happened, latest first. It shows what the API gives to the same person; a
restricted chart opens to whom it opens there, and in an emergency for a reason."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.calendar.links import booking_address
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.admin.base import add_refusal
from core.api.pagination import Page
from core.errors import Conflict, Invalid, StaleVersion
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission
from core.texts import READABLE, validate_line
from core.typed import PickedDateField
from patients import services
from patients.allergies import NONE_KNOWN
from patients.deletion.services import delete
from patients.merging.services import MergedAway, naming_the_survivor
from patients.models import Patient
from patients.restriction import services as restriction
from patients.restriction.serializers import MIN_REASON_LENGTH
from records.body_charts.drawing import drawings_of
from records.chart import links
from records.chart.accepted import Accepted
from records.chart.banner import build_banner
from records.chart.contact import ContactForm, fields_of, last_changed_by, missing_in
from records.chart.lists import build_lists
from records.chart.measures import measures_context
from records.chart.timeline import TimelineKind, kinds_for, read_timeline
from records.chart_lists import services as chart_lists
from records.models import ChartEntry, SessionNote
from records.models.attachment import FileCategory
from records.models.chart_entry import MAX_LINE_LENGTH, ChartList, Severity
from records.notes.search import search

HITS = 50


class ShownForm(CheckedForm):
    show = forms.ChoiceField(choices=[("", ""), *TimelineKind.choices], required=False)
    cursor = forms.CharField(required=False)


class SearchForm(CheckedForm):
    query = forms.CharField(max_length=200, validators=READABLE)


class ReasonForm(CheckedForm):
    reason = forms.CharField(min_length=MIN_REASON_LENGTH, max_length=2000, validators=READABLE, label=_("Reason"))


class AllergiesForm(CheckedForm):
    allergies = forms.CharField(max_length=5000, validators=READABLE, required=False, label=_("Allergies"))
    none_known = forms.BooleanField(required=False)
    version = forms.IntegerField(min_value=1)


class EntryForm(CheckedForm):
    """An entry of one of the chart's lists; a list without a field leaves it empty."""

    text = forms.CharField(max_length=MAX_LINE_LENGTH, validators=[validate_line], label=_("What it is"))
    code = forms.CharField(max_length=50, validators=[validate_line], required=False, label=_("Code"))
    code_system = forms.CharField(max_length=100, validators=[validate_line], required=False, label=_("Code system"))
    dose = forms.CharField(
        max_length=MAX_LINE_LENGTH, validators=[validate_line], required=False, label=_("Dose and instructions")
    )
    reaction = forms.CharField(
        max_length=MAX_LINE_LENGTH, validators=[validate_line], required=False, label=_("Reaction")
    )
    severity = forms.ChoiceField(choices=[("", ""), *Severity.choices], required=False)
    since = PickedDateField(required=False, label=_("Since"))
    until = PickedDateField(required=False, label=_("Until"))


class EntryChangeForm(EntryForm):
    version = forms.IntegerField(min_value=1)
    ended = forms.BooleanField(required=False)


class DeletionForm(CheckedForm):
    reason = forms.CharField(max_length=1000, validators=READABLE, label=_("Reason"))


class ChartPage(WorkPage):
    """A page of one chart. `self.chart` is open to this person."""

    needs = Permission.READ_APPOINTMENTS
    about = Patient._meta.label
    chart: Patient

    def open_chart(self, patient_id: UUID) -> HttpResponse | None:
        """Set `self.chart`, or return what is answered instead: why it is closed, or into which it was merged. Raises
        NotFound."""
        try:
            with naming_the_survivor(by=self.user, patient_id=patient_id):
                chart = Patient.objects.visible_to(self.user).select_related("practice").get_or_refuse(pk=patient_id)
            self.chart = restriction.check_access(self.user, chart)
        except MergedAway as merged:
            return redirect("chart", merged.extra["mergedInto"])
        except restriction.ChartRestricted as closed:
            log_page_refusal(self.request, closed)
            return self.closed(chart)
        return None

    def closed(self, chart: Patient, form: forms.Form | None = None) -> HttpResponse:
        context = {
            "chart": chart,
            "form": form,
            "may_break": restriction.may_break_glass(self.user),
            "may_lift": restriction.may_lift(self.user, chart),
            "minutes": restriction.MINUTES,
            "min_length": MIN_REASON_LENGTH,
        }
        return render(self.request, "records/chart/closed.html", context, status=403)

    def page(self, **context: Any) -> HttpResponse:
        """Return the chart with this below its banner."""
        may_read = self.user.can(Permission.READ_RECORDS)
        context = {
            "chart": self.chart,
            "banner": build_banner(by=self.user, chart=self.chart),
            **self.lists(),
            **measures_context(by=self.user, chart=self.chart),
            "body": next(iter(drawings_of(self.chart, by=self.user, most=1)), None) if may_read else None,
            "kinds": kinds_for(self.user),
            "may_write": self.user.can(Permission.WRITE_RECORDS),
            "may_change": bool(fields_of(self.user, self.chart)),
            "may_change_contact": self.user.can(Permission.WRITE_CHARTS),
            "missing": missing_in(self.chart),
            "may_ask_for_forms": self.user.can(Permission.ASK_FOR_FORMS),
            "may_add_files": self.user.can(Permission.ADD_FILES),
            "categories": FileCategory.choices,
            "accepted": Accepted(),
            "may_see_calendar": self.user.can(Permission.CHANGE_APPOINTMENTS),
            "may_read_reasons": self.user.can(Permission.READ_APPOINTMENT_TEXT),
            "book": booking_address(self.chart.pk),
            "new_note": links.new_note_address(self.chart.pk),
            **context,
        }
        return render(self.request, "records/chart/chart.html", context)

    def lists(self) -> dict[str, Any]:
        """Return the lists, and what this person may do with them."""
        return {
            "lists": build_lists(self.chart) if self.user.can(Permission.READ_CHARTS) else [],
            "may_keep_lists": self.user.can(Permission.WRITE_CLINICAL_FIELDS),
            "may_delete_entries": self.user.can(Permission.DELETE_CLINICAL),
        }

    def show_timeline(self, *, kind: TimelineKind | None = None, cursor: str = "", **context: Any) -> HttpResponse:
        if kind is not None and kind not in kinds_for(self.user):
            raise PermissionDenied
        self.read([self.chart], kind=AuditEvent.CHART_READ, about_id=self.chart.pk)
        timeline = read_timeline(by=self.user, chart=self.chart, kind=kind, cursor=cursor)
        return self.page(timeline=timeline, shown=kind, is_first=not cursor, **context)


class Chart(ChartPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        asked = ShownForm(request.GET).validated_data
        return self.show_timeline(kind=TimelineKind(asked["show"]) if asked["show"] else None, cursor=asked["cursor"])


class PostedPage(ChartPage):
    """What is only posted from the chart; who comes here from a sign-in goes on to the chart."""

    def get(self, request: HttpRequest, patient_id: UUID, **which: Any) -> HttpResponse:
        return redirect("chart", patient_id)  # after a sign-in


class SearchNotes(PostedPage):
    """Notes that contain what was typed. The text comes in the body: addresses end up in logs."""

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        if not self.user.can(Permission.READ_RECORDS):
            raise PermissionDenied
        form = SearchForm(request.POST)
        if not form.is_valid():
            return self.show_timeline(kind=TimelineKind.NOTES)
        query = form.cleaned_data["query"]
        notes = SessionNote.objects.visible_to(self.user).filter(patient=self.chart).latest_first()
        hits, total = search(notes, query, Page(page=1, limit=HITS))
        self.read([self.chart], kind=AuditEvent.NOTES_SEARCHED, about_id=self.chart.pk, hits=total)
        shown = [(hit, links.note_address(hit.note.pk)) for hit in hits]
        return self.page(query=query, hits=shown, total=total, most=HITS, shown=TimelineKind.NOTES)


class ChangeAllergies(PostedPage):
    """What the patient is allergic to, as text; or that they were asked and know of nothing."""

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        asked = AllergiesForm(request.POST).validated_data
        text = NONE_KNOWN if asked["none_known"] else asked["allergies"].replace("\r\n", "\n")  # as forms send lines
        try:
            services.update_chart(patient=self.chart, by=self.user, expected=asked["version"], allergies=text)
        except StaleVersion as stale:
            self.open_chart(patient_id)
            return self.show_timeline(mistake=stale.detail, typed=text)
        self.done(gettext("Saved: the allergies of %(patient)s.") % {"patient": self.chart.name})
        return redirect("chart", patient_id)


class ChangeContact(ChartPage):
    """Whom to reach and how, and what else of the chart is this person's to correct."""

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_form(patient_id)
        return refused or self.form_page(ContactForm(by=self.user, chart=self.chart))

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_form(patient_id)
        if refused is not None:
            return refused
        form = ContactForm(request.POST, by=self.user, chart=self.chart)
        if not form.is_valid():
            return self.form_page(form)
        changes, version = form.changes, form.cleaned_data["version"]
        try:
            services.update_chart(patient=self.chart, by=self.user, expected=version, **changes)
        except StaleVersion as stale:
            self.open_chart(patient_id)
            form, theirs = form.brought_up_to(self.chart, by=self.user)
            return self.form_page(form, mistake=stale.detail, theirs=theirs, who=last_changed_by(self.chart))
        except Invalid as mistake:
            add_refusal(form, mistake)
            return self.form_page(form)
        said = gettext("Saved: %(fields)s.") % {"fields": form.labels(changes)} if changes else gettext("No changes.")
        self.done(said)
        return redirect("chart", patient_id)

    def open_form(self, patient_id: UUID) -> HttpResponse | None:
        refused = self.open_chart(patient_id)
        if refused is None and not fields_of(self.user, self.chart):
            raise PermissionDenied
        return refused

    def form_page(self, form: ContactForm, **context: Any) -> HttpResponse:
        self.read([self.chart], kind=AuditEvent.CHART_READ, about_id=self.chart.pk)
        context |= {"chart": self.chart, "form": form, "is_contact": self.user.can(Permission.WRITE_CHARTS)}
        return render(self.request, "records/chart/contact.html", context)


class OpenInEmergency(PostedPage):
    """Break the glass, for a reason, and go on to the chart."""

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        if not self.user.can(Permission.BREAK_GLASS):
            raise PermissionDenied
        chart = Patient.objects.visible_to(self.user).get_or_refuse(pk=patient_id)
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self.closed(chart, form)
        try:
            restriction.break_glass(patient_id=patient_id, by=self.user, reason=form.cleaned_data["reason"])
        except Conflict:
            pass  # it is open already
        self.done(
            gettext("The chart of %(patient)s is open to you. Someone else will review why.") % {"patient": chart.name}
        )
        return redirect("chart", patient_id)


class ListPage(PostedPage):
    """A change of the chart's lists. htmx gets the lists and the banner, which may say something else now."""

    needs = Permission.WRITE_CLINICAL_FIELDS

    def post(self, request: HttpRequest, patient_id: UUID, **which: Any) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        self.change(request, **which)
        if "HX-Request" not in request.headers:
            self.done(gettext("Saved: the lists of %(patient)s.") % {"patient": self.chart.name})
            return redirect("chart", patient_id)
        self.open_chart(patient_id)
        self.read([self.chart], kind=AuditEvent.CHART_READ, about_id=self.chart.pk)
        context = {
            "chart": self.chart,
            "banner": build_banner(by=self.user, chart=self.chart),
            **self.lists(),
            "is_part": True,
        }
        return render(request, "records/chart/lists_changed.html", context)

    change: Callable[..., None]  # what it does, with what its address names

    def entry(self, entry_id: UUID) -> ChartEntry:
        entry: ChartEntry = ChartEntry.objects.filter(patient=self.chart).get_or_refuse(pk=entry_id)
        return entry


class AddEntry(ListPage):
    def change(self, request: HttpRequest, kind: str) -> None:
        if kind not in ChartList.values:
            raise Http404
        fields = EntryForm(request.POST).validated_data
        chart_lists.add_entry(by=self.user, patient_id=self.chart.pk, kind=kind, **fields)


class ChangeEntry(ListPage):
    def change(self, request: HttpRequest, entry_id: UUID) -> None:
        fields = EntryChangeForm(request.POST).validated_data
        version = fields.pop("version")
        if fields.pop("ended") and not fields["until"]:
            fields["until"] = self.chart.practice.today()
        entry = self.entry(entry_id)
        chart_lists.change_entry(by=self.user, entry_id=entry.pk, expected=version, **fields)


class DeleteEntry(ListPage):
    def change(self, request: HttpRequest, entry_id: UUID) -> None:
        delete(by=self.user, row=self.entry(entry_id), reason=DeletionForm(request.POST).validated_data["reason"])


class TakeOverTexts(ListPage):
    """Make entries of what the chart's texts say."""

    def change(self, request: HttpRequest) -> None:
        chart_lists.take_over(by=self.user, patient_id=self.chart.pk)


class NoKnownAllergies(ListPage):
    def change(self, request: HttpRequest) -> None:
        chart_lists.record_no_known_allergies(by=self.user, patient_id=self.chart.pk)
