"""Admin pages of appointments, and of when and what doctors offer."""

from appointments.admin import appointments as appointments
from appointments.admin import chart_section as chart_section
from appointments.admin import schedules as schedules
