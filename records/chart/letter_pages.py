"""Letters and certificates of a chart: begun with a template, edited beside their preview, signed, kept as a file."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.errors import Refusal
from core.forms import CheckedForm
from core.middleware.csp import CSP
from core.permissions import Permission
from core.texts import READABLE, validate_line
from patients.models import Patient
from records.attachments.downloads import INLINE_HEADERS
from records.chart.file_pages import FRAMING_POLICY
from records.chart.pages import ChartPage
from records.letters import services
from records.letters.fields import blanks_in
from records.models import LetterTemplate
from records.models.letter_template import MAX_LETTER_LENGTH


class PickedForm(CheckedForm):
    template = forms.UUIDField(required=False)


class LetterForm(CheckedForm):
    title = forms.CharField(max_length=200, validators=[validate_line], label=_("Title"))
    text = forms.CharField(max_length=MAX_LETTER_LENGTH, validators=READABLE, strip=False, label=_("Text"))

    @property
    def letter(self) -> dict[str, str]:
        """Return title and text. Raises Invalid."""
        given = self.validated_data
        return {"title": given["title"], "text": given["text"].replace("\r\n", "\n")}  # as forms send lines


class LetterPage(ChartPage):
    needs = Permission.WRITE_RECORDS
    about = Patient._meta.label

    def editor(self, *, title: str = "", text: str = "", picked: UUID | None = None, error: str = "") -> HttpResponse:
        self.read([self.chart], kind=AuditEvent.CHART_READ, about_id=self.chart.pk)
        context = {
            "chart": self.chart,
            "templates": LetterTemplate.objects.visible_to(self.user),
            "picked": picked,
            "title": title,
            "text": text,
            "blanks": blanks_in(title, text),
            "error": error,
            "most": MAX_LETTER_LENGTH,
        }
        answer = render(self.request, "records/chart/letter.html", context)
        answer[CSP] = FRAMING_POLICY  # the preview is a PDF in a frame
        return answer


class NewLetter(LetterPage):
    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        picked = PickedForm(request.GET).validated_data["template"]
        if picked is None:
            return self.editor()
        title, merged = services.begin_letter(by=self.user, patient_id=self.chart.pk, template_id=picked)
        return self.editor(title=title, text=merged.text, picked=picked)

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """Sign the letter; what is still blank is said, and nothing that was typed is lost."""
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        form = LetterForm(request.POST)
        try:
            kept = services.sign_letter(by=self.user, patient_id=self.chart.pk, **form.letter)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            typed: dict[str, Any] = {name: request.POST.get(name, "") for name in ("title", "text")}
            return self.editor(**typed, error=getattr(refusal, "message", refusal.detail))
        said = {"letter": form.letter["title"], "patient": self.chart.name}
        self.done(gettext("Signed and kept: %(letter)s for %(patient)s.") % said)
        return redirect("chart_file", self.chart.pk, kept.pk)


class PreviewLetter(LetterPage):
    """The PDF as it would be kept, for the frame beside the text."""

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        return redirect("chart_letter", patient_id)  # after a sign-in

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        chart, printed = services.preview_letter(
            by=self.user, patient_id=self.chart.pk, **LetterForm(request.POST).letter
        )
        self.read([chart], kind=AuditEvent.CHART_READ, about_id=chart.pk)
        return HttpResponse(printed, content_type="application/pdf", headers=INLINE_HEADERS)
