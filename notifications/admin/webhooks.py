"""Webhooks: an office manager has events sent to another program, and sees how that goes."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from core.admin.access_log import log_page_read, shows_no_patient
from core.admin.base import Access, P, ServiceForm, current_user, post_action
from core.admin.removing import RemovableAdmin
from core.encryption.fields import unreadable_marked
from core.formats import format_datetime
from notifications.models import Delivery, Webhook
from notifications.webhooks import services
from notifications.webhooks.serializers import DeliveryShape, DeliveryStatus, WebhookEvent

MAX_DELIVERIES = 20  # of the last deliveries


class WebhookForm(ServiceForm):
    events = forms.MultipleChoiceField(
        label=_("Events"), choices=WebhookEvent.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )


@admin.register(Webhook)
@shows_no_patient("where events are sent, and ids of what changed")
class WebhookAdmin(RemovableAdmin):
    empty_hint = _("Add the address of a program that wants to hear of changes.")
    access = Access(P.MANAGE_WEBHOOKS, add=P.MANAGE_WEBHOOKS, change=P.MANAGE_WEBHOOKS)
    form = WebhookForm
    list_display = ("address", "is_active", "made")
    removal_note = _("Nothing is sent any more, and the list of what was sent is gone. This can't be undone.")
    removal_button, removed = _("Remove this webhook"), _("Webhook removed.")
    change_form_outer_after_template = "admin/notifications/webhook/after.html"

    def get_fields(self, request: HttpRequest, obj: Webhook | None = None) -> list[str]:
        return ["url", "events", *(["is_active"] if obj else [])]

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Webhook:
        return services.create(by=current_user(request), url=values["url"], events=values["events"])

    def change(self, request: HttpRequest, row: Webhook, values: dict[str, Any]) -> Webhook:
        return services.change(by=current_user(request), webhook_id=row.pk, **values)

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        services.remove(by=current_user(request), webhook_id=pk)

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None) -> HttpResponse:
        return self._secret_page(request, obj)

    @post_action("<uuid:webhook_id>/rotate-secret/")
    def rotate_secret(self, request: HttpRequest, webhook_id: UUID) -> HttpResponse:
        hook = services.rotate_secret(by=current_user(request), webhook_id=webhook_id)
        return self._secret_page(request, hook)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False
        if hook := context.get("original"):
            context["deliveries"] = [_entry(row) for row in hook.deliveries.order_by("-id")[:MAX_DELIVERIES]]
        return super().render_change_form(request, context, *args, **kwargs)

    def describe(self, row: Webhook) -> str:
        return str(row.url.partition("?")[0])

    def _secret_page(self, request: HttpRequest, hook: Webhook) -> HttpResponse:
        """Show the secret, on the only page that does. It is not a message: a message waits in a cookie."""
        log_page_read(request, [], about=Webhook._meta.label, about_id=hook.pk)
        title = gettext("Secret of the webhook")
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "hook": hook}
        return TemplateResponse(request, "admin/notifications/webhook/secret.html", context)

    # --- Columns

    @admin.display(description=_("Address"))
    def address(self, row: Webhook) -> str:
        with unreadable_marked():
            return self.describe(row)

    @admin.display(description=_("Created"), ordering="created_at")
    def made(self, row: Webhook) -> str:
        return format_datetime(row.created_at)


def _entry(row: Delivery) -> dict[str, Any]:
    return {
        "event": WebhookEvent(row.type).label,
        "when": format_datetime(row.happened_at),
        "status": DeliveryStatus(DeliveryShape.get_status(row)).label,
        "error": row.error,
    }
