"""Invitations: an office manager invites people, who choose their own password on the page of the mail's link."""

from collections.abc import Callable
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.invitations import services
from accounts.invitations.serializers import InvitationInput, InvitationPage, InvitationQuery, InvitationShape
from accounts.models import Invitation
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission

OVER = {"409": "It has been accepted or withdrawn."}


class Invitations(ApiView):
    permissions = {"GET": Permission.MANAGE_USERS, "POST": Permission.REGISTER_USERS}

    @extend_schema(
        parameters=[InvitationQuery], responses={200: InvitationPage}, summary="List invitations, newest first"
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(InvitationQuery)
        page, state = Page.taken_from(query), query.get("state")
        found = services.in_state(state) if state else Invitation.objects.all()
        shown = [InvitationShape.to_dict(row) for row in page.rows(found.order_by("-id"))]
        return Response({"invitations": shown, "total": page.total(found.count), **page.asked, **page.next})

    @extend_schema(
        request=InvitationInput,
        responses={201: InvitationShape},
        summary="Invite somebody: they get a mail with a link, on which they choose their password",
    )
    def post(self, request: Request) -> Response:
        invitation = services.invite(by=self.caller, **self.checked(InvitationInput))
        return Response(InvitationShape.to_dict(invitation), status=201)


class InvitationVerb(ApiView):
    permissions = {"POST": Permission.REGISTER_USERS}
    extra_errors = {"POST": NOT_FOUND | OVER}

    def done(self, verb: Callable[..., Invitation], invitation_id: UUID) -> Response:
        return Response(InvitationShape.to_dict(verb(by=self.caller, invitation_id=invitation_id)))


class ResendInvitation(InvitationVerb):
    @extend_schema(responses={200: InvitationShape}, summary="Send it again with a new link; earlier ones stop working")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        return self.done(services.resend, invitation_id)


class WithdrawInvitation(InvitationVerb):
    @extend_schema(responses={200: InvitationShape}, summary="Withdraw it, so that its link stops working")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        return self.done(services.withdraw, invitation_id)
