"""Pages of invoices: what is unpaid, and one invoice, which is written, issued, printed and credited there."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.calendar.page import describe_time
from appointments.models import Appointment
from audit.events import AuditEvent
from billing.closed_charts import not_closed, number_closed
from billing.invoices import lines as written
from billing.invoices import services
from billing.invoices.pdf import invoice_pdf
from billing.invoices.serializers import MAX_REASON_LENGTH
from billing.ledger import IS_DRAFT
from billing.models import Invoice, InvoiceLine, InvoiceState, LedgerEntry, OpenAmount, Service
from billing.money import label
from core.admin.access_log import log_page_refusal
from core.errors import Conflict, Invalid, Refusal
from core.forms import CheckedForm, as_uuid
from core.pages import WorkPage, pdf_response
from core.permissions import Permission
from core.texts import READABLE, validate_line, validate_name
from core.typed import PickedDateField
from integrations import payments
from notifications.messages.planning import ledger_of
from notifications.messages.unsent_reasons import explain

PAGE_SIZE, EMPTY_ROWS = 50, 3
SHOWN_IN_LIST = (  # what is encrypted and not shown is not decrypted
    *("practice", "kind", "year", "sequence", "credits", "currency", "total", "issued_at", "issued_on", "due_on"),
    *("patient_name", "patient__name", "patient__restricted"),
)
STATES = (("unpaid", _("Unpaid")), *((state.value, state.label) for state in InvoiceState))
NEW = "new"


class InvoicesPage(WorkPage):
    """The invoices, the unpaid ones first of all: where a biller's day begins."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = Invoice._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        wanted = request.GET.get("status", "unpaid")
        state = wanted if wanted in dict(STATES) else "unpaid"
        owed = None
        if state == "unpaid":
            number, owed = self._whole()
            pages: Any = Paginator(self._unpaid(), PAGE_SIZE)
            pages.count = number
        else:
            pages = Paginator(
                Invoice.objects.visible_to(self.user).with_sums().in_state(state).order_by("-id"), PAGE_SIZE
            )
        page = pages.get_page(request.GET.get("page"))
        rows = self._shown(list(page))
        self.read(rows, kind=AuditEvent.INVOICES_LISTED, hits=page.paginator.count)
        practice = self.request.practice
        context = {
            "page": page,
            "rows": rows,
            "state": state,
            "states": STATES,
            "owed": owed,
            "none_yet": not rows and not Invoice.objects.exists(),
            "currency": practice.currency,
            "today": practice.today(),
            "may_bill": self.user.can(Permission.MANAGE_BILLING),
        }
        return render(request, "billing/invoices.html", context)

    def _unpaid(self) -> Any:
        """Return the keys of the unpaid invoices, the longest due first."""
        found = not_closed(OpenAmount.objects.filter(amount__gt=0), self.user, "invoice__patient")
        return found.order_by("due_on", "invoice_id").values_list("invoice_id", flat=True)

    def _shown(self, found: list[Any]) -> list[Invoice]:
        """Return the rows of a page, of which keys are enough, with what is shown of each."""
        keys = [getattr(one, "pk", one) for one in found]
        rows = Invoice.objects.with_sums().select_related("patient").only(*SHOWN_IN_LIST).in_bulk(keys)
        return [rows[key] for key in keys]

    def _whole(self) -> tuple[int, int]:
        """Return how many unpaid invoices are listed, and what is owed in all."""
        unpaid = OpenAmount.objects.filter(amount__gt=0).order_by()
        whole = unpaid.aggregate(number=Count("pk"), sum=Sum("amount"))
        return whole["number"] - number_closed(unpaid, self.user, "invoice__patient"), whole["sum"] or 0


