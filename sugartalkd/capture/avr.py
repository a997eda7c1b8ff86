"""Asks a receiver every question that is known, and listens to what it says by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.capture.avr_questions import FIRST, POWER, QUESTIONS, STANDBY, answers, completes
from sugartalkd.capture.conversation import Conversation, Language, Unavailable
from sugartalkd.denon.identity import PORTS, read_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sugartalkd.recording import Device

PORT: Final = 23
GAP: Final = 0.08
"""Seconds between an answer and the next question; the maker asks for 0.05 between two commands."""
FIRST_LIMIT: Final = 3.0
"""Seconds for the first answer: receivers that slept are slow."""
LIMIT: Final = 0.6
"""Seconds for any other; the maker allows 0.2, and models leave out what they do not have."""
FOLLOWING: Final = 0.15
"""Seconds for one more line of an answer."""

_LANGUAGE: Final = Language(sends=b"\r", ends=b"\r", strips=b"", belongs=answers, completes=completes)


class AvrCapture:
    """One receiver; `device` may be called at any time. In standby it is asked three questions, no more."""

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        hint: str = "",
        factor: float = 1.0,
        gap: float = GAP,
        web_ports: Sequence[int] = PORTS,
    ) -> None:
        """Nothing is opened yet.

        Args:
            host: Its address.
            port: Of its telnet, or of the session that the daemon shares.
            hint: What to do if its only session is taken.
            factor: Makes every limit for an answer shorter or longer.
            gap: Seconds before each question.
            web_ports: Where its web side is asked for its model.
        """
        self.name = f"receiver at {host}:{port}"
        self.silent: list[str] = []
        self.refused: list[str] = []
        self.ended: str | None = None
        self._host = host
        self._web_ports = web_ports
        self._model: str | None = None
        self._hint = hint
        self._factor = factor
        self._gap = gap
        self._conversation = Conversation(host, port, _LANGUAGE)

    @property
    def answered(self) -> int:
        return self._conversation.answered

    async def run(self, seconds: float, say: Callable[[str], None]) -> None:
        """Ask everything, then listen so many seconds; `ended` says why if it could not."""
        try:
            await self._conversation.open()
            await self._ask_all(say)
            identity = await read_identity(self._host, self._web_ports)
            self._model = None if identity is None else identity.model
            say(f"model: {self._model or 'its web side does not say'}")
            say(f"listening for {seconds:g} s: now is the time to turn its knob")
            await self._conversation.listen(seconds, last=True)
        except Unavailable as error:
            self.ended = f"{error}; {self._hint}" if error.taken and self._hint else str(error)
        finally:
            await self._conversation.close()

    def device(self) -> Device:
        return self._conversation.device("avr", model=self._model, firmware=None, ended=self.ended)

    async def _ask_all(self, say: Callable[[str], None]) -> None:
        power = await self._ask(POWER, FIRST_LIMIT, say)
        for question in FIRST[1:]:
            power += await self._ask(question, LIMIT, say)
        if not power:
            raise Unavailable(
                f"{self._conversation.name} takes the connection, but answers nothing", taken=True
            )
        if STANDBY.encode() in power:
            say("it is in standby: switch it on and capture again for the rest")
            return
        for question in QUESTIONS[len(FIRST) :]:
            await self._ask(question, LIMIT, say)

    async def _ask(self, question: str, limit: float, say: Callable[[str], None]) -> list[bytes]:
        await self._conversation.listen(self._gap)
        lines = await self._conversation.ask(
            question.encode(), limit * self._factor, FOLLOWING * self._factor
        )
        if not lines:
            self.silent.append(question)
        say(f"{question}: {len(lines) or 'no'} {'line' if len(lines) == 1 else 'lines'}")
        return lines
