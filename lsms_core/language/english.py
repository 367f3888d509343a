"""Common English words that are a letter or two away from a word of the vocabulary.

They are never taken for a typing mistake.
"""

from __future__ import annotations

COMMON = frozenset(
    """
    addiction affect aggression aide alter amble angle appealing appeals arena arise attention
    audition auxiliary awhile backing backs baked baking balls barge basis bass basses batches
    beaches beans beast beasts began bell bella belle bellow bells bending bends biased bible
    billy binding blank blend block blogs bloom blow blows bluster boeing bonds bonus booking
    booth borne bother bought bowl boxes boyd breach breeding brian bring buddy bulk bump
    burned buses canal caring carious carved castro catches cause cells chance chances chang
    charge charges charities cheat cheek chef chess chick chips chose chuck clan clash cleaned
    cleat clip clone coastal coding coins collected collective collector collectors
    communication communications companion compassion compete competent compression comprises
    comprising conception conducted conference confession confidence confident confirmed
    confusion consent consistency consisting container containers contention contest contested
    contests context continued continues contracts convention converted convicted convinced
    cooking coping corey corrected correction corrections correctly correspondent costa costly
    costs course court coward created crest critically crush crust cured cursed curtain curve
    cyrus dancer dancers daring date dates dearest dearly death deceased dedicated defeat
    defeats defendant definitive deliberate delighted denver dependence depending depressed
    depressing dept diagnosis dinner direction directory disco displayed displaying
    distributor dominance doors dose doses downs dragged draws drown ducks elected elimination
    emotion enable entered entirety evens event ever exams excel excessive execution exit
    expanding expecting expensive extension faced faces faded fail fairy falling farming
    farther father feast feeling fellow fiddle filing filmed filming finds fines fist fitter
    fitting flats fleet flesh flint float flock flour flower flown flows flush fluster flying
    fond font forcing forge forgot formal formally forms fort forum fought frank freed frees
    fright frill frost function fund funding funds gather ginger gives glad globes glowing
    goods gown grabs grace grain grand grande grape grater grave greatness greet grounded grow
    grows hacking handy hangs hans hart hating haven heading heads hears heat heated height
    hitting hollow howard humour hunting hype ideal identities identity impressive indicator
    induction infections injected insect intensity intentional inter intro invitation jingle
    keeper killed killing kinda kinds knees ladder lager lamps lasts later lather laughter
    laying legion legions lending lesson lessons lest lester levers liable liar liberation
    lightly liked likes limit lined lists literal literally live lived lively loading loser
    loses lotion lotus lovers loves luster maine maker makes making males manly manor maple
    marks martin marvin matches medal media medical meets mental metabolism military miner
    mines mingle minister mins minuet misses missing module modules moist momentum monte moore
    moral morgan mortal mosses mother mothers mounted mounting mouth mouths muddle mystic
    nailed naive naked name names nasa naval needing needs newer ni noise noting notion notre
    nuclear observers occurring oliver operating operative ordered ordering orders ounce ovals
    pace packing pairs palace pants paris parked parker parks party passes passive patent
    patents path peace performed persistent phrase picks pint pitch plague plan plane plate
    played polo pools porch poses postal postponed potion pots powered praised preach
    preaching precious preferred presented presenter presently presidents prevent prevents
    principle print processing processor prof profession projected projection projections
    prospects protect protecting protects protesting public quiet quit quote racial racing
    racist raids raining raise raising rally ranged rarely ratio react reading reads real
    reception recession recurring reduction refined reflected reflection refreshing regain
    regal rejected rejection relaxed reminder reminding remove rental repeal reporters reset
    reside resist resort respected responded responsive resumed retain retaining retention
    riddle rightly righty rings rising rivers roads robot roots router rumors rumour rumours
    sage sailed sample sanctions sands saturated saved saves saving scanning scarf scary scent
    scope scots scripture sealed seeking seize seized selections sell sends sensation sent
    separation sept serious serves setting sever sewing shade shake shale shane shares sharing
    shark shattered shaved shawn shelf shine shipping shoes shoot shooter shops shot shout
    shrink shut shutting sidney significance sing singer skins skirt slave sledge slick
    slightest slipping slots slower slowest slowing smoke sold solve sore sorts sought souls
    spark sparks speak speaks specified speed speeds spell spent spill spin spinning spiral
    sports spring stake stale standing staple starred stars state stated states stating stats
    staying stems steven stores stove strangely strike string structural stud stunt sturdy
    subjected subsequent suite suits supervisor supper suppliers surely surrounded suspended
    swell tagged tails taken takes taking tamil tan tank tanks teaches teaching teen teens
    tells temporary tent tents terms tests thats thirsty thorough threw tick tinder tires
    topical tough tow track tract tracy trade trail trained training transportation trick
    trips trophy truck tubes tutor twins tying types undergoing unit unite unity unrelated
    vector vehicles venus verses vogue waist waited waking wales walked walks walsh walter
    wants wasnt wasted wasting watches waving wealthy week weekly weight whale whats wheat
    whenever widow wildly willing winding winner wishing witch women wong world wound wright
    write writer yearly youre yours
    """.split()
)
