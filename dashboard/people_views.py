"""The practice's accounts for its office manager. They are here and not in accounts/, which knows no charts: an account
behind a chart that is closed to the manager does not exist for them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.models import User
from accounts.roles import Permission, Role, public_role
from accounts.second_factor import services as second_factor
from accounts.second_factor.asking import HAS_SECOND_FACTOR
from audit.events import Kind
from core.api.pages import page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from core.errors import Missing
from dashboard.admin_reads import charts_of_accounts
from dashboard.people_serializers import Account, AccountInput, AccountPage, AccountQuery
from patients.restriction import accounts_closed_to

ROLES = {shown: [role for role in Role.values if shown in (role, public_role(role))] for shown in Role.values}


class AccountsView(ApiView):
    about = User._meta.label

    def accounts(self) -> QuerySet[User]:
        everybody: QuerySet[User] = User.objects.exclude(pk__in=accounts_closed_to(self.caller))
        return everybody.annotate(has_second_factor=HAS_SECOND_FACTOR).order_by("id")

    def found(self, user_id: UUID) -> User:
        """Raises Missing."""
        person = self.accounts().filter(pk=user_id).first()
        if person is None:
            raise Missing("There is no such person.")
        return person

    def saw_accounts(self, people: list[User], **told: Any) -> None:
        """A patient's account names their chart, the others are told by their own keys."""
        charts = charts_of_accounts([person.pk for person in people if person.role == Role.PATIENT])
        rows = [person.pk for person in people if person.pk not in charts]
        self.saw([chart for named in charts.values() for chart in named], rows=rows, **told)


class Accounts(AccountsView):
    permissions = {"GET": Permission.MANAGE_USERS}
    trail = {"GET": Kind.ACCOUNTS_READ}

    @extend_schema(
        parameters=[AccountQuery],
        responses={200: AccountPage},
        summary="The accounts of the practice: the team, or those of a role",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(AccountQuery)
        role = query.pop("role", None)
        accounts = self.accounts()
        accounts = accounts.filter(role__in=ROLES[role]) if role else accounts.exclude(role=Role.PATIENT)
        people, total = list(page_of(accounts, **query)), accounts.count()
        self.saw_accounts(people, filters={"role": role} if role else {}, hits=total, **query)
        return Response({"users": [Account.of(person) for person in people], "total": total, **query})


class AccountById(AccountsView):
    permissions = {"PATCH": Permission.MANAGE_USERS}
    trail = {"PATCH": Kind.ACCOUNTS_READ}  # a patient's is shown; what is changed tells of itself
    extra_errors = {"PATCH": NOT_FOUND}

    @extend_schema(
        request=AccountInput,
        responses={200: Account},
        summary="Deactivate an account, which signs it out, or undo that; say where somebody works, or goes",
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        services.update_user(user=self.found(user_id), by=self.caller, **self.checked(AccountInput))
        person = self.found(user_id)
        self.saw_accounts([person], about_id=person.pk)
        return Response(Account.of(person))


class AccountSessions(AccountsView):
    permissions = {"DELETE": Permission.MANAGE_USERS}
    trail = {"DELETE": Kind.ALL_SESSIONS_ENDED}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Sign somebody out everywhere")
    def delete(self, request: Request, user_id: UUID) -> Response:
        services.end_sessions(user=self.found(user_id), by=self.caller)
        return Response(status=204)


class AccountSecondFactor(AccountsView):
    permissions = {"DELETE": Permission.MANAGE_USERS}
    trail = {"DELETE": Kind.FACTOR_REMOVED}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(
        responses={204: None}, summary="Remove the second factors of somebody who has lost theirs; signs them out"
    )
    def delete(self, request: Request, user_id: UUID) -> Response:
        person = self.found(user_id)
        if not person.has_second_factor:  # type: ignore[attr-defined] # annotated above
            raise Missing("This person has no second factor.")
        second_factor.reset(user=person, by=self.caller)
        return Response(status=204)
