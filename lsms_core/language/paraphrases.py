"""Hand-written templates for evaluation; no training text is made from them.

They measure whether a model understands wording that the generator does not produce: dictation,
shorthand, questions, orders, other spellings. The fields of a template, and the attributes beside
it, give its meaning. None of the templates, and none of the phrases that
fill them, occurs in :mod:`lsms_core.language.vocabulary`; a test sees to that, so that
a phrase that is added there must be replaced here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Literal

Style = Literal["terse", "report", "question", "command", "laterality", "spelling", "negation"]
Number = Literal["any", "one", "many"]

# field of a template -> the query's entry that it says
FIELDS = {
    "side": "sides",
    "sd": "sides",
    "letter": "sides",
    "other": "sides",
    "dexter": "sides",
    "dens": "attenuation",
    "density": "attenuation",
    "dens_spelt": "attenuation",
    "cm": "size_about_mm",
    "mm": "size_about_mm",
    "roman": "segments",
    "arabic": "segments",
    "sector": "segments",
    "count": "count",
    "number": "count",
}


@dataclass(frozen=True)
class Paraphrase:
    """One way of putting a query.

    Attributes:
        style: how it is worded.
        template: its words, with FIELDS in braces.
        number: "one" or "many" where the words fit only one lesion or several.
        says: what its words ask for beside its fields.
        denies: whether it says that there is nothing.
    """

    style: Style
    template: str
    number: Number = "any"
    says: dict[str, Any] = field(default_factory=dict)
    denies: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """The query's entries that it says, each with one of the fields that say it."""
        names = (name for _, name, _, _ in Formatter().parse(self.template) if name)
        return {FIELDS[name]: name for name in sorted(names)}


_LEFT, _RIGHT = ("left",), ("right",)
# What fills the fields, by the entry's value; several words stand for a choice.
FILLERS: dict[str, dict[Any, tuple[str, ...]]] = {
    "side": {_LEFT: ("left",), _RIGHT: ("right",)},
    "other": {_LEFT: ("right",), _RIGHT: ("left",)},
    "sd": {_LEFT: ("lt",), _RIGHT: ("rt",)},
    "letter": {_LEFT: ("L",), _RIGHT: ("R",)},
    "dexter": {_LEFT: ("links", "gauche"), _RIGHT: ("rechts", "droit")},
    "dens": {
        "hypodense": ("hypodense", "low-attenuating", "lower-density", "lucent"),
        "hyperdense": ("hyperdense", "high-attenuating", "higher-density", "opaque"),
        "isodense": ("isodense", "nearly isodense"),
        "cystic": ("cystic", "watery", "fluid-attenuating"),
    },
    "density": {
        "hypodense": (
            "of lower attenuation than the surrounding liver",
            "that is less dense than the adjacent parenchyma",
        ),
        "hyperdense": (
            "of higher attenuation than the surrounding liver",
            "that is denser than the adjacent parenchyma",
        ),
        "isodense": ("hardly separable from the surrounding liver",),
        "cystic": ("with the attenuation of clear fluid",),
    },
    "dens_spelt": {
        "hypodense": ("hypodens", "hypodensic", "hipodense"),
        "hyperdense": ("hyperdens", "hyperdensic", "hiperdense"),
        "isodense": ("isodens",),
        "cystic": ("kystic", "zystic"),
    },
    "sector": {
        ("5", "8"): ("right ant section", "anterior sector of the right liver"),
        ("6", "7"): ("right post section", "posterior sector of the right liver"),
        ("4",): ("left med section", "medial sector of the left liver"),
        ("2", "3"): ("left lateral section", "lateral sector of the left liver"),
    },
    "roman": {
        ("2",): ("II",),
        ("3",): ("III",),
        ("4",): ("IV", "IVa", "IVb"),
        ("5",): ("V",),
        ("6",): ("VI",),
        ("7",): ("VII",),
        ("8",): ("VIII",),
    },
    "arabic": {
        ("2",): ("2",),
        ("3",): ("3",),
        ("4",): ("4", "4a", "4b"),
        ("5",): ("5",),
        ("6",): ("6",),
        ("7",): ("7",),
        ("8",): ("8",),
    },
    "count": {2: ("2",), 3: ("3",)},
    "number": {2: ("two",), 3: ("three",)},
}

_LARGEST = {"rank": "largest"}
_SMALLEST = {"rank": "smallest"}
_FRONT = {"rank": "most anterior"}
_BACK = {"rank": "most posterior"}
_SINGLE = {"count": 1}
_HYPO = {"attenuation": "hypodense"}
_CYST = {"attenuation": "cystic"}
_SMALL = {"size_max_mm": 10.0}
_BIG = {"size_min_mm": 50.0}
_EDGE = {"location": "subcapsular"}
_DEEP = {"location": "central"}
_FUZZY = {"margin": "ill-defined"}
_CRISP = {"margin": "well-defined"}

