"""The kinds of audit events. Their values are stored and must never change."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.TextChoices):
    # data of a practice, recorded through django-auditlog, or explicitly for bulk writes, which it does not see
    CREATED = "data.created", _("Added")
    CHANGED = "data.changed", _("Changed")
    DELETED = "data.deleted", _("Deleted")
    AMENDED = "data.amended", _("Amended")
    SOFT_DELETED = "data.soft_deleted", _("Deleted (can be restored)")
    RESTORED = "data.restored", _("Restored")
    PURGED = "data.purged", _("Permanently deleted")
    # sign-in and sessions
    SIGNED_IN = "sign_in.succeeded", _("Signed in")
    SIGN_IN_FAILED = "sign_in.failed", _("Sign-in failed")
    LOCKED_OUT = "sign_in.locked_out", _("Locked out")
    SECOND_FACTOR_FAILED = "sign_in.second_factor_failed", _("Two-step verification failed")
    REFRESHED = "session.refreshed", _("Session renewed")
    REFRESH_REFUSED = "session.refresh_refused", _("Session renewal refused")
    REFRESH_REUSED = "session.refresh_reused", _("Old session token reused")
    SIGNED_OUT = "session.signed_out", _("Signed out")
    SESSION_ENDED = "session.ended", _("Session ended")
    TIMED_OUT = "session.timed_out", _("Session timed out")
    # accounts
    REGISTERED = "account.registered", _("Account registered")
    PASSWORD_CHANGED = "account.password_changed", _("Password changed")
    PASSWORD_RESET_REQUESTED = "account.password_reset_asked", _("Password reset requested")
    FACTOR_ADDED = "account.factor_added", _("Two-step verification method added")
    FACTOR_REMOVED = "account.factor_removed", _("Two-step verification method removed")
    RECOVERY_CODES_CREATED = "account.recovery_codes_made", _("Recovery codes created")
    ROLE_CHANGED = "account.role_changed", _("Role changed")
    ALL_SESSIONS_ENDED = "account.sessions_ended", _("All sessions ended")
    EMAIL_CHANGED = "account.email_changed", _("Email for signing in changed by somebody else")
    DEACTIVATED = "account.deactivated", _("Account deactivated")
    REACTIVATED = "account.reactivated", _("Account reactivated")
    # how patients join a practice
    JOIN_CODE_USED = "join_code.used", _("Join code used")
    JOIN_CODE_REFUSED = "join_code.refused", _("Join code refused")
    REGISTRATIONS_LISTED = "registration.listed", _("Registrations listed")
    REGISTRATION_CONFIRMED = "registration.confirmed", _("Registration confirmed")
    REGISTRATION_MERGED = "registration.merged", _("Registration merged into a chart")
    REGISTRATION_DECLINED = "registration.declined", _("Registration declined")
    REGISTRATION_REOPENED = "registration.reopened", _("Declined registration reopened")
    # a platform superuser
    PRACTICE_ENTERED = "practice.entered", _("Practice entered")
    # reading
    ACCOUNTS_READ = "account.read", _("Accounts viewed")
    CHART_READ = "chart.read", _("Chart opened")
    CHARTS_LISTED = "chart.listed", _("Charts listed")
    CHARTS_SEARCHED = "chart.searched", _("Charts searched")
    APPOINTMENT_READ = "appointment.read", _("Appointment opened")
    APPOINTMENTS_LISTED = "appointment.listed", _("Appointments listed")
    SERIES_BOOKED = "appointment.series_booked", _("Series of appointments booked")
    FEED_READ = "appointment.feed_read", _("Calendar feed read")
    MESSAGES_SENT = "message.sent", _("Messages sent")
    MESSAGES_READ = "message.read", _("Messages about a visit viewed")
    WAITING_LIST_READ = "waiting_list.read", _("Waiting list viewed")
    WAITING_WITHDRAWN = "waiting_list.withdrawn", _("Taken off the waiting list")
    SLOT_OFFERED = "waiting_list.offered", _("Free time offered")
    OFFER_WITHDRAWN = "waiting_list.offer_withdrawn", _("Offer taken back or declined")
    OFFER_ACCEPTED = "waiting_list.accepted", _("Offer accepted")
    RECORD_READ = "record.read", _("Medical record opened")
    RECORDS_LISTED = "record.listed", _("Medical records listed")
    NOTE_READ = "note.read", _("Session note opened")
    NOTES_LISTED = "note.listed", _("Session notes listed")
    NOTES_SEARCHED = "note.searched", _("Session notes searched")
    NOTE_FINALISED = "note.finalised", _("Session note finalised")
    VERSIONS_READ = "version.read", _("Earlier versions opened")
    MEASURES_LISTED = "measure.listed", _("Measures viewed")
    BODY_CHARTS_LISTED = "body_chart.listed", _("Body charts viewed")
    PLAN_READ = "plan.read", _("Plan of care opened")
    PLANS_LISTED = "plan.listed", _("Plans of care listed")
    FILES_LISTED = "file.listed", _("Files listed")
    FILE_READ = "file.read", _("File downloaded")
    FILE_LINKED = "file.linked", _("File link created")
    FILE_REJECTED = "file.turned_away", _("File rejected")
    FILE_SCANNED = "file.scanned", _("File rescanned")
    FORMS_LISTED = "form.listed", _("Forms listed")
    FORM_READ = "form.read", _("Form opened")
    FORM_HANDED_OVER = "form.handed_over", _("Form handed over on a tablet")
    FORM_OPENED = "form.opened", _("Form opened on a tablet")
    FORM_CODE_REFUSED = "form.code_refused", _("Code of a form refused")
    FORM_COMPLETED = "form.completed", _("Form completed")
    FORM_WITHDRAWN = "form.withdrawn", _("Consent withdrawn")
    FORM_REVIEWED = "form.reviewed", _("Answers of a form reviewed")
    CHART_EXPORTED = "chart.exported", _("Chart exported")
    INVOICE_READ = "invoice.read", _("Invoice opened")
    INVOICES_LISTED = "invoice.listed", _("Invoices listed")
    INVOICE_ISSUED = "invoice.issued", _("Invoice issued")
    INVOICE_CREDITED = "invoice.credited", _("Invoice credited")
    BILL_MAILED = "invoice.mailed", _("Invoice or receipt sent by email")
    PAYMENT_READ = "payment.read", _("Payment opened")
    PAYMENTS_LISTED = "payment.listed", _("Payments listed")
    PAYMENT_TAKEN = "payment.taken", _("Payment taken")
    PAYMENT_ALLOCATED = "payment.allocated", _("Payment put towards invoices")
    PAYMENT_REFUNDED = "payment.refunded", _("Payment refunded")
    WRITTEN_OFF = "invoice.written_off", _("Amount written off")
    ACCOUNT_READ = "ledger.account_read", _("Patient's account viewed")
    DELETED_LISTED = "deleted.listed", _("Deleted entries listed")
    PAGE_READ = "page.read", _("Page opened")
    ANSWER_REPEATED = "answer.repeated", _("Response sent again")
    TRAIL_READ = "trail.read", _("Audit trail viewed")
    ACCESSES_READ = "trail.accesses_read", _("Chart access list viewed")
    TRAIL_EXPORTED = "trail.exported", _("Audit trail exported")
    TRAIL_VERIFIED = "trail.verified", _("Audit trail verified")
    # emergency access (45 CFR 164.312(a)(2)(ii))
    RESTRICTED = "chart.restricted", _("Chart restricted")
    UNRESTRICTED = "chart.unrestricted", _("Restriction lifted")
    LIFT_ASKED = "chart.lift_asked", _("Second person asked to lift a restriction")
    LIFT_WITHDRAWN = "chart.lift_withdrawn", _("Request to lift a restriction taken back")
    CHARTS_MERGED = "chart.merged", _("Charts merged")
    MERGE_UNDONE = "chart.merge_undone", _("Merge of charts undone")
    DUPLICATE_DISMISSED = "chart.not_same", _("Two charts found to be of different people")
    HOLD_PLACED = "chart.hold_placed", _("Legal hold placed")
    HOLD_LIFTED = "chart.hold_lifted", _("Legal hold lifted")
    GLASS_BROKEN = "emergency.opened", _("Emergency access opened")
    EMERGENCY_REVIEWED = "emergency.reviewed", _("Emergency access signed off")
    EMERGENCIES_LISTED = "emergency.listed", _("Emergency access listed")
    # files that come in and go out
    IMPORT_UPLOADED = "import.uploaded", _("File to import uploaded")
    IMPORT_FINISHED = "import.finished", _("Import finished")
    IMPORT_UNDONE = "import.undone", _("Import undone")
    IMPORT_REMOVED = "import.removed", _("File of an import removed")
    ACCESS_REVIEWED = "access.reviewed", _("Access of people reviewed")
    LIST_EXPORTED = "list.exported", _("List exported")
    # the platform
    KEYS_ROTATED = "keys.rotated", _("Encryption keys rotated")
    BACKED_UP = "backup.made", _("Backup made")
    BACKUP_RESTORED = "backup.restored", _("Backup restored")
    BACKUP_TRIED = "backup.tried", _("Backup tried (drill)")
    JOB_RUN_AGAIN = "job.run_again", _("Background job run again")
    FILES_RECONCILED = "files.reconciled", _("Files checked against storage")
    INDEX_REBUILT = "keys.index_rebuilt", _("Search index rebuilt")

    @property
    def is_data_change(self) -> bool:
        """Whether it is recorded for the changed row, by django-auditlog or in its place."""
        return self in _DATA_CHANGES

    @property
    def is_change(self) -> bool:
        """Whether a service records it in the transaction of the change, so that an API view need not."""
        return self in _CHANGES


_DATA_CHANGES = {AuditEvent.CREATED, AuditEvent.CHANGED, AuditEvent.DELETED}
_CHANGES = _DATA_CHANGES | {
    AuditEvent.OFFER_ACCEPTED,
    AuditEvent.OFFER_WITHDRAWN,
    AuditEvent.AMENDED,
    AuditEvent.SOFT_DELETED,
    AuditEvent.RESTORED,
    AuditEvent.NOTE_FINALISED,
    AuditEvent.INVOICE_ISSUED,
    AuditEvent.INVOICE_CREDITED,
    AuditEvent.BILL_MAILED,
    AuditEvent.PAYMENT_TAKEN,
    AuditEvent.PAYMENT_ALLOCATED,
    AuditEvent.PAYMENT_REFUNDED,
    AuditEvent.WRITTEN_OFF,
    AuditEvent.FORM_HANDED_OVER,
    AuditEvent.FORM_COMPLETED,
    AuditEvent.FORM_WITHDRAWN,
    AuditEvent.FORM_REVIEWED,
    AuditEvent.CHARTS_MERGED,
    AuditEvent.MERGE_UNDONE,
    AuditEvent.HOLD_PLACED,
    AuditEvent.HOLD_LIFTED,
    AuditEvent.RESTRICTED,
    AuditEvent.UNRESTRICTED,
    AuditEvent.LIFT_ASKED,
    AuditEvent.LIFT_WITHDRAWN,
    AuditEvent.GLASS_BROKEN,
    AuditEvent.EMERGENCY_REVIEWED,
    AuditEvent.JOIN_CODE_USED,
    AuditEvent.ALL_SESSIONS_ENDED,
    AuditEvent.FACTOR_REMOVED,
    AuditEvent.REGISTRATION_CONFIRMED,
    AuditEvent.REGISTRATION_DECLINED,
    AuditEvent.REGISTRATION_REOPENED,
    AuditEvent.DUPLICATE_DISMISSED,
    AuditEvent.IMPORT_UPLOADED,
    AuditEvent.IMPORT_FINISHED,
    AuditEvent.IMPORT_UNDONE,
    AuditEvent.IMPORT_REMOVED,
    AuditEvent.ACCESS_REVIEWED,
}


class Outcome(models.TextChoices):
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")  # the user is known and not allowed (403) or cannot see it (404)
    FAILED = "failed", _("Failed")  # the user is not known: wrong password, forged or expired token
