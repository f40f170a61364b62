"""The files of a chart: added by dropping them, looked at inside the page, named, sorted and compared."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from audit.events import AuditEvent
from core.api.pagination import Page
from core.errors import Invalid, NotFound, Refusal
from core.forms import CheckedForm
from core.middleware.csp import CSP, WORK_POLICY
from core.permissions import Permission
from core.texts import READABLE
from patients.deletion.services import delete
from records.attachments import services, storage
from records.attachments.downloads import (
    INLINE_HEADERS,
    INLINE_TYPES,
    check_downloadable,
    file_response,
    inline_response,
)
from records.attachments.small_pictures import small_picture
from records.attachments.uploads import read_form
from records.chart.accepted import Accepted
from records.chart.pages import ChartPage, DeletionForm, PostedPage
from records.models import Attachment
from records.models.attachment import MAX_NAME_LENGTH, PICTURES, FileCategory, FileState, MediaType

SIZE, MOST_PICTURES = 30, 100
MOST_TEXT = 200_000  # bytes of a text that a page shows
LABEL = Attachment._meta.label
FRAMING_POLICY = f"{WORK_POLICY}; frame-src 'self'"  # a PDF is shown in a frame


class CategoryForm(CheckedForm):
    category = forms.ChoiceField(choices=[("", ""), *FileCategory.choices], required=False)
    cursor = forms.CharField(required=False)


class AddForm(CheckedForm):
    file = forms.FileField(allow_empty_file=True)  # rejected when its content is checked
    category = forms.ChoiceField(choices=[("", ""), *FileCategory.choices], required=False)


class ChangeForm(CheckedForm):
    """`name` is asked of those who may rename the file."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, validators=READABLE, required=False, label=_("Name"))
    category = forms.ChoiceField(choices=FileCategory.choices)


class ComparedForm(CheckedForm):
    left = forms.UUIDField(required=False)
    right = forms.UUIDField(required=False)


class FilesPage(ChartPage):
    needs = Permission.READ_RECORDS
    about = LABEL

    def files(self) -> Any:
        return Attachment.objects.visible_to(self.user).filter(patient=self.chart)

    def get_file(self, file_id: UUID) -> Attachment:
        file: Attachment = self.files().with_people().get_or_refuse(pk=file_id)
        return file

    def show(self, template: str, **context: Any) -> HttpResponse:
        adding = {"may_add_files": self.user.can(Permission.ADD_FILES), "accepted": Accepted()}
        context = {"chart": self.chart, "categories": FileCategory.choices, **adding, **context}
        return render(self.request, f"records/chart/{template}.html", context)


class Files(FilesPage):
    """All files, newest first, or those of a category."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        asked = CategoryForm(request.GET).validated_data
        files = self.files().with_people().newest_first()
        if asked["category"]:
            files = files.filter(category=asked["category"])
        page = Page(page=1, limit=SIZE, cursor=asked["cursor"] or None)
        rows = page.rows(files)
        self.read([self.chart, *rows], kind=AuditEvent.FILES_LISTED, hits=len(rows))
        shown = [(row, reverse("chart_file", args=[self.chart.pk, row.pk])) for row in rows]
        more = page.next.get("next")
        return self.show("files", files=shown, shown=asked["category"], more=more, is_first=not asked["cursor"])


@method_decorator(csrf_exempt, name="dispatch")  # checked in `post`: the token is in the same body as the file
class AddFile(PostedPage):
    """One file, as its form or the page's script sends it. The script gets a line of the list, or what is wrong."""

    needs = Permission.ADD_FILES
    about = LABEL

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        with services.audit_rejections(by=self.user, patients=[self.chart.pk]):
            read_form(request)
        return csrf_protect(self.add)(request)

    def add(self, request: HttpRequest) -> HttpResponse:
        form = AddForm(request.POST, request.FILES)
        if "file" in form.errors:
            raise Invalid("file", gettext("Choose a file."))
        asked = form.validated_data
        category = asked["category"] or FileCategory.OTHER
        added = services.add_file(by=self.user, file=asked["file"], patient_id=self.chart.pk, category=category)
        if not self.is_asked_by_script():
            self.done(gettext("Added: %(file)s.") % {"file": added.name})
            return redirect("chart_file", self.chart.pk, added.pk)
        self.read([added], kind=AuditEvent.FILES_LISTED, about_id=added.pk)
        address = reverse("chart_file", args=[self.chart.pk, added.pk])
        return render(request, "records/chart/file_added.html", {"file": added, "address": address}, status=201)

    def is_asked_by_script(self) -> bool:
        return "X-Requested-By" in self.request.headers

    def _refusal(self, sentence: str, status: int) -> HttpResponse | None:
        if not self.is_asked_by_script():
            return super()._refusal(sentence, status)
        return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")


