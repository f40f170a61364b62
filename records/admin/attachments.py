"""The files of a chart: added, downloaded and renamed as in the API (records/attachments/)."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from audit.events import AuditEvent
from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.base import Access, P, add_refusal, current_user
from core.errors import Refusal
from core.formats import format_datetime, format_size
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import ChartRestricted, check_access
from records.admin.medical_records import ClinicalAdmin, link_to
from records.attachments import services
from records.attachments.downloads import check_downloadable, file_response
from records.attachments.media_types import EXTENSIONS
from records.attachments.uploads import read_form
from records.models import Attachment
from records.models.attachment import VISIBLE_STATES, FileState


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("File"), widget=forms.FileInput(attrs={"accept": ",".join(f".{extension}" for extension in EXTENSIONS)})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field, max_bytes = self.fields["file"], settings.MAX_FILE_BYTES
        field.widget.attrs["data-max-bytes"] = max_bytes  # for admin.js
        size = {"size": format_size(max_bytes)}
        field.widget.attrs["data-too-large"] = (
            gettext("This file is larger than the %(size)s limit. Save a smaller copy, or split it.") % size
        )
        field.help_text = gettext("PDF, JPEG, PNG, WebP, HEIC or plain text, up to %(size)s.") % size


class StateFilter(admin.SimpleListFilter):
    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in VISIBLE_STATES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(state=self.value()) if self.value() in VISIBLE_STATES else queryset


@admin.register(Attachment)
class FileAdmin(ClinicalAdmin):
    empty_hint = _("Files are added on the page of a chart.")
    begins_at = (("admin:patients_patient_changelist", _("Patients")),)
    access = Access(P.READ_RECORDS, change=P.ADD_FILES, delete=P.ADD_FILES)
    ordering = ("-id",)
    list_display = ("name", "patient_name", "kind", "file_size", "state", "added")
    list_filter = (*ClinicalAdmin.list_filter, StateFilter)
    fields = ("name", "chart_link", "kind", "file_size", "state", "added", "added_by", "note_link")
    readonly_fields = fields[1:]
    change_form_outer_after_template = "admin/records/download.html"

    def get_urls(self) -> list[URLPattern]:
        content = self.admin_site.admin_view(require_GET(self.content))
        add = self.admin_site.admin_view(csrf_exempt(require_http_methods(["GET", "POST"])(self.add_to)))
        own = [
            path("<uuid:attachment_id>/content/", content, name="records_attachment_content"),
            path("to/<uuid:patient_id>/", add, name="records_attachment_add_to"),
        ]
        return own + super().get_urls()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only the name can change: by the person who added the file, or an office manager."""
        user = request.user
        if not self._may(request, P.USE_ADMIN_SITE, P.ADD_FILES) or not isinstance(user, User):
            return False
        return obj is None or obj.uploaded_by_id == user.pk or user.can(Permission.DELETE_CLINICAL)

    def change(self, request: HttpRequest, row: Attachment, values: dict[str, Any]) -> Attachment:
        return services.change_file(by=current_user(request), attachment_id=row.pk, name=values["name"])

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["is_ready"] = context["original"].state == FileState.READY
        return super().render_change_form(request, context, *args, **kwargs)

    def describe_briefly(self, row: Attachment) -> str:
        return str(row.name)

    # --- Downloading and adding

    def content(self, request: HttpRequest, attachment_id: UUID) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        file = self.get_queryset(request).get_or_refuse(pk=attachment_id)
        check_downloadable(file)
        services.look_at(by=current_user(request), file=file)
        log_page_read(
            request, [file], about=Attachment._meta.label, about_id=file.pk, kind=AuditEvent.FILE_READ, file=file.pk
        )
        return file_response(file, with_body=True)

    def add_to(self, request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
        """Show and handle the form. Permission is checked before any of the file is read; the CSRF token afterwards, as
        it is in the same body."""
        user = current_user(request)
        if not self._may(request, P.USE_ADMIN_SITE, P.ADD_FILES):
            raise PermissionDenied
        try:
            chart = check_access(user, Patient.objects.visible_to(user).get_or_refuse(pk=patient_id))
        except ChartRestricted as closed:
            log_page_refusal(request, closed)
            return redirect("admin:patients_patient_change", patient_id)  # which explains why
        if request.method == "GET":
            return self._form(request, chart, FileForm())
        try:
            with services.audit_rejections(by=user, patients=[chart.pk]):
                read_form(request)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self._form(request, chart, FileForm(), refused=[refusal.detail])
        return csrf_protect(self._add)(request, chart)

    def _add(self, request: HttpRequest, chart: Patient) -> HttpResponse:
        form = FileForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                added = services.add_file(by=current_user(request), file=form.cleaned_data["file"], patient_id=chart.pk)
            except Refusal as refusal:
                log_page_refusal(request, refusal)
                add_refusal(form, refusal)
            else:
                messages.success(request, ADDED[FileState(added.state)])
                return redirect(f"{reverse('admin:patients_patient_change', args=[chart.pk])}#files")
        return self._form(request, chart, form)

    def _form(self, request: HttpRequest, chart: Patient, form: FileForm, **shown: Any) -> HttpResponse:
        log_page_read(request, [chart], about=Patient._meta.label, about_id=chart.pk)
        context = {**self.admin_site.each_context(request), "title": gettext("Add a file"), "chart": chart}
        return TemplateResponse(request, "admin/records/add_file.html", {**context, "form": form, **shown})

    # --- Columns and fields

    @admin.display(description=_("Type"), ordering="media_type")
    def kind(self, file: Attachment) -> str:
        return file.get_media_type_display()

    @admin.display(description=_("Size"), ordering="size")
    def file_size(self, file: Attachment) -> str:
        return format_size(file.size)

    @admin.display(description=_("Added"), ordering="created_at")
    def added(self, file: Attachment) -> str:
        return format_datetime(file.created_at)

    @admin.display(description=_("Added by"))
    def added_by(self, file: Attachment) -> str:
        return file.uploaded_by_name

    @admin.display(description=_("Session note"))
    def note_link(self, file: Attachment) -> SafeString | None:
        note = file.note
        is_shown = note is not None and note.deletion_id is None and note.finalised_at is not None
        return link_to(note, format_datetime(note.date)) if note and is_shown else None


ADDED = {
    FileState.READY: _("The file was added."),
    FileState.QUARANTINED: _("The file was added. It can be opened once it has been scanned for viruses."),
}
