"""A small music library of real names that are easily mistaken, and phrases with what they mean in it."""

from __future__ import annotations

import itertools
import zlib
from typing import Final

from sugartalkd.library import Entry
from sugartalkd.model import MediaKind

ALBUMS: Final = """
The Beatles | Abbey Road (Remastered) | 1969 | Come Together; Something; Here Comes the Sun; Because; Oh! Darling; Golden Slumbers; The End
The Beatles | Let It Be | 1970 | Let It Be; Across the Universe; Get Back; The Long and Winding Road; Two of Us
The Beatles | Help! | 1965 | Help!; Yesterday; Ticket to Ride
The Beatles | The Beatles (White Album) | 1968 | Blackbird; While My Guitar Gently Weeps; Back in the U.S.S.R.; Ob-La-Di, Ob-La-Da; Birthday
The Beatles | Sgt. Pepper’s Lonely Hearts Club Band | 1967 | Sgt. Pepper’s Lonely Hearts Club Band; With a Little Help from My Friends; Lucy in the Sky with Diamonds; A Day in the Life; When I’m Sixty-Four
The Beatles | 1 (Remastered) | 2000 | Hey Jude; Yesterday; Let It Be; Something; Eleanor Rigby
The Beatles | Live at the Hollywood Bowl | 1977 | Help!; Ticket to Ride; Twist and Shout
Paul McCartney | Good Evening New York City (Live) | 2009 | Hey Jude (Live); Yesterday (Live); Something (Live)
Wilson Pickett | Hey Jude | 1969 | Hey Jude; Save Me
The Karaoke Crew | Karaoke Classics, Vol. 3 | 2011 | Yesterday (Karaoke Version); Bohemian Rhapsody (Karaoke Version); Hey Jude (Karaoke); Rolling in the Deep (Karaoke Version)
Queen | A Night at the Opera | 1975 | Bohemian Rhapsody; You’re My Best Friend; Love of My Life
Queen | News of the World | 1977 | We Will Rock You; We Are the Champions
Queen | Live at Wembley ’86 | 1992 | Bohemian Rhapsody (Live); We Will Rock You (Live); Radio Ga Ga (Live); Under Pressure (Live)
Queen | Greatest Hits | 1981 | Bohemian Rhapsody; Another One Bites the Dust; Don’t Stop Me Now; Bicycle Race; Somebody to Love
Queen | Greatest Hits II | 1991 | Under Pressure; Radio Ga Ga; I Want to Break Free
Joni Mitchell | Blue | 1971 | All I Want; Carey; Blue; California; River; A Case of You
Joni Mitchell | Court and Spark | 1974 | Help Me; Free Man in Paris
Blue | All Rise | 2001 | All Rise; Too Close; One Love
Metallica | Metallica | 1991 | Enter Sandman; Sad but True; Nothing Else Matters; The Unforgiven; Wherever I May Roam
Metallica | Master of Puppets | 1986 | Battery; Master of Puppets; Welcome Home (Sanitarium)
Metallica | Ride the Lightning | 1984 | For Whom the Bell Tolls; Fade to Black; Creeping Death
Metallica | S&M (Live) | 1999 | Nothing Else Matters (Live); One (Live); For Whom the Bell Tolls (Live)
Metallica | …And Justice for All | 1988 | One; Blackened
AC/DC | Back in Black | 1980 | Hells Bells; Back in Black; You Shook Me All Night Long; Shoot to Thrill
AC/DC | Highway to Hell | 1979 | Highway to Hell; Touch Too Much
AC/DC | The Razors Edge | 1990 | Thunderstruck
P!nk | M!ssundaztood | 2001 | Get the Party Started; Just Like a Pill; Don’t Let Me Get Me
P!nk | The Truth About Love | 2012 | Try; Just Give Me a Reason (feat. Nate Ruess)
Pink Floyd | The Dark Side of the Moon | 1973 | Speak to Me; Time; Money; Us and Them; Brain Damage
Pink Floyd | Wish You Were Here | 1975 | Shine On You Crazy Diamond (Pts. 1-5); Wish You Were Here; Have a Cigar
Pink Floyd | The Wall | 1979 | Another Brick in the Wall, Pt. 2; Comfortably Numb; Hey You
Sigur Rós | Ágætis byrjun | 1999 | Svefn-g-englar; Starálfur
Sigur Rós | ( ) | 2002 | Vaka
Sigur Rós | Takk... | 2005 | Hoppípolla; Glósóli
Björk | Homogenic | 1997 | Jóga; Bachelorette; Hunter
Björk | Debut | 1993 | Human Behaviour; Venus as a Boy
Guns N’ Roses | Appetite for Destruction | 1987 | Welcome to the Jungle; Sweet Child o’ Mine; Paradise City
Guns N’ Roses | Use Your Illusion I | 1991 | November Rain; Live and Let Die; Don’t Cry
Wings | Live and Let Die | 1973 | Live and Let Die
The The | Soul Mining | 1983 | This Is the Day; Uncertain Smile
The Who | Who’s Next | 1971 | Baba O’Riley; Behind Blue Eyes; Won’t Get Fooled Again
The Band | Music from Big Pink | 1968 | The Weight; Tears of Rage
Michael Jackson | Thriller | 1982 | Thriller; Beat It; Billie Jean; Wanna Be Startin’ Somethin’
Michael Jackson | Bad | 1987 | Bad; Smooth Criminal; Man in the Mirror
Prince | Purple Rain | 1984 | Let’s Go Crazy; When Doves Cry; Purple Rain
Prince | 1999 | 1982 | 1999; Little Red Corvette
Sinéad O’Connor | I Do Not Want What I Haven’t Got | 1990 | Nothing Compares 2 U
Led Zeppelin | Led Zeppelin IV | 1971 | Black Dog; Rock and Roll; Stairway to Heaven; When the Levee Breaks
Led Zeppelin | Houses of the Holy | 1973 | Over the Hills and Far Away; No Quarter
Nirvana | Nevermind | 1991 | Smells Like Teen Spirit; Come as You Are; Lithium; Polly
Nirvana | MTV Unplugged in New York | 1994 | About a Girl; Come as You Are; The Man Who Sold the World; Polly
Nirvana | In Utero | 1993 | Heart-Shaped Box; All Apologies
Radiohead | Kid A | 2000 | Everything in Its Right Place; Kid A; Idioteque; How to Disappear Completely
Radiohead | OK Computer | 1997 | Paranoid Android; Karma Police; No Surprises; Let Down
Radiohead | Pablo Honey | 1993 | Creep; You
Moby | Play | 1999 | Porcelain; Natural Blues; Honey; Why Does My Heart Feel So Bad?
ABBA | The Album | 1977 | Take a Chance on Me; Eagle; Thank You for the Music
ABBA | Arrival | 1976 | Dancing Queen; Knowing Me, Knowing You; Money, Money, Money; Fernando
Red Hot Chili Peppers | By the Way | 2002 | By the Way; Can’t Stop; The Zephyr Song
Red Hot Chili Peppers | Californication | 1999 | Scar Tissue; Otherside; Californication
Stevie Wonder | Songs in the Key of Life | 1976 | Sir Duke; I Wish; Isn’t She Lovely
Van Halen | 1984 | 1984 | Jump; Panama
David Bowie | Diamond Dogs | 1974 | 1984; Rebel Rebel
David Bowie | The Rise and Fall of Ziggy Stardust and the Spiders from Mars | 1972 | Starman; Ziggy Stardust; Suffragette City
David Bowie | “Heroes” | 1977 | “Heroes”; Beauty and the Beast
Nena | Nena | 1983 | 99 Luftballons; Leuchtturm
The White Stripes | Elephant | 2003 | Seven Nation Army; Black Math
twenty one pilots | Blurryface | 2015 | Stressed Out; Ride; Heavydirtysoul
Ed Sheeran | ÷ (Deluxe) | 2017 | Shape of You; Castle on the Hill; Perfect
Ed Sheeran | + | 2011 | The A Team; Lego House
!!! | Louden Up Now | 2004 | Pardon My Freedom
R.E.M. | Out of Time | 1991 | Losing My Religion; Shiny Happy People
R.E.M. | Automatic for the People | 1992 | Everybody Hurts; Man on the Moon
U2 | The Joshua Tree | 1987 | With or Without You; Where the Streets Have No Name; I Still Haven’t Found What I’m Looking For
U2 | Achtung Baby | 1991 | One; Mysterious Ways
Ben E. King | Don’t Play That Song! | 1962 | Stand by Me; Don’t Play That Song
Simon & Garfunkel | Bridge Over Troubled Water | 1970 | Bridge Over Troubled Water; The Boxer; Cecilia
Simon & Garfunkel | Bookends | 1968 | Mrs. Robinson; America
Earth, Wind & Fire | I Am | 1979 | September; Boogie Wonderland
Fleetwood Mac | Rumours | 1977 | Dreams; Go Your Own Way; The Chain; Don’t Stop
Adele | 21 | 2011 | Rolling in the Deep; Someone Like You; Set Fire to the Rain
Adele | 25 | 2015 | Hello; When We Were Young
Adele | 19 | 2008 | Chasing Pavements; Hometown Glory
Lionel Richie | Can’t Slow Down | 1983 | Hello; All Night Long (All Night)
Motörhead | Ace of Spades | 1980 | Ace of Spades
Die Ärzte | Planet Punk | 1995 | Schrei nach Liebe
Die Ärzte | Geräusch | 2003 | Unrockbar
Mötley Crüe | Dr. Feelgood | 1989 | Kickstart My Heart
Кино | Группа крови | 1988 | Группа крови; Звезда по имени Солнце
東京事変 | 教育 | 2004 | 群青日和
宇多田ヒカル | First Love | 1999 | First Love; Automatic
BTS | Proof | 2022 | 봄날; Dynamite
Daft Punk | Discovery | 2001 | One More Time; Harder, Better, Faster, Stronger
Daft Punk | Random Access Memories | 2013 | Get Lucky (feat. Pharrell Williams & Nile Rodgers); Instant Crush (feat. Julian Casablancas)
Eminem | The Marshall Mathers LP | 2000 | Stan (feat. Dido); The Real Slim Shady
Dido | No Angel | 1999 | Thank You; Here with Me
Jay-Z | The Blueprint | 2001 | Izzo (H.O.V.A.); Song Cry
Jay-Z | The Black Album | 2003 | 99 Problems; Dirt Off Your Shoulder
Kesha | Animal | 2010 | TiK ToK
Outkast | Speakerboxxx/The Love Below | 2003 | Hey Ya!; Roses; Ms. Jackson
Miles Davis | Kind of Blue | 1959 | So What; Blue in Green; All Blues
Eiffel 65 | Europop | 1999 | Blue (Da Ba Dee)
Hole | Live Through This | 1994 | Violet; Doll Parts
The Cure | Disintegration | 1989 | Lovesong; Pictures of You; Lullaby
The Cure | Three Imaginary Boys | 1979 | 10:15 Saturday Night
The Rolling Stones | Let It Bleed | 1969 | Gimme Shelter; You Can’t Always Get What You Want
The Rolling Stones | Some Girls | 1978 | Miss You; Beast of Burden
The Rolling Stones | Out of Our Heads | 1965 | (I Can’t Get No) Satisfaction; The Last Time
The Velvet Underground | The Velvet Underground & Nico | 1967 | Sunday Morning; Heroin; Femme Fatale
Maroon 5 | Songs About Jane | 2002 | Sunday Morning; This Love
Eagles | Hotel California | 1976 | Hotel California; New Kid in Town; Life in the Fast Lane
Gorillaz | Demon Days | 2005 | Feel Good Inc.; DARE
Amy Winehouse | Back to Black | 2006 | Rehab; Back to Black; You Know I’m No Good
Bruce Springsteen | Born to Run | 1975 | Born to Run; Thunder Road
Bruce Springsteen | Born in the U.S.A. | 1984 | Born in the U.S.A.; Dancing in the Dark; Glory Days
Bob Dylan | Highway 61 Revisited | 1965 | Like a Rolling Stone; Desolation Row
The Doors | The Doors | 1967 | Break On Through (To the Other Side); Light My Fire; The End
Marvin Gaye | What’s Going On | 1971 | What’s Going On; Mercy Mercy Me (The Ecology)
Toto | Toto IV | 1982 | Rosanna; Africa
a-ha | Hunting High and Low | 1985 | Take On Me; The Sun Always Shines on T.V.
Blink-182 | Enema of the State | 1999 | All the Small Things; What’s My Age Again?
Nine Inch Nails | The Downward Spiral | 1994 | Hurt; Closer
Johnny Cash | American IV: The Man Comes Around | 2002 | Hurt; The Man Comes Around
Coldplay | A Rush of Blood to the Head | 2002 | The Scientist; Clocks; In My Place
Coldplay | Parachutes | 2000 | Yellow; Trouble
Oasis | (What’s the Story) Morning Glory? | 1995 | Wonderwall; Don’t Look Back in Anger; Champagne Supernova
Boston | Boston | 1976 | More Than a Feeling; Peace of Mind
Céline Dion | Let’s Talk About Love | 1997 | My Heart Will Go On
Beyoncé | Dangerously in Love | 2003 | Crazy in Love (feat. Jay-Z); Baby Boy
Édith Piaf | La Vie en rose | 1946 | La Vie en rose; Non, je ne regrette rien
Rammstein | Mutter | 2001 | Sonne; Ich will; Mutter
Wolfgang Amadeus Mozart | Requiem | 1791 | Requiem in D Minor, K. 626: Lacrimosa
Frédéric Chopin | Nocturnes | 1833 | Nocturne No. 2 in E-Flat Major, Op. 9 No. 2
Pyotr Ilyich Tchaikovsky | Swan Lake | 1877 | Swan Lake, Op. 20: Scene
John Lennon | Imagine | 1971 | Imagine; Jealous Guy
John Miles | Rebel | 1976 | Music
Madonna | Like a Prayer | 1989 | Like a Prayer; Express Yourself; Vogue
Sade | Diamond Life | 1984 | Smooth Operator; Your Love Is King
INXS | Kick | 1987 | Need You Tonight; Never Tear Us Apart
Massive Attack | Mezzanine | 1998 | Teardrop; Angel
Portishead | Dummy | 1994 | Glory Box; Sour Times
Taylor Swift | Fearless (Taylor’s Version) | 2021 | Love Story (Taylor’s Version); You Belong with Me (Taylor’s Version)
Taylor Swift | Fearless | 2008 | Love Story; You Belong with Me; Fifteen
Taylor Swift | 1989 | 2014 | Shake It Off; Blank Space
A$AP Rocky | Long.Live.A$AP | 2013 | Goldie; F**kin’ Problems
Bon Iver | 22, A Million | 2016 | 33 “GOD”
Leonard Cohen | Various Positions | 1984 | Hallelujah; Dance Me to the End of Love
Jeff Buckley | Grace | 1994 | Hallelujah; Grace; Last Goodbye
Tina Turner | Private Dancer | 1984 | What’s Love Got to Do with It; Private Dancer
Dire Straits | Brothers in Arms | 1985 | Money for Nothing; Walk of Life; Brothers in Arms
Eric Clapton | Unplugged | 1992 | Tears in Heaven (Acoustic); Layla (Unplugged)
Derek and the Dominos | Layla and Other Assorted Love Songs | 1970 | Layla
Various Artists | Pulp Fiction (Music from the Motion Picture) | 1994 | Misirlou @ Dick Dale; Son of a Preacher Man @ Dusty Springfield; You Never Can Tell @ Chuck Berry
Various Artists | Now That’s What I Call Music! 50 | 2001 | Can’t Get You Out of My Head @ Kylie Minogue; Thriller @ Michael Jackson
Various Artists | Tribute to Nirvana | 2000 | Smells Like Teen Spirit @ The Cover Band; Lithium @ The Cover Band
"""
PLAYLISTS: Final = ("Morning Coffee", "Sunday Morning", "Road Trip", "Café del Mar", "Party 2024", "Jazz")
PLAYED: Final = {"The Beatles": 90, "Queen": 80, "Adele": 40, "U2": 30, "Pink Floyd": 50, "Nirvana": 30}


