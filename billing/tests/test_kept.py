"""What the database refuses to change: the ledger, and what was issued. What two charts become when merged."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from billing.accounts.services import balance_of
from billing.invoices import services as invoices
from billing.models import Allocation, InvoiceLine, LedgerEntry, ServicePrice
from billing.payments import services as payments
from billing.prices import services as prices
from patients.deletion import services as deletions
from patients.merging import services as merging
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from practices.models import Practice

KEPT = ("ServicePrice", "Invoice", "LedgerEntry", "Allocation")


def refused(change):
    with pytest.raises(IntegrityError), transaction.atomic():
        change()


@pytest.fixture
def paid(biller, chart, bill):
    invoice = bill()
    towards = [{"invoice_id": invoice.pk, "amount": Decimal("40.00")}]
    payments.take(by=biller, patient_id=chart.pk, amount=Decimal("50.00"), method="cash", allocations=towards)
    prices.add_service(by=biller, code="M", name="Massage", price=Decimal("100.00"))
    return invoice


def test_database_refuses_to_change_what_is_kept(paid, subtests):
    rows = [paid, *(model.objects.first() for model in (LedgerEntry, Allocation, ServicePrice, InvoiceLine))]
    for row in rows:
        raw = models.QuerySet(type(row)).filter(pk=row.pk)
        with subtests.test(type(row).__name__):
            refused(lambda row=row: row.save())
            refused(lambda raw=raw: raw._raw_delete("default"))
            for field in row._meta.concrete_fields:
                if field.attname in ("id", "patient_id", "practice_id") or field.name == "updated_at":
                    continue
                value = getattr(row, field.attname)
                other = 7 if isinstance(field, models.IntegerField) and value != 7 else value
                if other != value:
                    refused(lambda raw=raw, name=field.attname, other=other: raw.update(**{name: other}))


def test_texts_may_change_to_another_key_alone(paid, subtests):
    """As a rotation of keys does it; the third byte of an envelope ends the number of its key."""
    texts = {type(paid): "patient_name", InvoiceLine: "description", LedgerEntry: "reference"}
    for model, name in texts.items():
        column = connection.ops.quote_name(name)
        where = f"UPDATE {model._meta.db_table} SET {column} = %s WHERE id = %s"
        row = paid if model is type(paid) else model.objects.first()
        with connection.cursor() as cursor:
            key = connection.ops.adapt_unknown_value(row.pk) if connection.vendor == "postgresql" else row.pk.hex
            cursor.execute(f"SELECT {column} FROM {model._meta.db_table} WHERE id = %s", [key])
            stored = bytes(cursor.fetchone()[0])
            rekeyed = stored[:2] + bytes([stored[2] + 1]) + stored[3:]
            with subtests.test(model.__name__):
                refused(lambda where=where, key=key, other=stored[:-1] + b"x": cursor.execute(where, [other, key]))
                cursor.execute(where, [rekeyed, key])


def test_database_refuses_a_further_line(paid):
    line = paid.lines.get()
    refused(lambda: InvoiceLine.objects.create(invoice=paid, position=2, **_of(line)))


def _of(line):
    names = ("description", "unit_price", "net", "tax", "total")
    return {name: getattr(line, name) for name in names}


def test_drafts_are_free(bill):
    draft = bill(issue=False)
    draft.note = "Thanks"
    draft.save()
    line = draft.lines.get()
    line.description = "Tape"
    line.save()
    line.delete()
    draft.delete()


@pytest.mark.embedded
def test_sqlite_keeps_every_column_but_the_patient(db):
    for name in KEPT:
        meta = apps.get_model("billing", name)._meta
        with connection.cursor() as cursor:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [f"{meta.db_table}_not_updated"])
            (sql,) = cursor.fetchone()
        kept = set(sql.partition("UPDATE OF ")[2].partition(" ON ")[0].split(", "))
        assert kept == {field.column for field in meta.concrete_fields} - {"patient_id"}, name


def test_merging_charts_moves_the_money_and_undoing_it_moves_it_back(paid, biller, chart, make_user):
    other, manager = PatientFactory(), make_user("admin")
    payments.take(by=biller, patient_id=other.pk, amount=Decimal("5.00"), method="card")
    merging.merge(by=manager, into=other.pk, source=chart.pk, keep={})
    assert (balance_of(chart), balance_of(other)) == (0, 4_500)
    assert invoices.get_invoice(by=biller, invoice_id=paid.pk).patient_id == other.pk
    merging.undo(by=manager, into=other.pk, source=chart.pk)
    assert (balance_of(chart), balance_of(other)) == (5_000, -500)


def test_chart_with_money_is_not_purged(paid, chart, make_user, practice):
    Practice.objects.filter(pk=practice.pk).update(retention_years=0)
    deletion = deletions.delete(by=make_user("admin"), row=chart, reason="By mistake")
    Deletion.objects.filter(pk=deletion.pk).update(created_at=timezone.now() - timedelta(days=40))
    said = StringIO()
    call_command("purge_deleted", stdout=said, stderr=said)
    assert "referenced by kept rows: 1" in said.getvalue()
    assert balance_of(chart) == 5_000
