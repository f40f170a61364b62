"""API routes of the dashboard and doctors, below /api/."""

from django.urls import path

from dashboard import views

urlpatterns = [
    path("dashboard/stats", views.Dashboard.as_view(), name="dashboard"),
    path("doctors", views.Doctors.as_view(), name="doctors"),
    path("doctors/<uuid:doctor_id>", views.DoctorById.as_view(), name="doctor"),
]
