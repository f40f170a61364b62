"""Serializers of the forms that patients are asked for."""

from typing import Any

from rest_framework import serializers

from core.api.pagination import PageQuery, PageShape
from core.api.serializers import ChoiceField, OptionalCharField, OutputSerializer, StrictSerializer, UUIDField
from records.form_templates.content import Fills
from records.form_templates.serializers import QuestionShape, shown_questions
from records.models import PatientForm
from records.models.patient_form import FormChannel, FormState


class AskInput(StrictSerializer):
    patientId = UUIDField(source="patient_id")
    templateId = UUIDField(source="template_id")


class FormsQuery(PageQuery):
    patientId = UUIDField(source="patient_id", required=False)
    state = ChoiceField(choices=FormState.choices, required=False)


class CompleteInput(StrictSerializer):
    templateVersion = serializers.IntegerField(
        source="expected", min_value=1, help_text="The version whose questions are answered."
    )
    answers = serializers.DictField(
        child=OptionalCharField(max_length=5000),
        help_text="By the question's key, as text: `yes` or `no`, a date as 2026-11-30, a number with a point.",
    )
    name = OptionalCharField(max_length=200, help_text="The full name of who signs.")
    strokes = serializers.ListField(
        child=serializers.ListField(
            child=serializers.ListField(
                child=serializers.IntegerField(min_value=0, max_value=1000), min_length=2, max_length=2
            ),
            min_length=1,
            max_length=20_000,
        ),
        max_length=500,
        default=list,
        help_text="A drawn signature: lists of points, 0 to 1000 from the left and 0 to 400 from the top. Left out: "
        "the typed name is the signature.",
    )


class WithdrawInput(StrictSerializer):
    reason = OptionalCharField(max_length=1000)


class ReviewInput(StrictSerializer):
    accept = serializers.ListField(
        child=ChoiceField(choices=Fills.choices), max_length=8, help_text="Fields of the chart to write; may be empty."
    )
    chartVersion = serializers.IntegerField(
        source="expected", min_value=1, help_text="The version of the chart that was compared."
    )


class FormShape(OutputSerializer[PatientForm]):
    """A form that a patient was asked for. `sha256` is that of the file (`fileId`) that was made when it was completed,
    of exactly these questions and answers."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="patient.name")
    templateId = serializers.UUIDField(source="template_id")
    templateVersion = serializers.IntegerField(source="version.number")
    name = serializers.CharField()
    intro = serializers.CharField()
    questions = QuestionShape(many=True)
    state = serializers.ChoiceField(choices=FormState.choices)
    answers = serializers.DictField(child=serializers.CharField())
    signedBy = serializers.CharField(source="signed_by", allow_null=True, help_text="The name that was typed.")
    isDrawn = serializers.BooleanField(source="is_drawn")
    address = serializers.CharField(allow_null=True, help_text="The network address that it was sent from.")
    channel = serializers.ChoiceField(choices=FormChannel.choices, allow_null=True)
    completedAt = serializers.DateTimeField(source="completed_at", allow_null=True)
    fileId = serializers.UUIDField(source="file_id", allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    reviewedAt = serializers.DateTimeField(source="reviewed_at", allow_null=True)
    withdrawnAt = serializers.DateTimeField(source="withdrawn_at", allow_null=True)
    withdrawalReason = serializers.CharField(source="withdrawal_reason")
    createdAt = serializers.DateTimeField(source="created_at")

    @staticmethod
    def get_name(form: PatientForm) -> str:
        return str(form.version.content.get("name", ""))

    @staticmethod
    def get_intro(form: PatientForm) -> str:
        return str(form.version.content.get("intro", ""))

    @staticmethod
    def get_questions(form: PatientForm) -> list[dict[str, Any]]:
        return shown_questions(form.version)

    @staticmethod
    def get_signed_by(form: PatientForm) -> str | None:
        return form.signature.get("name")

    @staticmethod
    def get_is_drawn(form: PatientForm) -> bool:
        return "strokes" in form.signature

    @staticmethod
    def get_channel(form: PatientForm) -> str | None:
        return form.channel or None

    @staticmethod
    def get_sha256(form: PatientForm) -> str | None:
        return form.sha256 or None


class FormPage(PageShape):
    forms = FormShape(many=True)


class FormCodeShape(OutputSerializer[Any]):
    """What opens the form once on a tablet that nobody is signed in on."""

    code = serializers.CharField()
    address = serializers.CharField(help_text="Of the page that asks for the code.")
    expiresAt = serializers.DateTimeField(source="expires_at")
