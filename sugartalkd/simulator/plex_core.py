"""The real records that every simulated Plex library has: names to try phrases and awkward cases on."""

# Titles are quoted as they are printed on records.
# ruff: noqa: E501, RUF001

from __future__ import annotations

from typing import Final

RECORDS: Final = """
# The Beatles | Abbey Road | 1969 | Rock | flac
Come Together / Something / Maxwell’s Silver Hammer / Oh! Darling / Octopus’s Garden / I Want You (She’s So Heavy)
Here Comes the Sun / Because / You Never Give Me Your Money / Sun King / Mean Mr. Mustard / Polythene Pam
She Came In Through the Bathroom Window / Golden Slumbers / Carry That Weight / The End / Her Majesty
# The Beatles | Let It Be | 1970 | Rock | mp3
Two of Us / Dig a Pony / Across the Universe / I Me Mine / Dig It / Let It Be / Maggie Mae / I’ve Got a Feeling
One After 909 / The Long and Winding Road / For You Blue / Get Back
# Björk | Debut | 1993 | Electronic, Pop | mp3
Human Behaviour / Crying / Venus as a Boy / There’s More to Life Than This / Like Someone in Love / Big Time Sensuality
One Day / Aeroplane / Come to Me / Violently Happy / The Anchor Song
# Björk | Homogenic | 1997 | Electronic | flac
Hunter / Jóga / Unravel / Bachelorette / All Neon Like / 5 Years / Immature / Alarm Call / Pluto / All Is Full of Love
# Joni Mitchell | Blue | 1971 | Folk | flac
All I Want / My Old Man / Little Green / Carey / Blue / California / This Flight Tonight / River
A Case of You / The Last Time I Saw Richard
# Metallica | Metallica | 1991 | Metal | mp3
Enter Sandman / Sad but True / Holier Than Thou / The Unforgiven / Wherever I May Roam / Don’t Tread on Me
Through the Never / Nothing Else Matters / Of Wolf and Man / The God That Failed / My Friend of Misery
The Struggle Within
# Metallica | S&M | 1999 | Metal | mp3 | Live
The Ecstasy of Gold (Live) / The Call of Ktulu (Live) / Nothing Else Matters (Live) // Enter Sandman (Live)
Sad but True (Live)
# Sigur Rós | Ágætis byrjun | 1999 | Post-Rock | flac
Intro / Svefn-g-englar / Starálfur / Flugufrelsarinn / Ný batterí / Hjartað hamast (bamm bamm bamm) / Viðrar vel til loftárása
Olsen Olsen / Ágætis byrjun / Avalon
# AC/DC | Back in Black | 1980 | Hard Rock | mp3
Hells Bells / Shoot to Thrill / What Do You Do for Money Honey / Given the Dog a Bone / Let Me Put My Love Into You
Back in Black / You Shook Me All Night Long / Have a Drink on Me / Shake a Leg / Rock and Roll Ain’t Noise Pollution
# P!nk | Funhouse | 2008 | Pop | mp3
So What / Sober / I Don’t Believe You / One Foot Wrong / Please Don’t Leave Me / Bad Influence / Funhouse / Crystal Ball
Mean / It’s All Your Fault / Ave Mary A / Glitter in the Air
# Queen | A Night at the Opera | 1975 | Rock | aac
Death on Two Legs / Lazing on a Sunday Afternoon / I’m in Love With My Car / You’re My Best Friend / ’39 / Sweet Lady
Seaside Rendezvous / The Prophet’s Song / Love of My Life / Good Company / Bohemian Rhapsody / God Save the Queen
# Nirvana | Nevermind | 1991 | Grunge | flac
Smells Like Teen Spirit / In Bloom / Come as You Are / Breed / Lithium / Polly / Territorial Pissings / Drain You
Lounge Act / Stay Away / On a Plain / Something in the Way
# Miles Davis | Kind of Blue | 1959 | Jazz | wav
So What / Freddie Freeloader / Blue in Green / All Blues / Flamenco Sketches
# Daft Punk | Discovery | 2001 | Electronic | mp3
One More Time / Aerodynamic / Digital Love / Harder, Better, Faster, Stronger / Crescendolls / Nightvision / Superheroes
High Life / Something About Us / Voyager / Veridis Quo / Short Circuit / Face to Face / Too Long
# Kraftwerk | Trans‐Europa Express | 1977 | Electronic | alac
Europa endlos / Spiegelsaal / Schaufensterpuppen / Trans‐Europa Express / Metall auf Metall / Franz Schubert / Endlos endlos
# Kraftwerk | Die Mensch·Maschine | 1978 | Electronic | ogg
Die Roboter / Spacelab / Metropolis / Das Model / Neonlicht / Die Mensch·Maschine
# Various Artists | Sommerhits 2003 | 2003 | Pop | mp3 | Compilation
Crazy in Love :: Beyoncé feat. Jay‐Z / Perfekte Welle :: Juli / Get the Party Started :: P!nk / Clandestino :: Manu Chao
Here Comes the Sun :: Nina Simone / Ameno :: Era / 99 Luftballons :: Nena
# Karaoke Superstars | Karaoke Hits of the Beatles | 2009 | Karaoke | mp3
Here Comes the Sun (Karaoke Version) / Come Together (Karaoke Version) / Let It Be (Karaoke Version)
# Кино | Группа крови | 1988 | Rock | mp3
Группа крови / Закрой за мной дверь, я ухожу / Война / Спокойная ночь / Мама, мы все тяжело больны
# 宇多田ヒカル | First Love | 1999 | J-Pop | aac
Automatic (Album Edit) / Movin’ on Without You / First Love / 甘いワナ / time will tell
"""
"""A record is `# artist | title | year | genres | codec | kind`; tracks stand between ` / `, a second disc
after ` // `, another performer than the record's after ` :: `."""
