"""What a Plex section says about the filters and sort orders it takes; plexapi asks before it filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.simulator import plex_filters as filters

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_wire import Element


def meta_of(section: str) -> Element:
    types: list[Element] = []
    for kind, name in filters.TYPES.items():
        fields = [_field(name, one) for one in _FIELD_TYPES]
        types.append(
            {
                "key": f"/library/sections/{section}/all?type={kind}",
                "type": name,
                "title": f"{name.title()}s",
                "active": kind == 8,  # noqa: PLR2004 - artists
                "Filter": [
                    {
                        "filter": "genre",
                        "filterType": "string",
                        "key": f"/library/sections/{section}/genre?type={kind}",
                        "title": "Genre",
                        "type": "filter",
                    },
                ],
                "Sort": [
                    {"key": one, "descKey": f"{one}:desc", "defaultDirection": "asc", "title": one}
                    for one in (
                        "titleSort",
                        "addedAt",
                        "lastViewedAt",
                        "viewCount",
                        "userRating",
                        "ratingCount",
                    )
                ],
                "Field": fields,
            }
        )
    return {
        "Type": types,
        "FieldType": [
            {"type": kind, "Operator": [{"key": one, "title": one} for one in operators]}
            for kind, operators in _OPERATORS.items()
        ],
    }


_FIELD_TYPES: Final = {
    "title": "string",
    "userRating": "integer",
    "viewCount": "integer",
    "lastViewedAt": "date",
    "addedAt": "date",
    "genre": "tag",
    "year": "integer",
    "subformat": "tag",
}
_OPERATORS: Final = {
    "tag": ("=", "!="),
    "integer": ("=", "!=", ">>=", "<<="),
    "string": ("=", "!=", "==", "!==", "<=", ">="),
    "date": (">>=", "<<="),
    "boolean": ("=0", "=1"),
}


def _field(owner: str, name: str) -> Element:
    title = f"{owner.title()} {name}"
    return {"key": f"{owner}.{name}", "type": _FIELD_TYPES[name], "title": title}
