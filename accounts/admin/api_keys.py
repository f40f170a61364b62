"""API keys of the practice: an office manager makes one, sees when it was used, and revokes it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.api_keys import services
from accounts.api_keys.words import WORDS
from accounts.models import ApiKey
from core.admin.access_log import shows_no_patient
from core.admin.base import Access, P, PracticeModelAdmin, ServiceForm, current_user, post_action
from core.formats import format_datetime, zone_label
from practices.services import current_practice


class ApiKeyForm(ServiceForm):
    form_field_names = {"expiresAt": "expires_at"}

    permissions = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(services.permission_name(one), word) for one, word in WORDS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:
            self.fields["name"].help_text = gettext("Which program it is for, such as “Laboratory”.")
            self.fields["expires_at"].required = False
            zone = zone_label(current_practice().tzinfo)
            self.fields["expires_at"].help_text = gettext(
                "Leave both blank for a year from now. Times are in %(zone)s."
            ) % {"zone": zone}


@admin.register(ApiKey)
@shows_no_patient("programs; what they read is logged with the patients")
class ApiKeyAdmin(PracticeModelAdmin):
    empty_hint = _("Add a key for a program that works with your practice's data.")
    access = Access(P.MANAGE_API_KEYS, add=P.MANAGE_API_KEYS)
    form = ApiKeyForm
    list_display = ("name", "prefix", "state", "used", "expires", "maker")
    change_form_outer_after_template = "admin/accounts/apikey/revoke.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("made_by")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        if obj is None:
            return ["name", "permissions", "expires_at"]
        return ["name", "prefix", "may", "state", "used", "expires", "maker", "made"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def create(self, request: HttpRequest, values: dict[str, Any]) -> ApiKey:
        key, text = services.make(by=current_user(request), **values)
        request.api_key = text  # type: ignore[attr-defined]
        return key

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key, on the only page that does, as that of a join code."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("API key"),
            "key": obj,
            "text": request.api_key,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/apikey/made.html", context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        key = context.get("original")
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False  # the response shows the key
        context["may_revoke"] = key is not None and key.revoked_at is None
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:key_id>/revoke/", permission="add", as_message=())
    def revoke(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        services.revoke(by=current_user(request), key_id=key_id)
        messages.success(request, gettext("API key revoked. Programs that use it are refused from now on."))
        return redirect("admin:accounts_apikey_changelist")

    def describe(self, row: ApiKey) -> str:
        return str(row.name)

    # --- Columns and fields

    @admin.display(description=_("What it may do"))
    def may(self, row: ApiKey) -> str:
        return "; ".join(str(word) for one, word in WORDS.items() if one in row.granted)

    @admin.display(description=_("Status"))
    def state(self, row: ApiKey) -> str:
        return str(services.get_state(row).label)

    @admin.display(description=_("Last used"), ordering="last_used_at")
    def used(self, row: ApiKey) -> str:
        return format_datetime(row.last_used_at) if row.last_used_at else gettext("Never")

    @admin.display(description=_("Expires"), ordering="expires_at")
    def expires(self, row: ApiKey) -> str:
        return format_datetime(row.expires_at)

    @admin.display(description=_("Created"), ordering="created_at")
    def made(self, row: ApiKey) -> str:
        return format_datetime(row.created_at)

    @admin.display(description=_("Created by"))
    def maker(self, row: ApiKey) -> str:
        return str(row.made_by.name)
