"""Words by meaning in the languages of the EU: orders, forms of an answer, the clock, greetings, stop words.

A question ends in a question mark (in Greek, a semicolon). Orders are recognised by their words: a summary in all 24
languages, the others in the larger ones.
"""

import re

NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one single ein eine einem einen einer un une una uno um uma een één jedno jednym jeden en ett",
            "two zwei deux dos due dois duas twee dwa dwóch två to",
            "three drei trois tres tre três drie trzy trzech",
            "four vier quatre cuatro quattro quatro cztery czterech fyra fire",
            "five fünf cinq cinco cinque vijf pięć pięciu fem",
            "six sechs seis sei zes sześć sex seks",
            "seven sieben sept siete sette sete zeven siedem sju syv",
            "eight acht huit ocho otto oito osiem åtta otte",
            "nine neun neuf nueve nove negen dziewięć nio ni",
            "ten zehn dix diez dieci dez tien dziesięć tio ti",
        ),
        1,
    )
    for word in words.split()
}

SENTENCE = (
    r"sentences?|lines?|satz|sätzen?|zeilen?|phrases?|frases?|frasi|frase|zin|zinnen|zdani\w+|mening(?:ar)?"
    r"|sætning(?:er)?"
)
POINT = r"bullets?|points?|stichpunkten?|punkten?|puntos?|punti|pontos?|punten|punktach|punkty|punkter"
BULLETS = re.compile(
    r"\b(bullet(s|ed)?|bullet points|key points|main points|stichpunkt\w*|stichwort\w*|aufzählung|à puces|viñetas"
    r"|elenco puntato|opsomming\w*|wypunktuj|punktform|punktlista)\b",
    re.I,
)

SUMMARY = re.compile(
    r"\b(summar\w*|tl;?dr|sum up|gist|main points|key points|in short|outline|overview|condense|shorten|abstract"
    r"|what is this(?: text| file| document)? about|what(?:'s| is) in (?:this|it)"
    r"|zusammenfass\w*|zusammenzufassen|fass\w*\b[^\n]{0,80}\bzusammen|kurzfassung|überblick|stichpunkte"  # de
    r"|résum\w*|synthèse|synthétis\w*|en bref"  # fr
    r"|resumir|resumen|resúm\w+|resum[ao]s?|resumid[ao]|sumário"  # es, pt
    r"|riassu\w*|sintesi|sintetizza"  # it
    r"|vat\b[^\n]{0,80}\bsamen|samenvat\w*"  # nl
    r"|streść|streszcz\w*|podsum\w*"  # pl
    r"|shrň\w*|shrnut\w*|shrnout|zhrň\w*|zhrn\w*|povzem\w*|povzet\w*|sažm\w*|sažet\w*"  # cs, sk, sl, hr
    r"|rezum\w*|foglald össze|összefogl\w*"  # ro, hu
    r"|sammanfatt\w*|opsummer\w*|sammenfat\w*|tiivist\w*|yhteenve\w*"  # sv, da, fi
    r"|kokkuvõt\w*|kopsavilk\w*|santrauk\w*|apibendrin\w*"  # et, lv, lt
    r"|περίληψ\w*|σύνοψ\w*|συνόψισ\w*|резюм\w*|обобщ\w*|sommarju|achoimr\w*)\b"  # el, bg, mt, ga
    r"|^\W*resume\b",
    re.I,
)