def entries() -> list[Entry]:
    """All of it; the same every time."""
    numbers, made = itertools.count(1), list[Entry]()
    artists: dict[str, int] = {}
    for line in ALBUMS.strip().splitlines():
        owner, album, year, tracks = (part.strip() for part in line.split("|"))
        plays = PLAYED.get(owner, 5)
        if owner not in artists:
            artists[owner] = next(numbers)
            made.append(Entry(MediaKind.ARTIST, artists[owner], f"plex://artist/{owner}", owner, plays=plays))
        album_key = next(numbers)
        made.append(
            Entry(
                MediaKind.ALBUM, album_key, f"plex://album/{owner}/{album}", album, owner,
                artist_key=artists[owner], year=int(year), plays=plays, genres=(genre(owner),),
            )
        )  # fmt: skip
        for index, text in enumerate(tracks.split("; "), 1):
            title, _, performer = (part.strip() for part in text.partition(" @ "))
            made.append(
                Entry(
                    MediaKind.TRACK, next(numbers), f"plex://track/{owner}/{title}", title, performer or owner,
                    album_artist=owner, album=album, artist_key=artists[owner], album_key=album_key,
                    year=int(year), disc=1, index=index, plays=plays, rating=8.0 if plays > 5 else None,
                    popularity=zlib.crc32(title.encode()) % 1000, duration_ms=200_000, genres=(genre(owner),),
                )
            )  # fmt: skip
    made += [Entry(MediaKind.PLAYLIST, next(numbers), None, name, leaf_count=10) for name in PLAYLISTS]
    return made


