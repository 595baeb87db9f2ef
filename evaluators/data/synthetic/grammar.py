"""Sentences of the pocket study: a small grammar of about three hundred everyday English words.

The grammar is deliberately finite and free of digits and punctuation, so that what is spoken and what is scored are
the same string. Every sentence has five to nine words.
"""

import random

_GROUPS: dict[str, str] = {
    "person": "anna peter maria robert susan thomas julia martin helen victor laura simon diana oscar emma felix nina "
    "george alice walter my~brother my~sister our~teacher the~doctor the~driver the~farmer the~captain the~baker "
    "your~uncle her~father his~mother the~neighbor",
    "did": "found bought carried cleaned moved opened painted dropped followed watched borrowed finished forgot "
    "noticed ordered planted pushed repaired saved sold stole touched visited wanted washed",
    "do": "find buy carry clean move open paint drop follow watch borrow finish check order plant push repair save "
    "sell close bring show count wash",
    "adjective": "red blue green yellow black white big small old new heavy light broken empty quiet loud warm cold "
    "clean dirty wooden golden narrow simple strange little famous modern round sharp",
    "thing": "table window garden kitchen bottle basket blanket bridge button candle carpet castle chair clock "
    "computer door engine flower guitar hammer island jacket ladder lamp letter machine mirror "
    "mountain newspaper orange pencil picture piano pillow pocket river shoulder station suitcase "
    "telephone ticket tower train tree umbrella valley wagon wallet",
    "plural": "apples bottles books boxes buttons candles chairs coins cups flowers glasses horses keys letters "
    "lemons maps onions plates potatoes rabbits shoes spoons stones tickets tomatoes trees",
    "number": "two three four five six seven eight nine ten eleven twelve twenty thirty fifty a~hundred",
    "place": "in~the~garden near~the~river behind~the~house under~the~bridge beside~the~road across~the~street "
    "at~the~station above~the~door inside~the~box on~the~island over~the~mountain around~the~corner "
    "between~the~trees through~the~forest outside~the~city along~the~beach",
    "time": "yesterday today tomorrow~morning last~summer on~monday on~tuesday on~friday on~sunday before~breakfast "
    "after~dinner at~midnight this~evening every~winter in~april in~october two~weeks~ago",
    "adverb": "slowly quickly carefully never always often again together suddenly almost",
    "verb": "sleeps works waits sings walks laughs travels dances listens swims cooks reads studies jumps smiles",
}
_WORDS: dict[str, list[str]] = {
    group: [entry.replace("~", " ") for entry in entries.split()] for group, entries in _GROUPS.items()
}
_TEMPLATES = (
    "{person} {did} the {adjective} {thing} {time}",
    "{person} {did} {number} {adjective} {plural} {place}",
    "please {do} the {adjective} {thing} {place}",
    "{time} {person} {adverb} {did} the {thing}",
    "did {person} {do} the {thing} {place}",
    "the {adjective} {thing} and the {thing} are {place}",
    "{person} {adverb} {verb} {place}",
    "can you {do} {number} {plural} for {person}",
    "there are {number} {adjective} {plural} {place}",
    "{person} will {do} the {thing} {time}",
    "why is the {thing} so {adjective} {time}",
    "we {did} {number} {plural} and a {adjective} {thing}",
)


def sentence(seed: str) -> str:
    """One sentence, the same for the same seed; lower-case words with single spaces."""
    rng = random.Random(seed)
    parts = rng.choice(_TEMPLATES).split()
    return " ".join(rng.choice(_WORDS[p[1:-1]]) if p.startswith("{") else p for p in parts)


def words() -> frozenset[str]:
    """Every word that a sentence can hold."""
    fixed = {w for t in _TEMPLATES for w in t.split() if not w.startswith("{")}
    return frozenset(fixed | {w for entries in _WORDS.values() for entry in entries for w in entry.split()})
