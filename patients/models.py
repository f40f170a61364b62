"""Charts, and who opened a restricted one in an emergency."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User, known_as
from accounts.roles import Permission
from core.encryption.blind_index import BlindIndexField
from core.encryption.fields import EncryptedCharField, EncryptedDateField, EncryptedEmailField, EncryptedTextField
from core.soft_delete import LivingOnly, SoftDeletable
from core.tenancy import PracticeManager, PracticeModel, PracticeQuerySet
from patients.search import INDEXED, chart_tokens


class Gender(models.TextChoices):
    MALE = "male", "Male"
    FEMALE = "female", "Female"
    OTHER = "other", "Other"


class Status(models.TextChoices):
    PENDING = "pending", "Waiting to be confirmed"
    CONFIRMED = "confirmed", "Confirmed"
    DECLINED = "declined", "Declined"
    MERGED = "merged", "Merged into another chart"


LIVING = (Status.PENDING, Status.CONFIRMED)  # the others are kept for what they say, and nobody works with them


class PatientQuerySet(PracticeQuerySet):
    def visible_to(self, user: User) -> Self:
        """The charts this person may see: the practice's, or their own."""
        living = self.living()
        if user.can(Permission.READ_CHARTS) or user.can(Permission.READ_CONTACTS):
            return living
        if user.can(Permission.READ_OWN_CHART):
            return living.filter(user_id=user.pk)
        return self.none()

    def listed_for(self, user: User) -> Self:
        """What a list shows of them: a registration joins the practice's list once it is confirmed."""
        charts = self.visible_to(user)
        return charts if user.can(Permission.READ_OWN_CHART) else charts.confirmed()

    def living(self) -> Self:
        """Without those that were declined or merged into another one."""
        return self.filter(status__in=LIVING)

    def gone(self) -> Self:
        """Those that were."""
        return self.filter(status__in=(Status.DECLINED, Status.MERGED))

    def confirmed(self) -> Self:
        return self.filter(status=Status.CONFIRMED)

    def pending(self) -> Self:
        return self.filter(status=Status.PENDING)

    def brief(self) -> Self:
        """With the columns of a list alone: the others need not be fetched and decrypted."""
        shown = ("name", "email", "phone", "date_of_birth", "gender", "address", "created_at")
        return self.only(*shown, "restricted")

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.enter_scope()
            row.search_index = chart_tokens(row)
        return super().bulk_create(rows, *args, **kwargs)


_OF_CHART = (
    "search_index email phone date_of_birth gender address blood_type allergies medical_history emergency_contact "
    "created_at updated_at"
)
_OF_ACCOUNT = "email phone email_index password created_at updated_at"
BEHIND_THE_NAMES = [f"patient__{name}" for name in _OF_CHART.split()] + [
    f"doctor__{name}" for name in _OF_ACCOUNT.split()
]


class EncounterQuerySet(PracticeQuerySet):
    """Rows that name a patient and a doctor."""

    read_all: ClassVar[Permission]
    read_own: ClassVar[Permission]

    def visible_to(self, user: User) -> Self:
        """Those this person may see: the practice's, or their own chart's."""
        if user.can(self.read_all):
            return self
        if user.can(self.read_own):
            return self.filter(patient__user_id=user.pk)
        return self.none()

    def with_people(self) -> Self:
        """With the names a list shows, in one query. The rest of the chart and of the account, which would be decrypted
        for every row, is fetched where somebody asks for it."""
        return self.select_related("patient", "doctor").defer(*BEHIND_THE_NAMES)


class PatientWithDeletedManager(PracticeManager.from_queryset(PatientQuerySet)):  # type: ignore[misc]
    """The scope's charts, without the search index, which is written and matched but never read."""

    def start(self) -> PracticeQuerySet:
        return super().start().defer("search_index")


class PatientManager(LivingOnly, PatientWithDeletedManager):
    pass


class Patient(SoftDeletable):
    """A chart: who the patient is and what every encounter starts from. All of it that tells who or how is encrypted.

    A person who registers gets an account and a pending chart; the front desk confirms it. `user` is that account.
    A restricted chart stays closed until patients/restriction.py has opened it for the person who asks.
    """

    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="chart", editable=False
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CONFIRMED, editable=False)
    primary_doctor = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+", editable=False)
    restricted = models.BooleanField(default=False, editable=False)
    name = EncryptedCharField(label="patient.name", max_length=200)
    email = EncryptedEmailField(label="patient.email", max_length=254)
    phone = EncryptedCharField(label="patient.phone", max_length=40, blank=True)
    date_of_birth = EncryptedDateField(label="patient.date_of_birth", null=True)
    gender = models.CharField(max_length=6, choices=Gender.choices, blank=True)
    address = EncryptedCharField(label="patient.address", max_length=500, blank=True)
    blood_type = EncryptedCharField(label="patient.blood_type", max_length=20, blank=True)
    allergies = EncryptedTextField(label="patient.allergies", max_length=5000, blank=True)
    medical_history = EncryptedTextField(label="patient.medical_history", max_length=20_000, blank=True)
    emergency_contact = EncryptedCharField(label="patient.emergency_contact", max_length=300, blank=True)
    search_index = BlindIndexField()

    saved_one_by_one = INDEXED
    patient_field = "id"
    is_opened = False  # for whoever asks, of a restricted chart
    emergency_id: UUID | None = None  # the emergency access that opened it for them

    objects: ClassVar[PatientManager] = PatientManager()
    with_deleted: ClassVar[Any] = PatientWithDeletedManager()

    class Meta(SoftDeletable.Meta):
        verbose_name = "patient"
        indexes: ClassVar = [
            models.Index(fields=["practice", "status", "id"], name="patient_page"),
            models.Index(fields=["primary_doctor"], name="patient_primary_doctor"),
            models.Index(fields=["practice"], condition=models.Q(restricted=True), name="patient_restricted"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="patient_status_known"),
            models.CheckConstraint(condition=models.Q(gender__in=["", *Gender.values]), name="patient_gender_known"),
            models.CheckConstraint(
                condition=models.Q(status=Status.MERGED, merged_into__isnull=False)
                | ~models.Q(status=Status.MERGED) & models.Q(merged_into=None),
                name="patient_merged_names_the_chart",
            ),
        ]

    def __str__(self) -> str:
        return f"Chart {str(self.pk)[-6:]}"

    @property
    def is_closed(self) -> bool:
        """Of a closed chart nobody is shown more than the name."""
        return self.restricted and not self.is_opened

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.enter_scope()
        fields = kwargs.get("update_fields")
        if fields is None or INDEXED & set(fields):
            self.search_index = chart_tokens(self)
            if fields is not None:
                kwargs["update_fields"] = {*fields, "search_index"}
        super().save(*args, **kwargs)


