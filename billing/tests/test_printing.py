"""What the PDFs say, in the scripts of the names."""

from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from billing.accounts.pdf import statement_pdf
from billing.accounts.services import account_of, entries_of
from billing.invoices import services as invoices
from billing.invoices.pdf import invoice_pdf
from billing.payments import services as payments
from billing.payments.pdf import receipt_pdf
from practices.tests.factories import OfficeFactory


def text_of(pdf):
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


@pytest.fixture
def printed(biller, chart, practice):
    """The texts of an invoice, a credit note, a receipt and a statement."""
    chart.name = "Łukasz Ωmega"
    chart.save()
    OfficeFactory(name="Main", address="5 Oak Street", phone="+1 555 0100")
    line = {"description": "Массаж", "unit_price": Decimal("1000.00"), "tax_rate": Decimal("19")}
    payer = {"payer_name": "Acme Insurance", "payer_address": "PO Box 1"}
    draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line, {**line, "quantity": 2}], **payer)
    invoice = invoices.issue(by=biller, invoice_id=draft.pk)
    towards = [{"invoice_id": invoice.pk, "amount": Decimal("500.00")}]
    taken = payments.take(by=biller, patient_id=chart.pk, amount=Decimal("600"), method="cheque", allocations=towards)
    who = {"practice": practice, "by": biller}
    texts = [text_of(invoice_pdf(invoices.get_invoice(by=biller, invoice_id=invoice.pk), **who))]
    texts.append(text_of(receipt_pdf(taken, **who)))
    note = invoices.credit(by=biller, invoice_id=invoice.pk, reason="Wrong service")
    texts.append(text_of(invoice_pdf(note, **who)))
    account = account_of(by=biller, patient_id=chart.pk)
    texts.append(text_of(statement_pdf(account, entries_of(chart).order_by("id"), **who)))
    return invoice, note, texts


def test_documents_say_what_was_agreed(printed):
    invoice, note, (bill, receipt, credit, statement) = printed
    for text in (bill, receipt, credit, statement):
        assert "Łukasz Ωmega" in text
        assert "5 Oak Street" in text
    for part in (f"Invoice {invoice.number}", "Acme Insurance", "PO Box 1", "Массаж", "3,000.00 USD", "570.00 USD"):
        assert part in bill
    assert "19.00% of 3,000.00 USD" in bill
    assert "3,070.00 USD" in bill  # what is still to pay
    assert "600.00 USD" in receipt
    assert f"Invoice {invoice.number}" in receipt
    for part in (str(note.number), str(invoice.number), "Wrong service", "3,570.00 USD"):
        assert part in credit
    for part in ("-600.00 USD", "Your credit", str(note.number), "Cheque"):
        assert part in statement
