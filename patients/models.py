"""Charts."""

from typing import Any, ClassVar, Self

from django.db import models

from accounts.models import User
from accounts.roles import Permission
from core.encryption.blind_index import BlindIndexField
from core.encryption.fields import EncryptedCharField, EncryptedDateField, EncryptedEmailField, EncryptedTextField
from core.tenancy import PracticeManager, PracticeModel, PracticeQuerySet
from patients.search import SEARCHED, chart_tokens


class Gender(models.TextChoices):
    MALE = "male", "Male"
    FEMALE = "female", "Female"
    OTHER = "other", "Other"


class Status(models.TextChoices):
    PENDING = "pending", "Waiting to be confirmed"
    CONFIRMED = "confirmed", "Confirmed"


class PatientQuerySet(PracticeQuerySet):
    def visible_to(self, user: User) -> Self:
        """The charts this person may see: the practice's, or their own."""
        if user.can(Permission.READ_CHARTS) or user.can(Permission.READ_CONTACTS):
            return self
        if user.can(Permission.READ_OWN_CHART):
            return self.filter(user_id=user.pk)
        return self.none()

    def listed_for(self, user: User) -> Self:
        """What a list shows of them: a registration joins the practice's list once it is confirmed."""
        charts = self.visible_to(user)
        return charts if user.can(Permission.READ_OWN_CHART) else charts.confirmed()

    def confirmed(self) -> Self:
        return self.filter(status=Status.CONFIRMED)

    def pending(self) -> Self:
        return self.filter(status=Status.PENDING)

    def brief(self) -> Self:
        """With the columns of a list alone: the others need not be fetched and decrypted."""
        return self.only("name", "email", "phone", "date_of_birth", "gender", "address", "created_at")

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.enter_scope()
            row.search_index = chart_tokens(row)
        return super().bulk_create(rows, *args, **kwargs)


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
        """With the names a list shows, in one query."""
        return self.select_related("patient", "doctor").defer("patient__search_index")


class PatientManager(PracticeManager.from_queryset(PatientQuerySet)):  # type: ignore[misc]
    """The scope's charts, without the search index, which is written and matched but never read."""

    def start(self) -> PracticeQuerySet:
        return super().start().defer("search_index")


class Patient(PracticeModel):
    """A chart: who the patient is and what every encounter starts from. All of it that tells who or how is encrypted.

    A person who registers gets an account and a pending chart; the front desk confirms it. `user` is that account.
    """

    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="chart", editable=False
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CONFIRMED, editable=False)
    primary_doctor = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
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

    saved_one_by_one = SEARCHED
    patient_field = "id"

    objects: ClassVar[PatientManager] = PatientManager()

    class Meta(PracticeModel.Meta):
        verbose_name = "patient"
        indexes: ClassVar = [
            models.Index(fields=["practice", "status", "id"], name="patient_page"),
            models.Index(fields=["primary_doctor"], name="patient_primary_doctor"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="patient_status_known"),
            models.CheckConstraint(condition=models.Q(gender__in=["", *Gender.values]), name="patient_gender_known"),
        ]

    def __str__(self) -> str:
        return f"Chart {str(self.pk)[-6:]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.enter_scope()
        fields = kwargs.get("update_fields")
        if fields is None or SEARCHED & set(fields):
            self.search_index = chart_tokens(self)
            if fields is not None:
                kwargs["update_fields"] = {*fields, "search_index"}
        super().save(*args, **kwargs)
