"""Admin pages of people, invitations, join codes, API keys and one's own account; each module registers its own."""

from accounts.admin import api_keys, invitations, join_codes, second_factor, users  # noqa: F401
