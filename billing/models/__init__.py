"""The price list, invoices, and the ledger."""

from billing.models.checkout import Checkout, CheckoutState, ProviderEvent
from billing.models.invoice import DocumentKind, Invoice, InvoiceLine, InvoiceQuerySet, InvoiceState
from billing.models.ledger import Allocation, EntryKind, LedgerEntry, LedgerQuerySet, PaymentMethod
from billing.models.service import Service, ServiceOfType, ServicePrice

__all__ = [
    "Allocation",
    "Checkout",
    "CheckoutState",
    "DocumentKind",
    "EntryKind",
    "Invoice",
    "InvoiceLine",
    "InvoiceQuerySet",
    "InvoiceState",
    "LedgerEntry",
    "LedgerQuerySet",
    "PaymentMethod",
    "ProviderEvent",
    "Service",
    "ServiceOfType",
    "ServicePrice",
]
