"""Changing one's own password in the admin site."""

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.forms import AdminOwnPasswordChangeForm

from accounts.passwords.own import OwnPassword, OwnPasswordForm
from core.admin.access_log import own_account_page


class AdminOwnPasswordForm(OwnPasswordForm, AdminOwnPasswordChangeForm):
    """With unfold's widgets."""


@own_account_page("one's own password", while_factor_due=True)
def change_password(request: HttpRequest) -> HttpResponseBase:
    view = OwnPassword.as_view(
        form_class=AdminOwnPasswordForm,
        success_url=reverse("admin:password_change_done"),
        extra_context=admin.site.each_context(request),
    )
    return view(request)
