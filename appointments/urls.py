"""Routes of appointments, below /api/."""

from django.urls import path

from appointments import views

urlpatterns = [
    path("appointments", views.Appointments.as_view(), name="appointments"),
    path("appointments/<uuid:appointment_id>", views.AppointmentById.as_view(), name="appointment"),
    path("appointments/<uuid:appointment_id>/restore", views.RestoreAppointment.as_view(), name="restore_appointment"),
]
