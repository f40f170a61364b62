"""Routes of appointments, below /api/."""

from django.urls import path

from appointments import views
from appointments.schedule import views as schedule
from appointments.series import views as series
from appointments.types import views as types

urlpatterns = [
    path("appointments", views.Appointments.as_view(), name="appointments"),
    path("appointments/series", series.AppointmentSeriesBooking.as_view(), name="appointment_series"),
    path("appointments/<uuid:appointment_id>", views.AppointmentById.as_view(), name="appointment"),
    path("appointments/<uuid:appointment_id>/restore", views.RestoreAppointment.as_view(), name="restore_appointment"),
    path("appointment-types", types.AppointmentTypes.as_view(), name="appointment_types"),
    path("appointment-types/<uuid:type_id>", types.AppointmentTypeById.as_view(), name="appointment_type"),
    path("working-hours", schedule.DoctorsHours.as_view(), name="working_hours"),
    path("working-hours/<uuid:hours_id>", schedule.HoursById.as_view(), name="hours"),
    path("schedule-exceptions", schedule.ScheduleExceptions.as_view(), name="schedule_exceptions"),
    path(
        "schedule-exceptions/<uuid:exception_id>",
        schedule.ScheduleExceptionById.as_view(),
        name="schedule_exception",
    ),
    path("holidays", schedule.Holidays.as_view(), name="holidays"),
    path("availability", schedule.Availability.as_view(), name="availability"),
    path("availability/next", schedule.NextAvailable.as_view(), name="next_available"),
]
