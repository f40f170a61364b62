"""Routes of this app, below /api/."""

from django.urls import path

from notifications.jobs import views as jobs
from notifications.live import views as live
from notifications.providers import views as providers

urlpatterns = [
    path("providers/sendgrid", providers.SendGrid.as_view(), name="provider_sendgrid"),
    path("providers/twilio", providers.Twilio.as_view(), name="provider_twilio"),
    path("health/worker", jobs.WorkerHealth.as_view(), name="worker_health"),
    path("ws-ticket", live.Ticket.as_view(), name="ws_ticket"),
]