CLOCK = re.compile(
    r"\b(what(?:'s| is) the (?:current )?(?:date|time|day)|what time|current[ _]?(?:date|time)|date ?time|today'?s date"
    r"|(?:what|which) (?:day|date|year|month)(?: of the week)? is it|(?:what|which) (?:day|date) (?:is|was|will be)"
    r"|(?:day|date|time) is it"
    r"|welche[rsn]? (?:tag|datum|uhrzeit|jahr|monat)|wie spät|wie ?viel uhr|der wievielte|heutige datum"
    r"|quelle heure|quel jour (?:sommes|est)|quelle (?:est la )?date"
    r"|qué hora es|qué día es|qué fecha|fecha de hoy|que horas são|que dia é|qual é a data"
    r"|che ore sono|che ora è|che giorno è|che data"
    r"|hoe laat is het|welke (?:dag|datum)|która (?:jest )?godzina|jaki (?:jest )?(?:dziś|dzisiaj) dzień"
    r"|vad är klockan|vilket datum|vilken dag är det|hvad er klokken|hvilken (?:dag|dato)|paljonko kello"
    r"|kolik je hodin|cât este (?:ceasul|ora)|ce oră este|hány óra van|τι ώρα είναι|колко е часът)\b",
    re.I,
)
AROUND_THE_CLOCK = frozenset(
    """
    today now current currently date time day year month week utc right exactly please hello hi heute jetzt haben gerade
    bitte aujourd'hui maintenant nous sommes-nous hoy ahora oggi adesso hoje agora vandaag nu dziś dzisiaj teraz idag
    tänään dnes astăzi most σήμερα sommes est-il
    """.split()  # noqa: SIM905
)

ORDERS = frozenset(
    """
    who whom whose what what's when where why how which is are was were do does did can could should would will
    has have summarise summarize sum explain list give tell write translate name find describe extract show
    calculate compute evaluate draft compare classify count search fetch rewrite rephrase fix review return reply
    answer please use look say state
    wer wann wo wie welche welcher nenne fasse erkläre übersetze zeige schreibe gib finde vergleiche liste bitte
    quel quelle qui comment pourquoi résume explique traduis traduisez montre écris donne trouve cite
    explica traduce enumera muestra escribe encuentra dime spiega traduci elenca mostra scrivi trova dimmi
    traduza mostre escreva leg vertaal noem toon schrijf geef wyjaśnij przetłumacz wymień pokaż napisz podaj znajdź
    """.split()  # noqa: SIM905
)
"""First words that make a paragraph without a question mark an order."""

NEEDS_A_MODEL = re.compile(
    r"^\W*(?:please\s+|bitte\s+)?(?:translate|write|compose|draft|rewrite|rephrase|paraphrase|invent|imagine|review|proofread|classify"
    r"|refactor|improve|fix"
    r"|tell me a|übersetz\w*|schreib\w*|tradui\w*|écri\w*|traduce|escribe|traduci|scrivi|traduza|escreva|vertaal"
    r"|schrijf|przetłumacz|napisz)\b",
    re.I,
)

GREETING = re.compile(
    r"^\W*(?:(?:hello|hi|hey|good (?:morning|evening|day)|thanks|thank you|help|test|testing|ping"
    r"|who are you|what are you|what can you do|what model are you|which model are you"
    r"|hallo|guten (?:tag|morgen|abend)|danke|hilfe|wer bist du|was kannst du|bonjour|salut|merci|aide|qui es-tu"
    r"|qui êtes-vous|hola|gracias|ayuda|quién eres|ciao|grazie|aiuto|chi sei|olá|obrigad[oa]|quem és|wie ben je"
    r"|bedankt|hulp|cześć|dzień dobry|dziękuję|pomoc|kim jesteś|hej|tack|tak|moi|kiitos|ahoj|děkuji|salut|mulțumesc"
    r"|szia|köszönöm|γεια σου|ευχαριστώ|здравей|благодаря)(?:\s+(?:there|you|all))?)?\W*$",
    re.I,
)
"""A message of nothing but hello, thanks or help; the answer says what this server is."""

CODE = re.compile(
    r"\b(code|snippet|function|script|fenced|command|shell|toml|json|yaml|quelltext|skript|befehl|commande|código"
    r"|codice|comando|opdracht|polecenie|kod)\b",
    re.I,
)
SHOWING = re.compile(
    r"\b(show|give|print|extract|return|copy|what(?:'s| is) the|what command|which command|zeig\w*|gib|montre|donne"
    r"|muestra|dame|mostra|dammi|mostre|toon|geef|pokaż|podaj|just|only)\b|^\W*(?:the )?(?:code|script|command)\b",
    re.I,
)

