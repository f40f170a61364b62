"""The page that an invitation's link leads to: choosing a password opens the account."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.invitations import services
from accounts.models import Invitation
from accounts.password_rules import describe_rules
from accounts.passwords.pages import NewPasswordForm, Page
from core.errors import Invalid


class Accept(Page):
    """Opening the page does not use up the link: mail scanners open links, too."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            invitation = services.check(token)
        except services.LinkNotValid as refusal:
            return _invalid_link_page(request, refusal)
        return _form_page(request, NewPasswordForm(rules=describe_rules(invitation.role)), invitation)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            invitation = services.check(token)
            form = NewPasswordForm(request.POST, rules=describe_rules(invitation.role))
            if not form.is_valid():
                return _form_page(request, form, invitation)
            services.accept(token=token, password=form.cleaned_data["password"])
        except Invalid as weak:
            form.add_error("password", weak.message)
            return _form_page(request, form, invitation)
        except services.LinkNotValid as refusal:
            return _invalid_link_page(request, refusal)
        messages.success(request, gettext("Your account is ready. Please sign in."))
        return redirect("home")


def _form_page(request: HttpRequest, form: NewPasswordForm, invitation: Invitation) -> HttpResponse:
    return render(request, "invitations/accept.html", {"form": form, "invitation": invitation})


def _invalid_link_page(request: HttpRequest, refusal: services.LinkNotValid) -> HttpResponse:
    return render(request, "invitations/invalid_link.html", {"sentence": refusal.detail}, status=refusal.status)
