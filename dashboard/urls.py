"""Routes of the dashboard, of doctors and of the audit trail, below /api/."""

from django.urls import path

from dashboard import trail_views, views

urlpatterns = [
    path("dashboard/stats", views.Dashboard.as_view(), name="dashboard"),
    path("doctors", views.Doctors.as_view(), name="doctors"),
    path("doctors/<uuid:doctor_id>", views.DoctorById.as_view(), name="doctor"),
    path("audit", trail_views.Trail.as_view(), name="trail"),
    path("patients/<uuid:chart_id>/accesses", trail_views.Accesses.as_view(), name="accesses"),
]
