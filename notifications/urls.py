"""Routes of this app, below /api/."""

from django.urls import path

from notifications.jobs import views as jobs

urlpatterns = [
    path("health/worker", jobs.WorkerHealth.as_view(), name="worker_health"),
]
