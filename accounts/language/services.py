"""The language that a person has chosen for pages and mails."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.users.services import save_user
from audit import context
from core.errors import Invalid
from core.languages import is_offered

UNKNOWN = _("This language isn't offered here.")


@transaction.atomic
def choose_language(*, by: User, language: str) -> User:
    """Choose one's own language; empty: the practice's. Raises Invalid."""
    if language and not is_offered(language):
        raise Invalid("language", UNKNOWN)
    (user,) = User.all_practices.lock(by)
    user.language = language
    with context.done_by(by):
        return save_user(user)
