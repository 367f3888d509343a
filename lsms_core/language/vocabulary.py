"""All words and phrases; some are held out of training, to measure unseen wording."""

from __future__ import annotations

from lsms_core.language.lesion_words import LESIONS
from lsms_core.language.place_words import PLACES
from lsms_core.language.sentence_words import SENTENCES
from lsms_core.language.word_lists import Words, split_words

# key -> (training, held out)
WORDS: dict[str, Words] = {**PLACES, **LESIONS, **SENTENCES}

ORGAN = split_words(
    "liver | whole liver | the liver | entire liver | liver parenchyma | hepatic "
    "parenchyma | outline the liver | liver organ | hepatic organ | liver outline | the "
    "whole liver | segment the liver | complete liver | liver mask | both lobes of the "
    "liver"
)
