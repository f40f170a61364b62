"""Charts."""

from datetime import date
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.choices import PublicTextChoices
from core.encryption.blind_index import BlindIndexField
from core.encryption.fields import (
    EncryptedCharField,
    EncryptedDateField,
    EncryptedEmailField,
    EncryptedTextField,
    unreadable_marked,
)
from core.permissions import Permission
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.soft_delete import NotDeletedManager, SoftDeletable
from core.texts import validate_line, validate_name, validate_phone
from patients.search_index import INDEXED, chart_tokens


class Gender(PublicTextChoices):
    MALE = "male", _("Male")
    FEMALE = "female", _("Female")
    OTHER = "other", _("Other")


class ChartStatus(models.TextChoices):
    PENDING = "pending", _("Waiting to be confirmed")
    CONFIRMED = "confirmed", _("Confirmed")
    DECLINED = "declined", _("Declined")
    MERGED = "merged", _("Merged into another chart")


ACTIVE_STATUSES = (
    ChartStatus.PENDING,
    ChartStatus.CONFIRMED,
)  # the others are only kept for reference


# What the contract's POST requires beside the name; a chart without one of these is incomplete.
EXPECTED_FIELDS = ("email", "phone", "date_of_birth", "gender", "address")
# What people change in a chart: a save that writes any of it is a new version.
CONTENT = frozenset(
    ("name", *EXPECTED_FIELDS, "blood_type", "allergies", "medical_history", "emergency_contact", "primary_doctor")
)


class PatientQuerySet(PracticeQuerySet):
    def visible_to(self, user: User) -> Self:
        """Return the active charts this person may see: the practice's, or their own."""
        active = self.active()
        if user.can(Permission.READ_CHARTS) or user.can(Permission.READ_CONTACTS):
            return active
        if user.can(Permission.READ_OWN_CHART):
            return active.filter(user_id=user.pk)
        return self.none()

    def listed_for(self, user: User) -> Self:
        """Return the charts to list: the practice's list has confirmed charts only."""
        charts = self.visible_to(user)
        return charts if user.can(Permission.READ_OWN_CHART) else charts.confirmed()

    def active(self) -> Self:
        """Exclude charts that were declined or merged into another chart."""
        return self.filter(status__in=ACTIVE_STATUSES)

    def inactive(self) -> Self:
        """Return only charts that were declined or merged into another chart."""
        return self.filter(status__in=(ChartStatus.DECLINED, ChartStatus.MERGED))

    def confirmed(self) -> Self:
        return self.filter(status=ChartStatus.CONFIRMED)

    def incomplete(self) -> Self:
        """Return the charts in which the contract's POST would miss something."""
        return self.filter(incomplete=True)

    def pending(self) -> Self:
        return self.filter(status=ChartStatus.PENDING)

    def brief(self) -> Self:
        """Load only the columns of a list, so that the others are not fetched and decrypted."""
        columns = ("name", "email", "phone", "date_of_birth", "gender", "address", "created_at")
        return self.only(*columns, "restricted")

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.enter_scope()
            row.search_index = chart_tokens(row)
            row.incomplete = row.lacks_something()
        return super().bulk_create(rows, *args, **kwargs)


_CHART_COLUMNS = (
    "search_index email phone date_of_birth gender address blood_type allergies medical_history emergency_contact "
    "incomplete version created_at updated_at"
)
_ACCOUNT_COLUMNS = "email phone email_index password created_at updated_at"
DEFERRED_IN_LISTS = [f"patient__{name}" for name in _CHART_COLUMNS.split()] + [
    f"doctor__{name}" for name in _ACCOUNT_COLUMNS.split()
]


class EncounterQuerySet(PracticeQuerySet):
    """Rows that belong to a patient and a doctor."""

    read_all: ClassVar[Permission]
    read_own: ClassVar[Permission]

    def visible_to(self, user: User) -> Self:
        """Return the rows this person may see: the practice's, or those of their own chart."""
        if user.can(self.read_all):
            return self
        if user.can(self.read_own):
            return self.filter(patient__user_id=user.pk)
        return self.none()

    def with_people(self) -> Self:
        """Fetch the names that a list shows in one query. The other columns of the chart and the account, which would
        be decrypted for every row, are loaded on access."""
        return self.select_related("patient", "doctor").defer(*DEFERRED_IN_LISTS)

    def with_shown_people(self, *columns: str) -> Self:
        """Do the same for a list that shows these columns and no others."""
        people = ("patient__name", "patient__restricted", "doctor__name")
        return self.select_related("patient", "doctor").only(*columns, *people, "patient_id", "doctor_id")


class PatientWithDeletedManager(PracticeManager.from_queryset(PatientQuerySet)):  # type: ignore[misc]
    """Charts of the current practice, deferring the search index, which is written and matched but never read."""

    def base_queryset(self) -> PracticeQuerySet:
        return super().base_queryset().defer("search_index")


class PatientManager(NotDeletedManager, PatientWithDeletedManager):
    pass


