"""What no other table knows: event types, variables that belong to no option, files, and examples."""

from dataclasses import dataclass

from eugpt_cli.api.events import DELTA, TERMINAL


@dataclass(frozen=True)
class Fact:
    """A name and what there is to know of it."""

    name: str
    text: str


@dataclass(frozen=True)
class Example:
    """A shell command that works as it stands (a test runs it), and what it is good for."""

    purpose: str
    command: str


EVENT_TYPES = (
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    DELTA,
    "response.output_text.done",
    "response.output_item.done",
    *sorted(TERMINAL),
)
VARIABLES = (
    Fact("EUGPT_API_KEY", "The API key. eugpt sends it only over https or to this machine, and never prints it."),
    Fact("EUGPT_API_KEY_FILE", "A file that contains the key, if EUGPT_API_KEY is not set."),
    Fact("CREDENTIALS_DIRECTORY", "Set by systemd: eugpt reads the key from the credential eugpt_api_key."),
    Fact("EUGPT_DEBUG", "1 adds a traceback to the message about a defect in eugpt."),
    Fact(
        "HTTPS_PROXY, ALL_PROXY, NO_PROXY",
        "The proxy to use (http, https or socks5), and the hosts to reach without it.",
    ),
    Fact("SSL_CERT_FILE, SSL_CERT_DIR", "The bundle and the folder of certificates to use instead of the system's."),
    Fact("NO_COLOR", "If set, eugpt uses no colour on a terminal."),
    Fact("TERM", "With dumb, eugpt uses no colour, no status line and no progress bar."),
    Fact("XDG_CONFIG_HOME, XDG_STATE_HOME", "Folders for the files below (default ~/.config and ~/.local/state)."),
)
FILES = (
    Fact("$XDG_CONFIG_HOME/eugpt/config.toml", "Profiles: a table [profile.NAME] of settings for each."),
    Fact(
        "$XDG_STATE_HOME/eugpt/conversations.json",
        "The names of conversations, and for each name the services and the conversation ids there.",
    ),
    Fact("$XDG_STATE_HOME/eugpt/locks", "One file for each conversation with a turn in flight."),
    Fact(
        "$XDG_STATE_HOME/eugpt/history",
        "What you typed in sessions, one file for each conversation; --no-history stores nothing.",
    ),
)
EXAMPLES = (
    Example(
        "Summarise a file. eugpt prints nothing unless the answer is complete.", "cat doc.txt | eugpt ask Summarise"
    ),
    Example("Print the answer as it arrives.", 'eugpt stream "Explain GDPR in three sentences."'),
    Example("Ask about several files.", 'eugpt ask -f a.md -f b.md "What differs?"'),
    Example("Set the system prompt.", 'eugpt ask -i "Answer in French, in one sentence." "What is GDPR?"'),
    Example("Send a prompt that begins with a dash.", "eugpt ask -- '-1 + 2 = ?'"),
    Example(
        "Start a conversation under a name, and continue it.",
        'eugpt chat -c trip "I am Ada."\neugpt chat -c trip "Who am I?"',
    ),
    Example("Replace a file only if the answer is complete.", "eugpt ask -o brief.txt Summarise < report.txt"),
    Example(
        "Keep eugpt from reading the input of a loop.",
        'while read -r name; do eugpt ask -I "Greet $name"; done < names.txt',
    ),
    Example(
        "Handle failures in a script by their cause.",
        "eugpt ask Hello > answer.txt\n"
        "case $? in\n"
        "0) echo done ;;\n"
        "49 | 5? | 6[0-2]) echo later ;;\n"
        "*) echo broken ;;\n"
        "esac",
    ),
    Example(
        "Send each line of a file as a prompt. To resume after a failure, run the command again.",
        "eugpt batch --lines names.txt -o rows.ndjson --resume\njq -r .output_text rows.ndjson",
    ),
    Example(
        "Send each line of a file as a prompt, and print the answers in the same order.",
        "eugpt batch --lines --ordered names.txt | jq -r .output_text",
    ),
    Example("Print the request instead of sending it.", "eugpt ask -f a.md Translate --curl"),
    Example("Print the types of all events.", "eugpt raw-events Hello | jq -r .type"),
    Example("Find out why eugpt does not work.", "eugpt doctor"),
    Example("Try eugpt without a key or a network.", "eugpt serve -- eugpt ask 'What is 6 * 7?'"),
)
