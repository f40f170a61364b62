"""The statement of a patient's account as a PDF."""

from collections.abc import Iterable
from io import BytesIO

from django.utils.translation import gettext

from accounts.models import User
from billing.accounts.services import AGES, OLDER, Account
from billing.invoices.pdf import write_sender
from billing.models import LedgerEntry
from billing.money import label
from core.formats import format_day
from core.regional import in_practice_time
from practices.models import Practice
from records.printing import Document
from records.printing.fonts import BOLD


@in_practice_time
def statement_pdf(account: Account, entries: Iterable[LedgerEntry], *, practice: Practice, by: User) -> bytes:
    """Return the statement: each movement, oldest first, with what was owed after it."""
    printed, currency, patient = BytesIO(), account.currency, account.chart.name
    document = Document(printed, title=gettext("Statement of account"), about=patient, practice=practice, by=by)
    write_sender(document, practice.name)
    document.field(gettext("Patient"), "\n".join(part for part in (patient, account.chart.address) if part))
    document.field(gettext("Date"), format_day(practice.today()))
    document.gap(14)
    document.row(gettext("Movement"), gettext("Date"), gettext("Amount"), gettext("Balance"), shade=0.4, size=8)
    document.rule()
    balance = 0
    for entry in entries:
        balance += entry.amount
        document.row(
            describe(entry), format_day(entry.booked_on), label(entry.amount, currency), label(balance, currency)
        )
    document.rule()
    title = gettext("To pay") if account.balance >= 0 else gettext("Your credit")
    document.row(title, label(abs(account.balance), currency), weight=BOLD)
    if any(account.ages.values()):
        document.heading(gettext("Open invoices by age"))
        for name, title in age_labels().items():
            document.row(title, label(account.ages[name], currency))
    document.close()
    return printed.getvalue()


def describe(entry: LedgerEntry) -> str:
    """Return what the movement is, with the number or the way it was paid."""
    detail = entry.invoice.number if entry.invoice else str(entry.get_method_display())
    return gettext("%(kind)s, %(detail)s") % {"kind": entry.get_kind_display(), "detail": detail}


def age_labels() -> dict[str, str]:
    """Return what the ages are called, by their names in the account."""
    labels = (gettext("Up to 30 days"), gettext("31 to 60 days"), gettext("61 to 90 days"))
    return {**dict(zip((name for _, name in AGES), labels, strict=True)), OLDER: gettext("Older than 90 days")}
