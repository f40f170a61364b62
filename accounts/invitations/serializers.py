"""Serializers of invitations."""

from rest_framework import serializers

from accounts.invitations.services import InvitationState, get_state
from accounts.models import Invitation
from accounts.roles import REGISTER_ROLES, Role
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import ChoiceField, EmailField, OutputSerializer, StrictCharField, StrictSerializer
from core.texts import validate_name


class InvitationInput(StrictSerializer):
    name = StrictCharField(max_length=200, validators=[validate_name])
    email = EmailField(max_length=254)
    role = ChoiceField(choices=REGISTER_ROLES)


class InvitationQuery(PageQuery):
    state = ChoiceField(choices=InvitationState.choices, required=False, help_text="Left out: all.")


class InvitationShape(OutputSerializer[Invitation]):
    """An invitation without its link, which only the mail has."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)
    state = serializers.ChoiceField(choices=InvitationState.choices)
    sentAt = serializers.DateTimeField(source="sent_at")
    expiresAt = serializers.DateTimeField(source="expires_at")
    invitedById = serializers.UUIDField(source="invited_by_id")

    get_state = staticmethod(get_state)


class InvitationPage(PageShape):
    invitations = InvitationShape(many=True)
