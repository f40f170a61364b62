"""Letters and certificates: begun with a template, and kept in the chart as a signed PDF."""

from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.encryption.fields import is_unreadable
from core.encryption.streams import Spool
from core.errors import Conflict, Forbidden, Invalid
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import check_access
from practices.models import Office
from records.attachments.services import add_file
from records.attachments.uploads import Upload
from records.letters.fields import Merged, Subject, blanks_in, merge
from records.letters.pdf import letter_pdf
from records.models import Attachment, LetterTemplate
from records.models.attachment import FileCategory

STILL_BLANK = _("Fill this in first: %(blanks)s.")
ONLY_DOCTORS = _("Only those who write records can sign letters.")
NOBODY = _("The patient's name can't be decrypted, so no letter can be written.")


def office_of(by: User) -> Office | None:
    """Return whose address is on the letterhead: that of who signs, or the practice's only one."""
    if by.office_id:
        return Office.objects.filter(pk=by.office_id).first()
    offices = list(Office.objects.order_by("id")[:2])
    return offices[0] if len(offices) == 1 else None


def open_chart(*, by: User, patient_id: UUID) -> Patient:
    """Return the chart. Raises NotFound, ChartRestricted, and Conflict if nobody can say whose it is."""
    found = Patient.objects.visible_to(by).select_related("practice").get_or_refuse(pk=patient_id)
    chart = check_access(by, found)
    if is_unreadable(chart, "name") or is_unreadable(chart, "date_of_birth"):
        raise Conflict(NOBODY)
    return chart


def begin_letter(*, by: User, patient_id: UUID, template_id: UUID) -> tuple[str, Merged]:
    """Return the title, and the template's text with what the chart says and marks where it says nothing. Nothing is
    stored. Raises NotFound and like `open_chart`."""
    chart = open_chart(by=by, patient_id=patient_id)
    template: LetterTemplate = LetterTemplate.objects.visible_to(by).get_or_refuse(pk=template_id)
    subject = Subject(chart, by, office_of(by))
    title = merge(template.title, subject)
    merged = merge(template.text, subject)
    return title.text, Merged(merged.text, list(dict.fromkeys(title.missing + merged.missing)))


def preview_letter(*, by: User, patient_id: UUID, title: str, text: str) -> tuple[Patient, bytes]:
    """Return the chart, and the PDF as it would be kept, unsigned and with its blanks. Raises like `open_chart`."""
    chart = open_chart(by=by, patient_id=patient_id)
    printed = letter_pdf(title=title, text=text, chart=chart, office=office_of(by), by=by, signed_at=None)
    return chart, printed


def sign_letter(*, by: User, patient_id: UUID, title: str, text: str) -> Attachment:
    """Sign the letter with name and time, and keep it as a file of the chart. Raises Forbidden, Invalid while something
    is still blank, and like `open_chart` and `add_file`."""
    if not by.can(Permission.WRITE_RECORDS):
        raise Forbidden(ONLY_DOCTORS)
    chart, moment = open_chart(by=by, patient_id=patient_id), timezone.now()
    for name, given in (("title", title), ("text", text)):
        if blanks := blanks_in(given):
            raise Invalid(name, STILL_BLANK % {"blanks": ", ".join(blanks)})
    printed = letter_pdf(title=title, text=text, chart=chart, office=office_of(by), by=by, signed_at=moment)
    day = moment.astimezone(chart.practice.tzinfo).date().isoformat()
    with Spool.throwaway().fill([printed]) as spool:
        upload = Upload(spool, name=f"{_file_name(title)} {day}.pdf", declared_type="application/pdf")
        return add_file(by=by, file=upload, patient_id=chart.pk, category=FileCategory.LETTER)


def _file_name(title: str) -> str:
    return title.replace("/", "-").replace("\\", "-")
