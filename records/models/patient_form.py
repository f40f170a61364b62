"""Forms and consents: what a practice asks (templates and their versions), and what patients answered and signed."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedJsonField, EncryptedTextField
from core.models import Model
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from core.tenancy.soft_delete import NotDeletedManager, SoftDeletable
from core.texts import validate_line
from patients.models import Patient
from records.models.attachment import Attachment
from records.models.entry import EntryQuerySet


class FieldKind(PublicTextChoices):
    STATEMENT = "statement", _("A paragraph to read")
    TEXT = "text", _("Short text")
    LONG_TEXT = "longText", _("Long text")
    CHOICE = "choice", _("Choice")
    YES_NO = "yesNo", _("Yes or no")
    DATE = "date", _("Date")
    NUMBER = "number", _("Number")
    SIGNATURE = "signature", _("Signature")


class FormNeed(PublicTextChoices):
    OPTIONAL = "optional", _("When somebody asks for it")
    EVERYONE = "everyone", _("Before every patient's visit")
    TYPES = "types", _("Before visits of these types")


class FormState(PublicTextChoices):
    ASKED = "asked", _("To be filled in")
    COMPLETED = "completed", _("Completed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class FormChannel(PublicTextChoices):
    PATIENT = "patient", _("By the patient, signed in")
    TABLET = "tablet", _("On a tablet at the practice")
    STAFF = "staff", _("By the practice")


class FormTemplateQuerySet(PracticeQuerySet):
    def in_use(self) -> Self:
        return self.filter(archived_at=None)


class FormTemplate(PracticeModel):
    """A form that patients are asked for. `number` is its newest version's; completed forms count from the version
    `valid_from` on: an older signature has to be given again."""

    name = models.CharField(_("name"), max_length=100, validators=[validate_line])
    need = models.CharField(_("needed"), max_length=8, choices=FormNeed.choices, default=FormNeed.OPTIONAL)
    number = models.PositiveIntegerField(_("version"), default=1, editable=False)
    valid_from = models.PositiveIntegerField(_("valid from version"), default=1, editable=False)
    archived_at = models.DateTimeField(_("archived at"), null=True, editable=False)

    objects: ClassVar[PracticeManager] = PracticeManager.from_queryset(FormTemplateQuerySet)()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("form template"), _("form templates")
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(need__in=FormNeed.values), name="form_template_need_known"),
            models.CheckConstraint(condition=Q(valid_from__lte=F("number")), name="form_template_valid_from_a_version"),
        ]

    def __str__(self) -> str:
        return self.name


class FormForType(PracticeModel):
    """A type of visit before which a form is needed."""

    template = models.ForeignKey(
        FormTemplate, verbose_name=_("form template"), on_delete=models.CASCADE, related_name="types"
    )
    appointment_type = models.ForeignKey(
        AppointmentType, verbose_name=_("appointment type"), on_delete=models.CASCADE, related_name="+"
    )

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("form for a type of visit"), _("forms for types of visits")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "template", "appointment_type"], name="form_for_type_once"),
        ]


class FormVersion(PracticeModel):
    """What a template said at a time; it never changes. `content` has `name`, `intro` and `questions`, each of
    these with `key`, `kind`, `label`, `hint`, `required`, `options` and `fills`."""

    template = models.ForeignKey(
        FormTemplate, verbose_name=_("form template"), on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField(_("version"))
    author = models.ForeignKey(User, verbose_name=_("author"), on_delete=models.PROTECT, related_name="+")
    content = EncryptedJsonField(_("content"), label="form_version.content")

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("version of a form"), _("versions of forms")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["template", "number"], name="form_version_number"),
        ]

    @property
    def questions(self) -> list[dict[str, Any]]:
        return list(self.content.get("questions", ()))

    @property
    def asks_signature(self) -> bool:
        return any(field["kind"] == FieldKind.SIGNATURE for field in self.questions)


class PatientFormQuerySet(EntryQuerySet):
    def with_people(self) -> Self:
        """Fetch what a list shows; the other columns of the chart would be decrypted for every row."""
        shown = super().select_related("patient", "template", "version").prefetch_related("asked_by")
        return shown.only(
            *(field.name for field in self.model._meta.concrete_fields),
            *("patient__name", "patient__restricted", "patient__user_id", "template__name", "template__valid_from"),
            *("version__number", "version__content", "version__template_id"),
        )

    def newest_first(self) -> Self:
        return self.order_by("-id")


class PatientFormManager(NotDeletedManager, PracticeManager.from_queryset(PatientFormQuerySet)):  # type: ignore[misc]
    pass


class PatientForm(SoftDeletable):
    """A form that a patient was asked for, with the answers once they are given. What was signed does not change: the
    PDF (`file`) has its SHA-256 here, and a consent that is taken back keeps both.

    `signature` has `name`, and `strokes` if it was drawn: lists of points, 0 to 1000 wide and 0 to 400 high."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="forms")
    template = models.ForeignKey(
        FormTemplate, verbose_name=_("form template"), on_delete=models.PROTECT, related_name="+"
    )
    version = models.ForeignKey(FormVersion, verbose_name=_("version"), on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(User, verbose_name=_("asked by"), on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("status"), max_length=9, choices=FormState.choices, default=FormState.ASKED)
    answers = EncryptedJsonField(_("answers"), label="patient_form.answers", default=dict)
    signature = EncryptedJsonField(_("signature"), label="patient_form.signature", default=dict)
    address = models.GenericIPAddressField(_("network address"), null=True)
    channel = models.CharField(_("filled in"), max_length=7, choices=FormChannel.choices, blank=True, default="")
    filled_by = models.ForeignKey(  # of a tablet: who handed it over
        User, verbose_name=_("filled in by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    completed_at = models.DateTimeField(_("completed at"), null=True)
    file = models.ForeignKey(Attachment, verbose_name=_("file"), null=True, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(_("SHA-256 of the file"), max_length=64, blank=True, default="")
    reviewed_at = models.DateTimeField(_("answers looked at"), null=True)
    reviewed_by = models.ForeignKey(
        User, verbose_name=_("looked at by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)
    withdrawn_by = models.ForeignKey(
        User, verbose_name=_("withdrawn by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawal_reason = EncryptedTextField(
        _("reason"), label="patient_form.withdrawal_reason", max_length=1000, blank=True, default=""
    )

    patient_field = "patient_id"

    objects: ClassVar[PatientFormManager] = PatientFormManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(PatientFormQuerySet)()

    class Meta(SoftDeletable.Meta):
        verbose_name, verbose_name_plural = _("form"), _("forms")
        indexes: ClassVar = [models.Index(fields=["patient", "id"], name="patient_form_of_patient")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=FormState.values), name="patient_form_state_known"),
            models.CheckConstraint(
                condition=Q(state=FormState.ASKED, completed_at=None, file=None)
                | Q(~Q(state=FormState.ASKED), completed_at__isnull=False, file__isnull=False),
                name="patient_form_completed_has_its_file",
            ),
            models.CheckConstraint(
                condition=Q(state=FormState.WITHDRAWN, withdrawn_at__isnull=False)
                | Q(~Q(state=FormState.WITHDRAWN), withdrawn_at=None),
                name="patient_form_withdrawn_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Form {str(self.pk)[-6:]}"


class FormCode(Model):
    """What opens one form, once, on a tablet that nobody is signed in on. Only a fingerprint of the code is stored. It
    is read before a practice is known, so it is not scoped."""

    audited = False  # records/forms/ logs the handing over and the opening

    fingerprint = models.BinaryField(unique=True)
    practice_id = models.UUIDField()
    form_id = models.UUIDField(unique=True)
    handed_by_id = models.UUIDField()
    expires_at = models.DateTimeField()

    class Meta(Model.Meta):
        verbose_name, verbose_name_plural = _("code of a form"), _("codes of forms")
