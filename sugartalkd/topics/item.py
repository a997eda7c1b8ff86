"""What can be browsed, in JSON: items, and pages of them (contract 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sugartalkd.model import Item, Object, Page


def item_json(item: Item) -> Object:
    return {
        "media_id": item.media_id,
        "type": item.type,
        "title": item.title,
        "artist": item.artist,
        "album": item.album,
        "year": item.year,
        "duration": item.duration,
        "track_number": item.track_number,
        "artwork_id": item.artwork_id,
        "score": item.score,
    }


def page_json(page: Page) -> Object:
    return {"items": [item_json(item) for item in page.items], "total": page.total, "offset": page.offset}
