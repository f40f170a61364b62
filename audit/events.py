"""What the trail tells of: one name for each kind of event, stored as it stands here for ever."""

from django.db import models


class Kind(models.TextChoices):
    # data of a practice, through django-auditlog or an explicit event where it is blind (bulk writes)
    CREATED = "data.created", "Added"
    CHANGED = "data.changed", "Changed"
    DELETED = "data.deleted", "Deleted"
    # signing in and what ends it
    SIGNED_IN = "sign_in.succeeded", "Signed in"
    SIGN_IN_FAILED = "sign_in.failed", "Sign-in failed"
    LOCKED_OUT = "sign_in.locked_out", "Locked out"
    REFRESHED = "session.refreshed", "Session refreshed"
    REFRESH_REFUSED = "session.refresh_refused", "Refresh refused"
    SIGNED_OUT = "session.signed_out", "Signed out"
    SESSION_ENDED = "session.ended", "Session ended"
    TIMED_OUT = "session.timed_out", "Session timed out"
    # accounts
    REGISTERED = "account.registered", "Account registered"
    PASSWORD_CHANGED = "account.password_changed", "Password changed"
    ROLE_CHANGED = "account.role_changed", "Role changed"
    DEACTIVATED = "account.deactivated", "Account deactivated"
    REACTIVATED = "account.reactivated", "Account reactivated"
    # a platform superuser
    PRACTICE_ENTERED = "practice.entered", "Practice entered"
    # reading
    CHART_READ = "chart.read", "Chart opened"
    CHARTS_LISTED = "chart.listed", "Charts listed"
    CHARTS_SEARCHED = "chart.searched", "Charts searched"
    APPOINTMENT_READ = "appointment.read", "Appointment opened"
    APPOINTMENTS_LISTED = "appointment.listed", "Appointments listed"
    RECORD_READ = "record.read", "Medical record opened"
    RECORDS_LISTED = "record.listed", "Medical records listed"
    PAGE_READ = "page.read", "Admin page opened"
    TRAIL_READ = "trail.read", "Trail read"
    ACCESSES_READ = "trail.accesses_read", "Accesses of a chart read"
    TRAIL_EXPORTED = "trail.exported", "Trail exported"
    TRAIL_VERIFIED = "trail.verified", "Trail verified"
    # emergency access (45 CFR 164.312(a)(2)(ii))
    RESTRICTED = "chart.restricted", "Chart restricted"
    UNRESTRICTED = "chart.unrestricted", "Restriction lifted"
    GLASS_BROKEN = "emergency.opened", "Emergency access opened"
    EMERGENCY_REVIEWED = "emergency.reviewed", "Emergency access signed off"
    EMERGENCIES_LISTED = "emergency.listed", "Emergency accesses listed"
    # the platform
    KEYS_ROTATED = "keys.rotated", "Encryption keys rotated"
    INDEX_REBUILT = "keys.index_rebuilt", "Search index rebuilt"


class Outcome(models.TextChoices):
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"  # known, and not allowed: 403, or what does not exist for them: 404
    FAILED = "failed", "Failed"  # not known: a wrong password, a forged or ended token
