"""The form to change one's own password, without widgets: the admin site and the patients' page have their own."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpResponse

from accounts.hashers import normalise_password
from accounts.password_rules import check_rules, describe_rules
from accounts.passwords import services as passwords_services
from accounts.sessions.admin_site import get_session_id
from core.errors import Invalid


class OwnPasswordForm(PasswordChangeForm):
    """Leaves checking the current password to the service, which does it in the same transaction as the change."""

    form_field_names: ClassVar = {"current": "old_password", "new": "new_password1"}  # the service's field: the form's

    def __init__(self, *args: Any, here: UUID | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.here = here  # the current session, which stays open
        self.fields["new_password1"].help_text = describe_rules(self.user.role)

    def validate_password_for_user(self, user: Any, password_field_name: str = "password2") -> None:  # noqa: S107 - the name of a field
        if password := self.cleaned_data.get(password_field_name):
            try:
                check_rules(password, user)
            except forms.ValidationError as error:
                self.add_error(password_field_name, error)

    def clean_new_password1(self) -> str:
        return normalise_password(self.cleaned_data["new_password1"])

    def clean_new_password2(self) -> str:
        return normalise_password(self.cleaned_data["new_password2"])

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def save(self, commit: bool = True) -> Any:
        """Change the password. Raises what `services.change_password` raises."""
        given = {name: self.cleaned_data[field] for name, field in self.form_field_names.items()}
        passwords_services.change_password(by=self.user, keep=self.here, **given)
        return self.user


class OwnPassword(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "here": get_session_id(self.request)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Show a refusal in the form; LockedOut has its own page."""
        try:
            return super().form_valid(form)
        except Invalid as refusal:
            for field, texts in (refusal.errors or {}).items():
                form.add_error(form.form_field_names.get(field), texts)
            return self.form_invalid(form)
