"""Recognises texts in other languages than English; such a text is not read.

A side that is read wrongly is worse than a text that is not understood, and words of other
languages are often one letter away from English ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest

from lsms_core.language.normalise import Token

# Left and right, in the languages of Europe and some others, without accents.
_SIDES = frozenset(
    "links linke linken linker linkes linkem rechts rechte rechten rechter rechtes rechtem recht "
    "gauche gauches droit droite droits droites derecho derecha derechos derechas izquierdo "
    "izquierda izquierdos izquierdas destro destra destri destre sinistro sinistra sinistri "
    "sinistre direito direita direitos direitas esquerdo esquerda esquerdos esquerdas esquerra "
    "esquerre dret dreta dreapta drept stang stanga stangul drepte vanster vanstra venstre hoyre "
    "hojre hoger hogra vasen vasemman oikea oikean vasak parem bal baloldali jobb jobboldali lewy "
    "lewa lewe lewego lewej lewym prawy prawa prawe prawego prawej prawym levy leva leve levem "
    "levem prava pravy prave pravem pravi lijevi lijeva desni desna desnog lijevog levi desnem "
    "sag sagda solda kiri kanan kaliwa kanan trai phai kairys desinys kreisais labais labaja "
    "sinistrum dextrum dextra majtas xellug aristera dexia smal yamin".split()
)
# Words about the liver and its lesions, and the small words that hold a sentence together.
_WORDS = frozenset(
    "der die das den dem des ein eine einen einem einer eines im ins am und oder nicht kein keine "
    "keinen ohne mit von vom zum zur ist sind wird auf auch nach bei fur uber unter zwischen "
    "leber lebern leberlappen lappen herd herde raumforderung rundherd lasion lasionen laesion "
    "laesionen metastase metastasen zyste zysten grosse groesse grosser groesser kleiner grosste "
    "groesste kleinste dunkle dunkler dichte hypodens hypodense hypodenser hypodenses hypodenses "
    "befund verdacht segmente segmentes alle beide beiden le la les un une du au aux et ou est "
    "sont dans sur sans avec pas aucun aucune foie lobe lobes lesions hepatique hepatiques nodule "
    "kyste kystes foyer masse taille hypodense plus petite petit grande grand deux el los las una "
    "unas unos del al con sin y o es hay en por para ninguna ninguno higado lobulo lobulos "
    "lesiones hepatica hepatico hepaticas nodulo nodulos quiste quistes masa hipodensa hipodenso "
    "tamano il lo gli uno nel nella nello dei della dello delle con senza e non di da fegato lobo "
    "lobi lesione lesioni epatica epatico epatiche nodulo noduli cisti massa ipodensa ipodenso o "
    "os um uma no na nos nas do dos das com sem nao em figado lesao lesoes hepatico nodulos cisto "
    "cistos hipodensa het een van op met zonder niet geen lever leverkwab leverkwabben kwab "
    "laesie laesies letsel leverlaesie cyste cysten haard tumoren den det en ett och av pa med "
    "utan inte ingen levern leverlob leverlap leverlappen lesjon lesjoner forandring leveren "
    "hogra w z na bez nie i oraz watroby watrobie plat placie zmiana zmiany guz guzek torbiel "
    "ognisko v ve s a bez jater jatra jatrech lalok laloku lozisko nador cysta jetra jetre reznja "
    "un si cu fara din ficat lob leziune leziuni hepatic chist karaciger lezyon lezyonu lob lobda "
    "lobunda kitle kist maksa maksan lohko lohkossa muutos majas maj lebeny lebenyben elvaltozas "
    "hati lesi lobus gan thuy".split()
)
# Of these, what is English as well, or what an English text may contain.
_ENGLISH = frozenset(
    "an am do no on a i as is in at o e s v w lobe lobes nodule hypodense hypodens lesions plus "
    "taille sin per hepatic lob lobus op met bal smal parem sage hati levi trai par ins hoger gan "
    "cu gait uno una nos levy leva leve non vasen maj placie kist ou nodul petit lappen lo com os "
    "um die hati mit mais".split()
)
# So short or so English that one of them alone tells nothing, but two do.
_HALF = frozenset(
    "die das den dem im un le la en al con est von il lo da di de os um com bez si et y ve z lever "
    "lesi grand masse massa masa foyer unter auf sol tumoren cyste cysta laesion "
    "laesionen".split()
)
# "SOL" is a space-occupying lesion in English, "sol" is "left" in Turkish, as in "sol lob".
_AFTER_SOL = ("lob", "les", "lez", "kis", "kit", "kar", "tum", "nod", "mas", "met")
_PREFIXES = ("leber", "hepatiq", "lever", "hepatisch", "leverk", "watrob", "karacig", "rechts",
             "links")  # fmt: skip
_NO_PREFIXES = frozenset({"leverage", "leveraged", "levers", "levered", "lever"})
_ENDINGS = ("ungen", "zione", "zioni", "ische", "ischen", "ischer", "isches", "keit", "liche",
            "lichen", "ciones", "eusement", "gico", "gica")  # fmt: skip


def is_foreign(tokens: Sequence[Token], known: frozenset[str]) -> bool:
    """Whether a text is in another language, or in another script.

    Args:
        tokens: of the text.
        known: the words of the vocabulary.
    """
    words = [t for t in tokens if t.kind == "word"]
    score = 0.0
    for token, after in zip_longest(words, words[1:]):
        plain = _without_accents(token.text)
        if plain == "sol" and after is not None and after.text.startswith(_AFTER_SOL):
            return True
        if _other_script(token.text):
            return True
        if plain in _SIDES and plain not in _ENGLISH:
            return True
        if plain != token.text and token.text not in known:
            score += 1.0
        elif plain in _HALF:
            score += 0.5
        elif (plain in _WORDS and plain not in _ENGLISH) or _looks_foreign(plain, known):
            score += 1.0
    return score >= 1.0


def _looks_foreign(word: str, known: frozenset[str]) -> bool:
    if word in known or word in _NO_PREFIXES:
        return False
    return word.startswith(_PREFIXES) or (len(word) > 7 and word.endswith(_ENDINGS))


def _without_accents(word: str) -> str:
    folded = word.replace("ß", "ss").replace("ø", "o").replace("ł", "l").replace("ı", "i")
    folded = folded.replace("æ", "ae").replace("œ", "oe").replace("đ", "d")
    parts = unicodedata.normalize("NFD", folded)
    return "".join(c for c in parts if not unicodedata.combining(c))


def _other_script(word: str) -> bool:
    """Whether a word has letters that are no Latin ones."""
    return any(c.isalpha() and not unicodedata.name(c, "").startswith("LATIN") for c in word)
