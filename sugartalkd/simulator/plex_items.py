"""How artists, albums, tracks and playlists look in a Plex server's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

from sugartalkd.simulator.plex_library import EPOCH, SimAlbum, SimArtist, SimPlaylist, SimTrack

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_library import SimItem
    from sugartalkd.simulator.plex_wire import Element


@dataclass(frozen=True, slots=True)
class Codec:
    """How files of one kind look; `bitrate` in kbit/s."""

    container: str
    audio_codec: str
    extension: str
    content_type: str
    bitrate: int
    bit_depth: int | None = None
    optimized: bool = False


CODECS: Final = {
    "mp3": Codec("mp3", "mp3", "mp3", "audio/mpeg", 320),
    "flac": Codec("flac", "flac", "flac", "audio/flac", 900, 16),
    "aac": Codec("mp4", "aac", "m4a", "audio/mp4", 256, optimized=True),
    "alac": Codec("mp4", "alac", "m4a", "audio/mp4", 800, 16),
    "ogg": Codec("ogg", "vorbis", "ogg", "audio/ogg", 192),
    "wav": Codec("wav", "pcm", "wav", "audio/wav", 1411, 16),
}
RATE: Final = 44_100
"""Samples per second of every file."""

MP3_RATE: Final = 48_000
"""Except of MP3, whose frames then have all the same length."""


def file_size(track: SimTrack) -> int:
    """Bytes of the track's file."""
    if track.codec == "mp3":
        return mp3_frames(track.duration_ms) * MP3_FRAME
    if track.codec == "wav":
        return WAV_HEADER + RATE * track.duration_ms // 1000 * 4
    return CODECS[track.codec].bitrate * track.duration_ms // 8


MP3_FRAME: Final = 960
"""Bytes of an MP3 frame of 24 ms at 320 kbit/s and 48 kHz."""

MP3_FRAME_MS: Final = 24
WAV_HEADER: Final = 44


