"""Charts and pending registrations."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.base import Access, P, current_user, post_action
from core.errors import Conflict, Invalid, Refusal
from core.formats import format_day
from patients import services
from patients.admin.chart_forms import ChartForm, DeclineForm, EmergencyForm, LiftForm
from patients.admin.filters import DaysFilter
from patients.admin.sections import ChartSectionsAdmin
from patients.chart_rows import warnings_of_joining
from patients.merging import services as merging
from patients.models import ACTIVE_STATUSES, ChartMerge, ChartStatus, EmergencyAccess, Patient
from patients.registrations import services as registrations
from patients.registrations.duplicates import MayBeTwice, find_possible_duplicates
from patients.registrations.matching import with_matches
from patients.registrations.services import DeclineReason
from patients.restriction import services as restriction
from patients.restriction import two_people
from patients.search import search_charts


class StatusFilter(SimpleListFilter):
    """Show active charts unless another status is selected."""

    title = _("status")
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("", gettext("Waiting or confirmed")), *ChartStatus.choices]

    def value(self) -> str:
        return super().value() or ""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            address = changelist.get_query_string(
                {self.parameter_name: value} if value else {}, [] if value else [self.parameter_name]
            )
            yield {"selected": self.value() == value, "query_string": address, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Patient]) -> QuerySet[Patient]:
        selected = [self.value()] if self.value() in ChartStatus.values else ACTIVE_STATUSES
        return queryset.filter(status__in=selected)


class OpenedDaysFilter(DaysFilter):
    column = "created_at"


class IncompleteFilter(SimpleListFilter):
    """Show charts without an email, a phone, a date of birth, a gender or an address, if they are open to the user."""

    title = _("completeness")
    parameter_name = "incomplete"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", gettext("Something is missing"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Patient]) -> QuerySet[Patient]:
        if self.value() != "1":
            return queryset
        closed = restriction.inaccessible_to(current_user(request))
        return queryset.filter(incomplete=True).exclude(pk__in=closed.values("pk"))


@admin.register(Patient)
class PatientAdmin(ChartSectionsAdmin):
    empty_hint = _("Add the first patient, or import the charts of another program.")
    begins_at = (
        ("admin:patients_patient_add", _("Add patient")),
        ("imports", _("Import")),
        ("calendar", _("Open the calendar")),
    )
    access = Access(P.READ_CHARTS, add=P.WRITE_CHARTS, change=P.WRITE_CHARTS, delete=P.DELETE_CLINICAL)
    form = ChartForm
    list_display = ("name", "birth_date", "phone_number", "email_address", "status")
    list_filter = (StatusFilter, IncompleteFilter, OpenedDaysFilter)
    search_fields = ("search_index",)
    search_help_text = _("Name, email, phone or date of birth")
    actions = ("confirm_registrations",)
    list_before_template = "admin/open_calendar.html"
    change_form_outer_before_template = "admin/patients/patient/notices.html"
    change_form_outer_after_template = "admin/patients/patient/after.html"
    fieldsets = (
        (_("Person"), {"fields": ("name", "date_of_birth", "gender", "status")}),
        (_("Contact"), {"fields": ("email", "phone", "address", "emergency_contact")}),
        (_("Medical"), {"fields": ("primary_doctor", "blood_type", "allergies", "medical_history")}),
    )
    readonly_fields = ("status",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self._may(request, P.USE_ADMIN_SITE, P.READ_CONTACTS)

    def get_fieldsets(self, request: HttpRequest, obj: Patient | None = None) -> Any:
        """Whoever reads contact data alone sees what the API shows them (`Chart.contact_only`)."""
        (_person, who), (_contact, reach), (_medical, care) = self.fieldsets
        person, contact, medical = (list(options["fields"]) for options in (who, reach, care))
        if obj is None:
            person = person[:-1]
        elif not self.has_change_permission(request, obj):
            medical[medical.index("primary_doctor")] = "doctor_name"
        if not current_user(request).can(P.READ_CHARTS):
            contact.remove("emergency_contact")
            return ((_("Person"), {"fields": person}), (_("Contact"), {"fields": contact}))
        return (
            (_("Person"), {"fields": person}),
            (_("Contact"), {"fields": contact}),
            (_("Medical"), {"fields": medical}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Patient | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "doctor_name")

    @admin.display(description=_("Primary doctor"))
    def doctor_name(self, chart: Patient) -> str | None:
        """A read-only field would show the doctor's `__str__`, which names nobody."""
        return str(chart.primary_doctor.name) if chart.primary_doctor else None

    def get_queryset(self, request: HttpRequest) -> Any:
        """Suggest only active charts in autocomplete fields."""
        charts = super().get_queryset(request)
        match = request.resolver_match
        return charts.active() if match is not None and match.url_name == "autocomplete" else charts

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Declined and merged charts cannot be changed."""
        return super().has_change_permission(request, obj) and (obj is None or obj.status in ACTIVE_STATUSES)

    def search(self, queryset: Any, term: str) -> QuerySet[Patient]:
        hits = search_charts(queryset, term)
        return queryset.filter(pk__in=hits) if isinstance(hits, list) else hits

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Patient:
        is_sure = values.pop("confirm_new")
        duplicates = find_possible_duplicates(by=current_user(request), **values)
        if duplicates and not is_sure:
            raise MayBeTwice(duplicates)
        return services.open_chart(by=current_user(request), **values)

    def change(self, request: HttpRequest, row: Patient, values: dict[str, Any]) -> Patient:
        return services.update_chart(patient=row, by=current_user(request), **values)

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        """The front desk may confirm registrations here, although it may not change charts."""
        return self._may(request, P.USE_ADMIN_SITE, P.CONFIRM_REGISTRATIONS)

    def has_reopen_permission(self, request: HttpRequest) -> bool:
        """Reopening reactivates an account, so it also takes MANAGE_USERS."""
        return self.has_confirm_permission(request) and self._may(request, P.MANAGE_USERS)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_confirm"] = self.has_confirm_permission(request)
        context["may_reopen"] = self.has_reopen_permission(request)
        chart = context.get("original")
        active = chart if chart is not None and chart.status in ACTIVE_STATUSES else None
        context["may_restrict"] = active is not None and restriction.may_restrict(current_user(request), active)
        context["may_lift"] = (
            active is not None and active.restricted and restriction.may_lift(current_user(request), active)
        )
        if chart is not None and chart.status == ChartStatus.MERGED:
            context["merge"] = ChartMerge.objects.filter(merged=chart).first()
            context["may_undo_merge"] = self.has_undo_merge_permission(request)
        context["emergency"] = chart and chart.emergency_id and EmergencyAccess.objects.get(pk=chart.emergency_id)
        response = super().render_change_form(request, context, *args, **kwargs)
        if chart is not None and chart.status == ChartStatus.PENDING:
            self._show_matches(request, chart, context)
        refusal = getattr(context["adminform"].form, "refusal", None)
        if isinstance(refusal, MayBeTwice):
            context["candidates"] = refusal.matches
            log_page_read(request, [match.chart for match in refusal.matches], about=self.model._meta.label)
        return response

    def _show_matches(self, request: HttpRequest, chart: Patient, context: dict[str, Any]) -> None:
        (context["registration"],) = with_matches([chart])
        context["decline_reasons"] = DeclineReason.choices
        others = [match.chart for match in context["registration"].matches]
        log_page_read(request, [chart, *others], about=self.model._meta.label, about_id=chart.pk)

    def describe(self, row: Patient) -> str:
        return str(row.name)

    def describe_briefly(self, row: Patient) -> str:
        return self.describe(row)

    def describe_choice(self, row: Patient) -> str:
        """Tell three Paula Jensens apart. Of a restricted chart only the name is shown."""
        if row.is_closed:
            return gettext("%(patient)s (restricted chart)") % {"patient": row.name}
        born = row.date_of_birth and gettext("born %(day)s") % {"day": format_day(row.date_of_birth)}
        return ", ".join(part for part in (row.name, born, row.phone) if part)

    # --- Restricted charts

    @admin.display(description=_("Date of birth"))
    def birth_date(self, chart: Patient) -> Any:
        return None if chart.is_closed else chart.date_of_birth

    @admin.display(description=_("Phone"))
    def phone_number(self, chart: Patient) -> str:
        return gettext("Restricted chart") if chart.is_closed else chart.phone

    @admin.display(description=_("Email"))
    def email_address(self, chart: Patient) -> str | None:
        return None if chart.is_closed else chart.email

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        chart = super().get_object(request, object_id, from_field)
        if chart is not None:
            restriction.check_access(current_user(request), chart)
        return chart

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except restriction.ChartRestricted as closed:
            return self._closed(request, closed.patients[0], EmergencyForm())

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().delete_view(request, *args, **kwargs)
        except restriction.ChartRestricted as closed:
            return self._closed(request, closed.patients[0], EmergencyForm())

    def _closed(self, request: HttpRequest, patient_id: UUID, form: "EmergencyForm") -> HttpResponse:
        """Return the page shown instead of a chart that is closed to this person."""
        chart = Patient.objects.only("name", "restricted", "primary_doctor").get_or_refuse(pk=patient_id)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Restricted chart"),
            "chart": chart,
            "may_lift": restriction.may_lift(current_user(request), chart),
            "form": form,
            "may_break": restriction.may_break_glass(current_user(request)),
            "minutes": restriction.MINUTES,
            **self._two_people(current_user(request), chart),
        }
        return TemplateResponse(request, "admin/patients/patient/closed.html", context, status=403)

    def _two_people(self, user: User, chart: Patient) -> dict[str, Any]:
        """Return what the page says of lifting the restriction where the primary doctor can't."""
        if not (chart.restricted and two_people.may_take_part(user) and two_people.is_doctor_unavailable(chart)):
            return {"may_ask_two": False}
        asked = two_people.open_request(chart)
        may_withdraw = asked is not None and (asked.asked_by_id == user.pk or user.can(P.RESTRICT_CHARTS))
        return {"may_ask_two": True, "asked": asked, "may_withdraw": may_withdraw, "lift_form": LiftForm()}

    @post_action("<uuid:patient_id>/ask-to-lift/", permission=None)
    def ask_to_lift(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = LiftForm(request.POST)
        if not form.is_valid():
            messages.error(request, str(next(iter(form.errors.values()))[0]))
            return self.page_after(request, patient_id)
        two_people.request_lift(patient_id=patient_id, by=current_user(request), reason=form.cleaned_data["why"])
        messages.success(request, gettext("Asked. A second person must agree on the page of this chart."))
        return self.page_after(request, patient_id)

    @post_action("<uuid:patient_id>/agree-to-lift/", permission=None)
    def agree_to_lift(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        two_people.agree(patient_id=patient_id, by=current_user(request))
        messages.success(
            request, gettext("The restriction was lifted. Everyone in the practice can see this chart again.")
        )
        return redirect("admin:patients_patient_changelist")

    @post_action("<uuid:patient_id>/withdraw-lift/", permission=None)
    def withdraw_lift(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        two_people.withdraw(patient_id=patient_id, by=current_user(request))
        messages.success(request, gettext("The request was taken back."))
        return self.page_after(request, patient_id)

    @post_action("<uuid:patient_id>/emergency-access/", name="break_glass", permission=None, as_message=())
    def break_glass(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = EmergencyForm(request.POST)
        if not form.is_valid():
            return self._closed(request, patient_id, form)
        try:
            restriction.break_glass(patient_id=patient_id, by=current_user(request), reason=form.cleaned_data["reason"])
        except Conflict as conflict:
            messages.info(request, conflict.detail)
        return redirect("admin:patients_patient_change", patient_id)

    @post_action("<uuid:patient_id>/restrict/", as_message=())
    def restrict(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        restriction.restrict(patient_id=patient_id, by=current_user(request))
        messages.success(request, gettext("The chart is now restricted to the patient and their primary doctor."))
        return redirect("admin:patients_patient_changelist")

    @post_action("<uuid:patient_id>/lift-restriction/", name="lift", as_message=())
    def lift_restriction(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        restriction.lift_restriction(patient_id=patient_id, by=current_user(request))
        messages.success(
            request, gettext("The restriction was lifted. Everyone in the practice can see this chart again.")
        )
        return redirect("admin:patients_patient_changelist")

    # --- Merged charts

    def has_undo_merge_permission(self, request: HttpRequest) -> bool:
        return self._may(request, P.USE_ADMIN_SITE, P.UNDO_MERGES)

    @post_action("<uuid:patient_id>/undo-merge/<uuid:into>/", permission="undo_merge")
    def undo_merge(self, request: HttpRequest, patient_id: UUID, into: UUID) -> HttpResponse:
        merging.undo(by=current_user(request), into=into, source=patient_id)
        message = gettext("The charts are two again. What came from this one is back in it.")
        return self._redirect_with_message(request, patient_id, message)

    # --- Registrations: the forms are on the chart's page and on Today (`from=today` leads back there)

    def page_after(self, request: HttpRequest, pk: Any) -> HttpResponse:
        return redirect("admin:index") if request.POST.get("from") == "today" else super().page_after(request, pk)

    @post_action("<uuid:patient_id>/confirm/", permission="confirm", as_message=(Conflict, Invalid))
    def confirm(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        self._confirm(request, patient_id)
        return self._redirect_with_message(request, patient_id, gettext("The registration was confirmed."))

    @post_action("<uuid:patient_id>/merge/<uuid:into>/", permission="confirm", as_message=(Conflict, Invalid))
    def merge(self, request: HttpRequest, patient_id: UUID, into: UUID) -> HttpResponse:
        """Ask for confirmation if the two have nothing in common: a match may have changed since it was shown."""
        require_match = "confirmed" not in request.POST
        try:
            registrations.merge_registration(
                patient_id=patient_id, into=into, by=current_user(request), require_match=require_match
            )
        except registrations.ChartsDiffer as mismatch:
            return self._mismatch_page(request, mismatch)
        for warning in warnings_of_joining(Patient(pk=into)):
            messages.warning(request, str(warning))
        message = gettext("The registration was merged. Its account and appointments now belong to this chart.")
        return self._redirect_with_message(request, into, message)

    def _mismatch_page(self, request: HttpRequest, mismatch: registrations.ChartsDiffer) -> HttpResponse:
        registration, chart = mismatch.charts
        log_page_read(request, mismatch.charts, about=self.model._meta.label, about_id=registration.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Nothing in common"),
            "sentence": mismatch.detail,
            "registration": registration,
            "chart": chart,
            "back": request.POST.get("from"),
        }
        return TemplateResponse(request, "admin/patients/patient/confirm_mismatch.html", context)

    @post_action("<uuid:patient_id>/decline/", permission="confirm", as_message=(Conflict, Invalid))
    def decline(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = DeclineForm(request.POST)
        if not form.is_valid():
            raise ValidationError(gettext("Select a reason from the list."))
        reason = form.cleaned_data["reason"]
        registrations.decline_registration(patient_id=patient_id, by=current_user(request), reason=reason)
        message = gettext(
            "The registration was declined. Its account is closed and its upcoming appointments are cancelled."
        )
        return self._redirect_with_message(request, patient_id, message)

    @post_action("<uuid:patient_id>/reopen/", permission="reopen", as_message=(Conflict, Invalid))
    def reopen(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        registrations.reopen_registration(patient_id=patient_id, by=current_user(request))
        message = gettext(
            "The registration was reopened. It is waiting to be confirmed again, and the person can sign in."
        )
        return self._redirect_with_message(request, patient_id, message)

    def _redirect_with_message(self, request: HttpRequest, patient_id: UUID, message: str) -> HttpResponse:
        messages.success(request, message)
        return self.page_after(request, patient_id)

    @admin.action(description=_("Confirm registrations"), permissions=["confirm"])
    def confirm_registrations(self, request: HttpRequest, queryset: QuerySet[Patient]) -> None:
        pending = list(queryset.filter(status=ChartStatus.PENDING).values_list("pk", flat=True))
        confirmed = 0
        for patient_id in pending:
            try:
                self._confirm(request, patient_id)
            except Refusal as refusal:
                log_page_refusal(request, refusal)
                messages.error(request, refusal.detail)
            else:
                confirmed += 1
        if confirmed:
            sentence = ngettext("%(number)s registration confirmed.", "%(number)s registrations confirmed.", confirmed)
            messages.success(request, sentence % {"number": confirmed})
        elif not pending:
            messages.warning(request, gettext("None of these registrations is waiting to be confirmed."))

    def _confirm(self, request: HttpRequest, patient_id: UUID) -> Patient:
        chart = registrations.confirm_registration(patient_id=patient_id, by=current_user(request))
        self.log_change(request, chart, "Confirmed the registration.")
        return chart
