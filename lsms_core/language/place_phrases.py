"""Phrases for positions in the liver, after the Brisbane 2000 terminology."""

from __future__ import annotations

from lsms_core.language.phrases import Kind, Vocabulary, by_value, entries

_SIDE = {
    "left": "left of the two | left | lt | "
    "left-sided | left sided | lt-sided | left-hand | left hand side | left-hand side | left side "
    "| lt side | leftside | leftsided | left-side | to the left of midline | to the left of the "
    "midline | left of the midline | left of midline | to the left of cantlie's line | left of "
    "cantlie's line | to the left of the cantlie line | left of the middle hepatic vein | to the "
    "left of the middle hepatic vein | left-lobe | leftward | left-lobar | lobus sinister | "
    "sinister lobe | lobus hepatis sinister | lhl | left half "
    "| left aspect | left-lateralised | leftsided | left of the cantlie line",
    "right": "right of the two | right | rt | "
    "right-sided | right sided | rt-sided | right-hand | right hand side | right-hand side | "
    "right side | rt side | rightside | rightsided | right-side | to the right of midline | to "
    "the right of the midline | right of the midline | right of midline | to the right of "
    "cantlie's line | right of cantlie's line | to the right of the cantlie line | right of the "
    "middle hepatic vein | to the right of the middle hepatic vein | right-lobe | rightward | "
    "right-lobar | lobus dexter | dexter lobe | lobus hepatis dexter | rhl | "
    "right half | right aspect | right of the cantlie line",
}
# Sides that are none of the patient's lobes, or may be none.
_NO_SIDE = (
    "left of the image | right of the image | left side of the image | right side of the image | "
    "left of the screen | right of the screen | left side of the screen | right side of the "
    "screen | left of the picture | right of the picture | left side of the picture | right side "
    "of the picture | viewer's left | viewer's right | my left | my right | your left | your "
    "right | observer's left | observer's right | image left | image right | image-left | "
    "image-right | screen left | screen right | left on the image | right on the image | left on "
    "the screen | right on the screen | left half of the image | right half of the image | left "
    "untreated | left behind | left in place | left alone | right upper quadrant | left upper "
    "quadrant | right lower quadrant | left lower quadrant | ruq | luq | leftmost | rightmost | "
    "left-most | right-most | most left | most right | furthest left | furthest right | farthest "
    "left | farthest right | furthest to the left | furthest to the right | farthest to the left "
    "| farthest to the right | left to right | right to left | left-right | left in situ | left "
    "hepatic vein territory | right hepatic vein territory | left edge of the image | right edge "
    "of the image | image's left | image's right | left over | leftover | leftovers | left costal "
    "margin | right costal margin | left lateral decubitus | right lateral decubitus | left part "
    "of the image | right part of the image | left in the image | right in the image | left in "
    "the picture | right in the picture | most lateral | most medial | most central | most "
    "peripheral | outermost | innermost | furthest lateral | furthest medial | most superficial | "
    "deepest | darkest | brightest | densest | roundest | most hypodense | most hyperdense | "
    "lightest | most dense | least dense | most conspicuous | most suspicious | clearest"
)

# Somebody else's left, or that of a picture, is as a rule the patient's right.
_OBSERVERS = ("viewer", "observer", "reader", "radiologist", "doctor", "examiner", "operator",
              "beholder", "image", "picture", "screen", "monitor", "display", "film", "slice",
              "scan", "figure", "page", "panel", "table")  # fmt: skip
_NO_SIDE += "".join(
    f" | {more} to the {side}"
    for more in ("more", "further", "farther", "slightly", "a little", "somewhat", "displaced")
    for side in ("left", "right")
)
_NO_SIDE += "".join(
    f" | patient {lies} on {whose} {side}{end}"
    for lies in (
        "lying",
        "is lying",
        "lies",
        "lay",
        "positioned",
        "placed",
        "turned",
        "scanned",
        "",
    )
    for whose in ("the", "his", "her", "their", "its")
    for side in ("left", "right")
    for end in ("", " side")
)
_NO_SIDE += "".join(
    f" | {who}'s {side} | {who} {side} | {who}'s {side} side | {who}'s {side} hand side"
    f" | {who}s {side} | {who}s' {side}"
    f" | {side} of the {who} | {side} side of the {who} | {side} half of the {who}"
    f" | {side} edge of the {who} | {side} part of the {who} | {side} on the {who}"
    f" | {side} in the {who} | {side} from the {who}'s view | {side} as seen by the {who}"
    for who in _OBSERVERS
    for side in ("left", "right")
)

_ANTERIOR = "anterior | ant | ventral | front"
_POSTERIOR = "posterior | post | dorsal | rear | back"
_PARTS = "section | sector | segment | sections | sectors | segments | division | subsegment"


