"""What newcomers type, in the languages of the EU: arithmetic in words, dates, orders, questions on piped text."""

from datetime import UTC, datetime

import pytest

from eugpt_cli.local.answers import clock
from eugpt_cli.local.answers.calculator import evaluate
from eugpt_cli.local.answers.intent import asks_for_summary
from eugpt_cli.local.answers.prose import sentences
from eugpt_cli.local.answers.reading import read

from .conftest import Server

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

SUMS = [
    ("Was ist 3,5 mal 2?", "3.5 * 2 = 7"),
    ("What is 1.200,50 + 3?", "1200.50 + 3 = 1203.5"),
    ("Wieviel ist 100 geteilt durch 8?", "100 / 8 = 12.5"),
    ("15% von 80", "15/100 * 80 = 12"),
    ("Combien font 12 fois 12 ?", "12 * 12 = 144"),
    ("¿Cuánto es 15 más 4?", "15 + 4 = 19"),
    ("Quanto fa 7 per 8?", "7 * 8 = 56"),
    ("what is two plus two?", "2 + 2 = 4"),
    ("What is the average of 3, 5 and 10?", "avg(3, 5, 10) = 6"),
    ("What is the sum of 1, 2, 3?", "sum(1, 2, 3) = 6"),
    ("What is half of 30?", "1/2 * 30 = 15"),
    ("What is 5 factorial?", "5! = 120"),
    ("How much is 20% off 50?", "50 - 20% = 40"),
    ("12x12", "12 * 12 = 144"),
    ("max(1,2)", "max(1,2) = 2"),
]


@pytest.mark.parametrize(("question", "answer"), SUMS)
def test_arithmetic_in_words(server: Server, question: str, answer: str) -> None:
    assert server.ask(question)["output_text"] == answer


@pytest.mark.parametrize(
    ("expression", "value"),
    [("100 - 20%", "80"), ("50 + 10%", "55"), ("20%", "0.2"), ("200 * 10%", "20"), ("100 - 20% * 2", "99.6")],
)
def test_a_percentage_added_or_taken_is_one_of_what_stands_before(expression: str, value: str) -> None:
    assert evaluate(expression) == value


CALENDAR = [
    ("What time is it?", "It is Saturday, 21 November 2026, 08:30:00 UTC."),
    ("What day is it today?", "It is Saturday, 21 November 2026, 08:30:00 UTC."),
    ("Wie spät ist es?", "It is Saturday, 21 November 2026, 08:30:00 UTC."),
    ("Quel jour sommes-nous ?", "It is Saturday, 21 November 2026, 08:30:00 UTC."),
    ("¿Qué hora es?", "It is Saturday, 21 November 2026, 08:30:00 UTC."),
    ("Która jest godzina?", "It is Saturday, 21 November 2026, 08:30:00 UTC."),
    (
        "What time is it in Nowhere?",
        "It is Saturday, 21 November 2026, 08:30:00 UTC. The time zone of Nowhere is not known here.",
    ),
    ("What is the date tomorrow?", "Tomorrow is Sunday, 22 November 2026 (UTC)."),
    ("What date was yesterday?", "Yesterday was Friday, 20 November 2026 (UTC)."),
    ("What date is in 10 days?", "That is Tuesday, 1 December 2026 (UTC)."),
    ("What day was it 3 weeks ago?", "That was Saturday, 31 October 2026 (UTC)."),
    ("How many days until Christmas?", "It is 34 days until Friday, 25 December 2026."),
    ("How many days since 2026-11-20?", "20 November 2026 was 1 day ago."),
    ("How many days between 2028-02-01 and 1 March 2028?", "From 1 February 2028 to 1 March 2028 it is 29 days."),
    ("What day of the week is 24.12.2026?", "24 December 2026 is a Thursday."),
    ("What weekday was November 9, 1989?", "9 November 1989 was a Thursday."),
    ("Is 2100 a leap year?", "No, 2100 is not a leap year."),
    ("What day is 2026-02-30?", None),
    ("What is the date of the meeting?", None),
    ("What time is it in the story?", None),
    ("Who was born on 3 May 1980?", None),
]


@pytest.mark.parametrize(("question", "answer"), CALENDAR)
def test_clock_and_calendar(question: str, answer: str | None) -> None:
    told = clock.clock_answer(question, NOW)
    assert (told.text if told else None) == answer


def test_the_time_of_a_city(server: Server) -> None:
    document = server.ask("What time is it in Tokyo?")
    assert document["output_text"].endswith(" JST.")
    assert document["output"][0]["arguments"] == '{"timezone": "Asia/Tokyo"}'


SUMMARISE = """
Summarise|Zusammenfassung in zwei Sätzen|Fasse den Text bitte zusammen|Résumez ce texte.|Resume el texto|Resumen
Riassumi|Resuma o texto|Vat samen|Samenvatting|Podsumuj|Streść|Shrň text|Zhrň text|Povzemi|Sažmi|Rezumă textul
Foglald össze|Sammanfatta|Opsummer|Tiivistä|Kokkuvõte|Kopsavilkums|Santrauka|Σύνοψη|Резюме|Sommarju|Achoimre
"""


@pytest.mark.parametrize("order", SUMMARISE.replace("\n", "|").strip("|").split("|"))
def test_an_order_for_a_summary_is_told_from_the_text(order: str) -> None:
    message = read(f"{order}\n\nZürich ligt aan een meer. Das Schiff fährt um acht.")
    assert message.question == order
    assert asks_for_summary(message.question)


