"""Admin pages of people, join codes and one's own account; each module registers its own."""

from accounts.admin import join_codes, second_factor, users  # noqa: F401
