"""Serializers of templates and phrases for notes."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import (
    OptionalCharField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.api.versions import NO_VERSION, version_field
from core.texts import validate_line
from records.models import NoteTemplate, Phrase
from records.models.note import MAX_SECTION_LENGTH
from records.models.note_template import MAX_PHRASE_LENGTH, validate_word

MAX_PROMPT_LENGTH = 500
MOST = 500  # in one file


def _shared() -> StrictBooleanField:
    return StrictBooleanField(
        required=False, help_text="Whether it is the practice's; otherwise it is your own, and nobody else sees it."
    )


class Texts(StrictSerializer):
    subjective = OptionalCharField(max_length=MAX_SECTION_LENGTH, trim_whitespace=False)
    objective = OptionalCharField(max_length=MAX_SECTION_LENGTH, trim_whitespace=False)
    assessment = OptionalCharField(max_length=MAX_SECTION_LENGTH, trim_whitespace=False)
    plan = OptionalCharField(max_length=MAX_SECTION_LENGTH, trim_whitespace=False)


class Prompts(StrictSerializer):
    subjective = OptionalCharField(max_length=MAX_PROMPT_LENGTH)
    objective = OptionalCharField(max_length=MAX_PROMPT_LENGTH)
    assessment = OptionalCharField(max_length=MAX_PROMPT_LENGTH)
    plan = OptionalCharField(max_length=MAX_PROMPT_LENGTH)


class TemplateChange(StrictSerializer):
    name = StrictCharField(max_length=100, validators=[validate_line], required=False)
    texts = Texts(required=False, help_text="What each section begins with.")
    prompts = Prompts(required=False, help_text="What an empty section asks for.")
    appointmentTypeId = UUIDField(
        source="appointment_type_id",
        required=False,
        allow_null=True,
        help_text="Notes of visits of this type begin with the template.",
    )
    version = version_field()


class TemplateInput(TemplateChange):
    version = NO_VERSION
    name = StrictCharField(max_length=100, validators=[validate_line])
    texts = Texts(default=dict, help_text="What each section begins with.")
    prompts = Prompts(default=dict, help_text="What an empty section asks for.")
    shared = _shared()


class TemplateShape(OutputSerializer[NoteTemplate]):
    """What notes are begun with."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    shared = serializers.BooleanField(source="is_shared")
    texts = serializers.DictField(child=serializers.CharField(allow_blank=True))
    prompts = serializers.DictField(child=serializers.CharField(allow_blank=True))
    appointmentTypeId = serializers.UUIDField(source="appointment_type_id", allow_null=True)
    version = serializers.IntegerField(help_text="Increases with each change.")


class TemplateList(OutputSerializer[Any]):
    noteTemplates = TemplateShape(many=True)
    total = serializers.IntegerField()


class PhraseChange(StrictSerializer):
    word = StrictCharField(
        max_length=30, validators=[validate_line, validate_word], required=False, help_text="What is typed after `/`."
    )
    text = StrictCharField(max_length=MAX_PHRASE_LENGTH, trim_whitespace=False, required=False)
    version = version_field()


class PhraseInput(PhraseChange):
    version = NO_VERSION
    word = StrictCharField(
        max_length=30, validators=[validate_line, validate_word], help_text="What is typed after `/`."
    )
    text = StrictCharField(max_length=MAX_PHRASE_LENGTH, trim_whitespace=False)
    shared = _shared()


class PhraseShape(OutputSerializer[Phrase]):
    """A text that a word after a slash stands for."""

    id = serializers.UUIDField()
    word = serializers.CharField()
    text = serializers.CharField()
    shared = serializers.BooleanField(source="is_shared")
    version = serializers.IntegerField(help_text="Increases with each change.")


class PhraseList(OutputSerializer[Any]):
    phrases = PhraseShape(many=True)
    total = serializers.IntegerField()


class FileTemplate(StrictSerializer):
    name = StrictCharField(max_length=100, validators=[validate_line])
    texts = Texts(default=dict)
    prompts = Prompts(default=dict)


class FilePhrase(StrictSerializer):
    word = StrictCharField(max_length=30, validators=[validate_line, validate_word])
    text = StrictCharField(max_length=MAX_PHRASE_LENGTH, trim_whitespace=False)


class AidsFile(StrictSerializer):
    """What is exported and imported as JSON."""

    noteTemplates = serializers.ListField(child=FileTemplate(), default=list, max_length=MOST)
    phrases = serializers.ListField(child=FilePhrase(), default=list, max_length=MOST)
