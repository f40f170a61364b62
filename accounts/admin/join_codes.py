"""The practice's join codes: an office manager creates one for a doctor and an office, and withdraws it."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import ForeignKey
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.join_codes import services as join_codes
from accounts.join_codes.services import JoinCodeState, get_join_code_state
from accounts.models import JoinCode, User, display_name
from core.admin.access_log import shows_no_patient
from core.admin.base import Access, P, PracticeModelAdmin, ServiceForm, current_user, post_action
from core.formats import format_datetime, zone_label
from practices.models import Office
from practices.services import current_practice


class JoinCodeForm(ServiceForm):
    form_field_names = {"doctorId": "doctor", "expiresAt": "expires_at", "mostUses": "most_uses"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"expires_at", "most_uses"} & self.fields.keys():
            self.fields[name].required = False
        if "most_uses" in self.fields:
            self.fields["most_uses"].label = gettext("Uses")
            self.fields["most_uses"].widget.attrs["min"] = 1
            self.fields["expires_at"].label = gettext("Expires")
            zone = zone_label(current_practice().tzinfo)
            self.fields["expires_at"].help_text = gettext("Leave both blank for no expiry. Times are in %(zone)s.") % {
                "zone": zone
            }


@admin.register(JoinCode)
@shows_no_patient("doctors and offices; using a code is logged with the patient")
class JoinCodeAdmin(PracticeModelAdmin):
    empty_hint = _("Add a code, and patients who register with it join its doctor.")
    access = Access(P.MAKE_JOIN_CODES, add=P.MAKE_JOIN_CODES)
    form = JoinCodeForm
    list_display = ("doctor_name", "office", "state", "used", "expires", "made")
    change_form_outer_after_template = "admin/accounts/joincode/withdraw.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("doctor", "office")

    def get_fields(self, request: HttpRequest, obj: JoinCode | None = None) -> list[str]:
        if obj is None:
            return ["doctor", "office", "expires_at", "most_uses"]
        return ["doctor_name", "office", "state", "used", "expires", "made", "created_by"]

    def get_readonly_fields(self, request: HttpRequest, obj: JoinCode | None = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "doctor":
            kwargs["queryset"] = User.objects.doctors().order_by("id")
        if db_field.name == "office":
            kwargs["queryset"] = Office.objects.order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> JoinCode:
        code, text = join_codes.create(
            by=current_user(request),
            doctor_id=values["doctor"].pk,
            office_id=values["office"].pk,
            expires_at=values["expires_at"],
            most_uses=values["most_uses"],
        )
        request.join_code = text  # type: ignore[attr-defined]
        return code

    def response_add(self, request: HttpRequest, obj: JoinCode, post_url_continue: str | None = None) -> HttpResponse:
        """Show the code, on the only page that does. It has no URL of its own and is not a message: a message waits in
        a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Join code"),
            "code": obj,
            "text": request.join_code,  # type: ignore[attr-defined]
            "practice": request.practice,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/joincode/made.html", context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        code = context.get("original")
        context["show_save_and_add_another"] = context["show_save_and_continue"] = False  # the response shows the code
        context["may_withdraw"] = code is not None and get_join_code_state(code) != JoinCodeState.WITHDRAWN
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:code_id>/withdraw/", permission="add", as_message=())
    def withdraw(self, request: HttpRequest, code_id: UUID) -> HttpResponse:
        join_codes.withdraw(by=current_user(request), code_id=code_id)
        messages.success(request, gettext("Join code withdrawn."))
        return redirect("admin:accounts_joincode_changelist")

    def describe(self, row: JoinCode) -> str:
        return f"{row.doctor.name}, {row.office.name}"

    # --- Columns and fields

    @admin.display(description=_("Doctor"))
    def doctor_name(self, row: JoinCode) -> str:
        return str(row.doctor.name)

    @admin.display(description=_("Status"))
    def state(self, row: JoinCode) -> str:
        return str(get_join_code_state(row).label)

    @admin.display(description=_("Used"))
    def used(self, row: JoinCode) -> str:
        if not row.most_uses:
            return str(row.uses)
        return gettext("%(uses)s of %(most)s") % {"uses": row.uses, "most": row.most_uses}

    @admin.display(description=_("Expires"), ordering="expires_at")
    def expires(self, row: JoinCode) -> str:
        return format_datetime(row.expires_at) if row.expires_at else gettext("Never")

    @admin.display(description=_("Created"), ordering="created_at")
    def made(self, row: JoinCode) -> str:
        return format_datetime(row.created_at)

    @admin.display(description=_("Created by"))
    def created_by(self, row: JoinCode) -> str:
        return display_name(User.objects.filter(pk=row.made_by_id).first())