STOP_WORDS = frozenset(
    """
    a about above after again all am an and any are as at be because been before being below between both but by
    can could did do does doing don down during each few for from further give had has have having he her here hers him
    his how i if in into is it its itself just list make many me mean means meant more most much my need no nor
    not now of off on once
    only or other our ours out over own please s same say she should show so some such t tell than that the their theirs
    them then there these they this those through to too under until up very was we were what what's when where which
    while who whom whose why will with would you your yours
    aber auf aus bei bin bist dans das dass dem den der des die diese dieser durch ein eine einem einen einer es für
    gibt haben hier ich ihr ist kann mein mit nach nicht oder sehr seine sich sie sind über um und unter viel viele vom
    von wann warum welche welcher welches wenn wer werden wie wieviel wir wird wo zu zum zur
    au aux avec ce ces cette combien comment du elle en est et il ils je la le les leur lui mais nous où par pas pour
    pourquoi qu quand que quel quelle quelles quels qui sa se ses sont sur un une vous
    al como con cuál cuándo cuánta cuánto cómo de del donde dónde el ella ese esta este está las lo los mi no por
    qué quién se su sus también una unos y
    che chi cosa da degli dei del della delle di dove dello gli ho il nel nella non perché più quale quali quando quanta
    quanto quella questo si sono suo una uno
    ao as com da do dos e em eu foi há mas na nas nos o os ou para pela pelo porque qual quais quem são sua uma à é
    aan dat deze dit een er het hoe hoeveel ik maar met naar niet ons ook op te uit van voor waar waarom wanneer wat
    welke wie wordt zijn zij
    co czy dla do gdzie ich ile jak jaka jaki jakie jest kiedy kto która które który na nie od po przez się są to w z
    za że
    att av det där för hur när och om på som till vad var varför vem vilken är af er hvad hvem hvor hvornår hvorfor til
    ja kde kdo kdy kolik kuka mikä milloin missä miten on cine ce care cât când este pe unde și ki mi mikor hol mennyi
    egy és
    η ο το οι τα του της την τον και είναι με σε για από που πώς πότε ποιος ποια τι πού πόσο
    и в на е с за от да се кой кога къде колко как какво
    """.split()  # noqa: SIM905
)
"""Words that ask or join, which no search looks for. Those with a meaning in English (hat, war) are left out."""

MONTHS_AFTER_A_DOT = re.compile(
    r"(?:Jan|Feb|Mär|Apr|Mai\b|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Jahrhundert|Etage|Stock\b|Klasse|Kapitel)"
)
"""Words after the dot of a German ordinal (am 3. Mai), which ends no sentence."""

TIMES = (
    (r"plus|más|più|mais|und", "+"),
    (r"minus|moins|menos|meno", "-"),
    (r"times|multiplied by|mal|fois|multiplié par|por|per|vezes|volte|keer|maal|razy|gånger|gange|x", "*"),
    (
        r"divided by|geteilt durch|divisé par|dividido por|dividido entre|entre|diviso|gedeeld door|podzielone przez"
        r"|delat med|divideret med",
        "/",
    ),
)
"""Operators in words, as written between two numbers."""

HOW_MUCH = (
    r"what(?:'s| is| are| does)|how much (?:is|are)|was (?:ist|sind|macht|ergibt)|wie ?viel (?:ist|sind|macht)"
    r"|combien font|combien fait|cuánto (?:es|son)|quanto (?:fa|fanno|é|è|são)|hoeveel is|ile (?:to|jest|to jest)"
    r"|hur mycket är|hvad er|kolik je|cât (?:fac|este)|mennyi|paljonko on|and"
)
