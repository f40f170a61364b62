"""Routes of this app, below /api/."""

from django.urls import path

from notifications.jobs import views as jobs
from notifications.providers import views as providers
from notifications.webhooks import views as webhooks

urlpatterns = [
    path("providers/sendgrid", providers.SendGrid.as_view(), name="provider_sendgrid"),
    path("providers/twilio", providers.Twilio.as_view(), name="provider_twilio"),
    path("health/worker", jobs.WorkerHealth.as_view(), name="worker_health"),
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
