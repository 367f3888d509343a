"""Sentences, clauses and denials, with fields for what they speak of."""

from __future__ import annotations

from lsms_core.language.word_lists import Words, either

SENTENCES: dict[str, Words] = {
    # Properties of a lesion that are not measured: they have no effect.
    "besides": either(
        "calcified | partly calcified | necrotic | centrally necrotic | haemorrhagic | "
        "hemorrhagic | rim-enhancing | treated | ablated | embolised | residual | recurrent | "
        "indeterminate | solid | septated | multiloculated | target-like | fat-containing | fatty "
        "| enlarging | growing | enlarged | prominent | conspicuous | confluent | exophytic | "
        "biopsied | known | new | stable | inflamed | infected | obstructing | compressing | "
        "displaced | scarred | atypical | suspicious | benign-looking | malignant-looking | "
        "calcifying | thick-walled",
        "partially ossified",
    ),
    "phase": either(
        "arterial phase: | portal venous phase: | in the arterial phase, | in the portal venous "
        "phase: | delayed phase, | venous phase: | on the native scan, | late arterial phase | "
        "contrast-enhanced scan: | CT abdomen: | indication staging, | history of colon cancer, | "
        "abdominal pain, | follow-up: | biopsy target: | 64 year old man with | compared to last "
        "year:",
        "hepatobiliary phase:",
    ),
    # Neighbouring structures, and changes over time: not measured.
    "aside": either(
        "near the dome | close to the gallbladder | adjacent to the gallbladder | next to the "
        "inferior vena cava | close to the IVC | near the porta hepatis | near the hilum | "
        "beneath the diaphragm | abutting the diaphragm | near the falciform ligament | next to "
        "the kidney | abutting the stomach | near the gallbladder fossa | beside the portal vein "
        "| close to a hepatic vein | new since the prior CT | unchanged in size | increased in "
        "size | stable | suspicious for malignancy | most likely benign | too small to "
        "characterise | with mass effect | concerning for metastasis | known from before",
        "in the vicinity of the gallbladder",
    ),
    "report": either(
        "there is {a} {noun} {place} | CT shows {a} {noun} {place} | contrast-enhanced CT shows "
        "{a} {noun} {place} | {a} {noun} is seen {place} | {a} {noun} {place} is noted | segment "
        "{the} {noun} {place} | please outline {the} {noun} {place} | show me {the} {noun} "
        "{place} | delineate {the} {noun} {place} | find {the} {noun} {place} | evidence of {a} "
        "{noun} {place} | CT demonstrates {a} {noun} {place} | imaging shows {a} {noun} {place} | "
        "CT reveals {a} {noun} {place} | there is evidence of {a} {noun} {place} | {a} {noun} can "
        "be seen {place} | {a} {noun} is identified {place} | {a} {noun} {place} is visualised | "
        "findings: {a} {noun} {place} | impression: {noun} {place} | finding: {noun} {place} | "
        "liver: {noun} {place} | known {noun} {place} | follow-up of {the} {noun} {place} | "
        "highlight {the} {noun} {place} | mark {the} {noun} {place} | annotate {the} {noun} "
        "{place} | contour {the} {noun} {place} | measure {the} {noun} {place} | locate {the} "
        "{noun} {place} | outline {the} {noun} {place} | can you see {a} {noun} {place}? | what "
        "about {the} {noun} {place}? | is {a} {noun} present {place}? | any {noun} {place}? | "
        "where is {the} {noun} {place}? | {the} {noun} {place} please | status post chemotherapy, "
        "{a} {noun} remains {place} | s/p resection, now {a} {noun} {place} | portal venous phase "
        "CT shows {a} {noun} {place} | Contrast-enhanced CT: {a} {noun} is seen {place} | CECT: "
        "{noun} {place} | query {noun} {place} | ?{noun} {place} | susp. {noun} {place} | does "
        "{a} {noun} show {place}? | how about {the} {noun} {place}? | can {a} {noun} be found "
        "{place}? | {a} {noun} remains {place} | {a} {noun} projects {place} | again seen is {a} "
        "{noun} {place} | note is made of {a} {noun} {place} | there remains {a} {noun} {place} | "
        "we see {a} {noun} {place} | {a} {noun} {place}, for biopsy | biopsy of {the} {noun} "
        "{place} | target {noun} {place} | treated {noun} {place} | {the} {noun} {place} has "
        "grown | pick {the} {noun} {place} | get {the} {noun} {place} | draw {the} {noun} {place} "
        "| trace {the} {noun} {place} | I want {the} {noun} {place} | only {the} {noun} {place} | "
        "just {the} {noun} {place}",
        "{a} {noun} is depicted {place} | demonstration of {a} {noun} {place}",
    ),
    "reports": either(
        "there are {noun} {place} | {noun} are seen {place} | {noun} {place} are noted | CT shows "
        "{noun} {place} | segment {noun} {place} | outline {noun} {place} | find {noun} {place} | "
        "show me {noun} {place} | mark {noun} {place} | are there {noun} {place}? | evidence of "
        "{noun} {place} | where are {noun} {place}? | only {noun} {place} | just {noun} {place} | "
        "again seen are {noun} {place} | draw {noun} {place} | select {noun} {place} | {noun} "
        "{place} have grown",
        "{noun} are depicted {place}",
    ),
    "place first": either(
        "{place} there is {a} {noun} | {place}, there is {a} {noun} | {place}, {a} {noun} is seen "
        "| {place}: {noun} | contrast-enhanced CT: {place}, there is {a} {noun} | {place} I see "
        "{a} {noun} | look {place}: {noun}",
        "{place} one finds {a} {noun}",
    ),
    "texture clause": either(
        "with {w} attenuation | {w} in density | with {w} density | of {w} attenuation | {w} "
        "internal density | which is {w} | with {w} enhancement | with {w} internal attenuation | "
        "appearing {w}",
        "of {w} texture",
    ),
    "margin clause": either(
        "with {w} margins | with {w} borders | and {w} margins | {w} margin | with {w} contours | "
        "{w} margins | with {w} edges | with an {w} margin | its margins {w}",
        "bounded by {w} edges",
    ),
    "none": either(
        "no {noun} {place} | no evidence of {a} {noun} {place} | without {noun} {place} | absence "
        "of {noun} {place} | no {noun} seen {place} | no {noun} is seen {place} | no {noun} "
        "detected {place} | no definite {noun} {place} | no focal {noun} {place} | negative for "
        "{noun} {place} | there is no {noun} {place} | no sign of {a} {noun} {place} | no "
        "suspicious {noun} {place} | no {noun} identified {place} | {noun} {place}: none | no "
        "visible {noun} {place} | no new {noun} {place} | CT shows no {noun} {place} | no "
        "residual {noun} {place} | {noun} not seen {place} | not one {noun} {place} | not any "
        "{noun} {place} | zero {noun} {place} | lack of {noun} {place} | I see no {noun} {place} "
        "| no {noun} whatsoever {place} | no further {noun} {place} | {noun} {place} no longer "
        "visible | {noun} {place} has resolved | no longer any {noun} {place} | {noun} {place} "
        "absent | no {noun} can be seen {place} | no {noun} or other abnormality {place} | we "
        "find no {noun} {place} | there are no {noun} {place} | never any {noun} {place} | "
        "nothing like a {noun} {place} | no {noun} found {place} | {place} no {noun} | nothing "
        "suspicious {place} | nothing focal {place} | nothing {place} | no focal finding {place}",
        "free of any {noun} {place}",
    ),
    # Denials that speak of the organ.
    "healthy": either(
        "{organ} unremarkable | {organ} is unremarkable | {organ} normal | {organ} is normal | "
        "{organ} is free of lesions | {organ} free of {noun} | {organ} without lesions | {organ} "
        "without {noun} | {organ} shows no {noun} | {organ} with no {noun} | nothing in {organ} | "
        "nothing focal in {organ} | {organ} has no {noun} | healthy {organ} | clean {organ} | "
        "{organ} is spared | {organ}: nothing | {organ}: no lesions | no abnormality in {organ} | "
        "{organ} does not contain any {noun} | there is nothing in {organ} | normal {organ} | "
        "{organ} appears normal | {organ} looks normal | {organ} looks fine | {organ} without "
        "focal finding | {organ} negative | {organ} is not involved | {organ} not affected | "
        "{organ} is intact | {organ} is disease-free | nothing to see in {organ} | {organ} within "
        "normal limits | no disease in {organ} | {organ} WNL | {organ} ok | {organ} tumour-free | "
        "{organ} is clear of {noun} | {organ} does not show a {noun} | {organ} harbours no {noun} "
        "| {organ} contains no {noun} | {organ} has not a single {noun} | no part of {organ} "
        "shows a {noun} | neither side of {organ} has a {noun} | all of {organ} is normal | "
        "{organ} spared | {organ} clean",
        "{organ} is devoid of {noun}",
    ),
}
