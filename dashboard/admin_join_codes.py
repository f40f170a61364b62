"""The practice's join codes: an office manager makes one for a doctor and an office, and withdraws it."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone_name, localtime
from django.views.decorators.http import require_POST

from accounts import join_codes
from accounts.join_codes import State, state_of
from accounts.models import JoinCode, User, known_as
from accounts.roles import Permission
from core.errors import Missing
from dashboard.admin_base import PracticeModelAdmin, ServiceForm, acting
from practices.models import Office


def may_make(request: HttpRequest) -> bool:
    """Whether the menu leads here."""
    return acting(request).can(Permission.MAKE_JOIN_CODES)


class JoinCodeForm(ServiceForm):
    named_here = {"doctorId": "doctor", "expiresAt": "expires_at", "mostUses": "most_uses"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"expires_at", "most_uses"} & self.fields.keys():
            self.fields[name].required = False
        if "most_uses" in self.fields:
            self.fields["most_uses"].label = "Uses"
            self.fields["most_uses"].widget.attrs["min"] = 1
            self.fields["expires_at"].label = "Expires"
            zone = get_current_timezone_name()
            self.fields["expires_at"].help_text = f"Both empty: it never expires. The practice's local time ({zone})."


class JoinCodeAdmin(PracticeModelAdmin):
    form = JoinCodeForm
    list_display = ("doctor_name", "office", "state", "used", "expires", "made")
    change_form_outer_after_template = "admin/accounts/joincode/withdraw.html"

    def get_urls(self) -> list[URLPattern]:
        withdraw = self.admin_site.admin_view(require_POST(self.withdraw))
        return [path("<uuid:code_id>/withdraw/", withdraw, name="accounts_joincode_withdraw"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("doctor", "office")

    def get_fields(self, request: HttpRequest, obj: JoinCode | None = None) -> list[str]:
        if obj is None:
            return ["doctor", "office", "expires_at", "most_uses"]
        return ["doctor_name", "office", "state", "used", "expires", "made", "made_by_whom"]

    def get_readonly_fields(self, request: HttpRequest, obj: JoinCode | None = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "doctor":
            kwargs["queryset"] = User.objects.doctors().order_by("id")
        if db_field.name == "office":
            kwargs["queryset"] = Office.objects.order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> JoinCode:
        code, text = join_codes.make(
            by=acting(request),
            doctor_id=values["doctor"].pk,
            office_id=values["office"].pk,
            expires_at=values["expires_at"],
            most_uses=values["most_uses"],
        )
        request.join_code = text  # type: ignore[attr-defined]
        return code

    def response_add(self, request: HttpRequest, obj: JoinCode, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the code. It has no address of its own, and no message leads to it: messages lie
        readable in a cookie, and in the database where they are long."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Join code",
            "code": obj,
            "text": request.join_code,  # type: ignore[attr-defined]
            "practice": request.practice,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/joincode/made.html", context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        code = context.get("original")
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False  # the answer shows the code
        context["may_withdraw"] = code is not None and state_of(code) != State.WITHDRAWN
        return super().render_change_form(request, context, *args, **kwargs)

    def withdraw(self, request: HttpRequest, code_id: UUID) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        try:
            join_codes.withdraw(by=acting(request), code_id=code_id)
        except Missing as error:
            raise Http404 from error
        messages.success(request, "The join code is withdrawn.")
        return redirect("admin:accounts_joincode_changelist")

    # --- Columns and fields

    @admin.display(description="Doctor")
    def doctor_name(self, row: JoinCode) -> str:
        return str(row.doctor.name)

    @admin.display(description="State")
    def state(self, row: JoinCode) -> str:
        return str(state_of(row).label)

    @admin.display(description="Used")
    def used(self, row: JoinCode) -> str:
        return f"{row.uses} of {row.most_uses}" if row.most_uses else str(row.uses)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, row: JoinCode) -> str:
        return date_format(localtime(row.expires_at), "DATETIME_FORMAT") if row.expires_at else "Never"

    @admin.display(description="Made", ordering="created_at")
    def made(self, row: JoinCode) -> str:
        return date_format(localtime(row.created_at), "DATETIME_FORMAT")

    @admin.display(description="By")
    def made_by_whom(self, row: JoinCode) -> str:
        return known_as(User.objects.filter(pk=row.made_by_id).first())