def _section(side: str, short: str, names: str) -> str:
    """Return the ways to name a section of a lobe, ``names`` being "anterior" and the like."""
    said = []
    for side_word in (side, short):
        for name in (n.strip() for n in names.split("|")):
            said += [f"{side_word} {name}", f"{side_word} hepatic {name}", f"{name} {side_word}"]
            said += [f"{side_word} lobe {name}", f"{side_word} lobe's {name}"]
            said += [f"{name} {side_word} lobe", f"{name} {side_word} hepatic lobe"]
            said += [f"{side_word} {name} lobe", f"{side_word} {name} hepatic lobe"]
            for part in (*(p.strip() for p in _PARTS.split("|")), "part", "portion", "aspect",
                         "half", "third"):  # fmt: skip
                said += [f"{side_word} {name} {part}", f"{name} {part} of the {side_word} lobe"]
                said += [f"{side_word} lobe {name} {part}", f"{name} {part} of {side_word} lobe"]
                said += [f"{side_word} hepatic {name} {part}"]
                said += [f"{name} {part} of the {side_word} hepatic lobe"]
                said += [f"{name} {part} of the {side_word} liver"]
                said += [f"{name} {part} of the {side_word} liver lobe"]
                said += [f"{name} {side_word} {part}"]
            said += [f"{side_word} {name} liver", f"{name} {side_word} liver"]
            for lobe in ("lobe", "hepatic lobe", "liver lobe", "liver"):
                said.append(f"{name} of the {side_word} {lobe}")
    return " | ".join(said)


def _quarter(side: str, section: str, level: str, joined: str) -> str:
    """Return the ways to name one segment by side, section and level."""
    said = [f"{joined} {side} lobe", f"{joined} segment of the {side} lobe", f"{side} {joined}"]
    said += [f"{joined} right hepatic lobe" if side == "right" else f"{joined} left hepatic lobe"]
    for part in ("segment", "section", "area", "subsegment", "subsection", ""):
        said += [f"{side} {section} {level} {part}", f"{side} {joined} {part}"]
        said += [f"{level} {section} {part} of the {side} lobe"]
    return " | ".join(said)


def _bare(names: str) -> str:
    """Return the ways to name a section that only one lobe has: "lateral section"."""
    return " | ".join(
        f"{name.strip()}{of} {part.strip()}"
        for name in names.split("|")
        for of in ("", " hepatic", " liver")
        for part in _PARTS.split("|")
        if "division" not in part
    )


# The right lobe has no lateral section, the left one no anterior section.
ONE_LOBE_ONLY = {
    "right": frozenset(_bare(f"{_ANTERIOR} | {_POSTERIOR}").split(" | ")),
    "left": frozenset(_bare("medial | med | lateral | lat").split(" | ")),
}

_SECTIONS = {
    ("5", "8"): f"{_section('right', 'rt', _ANTERIOR)} | {_bare(_ANTERIOR)}",
    ("6", "7"): f"{_section('right', 'rt', _POSTERIOR)} | {_bare(_POSTERIOR)}",
    ("4",): f"{_section('left', 'lt', 'medial | med')} | {_bare('medial | med')}"
    + " | quadrate lobe | quadrate | lobus quadratus | quadrate part of the left lobe | left "
    "paramedian sector | medial segment",
    ("2", "3"): f"{_section('left', 'lt', 'lateral | lat')} | {_bare('lateral | lat')}"
    + " | lateral left segment | outer left lobe | left outer lobe | left lateral liver | lateral "
    "segment | lateral bisegment",
    ("1",): "caudate lobe | caudate | caudate process | lobus caudatus | spiegel lobe | spigelian "
    "lobe | spiegelian lobe | caudate segment | caudate lobe of the liver | spiegel's lobe | "
    "paracaval portion | papillary process",
    ("8",): _quarter("right", "anterior", "superior", "anterosuperior"),
    ("5",): _quarter("right", "anterior", "inferior", "anteroinferior"),
    ("7",): _quarter("right", "posterior", "superior", "posterosuperior"),
    ("6",): _quarter("right", "posterior", "inferior", "posteroinferior"),
}

_LIVER = (
    "liver | hepatic | liver parenchyma | hepatic parenchyma | whole liver | entire liver | liver "
    "organ | hepar | intrahepatic | liver's | hepatis | complete liver | intrahepatically | "
    "parenchyma | liver tissue | hepatic tissue | hep | full liver | total liver | livers | liver "
    "background | hepatic background | parenchymal | liver substance"
)
# The organ itself is meant, not what lies in it.
_ORGAN_ITSELF = (
    "liver mask | liver outline | liver volume | liver segmentation | liver contour | "
    "hepatomegaly | liver size | hepatic steatosis | steatosis | cirrhosis | fatty infiltration | "
    "liver fibrosis"
)

