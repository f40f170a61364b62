"""Templates and phrases for notes."""

from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.schema import NOT_FOUND, extend_schema
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH
from core.permissions import Permission
from records.models import NoteTemplate, Phrase
from records.models.note_template import WritingAid
from records.note_templates import services
from records.note_templates.serializers import (
    PhraseChange,
    PhraseInput,
    PhraseList,
    PhraseShape,
    TemplateChange,
    TemplateInput,
    TemplateList,
    TemplateShape,
)

KEEP = Permission.KEEP_NOTE_TEMPLATES
TAKEN = {"409": "Another one has this name or word, or is for this appointment type."}


class AidView(VersionedView):
    model: ClassVar[type[WritingAid]]
    shape: ClassVar[Any]

    def shown(self, pk: UUID) -> dict[str, Any]:
        shown: dict[str, Any] = self.shape.to_dict(self.model.objects.visible_to(self.caller).get_or_refuse(pk=pk))
        return shown

    def all_shown(self) -> list[dict[str, Any]]:
        return [self.shape.to_dict(aid) for aid in self.model.objects.visible_to(self.caller)]

    def create(self, serializer: Any) -> Response:
        aid = services.create_aid(self.model, by=self.caller, **self.checked(serializer))
        return self.versioned(self.shape.to_dict(aid), status=201)

    def change(self, serializer: Any, pk: UUID) -> Response:
        return self.change_versioned(
            serializer,
            shown=lambda: self.shown(pk),
            change=partial(services.change_aid, self.model, by=self.caller, pk=pk),
        )

    def remove(self, pk: UUID) -> Response:
        services.remove_aid(self.model, by=self.caller, pk=pk)
        return Response(status=204)


class NoteTemplates(AidView):
    permissions = {"GET": KEEP, "POST": KEEP}
    extra_errors = {"POST": NOT_FOUND | TAKEN}
    model, shape = NoteTemplate, TemplateShape

    @extend_schema(responses={200: TemplateList}, summary="List the practice's and your own note templates, by name")
    def get(self, request: Request) -> Response:
        shown = self.all_shown()
        return Response({"noteTemplates": shown, "total": len(shown)})

    @extend_schema(
        request=TemplateInput, parameters=[ETAG], responses={201: TemplateShape}, summary="Add a note template"
    )
    def post(self, request: Request) -> Response:
        return self.create(TemplateInput)


class NoteTemplateById(AidView):
    permissions = {"GET": KEEP, "PATCH": KEEP, "DELETE": KEEP}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | TAKEN, "DELETE": NOT_FOUND}
    model, shape = NoteTemplate, TemplateShape

    @extend_schema(parameters=[ETAG], responses={200: TemplateShape}, summary="Get a note template")
    def get(self, request: Request, template_id: UUID) -> Response:
        return self.versioned(self.shown(template_id))

    @extend_schema(
        request=TemplateChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: TemplateShape},
        summary="Change a note template",
    )
    def patch(self, request: Request, template_id: UUID) -> Response:
        return self.change(TemplateChange, template_id)

    @extend_schema(responses={204: None}, summary="Remove a note template")
    def delete(self, request: Request, template_id: UUID) -> Response:
        return self.remove(template_id)


class Phrases(AidView):
    permissions = {"GET": KEEP, "POST": KEEP}
    extra_errors = {"POST": NOT_FOUND | TAKEN}
    model, shape = Phrase, PhraseShape

    @extend_schema(responses={200: PhraseList}, summary="List the practice's and your own phrases, by word")
    def get(self, request: Request) -> Response:
        shown = self.all_shown()
        return Response({"phrases": shown, "total": len(shown)})

    @extend_schema(request=PhraseInput, parameters=[ETAG], responses={201: PhraseShape}, summary="Add a phrase")
    def post(self, request: Request) -> Response:
        return self.create(PhraseInput)


class PhraseById(AidView):
    permissions = {"GET": KEEP, "PATCH": KEEP, "DELETE": KEEP}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | TAKEN, "DELETE": NOT_FOUND}
    model, shape = Phrase, PhraseShape

    @extend_schema(parameters=[ETAG], responses={200: PhraseShape}, summary="Get a phrase")
    def get(self, request: Request, phrase_id: UUID) -> Response:
        return self.versioned(self.shown(phrase_id))

    @extend_schema(
        request=PhraseChange, parameters=[IF_MATCH, ETAG], responses={200: PhraseShape}, summary="Change a phrase"
    )
    def patch(self, request: Request, phrase_id: UUID) -> Response:
        return self.change(PhraseChange, phrase_id)

    @extend_schema(responses={204: None}, summary="Remove a phrase")
    def delete(self, request: Request, phrase_id: UUID) -> Response:
        return self.remove(phrase_id)
