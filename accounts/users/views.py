"""One's own account, and the practice's accounts for its office manager. An account behind a chart that is closed to
the caller does not exist for them (accounts/visibility.py)."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User, attach_charts
from accounts.roles import Role, public_role
from accounts.second_factor_challenge import HAS_SECOND_FACTOR
from accounts.users import services
from accounts.users.serializers import Account, AccountInput, AccountPage, AccountQuery, Profile, ProfileInput
from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.errors import NotFound
from core.permissions import Permission


class Me(ApiView):
    permissions = {"GET": Permission.USE_OWN_ACCOUNT, "PATCH": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    before_second_factor = True

    @extend_schema(responses={200: Profile}, summary="Get your own account")
    def get(self, request: Request) -> Response:
        return Response(Profile.to_dict(self.caller))

    @extend_schema(request=ProfileInput, responses={200: Profile}, summary="Change your own account")
    def patch(self, request: Request) -> Response:
        changes = self.checked_changes(ProfileInput, shown=lambda: Profile.to_dict(self.caller))
        return Response(Profile.to_dict(services.update_profile(by=self.caller, **changes)))


ROLES_BY_FILTER = {shown: [role for role in Role.values if shown in (role, public_role(role))] for shown in Role.values}


class AccountsView(ApiView):
    audited_model = User._meta.label

    def accounts(self) -> QuerySet[User]:
        return User.objects.visible_to(self.caller).annotate(has_second_factor=HAS_SECOND_FACTOR).order_by("id")

    def get_user_or_refuse(self, user_id: UUID) -> User:
        """Return a visible account. Raises NotFound."""
        person = self.accounts().filter(pk=user_id).first()
        if person is None:
            raise NotFound(_("Person not found."))
        return person

    def audit_accounts_read(self, people: list[User], **details: Any) -> None:
        """Log that these accounts were read: patients' by their chart, the others by their own id."""
        attach_charts(person for person in people if person.role == Role.PATIENT)
        rows = [person.pk for person in people if not person.about_patients()]
        self.audit_read([chart for person in people for chart in person.about_patients()], rows=rows, **details)


class Accounts(AccountsView):
    permissions = {"GET": Permission.MANAGE_USERS}
    audit_events = {"GET": AuditEvent.ACCOUNTS_READ}

    @extend_schema(
        parameters=[AccountQuery],
        responses={200: AccountPage},
        summary="List the practice's accounts: the team, or one role",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(AccountQuery)
        page, role = Page.taken_from(query), query.get("role")
        accounts = self.accounts()
        accounts = accounts.filter(role__in=ROLES_BY_FILTER[role]) if role else accounts.exclude(role=Role.PATIENT)
        people, total = page.rows(accounts), accounts.count()
        self.audit_accounts_read(people, filters={"role": role} if role else {}, hits=total, **page.asked)
        shown = [Account.to_dict(person) for person in people]
        return Response({"users": shown, "total": total, **page.asked, **page.next})


class AccountById(AccountsView):
    permissions = {"PATCH": Permission.MANAGE_USERS}
    audit_events = {"PATCH": AuditEvent.ACCOUNTS_READ}  # the response shows it; the change logs its own event
    extra_errors = {"PATCH": NOT_FOUND}

    @extend_schema(
        request=AccountInput,
        responses={200: Account},
        summary="Deactivate an account, which signs it out, or reactivate it; set its office",
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        person = self.get_user_or_refuse(user_id)
        changes = self.checked_changes(AccountInput, shown=lambda: Account.to_dict(person))
        services.update_user(user=person, by=self.caller, **changes)
        person = self.get_user_or_refuse(user_id)
        self.audit_accounts_read([person], about_id=person.pk)
        return Response(Account.to_dict(person))


class AccountSessions(AccountsView):
    permissions = {"DELETE": Permission.MANAGE_USERS}
    audit_events = {"DELETE": AuditEvent.ALL_SESSIONS_ENDED}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Sign a person out everywhere")
    def delete(self, request: Request, user_id: UUID) -> Response:
        services.end_sessions(user=self.get_user_or_refuse(user_id), by=self.caller)
        return Response(status=204)
