"""Function words: denials, exclusions, conjunctions, questions, orders."""

from __future__ import annotations

from lsms_core.language.phrases import Kind, Vocabulary, by_value, entries
from lsms_core.language.size_order_phrases import BY_SIZE

_NO = (
    "no | no evidence of | without evidence of | no evidence for | absence of | no sign of | no "
    "signs of | not any | not one | not a single | zero | lack of | lacks | lacking | free of | "
    "free from | clear of | clear from | negative for | devoid of | no suspicion of | never any | "
    "no longer any | has no | have no | shows no | show no | contains no | harbours no | harbors "
    "no | does not show | do not show | does not contain | does not harbour | does not harbor | "
    "doesn't show | doesn't contain | do not see | don't see | cannot see | can't see | did not "
    "see | could not find | cannot find | can't find | i see no | we see no | we find no | no "
    "trace of | not a | there is no | there are no | there's no | there is not a | there isn't a "
    "| there isn't any | there are not any | there aren't any | is not a | no indication of | no "
    "features of | nil evidence of | no demonstrable | no discernible | no identifiable | no "
    "visible | no definite | no convincing | no convincing evidence of | no definite evidence of "
    "| no ct evidence of | no imaging evidence of | no radiological evidence of | no radiologic "
    "evidence of | neither | nor | does not have | do not have | doesn't have | is without | are "
    "without | without any evidence of | without any sign of | without sign of | without signs of "
    "| without any | failed to show | fails to show | no proof of | not seeing any | excludes | "
    "excluded | didn't find | did not find | does not demonstrate | did not show | did not reveal "
    "| does not reveal | no further evidence of | no appreciable | no detectable | no new "
    "evidence of | no obvious | no suggestion of | n o | neg for | -ve for | not showing | not "
    "containing | there was no | there were no | no residual evidence of | fails to demonstrate | "
    "unable to find | cannot identify | can't identify | cannot detect | no demonstrable evidence "
    "of | has not a single | empty of"
)
_NOT_SEEN = (
    "not seen | not visible | not identified | not present | absent | no longer seen | no longer "
    "visible | no longer present | no longer identified | no longer visualised | no longer "
    "visualized | no longer detectable | no longer evident | has resolved | have resolved | "
    "resolved | disappeared | has disappeared | have disappeared | vanished | has vanished | have "
    "vanished | not detected | not found | not demonstrated | not visualised | not visualized | "
    "not evident | not detectable | not apparent | not appreciated | not recognised | not "
    "recognized | ruled out | is excluded | are excluded | were excluded | isn't seen | aren't "
    "seen | isn't there | not there | cannot be seen | can't be seen | can not be seen | could "
    "not be seen | not observed | is gone | are gone | gone | not shown | not discernible | isn't "
    "visible | aren't visible | is not seen | are not seen | cannot be found | cannot be "
    "identified | can't be found | not noted | isn't present | aren't present | not depicted | "
    "completely resolved | fully resolved | not existing | does not exist | do not exist | never "
    "seen | cannot be detected | cannot be visualised | completely regressed | not delineable | "
    "cannot be delineated | n/a | no more visible | not any more visible | no more seen | has "
    "cleared | have cleared"
)
_NORMAL = (
    "normal | unremarkable | healthy | clean | clear | fine | ok | okay | wnl | nad | within "
    "normal limits | negative | spared | is spared | not involved | not affected | uninvolved | "
    "unaffected | intact | disease-free | disease free | tumour-free | tumor-free | lesion-free | "
    "unsuspicious | inconspicuous liver | unobtrusive | no abnormality | no abnormalities | no "
    "abnormality detected | nothing abnormal detected | no pathology | no abnormal findings | no "
    "abnormal finding | all good | nothing abnormal | nothing wrong | nothing to report | nothing "
    "to see | normally | within normal | not remarkable | without abnormality | without "
    "abnormalities | without pathological findings | without pathology | non-suspicious | normal "
    "in appearance | normal appearing | normal-appearing | normal looking | tumourfree | "
    "metastasis-free | unimpaired | without findings | without finding | without focal findings | "
    "without focal finding | without focal abnormality | no focal abnormality | no focal "
    "abnormalities | no focal finding | no focal findings | no findings | no finding | benign "
    "appearance | lesionless | not diseased | looks good | non-focal | nonfocal"
)
# Normal, but only as the ground on which something lies.
_OTHERWISE = (
    "otherwise unremarkable | otherwise normal | otherwise clear | otherwise healthy | else "
    "normal | remainder unremarkable | remainder normal | rest normal | rest unremarkable | "
    "remaining liver unremarkable | remaining liver normal | rest of the liver normal | rest of "
    "liver normal | rest of the liver unremarkable | rest of liver unremarkable | rest of the "
    "liver clear | remainder of the liver normal | remainder of the liver unremarkable | "
    "remainder of liver normal | remainder of liver unremarkable | background liver normal | "
    "otherwise negative | otherwise clean | surrounding liver normal | normal surrounding liver | "
    "normal background liver | adjacent liver normal | otherwise fine | nothing else | none else "
    "| no others | rest of the liver is normal | rest of the liver is unremarkable | rest of the "
    "liver is clear | remainder of the liver is normal | remainder of the liver is unremarkable | "
    "otherwise intact | otherwise free | no others seen | nothing more | normal liver around | "
    "elsewhere normal | elsewhere clear | elsewhere unremarkable | otherwise ok"
)
_NONE = (
    "none | nothing | nil | nothing like a | nothing like an | "
    "nothing suspicious | nothing focal | nil focal | nothing of concern | "
    "none seen | nothing seen | nothing there | nothing visible | none visible | nothing at all | "
    "none of them | none of these | nothing here | nothing found | none found | nothing "
    "identified | none identified | none detected | nothing detected | nobody | nothing "
    "whatsoever | nihil | nil of note | nothing significant | nothing noteworthy | nothing "
    "remarkable | neither lobe | neither side | no part | in neither | no segment | nothing to be "
    "seen | nought | none present"
)
_EXCEPT = (
    "segments but | segment but | all segments but | any segment but | every segment but | except "
    "| except for | excepting | but not | all but | everything but | anything but | excluding | "
    "exclude | other than | apart from | apart form | apart | aside from | besides | with the "
    "exception of | save for | save | minus | leaving out | leave out | leaving aside | skip | "
    "skipping | omit | omitting | ignore | ignoring | disregard | disregarding | forget | forget "
    "about | never mind | do not include | don't include | not including | not counting | rather "
    "than | instead of | sparing | spares | spare | that spare | which spares | outside | outside "
    "of | beyond | without those | without the ones | without what | leaving | as opposed to | "
    "opposite the | not from | excl | bar | barring | unless | not those | not the | not the one "
    "| not the ones | not on | not in | not of | not within | avoiding | avoid | anywhere but | "
    "any but | every one but | each but | everywhere but | all over but | less the | discounting "
    "| bar the | not at | none of the | every lesion but | all lesions but | all the lesions but "
    "| any lesion but | all others but | but for | neglecting | that is not | that are not | "
    "which is not | which are not | not located in | not lying in | not situated in | not "
    "belonging to | does not lie in | doesn't lie in | do not lie in | not inside | isn't in | "
    "aren't in | is not in | are not in | isn't on | aren't on | ones but | lesions but | "
    "wherever but | nowhere in | is not on | are not on | not arising from | not involving | not "
    "counted | never in | never on | but none in | but none on | but no | with nothing from | "
    "with nothing in | outwith | omit the | don't want | do not want | don't show | not "
    "interested in | not so the | excluded are | exempt | left out | omitted | ignored | not "
    "included | disregarded | other then | rather then | others than"
)
_SKIP = (
    "is | are | was | were | was seen | be | been | being | has | have | had | do | does | did | "
    "can | could | may | might | must | should | shall | will | would | i | we | you | he | she | "
    "they | me | us | my | our | your | his | her | their | its | it | which | who | whom | whose "
    "| that | this | these | such | as | so | than | then | there | here | please | kindly | pls "
    "| plz | thanks | thank you | show | find | outline | draw | mark | annotate | contour | "
    "delineate | highlight | locate | measure | trace | pick | get | select | give | take | grab "
    "| want | need | look | look at | looks | see | seen | is seen | are seen | noted | note | "
    "visible | identified | demonstrated | demonstrates | demonstrating | shows | showing | "
    "reveals | revealed | depicted | depicts | visualised | visualized | detected | present | "
    "presents | exists | found | located | situated | lying | lies | lie | sits | sitting | "
    "placed | positioned | centred | centered | appearing | appears | appear | appearance | "
    "looking | seems | seem | evident | evidence of | evidence | sign | signs | signs of | ct | "
    "ct shows | ct scan | cect | scan | imaging | study | examination | exam | findings show | "
    "impression | conclusion | report | finding: | findings: | impression: | query | question | "
    "suspected | suspicion | suspicion of | susp | poss | presumed | about | approximately | "
    "approx | appr | roughly | circa | ca | around about | measuring | measures | measured | "
    "measurement | sized | size | sizes | in size | diameter | in diameter | diameters | across | "
    "dimension | dimensions | spanning | estimated | length | width | long | wide | with a "
    "diameter of | in maximum diameter | in greatest diameter | max diameter | maximum diameter "
    "of | longest diameter of | longest diameter | long axis | short axis | axis | in longest "
    "diameter | in largest diameter | in maximal diameter | largest diameter of | in greatest "
    "dimension | in maximum dimension | in max diameter | maximal diameter of | greatest diameter "
    "of | slightly | mildly | markedly | very | quite | rather | somewhat | relatively | fairly | "
    "partly | partially | moderately | strongly | predominantly | mostly | mainly | largely | "
    "clearly | somewhere | anywhere | everywhere | throughout | only | just | simply | merely | "
    "also | too | again | still | now | currently | focal | hepatic-based | single-phase | well | "
    "up | down | multiple | several | various | numerous | many | innumerable | few | a few | "
    "some | number of | a number of | of the two | of them | of these | of those | kind | kind of "
    "| sort of | type of | internal | internally | texture | attenuation | density | values | "
    "shape | shaped | margin | margins | border | borders | in density | in attenuation | in "
    "appearance | in shape | parenchyma around | involving | involves | involve | involved | "
    "occupying | occupies | occupy | containing | contains | contain | harbours | harbors | "
    "harbouring | harboring | confined to | limited to | restricted to | remaining | remain | "
    "remains | other lesions | rule out | r/o | ruling out | cannot exclude | can't exclude | "
    "cannot be excluded | can't be excluded | cannot rule out | can't rule out | not excluded | "
    "not ruled out | to exclude | could represent | may represent | might represent | could be | "
    "may be | might be | cannot be ruled out | can not be excluded | can not exclude | not be "
    "excluded | to rule out | part | parts | portion | side | aspect | sided | patient's | "
    "patient | the patient's | half | position | location | localised | localized | localisation "
    "| go | going | make | let | let's | try | check | examine | inspect | point | point out | "
    "point to | colour | color | colour in | paint | fill | segmentation of | mask | mask of | "
    "contours of | outline of | extract | detect | identify | display | visualise | visualize | "
    "together | respectively | each | incompletely | characterised | characterized | incompletely "
    "characterised | incompletely characterized | ct abdomen | ct of the abdomen | abdominal ct | "
    "ct abdomen and pelvis | ct scan of the abdomen | ct chest abdomen pelvis | ct of the liver | "
    "ct liver | one of the two lobes | of the two lobes | of both lobes | bounded by | edges | "
    "edge | simple | number | nr | dear | more | less | if | when | while | actually | really | "
    "namely | i.e | e.g | eg | ie | etc | am | im | i'm | it's | that's | there's | what's | "
    "where's | i'd | i'll | we're | like | whole | entire | complete | full | total | project | "
    "projects | projecting | seated | based | related | arises | arising | interest | of interest "
    "| in question | referred to | above-mentioned | aforementioned | said | mentioned | "
    "described | called | named | given | shown | detectable | recognisable | recognizable | "
    "discernible | overall | altogether | additional | additionally | further | furthermore | "
    "another | different | particular | specific | certain | exactly | precisely | possible to "
    "see | able | respective | corresponding | likewise | similarly | resp | x | vicinity | "
    "harbor | harbour | own | itself | itself only | exist | persist | persists | persisting | "
    "demonstration of | demonstration | recommend | note is made of | there remains | rest | "
    "remainder | completely | entirely | totally | fully | purely | whatsoever | any more | "
    "anymore | at all | once | twice | out | off | away | onto | upon | per | via | it is | they "
    "are | this is | that is | which is | which are | that are | being seen | to be seen | are "
    "noted | is noted | is identified | are identified | is present | are present | right now | "
    "right away | right here | right there | wanted | asked | looking for | searching for | "
    "search | search for | look for | hunt | want to see | would like | would like to see | i "
    "want | pick out | single out | draw around | go around | go for | focus on | concentrate on "
    "| outlined | marked | selected | segmented | highlighted | contoured | annotated | "
    "consistent with | c/w | compatible with | in keeping with | representing | represents | most "
    "likely | likely | probably | probable | possibly | possible | reported as | described as | "
    "presumably | apparently | maybe | perhaps | patients | ours | know | tell | say | describe | "
    "count | how many | how big | how large | list | range | ranges | ranging | ranged | in the "
    "range of | in a range of | in the order of | on the order of | order"
)