class EmergencyAccessQuerySet(PracticeQuerySet):
    def live(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def waiting(self) -> Self:
        return self.filter(reviewed_at=None)

    def signed_off(self) -> Self:
        return self.exclude(reviewed_at=None)

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_people(self) -> Self:
        """With the names a list shows, in one query."""
        return self.select_related("patient", "opened_by", "reviewed_by").defer("patient__search_index")


class EmergencyAccessManager(PracticeManager.from_queryset(EmergencyAccessQuerySet)):  # type: ignore[misc]
    pass


class EmergencyAccess(PracticeModel):
    """Somebody broke the glass of a restricted chart (45 CFR 164.312(a)(2)(ii)): until `expires_at` it is open to
    them. It waits for an admin's review, which signs it off. `alerted_at`: when the admins' e-mail had gone out.

    The database itself keeps two accesses of one person to one chart from overlapping: an exclusion constraint on
    PostgreSQL, triggers on SQLite (migration 0004)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(label="emergency.reason", max_length=2000)
    expires_at = models.DateTimeField()
    alerted_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    note = EncryptedTextField(label="emergency.note", max_length=2000, blank=True)

    audited = False  # patients/restriction.py tells what happens to one in the words of emergency access
    patient_field = "patient_id"

    objects: ClassVar[EmergencyAccessManager] = EmergencyAccessManager()

    class Meta(PracticeModel.Meta):
        verbose_name = "emergency access"
        verbose_name_plural = "emergency accesses"
        indexes: ClassVar = [
            models.Index(fields=["practice", "id"], name="emergency_page"),
            models.Index(fields=["practice", "id"], condition=models.Q(reviewed_at=None), name="emergency_waiting"),
            models.Index(fields=["opened_by", "expires_at"], name="emergency_live"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="emergency_ends_after_start"
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by=None, reviewed_at=None)
                | models.Q(reviewed_by__isnull=False, reviewed_at__isnull=False),
                name="emergency_review_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by=None) | ~models.Q(reviewed_by=models.F("opened_by")),
                name="emergency_reviewed_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"Emergency access {str(self.pk)[-6:]}"

    @property
    def reviewer(self) -> str | None:
        """Who signed it off, by name, of a row `with_people`."""
        return None if self.reviewed_at is None else known_as(self.reviewed_by)


class DeletionQuerySet(PracticeQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_people(self) -> Self:
        """With the names a list shows, in two queries: a join would leave out what a platform superuser has deleted."""
        return self.select_related("patient", "practice").prefetch_related("deleted_by").defer("patient__search_index")


class Deletion(PracticeModel):
    """Somebody has hidden a chart, or one thing of it (`about`, a model's label, and `about_id`); with a chart goes all
    that is in it. Every row that it hides names it (core/soft_delete.py). Restoring removes it, as purging does in the
    end; `purge_began_at` marks the point of no return."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=100)
    about_id = models.UUIDField()
    deleted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(label="deletion.reason", max_length=1000)
    purge_began_at = models.DateTimeField(null=True)

    audited = False  # patients/deletions.py tells of it in words of its own
    patient_field = "patient_id"
    on_hold = False  # the chart, of a row that patients/deletions.py lists

    objects: ClassVar[Any] = PracticeManager.from_queryset(DeletionQuerySet)()

    class Meta(PracticeModel.Meta):
        indexes: ClassVar = [models.Index(fields=["practice", "id"], name="deletion_page")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["about", "about_id"], name="deletion_once")]

    def __str__(self) -> str:
        return f"Deletion {str(self.pk)[-6:]}"

    @property
    def deleter(self) -> str:
        """Who it was, by name, of a row `with_people`."""
        return known_as(getattr(self, "deleted_by", None))

    @property
    def is_of_chart(self) -> bool:
        return self.about == Patient._meta.label

    @property
    def restorable_until(self) -> datetime:
        return self.created_at + timedelta(days=settings.RESTORE_DAYS)


class LegalHold(PracticeModel):
    """While there is one, nothing of the chart is purged: a court or an authority may ask for it."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="legal_holds")
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(label="legal_hold.reason", max_length=1000)

    audited = False  # patients/deletions.py tells of it in words of its own
    patient_field = "patient_id"

    def __str__(self) -> str:
        return f"Legal hold {str(self.pk)[-6:]}"
