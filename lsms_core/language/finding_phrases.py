"""Phrases for kinds of lesions and their appearance, mostly from LI-RADS and report templates."""

from __future__ import annotations

from lsms_core.language.phrases import Kind, Vocabulary, by_value, entries

_LESION = (
    "lesion | nodule | tumor | tumour | metastasis | metastatic disease | metastatic deposit | "
    "met | malignancy | neoplasm | neoplasia | space-occupying lesion | space occupying lesion | "
    "SOL | FLL | focal abnormality | focal finding | nodularity | metastatic nodule | laesion | "
    "micronodule | pseudolesion | incidentaloma | nodul | nod | tumefaction | tumourlet | hepatic "
    "disease | liver disease | focal disease | macronodule | malignant disease | metastatic "
    "spread | metastatic involvement | tumour burden | tumor burden"
)
_LESIONS = (
    "lesions | nodules | tumors | tumours | metastases | mets | malignancies | neoplasms | SOLs | "
    "space-occupying lesions | space occupying lesions | FLLs | metastatic deposits | "
    "micronodules | focal abnormalities | focal findings | nods | laesions | metastasises | "
    "metastatic nodules | metastasis's | incidentalomas | macronodules | neoplasias"
)
# Ordinary words, too, that say little by themselves.
_WEAK_LESION = (
    "mass | focus | area | spot | finding | growth | lump | deposit | secondary | process | "
    "abnormality | wedge | thing | something | structure | shadow | patch | region | zone | blob | "
    "dot | "
    "implant | involvement | seed | speck | fleck | space | anomaly | defect | disease | target | "
    "disease focus | pathology"
)
_WEAK_LESIONS = (
    "masses | foci | areas | spots | findings | growths | lumps | deposits | secondaries | "
    "processes | abnormalities | things | structures | shadows | patches | regions | zones | "
    "blobs | dots | implants | seeds | specks | flecks | spaces | anomalies | defects | targets | "
    "pathologies"
)
# Diagnoses: they name a lesion, but the diagnosis itself cannot be measured.
_DIAGNOSIS = (
    "hcc | hepatocellular carcinoma | hepatocellular cancer | hepatoma | haemangioma | hemangioma "
    "| cavernous haemangioma | cavernous hemangioma | adenoma | hepatic adenoma | hepatocellular "
    "adenoma | fnh | focal nodular hyperplasia | cholangiocarcinoma | icc | abscess | "
    "microabscess | crlm | cancer | carcinoma | lymphoma | sarcoma | angiosarcoma | hamartoma | "
    "granuloma | biloma | hematoma | haematoma | seroma | angiomyolipoma | lipoma | infarct | "
    "infarction | laceration | contusion | dysplastic nodule | regenerative nodule | cystadenoma "
    "| cystadenocarcinoma | lymphangioma | scar | recurrence | ablation zone | ablation cavity | "
    "ablation site | ablation area | ablation defect | resection cavity | bleeding | haemorrhage "
    "| hemorrhage | collection | lesion of unknown origin | malignant tumour | malignant tumor | "
    "neuroendocrine tumour | neuroendocrine tumor | net | melanoma | gist | primary | phlegmon | "
    "hepatoblastoma | peliosis | echinococcus | fatty sparing | focal fatty sparing | focal fat | "
    "focal fatty infiltration | perfusion defect | perfusion anomaly | perfusion abnormality | "
    "thad | transient hepatic attenuation difference | liver abscess | cyst-adenoma | lira | "
    "hemorrhagic focus | confluent fibrosis | inflammatory pseudotumour | inflammatory "
    "pseudotumor | tumour recurrence | tumor recurrence | residual tumour | residual tumor | "
    "biliary hamartoma | teratoma | myelolipoma | leiomyoma | fibroma | hemangioendothelioma | "
    "haemangioendothelioma | amoebic abscess | pyogenic abscess | satellite | satellite nodule | "
    "satellite lesion | daughter nodule | tumour deposit | tumor deposit | adenocarcinoma | "
    "carcinoid | insulinoma metastasis | fluid collection | malignant mass | angioma"
)
_DIAGNOSES = (
    "hccs | hepatocellular carcinomas | hepatomas | haemangiomas | hemangiomas | haemangiomata | "
    "hemangiomata | adenomas | fnhs | cholangiocarcinomas | abscesses | microabscesses | crlms | "
    "cancers | carcinomas | hamartomas | granulomas | granulomata | bilomas | haematomas | "
    "hematomas | infarcts | angiomyolipomas | lipomas | regenerative nodules | dysplastic nodules "
    "| lacerations | ablation zones | ablation cavities | satellites | satellite nodules | "
    "satellite lesions | daughter nodules | scars | collections | fluid collections | lymphomas | "
    "biliary hamartomas | neuroendocrine tumours | neuroendocrine tumors | recurrences | "
    "infarctions | angiomas | cystadenomas"
)
_CYST = (
    "cyst | simple cyst | biliary cyst | cystic lesion | cystoid | unilocular cyst | liver cyst | "
    "hepatic cyst | simple hepatic cyst | simple liver cyst | bile cyst | benign cyst | "
    "simple-appearing cyst | simple appearing cyst"
)
_CYSTS = (
    "hepatic cysts | simple hepatic cysts | simple liver cysts | cysts | simple cysts | biliary "
    "cysts | liver cysts | bile cysts | benign cysts"
)
_UNREAD_CYST = "hydatid cyst | echinococcal cyst | parasitic cyst | hydatid | haemorrhagic cyst | "
_UNREAD_CYST += "hemorrhagic cyst | complex cyst | complicated cyst | infected cyst | septated cyst"

