"""What every model's admin shares: who may do what, saving through services, lists that stay fast.

Django's own permissions are not used. A person enters with USE_ADMIN_SITE and changes things with MANAGE_PRACTICE;
beside that, each model asks for what the API would (accounts/roles.py). What is deleted is hidden, with a reason
(dashboard/admin_deleted.py).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, cast

from django import forms
from django.contrib.admin import ListFilter, ShowFacets
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from accounts.models import JoinCode, User
from accounts.roles import Permission
from appointments.models import Appointment
from core import totals
from core.encryption.fields import EncryptedFieldMixin, unreadable_marked
from core.errors import Refusal
from core.tenancy import current_practice_id
from dashboard.admin_reads import shows
from patients.models import Deletion, EmergencyAccess, Patient
from practices.models import Office, Practice
from practices.services import naming_an_office
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote

P = Permission
STALE = "Somebody else has changed this meanwhile. Open it again to see how it is now."


class Access(NamedTuple):
    """What it takes to see, add, change and delete; None where nobody may."""

    view: Permission
    add: Permission | None = None
    change: Permission | None = None
    delete: Permission | None = None


ACCESS: dict[type[Model], Access] = {
    Patient: Access(P.READ_CHARTS, add=P.WRITE_CHARTS, change=P.WRITE_CHARTS, delete=P.DELETE_CLINICAL),
    Appointment: Access(
        P.READ_APPOINTMENT_TEXT,
        add=P.BOOK_IN_ADMIN_SITE,
        change=P.CHANGE_APPOINTMENTS,
        delete=P.DELETE_APPOINTMENTS,
    ),
    MedicalRecord: Access(P.READ_RECORDS, delete=P.DELETE_CLINICAL),
    SessionNote: Access(P.READ_RECORDS, delete=P.DELETE_CLINICAL),
    PlanOfCare: Access(P.READ_RECORDS, delete=P.DELETE_CLINICAL),
    Attachment: Access(P.READ_RECORDS, change=P.ADD_FILES, delete=P.ADD_FILES),
    Deletion: Access(P.DELETE_CLINICAL),
    EmergencyAccess: Access(P.REVIEW_EMERGENCIES),
    User: Access(P.USE_ADMIN_SITE, add=P.REGISTER_USERS, change=P.MANAGE_PRACTICE),
    JoinCode: Access(P.MAKE_JOIN_CODES, add=P.MAKE_JOIN_CODES),
    Practice: Access(P.USE_ADMIN_SITE, change=P.MANAGE_PRACTICE),
    Office: Access(P.USE_ADMIN_SITE, add=P.MANAGE_PRACTICE, change=P.MANAGE_PRACTICE),
}


def acting(request: HttpRequest) -> User:
    """The signed-in person, for the `by=` of a service."""
    assert isinstance(request.user, User)
    return request.user


def show_refusal(form: forms.BaseForm, refusal: Refusal, *, named_here: Mapping[str, str] | None = None) -> None:
    """Say in the form what the service said: beside the field, which `named_here` may call otherwise, where there is
    one."""
    for field, sentences in (refusal.errors or {"": [refusal.detail]}).items():
        name = (named_here or {}).get(field, field)
        form.add_error(name if name in form.fields else None, sentences)


class ServiceForm(forms.ModelForm):
    """A form whose service may have refused what it holds; it then shows why, beside the field where there is one.
    It changes the row that its page showed: what was opened before somebody else's change is not stored over it."""

    refusal: ClassVar[Refusal | None] = None
    named_here: ClassVar[dict[str, str]] = {}  # a field's name in the service: its name in this form

    version = forms.CharField(required=False, widget=forms.HiddenInput)  # shown by templates/admin/version.html

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            del self.fields["version"]
        else:
            self.initial["version"] = self.row_version()

    def row_version(self) -> str:
        """Differs as soon as what the page showed no longer holds."""
        return str(self.instance.updated_at.isoformat())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "version" in self.fields and self.cleaned_data.get("version") != self.initial["version"]:
            self.add_error(None, STALE)
        if self.refusal is not None:
            show_refusal(self, self.refusal, named_here=self.named_here)
        return cleaned


class RememberingPaginator(Paginator):
    """Counts a whole table once until it changes (core/totals.py)."""

    remember_as: str | None = None

    @cached_property
    def count(self) -> int:
        if self.remember_as is None:
            return int(super().count)
        rows = cast("QuerySet[Any]", self.object_list)
        total: int = totals.remembered(
            self.remember_as, practice_id=current_practice_id(), of=(rows.model,), compute=rows.count
        )
        return total