def genre(artist: str) -> str:
    return "Jazz" if artist in {"Miles Davis"} else "Rock" if artist in PLAYED else "Pop"


PHRASES: Final = """
play the album abbey road by the beatles | album | Abbey Road (Remastered)
heer coms the sun | track | Here Comes the Sun
bjork | artist | Björk
byork | artist | Björk
joni mitchell blue | album | Blue | Joni Mitchell
blue joni mitchell | album | Blue | Joni Mitchell
joni mitchell's blue | album | Blue | Joni Mitchell
album blue | album | Blue | Joni Mitchell
play the song blue by joni mitchell | track | Blue | Joni Mitchell
blue | artist | Blue
kind of blue | album | Kind of Blue
some metallica | artist | Metallica
metallica | artist | Metallica
play metallica by metallica | album | Metallica
metallica metallica | album | Metallica
songs by queen | artist | Queen
play something by queen | artist | Queen
play something by the beatles | track | Something | The Beatles
music by madonna | artist | Madonna
music by john miles | track | Music
play the playlist morning coffee | playlist | Morning Coffee
morning coffee | playlist | Morning Coffee
my morning cofee playlist | playlist | Morning Coffee
playlist sunday morning | playlist | Sunday Morning
sunday morning velvet underground | track | Sunday Morning | The Velvet Underground
sunday morning by maroon five | track | Sunday Morning | Maroon 5
cafe del mar | playlist | Café del Mar
here comes the sun from abbey road | track | Here Comes the Sun
hey jude live | track | Hey Jude (Live)
live version of hey jude | track | Hey Jude (Live)
hey jude beatles | track | Hey Jude | The Beatles
the song hey jude | track | Hey Jude | The Beatles
yesterday | track | Yesterday | The Beatles
yesterday karaoke | track | Yesterday (Karaoke Version)
karaoke version of bohemian rhapsody | track | Bohemian Rhapsody (Karaoke Version)
bohemian rapsody | track | Bohemian Rhapsody | Queen
bohemian rhapsody live | track | Bohemian Rhapsody (Live) | Queen
bo hemian rap sody | track | Bohemian Rhapsody | Queen
play bohemian rhapsody in the kitchen please | track | Bohemian Rhapsody | Queen
play by moby | album | Play
play | album | Play
play play by moby | album | Play
the album | album | The Album
by the way | album | By the Way
play by the way by red hot chili peppers | album | By the Way
live and let die | album | Live and Let Die
live and let die guns n roses | track | Live and Let Die | Guns N’ Roses
songs in the key of life | album | Songs in the Key of Life
stand by me | track | Stand by Me
stand by me by ben e king | track | Stand by Me
acdc back in black | album | Back in Black
ac dc | artist | AC/DC
acdc | artist | AC/DC
ac/dc | artist | AC/DC
AC DC thunder struck | track | Thunderstruck
beatles abbey road | album | Abbey Road (Remastered)
the white album | album | The Beatles (White Album)
abby rode by the beetles | album | Abbey Road (Remastered)
pink | artist | P!nk
p!nk | artist | P!nk
pink floyd | artist | Pink Floyd
pink floid | artist | Pink Floyd
dark side of the moon | album | The Dark Side of the Moon
darkside of the moon | album | The Dark Side of the Moon
wish you were hear | album | Wish You Were Here
the song wish you were here by pink floyd | track | Wish You Were Here
sigur ros | artist | Sigur Rós
sigurros | artist | Sigur Rós
hoppipolla | track | Hoppípolla
agaetis byrjun | album | Ágætis byrjun
guns n roses | artist | Guns N’ Roses
guns and roses | artist | Guns N’ Roses
guns'n'roses | artist | Guns N’ Roses
guns and rozes sweet child of mine | track | Sweet Child o’ Mine
welcome to the jungel | track | Welcome to the Jungle
the the | artist | The The
the who | artist | The Who
the band | artist | The Band
the doors | artist | The Doors
the doors by the doors | album | The Doors
the end by the doors | track | The End | The Doors
thriller michael jackson | album | Thriller
thriller | album | Thriller
the track thriller | track | Thriller | Michael Jackson
billy jean | track | Billie Jean
micheal jakson beat it | track | Beat It
purple rain prince | album | Purple Rain
prince 1999 | album | 1999
nineteen ninety nine | album | 1999
nothing compares to you | track | Nothing Compares 2 U
stairway too heaven | track | Stairway to Heaven
stareway to heven led zepelin | track | Stairway to Heaven
led zeppelin four | album | Led Zeppelin IV
smels like teen spirit | track | Smells Like Teen Spirit | Nirvana
smells like teen spirit | track | Smells Like Teen Spirit | Nirvana
nirvana nevermind | album | Nevermind
never mind nirvana | album | Nevermind
come as you are | track | Come as You Are | Nirvana
come as you are unplugged | track | Come as You Are | Nirvana | MTV Unplugged in New York
kid a | album | Kid A
ok computer | album | OK Computer
okay computer | album | OK Computer
radio head creep | track | Creep
for whom the bell tolls | track | For Whom the Bell Tolls
for whom the bell tolls live | track | For Whom the Bell Tolls (Live)
nothing else maters | track | Nothing Else Matters
1984 | album | 1984
nineteen eighty four | album | 1984
1984 by david bowie | track | 1984
99 luftballons | track | 99 Luftballons
ninety nine luftballons | track | 99 Luftballons
99 luft balloons | track | 99 Luftballons
seven nation army | track | Seven Nation Army
7 nation army | track | Seven Nation Army
twenty one pilots | artist | twenty one pilots
21 pilots | artist | twenty one pilots
adele 21 | album | 21
adele twenty one | album | 21
divide by ed sheeran | album | ÷ (Deluxe)
÷ | album | ÷ (Deluxe)
ed sheeran plus | album | +
+ | album | +
!!! | artist | !!!
chk chk chk | artist | !!!
rem | artist | R.E.M.
r e m losing my religion | track | Losing My Religion
u2 | artist | U2
u two with or without you | track | With or Without You
one by u2 | track | One | U2
one metallica | track | One | Metallica
simon and garfunkel | artist | Simon & Garfunkel
bridge over trouble water | album | Bridge Over Troubled Water
earth wind and fire september | track | September
rumors fleetwood mac | album | Rumours
hello | track | Hello | Adele
hello by lionel richie | track | Hello | Lionel Richie
lionel richy hello | track | Hello | Lionel Richie
motorhead | artist | Motörhead
motoerhead | artist | Motörhead
die aerzte | artist | Die Ärzte
die arzte | artist | Die Ärzte
motley crue | artist | Mötley Crüe
кино | artist | Кино
kino | artist | Кино
gruppa krovi | album | Группа крови
группа крови | album | Группа крови
東京事変 | artist | 東京事変
봄날 | track | 봄날
宇多田ヒカル | artist | 宇多田ヒカル
get lucky | track | Get Lucky (feat. Pharrell Williams & Nile Rodgers)
get lucky pharrell | track | Get Lucky (feat. Pharrell Williams & Nile Rodgers)
stan eminem feat dido | track | Stan (feat. Dido)
dido | artist | Dido
jay z | artist | Jay-Z
jayz 99 problems | track | 99 Problems
crazy in love | track | Crazy in Love (feat. Jay-Z)
beyonce crazy in love | track | Crazy in Love (feat. Jay-Z)
hey ya | track | Hey Ya!
live through this | album | Live Through This
love song the cure | track | Lovesong
some girls | album | Some Girls
satisfaction | track | (I Can’t Get No) Satisfaction
i can't get no satisfaction | track | (I Can’t Get No) Satisfaction
satisfaction by the rolling stones | track | (I Can’t Get No) Satisfaction
hotel california eagles | album | Hotel California
the eagles | artist | Eagles
back to black | album | Back to Black
born in the usa | album | Born in the U.S.A.
sergeant pepper | album | Sgt. Pepper’s Lonely Hearts Club Band
sgt pepper | album | Sgt. Pepper’s Lonely Hearts Club Band
ziggy stardust | track | Ziggy Stardust
heroes david bowie | album | “Heroes”
when i'm 64 | track | When I’m Sixty-Four
aha take on me | track | Take On Me
blink 182 | artist | Blink-182
all the small things blink one eighty two | track | All the Small Things
hurt johnny cash | track | Hurt | Johnny Cash
hurt by nine inch nails | track | Hurt | Nine Inch Nails
nine inch nales | artist | Nine Inch Nails
morning glory oasis | album | (What’s the Story) Morning Glory?
wonder wall | track | Wonderwall
celine dion my heart will go on | track | My Heart Will Go On
edith piaf | artist | Édith Piaf
la vie en rose | album | La Vie en rose
shoppan | artist | Frédéric Chopin
chopin | artist | Frédéric Chopin
mozart requiem | album | Requiem
tchaikovsky | artist | Pyotr Ilyich Tchaikovsky
chaikovsky swan lake | album | Swan Lake
imagine john lennon | album | Imagine
love story taylor's version | track | Love Story (Taylor’s Version)
love story taylor swift | track | Love Story
taylor swift 1989 | album | 1989
asap rocky | artist | A$AP Rocky
hallelujah by jeff buckley | track | Hallelujah | Jeff Buckley
halleluja leonard cohen | track | Hallelujah | Leonard Cohen
layla unplugged | track | Layla (Unplugged)
layla | track | Layla | Derek and the Dominos
son of a preacher man | track | Son of a Preacher Man
son of a preacher man dusty springfield | track | Son of a Preacher Man
kylie minogue | track | Can’t Get You Out of My Head
misirlou by dick dale | track | Misirlou
pulp fiction soundtrack | album | Pulp Fiction (Music from the Motion Picture)
can you play some david bowie please | artist | David Bowie
i want to hear africa by toto | track | Africa
put on rammstein sonne | track | Sonne
"come together" by "the beatles" | track | Come Together
ob la di ob la da | track | Ob-La-Di, Ob-La-Da
back in the ussr | track | Back in the U.S.S.R.
the best of queen | album | Greatest Hits | Queen
queen greatest hits | album | Greatest Hits | Queen
queens greatest hits | album | Greatest Hits | Queen
artist prince | artist | Prince
the band boston | artist | Boston
more than a feeling boston | track | More Than a Feeling
abbey road 1969 | album | Abbey Road (Remastered)
"""
"""Phrase | kind | title | artist | album."""


def phrases() -> list[tuple[str, ...]]:
    return [tuple(part.strip() for part in line.split("|")) for line in PHRASES.strip().splitlines()]
