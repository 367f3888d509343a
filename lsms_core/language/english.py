"""Common English words that are one or two letters away from a word of the vocabulary.

They are never taken for a typing mistake.
"""

from __future__ import annotations

COMMON = frozenset(
    """
    lift loft heft felt lent lest lefty lefts cleft theft light night fight sight might tight eight
    height weight bright fright wright rights righty rite write reich ride live lives lived liver
    lover lovers river rivers lever levers silver diver driver alive deliver delivery love lovely
    lob lobby globe robe probe lose lobes lesson lessons legion legions session sessions reason
    season version mission passion lesion lesions massive miss moss mast mask masks mash mess must
    match pass past master mister cast cost cyst cysts coast crest crust test module modules noodle
    noodles nodule poodle mode model models local vocal locals locust lotus focused humor humour
    rumor rumour tutor motor timer sound found around ground mound wound pound bound rounds hound
    rounding clear cleat clean cleaner clears clearly bear bread break formal formally mormon deer
    keep deed peep dee steep sleep sheep dart park mark bark lark shark stark darn dare data smell
    stall mall smaller smart small charge barge lager larger merge lard barn grade grand oral ovary
    oven over ovals loyal royal rival oral opal shape shame share shale shave sharp harp shark
    interior exterior internal external anterior ulterior posterior superior supervisor inferior
    media medical meal metal mental marginal margins marine margarine merging merit limit limits
    visit digit midget budget nest best rest text texture texts next lexus never ever even event
    evens seven eleven event every very none nine noon noun now not note notes nose nore bone gone
    done one once ones ounce alone lone lane line lines loan boat beat bear dear deal dead red
    bed white while whole whale wheel where there here hers were wear word words work works world
    told sold cold hold old bold gold fold water waiter later latter matter battle bottle bitter
    better butter letter litter little title tile smile mile male mail nail nails trail train brain
    rain grain drain chair chairs hair fair pair stair stain stains strain sea see sees seen scene
    seem seems seam team tear fear gear year years early nearly dearly clearly large largely
    lateral literal liberal several sever server serve nerve never shell shall tall talk walk walks
    wall call ball balls fall hall hell help bell belt melt cell cells sell well will wills still
    skill kill kills mill milk silk bill bull bulk full fully dull pull pole poll role roll rule
    rules ruler color colours colour dollar collar cellar circle circus cycle circular particular
    popular regular singular solitary military salary salty sentry entry centre center enter
    central control general genetic generic energy emergency seal steal steel stable table tables
    cable able label level levels bevel novel hotel motel mother other others brother bother either
    neither leather feather weather father rather lather gather farther further another neighbor
    under upper supper paper pepper proper tower power lower flower flowers shower slower allow
    below bellow yellow hello hollow follow fellow swallow shallow window widow shadow shallow
    size sizes prize price prices since science silence sentence essence absence presence present
    precise price pride bride bridge fridge ridge edge edges hedge wedge judge badge large page
    pages stage image images imagine magic major manor minor miner mirror error terror horror hour
    our your four tour pour poor door doors floor moor moon soon spoon spot sport sports port ports
    part parts party art arts start starts smart heart hearts earth hearth health wealth healthy
    wealthy heavy heaven haven raven cavern modern pattern western eastern eastern lantern return
    turn burn born corn horn torn worn warm warn worm storm form forms farm farms firm arm harm
    charm army angry hungry hurry carry marry merry berry ferry very every envy ivory story stories
    history factory victory territory memory theory worry sorry lorry glory dairy diary daily
    family famous nervous serious curious previous obvious various carious furious anxious cautious
    region religion regional legal regal real really rally belly jelly silly hilly holy only lonely
    lovely lively likely liked bike hike like lake make cake take bake wake sake safe same name
    names game games gain again against main man men ten pen hen den then than thank thanks tank
    bank banks back black block blocks clock clocks lock locks look looks book books cook hook took
    tool tools pool cool wool wood food good mood moods road roads load loads toad broad bread
    dream cream scream stream steam team beam bean mean means meant meat seat heat neat beat treat
    threat great greater grater crater create creature feature features future nature mature
    picture pictures culture capture captures rapture rupture texture mixture fixture fracture
    structure lecture section sections election selection action actions fraction station nation
    notion motion lotion option potion portion caution auction function junction sanction mention
    tension pension mansion fusion vision division decision precision occasion passion fashion
    cushion ocean clean lean learn bean burden garden harden hidden sudden wooden golden olden
    open opens pens dense sense tense tents tent rent cent cents scent sent send sends spend lend
    bend bends mend end ends and sand hand hands land lands band bands bond fond pond pound point
    points paint pain pains plain plains plan plans plane planes planet plant plants slant grant
    count county country counter encounter court course source sauce force fence peace piece place
    places palace pace space race lace face faces fact facts act acts exact expect expects except
    accept concept contact content contents contest context contrast contract central capital
    capsule cattle castle cancel candle handle hassle tassel muscle mussel tunnel funnel kernel
    colonel column autumn solemn common summon salmon lemon melon felon colon color salon balloon
    subtitle subtle suburb suburban superb supreme surprise surface service surface purpose purple
    people couple couples triple ripple apple apples ample sample samples example simple simply
    supply apply reply rapid rapidly rabbit habit habits exhibit inhibit orbit edit credit visit
    deposit deposits dentist density destiny identity entity quantity quality equality equity
    city pity unity united unite unity until utility ability stability mobility nobility facility
    duty beauty county bounty booty body bodies copy copies cope hope rope ripe pipe wipe wise
    rise raise praise phase phrase chase chose those these theses thesis threes three tree trees
    free frees freeze breeze sneeze cheese choose loose goose moose mouse house houses hose nose
    rose pose close closed clothes cloth cloud clouds loud proud crowd brown crown clown grown down
    town towns gown own owner dinner winner inner inter winter printer painter pointer hunter
    center enters hepatitis herpes specific pacific species special spatial social official
    artificial facial racial partial martial marital digital vital total tidal title bridal final
    finale finally finals signal signals single singles jingle mingle angle angles ankle uncle
    tackle tickle nickel pickle sickle circle cyclic cystitis critic critical cynic clinic clinical
    cosmic comic comics tonic ionic iconic conic chronic ironic fantastic plastic drastic elastic
    static statistic artistic mystic rustic mast masters plaster faster foster poster roster sister
    filter filters fitter bitter border borders order orders older holder folder boulder shoulder
    wonder yonder ponder powder tender gender render slender vendor calendar wander wonder uniform
    uniforms perform reform inform information formation foundation function uneven unseen
    identical radical medical magical logical topical tropical typical optical vertical article
    articles particle particles vehicle obstacle miracle spectacle tentacle cover covers lovers
    movers rover clover hover over even oven even proven driven given river rivet privet private
    privacy primary primarily library literary temporary contrary country century secondary
    necessary legendary boundary boundaries foundry laundry sundry hundred hundreds kindred
    segment segments cement element elements moment moments comment comments document payment
    basement pavement movement government garment varmint regiment sediment sentiment argument
    monument instrument settlement statement treatment apartment department investment adjustment
    chest guest quest request nearest dearest interest forest honest modest harvest longest lowest
    slowest highest lightest brightest latest greatest largest target targets budget gadget widget
    pocket rocket racket jacket packet bucket ticket cricket wicket bracket market basket blanket
    planted slanted granted wanted counted mounted pointed painted printed minted hinted tinted
    dental mental rental central gentle gently mantle cattle kettle settle nettle mettle metals
    petals pedals medals sandals scandal vandal bundle candle kindle needle middle muddle riddle
    fiddle paddle saddle huddle puddle cuddle poodles doodle doodles nodes nodded model codes modes
    lodge lodges dodge wedge sledge pledge ledge legend lend lens lenses tenses senses horses
    nurses curses courses losses losers lasers lesser lessee bosses mosses crosses dresses masses
    classes glasses passes asses assets basses kisses misses lobster monster hamster minister
    register master disaster cluster bluster blister sinister fluster muster luster oyster
    superstar superman interim exterior interior ulterior priority prior priors minors majors
    mayor mayors razor cursor censor sensor tensor sponsor tumble rumble humble jumble mumble
    stumble tremble grumble scramble gamble ramble amble marble garble warble double trouble bubble
    rubble pebble dribble nibble scribble remarkable comfortable vegetable reasonable valuable
    available variable capable notable suitable portable potable quotable countable hospitable
    inevitable acceptable respectable predictable profitable charitable equitable hostile fragile
    mobile missile tactile textile reptile exile agile senile juvenile infantile percentile
    versatile volatile docile facile futile fertile sterile virile servile tensile utensil pencil
    stencil council counsel cancel parcel vessel easel weasel diesel measles measles tassels
    hassles castles whistle thistle bristle gristle wrestle nestle trestle pestle apostle jostle
    hustle rustle bustle muscle tissue issue issues pursue rescue statue value values venue revenue
    avenue continue argue league vague vogue rogue tongue fatigue intrigue colleague catalogue
    dialogue prologue epilogue monologue analogue patch patches batch batches hatch latch match
    watch watches catch catches scratch sketch stretch fetch wretch ditch pitch witch switch stitch
    twitch kitchen chicken thicken quicken broken spoken token taken shaken weaken awaken
    reckon beacon bacon falcon icon silicon lexicon dragon wagon organ organs slogan pagan began
    begun beguns stale tale tales tail tails sail sails hail jail mail rail rails snail
    frail trail avail detail details retail entail cocktail guitar altar cellar dollar pillar
    similar familiar circular muscular popular vulgar sugar cougar cigar beggar nectar radar solar
    polar molar scalar alarm april appear appears appeal peal pearl pear pears spear spears swear
    tray trays gray grays pray prays spray spread read reads ready already steady study studies
    sturdy sunday monday friday holiday today daydream lay lays play plays player players layer
    layers later water cuts cut puts put nuts nut huts hut shut shuts but butt butts cute acute
    mute flute brute route routes router minute minutes minuet tribute attribute contribute
    institute substitute constitute dispute compute computer commuter tutor future furniture
    signature literature temperature caricature miniature adventure venture denture debenture
    mall smell swell spell spill still skill shrill drill grill thrill trill frill bulky sulky milky
    silky bulk bulb club rub tub tube tubes cube cubes globes lobed lobe focal local vocal yokel
    vowel towel bowel trowel shovel hovel gravel travel navel panel barrel quarrel squirrel laurel
    apparel parallel rebel label libel compel expel repel hotel pastel cartel gospel morsel
    """.split()
)
