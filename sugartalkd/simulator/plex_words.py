"""Words and names that a simulated library's titles are made of, in several languages."""

# Titles are spelt as they are printed on records.
# ruff: noqa: E501, RUF001, SIM905

from __future__ import annotations

from typing import Final

THINGS: Final = (
    "love night heart fire rain river moon sun star dream road city ocean summer winter shadow light "
    "silence thunder diamond mirror garden window door bridge train ghost angel devil king queen stranger "
    "lover soldier dancer sailor prophet mountain valley desert island harbour storm cloud wind wave tide "
    "echo whisper scream song melody rhythm radio engine machine rocket planet galaxy horizon midnight "
    "morning evening sunday monday november december yesterday tomorrow forever heaven hell paradise "
    "babylon america london paris tokyo berlin blood bone skin hand eye tear smile kiss promise secret "
    "lie truth memory photograph letter candle flame smoke ashes gold silver iron glass stone feather "
    "butterfly wolf lion tiger raven sparrow horse rose lily wildflower"
).split()
QUALITIES: Final = (
    "blue black white red golden silver broken lonely crazy wild sweet bitter cold warm electric magnetic "
    "hollow sacred secret silent burning frozen falling rising dancing sleeping endless final first last "
    "little big old young new dirty pretty beautiful ugly strange perfect violent gentle heavy light dark "
    "bright northern southern"
).split()
ACTS: Final = (
    "dance run fly fall burn cry sing dream wait breathe drive sleep stay leave come go hold break shake "
    "believe remember forget follow surrender wonder wander"
).split()
SENTENCES: Final = (
    "{0}", "The {0}", "{1} {0}", "The {1} {0}", "{0} of the {2}", "{3} With Me", "Don’t {3}", "{3} in the {0}",
    "{1} {0}, {1} {2}", "{0} & {2}", "My {1} {0}", "You Are My {0}", "I Want to {3}", "When the {0} {3}s",
    "Just Another {0}", "{3} Until {2}", "No More {0}", "Into the {0}", "({3}) to the {0}", "{0}’s {2}",
)  # fmt: skip
FOREIGN: Final = (
    ("Die Liebe", "Das Herz", "Der Mond", "Über den Wolken", "Schöne Nacht", "Grüne Wälder", "Straße", "Für immer",
     "Träume", "Mädchen", "Frühling", "Zurück", "Sehnsucht", "Heimweh", "Regen", "Stille", "Königin", "Tür"),
    ("L’amour", "La nuit", "Le cœur", "Été", "Forêt", "La mer", "Étoile", "Ça ira", "Rêve", "Garçon", "À demain",
     "Tout là‐haut", "Noël", "Fenêtre", "Où vas‐tu", "Déjà vu", "Hélène", "Sous la pluie"),
    ("Corazón", "La canción", "Mañana", "El niño", "Sueños", "Pasión", "Tú y yo", "Qué será", "Adiós", "La montaña",
     "Lágrimas", "Jardín", "Camión", "Soñar", "Después", "Fuego", "Señorita", "Océano"),
    ("Coração", "Saudade", "Canção", "Manhã", "Não", "Águas", "Estação", "Irmão", "São Paulo", "Ilusão", "Avião",
     "Amanhã", "Maçã", "Açúcar", "Solidão", "Verão", "Três", "Você"),
    ("Любовь", "Ночь", "Звезда", "Дорога", "Сердце", "Море", "Весна", "Огонь", "Белый снег", "Город", "Мечта", "Река"),
    ("さくら", "夜明け", "未来", "恋", "東京", "雨", "空", "夢", "ありがとう", "星", "風", "海"),
    ("Vår", "Kärlek", "Ljus", "Sommarnatt", "Hjärta", "Nætur", "Þögn", "Ást", "Sólin", "Älv", "Skön", "Ø"),
    ("Łzy", "Miłość", "Noc", "Życie", "Gwiazda", "Říjen", "Láska", "Měsíc", "Szerelem", "Éjszaka", "Kış", "Gözlerin"),
)  # fmt: skip
FIRST_NAMES: Final = (
    "Anna Maria John David José Zoë Chloé Jürgen Søren Łukasz Dvořák Ana Nina Ella Louis Miles Tom Kate "
    "Joni Neil Nick Amy Björn Agnes Ólafur Zaz Édith Jacques Françoise Caetano Gilberto Иван Анна Yoko "
    "Ryuichi Aynur Ferenc Rosalía"
).split()
LAST_NAMES: Final = (
    "Smith Johnson Müller Schröder Lefèvre García Núñez Ångström Sørensen Kowalski Novák Silva Gonçalves "
    "Arnalds Cave Young Drake Waits Bush Mitchell Simone Fitzgerald Armstrong Davis Coltrane Piaf Brel "
    "Hardy Veloso Петров Sakamoto O’Connor McKenzie Özdemir Kovács Ibáñez Brandt König Jónsdóttir "
    "Lindqvist"
).split()
BANDS: Final = (
    "The {0}s", "{1} {0}", "The {1} {0}s", "{0} & the {2}s", "{0} Club", "DJ {0}", "{0}{2}", "The {0} Project",
    "{1} {0} Orchestra", "MC {0}", "{0} 54", "...And the {0}",
)  # fmt: skip
VERSIONS: Final = (
    " (Live)", " (Remix)", " (Acoustic)", " (Remastered 2011)", " (Demo)", " (Radio Edit)", " (Instrumental)",
    " - Live at Wembley", " (Extended Mix)", " (Karaoke Version)", " [Bonus Track]", " (2019 Mix)",
)  # fmt: skip
GENRES: Final = (
    "Rock", "Pop", "Jazz", "Classical", "Electronic", "Folk", "Metal", "Hip-Hop", "Soul", "Blues", "Reggae", "World",
)  # fmt: skip
