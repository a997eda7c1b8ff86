"""What can be asked of a zone or of the bridge: one frozen class per verb, and their unions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from sugartalkd.model import Enqueue, MediaKind, Repeat, SettingValue, Track, ZoneId


@dataclass(frozen=True, slots=True)
class SecretText:
    """A secret that shows itself only to who asks for it by name."""

    reveal: str = field(repr=False)


class Toggle(Enum):
    """Turn it over, whatever it is."""

    TOGGLE = "toggle"


TOGGLE: Final = Toggle.TOGGLE
OnOff: TypeAlias = bool | Toggle


@dataclass(frozen=True, slots=True)
class Absolute:
    """This number, on the zone's own scale."""

    value: float


@dataclass(frozen=True, slots=True)
class Percent:
    """This part of the zone's scale, 0 to 100."""

    value: float


@dataclass(frozen=True, slots=True)
class Steps:
    """So many units up or down; a unit is 1.0 on every scale."""

    value: float


@dataclass(frozen=True, slots=True)
class Decibels:
    """-80…18, 0 being the receiver's reference level."""

    value: float


VolumeChange: TypeAlias = Absolute | Percent | Steps | Decibels


class Verb(StrEnum):
    """What a player's transport can be told."""

    PLAY = "play"
    PAUSE = "pause"
    TOGGLE = "toggle"
    STOP = "stop"
    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class SetVolume:
    change: VolumeChange


@dataclass(frozen=True, slots=True)
class RampVolume:
    """Move the volume evenly, so that it arrives after `seconds`."""

    change: VolumeChange
    seconds: float


@dataclass(frozen=True, slots=True)
class SetMaxVolume:
    """Another limit of the volume for a while; `None` is no limit."""

    value: float | None
    minutes: float


@dataclass(frozen=True, slots=True)
class EndMaxVolume:
    """The configured limit holds again."""


@dataclass(frozen=True, slots=True)
class SetMute:
    on: OnOff


@dataclass(frozen=True, slots=True)
class SetPower:
    on: OnOff


@dataclass(frozen=True, slots=True)
class SetInput:
    name: str


@dataclass(frozen=True, slots=True)
class SetSoundMode:
    name: str


@dataclass(frozen=True, slots=True)
class SetSleep:
    """`fade`, in seconds, is ours to do, and so is the whole timer then; 0 minutes end it."""

    minutes: int
    fade: int | None = None


@dataclass(frozen=True, slots=True)
class SetRepeat:
    repeat: Repeat


@dataclass(frozen=True, slots=True)
class SetShuffle:
    on: OnOff


@dataclass(frozen=True, slots=True)
class SetSetting:
    """A receiver setting of the closed list, checked against its kind."""

    name: str
    value: SettingValue | Toggle


@dataclass(frozen=True, slots=True)
class SetGroupVolume:
    """0…100, on the leader of a group."""

    level: float


class GroupChange(Enum):
    """What becomes of a group."""

    SET = "set"
    """This zone leads exactly these; none of them: it plays alone."""
    ADD = "add"
    REMOVE = "remove"
    JOIN = "join"
    """This zone joins the group of that one."""


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    change: GroupChange
    zones: tuple[ZoneId, ...]


@dataclass(frozen=True, slots=True)
class ClearQueue:
    pass


@dataclass(frozen=True, slots=True)
class JumpInQueue:
    index: int


@dataclass(frozen=True, slots=True)
class RemoveFromQueue:
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MoveInQueue:
    origin: int
    target: int


@dataclass(frozen=True, slots=True)
class SaveQueue:
    """Keep what is queued as a playlist of this name in Plex."""

    name: str


@dataclass(frozen=True, slots=True)
class Wished:
    """What is looked for in the music library: a phrase, narrowed down; `None` = whatever."""

    phrase: str | None
    kind: MediaKind | None = None
    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    rating: float | None = None
    """At least so many, 0…10."""


@dataclass(frozen=True, slots=True)
class PlayQuery:
    """What a phrase means in the music library; `radio` plays what is like it."""

    wished: Wished
    enqueue: Enqueue
    shuffle: bool | None = None
    radio: bool = False
    volume: VolumeChange | None = None


@dataclass(frozen=True, slots=True)
class PlayMedia:
    """Something that was browsed or found, by its `media_id`."""

    media_id: str
    enqueue: Enqueue
    shuffle: bool | None = None
    volume: VolumeChange | None = None
    radio: bool = False
    """Not it, but what is like it."""


@dataclass(frozen=True, slots=True)
class PlayFavorite:
    """A favourite by name, or by its number from 1 as in the HEOS app."""

    wished: str | int
    volume: VolumeChange | None = None


@dataclass(frozen=True, slots=True)
class PlayPlaylist:
    """A playlist by name, case ignored."""

    name: str
    enqueue: Enqueue
    shuffle: bool | None = None
    volume: VolumeChange | None = None


@dataclass(frozen=True, slots=True)
class SendRaw:
    """One receiver command, printable ASCII without CR."""

    line: str


@dataclass(frozen=True, slots=True)
class Press:
    verb: Verb


@dataclass(frozen=True, slots=True)
class PlayUrl:
    """Play a URL now; `track` is what to show for it, `volume` what to set before."""

    url: str
    track: Track | None = None
    volume: VolumeChange | None = None


