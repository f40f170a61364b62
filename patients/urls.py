"""Routes of charts and registration, below /api/."""

from django.urls import path

from patients import emergency_views, views

urlpatterns = [
    path("auth/register", views.Register.as_view(), name="register"),
    path("patients", views.Charts.as_view(), name="charts"),
    path("patients/<uuid:chart_id>", views.ChartById.as_view(), name="chart"),
    path("patients/<uuid:chart_id>/restriction", emergency_views.Restriction.as_view(), name="restriction"),
    path("patients/<uuid:chart_id>/emergency-access", emergency_views.BreakGlass.as_view(), name="break_glass"),
    path("emergency-accesses", emergency_views.EmergencyAccesses.as_view(), name="emergency_accesses"),
    path("emergency-accesses/<uuid:access_id>/review", emergency_views.Review.as_view(), name="emergency_review"),
]
