"""Routes of appointments, below /api/."""

from django.urls import path

from appointments import views
from appointments.feeds import views as feeds
from appointments.holds import views as holds
from appointments.messages import views as messages
from appointments.rooms import views as rooms
from appointments.schedule import views as schedule
from appointments.series import views as series
from appointments.types import views as types
from appointments.visits import views as visits
from appointments.waiting_list import views as waiting_list

ACTIONS = {
    "confirm": views.ConfirmAppointment,
    "arrive": views.ArriveAtAppointment,
    "start": views.StartAppointment,
    "finish": views.FinishAppointment,
    "no-show": views.NoShowAppointment,
    "undo": views.UndoAppointment,
}

urlpatterns = [
    path("appointments", views.Appointments.as_view(), name="appointments"),
    path("appointments/series", series.AppointmentSeriesBooking.as_view(), name="appointment_series"),
    path("appointments/<uuid:appointment_id>", views.AppointmentById.as_view(), name="appointment"),
    path("appointments/<uuid:appointment_id>/restore", views.RestoreAppointment.as_view(), name="restore_appointment"),
    path("calendar-feed", feeds.CalendarFeedAddress.as_view(), name="calendar_feed_address"),
    path("calendar-feed/<str:token>.ics", feeds.CalendarFeedContent.as_view(), name="calendar_feed"),
    path("holds", holds.SlotHolds.as_view(), name="slot_holds"),
    path("holds/<uuid:hold_id>", holds.SlotHoldById.as_view(), name="slot_hold"),
    path("waiting-list", waiting_list.WaitingList.as_view(), name="waiting_list"),
    path("waiting-list/matches", waiting_list.WaitingListMatches.as_view(), name="waiting_list_matches"),
    path("waiting-list/<uuid:entry_id>", waiting_list.WaitingListEntryById.as_view(), name="waiting_list_entry"),
    path("waiting-list/<uuid:entry_id>/withdraw", waiting_list.WithdrawEntry.as_view(), name="withdraw_entry"),
    path("waiting-list/<uuid:entry_id>/offers", waiting_list.SlotOffers.as_view(), name="slot_offers"),
    path(
        "waiting-list/<uuid:entry_id>/offers/<uuid:offer_id>", waiting_list.SlotOfferById.as_view(), name="slot_offer"
    ),
    path(
        "waiting-list/<uuid:entry_id>/offers/<uuid:offer_id>/accept",
        waiting_list.AcceptOffer.as_view(),
        name="accept_offer",
    ),
    path("appointments/<uuid:appointment_id>/history", visits.AppointmentHistory.as_view(), name="appointment_history"),
    path("appointments/<uuid:appointment_id>/messages", messages.AppointmentMessages.as_view(), name="visit_messages"),
    *(
        path(f"appointments/<uuid:appointment_id>/{action}", view.as_view(), name=f"appointment_{action}")
        for action, view in ACTIONS.items()
    ),
    path("appointment-types", types.AppointmentTypes.as_view(), name="appointment_types"),
    path("appointment-types/<uuid:type_id>", types.AppointmentTypeById.as_view(), name="appointment_type"),
    path("rooms", rooms.Rooms.as_view(), name="rooms"),
    path("rooms/<uuid:room_id>", rooms.RoomById.as_view(), name="room"),
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