def mp3_frames(duration_ms: int) -> int:
    return -(-duration_ms // MP3_FRAME_MS)


def part_path(track: SimTrack) -> str:
    stamp = EPOCH + track.changed
    return f"/library/parts/{track.key + 500_000_000}/{stamp}/file.{CODECS[track.codec].extension}"


def thumb(item: SimItem) -> str:
    return f"/library/metadata/{item.key}/thumb/{EPOCH + item.number % 1_000_000}"


def artist(item: SimArtist) -> Element:
    element: Element = {
        "ratingKey": str(item.key),
        "key": f"/library/metadata/{item.key}/children",
        "guid": item.guid,
        "type": "artist",
        "title": item.title,
        "summary": f"All about {item.title}.",
        "index": 1,
        "thumb": thumb(item),
        "addedAt": EPOCH + item.key,
        "updatedAt": item.updated_at,
    }
    sort = item.title.removeprefix("The ")
    if sort != item.title:
        element["titleSort"] = f"{sort}, The"
    _heard(element, item)
    element["Genre"] = [{"tag": genre} for genre in item.genres]
    return element


def album(item: SimAlbum) -> Element:
    owner = item.artist
    element: Element = {
        "ratingKey": str(item.key),
        "key": f"/library/metadata/{item.key}/children",
        "parentRatingKey": str(owner.key),
        "guid": item.guid,
        "parentGuid": owner.guid,
        "type": "album",
        "title": item.title,
        "parentKey": f"/library/metadata/{owner.key}",
        "parentTitle": owner.title,
        "summary": "",
        "index": 1,
        "thumb": thumb(item),
        "parentThumb": thumb(owner),
        "leafCount": len(item.tracks),
        "addedAt": EPOCH + item.key,
        "updatedAt": item.updated_at,
    }
    if item.year is not None:
        element["year"] = item.year
        element["originallyAvailableAt"] = f"{item.year}-01-01"
    _heard(element, item)
    element["Genre"] = [{"tag": genre} for genre in item.genres]
    element["Format"] = [{"tag": "Album"}]
    if item.subformat is not None:
        element["Subformat"] = [{"tag": item.subformat}]
    return element


def of_record(record: SimAlbum) -> Element:
    """What all tracks of an album say about it and its artist."""
    owner = record.artist
    record_thumb = thumb(record)
    element: Element = {
        "parentRatingKey": str(record.key),
        "grandparentRatingKey": str(owner.key),
        "parentGuid": record.guid,
        "grandparentGuid": owner.guid,
        "type": "track",
        "grandparentKey": f"/library/metadata/{owner.key}",
        "parentKey": f"/library/metadata/{record.key}",
        "grandparentTitle": owner.title,
        "parentTitle": record.title,
        "thumb": record_thumb,
        "parentThumb": record_thumb,
        "grandparentThumb": thumb(owner),
    }
    if record.year is not None:
        element["parentYear"] = record.year
    return element


def track(
    item: SimTrack, *, record: Element | None = None, media: bool = True, summary: bool = True
) -> Element:
    """`record` is what `of_record` says, if that is known already."""
    key = item.key
    element: Element = {
        "ratingKey": str(key),
        "key": f"/library/metadata/{key}",
        "guid": item.guid,
        "title": item.title,
        "index": item.index,
        "parentIndex": item.disc,
        "ratingCount": item.popularity,
        "duration": item.duration_ms,
        "addedAt": EPOCH + key,
        "updatedAt": item.updated_at,
        **(of_record(item.album) if record is None else record),
    }
    if summary:
        element["summary"] = ""
    if item.performer is not None:
        element["originalTitle"] = item.performer
    if item.skips:
        element["skipCount"] = item.skips
    _heard(element, item)
    if media:
        element["Media"] = [_media(item)]
    return element


def _heard(element: Element, item: SimItem) -> None:
    if item.plays:
        element["viewCount"] = item.plays
    if item.last_viewed is not None:
        element["lastViewedAt"] = item.last_viewed
    if item.rating is not None:
        element["userRating"] = item.rating


def _media(item: SimTrack) -> Element:
    codec = CODECS[item.codec]
    part: Element = {
        "id": item.key + 500_000_000,
        "key": part_path(item),
        "duration": item.duration_ms,
        "file": f"/music/{item.album.key}/{item.index}.{codec.extension}",
        "size": file_size(item),
        "container": codec.container,
    }
    media: Element = {
        "id": item.key + 400_000_000,
        "duration": item.duration_ms,
        "bitrate": codec.bitrate,
        "audioChannels": 2,
        "audioCodec": codec.audio_codec,
        "container": codec.container,
        "Part": [part],
    }
    if codec.optimized:
        media["optimizedForStreaming"] = True
        part["optimizedForStreaming"] = True
    return media


def with_streams(element: Element, item: SimTrack) -> Element:
    """The track as its own address shows it."""
    codec = CODECS[item.codec]
    stream: Element = {
        "id": item.key + 600_000_000,
        "streamType": 2,
        "selected": True,
        "codec": codec.audio_codec,
        "index": 0,
        "channels": 2,
        "bitrate": codec.bitrate,
        "audioChannelLayout": "stereo",
        "samplingRate": MP3_RATE if item.codec == "mp3" else RATE,
        "displayTitle": f"{codec.audio_codec.upper()} (Stereo)",
    }
    if codec.bit_depth is not None:
        stream["bitDepth"] = codec.bit_depth
    element["Media"][0]["Part"][0]["Stream"] = [stream]
    element["Genre"] = [{"tag": genre} for genre in item.album.genres]
    return element


def playlist(item: SimPlaylist) -> Element:
    element: Element = {
        "ratingKey": str(item.key),
        "key": f"/playlists/{item.key}/items",
        "guid": f"com.plexapp.agents.none://{crc32(item.title.encode()):08x}-{item.key}",
        "type": "playlist",
        "title": item.title,
        "summary": "",
        "smart": item.smart,
        "playlistType": "audio",
        "composite": f"/playlists/{item.key}/composite/{item.updated_at}",
        "duration": sum(track.duration_ms for _, track in item.items),
        "leafCount": len(item.items),
        "addedAt": EPOCH + item.key,
        "updatedAt": item.updated_at,
    }
    if item.content is not None:
        element["content"] = item.content
    return element


def element_of(item: SimItem) -> Element:
    match item:
        case SimArtist():
            return artist(item)
        case SimAlbum():
            return album(item)
        case SimTrack():
            return track(item)
