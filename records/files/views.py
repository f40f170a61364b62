"""Files of charts."""

from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission
from audit import trail
from audit.events import Kind
from core.api.pages import page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from patients.deletion_views import DELETE_ERRORS, deleting
from patients.models import Patient
from patients.restriction import check_open, emergencies, open_for
from records.deletion_views import DELETE_FILES
from records.files import links, quota, services
from records.files.answers import check_served, download, file_answer
from records.files.serializers import (
    AttachmentInput,
    AttachmentPage,
    AttachmentQuery,
    AttachmentShape,
    LinkShape,
    RenameInput,
)
from records.files.uploading import Multipart
from records.files.zips import zipped
from records.models import Attachment, SessionNote
from records.models.attachment import AttachmentQuerySet, MediaType, State

READ = (Permission.READ_RECORDS, Permission.READ_OWN_RECORDS)
LABEL = Attachment._meta.label
UPLOAD_ERRORS = {
    "400": "The form is malformed, or the file is not one that is taken: `detail` says why.",
    "413": "The file is larger than is taken.",
    "415": "The body is not multipart/form-data.",
    "503": "The file storage does not answer; nothing was kept.",
    "507": "There is no room left for it, in the chart or in the practice.",
}
NOT_SERVED = {
    "403": "The role may not do this, the chart is closed to the caller, or a virus was found in the file.",
    "404": "No such file in this practice, or it is missing in the storage.",
    "409": "It waits for the virus scan.",
    "503": "The file storage does not answer, or what it holds is damaged.",
}
FILE = {(200, media_type): OpenApiTypes.BINARY for media_type in MediaType.values}
TOLD_AT_ONCE = 1000  # files named in one event


class Attachments(ApiView):
    permissions = {"GET": READ, "POST": Permission.ADD_FILES}
    trail = {"GET": Kind.FILES_LISTED, "POST": Kind.CREATED}
    about = LABEL
    parser_classes = [Multipart]
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | UPLOAD_ERRORS}

    @extend_schema(parameters=[AttachmentQuery], responses={200: AttachmentPage}, summary="Files, the newest first")
    def get(self, request: Request) -> Response:
        query = self.checked_query(AttachmentQuery)
        patient_id = query.get("patient_id")
        found = _files_for(self.caller, patient_id, query.get("note_id"))
        page = {"page": query["page"], "limit": query["limit"]}
        rows = list(page_of(found.with_people(), **page))
        total = found.count()
        opened = emergencies(open_for(self.caller, [row.patient for row in rows]))
        whom = [patient_id] if patient_id else (row.patient_id for row in rows)
        self.saw(whom, hits=total, **page, **opened)
        shown = [AttachmentShape.of(row) for row in rows]
        return Response({"attachments": shown, "total": total, **page, **_room_for(self.caller, patient_id)})

    @extend_schema(
        request={"multipart/form-data": AttachmentInput},
        responses={201: AttachmentShape},
        summary="Add a file to a chart, or to a session note of one's own",
        description="PDF, JPEG, PNG, WebP, HEIC or plain text, whose extension, declared type and content agree. It is "
        "scanned for viruses and cleaned of all that tells where it comes from and of all that a program could run; "
        "what is kept is that. `quarantined` waits for the scan, and is not handed out before.",
    )
    def post(self, request: Request) -> Response:
        with services.turned_away_told(by=self.caller, patients=[]):
            sent = self.checked(AttachmentInput)
        added = services.add_file(by=self.caller, **sent)
        self.saw([added.patient_id], **emergencies([added.patient]))
        return Response(AttachmentShape.of(added), status=201)


def _files_for(user: User, patient_id: UUID | None, note_id: UUID | None) -> AttachmentQuerySet:
    """Unknown patients and notes are errors: an empty list would read as `none`."""
    found: AttachmentQuerySet = Attachment.objects.visible_to(user).newest_first()
    if patient_id is not None:
        check_open(user, Patient.objects.visible_to(user).only("restricted").found(pk=patient_id))
        found = found.filter(patient_id=patient_id)
    if note_id is not None:
        found = found.filter(note=SessionNote.objects.visible_to(user).only("pk").found(pk=note_id))
    return found


def _room_for(user: User, patient_id: UUID | None) -> dict[str, int]:
    """For who may add files: it counts those of drafts, too, of which a patient is told nothing."""
    if patient_id is None or not user.can(Permission.ADD_FILES):
        return {}
    return {"usedBytes": quota.used_by(patient_id), "roomBytes": settings.PATIENT_FILES_BYTES}


