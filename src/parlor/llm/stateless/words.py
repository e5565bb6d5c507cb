"""Words that the rules of the offline analysis know. English alone."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


POSITIVE = _set("""
    amazing awesome beautiful best better brilliant cheerful clean clear comfortable convenient delicious delight delighted delightful easy effective
    efficient elegant enjoy enjoyed excellent excited exciting fabulous fair fantastic fast favourite favorite fine flawless friendly fun generous
    glad good gorgeous grateful great happy helpful honest impressed impressive improved incredible intuitive joy liked love loved lovely
    lucky marvellous nice outstanding perfect perfectly pleasant pleased polite powerful prompt proud quick recommend recommended reliable
    satisfied smart smooth solid splendid stunning succeed success successful super superb supportive thank thanks thrilled top useful valuable
    welcome wonderful worth
""")
NEGATIVE = _set("""
    abysmal angry annoyed annoying appalling ashamed awful bad boring broke broken bug buggy bugs cheap clumsy complain complaint confused confusing
    crash crashed crashes dead defective delay delayed difficult dirty disappoint disappointed disappointing disappointment disaster disgusting
    dreadful error errors expensive fail failed failing fails failure fake fault faulty frustrated frustrating garbage hate hated horrible hurt
    impossible inaccurate incompetent issue issues lack lacking late lost mess mistake nasty pain painful pathetic poor poorly problem problems regret
    ridiculous rude sad scam slow stupid suck sucks terrible terribly tired trouble ugly unacceptable unclear unfair unfortunately unfriendly unhappy
    unhelpful unreliable unusable upset useless waste wasted weak worse worst wrong
""")
NEGATIONS = _set("""
    not no never hardly without isn't wasn't aren't weren't don't doesn't didn't can't cannot couldn't won't wouldn't nothing
""")

COMMON = _set("""
    a about above after again against all almost alone along already also although always am among an and another any anybody anything are around as
    ask asked at away back be became because become been before being below between both but by came can cannot come could did do does doing done down
    during each either else even ever every everybody everything few for found from full further gave get gets give given go goes going gone got had
    has have having he her here hers herself him himself his how however i if in indeed instead into is it its itself just keep kept knew know known
    last less let like likely long look made make makes many may me might mine more most much must my myself neither never new next no nobody none nor
    not nothing now of off often on once one only onto or other others our ours out over own people perhaps please put quite rather really same said
    saw say says see seem seems seen several shall she should since so some somebody something soon still such take taken than that the their theirs
    them themselves then there therefore these they thing things this those though through thus to today together told too took toward two under until
    up upon us use used uses using very via want wanted wants was way we well went were what whatever when where whether which while who whole whom
    whose why will with within without would yes yet you your yours yourself i'm i've i'll i'd it's that's there's you're we're they're can't don't
    doesn't didn't isn't wasn't won't
""")
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
