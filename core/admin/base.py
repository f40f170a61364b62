"""The base of every ModelAdmin: permissions, saving through services, fast lists.

Django's own permissions are not used. USE_ADMIN_SITE lets a person in and MANAGE_PRACTICE lets them change things; each
ModelAdmin also requires what the API would (`access`). Rows are hidden with a reason instead of deleted
(patients/admin/base.py).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django import forms
from django.contrib import messages
from django.contrib.admin import ListFilter, ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import transaction
from django.db.models import DateField, DateTimeField, Field, ForeignKey, Model, QuerySet, TimeField
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.changelist import CachedCountPaginator, SafeChangeList
from core.admin.export import export_list
from core.admin.needs import may_open
from core.admin.related import set_viewer
from core.admin.times import DateTimeWidget, DateWidget, TimeWidget, TypedDateField, TypedDateTimeField, TypedTimeField
from core.database.locks import take_lock
from core.encryption.fields import EncryptedFieldMixin, unreadable_marked
from core.errors import NotFound, Refusal
from core.permissions import Permission
from core.texts import READABLE

if TYPE_CHECKING:
    from accounts.models import User

P = Permission
STALE = _("Someone else changed this while you were editing. Reload to see the latest version.")
ACTION = "post_action"  # attribute that marks a method as the handler of a POST


class Access(NamedTuple):
    """The permissions to view, add, change and delete; None means nobody."""

    view: Permission
    add: Permission | None = None
    change: Permission | None = None
    delete: Permission | None = None


def current_user(request: HttpRequest) -> "User":
    """Return the signed-in user, for the `by=` of a service."""
    assert request.user.is_authenticated
    return request.user


def add_refusal(form: forms.BaseForm, refusal: Refusal, *, form_field_names: Mapping[str, str] | None = None) -> None:
    """Show a service's refusal in the form, next to the field if it has one.

    `form_field_names` maps the service's field names to the form's, where they differ.
    """
    for field, texts in (refusal.errors or {"": [refusal.detail]}).items():
        name = (form_field_names or {}).get(field, field)
        form.add_error(name if name in form.fields else None, texts)


class ServiceForm(forms.ModelForm):
    """A form that calls a service to save once it is valid; what the service refuses becomes a form error.

    It rejects a change of a row that someone else has changed since the page was opened.
    """

    form_field_names: ClassVar[dict[str, str]] = {}  # the service's field name: this form's
    store: ClassVar[Callable[["ServiceForm"], Model]]  # calls the service; set by PracticeModelAdmin.get_form
    stored: Model
    refusal: Refusal | None = None  # of the service, for a page that shows more of it than its sentence

    version = forms.CharField(required=False, widget=forms.HiddenInput)  # shown by templates/admin/version.html

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            del self.fields["version"]
        else:
            self.initial["version"] = self.row_version()

    def row_version(self) -> str:
        """Return a string that changes whenever the row does."""
        return str(self.instance.updated_at.isoformat())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "version" in self.fields and self.cleaned_data.get("version") != self.initial["version"]:
            self.add_error(None, STALE)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Leave out what is not changed: a value from before a rule must not keep the other fields from being saved."""
        left_out: set[str] = super()._get_validation_exclusions()  # type: ignore[misc] # django-stubs does not know it
        return left_out if self.instance._state.adding else left_out | (self.fields.keys() - set(self.changed_data))

    def _post_clean(self) -> None:
        """Save in a savepoint, so that a refused change is undone and the page's transaction can go on."""
        super()._post_clean()  # type: ignore[misc] # django-stubs does not know it
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.stored = self.store()
        except Refusal as refusal:
            self.refusal = refusal
            add_refusal(self, refusal, form_field_names=self.form_field_names)


def _nothing_to_choose(beginnings: list[tuple[str, Any]]) -> Any:
    """Return the help below a field that has to be chosen where there is nothing yet to choose from."""
    link = '<a class="font-medium text-primary-600 underline dark:text-primary-500" href="{}">{}</a>'
    links = format_html_join(" ", link, beginnings)
    return format_html("{} {}", gettext("Nothing to choose from yet."), links)


