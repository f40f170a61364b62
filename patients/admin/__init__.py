"""Admin pages of charts, emergency accesses and deletions. Importing them registers them."""

from patients.admin import deletions, emergency_accesses, encounters, merging, patients  # noqa: F401