class AttachmentById(ApiView):
    permissions = {"GET": READ, "PATCH": Permission.ADD_FILES, "DELETE": DELETE_FILES}
    trail = {"GET": Kind.FILES_LISTED, "PATCH": Kind.CHANGED, "DELETE": Kind.SOFT_DELETED}
    about = LABEL
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(responses={200: AttachmentShape}, summary="What is known of one file")
    def get(self, request: Request, attachment_id: UUID) -> Response:
        found = services.file_for(by=self.caller, attachment_id=attachment_id)
        self.saw([found.patient_id], **emergencies([found.patient]))
        return Response(AttachmentShape.of(found))

    @extend_schema(
        request=RenameInput,
        responses={200: AttachmentShape},
        summary="Name a file anew: whoever uploaded it, or an admin",
        description="The extension stays what it is, whether the new name has it or not.",
    )
    def patch(self, request: Request, attachment_id: UUID) -> Response:
        renamed = services.rename(by=self.caller, attachment_id=attachment_id, **self.checked(RenameInput))
        self.saw([renamed.patient_id], **emergencies([renamed.patient]))
        return Response(AttachmentShape.of(renamed))

    delete = deleting(Attachment)


class Download(ApiView):
    """The base of what hands out a file."""

    permissions = {"GET": READ}
    trail = {"GET": Kind.FILE_READ}
    about = LABEL

    def answer(self, attachment_id: UUID) -> StreamingHttpResponse:
        found = services.file_for(by=self.caller, attachment_id=attachment_id)
        check_served(found)
        self.saw([found.patient_id], file=found.pk, **emergencies([found.patient]))
        return file_answer(found, with_body=self.request.method != "HEAD")


class Content(Download):
    """Always a download, and never shown by a browser."""

    permissions = {"GET": READ}
    extra_errors = {"GET": NOT_SERVED}

    @extend_schema(responses=FILE, summary="Download a file")
    def get(self, request: Request, attachment_id: UUID) -> StreamingHttpResponse:
        return self.answer(attachment_id)


class LinkedContent(Download):
    permissions = {"GET": READ}
    extra_errors = {"GET": NOT_SERVED | {"410": "The link has expired."}}

    @extend_schema(responses=FILE, summary="Download a file by a link to it")
    def get(self, request: Request, attachment_id: UUID, token: str) -> StreamingHttpResponse:
        links.check(by=self.caller, attachment_id=attachment_id, token=token)
        return self.answer(attachment_id)


class Link(ApiView):
    permissions = {"POST": READ}
    trail = {"POST": Kind.FILE_LINKED}
    about = LABEL
    extra_errors = {"POST": NOT_SERVED}

    @extend_schema(
        request=None,
        responses={200: LinkShape},
        summary="A link to a file, good for 15 minutes and for the caller's session alone",
    )
    def post(self, request: Request, attachment_id: UUID) -> Response:
        found = services.file_for(by=self.caller, attachment_id=attachment_id)
        check_served(found)
        self.saw([found.patient_id], file=found.pk, **emergencies([found.patient]))
        token, expires_at = links.make(by=self.caller, attachment_id=found.pk)
        return Response({"url": f"/api/attachments/{found.pk}/link/{token}", "expiresAt": expires_at})


class AttachmentsZip(ApiView):
    """What is ready is in it, but for files of drafts; what the storage cannot give is named in a text file inside."""

    permissions = {"GET": READ}
    trail = {"GET": Kind.FILE_READ}
    about = LABEL
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY}, summary="All files of a chart in one ZIP, streamed"
    )
    def get(self, request: Request, chart_id: UUID) -> StreamingHttpResponse:
        chart = check_open(self.caller, Patient.objects.visible_to(self.caller).only("restricted").found(pk=chart_id))
        seen = Attachment.objects.visible_to(self.caller).finalised()
        ready = seen.filter(patient_id=chart_id, state=State.READY)
        files = list(ready.order_by("id").values_list("pk", flat=True))
        self._tell(chart, files)
        chunks = zipped(files, practice_id=self.caller.practice_id)
        return download(chunks, name="files.zip", content_type="application/zip")

    def _tell(self, chart: Patient, files: list[UUID]) -> None:
        """Every file by its id; of very many, each event names a part."""
        opened = emergencies([chart])
        *before, last = [files[start : start + TOLD_AT_ONCE] for start in range(0, max(len(files), 1), TOLD_AT_ONCE)]
        for part in before:
            trail.record(
                Kind.FILE_READ,
                practice_id=self.caller.practice_id,
                patients=[chart.pk],
                about=LABEL,
                files=part,
                **opened,
            )
        self.saw([chart.pk], files=last, **opened)
