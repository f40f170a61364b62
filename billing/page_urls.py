"""Addresses of the pages of billing, below /billing/."""

from django.urls import path

from billing.accounts import pages as accounts
from billing.claim_forms import pages as claim_forms
from billing.claims import pages as claims
from billing.identities import pages as identities
from billing.invoices import pages as invoices
from billing.messages import pages as mails
from billing.online import pages as online
from billing.own_revenue import pages as own
from billing.payments import pages as payments
from billing.policies import pages as policies
from billing.prices import pages as prices
from billing.report_rows import pages as rows
from billing.reports import pages as reports

CHANGES = {"credit": "credit", "write-off": "write_off", "delete": "delete"}

urlpatterns = [
    path("", invoices.InvoicesPage.as_view(), name="billing"),
    path("prices/", prices.PriceListPage.as_view(), name="billing-prices"),
    path("prices/new/", prices.EditService.as_view(), name="billing-service-new"),
    path("prices/<uuid:service_id>/", prices.EditService.as_view(), name="billing-service"),
    path("invoices/<uuid:invoice_id>/", invoices.InvoicePage.as_view(), name="billing-invoice"),
    path("invoices/<uuid:invoice_id>/save/", invoices.SaveDraft.as_view(), name="billing-invoice-save"),
    path("invoices/<uuid:invoice_id>/print/", invoices.PrintInvoice.as_view(), name="billing-invoice-print"),
    path("invoices/<uuid:invoice_id>/email/", mails.SendInvoice.as_view(), name="billing-invoice-email"),
    path("payments/<uuid:payment_id>/email/", mails.SendReceipt.as_view(), name="billing-receipt-email"),
    path("invoices/<uuid:invoice_id>/use-credit/", payments.UseCredit.as_view(), name="billing-use-credit"),
    path("invoices/<uuid:invoice_id>/pay-link/", online.PayLinkPage.as_view(), name="billing-pay-link"),
    *(
        path(
            f"invoices/<uuid:invoice_id>/{address}/",
            invoices.ChangeInvoice.as_view(verb=verb),
            name=f"billing-invoice-{address}",
        )
        for address, verb in CHANGES.items()
    ),
    path("visits/", invoices.VisitsPage.as_view(), name="billing-visits"),
    path("visits/<uuid:visit_id>/invoice/", invoices.StartInvoiceOfVisit.as_view(), name="billing-visit-invoice"),
    path("visits/<uuid:visit_id>/codes/", claims.CodingPage.as_view(), name="billing-coding"),
    path("visits/<uuid:visit_id>/superbill/", claims.PrintSuperbill.as_view(), name="billing-superbill"),
    path("visits/<uuid:visit_id>/cms-1500/", claim_forms.PrintClaim.as_view(), name="billing-claim"),
    path("patients/<uuid:patient_id>/codes/", claim_forms.MonthPage.as_view(), name="billing-month"),
    path("patients/<uuid:patient_id>/superbill/", claim_forms.PrintMonth.as_view(), name="billing-month-print"),
    path("patients/<uuid:patient_id>/coverage/", claims.CoveragePage.as_view(), name="billing-coverage"),
    path("policy/", policies.PolicyPage.as_view(), name="billing-policy"),
    path("patients/<uuid:patient_id>/", accounts.AccountPage.as_view(), name="billing-account"),
    path("patients/<uuid:patient_id>/balance/", accounts.Balance.as_view(), name="billing-balance"),
    path("patients/<uuid:patient_id>/statement/", accounts.PrintStatement.as_view(), name="billing-statement"),
    path("patients/<uuid:patient_id>/invoice/", invoices.StartInvoice.as_view(), name="billing-invoice-new"),
    path("patients/<uuid:patient_id>/payment/", payments.TakePayment.as_view(), name="billing-payment-new"),
    path("payments/<uuid:payment_id>/", payments.PaymentPage.as_view(), name="billing-payment"),
    path("payments/<uuid:payment_id>/refund/", payments.RefundPage.as_view(), name="billing-refund"),
    path("payments/<uuid:payment_id>/allocate/", payments.AllocatePage.as_view(), name="billing-allocate"),
    path("payments/<uuid:payment_id>/receipt/", payments.PrintReceipt.as_view(), name="billing-receipt"),
    path("identities/", identities.IdentitiesPage.as_view(), name="billing-identities"),
    path("reports/", reports.ReportsPage.as_view(), name="billing-reports"),
    path("reports/own/", own.OwnRevenuePage.as_view(), name="billing-report-own"),
    path("reports/own/own.csv", own.OwnRevenuePage.as_view(as_file=True), name="billing-report-own-file"),
    path("reports/own/lines/", own.OwnLinesPage.as_view(), name="billing-report-own-lines"),
    *(path(f"reports/{name}/", page.as_view(), name=f"billing-report-{name}") for name, page in reports.PAGES.items()),
    *(
        path(f"reports/{name}/{name}.csv", page.as_view(as_file=True), name=f"billing-report-{name}-file")
        for name, page in reports.PAGES.items()
    ),
    path("reports/movements/", rows.MovementsPage.as_view(), name="billing-report-movements"),
    path("reports/movements/movements.csv", rows.MovementsFile.as_view(), name="billing-report-movements-file"),
    path("reports/lines/", rows.LinesPage.as_view(), name="billing-report-lines"),
    path("reports/credit/", rows.CreditPage.as_view(), name="billing-report-credit"),
    path("reports/open/", rows.OpenPage.as_view(), name="billing-report-open"),
]
