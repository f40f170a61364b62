"""The base of admins whose rows are soft-deleted with a reason."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.base import P, PracticeModelAdmin, add_refusal, current_user
from core.encryption.fields import unreadable_marked
from core.errors import NotFound, Refusal
from core.formats import format_date, format_datetime
from core.texts import READABLE
from patients.deletion import services as deletions
from patients.deletion.services import DELETABLES
from patients.models import Patient
from practices.services import current_practice


class DeletionForm(forms.Form):
    """The reason for a deletion; stored encrypted and shown to office managers."""

    reason = forms.CharField(
        label=_("Reason"), max_length=1000, validators=READABLE, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class DeletableAdmin(PracticeModelAdmin):
    """An admin whose delete page asks for a reason and hides the row instead of removing it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Apply the model's deletion rule to `obj`; without one, whether the user may delete any row at all."""
        if not self._may(request, P.USE_ADMIN_SITE, self.access.delete):
            return False
        kind, user = DELETABLES[self.model._meta.label], current_user(request)
        return obj is None or user.can(kind.permission) or kind.is_own(obj, user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Remove bulk deletion, since every deletion needs its own reason."""
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
            return redirect("admin:patients_patient_change", chart.pk)  # which shows that the chart is restricted
        form = DeletionForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                deletion = deletions.delete(by=current_user(request), row=row, reason=form.cleaned_data["reason"])
            except NotFound as error:
                raise Http404 from error
            except Refusal as refusal:
                log_page_refusal(request, refusal)
                add_refusal(form, refusal)
            else:
                until = format_date(deletion.restorable_until)
                sentence = gettext("The %(kind)s was deleted. It can be restored until %(day)s.")
                messages.success(request, sentence % {"kind": model_name(self.model), "day": until})
                return self.after_deletion(row)
        return self._confirmation_page(request, row, chart, form)

    def describe_briefly(self, row: Any) -> str:
        """Return which row of its chart it is."""
        return format_datetime(row.date)

    def describe(self, row: Any) -> str:
        return f"{row.patient.name}, {self.describe_briefly(row)}"

    def after_deletion(self, row: Any) -> HttpResponse:
        """Return the redirect after a deletion."""
        return redirect("admin:patients_patient_change", row.patient_id)

    def _confirmation_page(self, request: HttpRequest, row: Any, chart: Patient, form: DeletionForm) -> HttpResponse:
        log_page_read(request, [row], about=self.model._meta.label, about_id=row.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Delete this %(kind)s") % {"kind": model_name(self.model)},
            "row": row,
            "chart": chart,
            "what": describe_row(self, row),
            "form": form,
            "parts": DELETABLES[self.model._meta.label].parts_message,
            "days": settings.RESTORE_DAYS,
            "kept": DELETABLES[self.model._meta.label].retention_starts_at is not None
            and current_practice().retention_years,
        }
        return TemplateResponse(request, "admin/delete.html", context)


def describe_row(model_admin: DeletableAdmin, row: Model) -> str:
    with unreadable_marked():
        return model_admin.describe_briefly(row)


def model_name(model: Any) -> str:
    return gettext("chart") if model is Patient else str(model._meta.verbose_name)
