"""What a doctor signs, on the practice's letterhead."""

from collections.abc import Iterable
from datetime import datetime
from io import BytesIO

from django.utils.translation import gettext

from accounts.models import User
from practices.models import Office, Practice
from records.printing import fonts
from records.printing.document import SECTION, Document


def signed_pdf(
    *,
    title: str,
    about: str,
    fields: Iterable[tuple[str, str]],
    signed: tuple[User, datetime],
    amended: tuple[User, datetime] | None,
    office: Office | None,
    practice: Practice,
    by: User,
) -> bytes:
    """Return the PDF. `about` names the patient, `fields` are labels and texts; it is signed with name and time, and
    amended by whom and when. `office` is where the patient was, if it is known."""
    printed = BytesIO()
    document = Document(printed, title=title, about=about, practice=practice, by=by)
    document.text(practice.name, weight=fonts.BOLD)
    for line in (office.name, office.address, office.phone) if office else ():
        document.small(line)
    document.gap(SECTION)
    for label, text in fields:
        document.field(label, text)
    document.gap(2 * SECTION)
    document.text(
        gettext("Signed electronically by %(person)s, %(moment)s")
        % {"person": signed[0].name, "moment": document.stamp(signed[1])},
        weight=fonts.BOLD,
    )
    if amended:
        document.text(
            gettext("Amended by %(person)s, %(moment)s")
            % {"person": amended[0].name, "moment": document.stamp(amended[1])}
        )
    document.close()
    return printed.getvalue()