@dataclass(frozen=True, slots=True)
class Announce:
    """Play a URL once over whatever runs, for at most so many seconds, then bring back what was before."""

    url: str
    volume: VolumeChange | None = None
    max_duration: float = 120.0


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Remember what the zone does, under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class RestoreSnapshot:
    name: str


@dataclass(frozen=True, slots=True)
class DeleteSnapshot:
    name: str


@dataclass(frozen=True, slots=True)
class Reread:
    """Ask the devices again and publish what they say; one attribute, or all when `None`."""

    attribute: str | None = None


Setting: TypeAlias = (
    SetVolume
    | SetMute
    | SetPower
    | SetInput
    | SetSoundMode
    | SetSleep
    | SetRepeat
    | SetShuffle
    | SetSetting
    | SetGroupVolume
)
Play: TypeAlias = PlayUrl | PlayMedia | PlayFavorite | PlayPlaylist
QueueCommand: TypeAlias = ClearQueue | JumpInQueue | RemoveFromQueue | MoveInQueue | SaveQueue
DeviceCommand: TypeAlias = Setting | Press | Play | QueueCommand | ChangeGroup | SendRaw
"""What becomes one call on one device."""


@dataclass(frozen=True, slots=True)
class SetMany:
    """Several attributes, already in the order in which they are carried out."""

    settings: tuple[tuple[str, Setting], ...]


KeptCommand: TypeAlias = SetMaxVolume | EndMaxVolume | SaveSnapshot | DeleteSnapshot
"""What concerns only what the daemon itself keeps for the zone."""
Composite: TypeAlias = SetMany | RampVolume | RestoreSnapshot | PlayQuery | Announce | Reread
"""What consists of several calls, or of questions only."""
ZoneCommand: TypeAlias = DeviceCommand | KeptCommand | Composite


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    level: str


@dataclass(frozen=True, slots=True)
class Restart:
    pass


@dataclass(frozen=True, slots=True)
class GetConfig:
    pass


@dataclass(frozen=True, slots=True)
class SetConfig:
    """Dotted keys and their new values; `None` takes a key out again."""

    changes: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class ForgetZone:
    zone: ZoneId


@dataclass(frozen=True, slots=True)
class HeosSources:
    pass


@dataclass(frozen=True, slots=True)
class HeosBrowse:
    """`source` is a source's name, number or media_id; `container` a media_id inside it."""

    source: str | None
    container: str | None
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class HeosSearch:
    """`criteria` is one of the source's, by name or number; `None` its first."""

    source: str
    query: str
    criteria: str | None
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class HeosFavorites:
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class HeosPlaylists:
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class HeosSignIn:
    username: str
    password: SecretText


@dataclass(frozen=True, slots=True)
class HeosSignOut:
    pass


@dataclass(frozen=True, slots=True)
class HeosReboot:
    pass


HeosRequest: TypeAlias = (
    HeosSources
    | HeosBrowse
    | HeosSearch
    | HeosFavorites
    | HeosPlaylists
    | HeosSignIn
    | HeosSignOut
    | HeosReboot
)


class LibraryTask(StrEnum):
    """What Plex can be told to do with its library."""

    SCAN = "scan"
    """Look for new and changed files."""
    REFRESH = "refresh"
    """Fetch all metadata again."""
    ANALYZE = "analyze"
    EMPTY_TRASH = "empty_trash"


@dataclass(frozen=True, slots=True)
class PlexSearch:
    wished: Wished
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class PlexBrowse:
    """What is in it; `None`: the roots."""

    media_id: str | None
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class PlexItem:
    media_id: str


@dataclass(frozen=True, slots=True)
class PlexRate:
    """0…10, two for each star; `None` takes the rating away."""

    media_id: str
    rating: float | None


@dataclass(frozen=True, slots=True)
class PlexPlaylists:
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class PlexCreatePlaylist:
    name: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlexAddToPlaylist:
    media_id: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlexRemoveFromPlaylist:
    media_id: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlexDeletePlaylist:
    media_id: str


@dataclass(frozen=True, slots=True)
class PlexMaintain:
    task: LibraryTask


@dataclass(frozen=True, slots=True)
class PlexSync:
    """Build the local index anew."""


@dataclass(frozen=True, slots=True)
class PlexClients:
    pass


@dataclass(frozen=True, slots=True)
class PlexClientPlay:
    client: str
    media_id: str


@dataclass(frozen=True, slots=True)
class PlexClientCommand:
    """`value` is 0…100 for a volume, seconds for a position."""

    client: str
    command: str
    value: float | None


@dataclass(frozen=True, slots=True)
class PlexLogin:
    pass


@dataclass(frozen=True, slots=True)
class GetArtwork:
    artwork_id: str


PlexRequest: TypeAlias = (
    PlexSearch
    | PlexBrowse
    | PlexItem
    | PlexRate
    | PlexPlaylists
    | PlexCreatePlaylist
    | PlexAddToPlaylist
    | PlexRemoveFromPlaylist
    | PlexDeletePlaylist
    | PlexMaintain
    | PlexSync
    | PlexClients
    | PlexClientPlay
    | PlexClientCommand
    | PlexLogin
    | GetArtwork
)
DeskCommand: TypeAlias = Ping | SetLogLevel | Restart | GetConfig | SetConfig | ForgetZone
"""What is answered without asking any device."""
BridgeCommand: TypeAlias = DeskCommand | HeosRequest | PlexRequest
