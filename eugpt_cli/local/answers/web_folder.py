"""web_search and web_fetch without a network: the file DIR/HOST/PATH is the page https://HOST/PATH."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from eugpt_cli.local.answers.corpus import TEXT_FILES, Corpus, CorpusChunk, plain
from eugpt_cli.local.answers.reading import NamedText

_SKIPPED = frozenset({"script", "style", "template", "noscript", "svg", "nav"})
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "section", "article", "header", "footer", "table", "ul", "ol", "pre"}
)
_ENDINGS = ("", ".html", ".htm", ".md", ".txt", "/index.html", "/index.md")


class _ReadableText(HTMLParser):
    """The readable text of a page, headings as Markdown headings."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self.muted += 1
        elif tag == "title" or (len(tag) == 2 and tag[0] == "h" and tag[1].isdigit()):
            self.parts.append("\n\n" + "#" * (1 if tag == "title" else int(tag[1]) or 1) + " ")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self.muted = max(self.muted - 1, 0)
        elif tag == "title" or tag in _BLOCKS or (len(tag) == 2 and tag[0] == "h"):
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.muted:
            self.parts.append(" ".join(data.split()) + (" " if data[-1:].isspace() else ""))


def readable(data: bytes) -> str:
    """The text of an HTML page."""
    parser = _ReadableText()
    parser.feed(data.decode("utf-8", "replace"))
    parser.close()
    return "".join(parser.parts).strip()


class WebFolder:
    """The folder, searched and read like the web."""

    def __init__(self, folder: Path) -> None:
        self._corpus = Corpus(folder, {**TEXT_FILES, ".html": readable, ".htm": readable})
        self._corpus.refresh()

    def search(self, question: str) -> list[tuple[str, CorpusChunk]]:
        """(URL, chunk) of the best places, best first."""
        return [(_url(chunk.path), chunk) for chunk in self._corpus.search(question)]

    def fetch(self, url: str) -> NamedText | None:
        """The page at a URL as text; None if the folder has no such page, or it is no URL."""
        root = self._corpus.folder.resolve()
        try:
            parts = urlsplit(url)
            path = unquote(parts.path).strip("/")
            base = f"{parts.hostname}/{path}" if parts.hostname != "localhost" else path
            for ending in _ENDINGS:
                file = (root / (base.strip("/") + ending)).resolve()
                if file.is_relative_to(root) and file.is_file():
                    data = file.read_bytes()
                    return NamedText(url, readable(data) if file.suffix in (".html", ".htm") else _decoded(data))
        except (ValueError, OSError):  # half an IPv6 address, a NUL byte, a name that is too long, an unreadable file
            return None
        return None

    def close(self) -> None:
        """Closes the index."""
        self._corpus.close()


def _decoded(data: bytes) -> str:
    try:
        return plain(data)
    except UnicodeDecodeError:
        return ""


def _url(path: str) -> str:
    return f"https://{quote(path)}" if "/" in path else f"http://localhost/{quote(path)}"
