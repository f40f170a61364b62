"""The base of every ModelAdmin."""
