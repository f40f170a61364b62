"""The codes of a visit, the insurances of a patient, and the superbill, as pages."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.calendar.page import describe_time
from audit.events import AuditEvent
from billing.claims import services
from billing.claims.pdf import superbill_pdf
from billing.codes import LETTERS, OFFICE, validate_place
from billing.models import Coverage, VisitCoding
from billing.models.claims import MOST_COVERAGES
from billing.money import to_text
from core.admin.access_log import log_page_refusal
from core.errors import Invalid, NotFound, Refusal
from core.forms import CheckedForm
from core.pages import WorkPage, pdf_response
from core.permissions import Permission
from core.texts import validate_line, validate_name

EMPTY_ROWS = 3


_SPLIT = re.compile(r"[\s,;]+")


class LineForm(CheckedForm):
    code = forms.CharField(max_length=5, label=_("Code"))
    modifiers = forms.CharField(required=False, max_length=20, label=_("Modifiers"))
    pointers = forms.CharField(required=False, max_length=12, label=_("For diagnoses"))
    units = forms.IntegerField(required=False, min_value=1, max_value=999, label=_("Units"))
    charge = forms.DecimalField(required=False, min_value=0, max_digits=13, decimal_places=3, label=_("Charge"))

    def line(self) -> dict[str, Any]:
        """Return the line. Raises Invalid."""
        given = self.validated_data
        letters = "".join(_SPLIT.split(given["pointers"].upper()))
        if any(letter not in LETTERS for letter in letters):
            raise Invalid("pointers", services.WRONG_POINTER)
        return {
            "code": given["code"],
            "modifiers": [part for part in _SPLIT.split(given["modifiers"]) if part],
            "pointers": [LETTERS.index(letter) + 1 for letter in letters],
            "units": given["units"] or 1,
            "charge": given["charge"],
        }


class CodingForm(CheckedForm):
    version = forms.IntegerField(min_value=0)
    place_of_service = forms.CharField(max_length=2, validators=[validate_place], label=_("Place of service"))
    diagnoses = forms.CharField(max_length=200, label=_("Diagnoses"))


class CodingPage(WorkPage):
    """Codes are typed as on the paper form: diagnoses in a row, which lines point at by their letters."""

    needs = Permission.CODE_VISITS
    about = VisitCoding._meta.label

    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        return self.show(visit_id)

    def show(self, visit_id: UUID, mistake: str = "") -> HttpResponse:
        visit, coding = services.get_visit(by=self.user, appointment_id=visit_id)
        self.read([visit], kind=AuditEvent.INVOICE_READ, about_id=visit.pk)
        context = {
            "visit": visit,
            "when": describe_time(visit),
            "coding": coding,
            "version": self.request.POST.get("version") or (coding.version if coding else 0),
            "diagnoses": self.request.POST.get("diagnoses") or " ".join(coding.content["diagnoses"] if coding else []),
            "place": self.request.POST.get("place_of_service") or (coding.place_of_service if coding else OFFICE),
            "rows": self._typed() if mistake else self._rows(coding),
            "may_insure": self.user.can(Permission.TAKE_PAYMENTS),
            "mistake": mistake,
        }
        return render(self.request, "billing/claims/coding.html", context, status=400 if mistake else 200)

    def _rows(self, coding: VisitCoding | None) -> list[dict[str, Any]]:
        currency = self.request.practice.currency
        lines = coding.content["lines"] if coding else []
        rows = [
            {
                "code": line["code"],
                "modifiers": " ".join(line["modifiers"]),
                "pointers": "".join(LETTERS[pointer - 1] for pointer in line["pointers"]),
                "units": line["units"],
                "charge": to_text(line["charge"], currency),
            }
            for line in lines
        ]
        return [*rows, *({} for _ in range(EMPTY_ROWS))]

    def _typed(self) -> list[dict[str, str]]:
        names = ("code", "modifiers", "pointers", "units", "charge")
        columns = [self.request.POST.getlist(name) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        try:
            given = CodingForm(request.POST).validated_data
            lines = [LineForm(row).line() for row in self._typed() if row["code"].strip()]
            services.code_visit(
                by=self.user,
                appointment_id=visit_id,
                diagnoses=[part for part in _SPLIT.split(given["diagnoses"]) if part],
                lines=lines,
                place_of_service=given["place_of_service"],
                expected=given["version"],
            )
        except NotFound:
            raise
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(visit_id, refusal.message if isinstance(refusal, Invalid) else refusal.detail)
        self.done(gettext("Saved: the codes of this visit."))
        return redirect("billing-coding", visit_id)


class PrintSuperbill(WorkPage):
    http_method_names = ["get", "head"]
    needs = Permission.CODE_VISITS
    about = VisitCoding._meta.label

    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        visit, coding = services.get_coded(by=self.user, appointment_id=visit_id)
        self.read([visit], kind=AuditEvent.INVOICE_READ, about_id=visit.pk)
        coverages = list(Coverage.objects.filter(patient=visit.patient_id))
        printed = superbill_pdf(visit.patient, [coding], coverages, practice=self.request.practice, by=self.user)
        return pdf_response(printed, "superbill")


class CoverageForm(CheckedForm):
    payer = forms.CharField(max_length=200, validators=[validate_name], label=_("Payer"))
    payer_id = forms.CharField(required=False, max_length=80, validators=[validate_line], label=_("Payer id"))
    member_id = forms.CharField(max_length=80, validators=[validate_line], label=_("Member id"))
    group = forms.CharField(required=False, max_length=80, validators=[validate_line], label=_("Group"))


class CoveragePage(WorkPage):
    """The insurances of a patient: the first row is asked to pay first, an empty one is none."""

    needs = Permission.TAKE_PAYMENTS
    about = Coverage._meta.label
    names = ("payer", "payer_id", "member_id", "group")

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        return self.show(patient_id)

    def show(self, patient_id: UUID, mistake: str = "") -> HttpResponse:
        chart, rows = services.coverages_of(by=self.user, patient_id=patient_id)
        self.read([chart, *rows], kind=AuditEvent.ACCOUNT_READ, about_id=chart.pk)
        shown: list[Any] = self._typed() if mistake else [*rows, *({} for _ in range(MOST_COVERAGES - len(rows)))]
        context = {"chart_id": chart.pk, "rows": shown, "mistake": mistake}
        return render(self.request, "billing/claims/coverage.html", context, status=400 if mistake else 200)

    def _typed(self) -> list[dict[str, str]]:
        columns = [self.request.POST.getlist(name) for name in self.names]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=False)]

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        try:
            given = [CoverageForm(row).validated_data for row in self._typed() if any(row.values())]
            services.set_coverages(by=self.user, patient_id=patient_id, coverages=given[:MOST_COVERAGES])
        except Invalid as invalid:
            return self.show(patient_id, invalid.message)
        self.done(gettext("Saved: the insurances of this patient."))
        return redirect("billing-coverage", patient_id)
