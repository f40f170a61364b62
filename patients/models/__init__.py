"""Charts, their merges and imports, emergency accesses to restricted charts, deletions and legal holds."""

from patients.models.deletion import Deletion, DeletionQuerySet, LegalHold
from patients.models.duplicates import DuplicatePair, DuplicateSearch
from patients.models.emergency_access import EmergencyAccess, EmergencyAccessManager, EmergencyAccessQuerySet
from patients.models.imports import (
    AT_WORK,
    DateOrder,
    Import,
    ImportKind,
    ImportLine,
    ImportMapping,
    ImportPart,
    ImportState,
    LineState,
)
from patients.models.lift_request import LiftRequest
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
from patients.models.privacy_request import PrivacyRequest, RefusalReason, RequestKind, RequestState

__all__ = [
    "ACTIVE_STATUSES",
    "AT_WORK",
    "CONTENT",
    "DEFERRED_IN_LISTS",
    "ChartMerge",
    "ChartStatus",
    "DateOrder",
    "Deletion",
    "DeletionQuerySet",
    "DuplicatePair",
    "DuplicateSearch",
    "EmergencyAccess",
    "EmergencyAccessManager",
    "EmergencyAccessQuerySet",
    "EncounterQuerySet",
    "Gender",
    "Import",
    "ImportKind",
    "ImportLine",
    "ImportMapping",
    "ImportPart",
    "ImportState",
    "LegalHold",
    "LiftRequest",
    "LineState",
    "Patient",
    "PatientManager",
    "PatientQuerySet",
    "PatientWithDeletedManager",
    "PrivacyRequest",
    "RefusalReason",
    "RequestKind",
    "RequestState",
]