class Patient(SoftDeletable):
    """A patient's chart. Identifying and clinical fields are encrypted.

    A person who registers gets an account (`user`) and a pending chart, which the front desk confirms. A restricted
    chart counts as closed until `resolve_access` (patients/restriction/services.py) has set `is_accessible` for the
    caller.

    Much may be unknown (a baby has no email): an empty text, no date of birth, an empty gender. What a chart must have
    is a name and a way to reach somebody (patients/services.py).
    """

    user = models.OneToOneField(
        User,
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="chart",
        editable=False,
    )
    status = models.CharField(
        _("status"), max_length=10, choices=ChartStatus.choices, default=ChartStatus.CONFIRMED, editable=False
    )
    primary_doctor = models.ForeignKey(
        User, verbose_name=_("primary doctor"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    merged_into = models.ForeignKey(
        "self", verbose_name=_("merged into"), null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    restricted = models.BooleanField(_("restricted"), default=False, editable=False)
    name = EncryptedCharField(_("name"), label="patient.name", max_length=200, validators=[validate_name])
    email = EncryptedEmailField(_("email"), label="patient.email", max_length=254, blank=True)
    phone = EncryptedCharField(
        _("phone"), label="patient.phone", max_length=40, blank=True, validators=[validate_phone]
    )
    date_of_birth = EncryptedDateField(_("date of birth"), label="patient.date_of_birth", null=True, blank=True)
    gender = models.CharField(_("gender"), max_length=6, choices=Gender.choices, blank=True)
    address = EncryptedCharField(_("address"), label="patient.address", max_length=500, blank=True)
    blood_type = EncryptedCharField(
        _("blood type"), label="patient.blood_type", max_length=20, blank=True, validators=[validate_line]
    )
    allergies = EncryptedTextField(_("allergies"), label="patient.allergies", max_length=5000, blank=True)
    medical_history = EncryptedTextField(
        _("medical history"), label="patient.medical_history", max_length=20_000, blank=True
    )
    emergency_contact = EncryptedCharField(
        _("emergency contact"), label="patient.emergency_contact", max_length=300, blank=True
    )
    search_index = BlindIndexField()
    incomplete = models.BooleanField(_("incomplete"), default=False, editable=False)  # one of EXPECTED_FIELDS is empty
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    not_bulk_updatable = INDEXED | set(EXPECTED_FIELDS)
    unlogged_fields: ClassVar = {"version", "incomplete"}  # they change with others
    patient_field = "id"
    is_accessible = False  # whether the caller has access, if the chart is restricted; see resolve_access
    emergency_id: UUID | None = None  # the caller's emergency access, if that is what gives access

    objects: ClassVar[PatientManager] = PatientManager()
    with_deleted: ClassVar[Any] = PatientWithDeletedManager()

    class Meta(SoftDeletable.Meta):
        verbose_name, verbose_name_plural = _("patient"), _("patients")
        indexes: ClassVar = [
            models.Index(fields=["practice", "status", "id"], name="patient_page"),
            models.Index(fields=["practice", "updated_at", "id"], name="patient_changed"),
            models.Index(fields=["primary_doctor"], name="patient_primary_doctor"),
            models.Index(fields=["practice"], condition=models.Q(restricted=True), name="patient_restricted"),
            models.Index(fields=["practice", "id"], condition=models.Q(incomplete=True), name="patient_incomplete"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=ChartStatus.values), name="patient_status_known"),
            models.CheckConstraint(condition=models.Q(gender__in=["", *Gender.values]), name="patient_gender_known"),
            models.CheckConstraint(
                condition=models.Q(status=ChartStatus.MERGED, merged_into__isnull=False)
                | ~models.Q(status=ChartStatus.MERGED) & models.Q(merged_into=None),
                name="patient_merged_names_the_chart",
            ),
        ]

    def __str__(self) -> str:
        return f"Chart {str(self.pk)[-6:]}"

    @property
    def is_closed(self) -> bool:
        """Whether the caller may see only the name."""
        return self.restricted and not self.is_accessible

    def age_on(self, day: date) -> int | None:
        """Return the age in years; None if the date of birth is not known or cannot be decrypted."""
        born = self.date_of_birth
        if not isinstance(born, date):
            return None
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))

    def lacks_something(self) -> bool:
        with unreadable_marked():  # what cannot be decrypted is there
            return not all(getattr(self, name) for name in EXPECTED_FIELDS)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.enter_scope()
        fields = kwargs.get("update_fields")
        written = CONTENT if fields is None else CONTENT & set(fields)
        derived = set()
        if written & INDEXED:
            self.search_index = chart_tokens(self)
            derived.add("search_index")
        if not written.isdisjoint(EXPECTED_FIELDS):
            self.incomplete = self.lacks_something()
            derived.add("incomplete")
        if written and not self._state.adding:
            self.version += 1
            derived.add("version")
        if fields is not None:
            kwargs["update_fields"] = {*fields, *derived}
        super().save(*args, **kwargs)