_LOW = "low | lower | lowered | reduced | decreased | diminished | less"
_HIGH = "high | higher | raised | increased | elevated | more"
_SAME = "same | the same | similar | equal | identical | comparable"
_MEASURES = (
    "attenuation",
    "density",
    "att",
    "attenuating",
    "dense",
    "enhancement",
    "enhancing",
    "signal",
)


def _prefixed(prefix: str) -> str:
    """Return the ways to write "hypo-attenuating" and the like in two words."""
    ends = ("dense", "attenuating", "attenuated", "attenuation", "enhancing", "dens", "density")
    return " | ".join(f"{prefix} {end}" for end in (*ends, "atten", "enhanced"))


def _measured(words: str) -> str:
    """Return each of these words before each of the words for attenuation."""
    phrases = []
    for word in (w.strip() for w in words.split("|")):
        phrases += [f"{word} {measure}" for measure in _MEASURES]
        phrases += [f"{word} in attenuation", f"{word} in density", f"{word} on attenuation"]
        phrases += [f"{word} hu", f"{word} hounsfield values", f"{word} attenuation values"]
        phrases += [f"{measure} {word}" for measure in _MEASURES[:2]]
        phrases += [f"{word} densities", f"{word} atten", f"{word} absorption", f"{word} dens"]
    return " | ".join(phrases)


