"""Words and phrases; some are held out of training to measure paraphrases never seen.

Attenuation, shape, margin and texture follow the LI-RADS lexicon and the wording of common
report templates; the parts of the liver follow the Brisbane 2000 terminology.
"""

from __future__ import annotations


def split_words(text: str) -> tuple[str, ...]:
    """Split a list that is written with bars between its entries."""
    return tuple(word.strip() for word in text.split("|"))


def _either(training: str, held_out: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return split_words(training), split_words(held_out)


# key -> (training, held out)
WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "left": _either(
        "left lobe | left hepatic lobe | left liver lobe | lt lobe | left-sided | left | "
        "left hepatic | left liver | left lobe liver | lt hepatic lobe | left lobar | "
        "lt-sided | L lobe | LHL | L hepatic lobe",
        "left hemiliver | lobus sinister",
    ),
    "right": _either(
        "right lobe | right hepatic lobe | right liver lobe | rt lobe | right-sided | "
        "right | right hepatic | right liver | right lobe liver | rt hepatic lobe | right "
        "lobar | rt-sided | R lobe | RHL | R hepatic lobe",
        "right hemiliver | lobus dexter",
    ),
    "in left": _either(
        "in the left lobe | in the left hepatic lobe | of the left lobe | left liver lobe "
        "| on the left | on the left side of the liver | in left lobe of liver | in the "
        "left part of the liver | involving the left lobe | in lt lobe | in the lt lobe | "
        "in the left side | within the left lobe | within the left hepatic lobe | located "
        "in the left lobe | arising from the left lobe | at the left lobe | in the left "
        "liver lobe | confined to the left lobe | in left hepatic lobe | on the left side "
        "| on the patient's left | left side of the liver | on lt side | centred in the "
        "left lobe | centered in the left lobe | in the LHL | in L lobe",
        "within the left hemiliver | situated in the left liver",
    ),
    "in right": _either(
        "in the right lobe | in the right hepatic lobe | of the right lobe | right liver "
        "lobe | on the right | on the right side of the liver | in right lobe of liver | "
        "in the right part of the liver | involving the right lobe | in rt lobe | in the "
        "rt lobe | in the right side | within the right lobe | within the right hepatic "
        "lobe | located in the right lobe | arising from the right lobe | at the right "
        "lobe | in the right liver lobe | confined to the right lobe | in right hepatic "
        "lobe | on the right side | on the patient's right | right side of the liver | on "
        "rt side | centred in the right lobe | centered in the right lobe | in the RHL | in R lobe",
        "within the right hemiliver | situated in the right liver",
    ),
    "not in left": _either(
        "not in the left lobe | outside the left lobe | except the left lobe | excluding "
        "the left lobe | but not in the left lobe | apart from the left lobe | sparing "
        "the left lobe | not on the left | but not on the left | except on the left | "
        "except those on the left | except for the left lobe | except left-sided ones | "
        "excluding left-sided ones | excluding everything left | that is not on the left "
        "| that is not in the left lobe | which are not left-sided | but none on the left "
        "| disregarding the left lobe | ignoring the left lobe | without the left lobe | "
        "without those in the left lobe | aside from the left lobe | not left-sided | "
        "beyond the left lobe | if not in the left lobe | besides those in the left lobe",
        "other than in the left lobe",
    ),
    "not in right": _either(
        "not in the right lobe | outside the right lobe | except the right lobe | "
        "excluding the right lobe | but not in the right lobe | apart from the right lobe "
        "| sparing the right lobe | not on the right | but not on the right | except on "
        "the right | except those on the right | except for the right lobe | except "
        "right-sided ones | excluding right-sided ones | excluding everything right | "
        "that is not on the right | that is not in the right lobe | which are not "
        "right-sided | but none on the right | disregarding the right lobe | ignoring the "
        "right lobe | without the right lobe | without those in the right lobe | aside "
        "from the right lobe | not right-sided | beyond the right lobe | if not in the "
        "right lobe | besides those in the right lobe",
        "other than in the right lobe",
    ),
    "right anterior": _either(
        "in the right anterior section | right anterior | in the anterior right lobe | in "
        "the right anterior sector | in the anterior section of the right lobe | rt "
        "anterior | anterior right hepatic lobe | in segments V/VIII | ventral right lobe",
        "in the front of the right lobe",
    ),
    "right posterior": _either(
        "in the right posterior section | right posterior | in the posterior right lobe | "
        "in the right posterior sector | in the posterior section of the right lobe | rt "
        "posterior | posterior right hepatic lobe | in segments VI/VII | dorsal right "
        "lobe",
        "in the back of the right lobe",
    ),
    "left medial": _either(
        "in the left medial section | left medial | in the medial left lobe | in the left "
        "medial sector | in the medial section of the left lobe | lt medial | medial "
        "segment of the left lobe | in segment IV | quadrate lobe",
        "in the quadrate part of the left lobe",
    ),
    "left lateral": _either(
        "in the left lateral section | left lateral | in the lateral left lobe | in the "
        "left lateral sector | in the lateral section of the left lobe | lt lateral | "
        "lateral segment of the left lobe | in segments II/III | left lateral segment",
        "in the outer left lobe",
    ),
    "segment": _either(
        "in segment {s} | segment {s} | seg {s} | in liver segment {s} | S{s} | seg. {s} "
        "| seg{s} | in seg {s} | hepatic segment {s} | in hepatic segment {s} | in S{s} | "
        "segm. {s} | in segment {s} of the liver | segment {s} of the liver | at segment "
        "{s}",
        "within Couinaud segment {s}",
    ),
    "hypodense": _either(
        "hypodense | hypoattenuating | low-attenuation | low attenuation | low density | "
        "low-density | dark | hypo | hypodens | hypovascular | darker | hypo-dense | hypo "
        "dense | low attenuating | decreased attenuation | decreased density | "
        "hypo-enhancing | hypoenhancing | less dense | slightly hypodense | markedly "
        "hypodense | poorly enhancing | non-enhancing",
        "hypoattenuated | of reduced attenuation",
    ),
    "hyperdense": _either(
        "hyperdense | hyperattenuating | high-attenuation | high density | bright | "
        "enhancing | hypervascular | brighter | hyper-dense | hyper dense | increased "
        "attenuation | increased density | hyper-enhancing | hyperenhancing | "
        "high-density | denser | avidly enhancing | strongly enhancing",
        "hyperattenuated | of increased attenuation",
    ),
    "isodense": _either(
        "isodense | isoattenuating | barely visible | subtle | iso-dense | iso dense | "
        "faint | hardly visible",
        "isoattenuated",
    ),
    "cystic": _either(
        "cystic | cyst-like | fluid-density | water-attenuation | cystic appearing | "
        "fluid-filled | fluid density | water density | simple cystic | cyst like | "
        "fluid-containing",
        "fluid-attenuation",
    ),
    "cyst": _either(
        "cyst | liver cyst | hepatic cyst | simple cyst | hepatic simple cyst",
        "biliary cyst",
    ),
    "cysts": _either(
        "cysts | liver cysts | hepatic cysts | simple cysts | hepatic simple cysts",
        "biliary cysts",
    ),
    "round": _either(
        "round | rounded | round-like | spherical | round-shaped | globular",
        "roundish",
    ),
    "oval": _either(
        "oval | ovoid | elliptical | oval-shaped | ellipsoid | ovoid-shaped",
        "egg-shaped",
    ),
    "irregular": _either(
        "irregular | irregularly shaped | lobulated | patchy | multilobulated | lobular | "
        "bosselated",
        "of irregular shape",
    ),
    "well-defined": _either(
        "well-defined | sharply marginated | well-circumscribed | circumscribed | well "
        "defined | well-demarcated | sharply defined | well-marginated | sharp | "
        "clear-cut | well circumscribed | distinct",
        "clearly delineated",
    ),
    "ill-defined": _either(
        "ill-defined | poorly defined | indistinct | blurred | ill defined | poorly "
        "marginated | poorly demarcated | ill-demarcated | fuzzy | hazy | infiltrative | "
        "unsharp | poorly circumscribed",
        "vaguely delineated",
    ),
    "homogeneous": _either(
        "homogeneous | uniform | homogenous | homogeneously attenuating | evenly dense | "
        "homogenously dense",
        "even",
    ),
    "heterogeneous": _either(
        "heterogeneous | inhomogeneous | mixed | heterogenous | heterogeneously "
        "attenuating | non-homogeneous | complex | mottled | inhomogenous",
        "uneven",
    ),
    "lesion": _either(
        "lesion | nodule | mass | focus | tumor | tumour | metastasis | liver lesion | "
        "hepatic lesion | focal lesion | liver tumor | liver met | abnormality | finding "
        "| area | spot | malignancy | lesion of the liver | focal liver lesion | FLL | "
        "nodular lesion | mass lesion | hepatic nodule | hepatic mass | liver mass | "
        "liver nodule | hepatic metastasis | met | hepatic tumour | growth | lump | "
        "metastatic lesion | deposit | focal abnormality | hepatocellular carcinoma | HCC "
        "| secondary | suspicious lesion | hepatic focus | liver tumour | liver "
        "metastasis | tumor nodule | tumor mass | hemangioma | haemangioma | adenoma | "
        "FNH | focal nodular hyperplasia | cholangiocarcinoma | abscess | colorectal "
        "metastasis | CRLM | cancer | liver cancer | malignant lesion | benign lesion | "
        "hepatoma | HCC nodule | primary tumor | incidental lesion",
        "space-occupying lesion | neoplasm",
    ),
    # What is left where a side is ruled out.
    "anything": _either(
        "anything | everything | whatever there is | all | any lesion | each lesion | the others "
        "| the remaining ones | every one",
        "all there is",
    ),
    "lesions": _either(
        "lesions | nodules | masses | foci | tumors | tumours | metastases | mets | liver "
        "lesions | hepatic lesions | focal lesions | liver metastases | liver tumors | "
        "areas | findings | FLLs | nodular lesions | mass lesions | hepatic nodules | "
        "hepatic masses | liver masses | liver nodules | hepatic metastases | liver mets "
        "| metastatic lesions | deposits | focal liver lesions | spots | abnormalities | "
        "secondaries | liver tumours | hepatic tumours | suspicious lesions | hemangiomas | "
        "haemangiomas | adenomas | abscesses | colorectal metastases | CRLM | HCC nodules | "
        "benign lesions | malignant lesions | secondary deposits",
        "space-occupying lesions | neoplasms",
    ),
    "all": _either(
        "all | every one of the | all of the | the | all the | all visible | all these | "
        "any | multiple | several | all detected | all of these",
        "each of the",
    ),
    "2": _either(
        "both | two | the two | 2 | both of the | two separate | both these | the 2 | 2 separate",
        "the pair of",
    ),
    "3": _either(
        "three | all three | 3 | the three | all 3 | three separate | the 3",
        "a trio of",
    ),
    "largest": _either(
        "largest | biggest | dominant | larger | the largest | the biggest | the larger | "
        "the dominant | the bigger | bigger | the largest of the",
        "most sizeable",
    ),
    "smallest": _either(
        "smallest | tiniest | smaller | the smallest | the smaller | the tiniest | the "
        "smallest of the",
        "most minute",
    ),
    "most anterior": _either(
        "most anterior | anterior-most | frontmost | the most anterior | the "
        "anterior-most | most ventral",
        "foremost",
    ),
    "most posterior": _either(
        "most posterior | posterior-most | rearmost | the most posterior | the "
        "posterior-most | most dorsal",
        "hindmost",
    ),
    "subcapsular": _either(
        "subcapsular | peripheral | capsular | superficial | sub-capsular | at the "
        "capsule | near-surface | peripherally located | juxtacapsular",
        "capsule-abutting",
    ),
    "central": _either(
        "central | deep | intraparenchymal | centrally located | deeply located | deep "
        "intrahepatic | centrally placed | deep parenchymal",
        "deep-seated",
    ),
    "smaller than": _either(
        "< | smaller than | less than | under | below | smaller | up to | no more than",
        "not exceeding",
    ),
    "larger than": _either(
        "> | larger than | more than | over | greater than | bigger than | at least | above",
        "exceeding",
    ),
    "about": _either(
        "measuring | of | about | approx. | approximately | approx | ca. | circa | sized "
        "| with a diameter of | ~ | max diameter",
        "roughly",
    ),
    "large": _either(
        "large | big | sizeable | bulky | huge | sizable | very large | quite large",
        "voluminous",
    ),
    "small": _either(
        "small | tiny | little | minute | very small | rather small | punctate",
        "minuscule",
    ),
    # Where a lesion lies beside, and what became of it: nothing here measures that.
    "aside": _either(
        "near the dome | close to the gallbladder | adjacent to the gallbladder | next to the "
        "inferior vena cava | close to the IVC | near the porta hepatis | near the hilum | "
        "beneath the diaphragm | abutting the diaphragm | near the falciform ligament | next to "
        "the kidney | abutting the stomach | near the gallbladder fossa | beside the portal "
        "vein | close to a hepatic vein | new since the prior CT | unchanged in size | increased "
        "in size | stable | suspicious for malignancy | most likely benign | too small to "
        "characterise | with mass effect | concerning for metastasis | known from before",
        "in the vicinity of the gallbladder",
    ),
    "report": _either(
        "there is {a} {noun} {place} | CT shows {a} {noun} {place} | contrast-enhanced CT "
        "shows {a} {noun} {place} | {a} {noun} is seen {place} | {a} {noun} {place} is "
        "noted | segment {the} {noun} {place} | please outline {the} {noun} {place} | "
        "show me {the} {noun} {place} | delineate {the} {noun} {place} | find {the} "
        "{noun} {place} | evidence of {a} {noun} {place} | CT demonstrates {a} {noun} "
        "{place} | imaging shows {a} {noun} {place} | CT reveals {a} {noun} {place} | "
        "there is evidence of {a} {noun} {place} | {a} {noun} can be seen {place} | {a} "
        "{noun} is identified {place} | {a} {noun} {place} is visualised | findings: {a} "
        "{noun} {place} | impression: {noun} {place} | finding: {noun} {place} | liver: "
        "{noun} {place} | known {noun} {place} | follow-up of {the} {noun} {place} | "
        "highlight {the} {noun} {place} | mark {the} {noun} {place} | annotate {the} "
        "{noun} {place} | contour {the} {noun} {place} | measure {the} {noun} {place} | "
        "locate {the} {noun} {place} | outline {the} {noun} {place} | can you see {a} "
        "{noun} {place}? | what about {the} {noun} {place}? | is {a} {noun} present "
        "{place}? | any {noun} {place}? | where is {the} {noun} {place}? | {the} {noun} "
        "{place} please | status post chemotherapy, {a} {noun} remains {place} | s/p "
        "resection, now {a} {noun} {place} | portal venous phase CT shows {a} {noun} "
        "{place} | Contrast-enhanced CT: {a} {noun} is seen {place} | CECT: {noun} "
        "{place} | query {noun} {place} | ?{noun} {place} | susp. {noun} {place}",
        "{a} {noun} is depicted {place} | demonstration of {a} {noun} {place}",
    ),
    "texture clause": _either(
        "with {w} attenuation | {w} in density | with {w} density | of {w} attenuation | "
        "{w} internal density | which is {w} | with {w} enhancement | with {w} internal "
        "attenuation | appearing {w}",
        "of {w} texture",
    ),
    "margin clause": _either(
        "with {w} margins | with {w} borders | and {w} margins | {w} margin | with {w} "
        "contours | {w} margins | with {w} edges | with an {w} margin | its margins {w}",
        "bounded by {w} edges",
    ),
    "none": _either(
        "no {noun} {place} | no evidence of {a} {noun} {place} | without {noun} {place} | "
        "absence of {noun} {place} | no {noun} seen {place} | no {noun} is seen {place} | "
        "no {noun} detected {place} | no definite {noun} {place} | no focal {noun} "
        "{place} | negative for {noun} {place} | there is no {noun} {place} | no sign of "
        "{a} {noun} {place} | no suspicious {noun} {place} | no {noun} identified {place} "
        "| {noun} {place}: none | no visible {noun} {place} | no new {noun} {place} | CT "
        "shows no {noun} {place} | no residual {noun} {place} | {noun} not seen {place}",
        "free of any {noun} {place}",
    ),
    # Denials that speak of the organ.
    "healthy": _either(
        "{organ} unremarkable | {organ} is unremarkable | "
        "{organ} normal | {organ} is normal | {organ} is free of lesions | {organ} free of "
        "{noun} | {organ} without lesions | {organ} without {noun} | {organ} shows no {noun} | "
        "{organ} with no {noun} | nothing in {organ} | nothing focal in {organ} | {organ} has no "
        "{noun} | healthy {organ} | clean {organ} | {organ} is spared | {organ}: nothing | "
        "{organ}: no lesions | no abnormality in {organ} | {organ} does not contain any {noun} | "
        "there is nothing in {organ} | normal {organ} | {organ} appears normal",
        "{organ} is devoid of {noun}",
    ),
    "the left": _either(
        "left lobe | the left lobe | left hepatic lobe | the left hepatic lobe | left liver lobe | "
        "left liver | lt lobe | left side of the liver | the left side",
        "left hemiliver",
    ),
    "the right": _either(
        "right lobe | the right lobe | right hepatic lobe | the right hepatic lobe | right liver "
        "lobe | right liver | rt lobe | right side of the liver | the right side",
        "right hemiliver",
    ),
    "the liver": _either("liver | the liver | hepatic parenchyma | whole liver", "both lobes"),
    "reports": _either(
        "there are {noun} {place} | {noun} are seen {place} | {noun} {place} are noted | "
        "CT shows {noun} {place} | segment {noun} {place} | outline {noun} {place} | find "
        "{noun} {place} | show me {noun} {place} | mark {noun} {place} | are there {noun} "
        "{place}? | evidence of {noun} {place}",
        "{noun} are depicted {place}",
    ),
    "place first": _either(
        "{place} there is {a} {noun} | {place}, there is {a} {noun} | {place}, {a} {noun} "
        "is seen | {place}: {noun} | contrast-enhanced CT: {place}, there is {a} {noun}",
        "{place} one finds {a} {noun}",
    ),
}

ORGAN = split_words(
    "liver | whole liver | the liver | entire liver | liver parenchyma | hepatic "
    "parenchyma | outline the liver | liver organ | hepatic organ | liver outline | the "
    "whole liver | segment the liver | complete liver | liver mask | both lobes of the "
    "liver"
)

# Findings that no liver lesion is; an answer must be empty.
