"""What a key may be given, as an office manager would say it."""

from django.utils.translation import gettext_lazy as _

from core.errors import Sentence
from core.permissions import Permission

P = Permission
WORDS: dict[Permission, Sentence] = {  # each of FOR_PROGRAMS, as an office manager would say it
    P.READ_APPOINTMENTS: _("See appointments"),
    P.READ_APPOINTMENT_TEXT: _("Read why patients come, and notes on appointments"),
    P.CHANGE_APPOINTMENTS: _("Move, complete and cancel appointments"),
    P.MANAGE_WAITING_LIST: _("Keep the waiting list and offer free times"),
    P.FIND_TIMES: _("See appointment types, rooms, working hours and free times"),
    P.READ_CHARTS: _("Read patients' charts, restricted ones excepted"),
    P.WRITE_CHARTS: _("Add patients and change their contact data"),
    P.READ_RECORDS: _("Read medical records, finalised notes, plans of care and files"),
    P.ADD_FILES: _("Add files to charts"),
    P.LIST_DOCTORS: _("See the practice's doctors"),
    P.LIST_OFFICES: _("See the practice's offices"),
    P.READ_SETTINGS: _("See the practice's settings"),
}