_ATTENUATION = {
    "hypodense": _measured(_LOW)
    + f" | {_prefixed('hypo')}"
    + " | hypodense | hypoattenuating | hypoattenuated | hypoattenuation | hypo | hypodens | "
    "hypoenhancing | hypoenhanced | dark | darker | darkish | lucent | hypolucent "
    "| radiolucent | hypodensic | poorly enhancing | non enhancing | nonenhancing | unenhancing | "
    "dim | dimmer | less bright | black | blacker | hypoatten | lowattenuation | lowdensity | "
    "enhances less | enhancing less | weakly enhancing | less opaque | reduced-attenuation | "
    "hypodense appearing | deficient enhancement | poor enhancement | appears dark | looks dark",
    "hyperdense": _measured(_HIGH)
    + f" | {_prefixed('hyper')}"
    + " | hyperdense | hyperattenuating | hyperattenuated | hyperattenuation | hyperdens | hyper | "
    "hyperenhancing | hyperenhanced | bright | brighter | dense | denser | "
    "enhancing | avidly enhancing | strongly enhancing | avid enhancement | strong enhancement | "
    "radiopaque | radiodense | radio-opaque | opaque | hyperdensic | white | whiter | more opaque "
    "| brightly enhancing | vividly enhancing | intensely "
    "enhancing | intense enhancement | marked enhancement | markedly enhancing | enhances more | "
    "enhancing more | more radiopaque | hyperatten | highattenuation | highdensity "
    "| less dark | vivid enhancement | hyperenhancement | more avid",
    "isodense": " | ".join(
        f"{same} {measure}"
        for same in ("same", "the same", "similar", "equal", "identical", "comparable")
        for measure in ("attenuation", "density", "enhancement", "brightness", "attenuation values")
    )
    + f" | {_prefixed('iso')}"
    + " | isodense | isoattenuating | isoattenuated | isoattenuation | iso | isodens | isoenhancing"
    " | barely visible | hardly visible | nearly invisible | subtle | faint | faintly visible | "
    "barely different | hard to see | hard to tell | poorly visible | blends into | blending into "
    "| scarcely visible | barely discernible | barely perceptible | hardly separable | almost "
    "invisible | just visible | isodensity | inconspicuous | hardly discernible | equally dense | "
    "as dense | as bright | as dark | attenuation equal | density equal | equal in attenuation | "
    "equal in density | similar in attenuation | similar in density | attenuation similar | "
    "density similar | barely recognisable | indistinguishable | faintly seen | invisible | "
    "hardly "
    "seen | barely seen",
    "cystic": " | ".join(
        f"{water} {measure}"
        for water in ("water", "fluid", "near-water", "near water", "simple fluid", "near-fluid",
                      "clear fluid", "liquid", "watery", "cyst", "cystic", "serous")
        for measure in ("attenuation", "density", "attenuating", "dense", "hu", "filled", "content",
                        "contents", "containing", "equivalent", "isodense", "like")
    )
    + " | cystic | cyst-like | cystlike | cystiform | fluid-filled | fluid filled | filled with "
    "fluid | fluid-containing | containing fluid | containing clear fluid | containing simple "
    "fluid | cystic appearing | cystic-appearing | with simple fluid | simple fluid | fluid "
    "inside | watery | filled with water | near zero hu | attenuation of water | attenuation of "
    "fluid | density of water | density of fluid | attenuation of clear fluid | water like | "
    "attenuation values near water | attenuation near water | attenuation close to water | as "
    "fluid | like fluid | like water | filled with clear fluid | fluidlike | isodense to water | "
    "isodense to fluid | fluid | kystic | zystic | cystically | full of fluid | full of water | "
    "fluid-like | "
    "liquid",
}  # fmt: skip

_SHAPE = {
    "round": "round | rounded | spherical | spheric | globular | circular | roundish | rounded "
    "shape | round-shaped | round shape | ball-shaped | ball-like | round-like | sphere-shaped | "
    "orb-like | coin-shaped | disc-shaped | disk-shaped | nummular | spheroid | spheroidal | "
    "ball shaped",
    "oval": "oval | ovoid | elliptical | elliptic | ellipsoid | egg-shaped | oval-shaped | "
    "ovoid-shaped | ellipsoidal | ovular | ovate | oval shape | bean-shaped | lenticular | oblong "
    "| oval in shape | ovoid in shape | oblong-shaped | spindle-shaped | elongated",
    "lobulated": "lobulated | lobular | multilobulated | polylobulated | bosselated | multi-"
    "lobulated | lobulated shape | lobulated contour | lobulated contours | lobulated outline | "
    "lobulated margins | lobulated margin | lobulated borders | lobulated border | polylobular | "
    "bilobed | multilobed | multilobular | microlobulated | macrolobulated | lobulation | "
    "lobulations | cloverleaf | cauliflower-like | cauliflower | lobulated edge | lobulated edges "
    "| polycyclic | scalloped | bumpy | multi-lobular",
    "irregular": "irregular | irregularly shaped | irregular shape | irregular contour | irregular "
    "contours | irregular outline | irregular margins | irregular margin | irregular borders | "
    "irregular border | irregularly outlined | irregularly contoured | of irregular shape | "
    "patchy | misshapen | amorphous | asymmetrical shape | jagged | irregularly marginated | "
    "irregular edge | irregular edges | irregular in shape | ragged | irregular form | unevenly "
    "shaped | "
    "irregularity | irregularly-shaped | angular | geographic | stellate",
}

