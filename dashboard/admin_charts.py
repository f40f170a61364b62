"""Charts, and the registrations that wait for the desk."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from rest_framework.exceptions import ValidationError as ApiValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import User
from core.errors import Conflict, Invalid, Missing, Refusal
from dashboard.admin_base import P, ServiceForm, acting
from dashboard.admin_reads import shows
from dashboard.chart_sections import WithSections
from patients import registrations, restriction, services
from patients.likely import with_matches
from patients.models import LIVING, EmergencyAccess, Patient, Status
from patients.registrations import DeclineReason
from patients.search import find
from patients.serializers import SHORTEST_REASON, check_birth_date


class StatusFilter(SimpleListFilter):
    """The charts that people work with, unless somebody asks for the others."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "Waiting or confirmed"), *Status.choices]

    def value(self) -> str:
        return super().value() or ""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            address = changelist.get_query_string(
                {self.parameter_name: value} if value else {}, [] if value else [self.parameter_name]
            )
            yield {"selected": self.value() == value, "query_string": address, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Patient]) -> QuerySet[Patient]:
        picked = [self.value()] if self.value() in Status.values else LIVING
        return queryset.filter(status__in=picked)


class DeclineForm(forms.Form):
    reason = forms.ChoiceField(choices=DeclineReason.choices, required=False)


