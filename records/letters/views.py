"""Letters and certificates, and their templates."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, extend_schema
from core.api.versions import ETAG, IF_MATCH
from core.api.views import ApiView
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import emergency_details
from records.attachments.serializers import AttachmentShape
from records.letters import services
from records.letters.serializers import (
    BegunLetter,
    LetterInput,
    LetterTemplateChange,
    LetterTemplateInput,
    LetterTemplateList,
    LetterTemplateShape,
)
from records.models import Attachment, LetterTemplate
from records.note_templates.views import AidView

KEEP = Permission.KEEP_NOTE_TEMPLATES
TAKEN = {"409": "Another one has this name."}
NOT_STORED = {
    "409": "The patient's name cannot be decrypted.",
    "503": "File storage is not available; nothing was stored.",
    "507": "The patient's or the practice's file quota is used up.",
}


class LetterTemplates(AidView):
    permissions = {"GET": KEEP, "POST": KEEP}
    extra_errors = {"POST": TAKEN}
    model, shape = LetterTemplate, LetterTemplateShape

    @extend_schema(
        responses={200: LetterTemplateList}, summary="List the practice's and your own letter templates, by name"
    )
    def get(self, request: Request) -> Response:
        shown = self.all_shown()
        return Response({"letterTemplates": shown, "total": len(shown)})

    @extend_schema(
        request=LetterTemplateInput,
        parameters=[ETAG],
        responses={201: LetterTemplateShape},
        summary="Add a letter template",
    )
    def post(self, request: Request) -> Response:
        return self.create(LetterTemplateInput)


class LetterTemplateById(AidView):
    permissions = {"GET": KEEP, "PATCH": KEEP, "DELETE": KEEP}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | TAKEN, "DELETE": NOT_FOUND}
    model, shape = LetterTemplate, LetterTemplateShape

    @extend_schema(parameters=[ETAG], responses={200: LetterTemplateShape}, summary="Get a letter template")
    def get(self, request: Request, letter_template_id: UUID) -> Response:
        return self.versioned(self.shown(letter_template_id))

    @extend_schema(
        request=LetterTemplateChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: LetterTemplateShape},
        summary="Change a letter template",
    )
    def patch(self, request: Request, letter_template_id: UUID) -> Response:
        return self.change(LetterTemplateChange, letter_template_id)

    @extend_schema(responses={204: None}, summary="Remove a letter template")
    def delete(self, request: Request, letter_template_id: UUID) -> Response:
        return self.remove(letter_template_id)


class BeginLetter(ApiView):
    permissions = {"GET": Permission.WRITE_RECORDS}
    audit_events = {"GET": AuditEvent.CHART_READ}
    audited_model = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND | {"409": NOT_STORED["409"]}}

    @extend_schema(
        responses={200: BegunLetter},
        summary="Get a letter template with what a chart says filled in",
        description="Nothing is stored.",
    )
    def get(self, request: Request, chart_id: UUID, letter_template_id: UUID) -> Response:
        title, merged = services.begin_letter(by=self.caller, patient_id=chart_id, template_id=letter_template_id)
        chart = services.open_chart(by=self.caller, patient_id=chart_id)
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        return Response({"title": title, "text": merged.text, "missing": merged.missing})


class Letters(ApiView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    audit_events = {"POST": AuditEvent.CREATED}
    audited_model = Attachment._meta.label
    one_transaction = False  # the file is scanned and cleaned before its own
    extra_errors = {"POST": NOT_FOUND | NOT_STORED}

    @extend_schema(
        request=LetterInput,
        responses={201: AttachmentShape},
        summary="Sign a letter by name and time, and keep it as a PDF in the chart",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        kept = services.sign_letter(by=self.caller, patient_id=chart_id, **self.checked(LetterInput))
        self.audit_read([kept.patient_id], **emergency_details([kept.patient]))
        return Response(AttachmentShape.to_dict(kept), status=201)
