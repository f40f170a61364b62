"""Charts, and the registrations that wait for the desk."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from rest_framework.exceptions import ValidationError as ApiValidationError

from accounts.models import User
from core.errors import Missing, Refusal
from dashboard.admin_base import P, PracticeModelAdmin, ServiceForm, acting
from patients import services
from patients.models import Patient, Status
from patients.search import find
from patients.serializers import check_birth_date


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


class PatientAdmin(PracticeModelAdmin):
    form = ChartForm
    list_display = ("name", "date_of_birth", "phone", "email", "status")
    list_filter = ("status",)
    search_fields = ("search_index",)
    search_help_text = "Name, email or phone"
    actions = ("confirm_registrations",)
    change_form_outer_before_template = "admin/patients/patient/registration.html"
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
        own = [path("<uuid:patient_id>/confirm/", confirm, name="patients_patient_confirm")]
        return own + super().get_urls()

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

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_confirm"] = self.has_confirm_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def confirm(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """One registration, from the chart's page or from Today (`from=today`, and back there)."""
        if not self.has_confirm_permission(request):
            raise PermissionDenied
        try:
            self._confirm(request, patient_id)
        except Missing as error:
            raise Http404 from error
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, "The registration is confirmed.")
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

    def _confirm(self, request: HttpRequest, patient_id: UUID) -> None:
        chart = services.confirm_registration(patient_id=patient_id, by=acting(request))
        self.log_change(request, chart, "Confirmed the registration.")
