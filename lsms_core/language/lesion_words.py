"""Words for the appearance of lesions: attenuation, shape, margin, texture, size and rank.

Most follow the LI-RADS lexicon and the wording of common report templates.
"""

from __future__ import annotations

from lsms_core.language.word_lists import Words, either

LESIONS: dict[str, Words] = {
    "hypodense": either(
        "hypodense | hypoattenuating | low-attenuation | low attenuation | low density | "
        "low-density | dark | hypo | hypodens | darker | hypo-dense | hypo dense | "
        "low attenuating | decreased attenuation | decreased density | hypo-enhancing | "
        "hypoenhancing | less dense | slightly hypodense | markedly hypodense | poorly enhancing "
        "| non-enhancing",
        "hypoattenuated | of reduced attenuation",
    ),
    "hyperdense": either(
        "hyperdense | hyperattenuating | high-attenuation | high density | bright | enhancing | "
        "brighter | hyper-dense | hyper dense | increased attenuation | increased "
        "density | hyper-enhancing | hyperenhancing | high-density | denser | avidly enhancing | "
        "strongly enhancing",
        "hyperattenuated | of increased attenuation",
    ),
    "isodense": either(
        "isodense | isoattenuating | barely visible | subtle | iso-dense | iso dense | faint | "
        "hardly visible",
        "isoattenuated",
    ),
    "cystic": either(
        "cystic | cyst-like | fluid-density | water-attenuation | cystic appearing | fluid-filled "
        "| fluid density | water density | simple cystic | cyst like | fluid-containing",
        "fluid-attenuation",
    ),
    "cyst": either(
        "cyst | liver cyst | hepatic cyst | simple cyst | hepatic simple cyst",
        "biliary cyst",
    ),
    "cysts": either(
        "cysts | liver cysts | hepatic cysts | simple cysts | hepatic simple cysts",
        "biliary cysts",
    ),
    "round": either(
        "round | rounded | round-like | spherical | round-shaped | globular",
        "roundish",
    ),
    "oval": either(
        "oval | ovoid | elliptical | oval-shaped | ellipsoid | ovoid-shaped",
        "egg-shaped",
    ),
    "irregular": either(
        "irregular | irregularly shaped | patchy | irregular-shaped",
        "of irregular shape",
    ),
    "lobulated": either(
        "lobulated | multilobulated | lobular | bosselated",
        "scalloped",
    ),
    "well-defined": either(
        "well-defined | sharply marginated | well-circumscribed | circumscribed | well defined | "
        "well-demarcated | sharply defined | well-marginated | sharp | clear-cut | well "
        "circumscribed | distinct",
        "clearly delineated",
    ),
    "ill-defined": either(
        "ill-defined | poorly defined | indistinct | blurred | ill defined | poorly marginated | "
        "poorly demarcated | ill-demarcated | fuzzy | hazy | infiltrative | unsharp | poorly "
        "circumscribed",
        "vaguely delineated",
    ),
    "homogeneous": either(
        "homogeneous | uniform | homogenous | homogeneously attenuating | evenly dense | "
        "homogenously dense",
        "even",
    ),
    "heterogeneous": either(
        "heterogeneous | inhomogeneous | mixed | heterogenous | heterogeneously attenuating | "
        "non-homogeneous | complex | mottled | inhomogenous",
        "uneven",
    ),
    "lesion": either(
        "lesion | nodule | mass | focus | tumor | tumour | metastasis | liver lesion | hepatic "
        "lesion | focal lesion | liver tumor | liver met | abnormality | finding | area | spot | "
        "malignancy | lesion of the liver | focal liver lesion | FLL | nodular lesion | mass "
        "lesion | hepatic nodule | hepatic mass | liver mass | liver nodule | hepatic metastasis "
        "| met | hepatic tumour | growth | lump | metastatic lesion | deposit | focal abnormality "
        "| hepatocellular carcinoma | HCC | secondary | suspicious lesion | hepatic focus | liver "
        "tumour | liver metastasis | tumor nodule | tumor mass | hemangioma | haemangioma | "
        "adenoma | FNH | focal nodular hyperplasia | cholangiocarcinoma | abscess | colorectal "
        "metastasis | CRLM | cancer | liver cancer | malignant lesion | benign lesion | hepatoma "
        "| HCC nodule | primary tumor | incidental lesion | liver abnormality | hepatic "
        "abnormality | hepatic deposit | thing | something | lesion seen | process",
        "space-occupying lesion | neoplasm",
    ),
    # What is left where a side is ruled out.
    "anything": either(
        "anything | everything | whatever there is | all | any lesion | each lesion | the others "
        "| the remaining ones | every one",
        "all there is",
    ),
    "lesions": either(
        "lesions | nodules | masses | foci | tumors | tumours | metastases | mets | liver lesions "
        "| hepatic lesions | focal lesions | liver metastases | liver tumors | areas | findings | "
        "FLLs | nodular lesions | mass lesions | hepatic nodules | hepatic masses | liver masses "
        "| liver nodules | hepatic metastases | liver mets | metastatic lesions | deposits | "
        "focal liver lesions | spots | abnormalities | secondaries | liver tumours | hepatic "
        "tumours | suspicious lesions | hemangiomas | haemangiomas | adenomas | abscesses | "
        "colorectal metastases | CRLM | HCC nodules | benign lesions | malignant lesions | "
        "secondary deposits | liver deposits | things | lesions seen",
        "space-occupying lesions | neoplasms",
    ),
    "all": either(
        "all | every one of the | all of the | the | all the | all visible | all these | any | "
        "multiple | several | all detected | all of these",
        "each of the",
    ),
    "2": either(
        "both | two | the two | 2 | both of the | two separate | both these | the 2 | 2 separate",
        "the pair of",
    ),
    "3": either(
        "three | all three | 3 | the three | all 3 | three separate | the 3",
        "a trio of",
    ),
    "largest": either(
        "largest | biggest | dominant | larger | the largest | the biggest | the larger | the "
        "dominant | the bigger | bigger | the largest of the | greatest | single largest",
        "most sizeable",
    ),
    "smallest": either(
        "smallest | tiniest | smaller | the smallest | the smaller | the tiniest | the smallest "
        "of the | least | single smallest",
        "most minute",
    ),
    "most anterior": either(
        "most anterior | anterior-most | frontmost | the most anterior | the anterior-most | most "
        "ventral | furthest anterior | nearest the front | closest to the front",
        "foremost",
    ),
    "most posterior": either(
        "most posterior | posterior-most | rearmost | the most posterior | the posterior-most | "
        "most dorsal | furthest posterior | nearest the spine | closest to the spine",
        "hindmost",
    ),
    # A superlative by itself; {w} in the words around it.
    "plain largest": either("largest | biggest", "most sizeable"),
    "plain smallest": either("smallest | tiniest", "most minute"),
    "plain most anterior": either("most anterior | most ventral", "foremost"),
    "plain most posterior": either("most posterior | most dorsal", "hindmost"),
    "plain most superior": either("most superior | uppermost | highest", "topmost"),
    "plain most inferior": either("most inferior | lowermost | lowest", "bottommost"),
    "second": either("second {w} | 2nd {w} | the second {w}", "the 2nd {w}"),
    "third": either("third {w} | 3rd {w} | the third {w}", "the 3rd {w}"),
    "first 2": either("two {w} | 2 {w} | the two {w}", "the 2 {w}"),
    "first 3": either("three {w} | 3 {w} | the three {w}", "the 3 {w}"),
    "all but": either(
        "all but the {w} | all except the {w} | everything but the {w} | all apart from the {w}",
        "all save the {w}",
    ),
    "subcapsular": either(
        "subcapsular | peripheral | capsular | superficial | sub-capsular | at the capsule | "
        "near-surface | peripherally located | juxtacapsular",
        "capsule-abutting",
    ),
    "central": either(
        "central | deep | intraparenchymal | centrally located | deeply located | deep "
        "intrahepatic | centrally placed | deep parenchymal",
        "deep-seated",
    ),
    "smaller than": either(
        "< | smaller than | less than | under | below | smaller | up to | no more than | at most "
        "| maximum | measuring less than | max.",
        "not exceeding",
    ),
    "larger than": either(
        "> | larger than | more than | over | greater than | bigger than | at least | above | "
        "measuring more than | min.",
        "exceeding",
    ),
    "between": either(
        "larger than {low} but smaller than {high} | over {low} but under {high} | more than "
        "{low} but less than {high}",
        "above {low} but below {high}",
    ),
    "about": either(
        "measuring | of | about | approx. | approximately | approx | ca. | circa | sized | with a "
        "diameter of | ~ | max diameter | about the size of | spanning | with a size of | size",
        "roughly",
    ),
    "large": either(
        "large | big | sizeable | bulky | huge | sizable | very large | quite large",
        "voluminous",
    ),
    "small": either(
        "small | tiny | little | minute | very small | rather small | punctate",
        "minuscule",
    ),
    "hypodense clause": either(
        "of low attenuation | of low density | darker than the liver | of lower density than the "
        "liver | which is darker than the liver | less dense than normal liver | that enhances "
        "less than the liver | low in density | with reduced enhancement | showing low "
        "attenuation | lower in attenuation than the parenchyma | that appears dark | hypodense "
        "to the liver | hypoattenuating relative to the parenchyma | with decreased enhancement | "
        "less bright than the liver",
        "dimmer than the liver",
    ),
    "hyperdense clause": either(
        "of high attenuation | of high density | brighter than the liver | of higher density than "
        "the liver | which is brighter than the liver | denser than normal liver | that enhances "
        "more than the liver | high in density | with avid enhancement | showing high attenuation "
        "| higher in attenuation than the parenchyma | that appears bright | hyperdense to the "
        "liver | hyperattenuating relative to the parenchyma | with strong enhancement",
        "more radiopaque than the liver",
    ),
    "isodense clause": either(
        "of the same attenuation as the liver | hard to tell from the liver | that blends into "
        "the parenchyma | isodense to the liver | as dense as the liver | with attenuation equal "
        "to the liver | barely different from the parenchyma | hard to see | poorly visible "
        "against the liver",
        "nearly invisible against the liver",
    ),
    "cystic clause": either(
        "of fluid attenuation | of water density | containing clear fluid | filled with fluid | "
        "with fluid attenuation | with attenuation values near water | fluid inside | of fluid "
        "density | with simple fluid | likely a cyst | that is a cyst",
        "with watery contents",
    ),
}
