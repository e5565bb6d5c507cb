"""A conversation shown to whoever has the link: one branch as it was when it was shared, read-only, until it is taken back."""
