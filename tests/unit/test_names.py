"""The file of names against a plain dictionary, whatever is done in whatever order at however many services."""

import json
import re
import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from eugpt_cli.conversation.names import Conversations
from eugpt_cli.errors import ConfigError

NAMES = st.sampled_from(["work", "home", "übung.2"])
SERVICES = st.sampled_from(["https://a.test/v1", "https://b.test/v1", "http://127.0.0.1:1/v1"])
IDS = st.sampled_from([str(UUID(int=number)) for number in range(3)])
ANYWHERE = ""


class Names(RuleBasedStateMachine):
    """`known` holds what should be kept: the id by name and service."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.known: dict[tuple[str, str], str] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    def at(self, service: str) -> Conversations:
        return Conversations({"XDG_STATE_HOME": self.folder.name}, service, print)

    def stands_for(self, name: str, service: str) -> str | None:
        return self.known.get((name, service)) or self.known.get((name, ANYWHERE))

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / "eugpt/conversations.json"

    @rule(name=NAMES, conversation_id=IDS)
    def written_by_an_older_version(self, name: str, conversation_id: str) -> None:
        self.path.parent.mkdir(exist_ok=True)
        entries = json.loads(self.path.read_bytes()) if self.path.exists() else {}
        self.path.write_text(json.dumps({**entries, name: {"id": conversation_id}}))
        self.known = {key: value for key, value in self.known.items() if key[0] != name}
        self.known[name, ANYWHERE] = conversation_id

    @rule(name=NAMES, service=SERVICES, conversation_id=IDS)
    def give(self, name: str, service: str, conversation_id: str) -> None:
        assert self.at(service).name(name, conversation_id) == self.stands_for(name, service)
        self.known.pop((name, ANYWHERE), None)
        self.known[name, service] = conversation_id

    @rule(service=SERVICES, conversation_id=IDS)
    def answer(self, service: str, conversation_id: str) -> None:
        self.at(service).turn_ended(conversation_id, None)
        for name, where in list(self.known):
            if where == ANYWHERE and self.known[name, where] == conversation_id:
                self.known[name, service] = self.known.pop((name, where))

    @rule(name=NAMES, service=SERVICES)
    def forget(self, name: str, service: str) -> None:
        wanted = self.stands_for(name, service)
        try:
            assert self.at(service).forget(name) == wanted
        except ConfigError:
            assert wanted is None
        self.known.pop((name, service) if (name, service) in self.known else (name, ANYWHERE), None)

    @rule(name=NAMES, service=SERVICES)
    def find(self, name: str, service: str) -> None:
        assert self.at(service).find(name) == self.stands_for(name, service)

    @invariant()
    def all_of_them_are_listed(self) -> None:
        rows = self.at("").listed()
        assert {(row.name, row.service or ANYWHERE): row.facts["id"] for row in rows} == self.known
        assert len(rows) == len(self.known)

    @invariant()
    def a_shell_reads_the_names_off_the_lines(self) -> None:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        if lines and lines[0] == "{":  # the file is as eugpt writes it
            found = [match[1] for line in lines if (match := re.match(r'  "([^"]*)": \{', line))]
            assert found == sorted({name for name, _ in self.known})


TestNames = Names.TestCase
