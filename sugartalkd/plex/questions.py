"""What is asked of a Plex server: paths, and what their answers mean."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode

from sugartalkd.errors import BadPayload, NoMatch
from sugartalkd.model import MediaKind
from sugartalkd.plex import entries as raw
from sugartalkd.plex.details import details
from sugartalkd.plex.entries import whole
from sugartalkd.plex.values import Part, Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from sugartalkd.library import Entry
    from sugartalkd.model import Object

PAGE: Final = 200
"""Items at once: reading more would hold up everything else for longer than 8 ms."""
MOST: Final = 10_000
"""Items of one playlist that are read."""
MUSIC_TYPE: Final = "artist"
"""What Plex calls a section that holds music."""


class Ask(Protocol):
    """One thread's connection to the server. Raises errors of errors.py only."""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Element | None: ...

    def send(self, method: str, path: str) -> Element | None: ...


def music_sections(ask: Ask) -> tuple[Section, ...]:
    root = ask.get("/library/sections")
    return tuple(
        Section(one.get("key", ""), one.get("uuid", ""), one.get("title", ""))
        for one in (() if root is None else root)
        if one.get("type") == MUSIC_TYPE and one.get("key")
    )


def choose(sections: Sequence[Section], wished: str | None) -> Section:
    """The one of this name, case ignored; without a wish `Music`, else the only one. Raises NoMatch."""
    name = (wished or "Music").casefold()
    for one in sections:
        if one.title.casefold() == name:
            return one
    if wished is None and len(sections) == 1:
        return sections[0]
    known = ", ".join(f"'{one.title}'" for one in sections) or "none that this token may see"
    raise NoMatch(
        f"the Plex server has no music library called '{wished or 'Music'}' (plex.library); "
        f"its music libraries: {known}"
    )


def item(ask: Ask, key: int, *, lean: bool = False) -> Element:
    """Raises NoMatch."""
    root = ask.get(f"/library/metadata/{key}" + (f"?{raw.LEAN}" if lean else ""))
    if root is None or not len(root):
        raise NoMatch(f"Plex has no item {key}")
    return root[0]


def entries(ask: Ask, keys: Sequence[int]) -> tuple[Entry, ...]:
    """In the order asked for; those that are gone are left out."""
    found: dict[int, Entry] = {}
    for batch in batches(keys):
        try:
            root = ask.get(f"/library/metadata/{joined(batch)}?{raw.LEAN}")
        except NoMatch:
            continue  # none of these is left
        found.update((one.key, one) for one in raw.all_from_xml(root))
    return tuple(found[key] for key in keys if key in found)


def describe(ask: Ask, kind: MediaKind, key: int) -> tuple[Entry, Object]:
    """What the index would keep of it, and all there is. Raises NoMatch, also for one of another kind."""
    root = ask.get(f"/playlists/{key}") if kind is MediaKind.PLAYLIST else [item(ask, key)]
    for element in () if root is None else root:
        if (entry := raw.from_xml(element)) is not None and entry.kind is kind:
            return entry, details(element)
    raise NoMatch(f"Plex has no {kind.value} {key} (any more)")


def part(ask: Ask, key: int) -> Part:
    """The first file that is there. Raises NoMatch."""
    element = item(ask, key)
    for media in element.iterfind("Media"):
        for one in media.iterfind("Part"):
            path = one.get("key", "")
            if not path.startswith("/") or one.get("exists") == "0" or one.get("accessible") == "0":
                continue
            sound = next(
                (stream for stream in one.iterfind("Stream") if stream.get("streamType") == "2"), None
            )
            say = dict[str, str]().get if sound is None else sound.get
            return Part(
                path=path,
                container=one.get("container") or media.get("container"),
                codec=media.get("audioCodec") or say("codec"),
                channels=whole(media.get("audioChannels")) or whole(say("channels")),
                bit_depth=whole(say("bitDepth")),
                sampling_rate=whole(say("samplingRate")),
                size=whole(one.get("size")),
                duration_ms=whole(one.get("duration") or media.get("duration") or element.get("duration")),
                optimized=media.get("optimizedForStreaming") in {"1", "true"},
            )
    raise NoMatch(f"Plex has no file for '{element.get('title', key)}' at the moment")


def hub_search(ask: Ask, phrase: str, limit: int, section: str) -> tuple[Entry, ...]:
    """The server's own ranked search, all kinds of music mixed, best hub first."""
    asked = urlencode({"query": phrase, "limit": limit, "sectionId": section})
    root = ask.get(f"/hubs/search?{asked}")
    found: dict[tuple[MediaKind, int], Entry] = {}
    for hub in root if root is not None else ():
        if hub.get("type") in raw.KINDS:
            found.update(((one.kind, one.key), one) for one in raw.all_from_xml(hub))
    return tuple(found.values())


