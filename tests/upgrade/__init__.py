"""From the release before to this one, with data in every table and people at work."""
