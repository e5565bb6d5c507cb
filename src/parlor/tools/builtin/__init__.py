"""Tools that come with Parlor."""
