"""The patient's own pages, below /me/."""

from django.urls import path

from billing.online.pages import PayOwnBill
from dashboard.me import account_pages, form_pages, pages

urlpatterns = [
    path("", pages.Overview.as_view(), name="my_page"),
    path("offers/<uuid:entry_id>/<uuid:offer_id>/accept/", pages.DecideOffer.as_view(), name="me_offer_accept"),
    path("offers/<uuid:entry_id>/<uuid:offer_id>/decline/", pages.DeclineOffer.as_view(), name="me_offer_decline"),
    path("visits/<uuid:visit_id>/move/", pages.MoveVisit.as_view(), name="me_move"),
    path("visits/<uuid:visit_id>/cancel/", pages.CancelVisit.as_view(), name="me_cancel"),
    path("forms/needed/<uuid:template_id>/", form_pages.FillNeeded.as_view(), name="me_form_needed"),
    path("forms/<uuid:form_id>/", form_pages.Form.as_view(), name="me_form"),
    path("forms/<uuid:form_id>/withdraw/", form_pages.Withdraw.as_view(), name="me_form_withdraw"),
    path("forms/<uuid:form_id>/file/", form_pages.SignedFile.as_view(), name="me_form_file"),
    path("accesses/", pages.Accesses.as_view(), name="me_accesses"),
    path("bills/", pages.Bills.as_view(), name="me_bills"),
    path("bills/<uuid:invoice_id>/", pages.Bill.as_view(), name="me_bill"),
    path("bills/<uuid:invoice_id>/pay/", PayOwnBill.as_view(), name="me_bill_pay"),
    path("receipts/<uuid:payment_id>/", pages.Receipt.as_view(), name="me_receipt"),
    path("data/", pages.download_data, name="me_data"),
    path("sessions/", account_pages.sessions_page, name="me_sessions"),
    path("sessions/end-others/", account_pages.end_other_sessions, name="me_sessions_end_others"),
    path("sessions/<uuid:session_id>/end/", account_pages.end_session, name="me_session_end"),
    path("messages/", pages.OwnMessages.as_view(), name="me_messages"),
    path("password/", account_pages.change_password, name="me_password"),
    path("security/", account_pages.security, name="me_security"),
    *(
        path(f"security/{address}", account_pages.security_form(verb), name=f"me_security_{name}")
        for name, (address, verb) in account_pages.SECURITY_FORMS.items()
    ),
]
