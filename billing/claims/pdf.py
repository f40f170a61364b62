"""The superbill: what a patient hands to an insurer, of one visit or of a month."""

from io import BytesIO

from django.utils.translation import gettext

from accounts.models import User
from billing.claims.services import identity_of
from billing.codes import LETTERS
from billing.invoices.pdf import write_sender
from billing.models import Coverage, ProviderIdentity, VisitCoding
from billing.money import label
from core.formats import format_day, format_local_datetime
from core.regional import in_practice_time
from patients.models import Patient
from practices.models import Practice
from records.printing import Document
from records.printing.fonts import BOLD


@in_practice_time
def superbill_pdf(
    chart: Patient, codings: list[VisitCoding], coverages: list[Coverage], *, practice: Practice, by: User
) -> bytes:
    """Return the PDF of these visits, which all have codes."""
    printed = BytesIO()
    document = Document(printed, title=gettext("Superbill"), about=chart.name, practice=practice, by=by)
    write_sender(document, practice.name)
    _write_identity(document, identity_of(None))
    document.field(gettext("Patient"), "\n".join(part for part in (chart.name, chart.address) if part))
    if chart.date_of_birth:
        document.field(gettext("Born"), format_day(chart.date_of_birth))
    for coverage in coverages:
        parts = [coverage.payer, coverage.payer_id, coverage.member_id, coverage.group]
        name = gettext("Insurance %(number)d: payer, payer id, member id, group") % {"number": coverage.position}
        document.field(name, ", ".join(part for part in parts if part))
    total = 0
    for coding in codings:
        total += _write_visit(document, coding, practice.currency)
    document.rule()
    document.row(gettext("Total"), label(total, practice.currency), weight=BOLD)
    document.close()
    return printed.getvalue()


def _write_identity(document: Document, identity: ProviderIdentity) -> None:
    known = {gettext("NPI"): identity.npi, gettext("Taxonomy"): identity.taxonomy, gettext("Tax id"): identity.tax_id}
    for name, value in known.items():
        document.field(name, value)


def _write_visit(document: Document, coding: VisitCoding, currency: str) -> int:
    """Write a visit and return what it came to."""
    visit = coding.appointment
    document.section(format_local_datetime(visit, visit.starts_at))
    document.field(gettext("Seen by"), visit.doctor.name)
    _write_identity(document, identity_of(visit.doctor))
    document.field(gettext("Place of service"), coding.place_of_service)
    diagnoses, lines = coding.content["diagnoses"], coding.content["lines"]
    named = ", ".join(f"{letter} {code}" for letter, code in zip(LETTERS, diagnoses, strict=False))
    document.field(gettext("Diagnoses (ICD-10-CM)"), named)
    document.gap(6)
    document.row(gettext("Service"), gettext("For"), gettext("Units"), gettext("Charge"), shade=0.4, size=8)
    document.rule()
    for line in lines:
        pointed = "".join(LETTERS[pointer - 1] for pointer in line["pointers"])
        charge = label(line["charge"], currency)
        document.row(" ".join([line["code"], *line["modifiers"]]), pointed, str(line["units"]), charge)
    return int(sum(line["charge"] for line in lines))