@pytest.mark.parametrize("question", ["When was work resumed?", "Wer arbeitet mit Anna zusammen?"])
def test_not_everything_like_a_summary_is_one(question: str) -> None:
    assert not asks_for_summary(question)


GERMAN = "Die Pumpe fiel am 3. Mai 2026 aus. Frau Dr. Schulze leitet die Abteilung in Köln. Die Reparatur kostete viel."
POLISH = "Zebranie odbyło się w Krakowie. Przewodniczącą została Anna Kowalska. Budżet wynosi 20 tysięcy złotych."
GREEK = "Η συνάντηση έγινε στην Αθήνα. Ο πρόεδρος ονομάζεται Γιώργος Παπαδόπουλος."
ENGLISH = "Minutes of May.\n\nThe meeting took place on 5 May in Ghent. Work on the roof was resumed in Leuven."

READINGS = [
    (GERMAN, "Wann fiel die Pumpe aus?", "Die Pumpe fiel am 3. Mai 2026 aus."),
    (GERMAN, "Wer leitet die Abteilung?", "Frau Dr. Schulze leitet die Abteilung in Köln."),
    (GERMAN, "Fasse den Text in einem Satz zusammen", "Frau Dr. Schulze leitet die Abteilung in Köln."),
    (GERMAN, "Wie viel hat die Reparatur gekostet?", "Die Reparatur kostete viel."),
    (POLISH, "Kto został przewodniczącym?", "Przewodniczącą została Anna Kowalska."),
    (GREEK, "Πώς ονομάζεται ο πρόεδρος;", "Ο πρόεδρος ονομάζεται Γιώργος Παπαδόπουλος."),
    (ENGLISH, "What is the date of the meeting?", "The meeting took place on 5 May in Ghent."),
    (ENGLISH, "Where was work resumed?", "Work on the roof was resumed in Leuven."),
]


@pytest.mark.parametrize(("text", "question", "answer"), READINGS)
def test_questions_on_a_text(server: Server, text: str, question: str, answer: str) -> None:
    assert server.ask(f"{question}\n\n{text}")["output_text"] == answer


def test_bullets_by_a_german_word(server: Server) -> None:
    answer = server.ask(f"Zwei Stichpunkte bitte\n\n{GERMAN}")["output_text"]
    assert [line[:2] for line in answer.splitlines()] == ["- ", "- "]


@pytest.mark.parametrize("text", ["hello", "Hi there!", "Who are you?", "Danke!", "¿Quién eres?", "😀", "."])
def test_who_says_nothing_is_told_who_answers(server: Server, text: str) -> None:
    answer = server.ask(text)["output_text"]
    assert answer.startswith("This is eugpt-local, a server without a language model")
    assert "found nothing" not in answer


@pytest.mark.parametrize("order", ["Translate to German", "Write a haiku about this", "Übersetze ins Englische"])
def test_what_needs_a_model_is_declined(server: Server, order: str) -> None:
    assert server.ask(f"{order}\n\n{ENGLISH}")["output_text"].startswith("This needs a language model")


MANUAL = """# Pump

Start it with:

    pump --start

The night is set in a file:

    [night]
    hours = 8
"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Show me the code", "```\npump --start\n```"),
        ("Give me the file with the night as toml", "```\n[night]\nhours = 8\n```"),
        ("How do I start it?", "Start it with:\n\n```\npump --start\n```"),
    ],
)
def test_indented_code_is_found_by_what_introduces_it(server: Server, question: str, answer: str) -> None:
    assert server.ask(f"{question}\n\n{MANUAL}")["output_text"] == answer


PRICES = "Bread 2.50\nMilk 1.20\nCall anna@example.org, see https://example.org/x."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many lines?", "The text has 3 lines."),
        ("Count the words", "The text has 8 words."),
        ("What is the sum of the numbers?", "The sum of the 2 numbers is 3.7."),
        ("What is the largest of these numbers?", "The largest of the 2 numbers is 2.5."),
        ("Extract all email addresses", "anna@example.org"),
        ("List the links", "https://example.org/x"),
        ("How much is the milk?", "Milk 1.20"),
    ],
)
def test_what_a_text_holds_is_counted_and_picked_out(server: Server, question: str, answer: str) -> None:
    assert server.ask(f"{question}\n\n{PRICES}")["output_text"] == answer


def test_lines_filled_to_a_margin_are_one_sentence_and_short_ones_are_records() -> None:
    filled = "The harbour of the town was built in the year 1840\nand silted up within a generation."
    assert [sentence.text for sentence in sentences(filled)] == [" ".join(filled.split())]
    assert [(sentence.text, sentence.line) for sentence in sentences("name,age\nAnna,34\nBob,51")] == [
        ("name,age", 1),
        ("Anna,34", 2),
        ("Bob,51", 3),
    ]


def test_a_conversation_is_summarised(server: Server) -> None:
    conversation = server.ask("My boat is called Petrel.")["conversation_id"]
    server.ask("It lies at Husum.", conversation_id=conversation)
    answer = server.ask("Summarise our conversation", conversation_id=conversation)["output_text"]
    assert answer == "My boat is called Petrel. It lies at Husum."
