"""API keys of the practice: an office manager makes and revokes them."""

from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_keys import services as api_keys
from accounts.api_keys.serializers import ApiKeyInput, ApiKeyMade, ApiKeyPage, ApiKeyShape
from core.api.pagination import Page, PageQuery
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from practices.services import current_practice


class ApiKeys(ApiView):
    permissions = {"GET": Permission.MANAGE_API_KEYS, "POST": Permission.MANAGE_API_KEYS}
    keeps_answers = False  # a kept answer would hold the key

    @extend_schema(
        parameters=[PageQuery],
        responses={200: ApiKeyPage},
        summary="List the practice's API keys, newest first, revoked and expired ones too",
    )
    def get(self, request: Request) -> Response:
        page = Page.taken_from(self.checked_query(PageQuery))
        keys = api_keys.list_keys()
        shown = [ApiKeyShape.to_dict(row) for row in page.rows(keys)]
        return Response({"apiKeys": shown, "total": keys.count(), **page.asked, **page.next})

    @extend_schema(
        request=ApiKeyInput,
        responses={201: ApiKeyMade},
        summary="Create an API key; this response is the only one that shows it",
        description="A program sends it as `Authorization: Bearer`. It can do what its permissions say, in the name of "
        "the office manager who made it, and stops with them. Restricted charts stay closed to it.",
    )
    def post(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            wanted = self.checked(ApiKeyInput)
        key, text = api_keys.make(by=self.caller, **wanted)
        return Response(ApiKeyMade.made(key, text), status=201)


class ApiKeyById(ApiView):
    permissions = {"DELETE": Permission.MANAGE_API_KEYS}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Revoke an API key: its next call is refused")
    def delete(self, request: Request, key_id: UUID) -> Response:
        api_keys.revoke(by=self.caller, key_id=key_id)
        return Response(status=204)
