"""The music library's searchable index."""

from sugartalkd.library.entry import Entry, Match, Matches, NotSynced
from sugartalkd.library.finding import Finder
from sugartalkd.library.library import Library
from sugartalkd.library.reading import Reader
from sugartalkd.library.writing import Builder, Changes

__all__ = [
    "Builder",
    "Changes",
    "Entry",
    "Finder",
    "Library",
    "Match",
    "Matches",
    "NotSynced",
    "Reader",
]
