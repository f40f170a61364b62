"""Appointments and their history, their types, and when doctors work."""

from appointments.models.appointment import Appointment as Appointment
from appointments.models.appointment import AppointmentQuerySet as AppointmentQuerySet
from appointments.models.appointment import AppointmentStatus as AppointmentStatus
from appointments.models.appointment import CancelReason as CancelReason
from appointments.models.appointment_type import AppointmentType as AppointmentType
from appointments.models.appointment_type import TypeOffer as TypeOffer
from appointments.models.event import AppointmentEvent as AppointmentEvent
from appointments.models.event import EventKind as EventKind
from appointments.models.feed import CalendarFeed as CalendarFeed
from appointments.models.hold import SlotHold as SlotHold
from appointments.models.room import Room as Room
from appointments.models.schedule import ExceptionKind as ExceptionKind
from appointments.models.schedule import ScheduleException as ScheduleException
from appointments.models.schedule import WorkingHours as WorkingHours
from appointments.models.series import AppointmentSeries as AppointmentSeries
from appointments.models.series import SeriesScope as SeriesScope
from appointments.models.series import SeriesUnit as SeriesUnit
from appointments.models.waiting_list import Priority as Priority
from appointments.models.waiting_list import SlotOffer as SlotOffer
from appointments.models.waiting_list import WaitingListEntry as WaitingListEntry
from appointments.models.waiting_list import WaitingState as WaitingState
from appointments.models.waiting_list import WantedDoctor as WantedDoctor