class ChartForm(ServiceForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "primary_doctor" in self.fields:
            offered = Q(pk__in=User.objects.doctors().values("pk")) | Q(pk=self.instance.primary_doctor_id)
            self.fields["primary_doctor"].queryset = User.objects.filter(offered).order_by("id")  # type: ignore[attr-defined]

    def clean_date_of_birth(self) -> Any:
        born = self.cleaned_data["date_of_birth"]
        try:
            check_birth_date(born)
        except ApiValidationError as error:
            raise ValidationError([str(detail) for detail in error.detail]) from error
        return born


class EmergencyForm(forms.Form):
    """Why the glass is broken. Read by whoever signs it off, and stored encrypted."""

    reason = forms.CharField(
        label="Why it cannot wait",
        min_length=SHORTEST_REASON,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class PatientAdmin(WithSections):
    form = ChartForm
    list_display = ("name", "born", "phone_number", "email_address", "status")
    list_filter = (StatusFilter,)
    search_fields = ("search_index",)
    search_help_text = "Name, email or phone"
    actions = ("confirm_registrations",)
    change_form_outer_before_template = "admin/patients/patient/notices.html"
    change_form_outer_after_template = "admin/patients/patient/after.html"
    fieldsets = (
        ("Person", {"fields": ("name", "date_of_birth", "gender", "status")}),
        ("Contact", {"fields": ("email", "phone", "address", "emergency_contact")}),
        ("Medical", {"fields": ("primary_doctor", "blood_type", "allergies", "medical_history")}),
    )
    readonly_fields = ("status",)

    def get_fieldsets(self, request: HttpRequest, obj: Patient | None = None) -> Any:
        if obj is not None:
            return self.fieldsets
        person, *others = self.fieldsets
        return (("Person", {"fields": person[1]["fields"][:-1]}), *others)

    def get_urls(self) -> list[URLPattern]:
        confirm = self.admin_site.admin_view(require_POST(self.confirm))
        break_glass = self.admin_site.admin_view(require_POST(self.break_glass))
        restrict = self.admin_site.admin_view(require_POST(self.restrict))
        decline = self.admin_site.admin_view(require_POST(self.decline))
        merge = self.admin_site.admin_view(require_POST(self.merge))
        reopen = self.admin_site.admin_view(require_POST(self.reopen))
        own = [
            path("<uuid:patient_id>/confirm/", confirm, name="patients_patient_confirm"),
            path("<uuid:patient_id>/merge/<uuid:into>/", merge, name="patients_patient_merge"),
            path("<uuid:patient_id>/decline/", decline, name="patients_patient_decline"),
            path("<uuid:patient_id>/reopen/", reopen, name="patients_patient_reopen"),
            path("<uuid:patient_id>/emergency-access/", break_glass, name="patients_patient_break_glass"),
            path("<uuid:patient_id>/restrict/", restrict, {"to": True}, name="patients_patient_restrict"),
            path("<uuid:patient_id>/lift-restriction/", restrict, {"to": False}, name="patients_patient_lift"),
        ]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> Any:
        """What a form suggests is a chart that somebody may work with."""
        charts = super().get_queryset(request)
        match = request.resolver_match
        return charts.living() if match is not None and match.url_name == "autocomplete" else charts

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A chart that was declined or merged stays as it is."""
        return super().has_change_permission(request, obj) and (obj is None or obj.status in LIVING)

    def search(self, queryset: Any, term: str) -> QuerySet[Patient]:
        hits = find(queryset, term)
        return queryset.filter(pk__in=hits) if isinstance(hits, list) else hits

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Patient:
        return services.open_chart(by=acting(request), **values)

    def change(self, request: HttpRequest, row: Patient, values: dict[str, Any]) -> Patient:
        return services.update_chart(patient=row, by=acting(request), **values)

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        """The desk's work, so the front desk may do it here too, where it may change nothing else."""
        return self._may(request, P.USE_ADMIN_SITE, P.CONFIRM_REGISTRATIONS)

    def has_reopen_permission(self, request: HttpRequest) -> bool:
        """It opens an account again."""
        return self.has_confirm_permission(request) and self._may(request, P.MANAGE_USERS)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_confirm"] = self.has_confirm_permission(request)
        context["may_reopen"] = self.has_reopen_permission(request)
        chart = context.get("original")
        living = chart if chart is not None and chart.status in LIVING else None
        context["may_restrict"] = living is not None and restriction.may_restrict(acting(request), living)
        context["may_lift"] = living is not None and living.restricted and restriction.may_lift(acting(request), living)
        context["emergency"] = chart and chart.emergency_id and EmergencyAccess.objects.get(pk=chart.emergency_id)
        response = super().render_change_form(request, context, *args, **kwargs)
        if chart is not None and chart.status == Status.PENDING:
            self._show_matches(request, chart, context)
        return response

    def _show_matches(self, request: HttpRequest, chart: Patient, context: dict[str, Any]) -> None:
        (context["registration"],) = with_matches([chart])
        context["decline_reasons"] = DeclineReason.choices
        others = [match.chart for match in context["registration"].matches]
        shows(request, [chart, *others], about=self.model._meta.label, about_id=chart.pk)

    # --- Restricted charts

    @admin.display(description="Date of birth")
    def born(self, chart: Patient) -> Any:
        return None if chart.is_closed else chart.date_of_birth

    @admin.display(description="Phone")
    def phone_number(self, chart: Patient) -> str:
        return "Restricted chart" if chart.is_closed else chart.phone

    @admin.display(description="Email")
    def email_address(self, chart: Patient) -> str | None:
        return None if chart.is_closed else chart.email

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        chart = super().get_object(request, object_id, from_field)
        if chart is not None:
            restriction.check_open(acting(request), chart)
        return chart

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except restriction.Restricted as closed:
            return self._closed(request, closed.patients[0], EmergencyForm())

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().delete_view(request, *args, **kwargs)
        except restriction.Restricted as closed:
            return self._closed(request, closed.patients[0], EmergencyForm())

    def _closed(self, request: HttpRequest, patient_id: UUID, form: "EmergencyForm") -> HttpResponse:
        """The page in the place of a chart that is closed to this person."""
        chart = Patient.objects.only("name", "restricted", "primary_doctor").found(pk=patient_id)
        context = {
            **self.admin_site.each_context(request),
            "title": "Restricted chart",
            "chart": chart,
            "may_lift": restriction.may_lift(acting(request), chart),
            "form": form,
            "may_break": restriction.may_break_glass(acting(request)),
            "minutes": restriction.MINUTES,
        }
        return TemplateResponse(request, "admin/patients/patient/closed.html", context, status=403)

    def break_glass(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = EmergencyForm(request.POST)
        if not form.is_valid():
            return self._closed(request, patient_id, form)
        try:
            restriction.break_glass(patient_id=patient_id, by=acting(request), reason=form.cleaned_data["reason"])
        except Conflict as open_anyway:
            messages.info(request, open_anyway.detail)
        return redirect("admin:patients_patient_change", patient_id)

    def restrict(self, request: HttpRequest, patient_id: UUID, *, to: bool) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if not to:
            restriction.lift_restriction(patient_id=patient_id, by=acting(request))
            messages.success(request, "The restriction is lifted: the practice sees this chart again.")
        else:
            restriction.restrict(patient_id=patient_id, by=acting(request))
            messages.success(request, "The chart is restricted to the patient and their primary doctor.")
        return redirect("admin:patients_patient_changelist")

    # --- Registrations

    def confirm(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """One registration, from the chart's page or from Today (`from=today`, and back there). So the others below."""
        return self._settled(
            request, patient_id, lambda: self._confirm(request, patient_id), said="The registration is confirmed."
        )

    def merge(self, request: HttpRequest, patient_id: UUID, into: UUID) -> HttpResponse:
        """What has nothing in common is asked for once more (`unlike`): a match may have changed since it was shown."""

        def settle() -> Patient:
            return registrations.merge_registration(
                patient_id=patient_id, into=into, by=acting(request), only_alike="unlike" not in request.POST
            )

        said = "The registration is merged: its account and appointments are this chart's now."
        try:
            return self._settled(request, patient_id, settle, said=said)
        except registrations.Unlike as unlike:
            return self._ask_once_more(request, unlike)

    def _ask_once_more(self, request: HttpRequest, unlike: registrations.Unlike) -> HttpResponse:
        registration, chart = unlike.charts
        shows(request, unlike.charts, about=self.model._meta.label, about_id=registration.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": "Nothing in common",
            "sentence": unlike.detail,
            "registration": registration,
            "chart": chart,
            "back": request.POST.get("from"),
        }
        return TemplateResponse(request, "admin/patients/patient/unlike.html", context)

    def decline(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = DeclineForm(request.POST)
        if not form.is_valid():
            raise ValidationError("No such reason.")
        reason = form.cleaned_data["reason"]
        return self._settled(
            request,
            patient_id,
            lambda: registrations.decline_registration(patient_id=patient_id, by=acting(request), reason=reason),
            said="The registration is declined: its account is closed, and its coming appointments are cancelled.",
        )

    def reopen(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        if not self.has_reopen_permission(request):
            raise PermissionDenied
        return self._settled(
            request,
            patient_id,
            lambda: registrations.reopen_registration(patient_id=patient_id, by=acting(request)),
            said="The registration waits to be confirmed again, and the person may sign in.",
        )

    def _settled(
        self, request: HttpRequest, patient_id: UUID, settle: Callable[[], Patient], *, said: str
    ) -> HttpResponse:
        if not self.has_confirm_permission(request):
            raise PermissionDenied
        try:
            settled = settle()
            patient_id = settled.merged_into_id or settled.pk
        except Missing as error:
            raise Http404 from error
        except (Conflict, Invalid) as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, said)
        if request.POST.get("from") == "today":
            return redirect("admin:index")
        return redirect("admin:patients_patient_change", patient_id)

    @admin.action(description="Confirm registrations", permissions=["confirm"])
    def confirm_registrations(self, request: HttpRequest, queryset: QuerySet[Patient]) -> None:
        waiting = list(queryset.filter(status=Status.PENDING).values_list("pk", flat=True))
        confirmed = 0
        for patient_id in waiting:
            try:
                self._confirm(request, patient_id)
            except Refusal as refusal:
                messages.error(request, refusal.detail)
            else:
                confirmed += 1
        if confirmed:
            messages.success(request, f"{confirmed} registration{'s' if confirmed > 1 else ''} confirmed.")
        elif not waiting:
            messages.warning(request, "None of these was waiting to be confirmed.")

    def _confirm(self, request: HttpRequest, patient_id: UUID) -> Patient:
        chart = registrations.confirm_registration(patient_id=patient_id, by=acting(request))
        self.log_change(request, chart, "Confirmed the registration.")
        return chart
