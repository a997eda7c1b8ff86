"""Measures the music library's index: building, size, memory, exact, misspelt and misheard phrases.

python -m tests.bench.library [--tracks 1000000] [--phrases 500] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.command import Wished
from sugartalkd.library import Builder, Entry, Finder, Reader
from sugartalkd.library.reading import opened
from sugartalkd.model import MediaKind
from tests.bench import words as vocabulary

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

PAGE: Final = 500


# -- a library ---------------------------------------------------------------------------------------


def generated(tracks: int, seed: int = 1) -> Iterator[Entry]:
    """Artists with albums with tracks; names as unevenly spread as real ones, some in several versions."""
    chance = random.Random(seed)
    numbers = itertools.count(1)
    said = vocabulary.Words(chance, 60_000 if tracks > 200_000 else 20_000)
    made = 0
    for artist_number in itertools.count():
        artist, artist_key = said.artist(), next(numbers)
        fame = int(200 / (1 + artist_number % 1000) ** 0.7)
        yield Entry(MediaKind.ARTIST, artist_key, f"plex://artist/{artist_key:024x}", artist, plays=fame)
        for _ in range(chance.choice((1, 1, 2, 3, 5))):
            album, album_key, year = said.title(), next(numbers), chance.randint(1955, 2025)
            if chance.random() < 0.1:
                album += chance.choice((" (Deluxe Edition)", " (Remastered)", " (Live)"))
            genres = (chance.choice(("Rock", "Pop", "Jazz", "Electronic", "Folk", "Hip-Hop", "Classical")),)
            yield Entry(
                MediaKind.ALBUM, album_key, f"plex://album/{album_key:024x}", album, artist,
                artist_key=artist_key, year=year, plays=fame // 2, genres=genres,
            )  # fmt: skip
            for index in range(1, chance.randint(8, 16)):
                if made == tracks:
                    return
                made += 1
                key, title = next(numbers), said.title()
                if chance.random() < 0.08:
                    title += chance.choice((" (Live)", " - Remastered 2011", " (Remix)", " (feat. Somebody)"))
                yield Entry(
                    MediaKind.TRACK, key, f"plex://track/{key:024x}", title, artist, album_artist=artist,
                    album=album, artist_key=artist_key, album_key=album_key, year=year, duration_ms=200_000,
                    disc=1, index=index, plays=int(chance.paretovariate(1)) - 1,
                    popularity=int(chance.paretovariate(0.5)) % 10**6,
                    thumb=f"/library/metadata/{album_key}/thumb/1700000000",
                    added_at=1_700_000_000, updated_at=1_700_000_000, genres=(),
                )  # fmt: skip


def build(path: Path, tracks: int) -> dict[str, float]:
    """Write the index in a process of its own, as a sync does; seconds of processor time."""
    queue: multiprocessing.SimpleQueue[dict[str, float]] = multiprocessing.get_context("spawn").SimpleQueue()
    child = multiprocessing.get_context("spawn").Process(target=_build, args=(path, tracks, queue))
    child.start()
    figures = queue.get()
    child.join()
    return figures


def _build(path: Path, tracks: int, queue: Any) -> None:
    spent = 0.0
    with Builder(path) as builder:
        entries = generated(tracks)
        while page := list(itertools.islice(entries, PAGE)):
            began = time.process_time()
            builder.add(page)
            spent += time.process_time() - began
        began = time.process_time()
        builder.finish()
        finishing = time.process_time() - began
    queue.put({"add_s": round(spent, 2), "finish_s": round(finishing, 2), "peak_mb": round(_peak_mb(), 1)})


def _peak_mb() -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


# -- phrases -----------------------------------------------------------------------------------------


def typo(text: str, chance: random.Random) -> str:
    """One edit for every ten letters."""
    letters = list(text)
    for _ in range(max(1, len(text) // 10)):
        place = chance.randrange(len(letters))
        if letters[place] == " ":
            place = max(0, place - 1)
        match chance.randrange(4):
            case 0:
                letters[place] = chance.choice("abcdefghijklmnopqrstuvwxyz")
            case 1 if len(letters) > 3:
                del letters[place]
            case 2 if place + 1 < len(letters) and letters[place + 1] != " ":
                letters[place], letters[place + 1] = letters[place + 1], letters[place]
            case _:
                letters.insert(place, chance.choice("abcdefghijklmnopqrstuvwxyz"))
    return "".join(letters)


RESPELLINGS: Final = (
    ("ph", "f"), ("ck", "k"), ("ee", "ea"), ("ea", "ee"), ("oo", "u"), ("ou", "ow"), ("qu", "kw"), ("c", "k"),
    ("ai", "ay"), ("ight", "ite"), ("tion", "shun"), ("th", "t"), ("ll", "l"), ("ss", "s"), ("tt", "t"),
    ("y", "ie"), ("wh", "w"), ("er", "or"), ("z", "s"), ("gh", "g"), ("x", "ks"), ("e ", " "), ("kn", "n"),
)  # fmt: skip


def misheard(text: str, chance: random.Random) -> str:
    """One or two respellings that sound alike, now and then two words run together."""
    fitting = [(old, new) for old, new in RESPELLINGS if old in text]
    for old, new in chance.sample(fitting, min(len(fitting), chance.choice((1, 2)))):
        text = text.replace(old, new, 1)
    if chance.random() < 0.2 and text.count(" ") > 1:
        place = chance.choice([found.start() for found in re.finditer(" ", text)])
        text = text[:place] + text[place + 1 :]
    return text


def workloads(tracks: int, phrases: int) -> dict[str, list[tuple[str, Entry]]]:
    chance = random.Random(7)
    every = max(1, tracks // phrases)
    chosen = [
        entry
        for entry in itertools.islice(
            (one for one in generated(tracks) if one.kind is MediaKind.TRACK), every // 2, None, every
        )
        if "(" not in entry.title and " - " not in entry.title
    ]
    plain = [(f"{entry.title} {entry.artist}".lower(), entry) for entry in chosen]
    return {
        "title": [(entry.title.lower(), entry) for entry in chosen],
        "title artist": plain,
        "title by artist": [(f"play {entry.title} by {entry.artist}".lower(), entry) for entry in chosen],
        "artist": [(str(entry.artist), entry) for entry in chosen],
        "typo": [(typo(text, chance), entry) for text, entry in plain],
        "misheard": [(misheard(text, chance), entry) for text, entry in plain],
    }


def right(found: Entry, wanted: Entry, workload: str) -> bool:
    if workload == "artist":
        return found.title == wanted.artist
    same = found.title.lower() == wanted.title.lower()
    return same if workload == "title" else same and found.artist == wanted.artist


def run(
    find: Callable[[str], Entry | None], workload: str, phrases: list[tuple[str, Entry]]
) -> dict[str, float]:
    times, hits = list[float](), 0
    for text, wanted in phrases:
        began = time.perf_counter()
        found = find(text)
        times.append(time.perf_counter() - began)
        hits += found is not None and right(found, wanted, workload)
    times.sort()
    return {
        "p50_ms": round(statistics.median(times) * 1000, 2),
        "p90_ms": round(times[len(times) * 90 // 100] * 1000, 2),
        "p99_ms": round(times[len(times) * 99 // 100] * 1000, 2),
        "hit": round(hits / len(times) * 100, 1),
    }


def bare(connection: sqlite3.Connection, text: str) -> Entry | None:
    """What SQLite alone does: all words, best by row id."""
    words = " AND ".join(f'"{word}"' for word in re.findall(r"\w+", text))
    sql = (
        "SELECT e.title, e.artist FROM names JOIN entry e ON e.id = names.rowid WHERE names MATCH ? "
        "ORDER BY names.rowid LIMIT 100"
    )
    rows = connection.execute(sql, (words,)).fetchall()
    return None if not rows else Entry(MediaKind.TRACK, 0, None, rows[0][0], rows[0][1])


# -- all of it ---------------------------------------------------------------------------------------


def measure(tracks: int, phrases: int) -> dict[str, Any]:
    """Everything, for a library of so many tracks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.db"
        report: dict[str, Any] = {"tracks": tracks, "build": build(path, tracks)}
        report["file_mb"] = round(path.stat().st_size / 2**20, 1)
        lookups = workloads(tracks, phrases)
        before = _resident_mb()
        connection = opened(path)
        finder = Finder(Reader(connection))

        def find(text: str) -> Entry | None:
            items = finder.find(Wished(text)).items
            return items[0].entry if items else None

        for text, _ in lookups["title artist"][:50]:  # warm up
            find(text)
        for workload, chosen in lookups.items():
            report[workload] = run(find, workload, chosen)
        report["bare fts5"] = run(
            lambda text: bare(connection, text), "title artist", lookups["title artist"]
        )
        report["ratio to bare"] = round(
            report["title artist"]["p50_ms"] / max(0.001, report["bare fts5"]["p50_ms"]), 2
        )
        report["memory_mb"] = round(_resident_mb() - before, 1)
        connection.close()
        return report


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['tracks']} tracks: build {report['build']}, file {report['file_mb']} MB",
        f"memory {report['memory_mb']} MB",
    ]
    lines += [
        f"{name:16} p50 {one['p50_ms']:>7} ms  p90 {one['p90_ms']:>7} ms  p99 {one['p99_ms']:>7} ms  "
        f"right {one['hit']:>5} %"
        for name, one in report.items()
        if isinstance(one, dict) and "p50_ms" in one
    ]
    return "\n".join([*lines, f"title artist, p50 to bare FTS5: {report['ratio to bare']}"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--phrases", type=int, default=500)
    parser.add_argument("--json", type=Path)
    chosen_options = parser.parse_args()
    result = measure(chosen_options.tracks, chosen_options.phrases)
    print(table(result), file=sys.stdout)
    if chosen_options.json:
        chosen_options.json.write_text(json.dumps(result, indent=2) + "\n")
