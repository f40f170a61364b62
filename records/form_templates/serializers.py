"""Serializers of the practice's forms and consents."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import (
    ChoiceField,
    OptionalCharField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.api.versions import version_field
from core.texts import validate_line
from records.form_templates.content import MAX_HINT, MAX_OPTION, MAX_STATEMENT, MOST_OPTIONS, MOST_QUESTIONS, Fills
from records.models import FormTemplate, FormVersion
from records.models.patient_form import FieldKind, FormNeed

MAX_INTRO = 10_000


class QuestionInput(StrictSerializer):
    kind = ChoiceField(choices=FieldKind.choices)
    label = StrictCharField(  # type: ignore[assignment] # a field of ours
        max_length=MAX_STATEMENT, help_text="The question; the whole text of a `statement`."
    )
    hint = OptionalCharField(max_length=MAX_HINT)
    required = StrictBooleanField(  # type: ignore[assignment]
        default=False, help_text="Blank, the form is not complete."
    )
    options = serializers.ListField(
        child=StrictCharField(max_length=MAX_OPTION, validators=[validate_line]),
        max_length=MOST_OPTIONS,
        default=list,
        help_text="What a `choice` offers.",
    )
    fills = ChoiceField(
        choices=Fills.choices,
        required=False,
        allow_null=True,
        help_text="The field of the chart that the answer may be taken over into.",
    )


class FormTemplateChange(StrictSerializer):
    version = version_field()
    name = StrictCharField(max_length=100, validators=[validate_line], required=False)
    intro = OptionalCharField(max_length=MAX_INTRO)
    questions = serializers.ListField(child=QuestionInput(), max_length=MOST_QUESTIONS, required=False)
    need = ChoiceField(choices=FormNeed.choices, required=False)
    typeIds = serializers.ListField(source="type_ids", child=UUIDField(), max_length=100, required=False)
    archived = StrictBooleanField(required=False, help_text="Nobody is asked for it any more.")
    signAgain = StrictBooleanField(
        source="sign_again", default=False, help_text="What was signed in earlier versions no longer counts."
    )


class FormTemplateInput(StrictSerializer):
    name = StrictCharField(max_length=100, validators=[validate_line])
    intro = OptionalCharField(max_length=MAX_INTRO, help_text="What stands above the fields.")
    questions = serializers.ListField(child=QuestionInput(), max_length=MOST_QUESTIONS)
    need = ChoiceField(choices=FormNeed.choices, default=FormNeed.OPTIONAL)
    typeIds = serializers.ListField(source="type_ids", child=UUIDField(), max_length=100, default=list)


class QuestionShape(OutputSerializer[Any]):
    """A question of a form, or a text or signature in it."""

    key = serializers.CharField(help_text="By which an answer names it, within this version.")
    kind = serializers.ChoiceField(choices=FieldKind.choices)
    label = serializers.CharField()  # type: ignore[assignment]
    hint = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    options = serializers.ListField(child=serializers.CharField())
    fills = serializers.ChoiceField(choices=Fills.choices, allow_null=True)


def shown_questions(version: FormVersion) -> list[dict[str, Any]]:
    """Return the questions as QuestionShape has them."""
    return [{**question, "fills": question["fills"] or None} for question in version.questions]


class FormTemplateShape(OutputSerializer[FormTemplate]):
    """A form or consent that patients are asked for, as its newest version has it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField(source="number")
    validFromVersion = serializers.IntegerField(
        source="valid_from", help_text="What was completed in an earlier version no longer counts."
    )
    need = serializers.ChoiceField(choices=FormNeed.choices)
    typeIds = serializers.ListField(source="type_ids", child=serializers.UUIDField())
    intro = serializers.CharField()
    questions = QuestionShape(many=True)
    archivedAt = serializers.DateTimeField(source="archived_at", allow_null=True)
    updatedAt = serializers.DateTimeField(source="updated_at")

    @staticmethod
    def get_type_ids(template: FormTemplate) -> list[Any]:
        return sorted(row.appointment_type_id for row in template.types.all())

    @staticmethod
    def get_intro(template: FormTemplate) -> str:
        return str(_newest(template).content.get("intro", ""))

    @staticmethod
    def get_questions(template: FormTemplate) -> list[dict[str, Any]]:
        return shown_questions(_newest(template))


def _newest(template: FormTemplate) -> FormVersion:
    """Return the newest version, of those that the list has fetched."""
    return max(template.versions.all(), key=lambda version: version.number)


class FormTemplateList(OutputSerializer[Any]):
    formTemplates = FormTemplateShape(many=True)
    total = serializers.IntegerField()
