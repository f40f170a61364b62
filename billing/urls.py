"""Routes of billing, below /api/."""

from django.urls import path

from billing.accounts import views as accounts
from billing.claims import views as claims
from billing.invoices import views as invoices
from billing.messages import views as mails
from billing.online import views as online
from billing.own_revenue import views as own
from billing.payments import views as payments
from billing.policies import views as policies
from billing.prices import views as prices
from billing.reports import views as reports

urlpatterns = [
    path("services", prices.Services.as_view(), name="services"),
    path("services/<uuid:service_id>", prices.ServiceById.as_view(), name="service"),
    path("invoices", invoices.Invoices.as_view(), name="invoices"),
    path("invoices/<uuid:invoice_id>", invoices.InvoiceById.as_view(), name="invoice"),
    path("invoices/<uuid:invoice_id>/issue", invoices.IssueInvoice.as_view(), name="issue_invoice"),
    path("invoices/<uuid:invoice_id>/credit", invoices.CreditInvoice.as_view(), name="credit_invoice"),
    path("invoices/<uuid:invoice_id>/write-off", invoices.WriteOffInvoice.as_view(), name="write_off_invoice"),
    path("invoices/<uuid:invoice_id>/use-credit", payments.UseCredit.as_view(), name="use_credit"),
    path("invoices/<uuid:invoice_id>/pdf", invoices.InvoicePdf.as_view(), name="invoice_pdf"),
    path("invoices/<uuid:invoice_id>/pay-link", online.PayLink.as_view(), name="pay_link"),
    path("invoices/<uuid:invoice_id>/email", mails.MailInvoice.as_view(), name="mail_invoice"),
    path("payments/<uuid:payment_id>/email", mails.MailReceipt.as_view(), name="mail_receipt"),
    path("payments/stripe/webhook", online.StripeCall.as_view(), name="stripe_webhook"),
    path("payments", payments.Payments.as_view(), name="payments"),
    path("payments/<uuid:payment_id>", payments.PaymentById.as_view(), name="payment"),
    path("payments/<uuid:payment_id>/allocations", payments.PaymentAllocations.as_view(), name="payment_allocations"),
    path("payments/<uuid:payment_id>/refund", payments.RefundPayment.as_view(), name="refund_payment"),
    path("payments/<uuid:payment_id>/receipt", payments.PaymentReceipt.as_view(), name="payment_receipt"),
    path("billing-policy", policies.Policy.as_view(), name="billing_policy"),
    path("claims/identities", claims.Identities.as_view(), name="claim_identities"),
    path("claims/visits/<uuid:appointment_id>/codes", claims.VisitCodes.as_view(), name="visit_codes"),
    path("claims/visits/<uuid:appointment_id>/superbill", claims.VisitSuperbill.as_view(), name="visit_superbill"),
    path("claims/visits/<uuid:appointment_id>/cms1500", claims.VisitClaim.as_view(), name="visit_claim"),
    path("claims/patients/<uuid:chart_id>/coverages", claims.PatientCoverages.as_view(), name="patient_coverages"),
    path("claims/patients/<uuid:chart_id>/superbill", claims.PatientSuperbill.as_view(), name="patient_superbill"),
    path("reports/takings", reports.Takings.as_view(), name="report_takings"),
    path("reports/revenue", reports.RevenueReport.as_view(), name="report_revenue"),
    path("reports/own-revenue", own.OwnRevenue.as_view(), name="report_own_revenue"),
    path("reports/unpaid", reports.Unpaid.as_view(), name="report_unpaid"),
    path("reports/payers", reports.Payers.as_view(), name="report_payers"),
    path("patients/<uuid:chart_id>/account/statement", accounts.AccountStatement.as_view(), name="account_statement"),
    path("patients/<uuid:chart_id>/account", accounts.PatientAccount.as_view(), name="patient_account"),
]
