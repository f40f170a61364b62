"""Deleting with a reason, from the page of whatever is deleted, and the page of all that is: what can be had back, and
until when. Nothing is removed here (patients/deletions.py)."""

from typing import Any
from uuid import UUID

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.roles import Permission
from core.encryption.fields import unreadable_marked
from core.errors import Missing, Refusal
from dashboard.admin_base import ACCESS, P, PracticeModelAdmin, acting, show_refusal
from dashboard.admin_reads import shows
from dashboard.moments import day, in_local_time, moment
from patients import deletions
from patients.deletions import KINDS
from patients.models import Deletion, Patient
from patients.retention import kept_until
from patients.search import find
from practices.services import current_practice


class ReasonForm(forms.Form):
    """Why. Stored encrypted, and shown to office managers."""

    reason = forms.CharField(label="Why", max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


class DeletableAdmin(PracticeModelAdmin):
    """Rows that are deleted with a reason: Django's own page for it asks for that, and hides the row."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of one row the rule is its kind's; for the rest of the site anybody who may delete any."""
        if not self._may(request, P.USE_ADMIN_SITE, ACCESS[self.model].delete):
            return False
        kind, user = KINDS[self.model._meta.label], acting(request)
        return obj is None or user.can(kind.permission) or kind.own(obj, user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Each is deleted for a reason of its own."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        chart = row if isinstance(row, Patient) else row.patient
        if chart.is_closed:
            return redirect("admin:patients_patient_change", chart.pk)  # which says so
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                deletion = deletions.delete(by=acting(request), row=row, reason=form.cleaned_data["reason"])
            except Missing as error:
                raise Http404 from error
            except Refusal as refusal:
                show_refusal(form, refusal)
            else:
                until = day(deletion.restorable_until)
                messages.success(request, f"The {_named(self.model)} is deleted. It can be restored until {until}.")
                return self.after_deletion(row)
        return self._ask_why(request, row, chart, form)

    def after_deletion(self, row: Any) -> HttpResponse:
        """Where somebody goes on who has deleted it."""
        return redirect("admin:patients_patient_change", row.patient_id)

    def _ask_why(self, request: HttpRequest, row: Any, chart: Patient, form: ReasonForm) -> HttpResponse:
        shows(request, [row], about=self.model._meta.label, about_id=row.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete this {_named(self.model)}",
            "row": row,
            "chart": chart,
            "what": described(row),
            "form": form,
            "parts": KINDS[self.model._meta.label].parts_said,
            "days": settings.RESTORE_DAYS,
            "kept": KINDS[self.model._meta.label].kept_since is not None and current_practice().retention_years,
        }
        return TemplateResponse(request, "admin/delete.html", context)


def described(row: Model) -> str:
    """Which one it is, for somebody who may look into its chart."""
    with unreadable_marked():
        match row._meta.label:
            case "patients.Patient" | "records.Attachment":
                return str(row.name)  # type: ignore[attr-defined]
            case "records.PlanOfCare":
                return str(row.title)  # type: ignore[attr-defined]
            case "appointments.Appointment":
                return in_local_time(row, row.starts_at)  # type: ignore[arg-type, attr-defined]
        return moment(row.date)  # type: ignore[attr-defined]


def _named(model: Any) -> str:
    return "chart" if model is Patient else str(model._meta.verbose_name)


# --- What is deleted --------------------------------------------------------------------------------------------------


def sees_deleted(request: HttpRequest) -> bool:
    """Whether the menu leads here."""
    return acting(request).can(Permission.DELETE_CLINICAL)


class KindFilter(SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, capfirst(_named(apps.get_model(label)))) for label, kind in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Deletion]) -> QuerySet[Deletion]:
        label = next((label for label, kind in KINDS.items() if kind.name == self.value()), None)
        return queryset.filter(about=label) if label else queryset


class DeletionAdmin(PracticeModelAdmin):
    list_display = ("what", "patient_name", "deleted", "who", "standing")
    list_filter = (KindFilter,)
    search_fields = ("patient",)
    search_help_text = "The patient's name, email or phone"
    fields = ("what", "which", "patient_name", "deleted", "who", "why", "standing", "retention")
    readonly_fields = fields
    change_form_outer_after_template = "admin/patients/deletion/restore.html"

    def get_urls(self) -> list[URLPattern]:
        restore = self.admin_site.admin_view(require_POST(self.restore))
        return [path("<uuid:deletion_id>/restore/", restore, name="patients_deletion_restore"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return deletions.deletions_for(acting(request))

    def search(self, queryset: Any, term: str) -> Any:
        hits = find(Patient.with_deleted.all(), term)
        return queryset.filter(patient_id__in=hits if isinstance(hits, list) else hits.order_by().values("pk"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed is not None:
            listed.result_list = _with_retention(listed.result_list)
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        deletion = context["original"]
        _with_retention([deletion])
        context["may_restore"] = _restorable(deletion)
        return super().render_change_form(request, context, *args, **kwargs)

    def restore(self, request: HttpRequest, deletion_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            deletion = self.get_queryset(request).found(pk=deletion_id)
            model = apps.get_model(deletion.about)
            deletions.restore(by=acting(request), model=model, pk=deletion.about_id)
        except Missing as error:
            raise Http404 from error
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return redirect("admin:patients_deletion_change", deletion_id)
        messages.success(request, f"The {_named(model)} is restored.")
        return redirect("admin:patients_deletion_changelist")

    # --- Columns and fields

    @admin.display(description="What", ordering="about")
    def what(self, row: Deletion) -> str:
        return capfirst(_named(apps.get_model(row.about)))

    @admin.display(description="Which one")
    def which(self, row: Deletion) -> str:
        hidden = apps.get_model(row.about).with_deleted.filter(pk=row.about_id).first()
        return described(hidden) if hidden and not row.patient.is_closed else WITHHELD

    @admin.display(description="Patient")
    def patient_name(self, row: Deletion) -> str:
        return str(row.patient.name)

    @admin.display(description="Deleted", ordering="created_at")
    def deleted(self, row: Deletion) -> str:
        return moment(row.created_at)

    @admin.display(description="By")
    def who(self, row: Deletion) -> str:
        return row.deleter

    @admin.display(description="Why")
    def why(self, row: Deletion) -> str:
        return WITHHELD if row.patient.is_closed else row.reason

    @admin.display(description="Standing")
    def standing(self, row: Any) -> str:
        if row.purge_began_at:
            return "Being removed for good"
        if _restorable(row):
            return f"Can be restored until {day(row.restorable_until)}"
        return f"Cannot be restored any more; {self.retention(row)}"

    @admin.display(description="For good")
    def retention(self, row: Any) -> str:
        if row.on_hold:
            return "kept as long as the chart is on legal hold"
        if row.kept_until and row.kept_until > timezone.now():
            return f"kept until {day(row.kept_until)}, as the practice's years of retention have it"
        return "removed by the next purge" if not _restorable(row) else "removed once it cannot be restored any more"


WITHHELD = "Withheld: the chart is restricted."


def _restorable(deletion: Any) -> bool:
    return deletion.restorable_until > timezone.now() and not deletion.purge_began_at


def _with_retention(rows: Any) -> list[Any]:
    rows = list(rows)
    until = kept_until(rows)
    for row in rows:
        row.kept_until = until.get(row.pk)
    return rows