def post_action(
    route: str,
    *,
    name: str = "",
    permission: str | None = "change",
    as_message: tuple[type[Refusal], ...] = (Refusal,),
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate a method of a ModelAdmin to handle POSTs to `route`, below the changelist's URL.

    `name` is the last part of the URL's name. `permission` is checked with `has_<permission>_permission`; None leaves
    it to the service. NotFound becomes a 404; a refusal of a type in `as_message` is shown on the page of `page_after`.
    """

    def decorate(action: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(action)
        def handler(self: Any, request: HttpRequest, **ids: Any) -> HttpResponse:
            if permission and not getattr(self, f"has_{permission}_permission")(request):
                raise PermissionDenied
            try:
                return action(self, request, **ids)
            except NotFound as error:
                raise Http404 from error
            except as_message as refusal:
                log_page_refusal(request, refusal)
                messages.error(request, refusal.detail)
                return self.page_after(request, next(iter(ids.values())))

        setattr(handler, ACTION, (route, name or action.__name__))
        return handler

    return decorate


class PracticeModelAdmin(ModelAdmin):
    access: ClassVar[Access]
    empty_hint: Any  # how to begin, where the list is empty
    begins_at: tuple[tuple[str, Any], ...] = ()  # on which pages, if not with the form of a new row: name, label

    form = ServiceForm
    paginator = CachedCountPaginator
    list_per_page = 25
    list_max_show_all = 1000  # and printed
    list_after_template = "admin/print_list.html"
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    ordering: tuple[str, ...] = ("-id",)
    warn_unsaved_form = True
    change_form_after_template = "admin/version.html"
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        DateField: {"form_class": TypedDateField, "widget": DateWidget},
        DateTimeField: {"form_class": TypedDateTimeField, "widget": DateTimeWidget},
        TimeField: {"form_class": TypedTimeField, "widget": TimeWidget},
    }

    # --- What a subclass defines

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        """Add a row through its service."""
        raise NotImplementedError

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Model:
        """Change a row through its service; `values` are those that differ."""
        raise NotImplementedError

    def search(self, queryset: Any, term: str) -> QuerySet[Any]:
        """Return the rows that match `term`, which is not empty. Called only if there are `search_fields`."""
        raise NotImplementedError

    def describe(self, row: Any) -> str:
        """Return what people call the row, to those who may open it: `__str__` names nobody, as it goes into logs."""
        return str(row.name)

    def describe_choice(self, row: Any) -> str:
        """Return the row's label in a form's choices, where people of one name must be told apart."""
        return self.describe(row)

    def get_label(self, row: Any) -> str:
        """Return `describe(row)`, with a mark where something cannot be decrypted."""
        with unreadable_marked():
            return self.describe(row)

    def get_choice_label(self, row: Any) -> str:
        with unreadable_marked():
            return self.describe_choice(row)

    # --- Permissions

    def _may(self, request: HttpRequest, *needed: Permission | None) -> bool:
        user = request.user
        return user.is_authenticated and user.is_staff and all(p is not None and user.can(p) for p in needed)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, P.USE_ADMIN_SITE, self.access.view)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, P.MANAGE_PRACTICE, self.access.add)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, P.MANAGE_PRACTICE, self.access.change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def beginnings(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """Return address and label of the pages where this person can make a first row."""
        add = (f"admin:{self.opts.app_label}_{self.opts.model_name}_add", gettext("Add %s") % self.opts.verbose_name)
        pages = [(reverse(name), label) for name, label in self.begins_at or (add,)]
        return [(address, label) for address, label in pages if may_open(request, address)]

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Answer 404; Django would redirect and repeat the id."""
        raise Http404

    # --- Saving

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row by its id, never by the field that the URL names (`_to_field`).

        Forms for the same row are processed one after the other: of two that were opened together, the second finds the
        row changed.
        """
        row = super().get_object(request, object_id)
        if row is None or request.method != "POST":
            return row
        take_lock(f"admin:{row.pk}")
        return super().get_object(request, object_id)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        def store(form: ServiceForm) -> Model:
            values = dict(form.cleaned_data)
            try:
                if not change:
                    return self.create(request, values)
                values = {name: values[name] for name in form.changed_data}
                if values:
                    return self.change(request, form.instance, values)
                # the form's own instance holds what was typed
                unchanged: Model = self.get_queryset(request).get(pk=form.instance.pk)
                return unchanged
            except Refusal as refusal:
                log_page_refusal(request, refusal)
                raise

        form = super().get_form(request, obj, change=change, **kwargs)
        form.store = store  # a new class for each request
        return form

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Model:
        """Return the row that the form has saved already; Django's own save below does nothing."""
        stored: Model = form.stored
        return stored

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: Any) -> None:
        pass

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        pass

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        message = gettext("Added: {obj}.")
        return self._saved(request, obj, message) or self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        message = gettext("Saved: {obj}.")
        return self._saved(request, obj, message) or self.response_post_save_change(request, obj)

    def _saved(self, request: HttpRequest, row: Model, message: str) -> HttpResponse | None:
        """Say what was saved. Return the redirect to where the button that was pressed leads, None for plain "Save"."""
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        address = reverse(f"{page}_change", args=[row.pk])
        link = format_html('<a href="{}">{}</a>', address, self.get_label(row))
        messages.success(request, format_html(message, obj=link))
        if "_continue" in request.POST:
            return redirect(address)
        return redirect(f"{page}_add") if "_addanother" in request.POST else None

    # --- Actions

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export_list"
        export = path("export.csv", self.admin_site.admin_view(require_safe(self.export)), name=name)
        return [export, *self._action_urls(), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The list as a file, for whoever may see the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return export_list(self, request)
        except IncorrectLookupParameters:
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def _action_urls(self) -> Iterator[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        for attribute in dir(type(self)):
            action = getattr(type(self), attribute, None)
            if hasattr(action, ACTION):
                route, name = getattr(action, ACTION)
                view = self.admin_site.admin_view(require_POST(getattr(self, attribute)))
                view.only_posted = True  # not a page to come back to
                yield path(route, view, name=f"{prefix}_{name}")

    def page_after(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Redirect to the page that shows why an action was refused."""
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", pk)

    # --- Audit

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Answer 404: Django's page would show whose row it is, and its list of changes stays empty here. What was
        changed is in the audit trail."""
        raise Http404

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed is not None:
            searched = {"searched": True, "hits": listed.result_count} if listed.query else {}
            log_page_read(request, listed.result_list, about=self.model._meta.label, **searched)
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row = context.get("original")
        log_page_read(request, [row] if row else [], about=self.model._meta.label, about_id=row and row.pk)
        if row:
            row.site_label = self.get_label(row)  # for templates/unfold/helpers/header_title.html
            set_viewer(row, request)
        context["subtitle"] = None  # not in the browser's history, which would name patients on a shared desk
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Forms

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return a new row's initial values. Django would take any from the URL."""
        return {}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # no pop-ups to add or change related rows
        if type(field) is forms.CharField:
            field.validators.extend(READABLE)  # not run on what is left empty
        return field

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        related = self.admin_site.get_model_admin(db_field.remote_field.model)
        field.label_from_instance = related.get_choice_label
        if field.required and db_field.name not in self.autocomplete_fields and not field.queryset.exists():
            field.help_text = _nothing_to_choose(related.beginnings(request))
        return field

    # --- Lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SafeChangeList

    def get_sortable_by(self, request: HttpRequest) -> list[str]:
        """Return the unencrypted columns: the order of ciphertexts is meaningless."""
        return [name for name in self.get_list_display(request) if self._is_plain(name)]

    def _is_plain(self, name: Any) -> bool:
        try:
            field: Field[Any, Any] = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return getattr(getattr(self, name, None), "admin_order_field", None) is not None
        return not isinstance(field, EncryptedFieldMixin)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Allow only the filters that the list offers."""
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
            paginator.cache_key = f"admin:{self.model._meta.label_lower}"
        return paginator
