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
    Fact("EUGPT_API_KEY", "The API key. It is sent over https or to this machine only, and never shown."),
    Fact("EUGPT_API_KEY_FILE", "A file that holds the key, where EUGPT_API_KEY is not set."),
    Fact("CREDENTIALS_DIRECTORY", "Set by systemd: the key is read from the credential eugpt_api_key in it."),
    Fact("EUGPT_DEBUG", "1 adds the traceback to the message about a defect in eugpt."),
    Fact("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "The proxy to go through, and the hosts that need none."),
    Fact("SSL_CERT_FILE, SSL_CERT_DIR", "The certificates to trust instead of the system's."),
    Fact("NO_COLOR, TERM=dumb", "NO_COLOR: no colour. TERM=dumb: no colour, status line or progress bar either."),
    Fact("XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the files below are; ~/.config and ~/.local/state without them."),
)
FILES = (
    Fact("$XDG_CONFIG_HOME/eugpt/config.toml", "Profiles: a table [profile.NAME] of settings each."),
    Fact(
        "$XDG_STATE_HOME/eugpt/conversations.json",
        "The names of conversations: for each its services, and the id that it stands for there.",
    ),
    Fact("$XDG_STATE_HOME/eugpt/locks", "A file for each conversation in which a turn is under way."),
    Fact(
        "$XDG_STATE_HOME/eugpt/history",
        "What has been typed in sessions, a file for each conversation; --no-history keeps none.",
    ),
)
EXAMPLES = (
    Example("Summarise a file; nothing is printed unless the answer is complete.", "cat doc.txt | eugpt ask Summarise"),
    Example("Watch the answer as it comes.", 'eugpt stream "Explain GDPR in three sentences."'),
    Example("Ask about several files at once.", 'eugpt ask -f a.md -f b.md "What differs?"'),
    Example("Look at the request before anything is sent.", "eugpt ask -f a.md Translate --curl"),
    Example("Take the deltas out of the event stream.", "eugpt raw-events --type '*.delta' Hello | jq -r .delta"),
    Example(
        "Go on with a conversation under a name of one's own.",
        'eugpt chat -c trip "I am Ada."\neugpt chat -c trip "Who am I?"',
    ),
    Example(
        "Send each line of a file, and go on where an earlier run ended.",
        "eugpt batch --lines names.txt -o rows.ndjson --resume\njq -r .output_text rows.ndjson",
    ),
    Example(
        "Tell in a script whose problem a failure is.",
        "eugpt ask Hello > answer.txt\n"
        "case $? in\n"
        "0) echo done ;;\n"
        "49 | 5? | 6?) echo later ;;\n"
        "*) echo broken ;;\n"
        "esac",
    ),
    Example("Leave standard input to the loop.", 'while read -r name; do eugpt ask -I "Greet $name"; done < names.txt'),
    Example(
        "Send a prompt a line, many at once; the answers come in the same order.",
        "eugpt batch --lines --ordered names.txt | jq -r .output_text",
    ),
    Example("Try all of it without a key and without a network.", "eugpt serve -- eugpt ask 'What is 6 * 7?'"),
)
