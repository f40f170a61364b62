"""Routes of this app, below /api/."""

from django.urls import path

from notifications.jobs import views as jobs
from notifications.live import views as live

urlpatterns = [
    path("health/worker", jobs.WorkerHealth.as_view(), name="worker_health"),
    path("ws-ticket", live.Ticket.as_view(), name="ws_ticket"),
]
