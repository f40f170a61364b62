"""Who may do what, in one table; anything not listed is refused (docs/adr/0027)."""

from typing import NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from core.errors import Sentence
from core.permissions import Permission


class Role(models.TextChoices):
    ADMIN = "admin", _("Office manager")
    DOCTOR = "doctor", _("Doctor")
    STAFF = "staff", _("Staff")
    BILLING = "billing", _("Billing administrator")
    PATIENT = "patient", _("Patient")


class NumberedRole(NamedTuple):
    """A role as the mobile documents number it (seed 1-hipaa-auth.md: role_id)."""

    id: int
    role: Role
    name: str
    description: Sentence


NUMBERED_ROLES = (
    NumberedRole(1, Role.DOCTOR, "chiropractor", _("Doctor or therapist: treats, books, writes medical records.")),
    NumberedRole(2, Role.ADMIN, "office manager", _("Runs the practice: its people, offices and charts.")),
    NumberedRole(3, Role.BILLING, "billing admin", _("Bills: sees how to reach patients and when they came, not why.")),
    NumberedRole(4, Role.PATIENT, "patient", _("Sees and books for their own chart alone.")),
    NumberedRole(5, Role.STAFF, "staff", _("The front desk: charts, registrations, bookings.")),
)
ROLE_OF_NUMBER = {numbered.id: numbered.role for numbered in NUMBERED_ROLES}


P = Permission
EVERYONE = {P.USE_OWN_ACCOUNT, P.LIST_DOCTORS, P.LIST_OFFICES, P.FIND_TIMES, P.SEE_DASHBOARD}
WORKFORCE = EVERYONE | {P.READ_SETTINGS}
CLINIC = {P.READ_CHARTS, P.READ_APPOINTMENTS, P.READ_APPOINTMENT_TEXT, P.CHANGE_APPOINTMENTS, P.READ_RECORDS}
CLINIC |= {P.MANAGE_WAITING_LIST, P.ASK_FOR_FORMS}

PERMISSIONS: dict[str, frozenset[Permission]] = {
    # The office manager runs the practice; the contract's API lets admins change appointments, not book them.
    Role.ADMIN: frozenset(
        WORKFORCE
        | CLINIC
        | {P.WRITE_CHARTS, P.WRITE_CLINICAL_FIELDS, P.MERGE_CHARTS, P.UNDO_MERGES}
        | {P.CONFIRM_REGISTRATIONS, P.REGISTER_USERS, P.READ_TRAIL}
        | {P.RESTRICT_CHARTS, P.BREAK_GLASS, P.REVIEW_EMERGENCIES}
        | {P.MANAGE_USERS, P.MANAGE_OFFICES, P.MANAGE_SCHEDULES, P.MAKE_JOIN_CODES}
        | {P.ADD_FILES, P.DELETE_APPOINTMENTS, P.DELETE_CLINICAL, P.HOLD_CHARTS, P.EXPORT_CHARTS}
        | {P.USE_ADMIN_SITE, P.MANAGE_PRACTICE, P.BOOK_IN_ADMIN_SITE, P.KEEP_NOTE_TEMPLATES, P.KEEP_FORM_TEMPLATES}
        | {P.MANAGE_API_KEYS, P.MANAGE_WEBHOOKS}
        | {P.READ_BILLING, P.TAKE_PAYMENTS, P.MANAGE_BILLING, P.CODE_VISITS}
        | {P.IMPORT_DATA, P.SEE_NUMBERS, P.MANAGE_PRIVACY}
    ),
    # A doctor, chiropractor or therapist reads the practice's charts, books, and is the only one to write records.
    Role.DOCTOR: frozenset(
        WORKFORCE
        | CLINIC
        | {P.BOOK, P.MANAGE_OWN_SCHEDULE, P.SUBSCRIBE_TO_OWN_CALENDAR, P.WRITE_RECORDS, P.WRITE_CLINICAL_FIELDS}
        | {P.ADD_FILES, P.USE_ADMIN_SITE, P.KEEP_NOTE_TEMPLATES, P.READ_OWN_REVENUE, P.CODE_VISITS}
        | {P.RESTRICT_OWN_PATIENTS, P.BREAK_GLASS, P.MAKE_OWN_JOIN_CODES}
    ),
    # The front desk: charts, registrations, bookings; in the admin site it may look, and confirm registrations.
    Role.STAFF: frozenset(
        WORKFORCE
        | CLINIC
        | {P.WRITE_CHARTS, P.WRITE_CLINICAL_FIELDS, P.MERGE_CHARTS, P.CONFIRM_REGISTRATIONS, P.BOOK, P.USE_ADMIN_SITE}
        | {P.ADD_FILES, P.DELETE_APPOINTMENTS, P.READ_BILLING, P.TAKE_PAYMENTS}
    ),
    # Billing needs to reach people and to know when they came, not why.
    Role.BILLING: frozenset(
        WORKFORCE
        | {P.READ_CONTACTS, P.READ_APPOINTMENTS, P.USE_ADMIN_SITE}
        | {P.READ_BILLING, P.TAKE_PAYMENTS, P.MANAGE_BILLING, P.CODE_VISITS}
    ),
    # A patient sees and books only for their own chart.
    Role.PATIENT: frozenset(
        EVERYONE
        | {P.READ_OWN_CHART, P.READ_OWN_APPOINTMENTS, P.BOOK_OWN, P.CHANGE_OWN_APPOINTMENTS, P.READ_OWN_RECORDS}
        | {P.CHANGE_OWN_CONTACT, P.READ_OWN_ACCESSES, P.USE_JOIN_CODE, P.EXPORT_OWN_CHART, P.SUBSCRIBE_TO_OWN_CALENDAR}
        | {P.READ_OWN_BILLING, P.FILL_OWN_FORMS}
    ),
}

# What an API key may be given (docs/adr/0046): reading, and the desk's daily work. Not what decides who else gets in
# (people, sessions, keys, emergencies, restriction), what cannot be taken back, nor what a clinician answers for.
FOR_PROGRAMS = frozenset(
    {P.LIST_DOCTORS, P.LIST_OFFICES, P.FIND_TIMES, P.READ_SETTINGS, P.READ_CHARTS, P.READ_APPOINTMENTS}
    | {P.READ_APPOINTMENT_TEXT, P.READ_RECORDS, P.WRITE_CHARTS, P.CHANGE_APPOINTMENTS, P.MANAGE_WAITING_LIST}
    | {P.ADD_FILES}
)


# The contract knows four roles: billing shows as "staff" there, and may be asked for by its own name.
class PublicRole(PublicTextChoices):
    ADMIN = "admin", "admin"
    DOCTOR = "doctor", "doctor"
    STAFF = "staff", "staff"
    PATIENT = "patient", "patient"


REGISTER_ROLES = [*PublicRole.values, "billing"]


def public_role(role: str) -> str:
    return "staff" if role == Role.BILLING else role
