"""Who may do what: one table, everything not named here is refused (DESIGN.md rule 6)."""

from enum import StrEnum
from typing import NamedTuple

from django.db import models


class Role(models.TextChoices):
    ADMIN = "admin", "Office manager"
    DOCTOR = "doctor", "Doctor"
    STAFF = "staff", "Staff"
    BILLING = "billing", "Billing administrator"
    PATIENT = "patient", "Patient"


class NumberedRole(NamedTuple):
    """A role as the mobile documents number it (seed 1-hipaa-auth.md: role_id)."""

    id: int
    role: Role
    name: str
    description: str


NUMBERED_ROLES = (
    NumberedRole(1, Role.DOCTOR, "chiropractor", "Doctor or therapist: treats, books, writes medical records."),
    NumberedRole(2, Role.ADMIN, "office manager", "Runs the practice: its people, offices and charts."),
    NumberedRole(3, Role.BILLING, "billing admin", "Bills: sees how to reach patients and when they came, not why."),
    NumberedRole(4, Role.PATIENT, "patient", "Sees and books for their own chart alone."),
    NumberedRole(5, Role.STAFF, "staff", "The front desk: charts, registrations, bookings."),
)
ROLE_OF_NUMBER = {numbered.id: numbered.role for numbered in NUMBERED_ROLES}


class Permission(StrEnum):
    USE_OWN_ACCOUNT = "read and change their own account"
    LIST_DOCTORS = "see the practice's doctors"
    READ_CHARTS = "read every chart of the practice, clinical fields included"
    READ_CONTACTS = "read every patient's contact data, clinical fields withheld"
    READ_OWN_CHART = "read their own chart"
    WRITE_CHARTS = "open and change charts"
    CONFIRM_REGISTRATIONS = "confirm who has registered as a patient"
    RESTRICT_CHARTS = "restrict any chart of the practice"
    RESTRICT_OWN_PATIENTS = "restrict the charts whose primary doctor they are, and lift that"
    BREAK_GLASS = "open a restricted chart in an emergency"
    REVIEW_EMERGENCIES = "sign off others' emergency accesses"
    READ_APPOINTMENTS = "see the practice's appointments"
    READ_APPOINTMENT_TEXT = "read why an appointment was made and its notes"
    READ_OWN_APPOINTMENTS = "see their own appointments"
    BOOK = "book an appointment for any patient of the practice"
    BOOK_OWN = "book an appointment for themself"
    CHANGE_APPOINTMENTS = "move, complete, cancel and re-open the practice's appointments"
    CHANGE_OWN_APPOINTMENTS = "move and cancel their own appointments"
    READ_RECORDS = "read the practice's medical records, finalised notes, plans of care and files"
    READ_OWN_RECORDS = "read their own medical records, finalised notes, plans of care and files"
    WRITE_RECORDS = "write medical records, session notes and plans of care, and delete their own drafts and plans"
    ADD_FILES = "add files to charts, rename them and delete their own"
    DELETE_APPOINTMENTS = "delete appointments that were made by mistake, and restore them"
    DELETE_CLINICAL = "delete and restore charts, records, notes, plans and files, and see what is deleted"
    HOLD_CHARTS = "put a chart on legal hold, and lift that"
    EXPORT_CHARTS = "export a chart with all that is in it"
    EXPORT_OWN_CHART = "export their own chart with all that is in it"
    SEE_DASHBOARD = "see the numbers of their role"
    READ_TRAIL = "read who did what in their practice, and who has seen which chart"
    READ_OWN_ACCESSES = "read who has seen their own chart"
    USE_JOIN_CODE = "come to a doctor and an office with a join code"
    MAKE_JOIN_CODES = "make and withdraw join codes for any doctor of the practice"
    MAKE_OWN_JOIN_CODES = "make and withdraw join codes for themself"
    LIST_OFFICES = "see the practice's offices"
    MANAGE_OFFICES = "add, change and remove offices"
    MANAGE_USERS = "see the accounts of the practice, deactivate them, end their sessions, remove a lost second factor"
    REGISTER_USERS = "register people of any role in their practice"
    USE_ADMIN_SITE = "open the admin site and look"
    MANAGE_PRACTICE = "change people, offices and the practice in the admin site"
    BOOK_IN_ADMIN_SITE = "book an appointment for any patient of the practice in the admin site"


P = Permission
EVERYONE = {P.USE_OWN_ACCOUNT, P.LIST_DOCTORS, P.LIST_OFFICES, P.SEE_DASHBOARD}
CLINIC = {P.READ_CHARTS, P.READ_APPOINTMENTS, P.READ_APPOINTMENT_TEXT, P.CHANGE_APPOINTMENTS, P.READ_RECORDS}

PERMISSIONS: dict[str, frozenset[Permission]] = {
    # The office manager runs the practice; the contract's API lets admins change appointments, not book them.
    Role.ADMIN: frozenset(
        EVERYONE
        | CLINIC
        | {P.WRITE_CHARTS, P.CONFIRM_REGISTRATIONS, P.REGISTER_USERS, P.READ_TRAIL}
        | {P.RESTRICT_CHARTS, P.BREAK_GLASS, P.REVIEW_EMERGENCIES}
        | {P.MANAGE_USERS, P.MANAGE_OFFICES, P.MAKE_JOIN_CODES}
        | {P.ADD_FILES, P.DELETE_APPOINTMENTS, P.DELETE_CLINICAL, P.HOLD_CHARTS, P.EXPORT_CHARTS}
        | {P.USE_ADMIN_SITE, P.MANAGE_PRACTICE, P.BOOK_IN_ADMIN_SITE}
    ),
    # A doctor, chiropractor or therapist treats: reads the practice's charts, books, and alone writes records.
    Role.DOCTOR: frozenset(
        EVERYONE
        | CLINIC
        | {P.BOOK, P.WRITE_RECORDS, P.ADD_FILES}
        | {P.RESTRICT_OWN_PATIENTS, P.BREAK_GLASS, P.MAKE_OWN_JOIN_CODES}
    ),
    # The front desk: charts, registrations, bookings; in the admin site it may look, and confirm registrations.
    Role.STAFF: frozenset(
        EVERYONE
        | CLINIC
        | {P.WRITE_CHARTS, P.CONFIRM_REGISTRATIONS, P.BOOK, P.USE_ADMIN_SITE, P.ADD_FILES, P.DELETE_APPOINTMENTS}
    ),
    # Billing needs to reach people and to know when they came, not why.
    Role.BILLING: frozenset(EVERYONE | {P.READ_CONTACTS, P.READ_APPOINTMENTS}),
    # A patient sees and books for their own chart alone.
    Role.PATIENT: frozenset(
        EVERYONE
        | {P.READ_OWN_CHART, P.READ_OWN_APPOINTMENTS, P.BOOK_OWN, P.CHANGE_OWN_APPOINTMENTS, P.READ_OWN_RECORDS}
        | {P.READ_OWN_ACCESSES, P.USE_JOIN_CODE, P.EXPORT_OWN_CHART}
    ),
}

# The contract knows four roles: billing shows as "staff" there, and may be asked for by its own name.
PUBLIC_ROLES = ["admin", "doctor", "staff", "patient"]
REGISTER_ROLES = [*PUBLIC_ROLES, "billing"]


def public_role(role: str) -> str:
    return "staff" if role == Role.BILLING else role
