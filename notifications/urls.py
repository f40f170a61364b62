"""Routes of messages and live updates, below /api/."""

from django.urls import path

from notifications.live import views as live

urlpatterns = [path("ws-ticket", live.Ticket.as_view(), name="ws_ticket")]
