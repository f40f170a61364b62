"""A practice with a biller and a chart."""

from decimal import Decimal

import pytest

from billing.invoices import services as invoices
from patients.tests.factories import PatientFactory


@pytest.fixture
def biller(scope, make_user):
    return make_user("billing")


@pytest.fixture
def chart(scope):
    return PatientFactory()


@pytest.fixture
def bill(biller, chart):
    """`bill("100.00")`: an issued invoice of the chart."""

    def make(price="100.00", *, issue=True, patient=chart):
        lines = [{"description": "Massage", "unit_price": Decimal(price)}]
        draft = invoices.write_draft(by=biller, patient_id=patient.pk, lines=lines)
        return invoices.issue(by=biller, invoice_id=draft.pk) if issue else draft

    return make
