"""Invitations: an office manager invites, sends again, withdraws."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.users import roles_explained
from accounts.invitations import services
from accounts.models import Invitation, User, display_name
from accounts.roles import Role
from core.admin.access_log import shows_no_patient
from core.admin.base import Access, P, PracticeModelAdmin, current_user, post_action
from core.formats import format_datetime


@admin.register(Invitation)
@shows_no_patient("people who have no account yet")
class InvitationAdmin(PracticeModelAdmin):
    empty_hint = _("Invite a person, and their invitation waits here until they accept it.")
    access = Access(P.MANAGE_USERS, add=P.REGISTER_USERS)
    list_display = ("name", "email", "role", "state", "sent", "expires")
    change_form_outer_after_template = "admin/accounts/invitation/waiting.html"

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> list[str]:
        return ["name", "email", "role", *(["state", "sent", "expires", "inviter"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str]:
        return {"role": Role.STAFF}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "role":
            field.help_text = roles_explained()
        return field

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Invitation:
        return services.invite(by=current_user(request), **values)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        invitation = context.get("original")
        context["is_waiting"] = invitation is not None and not (invitation.accepted_at or invitation.withdrawn_at)
        context["show_save_and_continue"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:invitation_id>/resend/", permission="add")
    def resend(self, request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        services.resend(by=current_user(request), invitation_id=invitation_id)
        messages.success(request, gettext("The invitation was sent again. Earlier links no longer work."))
        return redirect("admin:accounts_invitation_changelist")

    @post_action("<uuid:invitation_id>/withdraw/", permission="add")
    def withdraw(self, request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        services.withdraw(by=current_user(request), invitation_id=invitation_id)
        messages.success(request, gettext("Invitation withdrawn."))
        return redirect("admin:accounts_invitation_changelist")

    # --- Columns and fields

    @admin.display(description=_("Status"))
    def state(self, row: Invitation) -> str:
        return str(services.get_state(row).label)

    @admin.display(description=_("Sent"), ordering="sent_at")
    def sent(self, row: Invitation) -> str:
        return format_datetime(row.sent_at)

    @admin.display(description=_("Expires"), ordering="expires_at")
    def expires(self, row: Invitation) -> str:
        return format_datetime(row.expires_at)

    @admin.display(description=_("Invited by"))
    def inviter(self, row: Invitation) -> str:
        people: QuerySet[User] = User.objects.filter(pk=row.invited_by_id)
        return display_name(people.first())
