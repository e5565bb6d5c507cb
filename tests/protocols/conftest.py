from tests.support.house_fixtures import house, open_served

__all__ = ["house", "open_served"]
