"""Files of charts."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from audit import log
from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.models import Patient
from patients.restriction.services import check_access, emergency_details, resolve_access
from records.attachments import links, quota, services
from records.attachments.archives import zip_files
from records.attachments.downloads import check_downloadable, download_response, file_response
from records.attachments.serializers import (
    AttachmentChange,
    AttachmentInput,
    AttachmentPage,
    AttachmentQuery,
    AttachmentShape,
    LinkShape,
)
from records.attachments.uploads import Multipart, Upload
from records.models import Attachment, SessionNote
from records.models.attachment import AttachmentQuerySet, FileState, MediaType

READ = (Permission.READ_RECORDS, Permission.READ_OWN_RECORDS)
DELETE_FILES = (Permission.DELETE_CLINICAL, Permission.ADD_FILES)  # the second for files of one's own
LABEL = Attachment._meta.label
UPLOAD_ERRORS = {
    "400": "The form is malformed, or the file was rejected: `detail` says why.",
    "413": "The file is larger than the limit.",
    "415": "The body is not multipart/form-data.",
    "503": "File storage is not available; nothing was stored.",
    "507": "The patient's or the practice's file quota is used up.",
}
NOT_SERVED = {
    "403": "The role may not do this, the chart is closed to the caller, or a virus was found in the file.",
    "404": "No such file in this practice, or it is missing from storage.",
    "409": "It is waiting for its virus scan.",
    "503": "File storage is not available, or the stored file is damaged.",
}
FILE = {(200, media_type): OpenApiTypes.BINARY for media_type in MediaType.values}
MAX_FILES_PER_EVENT = 1000  # files named in one event


class Attachments(ApiView):
    permissions = {"GET": READ, "POST": Permission.ADD_FILES}
    audit_events = {"GET": AuditEvent.FILES_LISTED, "POST": AuditEvent.CREATED}
    audited_model = LABEL
    parser_classes = [Multipart]
    one_transaction = False  # a file is scanned and cleaned before its own; SQLite would keep all others waiting
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | UPLOAD_ERRORS}

    @extend_schema(parameters=[AttachmentQuery], responses={200: AttachmentPage}, summary="List files, newest first")
    def get(self, request: Request) -> Response:
        query = self.checked_query(AttachmentQuery)
        patient_id = query.get("patient_id")
        found = _files_for(self.caller, patient_id, query.get("note_id"))
        if "category" in query:
            found = found.filter(category=query["category"])
        page = Page.taken_from(query)
        rows = page.rows(found.with_people())
        total = found.count()
        opened = emergency_details(resolve_access(self.caller, [row.patient for row in rows]))
        whom = [patient_id] if patient_id else (row.patient_id for row in rows)
        self.audit_read(whom, hits=total, **page.asked, **opened)
        shown = [AttachmentShape.to_dict(row) for row in rows]
        usage = _usage_for(self.caller, patient_id)
        return Response({"attachments": shown, "total": total, **page.asked, **page.next, **usage})

    @extend_schema(
        request={"multipart/form-data": AttachmentInput},
        responses={201: AttachmentShape},
        summary="Add a file to a chart, or to your own session note",
        description="PDF, JPEG, PNG, WebP, HEIC or plain text. The extension says which; a declared type may be "
        "missing or unspecific (application/octet-stream), but must not name another, and the content must be what "
        "the extension says. The file is scanned for viruses, and metadata and active content are removed; only the "
        "cleaned file is stored, a HEIC as JPEG and a text in UTF-8. A `quarantined` file is waiting for the scan and "
        "cannot be downloaded yet.",
    )
    def post(self, request: Request) -> Response:
        with services.audit_rejections(by=self.caller, patients=[]):
            sent = self.checked(AttachmentInput)
        added = services.add_file(by=self.caller, **sent)
        self.audit_read([added.patient_id], **emergency_details([added.patient]))
        return Response(AttachmentShape.to_dict(added), status=201)

    def body_parts(self) -> Iterator[bytes]:
        with services.audit_rejections(by=self.caller, patients=[]):
            sent: Any = self.request.data
        for name, value in sorted(sent.items()):
            yield name.encode()
            if isinstance(value, Upload):
                yield from (value.name.encode(), value.declared_type.encode())
                yield from value.chunks()
            else:
                yield str(value).encode()


def _files_for(user: User, patient_id: UUID | None, note_id: UUID | None) -> AttachmentQuerySet:
    """Return the files that `user` may list. Raises NotFound for an unknown patient or note: an empty list would read
    as `none`."""
    found: AttachmentQuerySet = Attachment.objects.visible_to(user).newest_first()
    if patient_id is not None:
        check_access(user, Patient.objects.visible_to(user).only("restricted").get_or_refuse(pk=patient_id))
        found = found.filter(patient_id=patient_id)
    if note_id is not None:
        found = found.filter(note=SessionNote.objects.visible_to(user).only("pk").get_or_refuse(pk=note_id))
    return found


def _usage_for(user: User, patient_id: UUID | None) -> dict[str, int]:
    """Return the space used and allowed, to those who may add files: it counts files of drafts, which a patient must
    not learn of."""
    if patient_id is None or not user.can(Permission.ADD_FILES):
        return {}
    return {"usedBytes": quota.used_bytes(patient_id), "roomBytes": settings.PATIENT_FILES_BYTES}


class AttachmentById(ApiView):
    permissions = {"GET": READ, "PATCH": Permission.ADD_FILES, "DELETE": DELETE_FILES}
    audit_events = {"GET": AuditEvent.FILES_LISTED, "PATCH": AuditEvent.CHANGED, "DELETE": AuditEvent.SOFT_DELETED}
    audited_model = LABEL
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(responses={200: AttachmentShape}, summary="Get the details of a file")
    def get(self, request: Request, attachment_id: UUID) -> Response:
        found = services.get_file(by=self.caller, attachment_id=attachment_id)
        self.audit_read([found.patient_id], **emergency_details([found.patient]))
        return Response(AttachmentShape.to_dict(found))

    @extend_schema(
        request=AttachmentChange,
        responses={200: AttachmentShape},
        summary="Rename a file, or put it in another category",
        description="It is renamed by the person who uploaded it, or an office manager. The extension stays the same, "
        "whether or not the new name includes it.",
    )
    def patch(self, request: Request, attachment_id: UUID) -> Response:
        def shown() -> dict[str, Any]:
            return AttachmentShape.to_dict(services.get_file(by=self.caller, attachment_id=attachment_id))

        changes = self.checked_changes(AttachmentChange, shown=shown)
        changed = services.change_file(by=self.caller, attachment_id=attachment_id, **changes)
        self.audit_read([changed.patient_id], **emergency_details([changed.patient]))
        return Response(AttachmentShape.to_dict(changed))

    delete = delete_handler(Attachment)


class RestoreAttachment(RestoreView):
    permissions = {"POST": DELETE_FILES}
    audited_model = Attachment._meta.label
    post = restore_handler(Attachment)


class Download(ApiView):
    """The base of views that send a file."""

    permissions = {"GET": READ}
    audit_events = {"GET": AuditEvent.FILE_READ}
    audited_model = LABEL

    def respond(self, attachment_id: UUID) -> StreamingHttpResponse:
        found = services.get_file(by=self.caller, attachment_id=attachment_id)
        check_downloadable(found)
        services.look_at(by=self.caller, file=found)
        self.audit_read([found.patient_id], file=found.pk, **emergency_details([found.patient]))
        return file_response(found, with_body=self.request.method != "HEAD")


class Content(Download):
    """Send the file as a download, never to be shown by the browser."""

    permissions = {"GET": READ}
    extra_errors = {"GET": NOT_SERVED}

    @extend_schema(responses=FILE, summary="Download a file")
    def get(self, request: Request, attachment_id: UUID) -> StreamingHttpResponse:
        return self.respond(attachment_id)


class LinkedContent(Download):
    permissions = {"GET": READ}
    extra_errors = {"GET": NOT_SERVED | {"410": "The link has expired."}}

    @extend_schema(responses=FILE, summary="Download a file by a link to it")
    def get(self, request: Request, attachment_id: UUID, token: str) -> StreamingHttpResponse:
        links.check(by=self.caller, attachment_id=attachment_id, token=token)
        return self.respond(attachment_id)


class Link(ApiView):
    permissions = {"POST": READ}
    audit_events = {"POST": AuditEvent.FILE_LINKED}
    audited_model = LABEL
    extra_errors = {"POST": NOT_SERVED}

    @extend_schema(
        request=None,
        responses={200: LinkShape},
        summary="Create a link to a file, valid for 15 minutes and only in the caller's session",
    )
    def post(self, request: Request, attachment_id: UUID) -> Response:
        found = services.get_file(by=self.caller, attachment_id=attachment_id)
        check_downloadable(found)
        self.audit_read([found.patient_id], file=found.pk, **emergency_details([found.patient]))
        token, expires_at = links.create(by=self.caller, attachment_id=found.pk)
        return Response({"url": f"/api/attachments/{found.pk}/link/{token}", "expiresAt": expires_at})


class AttachmentsZip(ApiView):
    """All ready files except those of drafts. Files that cannot be read from storage are listed in a text file
    inside."""

    permissions = {"GET": READ}
    audit_events = {"GET": AuditEvent.FILE_READ}
    audited_model = LABEL
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY}, summary="Download all files of a chart as a ZIP"
    )
    def get(self, request: Request, chart_id: UUID) -> StreamingHttpResponse:
        chart = check_access(
            self.caller, Patient.objects.visible_to(self.caller).only("restricted").get_or_refuse(pk=chart_id)
        )
        seen = Attachment.objects.visible_to(self.caller).finalised()
        ready = seen.filter(patient_id=chart_id, state=FileState.READY)
        files = list(ready.order_by("id").values_list("pk", flat=True))
        self._log_download(chart, files)
        chunks = zip_files(files, practice_id=self.caller.practice_id)
        return download_response(chunks, name="files.zip", content_type="application/zip")

    def _log_download(self, chart: Patient, files: list[UUID]) -> None:
        """Log every file by its id, in several events if there are very many."""
        opened = emergency_details([chart])
        *before, last = [
            files[start : start + MAX_FILES_PER_EVENT] for start in range(0, max(len(files), 1), MAX_FILES_PER_EVENT)
        ]
        for part in before:
            log.record(
                AuditEvent.FILE_READ,
                practice_id=self.caller.practice_id,
                patients=[chart.pk],
                about=LABEL,
                files=part,
                **opened,
            )
        self.audit_read([chart.pk], files=last, **opened)
