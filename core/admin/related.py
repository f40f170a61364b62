"""How a form names a related row that it only shows. Django's names it by `__str__`, which names nobody, and links to
its page for whoever may not open it too."""

from typing import Any

from django.contrib.admin.exceptions import NotRegistered
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold import forms as theme_forms
from unfold.fields import UnfoldAdminReadonlyField


class RelatedRow(UnfoldAdminReadonlyField):
    def get_admin_url(self, remote_field: Any, remote_obj: Any) -> str:
        try:
            related: Any = self.model_admin.admin_site.get_model_admin(remote_field.model)
        except NotRegistered:
            return str(remote_obj)
        label = related.get_choice_label(remote_obj)
        request = getattr(self.form.instance, "site_request", None)
        if request is None or not related.has_view_permission(request, remote_obj):
            return label
        opts = remote_field.model._meta
        address = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[remote_obj.pk])
        return format_html('<a href="{}">{}</a>', address, label)


theme_forms.UnfoldAdminReadonlyField = RelatedRow  # unfold has no setting for it


def set_viewer(row: Any, request: HttpRequest) -> None:
    """Store on the row who looks at its form, for `RelatedRow`, which gets the row alone."""
    row.site_request = request
