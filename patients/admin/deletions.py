"""The list of deleted charts and rows, which shows until when each can be restored."""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import Access, P, PracticeModelAdmin, current_user, post_action
from core.formats import format_date, format_datetime
from patients.admin.base import describe_row, model_name
from patients.deletion import services as deletions
from patients.deletion.retention import kept_until
from patients.deletion.services import DELETABLES
from patients.models import Deletion, Patient
from patients.search import search_charts

if TYPE_CHECKING:
    from patients.admin.base import DeletableAdmin


class KindFilter(SimpleListFilter):
    title = _("type")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, capfirst(model_name(apps.get_model(label)))) for label, kind in DELETABLES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Deletion]) -> QuerySet[Deletion]:
        label = next((label for label, kind in DELETABLES.items() if kind.name == self.value()), None)
        return queryset.filter(about=label) if label else queryset


@admin.register(Deletion)
class DeletionAdmin(PracticeModelAdmin):
    empty_hint = _("What somebody deletes appears here and can be restored.")
    access = Access(P.DELETE_CLINICAL)
    list_display = ("what", "patient_name", "deleted", "who", "standing")
    list_filter = (KindFilter,)
    search_fields = ("patient",)
    search_help_text = _("The patient's name, email, phone or date of birth")
    fields = ("what", "which", "patient_name", "deleted", "who", "why", "standing", "retention")
    readonly_fields = fields
    change_form_outer_after_template = "admin/patients/deletion/restore.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return deletions.deletions_for(current_user(request))

    def search(self, queryset: Any, term: str) -> Any:
        hits = search_charts(Patient.with_deleted.all(), term)
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

    @post_action("<uuid:deletion_id>/restore/", permission="view")
    def restore(self, request: HttpRequest, deletion_id: UUID) -> HttpResponse:
        deletion = self.get_queryset(request).get_or_refuse(pk=deletion_id)
        model = apps.get_model(deletion.about)
        deletions.restore(by=current_user(request), model=model, pk=deletion.about_id)
        messages.success(request, gettext("The %(kind)s was restored.") % {"kind": model_name(model)})
        return redirect("admin:patients_deletion_changelist")

    def describe(self, row: Deletion) -> str:
        names = {"kind": self.what(row), "patient": row.patient.name, "moment": self.deleted(row)}
        return gettext("%(kind)s of %(patient)s, %(moment)s") % names

    # --- Columns and fields

    @admin.display(description=_("Type"), ordering="about")
    def what(self, row: Deletion) -> str:
        return capfirst(model_name(apps.get_model(row.about)))

    @admin.display(description=_("Item"))
    def which(self, row: Deletion) -> str:
        model = apps.get_model(row.about)
        hidden = model.with_deleted.filter(pk=row.about_id).first()
        if hidden is None or row.patient.is_closed:
            return gettext("Hidden: the chart is restricted.")
        return describe_row(cast("DeletableAdmin", self.admin_site.get_model_admin(model)), hidden)

    @admin.display(description=_("Patient"))
    def patient_name(self, row: Deletion) -> str:
        return str(row.patient.name)

    @admin.display(description=_("Deleted"), ordering="created_at")
    def deleted(self, row: Deletion) -> str:
        return format_datetime(row.created_at)

    @admin.display(description=_("Deleted by"))
    def who(self, row: Deletion) -> str:
        return row.deleted_by_name

    @admin.display(description=_("Reason"))
    def why(self, row: Deletion) -> str:
        return gettext("Hidden: the chart is restricted.") if row.patient.is_closed else row.reason

    @admin.display(description=_("Status"))
    def standing(self, row: Any) -> str:
        if row.purge_began_at:
            return gettext("Being deleted permanently")
        if _restorable(row):
            return gettext("Can be restored until %(day)s") % {"day": format_date(row.restorable_until)}
        return gettext("Can no longer be restored; %(then)s") % {"then": self.retention(row)}

    @admin.display(description=_("Permanent deletion"))
    def retention(self, row: Any) -> str:
        if row.on_hold:
            return gettext("kept while the chart is on legal hold")
        if row.kept_until and row.kept_until > timezone.now():
            return gettext("kept until %(day)s (record retention)") % {"day": format_date(row.kept_until)}
        return gettext("when restore ends") if _restorable(row) else gettext("to be deleted permanently soon")


def _restorable(deletion: Any) -> bool:
    return deletion.restorable_until > timezone.now() and not deletion.purge_began_at


def _with_retention(rows: Any) -> list[Any]:
    rows = list(rows)
    until = kept_until(rows)
    for row in rows:
        row.kept_until = until.get(row.pk)
    return rows