class SafeChangeList(ChangeList):
    """A column that the list does not offer to sort by cannot be sorted by through the address either."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.paginator.remember_as is not None:
            self.full_result_count = self.result_count  # or the page would offer to show all where it does

    def get_ordering_field(self, field_name: Any) -> Any:
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None


class PracticeModelAdmin(ModelAdmin):
    form = ServiceForm
    paginator = RememberingPaginator
    list_per_page = 25
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    ordering: tuple[str, ...] = ("-id",)
    warn_unsaved_form = True
    change_form_after_template = "admin/version.html"

    # --- What a subclass says

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        """Add a row through its service."""
        raise NotImplementedError

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Model:
        """Change a row through its service; `values` are those that differ."""
        raise NotImplementedError

    def search(self, queryset: Any, term: str) -> QuerySet[Any]:
        """The rows that a search shows, where there are `search_fields`; `term` is not empty."""
        raise NotImplementedError

    def label_of(self, row: Any) -> str:
        """How a form offers this row to somebody who may see it."""
        with unreadable_marked():
            return str(row.name)

    # --- Who may

    def _may(self, request: HttpRequest, *needed: Permission | None) -> bool:
        user = request.user
        return isinstance(user, User) and user.is_staff and all(p is not None and user.can(p) for p in needed)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, P.USE_ADMIN_SITE, ACCESS[self.model].view)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, P.MANAGE_PRACTICE, ACCESS[self.model].add)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, P.MANAGE_PRACTICE, ACCESS[self.model].change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Django would redirect and name the id; what is not in this practice does not exist."""
        raise Http404

    # --- Saving

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """A row by its id, never by the field that the address names (`_to_field`).

        Who sends a form waits for whoever sends one for the same row: of two that were opened together, the second
        finds the row changed. SQLite's transactions queue by themselves (IMMEDIATE)."""
        row = super().get_object(request, object_id)
        if row is None or request.method != "POST" or connection.vendor != "postgresql":
            return row
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"admin:{row.pk}"])
        return super().get_object(request, object_id)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A refusal has rolled everything back; the same form is then shown again with what the service said."""
        try:
            if request.method != "POST":
                return super().changeform_view(request, object_id, form_url, extra_context)
            with naming_an_office():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, "refusal", None)  # the class is made anew for each request
        return form

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Model:
        """The services store; Django's own save below has nothing left to do."""
        if not change:
            return self.create(request, form.cleaned_data)
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        return self.change(request, form.instance, values) if values else form.instance

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: Any) -> None:
        pass

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        pass

    # --- What the trail tells of a page

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed is not None:
            searched = {"searched": True, "hits": listed.result_count} if listed.query else {}
            shows(request, listed.result_list, about=self.model._meta.label, **searched)
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row = context.get("original")
        shows(request, [row] if row else [], about=self.model._meta.label, about_id=row and row.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Forms

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a new row's form starts with; Django would take anything from the address."""
        return {}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # no pop-up windows that add and change other rows
        return field

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.label_from_instance = self.label_of
        return field

    # --- Lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SafeChangeList

    def get_sortable_by(self, request: HttpRequest) -> list[str]:
        """Columns of plain text alone: the order of ciphertexts means nothing."""
        return [name for name in self.get_list_display(request) if self._is_plain(name)]

    def _is_plain(self, name: Any) -> bool:
        try:
            field: Field[Any, Any] = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return getattr(getattr(self, name, None), "admin_order_field", None) is not None
        return not isinstance(field, EncryptedFieldMixin)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """The address of a list filters by what the list offers, and by nothing else."""
        offered = set()
        for spec in self.get_list_filter(request):
            if isinstance(spec, str):
                offered.add(f"{spec}__exact")
            elif isinstance(spec, type) and issubclass(spec, ListFilter):
                offered.add(spec.parameter_name)  # type: ignore[attr-defined]
        return lookup in offered

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        return (self.search(queryset, term) if term and self.search_fields else queryset), False

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        paginator = super().get_paginator(request, queryset, per_page, *args, **kwargs)
        if not request.GET.keys() - {"p", "o"}:
            paginator.remember_as = f"admin:{self.model._meta.label_lower}"
        return paginator
