"""Words for positions in the liver, after the Brisbane 2000 terminology."""

from __future__ import annotations

from lsms_core.language.word_lists import Words, either, sided

# {side}, {sd}, {letter} and {other}: left, lt, L and right, and the other way round.
PLACES: dict[str, Words] = {
    **sided(
        "{side}",
        "{side} lobe | {side} hepatic lobe | {side} liver lobe | {sd} lobe | {side}-sided | "
        "{side} | {side} hepatic | {side} liver | {side} lobe liver | {sd} hepatic lobe | {side} "
        "lobar | {sd}-sided | {letter} lobe | {letter}HL | {letter} hepatic lobe | {side}-hand | "
        "{side} hand | {sd}. lobe | {side} lobe's | {sd} liver",
        "{side} hemiliver | lobus {latin}",
    ),
    **sided(
        "in {side}",
        "in the {side} lobe | in the {side} hepatic lobe | of the {side} lobe | {side} liver lobe "
        "| on the {side} | on the {side} side of the liver | in {side} lobe of liver | in the "
        "{side} part of the liver | involving the {side} lobe | in {sd} lobe | in the {sd} lobe | "
        "in the {side} side | within the {side} lobe | within the {side} hepatic lobe | located "
        "in the {side} lobe | arising from the {side} lobe | at the {side} lobe | in the {side} "
        "liver lobe | confined to the {side} lobe | in {side} hepatic lobe | on the {side} side | "
        "on the patient's {side} | {side} side of the liver | on {sd} side | centred in the "
        "{side} lobe | centered in the {side} lobe | in the {letter}HL | in {letter} lobe | on "
        "the {side}-hand side | in the liver's {side} lobe | inside the {side} lobe | lying in "
        "the {side} lobe | occupying the {side} lobe | to the {side} of the midline | to the "
        "{side} of the middle hepatic vein | in the {side} lobe only | only in the {side} lobe | "
        "on the {side} only | just on the {side} | in the {side} one of the two lobes | somewhere "
        "in the {side} lobe | seen in the {side} lobe | on the {side} and not on the {other} | in "
        "the {side} rather than the {other} lobe | in the {side} lobe, not the {other} | which "
        "lies {side}, not {other} | {side} of the two | lobe on the {side} | liver lobe, {side} | "
        "in the lobe on the {side}",
        "within the {side} hemiliver | situated in the {side} liver",
    ),
    **sided(
        "not in {side}",
        "not in the {side} lobe | outside the {side} lobe | except the {side} lobe | excluding "
        "the {side} lobe | but not in the {side} lobe | apart from the {side} lobe | sparing the "
        "{side} lobe | not on the {side} | but not on the {side} | except on the {side} | except "
        "those on the {side} | except for the {side} lobe | except {side}-sided ones | excluding "
        "{side}-sided ones | excluding everything {side} | that is not on the {side} | that is "
        "not in the {side} lobe | which are not {side}-sided | but none on the {side} | "
        "disregarding the {side} lobe | ignoring the {side} lobe | without the {side} lobe | "
        "without those in the {side} lobe | aside from the {side} lobe | not {side}-sided | "
        "beyond the {side} lobe | if not in the {side} lobe | besides those in the {side} lobe | "
        "leaving the {side} lobe aside | skipping the {side} lobe | omitting the {side} lobe | "
        "with the exception of the {side} lobe | save for the {side} lobe | minus the {side} lobe "
        "| not those of the {side} lobe | not the {side} ones | but no {side}-sided ones | that "
        "spare the {side} lobe | never mind the {side} lobe | do not include the {side} lobe | "
        "forget the {side} lobe | all over but in the {side} lobe | away from the {side} lobe | "
        "with nothing from the {side} | not from the {side} | without what lies on the {side} | "
        "on the side that is not {side} | opposite the {side} lobe",
        "other than in the {side} lobe",
    ),
    **sided(
        "the {side}",
        "{side} lobe | the {side} lobe | {side} hepatic lobe | the {side} hepatic lobe | {side} "
        "liver lobe | {side} liver | {sd} lobe | {side} side of the liver | the {side} side | "
        "{side} lobe of the liver | {side} half of the liver | {side} lobe parenchyma | {letter} "
        "lobe",
        "{side} hemiliver",
    ),
    "right anterior": either(
        "in the right anterior section | right anterior | in the anterior right lobe | in the "
        "right anterior sector | in the anterior section of the right lobe | rt anterior | "
        "anterior right hepatic lobe | in segments V/VIII | ventral right lobe",
        "in the front of the right lobe",
    ),
    "right posterior": either(
        "in the right posterior section | right posterior | in the posterior right lobe | in the "
        "right posterior sector | in the posterior section of the right lobe | rt posterior | "
        "posterior right hepatic lobe | in segments VI/VII | dorsal right lobe",
        "in the back of the right lobe",
    ),
    "left medial": either(
        "in the left medial section | left medial | in the medial left lobe | in the left medial "
        "sector | in the medial section of the left lobe | lt medial | medial segment of the left "
        "lobe | in segment IV | quadrate lobe",
        "in the quadrate part of the left lobe",
    ),
    "left lateral": either(
        "in the left lateral section | left lateral | in the lateral left lobe | in the left "
        "lateral sector | in the lateral section of the left lobe | lt lateral | lateral segment "
        "of the left lobe | in segments II/III | left lateral segment",
        "in the outer left lobe",
    ),
    "segments": either(
        "in segments {s} | segments {s} | segs {s} | in liver segments {s} | seg {s} | S{s}",
        "within Couinaud segments {s}",
    ),
    "in both": either(
        "in both lobes | in either lobe | bilobar",
        "in the two lobes",
    ),
    "segment": either(
        "in segment {s} | segment {s} | seg {s} | in liver segment {s} | S{s} | seg. {s} | seg{s} "
        "| in seg {s} | hepatic segment {s} | in hepatic segment {s} | in S{s} | segm. {s} | in "
        "segment {s} of the liver | segment {s} of the liver | at segment {s}",
        "within Couinaud segment {s}",
    ),
    "the liver": either(
        "liver | the liver | hepatic parenchyma | whole liver",
        "both lobes",
    ),
    # Anywhere: it narrows nothing down.
    "anywhere": either(
        "in the liver | anywhere in the liver | in either lobe | in the hepatic parenchyma | "
        "within the liver | throughout the liver | in both lobes | in any segment | in the whole "
        "liver | of the liver",
        "at any site in the liver",
    ),
}
