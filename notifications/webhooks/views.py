"""Webhooks of the practice, for its manager."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pagination import Page, PageQuery
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from notifications.models import Webhook
from notifications.webhooks import services
from notifications.webhooks.serializers import (
    DeliveryPage,
    DeliveryShape,
    WebhookChange,
    WebhookInput,
    WebhookList,
    WebhookMade,
    WebhookShape,
)

MANAGE = Permission.MANAGE_WEBHOOKS


class Webhooks(ApiView):
    permissions = {"GET": MANAGE, "POST": MANAGE}
    keeps_answers = False  # of POST: it shows a secret
    extra_errors = {"POST": {"409": "There are twenty already."}}

    @extend_schema(responses={200: WebhookList}, summary="List the practice's webhooks")
    def get(self, request: Request) -> Response:
        hooks = [WebhookShape.to_dict(hook) for hook in Webhook.objects.order_by("id")]
        return Response({"webhooks": hooks, "total": len(hooks)})

    @extend_schema(
        request=WebhookInput,
        responses={201: WebhookMade},
        summary="Have events sent to an address; this response is the only one that shows the secret",
        description="What is sent, how it is signed and when it is repeated: docs/clients.md.",
    )
    def post(self, request: Request) -> Response:
        hook = services.create(by=self.caller, **self.checked(WebhookInput))
        return Response(WebhookMade.to_dict(hook), status=201)


class WebhookById(ApiView):
    permissions = {"GET": MANAGE, "PATCH": MANAGE, "DELETE": MANAGE}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND, "DELETE": NOT_FOUND}

    @extend_schema(responses={200: WebhookShape}, summary="Get a webhook")
    def get(self, request: Request, webhook_id: UUID) -> Response:
        return Response(self._shown(webhook_id))

    @extend_schema(request=WebhookChange, responses={200: WebhookShape}, summary="Change a webhook, or turn it off")
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        changes = self.checked_changes(WebhookChange, shown=lambda: self._shown(webhook_id))
        return Response(WebhookShape.to_dict(services.change(by=self.caller, webhook_id=webhook_id, **changes)))

    @extend_schema(responses={204: None}, summary="Remove a webhook, and the list of what was sent to it")
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        services.remove(by=self.caller, webhook_id=webhook_id)
        return Response(status=204)

    def _shown(self, webhook_id: UUID) -> dict[str, object]:
        return WebhookShape.to_dict(Webhook.objects.get_or_refuse(pk=webhook_id))


class RotateWebhookSecret(ApiView):
    permissions = {"POST": MANAGE}
    keeps_answers = False  # it shows a secret
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=None,
        responses={200: WebhookMade},
        summary="Replace a webhook's secret; this response is the only one that shows the new one",
        description="For 24 hours events are signed with both, so that the other program can be changed meanwhile.",
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        return Response(WebhookMade.to_dict(services.rotate_secret(by=self.caller, webhook_id=webhook_id)))


class WebhookDeliveries(ApiView):
    permissions = {"GET": MANAGE}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[PageQuery],
        responses={200: DeliveryPage},
        summary="List what was sent to a webhook in the last thirty days, newest first",
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        page = Page.taken_from(self.checked_query(PageQuery))
        hook: Webhook = Webhook.objects.get_or_refuse(pk=webhook_id)
        rows = [DeliveryShape.to_dict(row) for row in page.rows(hook.deliveries.order_by("-id"))]
        total = page.total(hook.deliveries.count)
        return Response({"deliveries": rows, "total": total, **page.asked, **page.next})


class ResendDelivery(ApiView):
    permissions = {"POST": MANAGE}
    extra_errors = {"POST": NOT_FOUND | {"409": "It is on its way already, or the webhook is turned off."}}

    @extend_schema(request=None, responses={200: DeliveryShape}, summary="Send an event to a webhook once more")
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        sent = services.resend(by=self.caller, webhook_id=webhook_id, delivery_id=delivery_id)
        return Response(DeliveryShape.to_dict(sent))