_EDGES = ("margin", "margins", "border", "borders", "edge", "edges", "outline", "contour",
          "contours", "outlines", "boundary", "boundaries", "rim", "demarcation")  # fmt: skip


def _edged(words: str) -> str:
    """Return these words before each of the words for a border, and behind them."""
    listed = [w.strip() for w in words.split("|")]
    return " | ".join(
        phrase for w in listed for edge in _EDGES for phrase in (f"{w} {edge}", f"{edge} {w}")
    )


_SHARP = "sharp | clear | well-defined | distinct | smooth | crisp | clean | clear-cut | discrete"
_SHARP += " | well defined | definite | well-demarcated"
_BLURRED = "ill-defined | blurred | indistinct | fuzzy | hazy | unsharp | poorly defined | vague | "
_BLURRED += "poor | unclear | infiltrative | indefinite | blurry | obscured | ill defined | soft"
_MARGIN = {
    "well-defined": _edged(_SHARP)
    + " | "
    + " | ".join(
        f"{how} {what}"
        for how in ("well", "sharply", "clearly", "crisply", "distinctly", "nicely", "cleanly")
        for what in ("defined", "circumscribed", "demarcated", "marginated", "delineated",
                     "outlined", "delimited", "bordered", "contoured", "bounded", "limited")
    )
    + " | circumscribed | sharp | distinct | clear-cut | crisp | smoothly marginated | encapsulated"
    " | discrete | demarcated | smooth | smooth-walled | welldefined | wellcircumscribed | "
    "sharp-edged | smoothly outlined | smoothly contoured | clearly bounded",
    "ill-defined": _edged(_BLURRED)
    + " | "
    + " | ".join(
        f"{how} {what}"
        for how in ("ill", "poorly", "vaguely", "indistinctly", "badly", "not well",
                    "not sharply", "not clearly", "diffusely", "unclearly", "imprecisely",
                    "incompletely", "hazily")
        for what in ("defined", "circumscribed", "demarcated", "marginated", "delineated",
                     "outlined", "delimited", "bordered", "contoured", "bounded", "limited")
    )
    + " | indistinct | blurred | blurry | fuzzy | hazy | infiltrative | infiltrating | unsharp | "
    "vague | illdefined | ill-marginated | not circumscribed | non-circumscribed | borders fade "
    "away | margins fade away | fading margins | fading borders | without clear margins | without "
    "clear borders | without sharp margins | without sharp borders | no clear margins | no clear "
    "border | no clear borders | no sharp margin | no clear margin | uncircumscribed | smudgy | "
    "ill circumscribed | undefined margins | non-discrete | nebulous | indiscrete",
}  # fmt: skip

