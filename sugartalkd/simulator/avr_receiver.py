"""The simulated receiver itself: its state, and the frames it answers to each command.

Nothing here waits: the clock is asked, and `due` and `elapse` say what time alone brings about. [S] is the
maker's 2015 protocol document; [I] is inferred, not measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from itertools import chain
from math import inf
from typing import Final, Protocol, TypeAlias

from sugartalkd.simulator.avr_wire import (
    CHANNELS,
    FRONT_CHANNELS,
    MODELS,
    NETWORK_INPUTS,
    PLAYING_INPUTS,
    QUICK_SELECTS,
    SOUND_MODE_RING,
    SOUND_MODES,
    TWO_CHANNEL_MODES,
    VOLUME_TOP,
    ZONE_CODES,
    Choice,
    Level,
    half_steps_text,
    parse_half_steps,
    text_line,
    understandable,
    with_old_words,
)

Frames: TypeAlias = list[bytes]
"""Frames without their CR, in the order in which they are sent."""
Answer: TypeAlias = Callable[[], Frames]

SLEEP_LIMIT: Final = 120
"""Minutes the sleep timer can be set to."""
_MVMAX_DRIFT: Final = 47
"""Half steps by which MVMAX runs ahead: `MV41` with `MVMAX 645` on an NR1710 (home-assistant/core#37158)."""


class StandbyAnswers(Enum):
    """Which questions are answered in standby; it differs between models."""

    ALL = "PW? ZM? Z2?"
    PW_ONLY = "PW?"


class Quirks(Protocol):
    """The misbehaviour of a receiver that shows in its answers."""

    deaf_over_limit: float
    mvmax_drifts: bool
    no_mvmax: bool
    silent_boot: bool
    unmute_on_volume: bool


@dataclass(slots=True)
class ZoneState:
    """One zone; `volume` in half steps (0 to 196), `sleep` in minutes left (0: off)."""

    power: bool
    volume: int
    source: str
    mute: bool = False
    sleep: int = 0
    quick: int = 0
    """The quick select in force; 0: none."""


@dataclass(slots=True)
class NowPlaying:
    """What the `NSE` lines say while a network input plays."""

    title: str = "Café del Mar"
    artist: str = "Energy 52"
    album: str = "Ibiza Classics"
    progress: str = "1:23  40%"
    screen: str = "Now Playing Media Server"
    station: str = "SUGAR FM"
    """The RDS name of what the tuner hears; empty: none."""
    flags: int = 1
    """The byte before lines 1 to 5."""

    def lines(self) -> tuple[str, ...]:
        """The nine lines, 0 to 8."""
        return (self.screen, self.title, self.artist, "", self.album, self.progress, "", "", "")


@dataclass(slots=True)
class AvrState:
    """Everything a receiver knows; change it freely, nothing is sent for a change made here."""

    power: bool = True
    """The whole unit: on if any zone is on."""
    main: ZoneState = field(default_factory=lambda: ZoneState(True, 100, "TV"))
    zone2: ZoneState = field(default_factory=lambda: ZoneState(False, 80, "TUNER"))
    zone3: ZoneState = field(default_factory=lambda: ZoneState(False, 80, "TUNER"))
    surround: str = "STEREO"
    """The sound mode as it is reported, not as it is set."""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """Values by setting name: `PSDYNEQ`, `ECO`, `PSDIL level`, `CVFL` …"""
    now_playing: NowPlaying = field(default_factory=NowPlaying)


def _frames(*texts: str) -> Frames:
    return [text.encode() for text in texts]


class Receiver:
    """A receiver with 1 to 3 zones: commands in, frames out.

    `boot_time` and `minute` (of the sleep timer) are seconds; `volume_limit` is in half steps, `None`: none.
    """

    def __init__(
        self,
        *,
        zones: int,
        clock: Callable[[], float],
        quirks: Quirks,
        boot_time: float,
        volume_limit: int | None,
        single_zone: bool,
        standby_answers: StandbyAnswers,
        minute: float,
        speakers: tuple[str, ...] = CHANNELS,
        old_words: bool = False,
        marantz: bool = False,
    ) -> None:
        self._model = MODELS[1 if single_zone else zones]
        if old_words:
            self._model = replace(self._model, settings=with_old_words(self._model.settings))
        self._speakers = speakers
        self._quick_word = "SMART" if marantz else "QUICK"
        self._clock = clock
        self._quirks = quirks
        self._boot_time = boot_time
        self._limit = VOLUME_TOP if volume_limit is None else volume_limit
        self._single_zone = single_zone
        self._minute = minute
        self.state = AvrState(settings={row.name: row.start for row in self._model.settings})
        self._quick_selects = {number: dict(QUICK_SELECTS) for number in self.zones}
        self._mode_of_input: dict[str, str] = {}
        self._ready_at = -inf
        self._report_at: float | None = None
        self._minute_at: dict[int, float] = {}
        self._words: dict[str, Answer] = {}
        self._heads: dict[str, Callable[[str], Frames]] = {}
        self._fill_main()
        self._fill_zones()
        self._fill_settings()
        self._standby_words = self._understood_in_standby(standby_answers)

    @property
    def zones(self) -> dict[int, ZoneState]:
        """The zones this receiver has, by number."""
        zones = (self.state.main, self.state.zone2, self.state.zone3)
        return dict(enumerate(zones[: self._model.zones], 1))

    # What happens

    def answer(self, command: str, heard_at: float) -> Frames:
        """Act on a command (without its CR) that came at `heard_at`; what is not understood stays silent."""
        if heard_at < self._ready_at or not understandable(command):
            return []
        if not self.state.power:
            word = self._standby_words.get(command)
            return word() if word else []
        if word := self._words.get(command):
            return word()
        # The longest head first: `Z2SLP030` is not the volume `SLP030` of zone 2.
        heads = [head for head in self._heads if command.startswith(head)]
        longest = max(heads, key=len, default="")
        return self._heads[longest](command.removeprefix(longest)) if heads else []

    @property
    def due(self) -> float | None:
        """When `elapse` is to be called next, by the clock; `None`: not before the next command."""
        times = [*self._minute_at.values(), *([] if self._report_at is None else [self._report_at])]
        return min(times, default=None)

    def elapse(self) -> Frames:
        """Do what time has brought: the reports after power-on, a sleep timer's minutes."""
        now = self._clock()
        frames: Frames = []
        if self._report_at is not None and now >= self._report_at:
            self._report_at = None
            if not self._quirks.silent_boot:
                frames += chain.from_iterable(self._report(number) for number in self.zones)
        for number, at in list(self._minute_at.items()):
            if now >= at:
                frames += self._pass_minute(number)
        return frames

    @property
    def booting(self) -> bool:
        """Whether it is on its way from standby; what is changed now is part of the reports at the end."""
        return self._report_at is not None

    # Commands and front panel alike

    def switch_on(self, number: int) -> Frames:
        """Switch a zone on, and wake the unit for it."""
        zone = self.zones[number]
        was_on, zone.power = zone.power, True
        if self.state.power:
            return self._power(number) if was_on else [*self._power(number), *self._report(number)]
        self.state.power = True
        self._ready_at = self._report_at = self._clock() + self._boot_time
        return [*_frames("PWON"), *self._power(number)]

    def switch_off(self, number: int) -> Frames:
        """Switch a zone off; with the last one the unit goes to standby."""
        self._darken(number)
        if not self.state.power or any(zone.power for zone in self.zones.values()):
            return self._power(number)
        self.state.power = False
        return [*self._power(number), *_frames("PWSTANDBY")]

    def set_volume(self, number: int, half_steps: int | None) -> Frames:
        """Set a volume; above the limit the receiver may go deaf (integration-denonavr#149)."""
        zone = self.zones[number]
        if half_steps is None or not zone.power or half_steps < 0:
            return []
        if half_steps > self.top(number):
            self._ready_at = self._clock() + self._quirks.deaf_over_limit
            return []
        zone.volume = half_steps
        frames = self._volume(number)
        if zone.mute and self._quirks.unmute_on_volume:
            zone.mute = False
            frames += self._mute(number)
        return frames

    def top(self, number: int) -> int:
        """The loudest volume of a zone, in half steps; the limit is the main zone's."""
        return self._limit if number == 1 else VOLUME_TOP

    def set_mute(self, number: int, mute: bool) -> Frames:
        zone = self.zones[number]
        if not zone.power:
            return []
        zone.mute = mute
        return self._mute(number)

    def select_input(self, number: int, source: str) -> Frames:
        """Select an input; a zone that is off goes on (integration-denonavr#103; [I] for zones 2 and 3)."""
        zone = self.zones[number]
        changed = zone.source != source
        if changed and number == 1:
            self._mode_of_input[zone.source] = self.state.surround
            self.state.surround = self._mode_of_input.get(source, "STEREO")
        if changed:
            zone.quick = 0
        zone.source = source
        if not zone.power:
            return self.switch_on(number)
        if self.booting:
            return []
        frames = self._source(number)
        if changed and number == 1:
            frames += [*self._surround(), *self._channels_in_use()]
        return frames

    def select_surround(self, reported: str) -> Frames:
        """Change the sound mode: the mode until now is said first, then the new one [S]."""
        if not self.state.main.power:
            return []
        if reported == self.state.surround:
            return self._surround()
        frames = self._surround()
        self.state.surround = reported
        return [*frames, *self._surround(), *self._channels_in_use()]

    def offers(self, number: int, source: str) -> bool:
        """Whether a zone has an input of that name; zones 2 and 3 also have `SOURCE`, the main zone's."""
        return source in self._model.inputs or (number > 1 and source == "SOURCE")

    # What each command does: tables filled once, so that answering is looking up

    def _fill_main(self) -> None:
        self._words |= {
            "PWON": self._unit_on,
            "PWSTANDBY": self._unit_off,
            "PW?": self._unit,
            "MS?": self._surround,
            "MSLEFT": partial(self._step_surround, -1),
            "MSRIGHT": partial(self._step_surround, 1),
            "CV?": partial(self._channels, self._speakers),
            "CVZRL": self._reset_channels,
            "TFANNAME?": self._station,
            "NSE": partial(self._text_lines, "NSE"),
            "NSA": partial(self._text_lines, "NSA"),
        }
        for sent, reported in SOUND_MODES.items():
            self._words[f"MS{sent}"] = partial(self.select_surround, reported)
        for sent, source in PLAYING_INPUTS.items():
            self._words[f"SI{sent}"] = partial(self.select_input, 1, source)

    def _fill_zones(self) -> None:
        for number in self.zones:
            code = ZONE_CODES[number]
            for source in (*self._model.inputs, "SOURCE"):
                if self.offers(number, source):
                    self._words[f"{code.source}{source}"] = partial(self.select_input, number, source)
            self._words |= {
                f"{code.volume}UP": partial(self._step_volume, number, 1),
                f"{code.volume}DOWN": partial(self._step_volume, number, -1),
                f"{code.mute}ON": partial(self.set_mute, number, True),
                f"{code.mute}OFF": partial(self.set_mute, number, False),
                f"{code.mute}?": partial(self._mute, number),
                f"{code.sleep}OFF": partial(self._set_sleep, number, 0),
                f"{code.sleep}?": partial(self._sleep, number),
            }
            self._heads[code.volume] = partial(self._volume_given, number)
            self._heads[code.sleep] = partial(self._sleep_given, number)
            quick = f"{'MS' if number == 1 else code.power}{self._quick_word}"
            self._words[f"{quick} ?"] = partial(self._quick, number)
            for key in QUICK_SELECTS:
                self._words[f"{quick}{key}"] = partial(self._recall_quick, number, key)
                self._words[f"{quick}{key} MEMORY"] = partial(self._store_quick, number, key)
            if number == 1:
                self._words["MV?"] = partial(self._volume, 1)
                self._words["SI?"] = partial(self._source, 1)
            if number > 1 or not self._single_zone:
                self._words[f"{code.power}ON"] = partial(self.switch_on, number)
                self._words[f"{code.power}OFF"] = partial(self.switch_off, number)
                self._words[f"{code.power}?"] = partial(self._zone, number)

    def _fill_settings(self) -> None:
        asked: dict[str, list[Choice | Level]] = {}
        for row in self._model.settings:
            if row.query:
                asked.setdefault(row.query, []).append(row)
            if isinstance(row, Level):
                self._words[f"{row.head}UP"] = partial(self._step_level, row, row.step)
                self._words[f"{row.head}DOWN"] = partial(self._step_level, row, -row.step)
                self._heads[row.head] = partial(self._level_given, row)
                continue
            for value in row.values:
                self._words[row.head + value] = partial(self._store, row, value)
            if row.cycle:
                self._words[row.head + row.cycle] = partial(self._cycle, row)
        for query, rows in asked.items():
            self._words[query] = partial(self._settings, tuple(rows))

    def _understood_in_standby(self, answers: StandbyAnswers) -> dict[str, Answer]:
        codes = [ZONE_CODES[number] for number in self.zones]
        switches = {"PWON", "PWSTANDBY"} | {f"{code.power}{word}" for code in codes for word in ("ON", "OFF")}
        inputs = {f"{code.source}{name}" for code in codes for name in (*self._model.inputs, "SOURCE")}
        playing = {f"SI{name}" for name in PLAYING_INPUTS}
        queries = {"PW?"}
        if answers is StandbyAnswers.ALL:
            queries |= {f"{code.power}?" for code in codes}
        understood = switches | inputs | playing | queries
        return {word: answer for word, answer in self._words.items() if word in understood}

    def _unit_on(self) -> Frames:
        """`PWON` takes the main zone with it."""
        return [*(_frames("PWON") if self.state.power else []), *self.switch_on(1)]

    def _unit_off(self) -> Frames:
        frames: Frames = []
        for number, zone in self.zones.items():
            if zone.power:
                self._darken(number)
                frames += self._power(number)
        self.state.power = False
        return [*frames, *_frames("PWSTANDBY")]

    def _darken(self, number: int) -> None:
        self.zones[number].power = False
        self.zones[number].sleep = 0
        self._minute_at.pop(number, None)

    def _volume_given(self, number: int, text: str) -> Frames:
        half_steps = parse_half_steps(text)
        # Beyond 98 is no volume at all (99 was "---" on models before the X series), so nothing goes deaf.
        return [] if half_steps is None or half_steps > VOLUME_TOP else self.set_volume(number, half_steps)

    def _step_volume(self, number: int, half_steps: int) -> Frames:
        return self.set_volume(number, self.zones[number].volume + half_steps)

    def _step_surround(self, step: int) -> Frames:
        known = self.state.surround in SOUND_MODE_RING
        place = SOUND_MODE_RING.index(self.state.surround) if known else 0
        return self.select_surround(SOUND_MODE_RING[(place + step) % len(SOUND_MODE_RING)])

    def _sleep_given(self, number: int, text: str) -> Frames:
        digits = text.isascii() and text.isdigit() and len(text) == len("120")
        return self._set_sleep(number, int(text)) if digits and 1 <= int(text) <= SLEEP_LIMIT else []

    def _set_sleep(self, number: int, minutes: int) -> Frames:
        if not self.zones[number].power:
            return []
        self.zones[number].sleep = minutes
        self._minute_at.pop(number, None)
        if minutes:
            self._minute_at[number] = self._clock() + self._minute
        return self._sleep(number)

    def _pass_minute(self, number: int) -> Frames:
        """The countdown itself is not pushed; only its end shows."""
        self._minute_at[number] += self._minute
        self.zones[number].sleep -= 1
        return [] if self.zones[number].sleep > 0 else self.switch_off(number)

    def _recall_quick(self, number: int, key: int) -> Frames:
        """A quick select brings input, volume and mode together: a volume jump without a volume command."""
        zone = self.zones[number]
        if not zone.power:
            return []
        source, volume, mode = self._quick_selects[number][key]
        zone.source, zone.volume, zone.quick = source, min(volume, self.top(number)), key
        frames = [*self._quick(number), *self._source(number), *self._volume(number)]
        if number == 1:
            self.state.surround = mode
            frames += self._surround()
        return frames

    def _store_quick(self, number: int, key: int) -> Frames:
        zone = self.zones[number]
        self._quick_selects[number][key] = (zone.source, zone.volume, self.state.surround)
        zone.quick = key
        return self._quick(number)

    def _store(self, row: Choice | Level, value: str) -> Frames:
        if row.needs and self.state.settings[row.needs[0]] not in row.needs[1]:
            return []
        if row.name.startswith("CV") and row.name.removeprefix("CV") not in self._speakers:
            return []
        self.state.settings[row.name] = value
        return self._settings((row,))

    def _cycle(self, row: Choice) -> Frames:
        place = row.values.index(self.state.settings[row.name])
        return self._store(row, row.values[(place + 1) % len(row.values)])

    def _level_given(self, row: Level, text: str) -> Frames:
        level = row.parse(text)
        return [] if level is None else self._store(row, row.text(level))

    def _step_level(self, row: Level, step: int) -> Frames:
        present = row.parse(self.state.settings[row.name])
        level = row.low if present is None else present + step
        return self._store(row, row.text(level)) if row.allows(level) else []

    def _reset_channels(self) -> Frames:
        self.state.settings |= {f"CV{channel}": "50" for channel in self._speakers}
        return self._channels(self._speakers)

    # What it says

    def _unit(self) -> Frames:
        return _frames("PWON" if self.state.power else "PWSTANDBY")

    def _power(self, number: int) -> Frames:
        if self._single_zone:
            return []  # such units never send ZM (https://github.com/ol-iver/denonavr/pull/367)
        return _frames(ZONE_CODES[number].power + ("ON" if self.zones[number].power else "OFF"))

    def _volume(self, number: int) -> Frames:
        volume = self.zones[number].volume
        text = ZONE_CODES[number].volume + half_steps_text(volume)
        if number > 1 or self._quirks.no_mvmax:
            return _frames(text)
        drifted = min(volume + _MVMAX_DRIFT, VOLUME_TOP)
        return _frames(
            text, f"MVMAX {half_steps_text(drifted if self._quirks.mvmax_drifts else self._limit)}"
        )

    def _mute(self, number: int) -> Frames:
        return _frames(ZONE_CODES[number].mute + ("ON" if self.zones[number].mute else "OFF"))

    def _source(self, number: int) -> Frames:
        return _frames(ZONE_CODES[number].source + self.zones[number].source)

    def _sleep(self, number: int) -> Frames:
        minutes = self.zones[number].sleep
        return _frames(ZONE_CODES[number].sleep + (f"{minutes:03d}" if minutes else "OFF"))

    def _zone(self, number: int) -> Frames:
        """`ZM?` is answered in one frame, `Z2?` and `Z3?` in three, in standby too [I]."""
        if number == 1:
            return self._power(1)
        return [*self._power(number), *self._source(number), *self._volume(number)]

    def _report(self, number: int) -> Frames:
        """What follows unasked once a zone is on."""
        if not self.zones[number].power:
            return []
        return [*self._volume(number), *self._source(number), *(self._surround() if number == 1 else [])]

    def _surround(self) -> Frames:
        return _frames(f"MS{self.state.surround}")

    def _quick(self, number: int) -> Frames:
        head = "MS" if number == 1 else ZONE_CODES[number].power
        return _frames(f"{head}{self._quick_word}{self.zones[number].quick}")

    def _settings(self, rows: tuple[Choice | Level, ...]) -> Frames:
        return _frames(*(row.head + self.state.settings[row.name] for row in rows))

    def _channels(self, channels: tuple[str, ...]) -> Frames:
        return _frames(
            *(f"CV{channel} {self.state.settings[f'CV{channel}']}" for channel in channels), "CVEND"
        )

    def _channels_in_use(self) -> Frames:
        two = self.state.surround in TWO_CHANNEL_MODES
        return self._channels(FRONT_CHANNELS if two else self._speakers)

    def _station(self) -> Frames:
        name = self.state.now_playing.station
        return _frames(f"TFANNAME{name}") if name else []

    def _text_lines(self, code: str) -> Frames:
        """Nine lines, empty ones unless a network input is selected [I]."""
        lines, flags = self.state.now_playing.lines(), self.state.now_playing.flags
        playing = self.state.main.source in NETWORK_INPUTS
        return [text_line(code, number, text if playing else "", flags) for number, text in enumerate(lines)]
