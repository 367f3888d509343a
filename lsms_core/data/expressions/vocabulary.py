"""Words and phrases; some are held out of training to measure paraphrases never seen."""

from __future__ import annotations

# key -> (training, held out)
WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "left": (
        ("left lobe", "left hepatic lobe", "left liver lobe", "lt lobe", "left-sided", "left"),
        ("left hemiliver", "lobus sinister"),
    ),
    "right": (
        ("right lobe", "right hepatic lobe", "right liver lobe", "rt lobe", "right-sided", "right"),
        ("right hemiliver", "lobus dexter"),
    ),
    "in left": (
        ("in the left lobe", "in the left hepatic lobe", "of the left lobe", "left liver lobe"),
        ("within the left hemiliver",),
    ),
    "in right": (
        ("in the right lobe", "in the right hepatic lobe", "of the right lobe", "right liver lobe"),
        ("within the right hemiliver",),
    ),
    "hypodense": (
        ("hypodense", "hypoattenuating", "low-attenuation", "low density", "dark", "hypo"),
        ("hypoattenuated", "of reduced attenuation"),
    ),
    "hyperdense": (
        ("hyperdense", "hyperattenuating", "high-attenuation", "bright", "enhancing"),
        ("hyperattenuated", "of increased attenuation"),
    ),
    "cystic": (
        ("cystic", "cyst-like", "fluid-density", "water-attenuation"),
        ("fluid-attenuation",),
    ),
    "lesion": (
        ("lesion", "nodule", "mass", "focus", "tumor", "tumour", "metastasis", "liver lesion"),
        ("space-occupying lesion", "neoplasm"),
    ),
    "lesions": (
        ("lesions", "nodules", "masses", "foci", "tumors", "tumours", "metastases", "mets"),
        ("space-occupying lesions", "neoplasms"),
    ),
    "all": (("all", "every one of the", "all of the", "the"), ("each of the",)),
    "largest": (("largest", "biggest", "dominant", "larger"), ("most sizeable",)),
    "smallest": (("smallest", "tiniest", "smaller"), ("most minute",)),
    "subcapsular": (("subcapsular", "peripheral", "capsular"), ("capsule-abutting",)),
    "central": (("central", "deep", "intraparenchymal"), ("deep-seated",)),
    "smaller than": (("<", "smaller than", "less than", "under", "below"), ("not exceeding",)),
    "larger than": ((">", "larger than", "more than", "over", "greater than"), ("exceeding",)),
    "report": (
        (
            "there is {a} {noun} {place}",
            "CT shows {a} {noun} {place}",
            "{a} {noun} is seen {place}",
            "segment {the} {noun} {place}",
            "please outline {the} {noun} {place}",
        ),
        ("{a} {noun} is depicted {place}", "demonstration of {a} {noun} {place}"),
    ),
}

ORGAN = (
    "liver",
    "whole liver",
    "the liver",
    "entire liver",
    "liver parenchyma",
    "hepatic parenchyma",
    "outline the liver",
)

# Findings that no liver lesion is; an answer must be empty.
ELSEWHERE = (
    "gallbladder stone",
    "splenic lesion",
    "renal cyst",
    "left kidney stone",
    "pancreatic mass",
    "aortic aneurysm",
    "adrenal nodule",
    "lung nodule",
    "vertebral fracture",
    "bladder wall thickening",
    "appendicitis",
    "bowel obstruction",
    "right pleural effusion",
    "stomach tumor",
    "spleen",
    "left kidney",
    "gallbladder",
    "aorta",
)
UNRELATED = (
    "asdf",
    "hello",
    "qwertz",
    "the weather is fine",
    "a dog on a chair",
    "12345",
    "print the report",
    "lorem ipsum",
    "nothing",
    "normal study",
    "no lesion",
)
