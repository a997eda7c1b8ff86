"""The values that travel through the daemon: zones, links, players, receivers and what they play."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, NewType, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

T = TypeVar("T")

SettingValue: TypeAlias = bool | float | str
"""A receiver setting: on or off, a number (dB, ms, min), or one of its words."""
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Object: TypeAlias = "dict[str, Json]"

ZoneId = NewType("ZoneId", str)
ReceiverId = NewType("ReceiverId", str)
LinkId = NewType("LinkId", str)
PlayerKey = NewType("PlayerKey", str)
"""What a HEOS player keeps for life: its serial number, or `name:<name>` on firmware that has none."""

HEOS_LINK: Final = LinkId("heos")
PLEX_LINK: Final = LinkId("plex")
ZONE_ID: Final = re.compile(r"[a-z0-9_-]{1,64}")
RECEIVER_INPUT: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9 /.+&-]{0,22}[A-Z0-9])?")
"""A receiver's own name of an input. Models have some that no list has, and a configuration may name them:
a line end, a question mark or a small letter never."""


def receiver_link(receiver: ReceiverId) -> LinkId:
    """The link of one receiver, `receiver/<id>`."""
    return LinkId(f"receiver/{receiver}")


class Unheard(Enum):
    """Nothing is known yet: what the broker retains from before stands."""

    UNHEARD = "unheard"


UNHEARD: Final = Unheard.UNHEARD


class LinkWord(StrEnum):
    """The state of a link, as published (contract 2)."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    BUSY = "busy"
    UNAUTHORIZED = "unauthorized"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class LinkState:
    """One link as `bridge/health` shows it."""

    word: LinkWord
    since: datetime
    host: str | None = None
    latency_ms: float | None = None
    reconnects: int = 0
    next_attempt_at: datetime | None = None
    last_error: str | None = None
    """What was attempted and the likely cause."""


class Transport(StrEnum):
    """What a player does."""

    PLAYING = "playing"
    PAUSED = "paused"
    IDLE = "idle"


class Playback(StrEnum):
    """What a zone does: its transport, and whether anything of it can be heard."""

    PLAYING = "playing"
    PAUSED = "paused"
    IDLE = "idle"
    ON = "on"
    OFF = "off"


class Repeat(StrEnum):
    """Repeat nothing, everything, or this one track."""

    OFF = "off"
    ALL = "all"
    ONE = "one"


class ReceiverZone(StrEnum):
    """One of a receiver's zones."""

    MAIN = "main"
    ZONE2 = "zone2"
    ZONE3 = "zone3"


class Enqueue(StrEnum):
    """Where what is played goes in the queue."""

    REPLACE = "replace"
    NOW = "now"
    """Insert it behind the present track and play it."""
    NEXT = "next"
    END = "end"


class MediaKind(StrEnum):
    """What a music library holds."""

    TRACK = "track"
    ALBUM = "album"
    ARTIST = "artist"
    PLAYLIST = "playlist"


class Owner(StrEnum):
    """Which side of a zone its volume and mute belong to."""

    RECEIVER = "receiver"
    PLAYER = "player"


@dataclass(frozen=True, slots=True)
class VolumeScale:
    """The numbers a volume may have. Halves are exact in binary, so a float carries every step."""

    maximum: float
    step: float
    minimum: float = 0.0


RECEIVER_SCALE: Final = VolumeScale(maximum=98.0, step=0.5)
PLAYER_SCALE: Final = VolumeScale(maximum=100.0, step=1.0)
REFERENCE_DB: Final = 80.0
"""A receiver's volume 80 is 0 dB."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a zone: the receiver's own name, and what people call it."""

    id: str
    name: str
    label: str | None = None
    hidden: bool = False


class Capability(StrEnum):
    """What a zone can do, in the words and the order of the contract."""

    POWER = "power"
    VOLUME = "volume"
    MUTE = "mute"
    INPUT = "input"
    SOUND_MODE = "sound_mode"
    SLEEP = "sleep"
    TRANSPORT = "transport"
    REPEAT = "repeat"
    SHUFFLE = "shuffle"
    QUEUE = "queue"
    GROUP = "group"
    ARTWORK = "artwork"
    ANNOUNCE = "announce"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Zone:
    """A place to listen in, as configured or found: what does not change while it plays."""

    id: ZoneId
    name: str
    receiver: ReceiverId | None = None
    receiver_zone: ReceiverZone = ReceiverZone.MAIN
    player: PlayerKey | None = None
    player_name: str | None = None
    player_input: str = "NET"
    """The receiver's input that carries the player."""
    player_inside: bool = False
    """The player is built into the receiver, which then switches itself on and over when it starts."""
    owner: Owner = Owner.PLAYER
    scale: VolumeScale = PLAYER_SCALE
    max_volume: float | None = None
    inputs: tuple[Input, ...] = ()
    sound_modes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    """The receiver settings that this zone's receiver has been heard to know."""
    capabilities: frozenset[Capability] = frozenset()
    configured: bool = False

    def input_name(self, receiver_name: str) -> str:
        """What this zone calls an input: the configured name, else the receiver's own."""
        return next((one.name for one in self.inputs if one.id == receiver_name), receiver_name)


@dataclass(frozen=True, slots=True)
class ReceiverFacts:
    """What was learned of a receiver that its zones have."""

    settings: tuple[str, ...] = ()
    """Those it ever answered for."""
    model: str | None = None
    mac: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """What people called its inputs in its own menu, by the receiver's name."""
    hidden: frozenset[str] = frozenset()
    """Inputs taken out of use there."""