class File(FilesPage):
    """One file, shown inside the page."""

    def get(self, request: HttpRequest, patient_id: UUID, file_id: UUID, mistake: str = "") -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        file = self.get_file(file_id)
        text, error = self._text_of(file)
        kind = AuditEvent.FILE_READ if text else AuditEvent.FILES_LISTED
        self.read([file], kind=kind, about_id=file.pk, **({"file": file.pk} if text else {}))
        answer = self.show(
            "file",
            file=file,
            text=text,
            error=mistake or error,
            is_shown=file.state == FileState.READY and file.media_type in INLINE_TYPES,
            may_rename=services.may_rename(self.user, file),
            may_delete=self._may_delete(file),
            older=self.files().filter(pk__lt=file.pk).order_by("-id").values_list("pk", flat=True).first(),
            newer=self.files().filter(pk__gt=file.pk).order_by("id").values_list("pk", flat=True).first(),
        )
        answer[CSP] = FRAMING_POLICY
        return answer

    def post(self, request: HttpRequest, patient_id: UUID, file_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        if not self.user.can(Permission.ADD_FILES):
            raise PermissionDenied
        file = self.get_file(file_id)
        try:
            asked = ChangeForm(request.POST).validated_data
            services.change_file(
                by=self.user, attachment_id=file.pk, name=asked["name"] or None, category=asked["category"]
            )
        except Invalid as mistake:
            return self.get(request, patient_id, file_id, mistake=mistake.message)
        self.done(gettext("Saved: %(file)s.") % {"file": asked["name"] or file.name})
        return redirect("chart_file", self.chart.pk, file.pk)

    def _text_of(self, file: Attachment) -> tuple[str, str]:
        """Return the beginning of a text, which counts as opening it, and what keeps the file from being shown."""
        try:
            check_downloadable(file)
            if file.media_type != MediaType.TEXT:
                return "", ""
            data = _beginning(storage.open_file(file))
        except Refusal as refusal:
            return "", refusal.detail
        services.look_at(by=self.user, file=file)
        return data.decode(errors="ignore"), ""

    def _may_delete(self, file: Attachment) -> bool:
        own = file.uploaded_by_id == self.user.pk and self.user.can(Permission.ADD_FILES)
        return own or self.user.can(Permission.DELETE_CLINICAL)


def _beginning(chunks: Iterable[bytes]) -> bytes:
    data = b""
    for chunk in chunks:
        data += chunk
        if len(data) >= MOST_TEXT:
            break
    return data[:MOST_TEXT]


class FileContent(FilesPage):
    """The file itself: to be shown in a page of ours, or as a download."""

    http_method_names = ["get", "head"]
    as_download = is_small = False

    def get(self, request: HttpRequest, patient_id: UUID, file_id: UUID) -> HttpResponseBase:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        file = self.get_file(file_id)
        check_downloadable(file)
        services.look_at(by=self.user, file=file)
        self.read([file], kind=AuditEvent.FILE_READ, about_id=file.pk, file=file.pk)
        if self.is_small and (small := small_picture(file)):
            return HttpResponse(small, content_type=MediaType.JPEG.value, headers=INLINE_HEADERS)
        return file_response(file, with_body=True) if self.as_download else inline_response(file)


class DownloadFile(FileContent):
    as_download = True


class SmallPicture(FileContent):
    """A picture in a small size, for the banner."""

    is_small = True


class DeleteFile(PostedPage):
    needs = Permission.ADD_FILES
    about = LABEL

    def get(self, request: HttpRequest, patient_id: UUID, **which: Any) -> HttpResponse:
        return redirect("chart_files", patient_id)  # after a sign-in

    def post(self, request: HttpRequest, patient_id: UUID, file_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        file = Attachment.objects.visible_to(self.user).filter(patient=self.chart).get_or_refuse(pk=file_id)
        delete(by=self.user, row=file, reason=DeletionForm(request.POST).validated_data["reason"])
        said = {"file": file.name, "patient": self.chart.name}
        self.done(gettext("Deleted: %(file)s of %(patient)s. A manager can restore it.") % said)
        return redirect("chart_files", self.chart.pk)


class CompareFiles(FilesPage):
    """Two pictures side by side: the ones that are asked for, or the first "before" and the last "after"."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        asked = ComparedForm(request.GET).validated_data
        ready = self.files().filter(media_type__in=PICTURES, state=FileState.READY)
        pictures = list(ready.with_people().newest_first()[:MOST_PICTURES])
        self.read([self.chart, *pictures], kind=AuditEvent.FILES_LISTED, hits=len(pictures))
        left = _picked(pictures[::-1], asked["left"], FileCategory.BEFORE)
        right = _picked(pictures, asked["right"], FileCategory.AFTER)
        sides = [("left", gettext("Before"), left), ("right", gettext("After"), right)]
        return self.show("compare", pictures=pictures, sides=sides)


def _picked(pictures: list[Attachment], asked: UUID | None, category: FileCategory) -> Attachment | None:
    """Return the picture that is asked for, else the first of the category, else the first. Raises NotFound for one
    that is none of these."""
    if asked is not None:
        found = next((picture for picture in pictures if picture.pk == asked), None)
        if found is None:
            raise NotFound(gettext("This picture is not in this chart."), about=LABEL, about_id=asked)
        return found
    return next((picture for picture in pictures if picture.category == category), next(iter(pictures), None))