_COUNTS = {
    1: "solitary | single | sole | lone | isolated | only one | one single | just one | singular | "
    "unique | exactly one",
    2: "two | both | pair | a pair of | pair of | couple | a couple of | couple of | both of the | "
    "the two | the pair of | duo | both these | two separate | both of these | two different | "
    "dual | twin | exactly two | twosome",
    3: "three | trio | a trio of | all three | the three | three separate | triplet | a trio | "
    "exactly three | threesome",
    4: "four | all four | quartet | exactly four",
    5: "five | all five | exactly five",
    6: "six | half a dozen | half-dozen | all six",
    7: "seven",
    8: "eight",
    9: "nine",
    10: "ten",
    11: "eleven",
    12: "twelve | a dozen | dozen",
}

FUNCTION: Vocabulary = dict(
    (
        *entries(Kind.SKIP, _SKIP),
        *entries(Kind.SKIP, " | ".join(BY_SIZE)),
        *entries(Kind.NO, _NO),
        *entries(
            Kind.NO,
            "no other | no further | no additional | no second | without other | without further",
            "otherwise",
        ),
        *entries(Kind.NOT_SEEN, _NOT_SEEN),
        *entries(Kind.NORMAL, _NORMAL),
        *entries(Kind.NORMAL, _OTHERWISE, "otherwise"),
        *entries(Kind.NONE, _NONE),
        *entries(
            Kind.WITHOUT, "without | w/o | with no | with no evidence of | with absent | sans"
        ),
        *entries(
            Kind.NOT,
            "not | isn't | aren't | non | n't | wasn't | doesn't | don't | cannot | "
            "can't | nothing like | never | unlike",
        ),
        *entries(
            Kind.NOT_ONLY,
            "not only | not just | not limited to | not confined to | not "
            "restricted to | not merely | not exclusively | not solely",
        ),
        *entries(Kind.EXCEPT, f"exception of | the exception of | {_EXCEPT}"),
        *entries(Kind.SKIP, "nothing but | none but | no more than one | no doubt | no question"),
        *entries(
            Kind.ALL,
            "all | every | everything | each | any | all of the | all the | all of | every single "
            "| every one of the | everyone | all of them | all visible | whole lot | any and all "
            "| all these | the whole lot | each and every | each of the | every one | all there "
            "is | whatever is there | total of | all of these | the others | "
            "the other | others | other | the rest | remaining ones",
        ),
        *entries(
            Kind.PREPOSITION,
            "in | on | of | within | inside | into | at | for | to | with | "
            "among | amongst | out of | through | via | by | w/ | showing | having | over the",
        ),
        *entries(Kind.ARTICLE, "the | a | an"),
        *entries(
            Kind.ASK,
            "is there | are there | is it | are they | does it | do you | can you | could you | "
            "what | where | which lesion | where is | where are | what is | what are | how about "
            "| what about | any sign of | could this | could it | is this | are these | is that | "
            "why | how | is the | are the | does the | do the | is a | is an | has the | did the "
            "| do we | do we have | do we see | can we see | is anything | isn't there | aren't "
            "there | could there | can there | might there | does | is any | are any | whether | "
            "do any | have we | has anything | did you | would you | is segment | "
            "are both | is either",
        ),
        *entries(
            Kind.AND,
            "and | & | plus | + | as well as | and also | along with | together with | "
            "in addition to",
        ),
        *entries(Kind.OR, "or | / | and/or | either"),
        *entries(Kind.BUT, "but | however | whereas | although | though | yet | with the rest"),
        *entries(Kind.COMMA, ", | ( | ) | [ | ] | -"),
        *entries(Kind.SKIP, ": | most | # | \" | ' | * | • | = | ~ | ≈ | %"),
        *entries(Kind.STOP, ". | ; | ! | …"),
        *entries(Kind.QUESTION, "?"),
        *by_value(
            Kind.ORDINAL,
            {
                2: "second | 2nd | next | runner-up",
                3: "third | 3rd",
                4: "fourth | 4th",
                5: "fifth | 5th",
                6: "sixth | 6th",
                7: "seventh | 7th",
                8: "eighth | 8th",
                9: "ninth | 9th",
                10: "tenth | 10th",
                1: "first | 1st",
            },
        ),
        *by_value(Kind.COUNT, _COUNTS),
    )
)
