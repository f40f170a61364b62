"""The patient's own pages, below /me/."""

from django.urls import path

from billing.online import pages as bills
from dashboard.me import pages

urlpatterns = [
    path("", pages.Overview.as_view(), name="my_page"),
    path("visits/<uuid:visit_id>/move/", pages.MoveVisit.as_view(), name="me_move"),
    path("visits/<uuid:visit_id>/cancel/", pages.CancelVisit.as_view(), name="me_cancel"),
    path("bills/", bills.OwnBills.as_view(), name="me_bills"),
    path("bills/<uuid:invoice_id>/pay/", bills.PayOwnBill.as_view(), name="me_bill_pay"),
    path("bills/<uuid:invoice_id>/print/", bills.PrintOwnBill.as_view(), name="me_bill_print"),
    path("accesses/", pages.Accesses.as_view(), name="me_accesses"),
    path("data/", pages.download_data, name="me_data"),
    path("sessions/", pages.sessions_page, name="me_sessions"),
    path("sessions/end-others/", pages.end_other_sessions, name="me_sessions_end_others"),
    path("sessions/<uuid:session_id>/end/", pages.end_session, name="me_session_end"),
    path("messages/", pages.OwnMessages.as_view(), name="me_messages"),
    path("password/", pages.change_password, name="me_password"),
    path("security/", pages.security, name="me_security"),
    *(
        path(f"security/{address}", pages.security_form(verb), name=f"me_security_{name}")
        for name, (address, verb) in pages.SECURITY_FORMS.items()
    ),
]
