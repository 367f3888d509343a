"""Decides whether a text is about lesions or organs; gibberish and other topics are not."""

from __future__ import annotations

from collections.abc import Sequence

from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind

_TOPIC = (
    Kind.LESION,
    Kind.LIVER,
    Kind.SEGMENTS,
    Kind.LOBE,
    Kind.BOTH,
    Kind.ATTENUATION,
    Kind.ORGAN,
)
_WEAK = (
    Kind.SIDE, Kind.SIZE, Kind.MAGNITUDE, Kind.RANK, Kind.LOCATION, Kind.SHAPE, Kind.MARGIN,
    Kind.TEXTURE, Kind.NORMAL, Kind.NONE, Kind.ONE, Kind.ALL,
)  # fmt: skip
_MEDICAL = (Kind.BESIDES, Kind.PROCEDURE)
# Words of everyday speech that the vocabulary holds, too.
_EVERYDAY = frozenset(
    "dark darker darkish bright brighter dense denser black blacker white whiter subtle faint dim "
    "dimmer fluid liquid watery opaque lucent invisible hyper hypo iso stone stones head face "
    "hand hands foot feet arm arms leg legs eye eyes ear ears nose tooth teeth neck heart chest "
    "tongue port tube filter drain clips disc disk node nodes vessel vessels brain muscle muscles "
    "skin nerve fissure dissection obstruction port stent shunt capital cancer primary satellite "
    "satellites scar scars recurrence bleeding collection collections net gist new old young man "
    "woman male female hot cold year years month months day days weeks image images window series "
    "slice slices volume type stage class score grade top bottom front back upper lower middle "
    "wall walls stable known flow grown growing last before after under over above below behind "
    "between around beside against near along air gas fat contrast plain patient patients lobes "
    "inner core "
    "surface interior center centre motion native protocol pet us mr fish sage".split()
)


def is_understood(items: Sequence[Item]) -> bool:
    """Whether enough of a text's words are known to trust what was read."""
    topic = weak = medical = unknown = numbers = 0
    for item in items:
        if item.kind is Kind.UNKNOWN:
            numbers += item.words.isdigit()
            unknown += any(c.isalpha() for c in item.words)
        elif item.kind in _TOPIC and not item.phrase.weak and item.words not in _EVERYDAY:
            topic += 1
        elif item.kind in (*_TOPIC, *_WEAK):
            weak += 1
        elif item.kind in _MEDICAL and item.words not in _EVERYDAY:
            medical += 1
        elif item.kind in (Kind.NEAR, Kind.SINCE, *_MEDICAL):
            medical += 0
    if topic:
        return unknown <= topic + weak + medical
    unknown += numbers
    return weak > 0 and (unknown == 0 or 3 * unknown <= weak + medical)