def by_guid(ask: Ask, guid: str, section: str) -> tuple[Entry, ...]:
    """The tracks that are this recording now."""
    asked = urlencode({"type": raw.TYPE_NUMBERS[MediaKind.TRACK], "guid": guid})
    return raw.all_from_xml(ask.get(f"/library/sections/{section}/all?{asked}&{raw.LEAN}"))


def all_of(section: str, kind: MediaKind, order: str) -> str:
    """The path of everything of a kind, in this order: `titleSort`, `addedAt:desc`."""
    asked = urlencode({"type": raw.TYPE_NUMBERS[kind], "sort": order}, safe=":")
    return f"/library/sections/{section}/all?{asked}&{raw.LEAN}"


def inside(kind: MediaKind, key: int) -> str:
    """The path of what is in it: an artist's albums, an album's or a playlist's tracks."""
    if kind is MediaKind.PLAYLIST:
        return f"/playlists/{key}/items?{raw.LEAN}"
    return f"/library/metadata/{key}/children?{raw.LEAN}"


def stretch(ask: Ask, path: str, limit: int, offset: int) -> tuple[tuple[Entry, ...], int]:
    """A part of a long list, in small pages, and how long it is: one more where the server does not tell."""
    found: list[Entry] = []
    start, end, total = offset, offset + limit, None
    while start < end and (total is None or start < total):
        size = min(PAGE, end - start)
        root = ask.get(path, _paging(start, size))
        total = total if root is None else whole(root.get("totalSize"))
        if root is None or not len(root):
            break
        if len(root) > size:  # it does not page, so that is everything
            return raw.all_from_xml(root)[offset:end], len(root)
        found += raw.all_from_xml(root)
        start += len(root)
    return tuple(found), start + (start >= end) if total is None else total


def playlists(ask: Ask) -> tuple[Entry, ...]:
    return tuple(entries_of(pages(ask, "/playlists?playlistType=audio")))


def playlist(ask: Ask, key: int) -> Entry:
    """Raises NoMatch."""
    found = raw.all_from_xml(ask.get(f"/playlists/{key}"))
    if not found:
        raise NoMatch(f"Plex has no playlist {key}")
    return found[0]


def playlist_items(ask: Ask, key: int) -> tuple[Entry, ...]:
    found = entries_of(pages(ask, inside(MediaKind.PLAYLIST, key)))
    return tuple(one for one in islice(found, MOST) if one.kind is MediaKind.TRACK)


def tracks_below(ask: Ask, key: int, limit: int) -> tuple[Entry, ...]:
    """The tracks of an album or an artist, in the server's order."""
    found = entries_of(pages(ask, f"/library/metadata/{key}/allLeaves?{raw.LEAN}"))
    return tuple(islice(found, limit))


def station(ask: Ask, key: int) -> str | None:
    """The path of an item's radio station, where the server offers one."""
    root = ask.get(f"/library/metadata/{key}?includeStations=1&{raw.LEAN}")
    found = None if root is None else root.find("./*/Stations/Playlist")
    return None if found is None else found.get("key")


def nearest(ask: Ask, key: int, limit: int) -> tuple[Entry, ...]:
    """What sounds like it; nothing where the server has not analysed it."""
    try:
        return raw.all_from_xml(ask.get(f"/library/metadata/{key}/nearest?limit={limit}&{raw.LEAN}"))
    except (NoMatch, BadPayload):  # servers without a Plex Pass do not know the path
        return ()


def pages(ask: Ask, path: str) -> Iterator[Element]:
    """The elements of a long list, asked for in small pages."""
    start: int | None = 0
    first: str | None = None
    while start is not None:
        root = ask.get(path, _paging(start, PAGE))
        if root is None or not len(root):
            return
        key, total = root[0].get("key"), whole(root.get("totalSize"))
        if total is None and first is not None and key == first:
            return  # it does not page, so the first was everything
        first = key
        yield from root
        start = raw.following(start, len(root), PAGE, total)


def entries_of(elements: Iterable[Element]) -> Iterator[Entry]:
    """Those that can be used."""
    return (entry for one in elements if (entry := raw.from_xml(one)) is not None)


def _paging(start: int, size: int) -> dict[str, str]:
    return {"X-Plex-Container-Start": str(start), "X-Plex-Container-Size": str(size)}


def scanning(ask: Ask, section: str) -> bool:
    """Whether the server looks for new and changed files in this library."""
    root = ask.get("/library/sections")
    return any(
        one.get("key") == section and one.get("refreshing") in {"1", "true"}
        for one in (() if root is None else root)
    )


def clients(ask: Ask) -> list[Object]:
    """Plex' own players that the server itself sees in the house."""
    root = ask.get("/clients")
    return [
        {
            "client": one.get("machineIdentifier"),
            "name": one.get("name") or one.get("title"),
            "product": one.get("product"),
            "device_class": one.get("deviceClass"),
        }
        for one in (() if root is None else root)
    ]


def batches(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many that their address does not become too long."""
    return (keys[start : start + PAGE] for start in range(0, len(keys), PAGE))


def joined(keys: Sequence[int]) -> str:
    return ",".join(map(str, keys))