_LOCATION = {
    "subcapsular": "subcapsular | sub-capsular | peripheral | superficial | capsular | near-"
    "surface | peripherally located | peripherally | superficially | superficially located | "
    "juxtacapsular | capsule-abutting | subcapsularly | subcapsular location | subcapsular "
    "position | subcapsularly located | periphery | at the periphery | surface-near | near "
    "surface | in the periphery | sub capsular | pericapsular | capsule-based | surface-based | "
    "peripherally placed | peripherally situated | superficially placed | superficially situated "
    "| on the surface | surface | outer rim of the liver | hugging the capsule | periphery of the "
    "liver | close beneath the surface | subserosal | subsurface | capsule-near | outer zone",
    "central": "central | deep | deep-seated | deep seated | centrally located | deeply located | "
    "deep intrahepatic | centrally placed | deep parenchymal | intraparenchymal | centrally | "
    "deeply | deep-lying | deep lying | buried deep | deeply seated | deeply placed | deep in the "
    "parenchyma | deep in the liver | deep within the liver | deep within the parenchyma | middle "
    "of the liver | centre of the liver | center of the liver | in the middle of the liver | "
    "centrally situated | deeply situated | deep inside the liver | deep inside | core of the "
    "liver | deep in parenchyma | in the depth of the liver | depth of the liver | deep within | "
    "deeper | heart of the liver | away from the capsule | far from the capsule | away from the "
    "surface | far from the surface | remote from the capsule | remote from the surface | "
    "midparenchymal | centre | center | deeply buried | deeply embedded | inner | middle of the "
    "parenchyma | interior of the liver | in the interior | core | deep portion | deep part",
}
_CAPSULE = ("capsule", "liver capsule", "hepatic capsule", "capsule of the liver", "glisson's "
            "capsule", "liver surface", "surface", "surface of the liver", "liver's surface",
            "liver edge", "edge of the liver", "hepatic surface", "liver margin", "glisson capsule",
            "liver's edge", "liver's capsule", "liver border", "outer surface",
            "hepatic edge", "organ surface")  # fmt: skip
_AT = ("at", "near", "along", "under", "beneath", "below", "abutting", "touching", "on", "close to",
       "next to", "just under", "just beneath", "just below", "directly under", "reaching",
       "adjacent to", "contacting", "in contact with", "deep to", "bordering", "immediately below",
       "immediately under", "immediately beneath", "directly beneath", "directly below", "hugging",
       "right under", "right beneath", "right below", "right at", "bulging", "against", "extending "
       "to", "up against", "right on", "immediately deep to", "just deep to", "underneath",
       "just underneath", "right underneath", "toward", "towards", "by")  # fmt: skip
_AT_CAPSULE = " | ".join(
    f"{at} {the}{capsule}" for at in _AT for the in ("", "the ") for capsule in _CAPSULE
)

# Of a rank these ask for one lesion in each.
_EACH_LOBE = " | ".join(
    [f"{each} {half}" for each in ("each", "every", "per")
     for half in ("lobe", "hepatic lobe", "liver lobe", "hemiliver", "side", "side of the liver",
                  "half of the liver")]
    + [f"each of the {halves}" for halves in ("lobes", "two lobes", "hepatic lobes", "sides",
                                              "liver lobes", "two sides")]
)  # fmt: skip
_PART = ("segment", "liver segment", "hepatic segment", "couinaud segment", "section", "sector")
_EACH_SEGMENT = " | ".join(
    [f"{each} {part}" for each in ("each", "every", "per") for part in _PART]
    + [f"each of the {part}s" for part in _PART]
)

PLACES: Vocabulary = dict(
    (
        *by_value(Kind.SIDE, _SIDE),
        *entries(Kind.BESIDES, _NO_SIDE),
        *by_value(Kind.SEGMENTS, _SECTIONS),
        *entries(
            Kind.BOTH,
            "bilobar | bilateral | both lobes | both sides | either lobe | both hepatic lobes | "
            "both liver lobes | either side | bilaterally | both hemilivers | b/l | "
            "left and right lobe | right and left lobe | left and right lobes | right and left "
            "lobes | bilobarly | bi-lobar | two lobes | the two lobes | lobes | both halves | "
            "both hepatic lobe | both lobe | either hepatic lobe | both the lobes | hepatic lobes "
            "| liver lobes | right as well as left | left as well as right | both "
            "left and right | both right and left | both the left and right | both the right and "
            "left | both the left and the right | both the right and the left | bilobal | bilobed "
            "distribution | biliobar",
        ),
        *entries(Kind.BOTH, _EACH_LOBE, "each"),
        *entries(Kind.SKIP, _EACH_SEGMENT, "each"),
        *entries(
            Kind.LOBE,
            "lobe | lobar | hemiliver | hepatic lobe | liver lobe | lob | lobe's | hemi-liver | "
            "liverlobe | lobus | lobe of the liver | lobe of liver | lobe liver | half of the "
            "liver",
        ),
        *entries(Kind.LIVER, _LIVER),
        *entries(Kind.LIVER, _ORGAN_ITSELF, "itself", unread=True),
        *entries(Kind.LIVER, "liver organ | hepatic organ | liver outline | liver mask", "itself"),
        *entries(
            Kind.SKIP,
            "segment | segments | seg | segs | segm | segms | sg | sgs | couinaud | couinaud "
            "segment | couinaud segments | liver segment | liver segments | hepatic segment | "
            "hepatic segments | couinaud's | sgm | segt | segmt | subsegment | subsegments | s | "
            "cs",
        ),
        *by_value(Kind.LOCATION, _LOCATION, weak=True),
        *entries(Kind.LOCATION, _AT_CAPSULE, "subcapsular", weak=True),
    )
)
