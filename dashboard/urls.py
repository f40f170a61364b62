"""API routes of the dashboard and doctors, below /api/."""

from django.urls import path

from dashboard import views
from dashboard.numbers.views import VisitsReport

urlpatterns = [
    path("dashboard/stats", views.Dashboard.as_view(), name="dashboard"),
    path("reports/visits", VisitsReport.as_view(), name="report_visits"),
    path("doctors", views.Doctors.as_view(), name="doctors"),
    path("doctors/<uuid:doctor_id>", views.DoctorById.as_view(), name="doctor"),
]