class VisitsPage(WorkPage):
    """The visits that took place and were not billed yet, oldest first."""

    http_method_names = ["get", "head"]
    needs = Permission.MANAGE_BILLING
    about = Appointment._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        found = written.not_billed(self.user).with_people().with_offices().defer("reason", "notes")
        page = Paginator(found.order_by("starts_at", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
        rows = list(page)
        self.read(rows, kind=AuditEvent.APPOINTMENTS_LISTED, hits=page.paginator.count)
        shown = [(visit, describe_time(visit)) for visit in rows]
        return render(request, "billing/visits.html", {"page": page, "rows": shown})


class LineForm(CheckedForm):
    """One row of a draft. One without a service and a description is none."""

    id = forms.UUIDField(required=False)
    service_id = forms.UUIDField(required=False)
    description = forms.CharField(required=False, max_length=500, validators=[validate_line], label=_("Description"))
    quantity = forms.DecimalField(
        required=False, min_value=Decimal("0.0001"), max_digits=9, decimal_places=4, label=_("Number")
    )
    unit_price = forms.DecimalField(required=False, min_value=0, max_digits=13, decimal_places=4, label=_("Price"))
    discount = forms.DecimalField(required=False, min_value=0, max_digits=13, decimal_places=4, label=_("Discount"))
    tax_rate = forms.DecimalField(
        required=False, min_value=0, max_value=99, max_digits=5, decimal_places=3, label=_("Tax rate (percent)")
    )
    tax_included = forms.BooleanField(required=False)

    def values(self, had_service: UUID | None) -> dict[str, Any]:
        """Return what a service takes. A service that is newly chosen brings its own price, unless one is typed."""
        given = dict(self.validated_data)
        is_new = given["service_id"] and given["service_id"] != had_service
        values = {name: value for name, value in given.items() if value not in (None, "")}
        if is_new and not given["unit_price"] and not given["tax_rate"]:
            del values["tax_included"]
        return values


class DraftForm(CheckedForm):
    version = forms.IntegerField()
    payer_name = forms.CharField(required=False, max_length=200, validators=[validate_name], label=_("Payer"))
    payer_address = forms.CharField(required=False, max_length=500, validators=READABLE, label=_("Payer's address"))
    note = forms.CharField(required=False, max_length=2000, validators=READABLE, label=_("Note"))
    due_on = PickedDateField(required=False, label=_("Due on"))


class OneInvoice(WorkPage):
    needs = Permission.READ_BILLING
    about = Invoice._meta.label

    def show(self, invoice: Invoice, *, mistake: str = "", typed: QueryDict | None = None) -> HttpResponse:
        self.read([invoice], kind=AuditEvent.INVOICE_READ, about_id=invoice.pk)
        may_bill = self.user.can(Permission.MANAGE_BILLING)
        is_edited = invoice.is_draft and may_bill
        context = {
            "invoice": invoice,
            "lines": invoice.lines.all(),
            "note": getattr(invoice, "credit_note", None),
            "patient": invoice.patient,
            "payment_days": self.request.practice.payment_days,
            "may_bill": may_bill,
            "may_take": self.user.can(Permission.TAKE_PAYMENTS),
            "credit": _credit_for(invoice) if self.user.can(Permission.TAKE_PAYMENTS) else 0,
            "may_pay_online": self.user.can(Permission.TAKE_PAYMENTS) and payments.is_configured(),
            "rows": _rows(invoice, typed) if is_edited else [],
            "services": Service.objects.filter(is_active=True).order_by("code") if is_edited else [],
            "sent": [] if invoice.is_draft else [(row, explain(row)) for row in ledger_of([invoice.pk])],
            "mistake": mistake,
            "typed": typed,
        }
        template = "billing/draft.html" if is_edited else "billing/invoice.html"
        return render(self.request, template, context, status=400 if mistake else 200)


def _credit_for(invoice: Invoice) -> int:
    """Return what of the patient's credit this invoice can be paid with."""
    if not invoice.open:
        return 0
    theirs = LedgerEntry.objects.filter(patient=invoice.patient, currency=invoice.currency).with_credit()
    return min(theirs.aggregate(sum=Sum("kept_left__amount"))["sum"] or 0, invoice.open)


def _rows(invoice: Invoice, typed: QueryDict | None) -> list[dict[str, Any]]:
    """Return the rows of the form: the lines, or what was typed, and some empty ones."""
    if typed is not None:
        return [{"key": key, **_row_of(typed, key)} for key in typed.getlist("row")]
    found: list[dict[str, Any]] = [{"key": str(line.pk), "line": line} for line in invoice.lines.all()]
    return found + [{"key": f"{NEW}{number}"} for number in range(EMPTY_ROWS)]


def _row_of(typed: QueryDict, key: str) -> dict[str, Any]:
    return {"typed": {name: typed.get(f"{key}-{name}", "") for name in LineForm.base_fields}}


class InvoicePage(OneInvoice):
    def get(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        return self.show(services.get_invoice(by=self.user, invoice_id=invoice_id))


class SaveDraft(OneInvoice):
    """Save a draft, and issue it if that was pressed."""

    http_method_names = ["post"]
    needs = Permission.MANAGE_BILLING

    def post(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        invoice = services.get_invoice(by=self.user, invoice_id=invoice_id)
        try:
            given = dict(DraftForm(request.POST).validated_data)
            changed = services.change_draft(
                by=self.user,
                invoice_id=invoice_id,
                expected=given.pop("version"),
                lines=self._lines(invoice),
                **given,
            )
            if "issue" in request.POST:
                services.issue(by=self.user, invoice_id=invoice_id, expected=changed.version)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            sentence = refusal.message if isinstance(refusal, Invalid) else refusal.detail
            current = services.get_invoice(by=self.user, invoice_id=invoice_id)
            return self.show(
                current, mistake=sentence, typed=None if current.version != invoice.version else request.POST
            )
        self._say(services.get_invoice(by=self.user, invoice_id=invoice_id))
        return redirect("billing-invoice", invoice_id)

    def _say(self, invoice: Invoice) -> None:
        said = {"patient": invoice.patient.name, "total": label(invoice.total, invoice.currency)}
        if invoice.is_draft:
            return self.done(gettext("Saved: draft for %(patient)s, %(total)s.") % said)
        said["number"] = str(invoice.number)
        return self.done(gettext("Issued: invoice %(number)s for %(patient)s, %(total)s.") % said)

    def _lines(self, invoice: Invoice) -> list[dict[str, Any]]:
        there = {str(line.pk): line for line in invoice.lines.all()}
        posted, lines = self.request.POST, []
        for key in posted.getlist("row")[: 2 * written.MOST_LINES]:
            row = {name: posted.get(f"{key}-{name}", "") for name in LineForm.base_fields}
            if f"{key}-remove" in posted or not (row["description"].strip() or row["service_id"]):
                continue
            line: InvoiceLine | None = there.get(key)
            row["id"] = key if line else ""
            values = LineForm(row).values(line.service_id if line else None)
            lines.append(values)
        return lines


BEGUN = _("Begun: an invoice for %(patient)s. Nothing is issued yet.")


class StartInvoice(WorkPage):
    """Begin an invoice of a patient, or of a visit: one that is on an invoice already leads there."""

    http_method_names = ["post"]
    needs = Permission.MANAGE_BILLING
    about = Invoice._meta.label

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        visits = [pk for pk in map(as_uuid, request.POST.getlist("visit")) if pk]
        draft = services.write_draft(by=self.user, patient_id=patient_id, appointment_ids=visits)
        self.done(BEGUN % {"patient": draft.patient.name})
        return redirect("billing-invoice", draft.pk)


class StartInvoiceOfVisit(StartInvoice):
    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        visit: Appointment = Appointment.objects.visible_to(self.user).get_or_refuse(pk=visit_id)
        if billed := written.billed_on(visit):
            return redirect("billing-invoice", billed)
        draft = services.write_draft(by=self.user, patient_id=visit.patient_id, appointment_ids=[visit.pk])
        self.done(BEGUN % {"patient": draft.patient.name})
        return redirect("billing-invoice", draft.pk)


class ReasonForm(CheckedForm):
    reason = forms.CharField(max_length=MAX_REASON_LENGTH, validators=READABLE, label=_("Reason"))
    amount = forms.DecimalField(required=False, min_value=0, max_digits=13, decimal_places=4, label=_("Amount"))


class ChangeInvoice(OneInvoice):
    """Credit an invoice, write off what is open of it, or delete a draft, which `undo` puts back."""

    http_method_names = ["post"]
    needs = Permission.MANAGE_BILLING
    verb = ""

    def post(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        if self.verb == "delete" and "undo" in request.POST:
            return self._put_back(invoice_id)
        invoice = services.get_invoice(by=self.user, invoice_id=invoice_id)
        try:
            return getattr(self, f"_{self.verb}")(invoice)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(invoice, mistake=refusal.message if isinstance(refusal, Invalid) else refusal.detail)

    def _credit(self, invoice: Invoice) -> HttpResponse:
        reason = ReasonForm(self.request.POST).validated_data["reason"]
        note = services.credit(by=self.user, invoice_id=invoice.pk, reason=reason)
        said = {"number": invoice.number, "note": note.number, "patient": invoice.patient.name}
        self.done(gettext("Credited: invoice %(number)s for %(patient)s, by credit note %(note)s.") % said)
        return redirect("billing-invoice", note.pk)

    def _write_off(self, invoice: Invoice) -> HttpResponse:
        given = ReasonForm(self.request.POST).validated_data
        services.write_off(by=self.user, invoice_id=invoice.pk, reason=given["reason"], amount=given["amount"])
        said = {"number": invoice.number, "patient": invoice.patient.name}
        self.done(gettext("Written off: what was open of invoice %(number)s for %(patient)s.") % said)
        return redirect("billing-invoice", invoice.pk)

    def _delete(self, invoice: Invoice) -> HttpResponse:
        services.remove_draft(by=self.user, invoice_id=invoice.pk)
        said = gettext("Deleted: the draft for %(patient)s.") % {"patient": invoice.patient.name}
        self.done(said, undo=self.request.path)
        return redirect("billing-account", invoice.patient_id)

    def _put_back(self, invoice_id: UUID) -> HttpResponse:
        draft = services.put_back_draft(by=self.user, invoice_id=invoice_id)
        self.done(gettext("Put back: the draft for %(patient)s.") % {"patient": draft.patient.name})
        return redirect("billing-invoice", draft.pk)


class PrintInvoice(OneInvoice):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        invoice = services.get_invoice(by=self.user, invoice_id=invoice_id)
        if invoice.is_draft:
            raise Conflict(IS_DRAFT)
        self.read([invoice], kind=AuditEvent.INVOICE_READ, about_id=invoice.pk)
        printed = invoice_pdf(invoice, practice=self.request.practice, by=self.user)
        return pdf_response(printed, str(invoice.number))
