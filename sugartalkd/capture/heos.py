"""Asks a HEOS system all that is harmless, and listens to its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.capture.conversation import Conversation, Language, Unavailable
from sugartalkd.capture.heos_questions import Question, Reply, command_of, questions, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.recording import Device

PORT: Final = 1255
GAP: Final = 0.05
"""Seconds between two questions: it has a queue that can be full (eid 16)."""
SILENT_IN_A_ROW: Final = 3
"""Questions without an answer after which a device counts as hung."""

_LANGUAGE: Final = Language(
    sends=b"\r\n",
    ends=b"\n",
    strips=b"\r",
    belongs=lambda sent, line: _command_sent(sent) == command_of(line),
    completes=lambda line: read([line]) is not None,
)


def _command_sent(line: bytes) -> str:
    return line.decode().removeprefix("heos://").partition("?")[0]


class HeosCapture:
    """One system, asked through one device; `device` may be called at any time."""

    def __init__(
        self, host: str, port: int = PORT, *, missing: bool = False, factor: float = 1.0, gap: float = GAP
    ) -> None:
        """`missing`: a search found none; `factor` makes every limit for an answer shorter or longer.

        `gap` is seconds before each question.
        """
        self.name = f"HEOS at {host}"
        self.silent: list[str] = []
        self.refused: list[str] = []
        self.ended: str | None = None
        self._host = host
        self._missing = missing
        self._factor = factor
        self._gap = gap
        self._conversation = Conversation(host, port, _LANGUAGE)
        self._model: str | None = None
        self._firmware: str | None = None

    @property
    def answered(self) -> int:
        return self._conversation.answered

    async def run(self, seconds: float, say: Callable[[str], None]) -> None:
        """Ask everything, then listen so many seconds; `ended` says why if it could not."""
        if self._missing:
            self.ended = "no HEOS device answers the search; give an address of one with --heos or heos.host"
            return
        try:
            await self._conversation.open()
            await self._ask_all(say)
            say(f"listening for {seconds:g} s: now is the time to use the devices")
            await self._conversation.listen(seconds, last=True)
        except Unavailable as error:
            self.ended = str(error)
        finally:
            await self._conversation.close()

    def device(self) -> Device:
        return self._conversation.device("heos", model=self._model, firmware=self._firmware, ended=self.ended)

    async def _ask_all(self, say: Callable[[str], None]) -> None:
        asking = questions()
        question = next(asking)
        in_a_row = 0
        while True:
            reply = await self._ask(question, say)
            in_a_row = 0 if reply is not None else in_a_row + 1
            if in_a_row == SILENT_IN_A_ROW:
                raise Unavailable(
                    f"{self._conversation.name} takes connections, but left {in_a_row} questions in a row "
                    "without an answer: it hangs; unplug it for ten seconds"
                )
            if reply is None:
                await self._conversation.open()  # what comes late must not be taken for the next answer
            if question.command == "player/get_players" and reply is not None:
                self._note(reply)
            try:
                question = asking.send(reply or Reply())
            except StopIteration:
                return

    async def _ask(self, question: Question, say: Callable[[str], None]) -> Reply | None:
        await self._conversation.listen(self._gap)
        limit = question.limit * self._factor
        reply = read(await self._conversation.ask(question.line, limit, limit))
        if reply is None:
            self.silent.append(question.line.decode())
        elif not reply.ok:
            self.refused.append(question.line.decode())
        what = "no answer" if reply is None else "answered" if reply.ok else "refused"
        say(f"{question.command}: {what}")
        return reply

    def _note(self, players: Reply) -> None:
        """Model and firmware of the device that was asked, or of the first that there is."""
        ours = [entry for entry in players.entries if entry.get("ip") == self._host] or players.entries
        for entry in ours[:1]:
            model, firmware = entry.get("model"), entry.get("version")
            self._model = model if isinstance(model, str) else None
            self._firmware = firmware if isinstance(firmware, str) else None