_TEXTURE = {
    "homogeneous": "homogeneous | homogenous | uniform | homogeneously attenuating | evenly dense "
    "| homogenously dense | homogeneously dense | homogenously attenuating | even | uniformly | "
    "homogeneously | homogenously | evenly | homogeneously enhancing | homogenously enhancing | "
    "uniformly enhancing | homogeneous enhancement | homogenous enhancement | uniform enhancement "
    "| uniform attenuation | homogeneous attenuation | uniform density | homogeneous density | "
    "homogeneous texture | uniform texture | even texture | of even texture | uniform throughout "
    "| featureless | not heterogeneous | non-heterogeneous | homogen | even density | even "
    "attenuation | evenly enhancing | monotonous | consistent density | evenly attenuating",
    "heterogeneous": "heterogeneous | heterogenous | inhomogeneous | inhomogenous | "
    "heterogeneously attenuating | non-homogeneous | nonhomogeneous | complex | mottled | mixed | "
    "mixed attenuation | mixed density | uneven | heterogeneously | inhomogeneously | "
    "heterogeneously enhancing | heterogeneous enhancement | inhomogeneous enhancement | uneven "
    "density | uneven attenuation | of uneven texture | uneven texture | heterogeneous texture | "
    "variegated | mosaic | patchy enhancement | patchy attenuation | variable attenuation | "
    "variable density | heterogenously | heterogenously enhancing | heterogeneous attenuation | "
    "heterogeneous density | inhomogeneous density | inhomogeneous attenuation | not homogeneous "
    "| not uniform | non-uniform | nonuniform | heterogen | unevenly dense | unevenly enhancing | "
    "marbled | speckled | mixed-attenuation | mixed texture | heterogenicity | heterogeneity | "
    "inhomogeneity | varied attenuation | varying density | varying attenuation | uneven "
    "enhancement | internal heterogeneity | unevenly attenuating | unevenly",
}

_MAGNITUDE = {
    "large": "large | big | sizeable | sizable | bulky | huge | voluminous | massive | giant | "
    "enormous | good-sized | large-sized | large sized | considerable | great | extensive | big-"
    "sized | bigger sized | substantial",
    "small": "small | tiny | little | minute | punctate | minuscule | miniscule | diminutive | "
    "minor | pinpoint | small-sized | small sized | smallish | miliary | pinhead | wee | "
    "pin-point "
    "| miniature | microscopic | teeny",
}


def _whichever(names: str) -> str:
    """Return "whichever is larger" and the like."""
    return " | ".join(
        f"{which} is{the} {name.strip()}{one}"
        for which in ("whichever", "which ever", "whichever one", "whichever of them")
        for name in names.split("|")
        for the in ("", " the")
        for one in ("", " one")
    )


_RANK = {
    "largest": f"{_whichever('larger | largest | bigger | biggest | greater')} | "
    "largest | biggest | greatest | dominant | most sizeable | most sizable | bulkiest "
    "| index | hugest | main | principal | largest-sized | largest in size | biggest in size | "
    "largest by diameter | largest by size | largest diameter | greatest diameter | maximum "
    "diameter | predominant | largest single | single largest | the most voluminous | most "
    "voluminous | most bulky | maximal | longest | widest | leading | max size | largest size | "
    "greatest size | with the largest diameter | with the greatest diameter | leading in size | "
    "largest dimension | most massive | chief",
    "smallest": f"{_whichever('smaller | smallest | tiniest')} | "
    "smallest | tiniest | littlest | least | most minute | single smallest | smallest "
    "in size | smallest by diameter | smallest diameter | minutest | shortest | most diminutive | "
    "smallest-sized | smallest size | least sizeable | minimal | smallest in diameter | teeniest",
    "most anterior": "most anterior | anterior most | anteriormost | frontmost | foremost | most "
    "ventral | ventral most | ventralmost | furthest anterior | farthest anterior | furthest "
    "forward | farthest forward | furthest to the front | nearest the front | nearest to the "
    "front | closest to the front | furthest in front | most frontal | most forward | furthest "
    "ventral | nearest the anterior abdominal wall | closest to the anterior abdominal wall | "
    "closest to the abdominal wall | nearest the abdominal wall | front-most | farthest to the "
    "front | farthest ventral | furthest anteriorly | most anteriorly | closest to the belly | "
    "most anteriorly located | most anteriorly situated | most anteriorly placed | furthest front "
    "| nearest the "
    "anterior wall | most ventrally located | front-facing",
    "most posterior": "most posterior | posterior most | posteriormost | rearmost | hindmost | "
    "most dorsal | dorsal most | dorsalmost | furthest posterior | farthest posterior | furthest "
    "back | farthest back | furthest to the back | nearest the back | nearest to the back | "
    "closest to the back | nearest the spine | closest to the spine | nearest to the spine | "
    "closest to the vertebrae | furthest dorsal | backmost | rear-most | farthest to the back | "
    "furthest behind | furthest posteriorly | most posteriorly | most posteriorly located | most "
    "posteriorly situated | most posteriorly placed | most dorsally located | closest to the "
    "vertebral column | furthest to the rear | farthest dorsal | back-most",
    "most superior": "most superior | superior most | superiormost | uppermost | upmost | topmost "
    "| highest | most cranial | most cephalad | most cephalic | cranial most | cranialmost | "
    "furthest up | farthest up | furthest cranial | nearest the head | closest to the head | "
    "furthest superior | closest to the diaphragm | nearest the diaphragm | nearest to the "
    "diaphragm | highest-lying | highest lying | upper most | top most | most superiorly | most "
    "superiorly located | most cranially located | furthest cephalad | most superiorly situated | "
    "highest up | highest located | most cranially | most cranially situated | nearest the top | "
    "closest to the top | at the very top | cephalad-most | most rostral | furthest to the top",
    "most inferior": "most inferior | inferior most | inferiormost | lowest | lowermost | "
    "bottommost | most caudal | most caudad | caudal most | caudalmost | furthest down | farthest "
    "down | furthest caudal | nearest the feet | closest to the feet | furthest inferior | "
    "undermost | lowest-lying | lowest lying | bottom most | lower most | most inferiorly | most "
    "inferiorly located | most caudally located | most inferiorly situated | lowest down | lowest "
    "located | most caudally | most caudally situated | nearest the bottom | closest to the "
    "bottom "
    "| at the very bottom | caudad-most | closest to the pelvis | nearest the pelvis",
}

