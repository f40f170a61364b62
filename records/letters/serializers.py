"""Serializers of letters and their templates."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.serializers import OutputSerializer, StrictBooleanField, StrictCharField, StrictSerializer
from core.api.versions import NO_VERSION, version_field
from core.texts import READABLE, validate_line
from records.letters.fields import FIELDS, unknown_fields
from records.models import LetterTemplate
from records.models.letter_template import MAX_LETTER_LENGTH

UNKNOWN = _("These fields don't exist: %(fields)s.")
FIELD_LIST = ", ".join(f"`{{{name}}}`" for name in FIELDS)


def validate_fields(text: str) -> None:
    """Refuse a field that nobody would fill in."""
    if unknown := unknown_fields(text):
        raise serializers.ValidationError(UNKNOWN % {"fields": ", ".join(f"{{{name}}}" for name in unknown)})


class LetterTemplateChange(StrictSerializer):
    name = StrictCharField(max_length=100, validators=[validate_line], required=False)
    title = StrictCharField(max_length=200, validators=[validate_line, validate_fields], required=False)
    text = StrictCharField(
        max_length=MAX_LETTER_LENGTH,
        trim_whitespace=False,
        validators=[*READABLE, validate_fields],
        required=False,
        help_text=f"With {FIELD_LIST}; what is in double brackets is filled in by hand.",
    )
    version = version_field()


class LetterTemplateInput(LetterTemplateChange):
    version = NO_VERSION
    name = StrictCharField(max_length=100, validators=[validate_line])
    title = StrictCharField(max_length=200, validators=[validate_line, validate_fields])
    text = StrictCharField(max_length=MAX_LETTER_LENGTH, trim_whitespace=False, validators=[*READABLE, validate_fields])
    shared = StrictBooleanField(
        required=False, help_text="Whether it is the practice's; otherwise it is your own, and nobody else sees it."
    )


class LetterTemplateShape(OutputSerializer[LetterTemplate]):
    """What letters are begun with."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    shared = serializers.BooleanField(source="is_shared")
    version = serializers.IntegerField(help_text="Increases with each change.")


class LetterTemplateList(OutputSerializer[Any]):
    letterTemplates = LetterTemplateShape(many=True)
    total = serializers.IntegerField()


class LetterInput(StrictSerializer):
    title = StrictCharField(max_length=200, validators=[validate_line])
    text = StrictCharField(
        max_length=MAX_LETTER_LENGTH,
        trim_whitespace=False,
        help_text="Nothing may be blank any more: no field, and nothing in double brackets.",
    )


class BegunLetter(OutputSerializer[Any]):
    """`missing` names the fields for which the chart says nothing; they are in the text, as `[[Address]]`."""

    title = serializers.CharField()
    text = serializers.CharField()
    missing = serializers.ListField(child=serializers.CharField())
