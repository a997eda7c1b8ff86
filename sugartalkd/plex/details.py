"""Everything that Plex knows of one item, as JSON for who asks: no addresses, no paths, no files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sugartalkd.plex.entries import real, whole

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from sugartalkd.model import Json, Object

_WITHHELD: Final = re.compile(
    r"(?:key|.+[kK]ey|file|url|uri|path|thumb|.+Thumb|art|.+Art|theme|composite|icon|content|slug|.*[tT]oken.*"
    r"|primaryExtraKey|source|id|.+Id|.+ID)"
)
"""Paths, addresses and numbers that mean something inside the server only."""
_KEPT: Final = re.compile(r"ratingKey|parentRatingKey|grandparentRatingKey|playQueueItemID")
_WHOLE: Final = frozenset({
    "ratingKey", "parentRatingKey", "grandparentRatingKey", "index", "parentIndex", "year", "parentYear",
    "viewCount", "viewedLeafCount", "skipCount", "ratingCount", "leafCount", "childCount", "addedAt",
    "updatedAt", "lastViewedAt", "lastRatedAt", "bitrate", "audioChannels", "channels", "bitDepth",
    "samplingRate", "size", "streamType",
})  # fmt: skip
_REAL: Final = frozenset({
    "userRating", "rating", "audienceRating", "gain", "albumGain", "albumPeak", "albumRange", "loudness",
    "lra", "peak", "distance",
})  # fmt: skip
_FLAGS: Final = frozenset(
    {"smart", "radio", "selected", "default", "optimizedForStreaming", "hasSonicAnalysis"}
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LISTS: Final = frozenset({"Media", "Part", "Stream"})


def details(element: Element) -> Object:
    """Names as the contract writes them; durations in whole seconds, as everywhere."""
    result: Object = {}
    for name, text in element.attrib.items():
        if _KEPT.fullmatch(name) or not _WITHHELD.fullmatch(name):
            result[_snake(name)] = _value(name, text)
    for child in element:
        name = _snake(child.tag)
        if child.tag in _LISTS:
            one: Json = details(child)
        elif (tag := child.get("tag") or (child.get("id") if child.tag == "Guid" else None)) is not None:
            one = tag
        else:
            continue  # places of files, pictures, stations
        held = result.setdefault(name if name != "guid" else "guids", [])
        if isinstance(held, list):
            held.append(one)
    return result


def _value(name: str, text: str) -> Json:
    if name == "duration":
        milliseconds = whole(text)
        return None if milliseconds is None else milliseconds // 1000
    if name in _WHOLE:
        return whole(text)
    if name in _REAL:
        return real(text)
    if name in _FLAGS:
        return text in {"1", "true"}
    return text


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()