FINDINGS: Vocabulary = dict(
    (
        *entries(Kind.LESION, _WEAK_LESION, weak=True),
        *entries(Kind.LESION, _WEAK_LESIONS, plural=True, weak=True),
        *entries(Kind.LESION, _LESION),
        *entries(Kind.LESION, _LESIONS, plural=True),
        *entries(Kind.LESION, _DIAGNOSIS, unread=True),
        *entries(Kind.LESION, _DIAGNOSES, unread=True, plural=True),
        *entries(Kind.LESION, _CYST, "cystic"),
        *entries(Kind.LESION, _CYSTS, "cystic", plural=True),
        *entries(Kind.LESION, _UNREAD_CYST, "cystic", unread=True),
        *entries(Kind.LESION, "hydatid cysts | complex cysts", "cystic", unread=True, plural=True),
        *entries(Kind.LESION, "hypodensity | low density focus | lucency", "hypodense"),
        *entries(Kind.LESION, "hypodensities | lucencies", "hypodense", plural=True),
        *entries(Kind.LESION, "hyperdensity", "hyperdense"),
        *entries(Kind.LESION, "hyperdensities", "hyperdense", plural=True),
        *entries(
            Kind.ONE,
            "one | ones | those | them | whichever | anything | whatever | that one | this one | "
            "anything suspicious | whatever there is | elsewhere | several elsewhere | some "
            "elsewhere | many elsewhere | others elsewhere | a few elsewhere | but elsewhere",
        ),
        *by_value(Kind.ATTENUATION, _ATTENUATION),
        *by_value(Kind.SHAPE, _SHAPE, weak=True),
        *by_value(Kind.MARGIN, _MARGIN, weak=True),
        *by_value(Kind.TEXTURE, _TEXTURE, weak=True),
        *by_value(Kind.MAGNITUDE, _MAGNITUDE, weak=True),
        *by_value(Kind.RANK, _RANK, weak=True),
    )
)
# Comparatives that rank where nothing follows them: "the larger of the two".
COMPARATIVES = {
    "larger": "largest", "bigger": "largest", "greater": "largest", "smaller": "smallest",
    "lesser": "smallest", "tinier": "smallest", "bulkier": "largest", "longer": "largest",
    "upper": "most superior", "lower": "most inferior", "higher": "most superior",
}  # fmt: skip
