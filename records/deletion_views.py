"""Restoring what was deleted of the clinical record; who may is told by records/deleted.py."""

from accounts.roles import Permission
from patients.deletion_views import Restoring, restoring
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote

DELETE_RECORDS = Permission.DELETE_CLINICAL
DELETE_ENTRIES = (Permission.DELETE_CLINICAL, Permission.WRITE_RECORDS)  # of their own
DELETE_FILES = (Permission.DELETE_CLINICAL, Permission.ADD_FILES)  # the same


class RestoreRecord(Restoring):
    permissions = {"POST": DELETE_RECORDS}
    about = MedicalRecord._meta.label
    post = restoring(MedicalRecord)


class RestoreNote(Restoring):
    permissions = {"POST": DELETE_ENTRIES}
    about = SessionNote._meta.label
    post = restoring(SessionNote)


class RestorePlan(Restoring):
    permissions = {"POST": DELETE_ENTRIES}
    about = PlanOfCare._meta.label
    post = restoring(PlanOfCare)


class RestoreAttachment(Restoring):
    permissions = {"POST": DELETE_FILES}
    about = Attachment._meta.label
    post = restoring(Attachment)
