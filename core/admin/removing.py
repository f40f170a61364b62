"""Admin pages of settings that can be removed for good, such as an office that nothing uses."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.admin.base import PracticeModelAdmin, post_action
from core.errors import Sentence


class RemovableAdmin(PracticeModelAdmin):
    change_form_outer_after_template = "admin/remove.html"
    removal_note: ClassVar[Sentence] = _("This can't be undone.")
    removal_button: ClassVar[Sentence] = _("Remove")
    removed: ClassVar[Sentence] = _("Removed.")

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        """Remove the row through its service."""
        raise NotImplementedError

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row = context.get("original")
        if row is not None and self.has_change_permission(request, row):
            context["removal"] = {
                "address": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_remove", args=[row.pk]),
                "note": self.removal_note,
                "button": self.removal_button,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:pk>/remove/")
    def remove(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        self.remove_row(request, pk)
        messages.success(request, str(self.removed))
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
