"""The files of a chart: added, downloaded and named anew here like through the API (records/files/)."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods
from rest_framework.exceptions import APIException

from accounts.models import User
from accounts.roles import Permission
from audit.events import Kind
from core.errors import Refusal
from dashboard.admin_base import P, acting, show_refusal
from dashboard.admin_reads import shows
from dashboard.admin_records import ClinicalAdmin, link_to
from dashboard.moments import moment
from patients.models import Patient
from patients.restriction import open_for
from records.files import services
from records.files.answers import check_served, file_answer
from records.files.kinds import EXTENSIONS
from records.files.uploading import Multipart
from records.models import Attachment
from records.models.attachment import SHOWN, State


class FileForm(forms.Form):
    file = forms.FileField(
        widget=forms.FileInput(attrs={"accept": ",".join(f".{extension}" for extension in EXTENSIONS)})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field, most = self.fields["file"], settings.MAX_FILE_BYTES
        field.widget.attrs["data-most"] = most  # for admin.js
        field.help_text = f"PDF, JPEG, PNG, WebP, HEIC or plain text, of at most {filesizeformat(most)}."


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in SHOWN]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(state=self.value()) if self.value() in SHOWN else queryset


class FileAdmin(ClinicalAdmin):
    ordering = ("-id",)
    list_display = ("name", "patient_name", "kind", "size_said", "state", "added")
    list_filter = (*ClinicalAdmin.list_filter, StateFilter)
    fields = ("name", "chart_link", "kind", "size_said", "state", "added", "added_by", "note_link")
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
        """Its name alone: by whoever has added it, or an office manager."""
        user = request.user
        if not self._may(request, P.USE_ADMIN_SITE, P.ADD_FILES) or not isinstance(user, User):
            return False
        return obj is None or obj.uploaded_by_id == user.pk or user.can(Permission.DELETE_CLINICAL)

    def change(self, request: HttpRequest, row: Attachment, values: dict[str, Any]) -> Attachment:
        return services.rename(by=acting(request), attachment_id=row.pk, name=values["name"])

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["is_ready"] = context["original"].state == State.READY
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Downloading and adding

    def content(self, request: HttpRequest, attachment_id: UUID) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        file = self.get_queryset(request).found(pk=attachment_id)
        check_served(file)
        shows(request, [file], about=Attachment._meta.label, about_id=file.pk, kind=Kind.FILE_READ, file=file.pk)
        return file_answer(file, with_body=True)

    def add_to(self, request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
        """Who may not is refused before a byte of the file is read; the form's token is asked for once it is, for it
        stands in the same body."""
        user = acting(request)
        if not self._may(request, P.USE_ADMIN_SITE, P.ADD_FILES):
            raise PermissionDenied
        (chart,) = open_for(user, [Patient.objects.visible_to(user).found(pk=patient_id)])
        if chart.is_closed:
            return redirect("admin:patients_patient_change", chart.pk)  # which says so
        if request.method == "GET":
            return self._form(request, chart, FileForm())
        try:
            with services.turned_away_told(by=user, patients=[chart.pk]):
                _read(request)
        except Refusal as refusal:
            return self._form(request, chart, FileForm(), refused=[refusal.detail])
        return csrf_protect(self._add)(request, chart)

    def _add(self, request: HttpRequest, chart: Patient) -> HttpResponse:
        form = FileForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                added = services.add_file(by=acting(request), file=form.cleaned_data["file"], patient_id=chart.pk)
            except Refusal as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(request, ADDED[State(added.state)])
                return redirect(f"{reverse('admin:patients_patient_change', args=[chart.pk])}#files")
        return self._form(request, chart, form)

    def _form(self, request: HttpRequest, chart: Patient, form: FileForm, **shown: Any) -> HttpResponse:
        shows(request, [chart], about=Patient._meta.label, about_id=chart.pk)
        context = {**self.admin_site.each_context(request), "title": "Add a file", "chart": chart}
        return TemplateResponse(request, "admin/records/add_file.html", {**context, "form": form, **shown})

    # --- Columns and fields

    @admin.display(description="Type", ordering="media_type")
    def kind(self, file: Attachment) -> str:
        return file.get_media_type_display()

    @admin.display(description="Size", ordering="size")
    def size_said(self, file: Attachment) -> str:
        return filesizeformat(file.size)

    @admin.display(description="Added", ordering="created_at")
    def added(self, file: Attachment) -> str:
        return moment(file.created_at)

    @admin.display(description="Added by")
    def added_by(self, file: Attachment) -> str:
        return file.uploader

    @admin.display(description="Session note")
    def note_link(self, file: Attachment) -> SafeString | None:
        note = file.note
        is_shown = note is not None and note.deletion_id is None and note.finalised_at is not None
        return link_to(note, moment(note.date)) if note and is_shown else None


ADDED = {
    State.READY: "The file is added.",
    State.QUARANTINED: "The file is added, and waits for the virus scan before anybody can open it.",
}


def _read(request: HttpRequest) -> None:
    """The form, whose file goes encrypted into a temporary file as it comes (records/files/uploading.py). Raises
    Refusal."""
    try:
        sent = Multipart().parse(request, context={"request": request})
    except APIException as error:
        raise Refusal(str(error.detail)) from error
    request._post, request._files = sent.data, sent.files  # type: ignore[attr-defined]