PARAPHRASES: tuple[Paraphrase, ...] = (
    # Shorthand, as it is typed into a work list or a prompt.
    Paraphrase("terse", "hep SOL"),
    Paraphrase("terse", "SOLs liver", "many"),
    Paraphrase("terse", "{sd} lobe SOL"),
    Paraphrase("terse", "SOL {letter} lobe"),
    Paraphrase("terse", "{dens} SOL {sd} lobe"),
    Paraphrase("terse", "{letter} lobe: {dens} nod"),
    Paraphrase("terse", "hypodensity {sd} lobe", says=_HYPO),
    Paraphrase("terse", "{sd} lobe hypodensities", "many", _HYPO),
    Paraphrase("terse", "seg {roman} mass {cm}"),
    Paraphrase("terse", "sg {arabic} SOL"),
    Paraphrase("terse", "{dens} nod seg {roman}"),
    Paraphrase("terse", "solitary lesion {sd} lobe", "one", _SINGLE),
    Paraphrase("terse", "single {dens} focus", "one", _SINGLE),
    Paraphrase("terse", "{cm} {dens} SOL"),
    Paraphrase("terse", "{mm} nod {sd} hep lobe"),
    Paraphrase("terse", "{dens} focus, {sector}"),
    Paraphrase("terse", "subcm {dens} focus", says=_SMALL),
    Paraphrase("terse", "bulky SOL > 5cm", says=_BIG),
    Paraphrase("terse", "SOL x{count} {sd} lobe", "many"),
    Paraphrase("terse", "{dens} foci, {sd} hep lobe", "many"),
    Paraphrase("terse", "bulkiest SOL {sd} lobe", says=_LARGEST),
    Paraphrase("terse", "tiniest nod", says=_SMALLEST),
    Paraphrase("terse", "lesion abutting capsule {sd} lobe", says=_EDGE),
    Paraphrase("terse", "deep-lying {dens} SOL", says=_DEEP),
    Paraphrase("terse", "?cyst {sd} lobe", says=_CYST),
    # Whole sentences, as they are dictated.
    Paraphrase("report", "Within the {side} hepatic lobe there is a focal area {density}.", "one"),
    Paraphrase("report", "A focal lesion {density} occupies the {side} lobe of the liver.", "one"),
    Paraphrase("report", "A {cm} {dens} lesion is demonstrated within the {side} liver.", "one"),
    Paraphrase(
        "report",
        "The {side} lobe of the liver harbours a {dens} lesion whose borders fade away.",
        "one",
        _FUZZY,
    ),
    Paraphrase(
        "report", "The {side} lobe contains a sharply outlined {dens} focus.", "one", _CRISP
    ),
    Paraphrase(
        "report",
        "Several {dens} nodules are scattered throughout the {side} hepatic lobe.",
        "many",
    ),
    Paraphrase(
        "report", "In the portal venous phase segment {roman} contains a {dens} lesion.", "one"
    ),
    Paraphrase(
        "report", "Liver: one {dens} lesion only, {side} lobe, up to {cm} across.", "one", _SINGLE
    ),
    Paraphrase(
        "report", "The {side} hepatic lobe shows a {dens} focus reaching the capsule.", "one", _EDGE
    ),
    Paraphrase(
        "report",
        "The dominant finding among the {side} lobe lesions, for comparison.",
        says=_LARGEST,
    ),
    Paraphrase("report", "The {number} {dens} lesions of the {side} hepatic lobe persist.", "many"),
    Paraphrase(
        "report",
        "A lesion below one centimetre is just recognisable in the {side} lobe.",
        "one",
        _SMALL,
    ),
    Paraphrase("report", "Suspected metastasis measuring {mm}, {sector}.", "one"),
    Paraphrase("report", "A fluid-filled space consistent with a cyst, {side} lobe.", "one", _CYST),
    Paraphrase("report", "Known focal hepatic disease, all deposits to be compared.", "many"),
    # Questions.
    Paraphrase("question", "is there a lesion in the {side} lobe?"),
    Paraphrase("question", "do you see anything {dens} in the {side} lobe?"),
    Paraphrase("question", "SOL anywhere in seg {roman}?"),
    Paraphrase("question", "does segment {arabic} look involved?"),
    Paraphrase("question", "which lesion is the biggest?", says=_LARGEST),
    Paraphrase("question", "which nodule in the {side} lobe is the smallest?", says=_SMALLEST),
    Paraphrase("question", "where are the {dens} ones?", "many"),
    Paraphrase("question", "what is that {cm} thing in the {side} lobe?", "one"),
    Paraphrase("question", "are there mets within the {side} liver?"),
    Paraphrase("question", "does the {side} lobe contain a cyst?", says=_CYST),
    Paraphrase("question", "is anything sitting just under the capsule?", says=_EDGE),
    Paraphrase("question", "Could this be a {dens} tumour of the {side} liver?"),
    Paraphrase("question", "what do we have in the liver?"),
    # Orders.
    Paraphrase("command", "segment the big one on the {side}", says=_LARGEST),
    Paraphrase("command", "segment the small one on the {side}", says=_SMALLEST),
    Paraphrase("command", "just the {dens} ones please"),
    Paraphrase("command", "draw around whatever is {dens} in the {side} lobe"),
    Paraphrase("command", "give me each lesion you can find"),
    Paraphrase("command", "pick out the one nearest the back", says=_BACK),
    Paraphrase("command", "trace the lesion lying furthest forward", says=_FRONT),
    Paraphrase("command", "colour in the seg {roman} nodule"),
    Paraphrase("command", "only the {cm} one"),
    Paraphrase("command", "select the ones in the {side} lobe"),
    Paraphrase("command", "get me the cyst in the {side} lobe", says=_CYST),
    Paraphrase("command", "paint the lesion touching the liver surface", says=_EDGE),
    Paraphrase("command", "take the one buried deep in the parenchyma", says=_DEEP),
    Paraphrase("command", "grab the {number} {dens} ones", "many"),
    # The side, in other ways.
    Paraphrase("laterality", "lesion on the patient's {side}-hand side of the liver"),
    Paraphrase("laterality", "{side} (not {other}) hepatic lobe lesion"),
    Paraphrase("laterality", "{side} lobe only"),
    Paraphrase("laterality", "liver, {side}: lesion"),
    Paraphrase("laterality", "lobe of liver, {side}, SOL"),
    Paraphrase("laterality", "the {side} one", "one"),
    Paraphrase("laterality", "whatever lies in the {side} half of the liver"),
    Paraphrase("laterality", "hepatic lesion to the {side} of Cantlie's line"),
    Paraphrase("laterality", "of the two lobes, take the {side} one's lesions", "many"),
    Paraphrase("laterality", "{letter}-sided hepatic lesion"),
    # British, American and borrowed spelling.
    Paraphrase("spelling", "{dens_spelt} lesion, {side} liver lobe"),
    Paraphrase("spelling", "{dens_spelt} laesion in segment {arabic} of liver"),
    Paraphrase("spelling", "laesion in the {side} liverlobe"),
    Paraphrase("spelling", "{dens_spelt} nodul in the {side} lobus"),
    Paraphrase("spelling", "liver lesion {dexter}"),
    Paraphrase("spelling", "{dens_spelt} lesion lobe {dexter}"),
    Paraphrase("spelling", "localised {dens} tumour in the {side} lobe"),
    Paraphrase("spelling", "localized {dens} tumor in the {side} lobe"),
    Paraphrase("spelling", "metastasys of the {side} lobe"),
    Paraphrase("spelling", "tumor of the liver {side} with {cm} diametre", "one"),
    Paraphrase("spelling", "bigest leasion of the liver", says=_LARGEST),
    Paraphrase("spelling", "multiple metastasis of the liver", "many"),
    # What is not there, and what is left out.
    Paraphrase("negation", "no SOL {sd} lobe", denies=True),
    Paraphrase("negation", "{side} lobe clear", denies=True),
    Paraphrase("negation", "nil focal in the {side} lobe", denies=True),
    Paraphrase("negation", "The {side} hepatic lobe is free of disease.", denies=True),
    Paraphrase("negation", "No {dens} lesion is demonstrated in the {side} liver.", denies=True),
    Paraphrase("negation", "liver clear, no SOL", denies=True),
    Paraphrase("negation", "without focal hepatic disease", denies=True),
    Paraphrase("negation", "segment {roman} is unremarkable", denies=True),
    Paraphrase("negation", "not a single lesion in the {side} lobe", denies=True),
    Paraphrase("negation", "neither lobe contains a lesion", denies=True),
    Paraphrase("negation", "ignore the {other} lobe, outline what remains"),
    Paraphrase("negation", "lesions, just not the {other} lobe ones"),
    Paraphrase("negation", "anything but the {other}-sided ones"),
    Paraphrase("negation", "leave out what is on the {other}"),
    Paraphrase("negation", "the lesion that does not lie in the {other} lobe"),
)

# Nothing in a liver; findings of other organs, and texts about something else.
ELSEWHERE = (
    "nephrolithiasis on the right",
    "left hydroureter",
    "L1 compression fracture",
    "splenomegaly",
    "hypodense splenic focus, ?infarct",
    "cortical cyst of the right kidney",
    "fat-containing adrenal mass on the left",
    "cholelithiasis",
    "dilated pancreatic duct",
    "low-attenuating mass of the pancreatic tail",
    "infrarenal AAA",
    "left basal atelectasis",
    "consolidation, right lung base",
    "degenerative change of the lumbar spine",
    "small bowel loops",
    "thickened gastric antrum",
    "mesenteric nodes",
    "is the spleen enlarged?",
    "outline the left psoas",
    "right breast implant",
    "subcutaneous fat",
    "IVC filter",
)
UNRELATED = (
    "fghj rtzu",
    "compare with prior",
    "window level 40 400",
    "motion artefact",
    "report to follow",
    "thank you for the referral",
    "two dogs in the park",
    "bla",
)
