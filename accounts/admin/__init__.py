"""Admin pages of people, invitations, join codes and one's own account; each module registers its own."""

from accounts.admin import invitations, join_codes, second_factor, users  # noqa: F401
