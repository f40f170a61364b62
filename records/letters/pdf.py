"""A letter on paper."""

from datetime import datetime
from io import BytesIO

from django.utils.translation import gettext

from accounts.models import User
from core.formats import format_day
from patients.models import Patient
from practices.models import Office
from records.plans.pdf import patient_label
from records.printing import Document, fonts
from records.printing.document import SECTION


def letter_pdf(
    *, title: str, text: str, chart: Patient, office: Office | None, by: User, signed_at: datetime | None
) -> bytes:
    """Return the PDF, signed by name and time; without `signed_at` it says that it is not."""
    printed, practice = BytesIO(), chart.practice
    about = patient_label(chart.name, chart.date_of_birth)
    document = Document(printed, title=title, about=about, practice=practice, by=by)
    document.text(practice.name, weight=fonts.BOLD)
    for line in (office.name, office.address, office.phone) if office else ():
        if line:
            document.small(line)
    document.gap(SECTION)
    document.text(format_day(practice.today()))
    document.gap(SECTION)
    document.text(text)
    document.gap(2 * SECTION)
    if signed_at is None:
        document.text(gettext("Preview: not signed"), weight=fonts.BOLD)
    else:
        signed = {"person": by.name, "moment": document.stamp(signed_at)}
        document.text(gettext("Signed electronically by %(person)s, %(moment)s") % signed, weight=fonts.BOLD)
    if by.specialization:
        document.text(by.specialization)
    document.close()
    return printed.getvalue()
