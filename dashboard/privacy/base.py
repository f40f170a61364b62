"""What the pages below /privacy/ have in common."""

from core.pages import WorkPage
from core.permissions import Permission


class PrivacyPage(WorkPage):
    needs = Permission.MANAGE_PRIVACY
