"""The price list, invoices, and the ledger."""

from billing.models.checkout import Checkout, CheckoutState, OnlineRefund, ProviderEvent
from billing.models.claims import Coverage, ProviderIdentity, VisitCoding
from billing.models.invoice import DocumentKind, Invoice, InvoiceLine, InvoiceQuerySet, InvoiceState
from billing.models.ledger import Allocation, EntryKind, LedgerEntry, LedgerQuerySet, PaymentMethod
from billing.models.policy import BillingPolicy
from billing.models.service import Service, ServiceOfType, ServicePrice
from billing.models.sums import IssuedLine, LeftAmount, OpenAmount

__all__ = [
    "Allocation",
    "BillingPolicy",
    "Checkout",
    "CheckoutState",
    "Coverage",
    "DocumentKind",
    "EntryKind",
    "Invoice",
    "InvoiceLine",
    "InvoiceQuerySet",
    "InvoiceState",
    "IssuedLine",
    "LedgerEntry",
    "LedgerQuerySet",
    "LeftAmount",
    "OnlineRefund",
    "OpenAmount",
    "PaymentMethod",
    "ProviderEvent",
    "ProviderIdentity",
    "Service",
    "ServiceOfType",
    "ServicePrice",
    "VisitCoding",
]
