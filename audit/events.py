"""What the trail tells of: one name for each kind of event, stored as it stands here for ever."""

from django.db import models


class Kind(models.TextChoices):
    # data of a practice, through django-auditlog or an explicit event where it is blind (bulk writes)
    CREATED = "data.created", "Added"
    CHANGED = "data.changed", "Changed"
    DELETED = "data.deleted", "Deleted"
    AMENDED = "data.amended", "Amended"
    SOFT_DELETED = "data.soft_deleted", "Deleted, can be restored"
    RESTORED = "data.restored", "Restored"
    PURGED = "data.purged", "Removed for good"
    # signing in and what ends it
    SIGNED_IN = "sign_in.succeeded", "Signed in"
    SIGN_IN_FAILED = "sign_in.failed", "Sign-in failed"
    LOCKED_OUT = "sign_in.locked_out", "Locked out"
    SECOND_FACTOR_FAILED = "sign_in.second_factor_failed", "Second factor failed"
    REFRESHED = "session.refreshed", "Session refreshed"
    REFRESH_REFUSED = "session.refresh_refused", "Refresh refused"
    REFRESH_REUSED = "session.refresh_reused", "Old refresh token used again"
    SIGNED_OUT = "session.signed_out", "Signed out"
    SESSION_ENDED = "session.ended", "Session ended"
    TIMED_OUT = "session.timed_out", "Session timed out"
    # accounts
    REGISTERED = "account.registered", "Account registered"
    PASSWORD_CHANGED = "account.password_changed", "Password changed"
    PASSWORD_RESET_ASKED = "account.password_reset_asked", "Password reset asked for"
    FACTOR_ADDED = "account.factor_added", "Second factor added"
    FACTOR_REMOVED = "account.factor_removed", "Second factor removed"
    RECOVERY_CODES_MADE = "account.recovery_codes_made", "Recovery codes made"
    ROLE_CHANGED = "account.role_changed", "Role changed"
    ALL_SESSIONS_ENDED = "account.sessions_ended", "All sessions ended"
    DEACTIVATED = "account.deactivated", "Account deactivated"
    REACTIVATED = "account.reactivated", "Account reactivated"
    # how patients come to a practice
    JOIN_CODE_USED = "join_code.used", "Join code used"
    JOIN_CODE_REFUSED = "join_code.refused", "Join code refused"
    REGISTRATIONS_LISTED = "registration.listed", "Registrations listed"
    REGISTRATION_CONFIRMED = "registration.confirmed", "Registration confirmed"
    REGISTRATION_MERGED = "registration.merged", "Registration merged into a chart"
    REGISTRATION_DECLINED = "registration.declined", "Registration declined"
    REGISTRATION_REOPENED = "registration.reopened", "Declined registration taken up again"
    # a platform superuser
    PRACTICE_ENTERED = "practice.entered", "Practice entered"
    # reading
    ACCOUNTS_READ = "account.read", "Accounts read"
    CHART_READ = "chart.read", "Chart opened"
    CHARTS_LISTED = "chart.listed", "Charts listed"
    CHARTS_SEARCHED = "chart.searched", "Charts searched"
    APPOINTMENT_READ = "appointment.read", "Appointment opened"
    APPOINTMENTS_LISTED = "appointment.listed", "Appointments listed"
    RECORD_READ = "record.read", "Medical record opened"
    RECORDS_LISTED = "record.listed", "Medical records listed"
    NOTE_READ = "note.read", "Session note opened"
    NOTES_LISTED = "note.listed", "Session notes listed"
    NOTES_SEARCHED = "note.searched", "Session notes searched"
    NOTE_FINALISED = "note.finalised", "Session note finalised"
    VERSIONS_READ = "version.read", "Earlier versions opened"
    PLAN_READ = "plan.read", "Plan of care opened"
    PLANS_LISTED = "plan.listed", "Plans of care listed"
    FILES_LISTED = "file.listed", "Files listed"
    FILE_READ = "file.read", "File downloaded"
    FILE_LINKED = "file.linked", "Link to a file made"
    FILE_TURNED_AWAY = "file.turned_away", "File turned away"
    FILE_SCANNED = "file.scanned", "File scanned again"
    CHART_EXPORTED = "chart.exported", "Chart exported"
    DELETED_LISTED = "deleted.listed", "Deleted entries listed"
    PAGE_READ = "page.read", "Admin page opened"
    TRAIL_READ = "trail.read", "Trail read"
    ACCESSES_READ = "trail.accesses_read", "Accesses of a chart read"
    TRAIL_EXPORTED = "trail.exported", "Trail exported"
    TRAIL_VERIFIED = "trail.verified", "Trail verified"
    # emergency access (45 CFR 164.312(a)(2)(ii))
    RESTRICTED = "chart.restricted", "Chart restricted"
    UNRESTRICTED = "chart.unrestricted", "Restriction lifted"
    HOLD_PLACED = "chart.hold_placed", "Legal hold placed"
    HOLD_LIFTED = "chart.hold_lifted", "Legal hold lifted"
    GLASS_BROKEN = "emergency.opened", "Emergency access opened"
    EMERGENCY_REVIEWED = "emergency.reviewed", "Emergency access signed off"
    EMERGENCIES_LISTED = "emergency.listed", "Emergency accesses listed"
    # the platform
    KEYS_ROTATED = "keys.rotated", "Encryption keys rotated"
    FILES_RECONCILED = "files.reconciled", "Files compared with the storage"
    INDEX_REBUILT = "keys.index_rebuilt", "Search index rebuilt"


class Outcome(models.TextChoices):
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"  # known, and not allowed: 403, or what does not exist for them: 404
    FAILED = "failed", "Failed"  # not known: a wrong password, a forged or ended token