@dataclass(frozen=True, slots=True)
class FoundPlayer:
    """A player as the HEOS system lists it."""

    key: PlayerKey
    name: str
    pid: int
    serial: str | None
    model: str
    version: str | None
    address: str | None

    def answers_to(self, wished: str) -> bool:
        """Whether a configuration means this player: by name, serial number or pid."""
        return wished in {self.name, self.serial, str(self.pid)}


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What one zone of a receiver last said; `None` = not heard."""

    power: bool | None = None
    volume: float | None = None
    """0…98 in steps of 0.5, what the receiver's display shows on its absolute scale."""
    mute: bool | None = None
    input: str | None = None
    """The receiver's own name, `SAT/CBL`."""
    sound_mode: str | None = None
    sleep: int | None = None
    """Minutes left, 0 = off."""
    settings: Mapping[str, SettingValue] = field(default_factory=dict[str, SettingValue])
    """Those heard, by the contract's name."""
    media: Track | None = None
    """What it says of its own network and tuner sources."""


@dataclass(frozen=True, slots=True)
class Track:
    """What is being played, whatever it comes from."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    track_number: int | None = None
    year: int | None = None
    duration: int | None = None
    """Seconds; `None` for endless streams."""
    source: str | None = None
    source_name: str | None = None
    media_id: str | None = None
    station: str | None = None
    artwork_id: str | None = None
    guid: str | None = None
    """What Plex calls the same recording after a rescan has given it another key; never published."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One item of a queue; `duration` in seconds."""

    media_id: str | None
    title: str | None
    artist: str | None = None
    album: str | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """What is queued: at most 200 items around the present one, the first of them at `offset`."""

    length: int
    offset: int = 0
    items: tuple[QueueItem, ...] = ()


@dataclass(frozen=True, slots=True)
class PlayerGroup:
    """Players that play together; `members` has the leader first."""

    leader: PlayerKey
    members: tuple[PlayerKey, ...]


@dataclass(frozen=True, slots=True)
class ZoneGroup:
    """Zones that play together; `members` has the leader first, players without a zone are left out.

    A zone that plays alone has no leader and no members.
    """

    leader: ZoneId | None = None
    members: tuple[ZoneId, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """Something to browse or to play: an album, a track, a station, an input, a folder."""

    media_id: str | None
    """What `play` and `browse` take; `None` for what can be neither played nor opened."""
    type: str
    """`artist`, `album`, `track`, `playlist`, `station`, `input`, `folder`, `source`."""
    title: str
    artist: str | None = None
    album: str | None = None
    year: int | None = None
    duration: int | None = None
    track_number: int | None = None
    score: float | None = None
    """0…1, how well it fits what was searched for."""
    artwork_id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a phrase means: the best item, and what else it might have meant, best first."""

    best: Item
    alternatives: tuple[Item, ...] = ()
    ambiguous: bool = False
    """The best is hardly better than the first alternative."""


@dataclass(frozen=True, slots=True)
class Artwork:
    """A picture, ready to be shown."""

    id: str
    content_type: str
    """`image/jpeg` or `image/png`."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A track as a player can fetch it."""

    url: str
    media_id: str
    transcoded: bool
    guid: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a longer list: `items` from `offset` on, of `total`."""

    items: tuple[Item, ...]
    total: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the track a player was at one instant; it moves on by itself while playing."""

    seconds: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What a player last said; `None` = not heard."""

    transport: Transport | None = None
    volume: float | None = None
    """0…100."""
    mute: bool | None = None
    repeat: Repeat | None = None
    shuffle: bool | None = None
    track: Track | None = None
    anchor: Position | None = None
    """The position at the last start, seek, pause or resume."""
    progress: int | None = None
    """Seconds; renewed at most every 10 s while playing."""
    queue: Queue | None = None
    queue_index: int | None = None
    """Which item of the queue plays; `None` while something else does."""
    group: PlayerGroup | None = None
    """The group it is in; `None` while it plays alone."""
    group_volume: float | None = None
    """0…100, of the group that it leads."""
    url: str | None = None
    """The URL that it was told to play and plays still; `None` for everything else. Never published."""
    next: QueueItem | None = None
    """What follows, where that is known and is not simply the item behind the present one."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the daemon's own queue shows in place of what the player says, which knows only one URL."""

    queue: Queue
    index: int | None
    repeat: Repeat
    shuffle: bool
    track: Track | None
    """`None` while nothing of it plays."""
    next: QueueItem | None = None
    transport: Transport | None = None
    """What the player does, where it does not say so itself at the moment: between two tracks it stops."""
    anchor: Position | None = None
    progress: int | None = None
    """Where in the track it is, as of a player; only with `transport`."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the volume that holds for a while; no value is no limit."""

    value: float | None
    until: datetime


@dataclass(frozen=True, slots=True)
class KeptState:
    """What the daemon itself keeps for a zone."""

    sleep: int | None = None
    """Minutes left of the daemon's own timer."""
    limit: Limit | None = None
    snapshots: tuple[str, ...] = ()


NOTHING_KEPT: Final = KeptState()


def slug(name: str) -> str:
    """A zone id made from a name: NFKD, ASCII, lower case, other runs `_`; `zone` if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9-]+", "_", plain).strip("_")[:64] or "zone"
