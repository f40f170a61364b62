"""Serializers of how a patient wants to be written to."""

from rest_framework import serializers

from core.api.serializers import ChoiceField, OutputSerializer, StrictBooleanField, StrictSerializer
from notifications.models import MessageLanguage, MessagePreference


class WishesChange(StrictSerializer):
    email = StrictBooleanField(required=False, help_text="Whether they want emails about their visits.")
    sms = StrictBooleanField(required=False, help_text="Whether they want text messages.")
    language = ChoiceField(
        choices=MessageLanguage.choices, required=False, allow_null=True, help_text="Null: the practice's language."
    )


class WishesShape(OutputSerializer[MessagePreference]):
    """How a patient wants to be written to; links to set a password are sent all the same."""

    email = serializers.BooleanField()
    sms = serializers.BooleanField()
    noEmailSince = serializers.DateTimeField(source="no_email_since", allow_null=True)
    noSmsSince = serializers.DateTimeField(source="no_sms_since", allow_null=True)
    language = serializers.ChoiceField(choices=MessageLanguage.choices, allow_null=True)

    @staticmethod
    def get_email(wishes: MessagePreference) -> bool:
        return wishes.no_email_since is None

    @staticmethod
    def get_sms(wishes: MessagePreference) -> bool:
        return wishes.no_sms_since is None

    @staticmethod
    def get_language(wishes: MessagePreference) -> str | None:
        return wishes.language or None
