"""The contract as a table: subscriptions, router, publisher and reference are loops over its rows."""

from sugartalkd.topics import bridge, setting, zone_command, zone_state
from sugartalkd.topics.bridge import BRIDGE, REQUESTS, ZONE_OTHER
from sugartalkd.topics.row import subscription_to
from sugartalkd.topics.zone_command import ABSENT, COMMANDS
from sugartalkd.topics.zone_state import EVENTS, STATES

REQUEST_SUBSCRIPTION = "bridge/request/#"
SUBSCRIPTIONS = (
    *sorted({row.subscription for row in COMMANDS} | {subscription_to(path) for path in ABSENT}),
    REQUEST_SUBSCRIPTION,
)

__all__ = [
    "ABSENT",
    "BRIDGE",
    "COMMANDS",
    "EVENTS",
    "REQUESTS",
    "REQUEST_SUBSCRIPTION",
    "STATES",
    "SUBSCRIPTIONS",
    "ZONE_OTHER",
    "bridge",
    "setting",
    "zone_command",
    "zone_state",
]
