"""What happened, told to whoever asked: recorded in the transaction that did it, delivered after it, at least once.

Owns the outbox and the delivery. What an event means belongs to the room that records it, what to do about it to the room that subscribes.
"""

from parlor.core.events.event import Event, StoredEvent, Subscriber
from parlor.core.events.origin import Origin, acting_as, current_origin, without_address
from parlor.core.events.outbox import Events
from parlor.core.events.userdata import EventsUserData

__all__ = ["Event", "Events", "EventsUserData", "Origin", "StoredEvent", "Subscriber", "acting_as", "current_origin", "without_address"]
