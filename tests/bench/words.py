"""Words and names for a generated music library, as unevenly spread as in a real one."""

from __future__ import annotations

import itertools
from bisect import bisect
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

COMMON: Final = """
the of in a to love you my me and i on it your for night all is heart time with be no life one day
down good world don't baby we home light blue black man girl up out away this never dream rain fire
sun we're little what go when back can't from song dance like new sweet come so if moon long road
into over high summer last wild blood star stars gold river dead lost eyes wind sky way here now
again under water white red green city street angel devil heaven hell ghost king queen lady boy
mother father brother sister child children people house door window wall bridge train car machine
radio music rock roll soul funk jazz disco party saturday sunday monday friday morning evening
midnight tomorrow yesterday forever always sometimes nothing something everything everybody nobody
somebody stay leave gone run walk fall falling rise rising burn burning cold hot cry crying tears
smile kiss hold touch feel feeling believe remember forget hello goodbye please sorry thank help
wait stop start end begin beginning free freedom peace war fight revolution america london paris
tokyo berlin california mexico africa island ocean sea beach mountain valley forest garden tree
flower rose bird horse dog cat wolf lion tiger snake butterfly spider bear money diamond silver
golden broken beautiful ugly crazy lonely happy sad young old strong weak true real perfect stranger
friend lover hero winner loser rebel electric cosmic magic mystery shadow mirror picture story
letter phone number seven hundred thousand million two three
""".split()  # noqa: SIM905  # readable
STARTS: Final = [
    "b",
    "br",
    "c",
    "ch",
    "cl",
    "cr",
    "d",
    "dr",
    "f",
    "fl",
    "fr",
    "g",
    "gl",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "pr",
    "qu",
    "r",
    "s",
    "sh",
    "sl",
    "sm",
    "sn",
    "sp",
    "st",
    "str",
    "t",
    "th",
    "tr",
    "v",
    "w",
    "wh",
    "z",
]
MIDDLES: Final = "a e i o u ai au ea ee ie oa oo ou y".split()  # noqa: SIM905
ENDS: Final = " b ck d f g ght k l ll m n nd ng nt p r rd rn s ss st t th tt x".split(" ")  # noqa: SIM905
FIRST_NAMES: Final = """
john paul george james robert michael william david richard joseph thomas charles daniel matthew
anthony mark donald steven andrew kenneth joshua kevin brian mary patricia jennifer linda elizabeth
barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna
michelle carol amanda melissa deborah stephanie rebecca laura björn jürgen françois josé maría søren
łukasz zoë renée andré jörg günther
""".split()  # noqa: SIM905


class Words:
    """Draws words, titles and artists; the first words are drawn far more often than the last."""

    def __init__(self, chance: random.Random, size: int) -> None:
        self._chance = chance
        made: dict[str, None] = dict.fromkeys(COMMON)
        while len(made) < size:
            made[self._made()] = None
        self._words = list(made)
        self._weights = list(itertools.accumulate(1 / (place + 3) ** 0.95 for place in range(size)))

    def word(self) -> str:
        return self._words[bisect(self._weights, self._chance.random() * self._weights[-1])]

    def title(self) -> str:
        words = [self.word() for _ in range(self._chance.choice((1, 2, 2, 3, 3, 3, 4, 4, 5, 6)))]
        return " ".join(words).title().replace("'T", "’t").replace("'R", "’r")

    def artist(self) -> str:
        match self._chance.randrange(5):
            case 0:
                return f"The {self._made().title()}s"
            case 1:
                return f"{self._chance.choice(FIRST_NAMES)} {self._made()}".title()
            case 2:
                return f"{self._chance.choice(FIRST_NAMES)} {self._made()} & The {self.word()}".title()
            case 3:
                return f"{self._made()} {self._made()}".title()
            case _:
                return f"{self.word()} {self._made()}".title()

    def _made(self) -> str:
        draw = self._chance.choice
        return "".join(draw(STARTS) + draw(MIDDLES) + draw(ENDS) for _ in range(draw((1, 2, 2, 2, 3))))
