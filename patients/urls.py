"""Routes of charts and registration, below /api/."""

from django.urls import path

from patients import views

urlpatterns = [
    path("auth/register", views.Register.as_view(), name="register"),
    path("patients", views.Charts.as_view(), name="charts"),
    path("patients/<uuid:chart_id>", views.ChartById.as_view(), name="chart"),
]
