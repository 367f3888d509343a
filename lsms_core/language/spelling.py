"""Corrects typing mistakes: finds the nearest word of the vocabulary.

The distance counts letters that are missing, too many, wrong, or two that changed places
(optimal string alignment). A word is left alone where two words with different meanings are
equally near, and where it is an English word itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from lsms_core.language.english import COMMON

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Only these are taken for a side; nothing else is ever turned into one.
_SIDES = {
    "left": "lft letf elft lfet lef leftt lleft leeft lefft leftr lefr lwft leftl lefg",
    "right": "rgt rigth rihgt righ rght rigt riht irght rgiht ritght rright riight rigght righht "
    "rightt rigtht rigjt roght righr rigbt ruight righg reight",
    "lt": "",
}
_SIDE_TYPOS = {typo: side for side, typos in _SIDES.items() for typo in typos.split()}
_PROTECTED = frozenset({"left", "right", "lt", "rt"})
# Words with mistakes that no rule would find.
_HABITS = {
    "other": "ohter oter othe otehr othr otther",
    "back": "bck bak baack",
    "part": "prt pat",
    "not": "nto nott noot",
    "lobe": "loe obe lob lbe loeb lobbe",
    "than": "thn tan tahn thna htan tham thann",
    "less": "lss lees lesss",
    "more": "mre moe mor moree",
    "most": "mst mosst",
    "both": "bth btoh botth",
    "two": "tow twoo",
    "three": "trhee thre tree",
    "dark": "drk drak dakr darck",
    "deep": "dep deeep depp",
    "round": "rund ruond rond",
    "oval": "oal ovla ovall",
    "nodule": "nodle noduel",
    "mass": "mss masss msas mas",
    "focus": "focsu",
    "foci": "foi fcoi",
    "area": "aera areaa",
    "tumour": "tumuor",
    "lobes": "lobs lobess",
    "lesion": "leison lesoin lession leasion lsion lesin",
    "lesions": "leisions lessions leasions leisons lesoins",
    "cyst": "cist syst cyts csyt cyt cst",
    "cysts": "cists",
    "liver": "livr livre livver",
    "hepatic": "hepatik",
    "metastasis": "metastasys metastatis metastais",
    "dense": "dens",
    "abscess": "abcess",
    "and": "adn",
    "the": "teh hte",
    "in": "iin ni",
    "with": "wiht wih",
    "large": "lrg",
    "small": "sml",
    "from": "fomr fom frm frmo ffrom",
    "no": "noo",
    "segment": "segement segmant segmnt sgement segmet",
    "largest": "lgest larget lagest largst",
    "biggest": "bigest",
    "that": "taht",
    "cystic": "cystc",
    "except": "excpet exept",
    "without": "witout whitout",
    "of": "fo",
    "hypodense": "hypodence",
    "hyperdense": "hyperdence",
    "isodense": "isodence",
    "tumor": "tumro",
    "separate": "seperate",
}
_MEANT = {typo: word for word, typos in _HABITS.items() for typo in typos.split()}


def corrected(word: str, words: Mapping[str, frozenset[str]]) -> str | None:
    """Return the word of the vocabulary that was meant; None where no one is near.

    Args:
        word: in lower case, no word of the vocabulary.
        words: each word of the vocabulary, with what it can mean.
    """
    if word in _MEANT:
        return _MEANT[word]
    if word in COMMON:
        return None
    if word in _SIDE_TYPOS:
        return _SIDE_TYPOS[word]
    if len(word) < 4:
        return None
    if word.replace("f", "ph") in words:
        return word.replace("f", "ph")
    near = _at_one(word, words)
    if not near and len(word) >= 9:
        near = _at_two(word, words)
    return _agreed(word, near, words)


def _agreed(word: str, near: list[str], words: Mapping[str, frozenset[str]]) -> str | None:
    """Return one of the words that are equally near, where they mean the same."""
    if not near:
        return None
    first = [w for w in near if w[0] == word[0]] or (near if len(word) > 5 else [])
    meanings = {words[w] for w in first}
    return min(first) if len(meanings) == 1 else None


def _at_one(word: str, words: Mapping[str, frozenset[str]]) -> list[str]:
    return sorted({w for w in _edits(word) if _allowed(w, word, words)})


def _at_two(word: str, words: Mapping[str, frozenset[str]]) -> list[str]:
    # People get the first letter right, and what begins otherwise need not be measured.
    letters = set(word)
    return sorted(
        w
        for w in words
        if w[0] == word[0]
        and len(w) >= 8
        and abs(len(w) - len(word)) <= 2
        and len(letters.symmetric_difference(w)) <= 4
        and distance(word, w, 2) <= 2
    )


def _allowed(candidate: str, word: str, words: Mapping[str, frozenset[str]]) -> bool:
    if candidate not in words or candidate in _PROTECTED or len(candidate) < 4:
        return False
    # Four letters with a wrong one among them could be anything: "lobe", "love".
    return len(candidate) > 4 or len(word) != 4 or sorted(candidate) == sorted(word)


@lru_cache(maxsize=4096)
def _edits(word: str) -> frozenset[str]:
    """Return all strings one mistake away."""
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    found = {a + b[1:] for a, b in splits if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    found |= {a + c + b[1:] for a, b in splits if b for c in _LETTERS}
    found |= {a + c + b for a, b in splits for c in _LETTERS}
    return frozenset(found)


def distance(one: str, other: str, most: int) -> int:
    """Return the mistakes between two words, ``most`` + 1 for any more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        last, row, earlier = row, [i], before
        for j, b in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        before = last
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
