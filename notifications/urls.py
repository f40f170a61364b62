"""Routes of this app, below /api/."""

from django.urls import path

from notifications.jobs import views as jobs
from notifications.live import views as live
from notifications.webhooks import views as webhooks

urlpatterns = [
    path("health/worker", jobs.WorkerHealth.as_view(), name="worker_health"),
    path("ws-ticket", live.Ticket.as_view(), name="ws_ticket"),
    path("webhooks", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<uuid:webhook_id>", webhooks.WebhookById.as_view(), name="webhook"),
    path("webhooks/<uuid:webhook_id>/rotate-secret", webhooks.RotateWebhookSecret.as_view(), name="rotate_webhook"),
    path("webhooks/<uuid:webhook_id>/deliveries", webhooks.WebhookDeliveries.as_view(), name="webhook_deliveries"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/resend",
        webhooks.ResendDelivery.as_view(),
        name="resend_delivery",
    ),
]
