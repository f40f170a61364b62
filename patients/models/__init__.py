"""Charts, their merges, emergency accesses to restricted charts, deletions and legal holds."""

from patients.models.deletion import Deletion, DeletionQuerySet, LegalHold
from patients.models.emergency_access import EmergencyAccess, EmergencyAccessManager, EmergencyAccessQuerySet
from patients.models.merge import ChartMerge
from patients.models.patient import (
    ACTIVE_STATUSES,
    CONTENT,
    DEFERRED_IN_LISTS,
    ChartStatus,
    EncounterQuerySet,
    Gender,
    Patient,
    PatientManager,
    PatientQuerySet,
    PatientWithDeletedManager,
)

__all__ = [
    "ACTIVE_STATUSES",
    "CONTENT",
    "DEFERRED_IN_LISTS",
    "ChartMerge",
    "ChartStatus",
    "Deletion",
    "DeletionQuerySet",
    "EmergencyAccess",
    "EmergencyAccessManager",
    "EmergencyAccessQuerySet",
    "EncounterQuerySet",
    "Gender",
    "LegalHold",
    "Patient",
    "PatientManager",
    "PatientQuerySet",
    "PatientWithDeletedManager",
]
