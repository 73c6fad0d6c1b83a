"""Words of the trade on a page: each is explained where it first stands, and again at the page's end."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from paripassu.printable import printable

TERMS = {
    "arm": "One of the update rules that a study compares, with the learning rates that tuning chose for it.",
    "confirmation seeds": "Random seeds that tuning never saw. Only runs on them are reported and compared.",
    "decades": "Factors of ten, on a logarithmic scale: 0.3 decades are a factor of 2, 1 is a factor of 10.",
    "discriminator": "The player that learns to tell real samples from generated ones.",
    "generator updates": "Steps of the generator, which count a training's length.",
    "mode-overlap": (
        "How evenly samples lie on the modes of the data: 1 if each mode has its share of them and none is "
        "astray, 0 if none is on a mode."
    ),
    "modes": "The separate clusters that data consist of, such as the eight points of a ring.",
    "nSGDA": (
        "Normalised SGDA: each step has the gradient's direction, and a length that the gradient does not "
        "change."
    ),
    "pace": (
        "The discriminator's relative step over the generator's. At 1 both players move at the same pace."
    ),
    "probed": "Recorded by the probe, which measures a step from the weights before and after it.",
    "relative step": "The length of a step over the length of the player's weights.",
    "SGDA": "Stochastic gradient descent-ascent: plain SGD for both players.",
}
"""What pages explain, by the word. docs/glossary.md says the same."""

_FORMS = {term: re.compile(rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", re.IGNORECASE) for term in TERMS}
_TAG = re.compile("(<[^>]*>)")


class Glossary:
    """The words that one page has explained so far."""

    def __init__(self) -> None:
        self._used: dict[str, None] = {}

    def explained(self, text: str) -> Markup:
        """The text, escaped unless it is markup, whose words link to their explanation the first time.

        Example:
            >>> Glossary().explained("Two arms & more.")
            Markup('Two <a class="term" href="#term-arm" title="One of ...">arms</a> &amp; more.')
        """
        whole = str(text if isinstance(text, Markup) else escape(printable(text, keep="\n\t")))
        for term, form in _FORMS.items():
            if term not in self._used:
                whole = self._linked(whole, term, form)
        return Markup(whole)  # noqa: S704 - it was escaped, and the links are ours

    def _linked(self, text: str, term: str, form: re.Pattern[str]) -> str:
        parts = _TAG.split(text)
        depth = 0  # of links and code, in which nothing is linked
        for place, part in enumerate(parts):
            if place % 2:
                depth += part.startswith(("<a ", "<code")) - part.startswith(("</a", "</code"))
            elif not depth and (found := form.search(part)):
                self._used[term] = None
                link = Markup('<a class="term" href="#{}" title="{}">{}</a>').format(
                    anchor(term),
                    TERMS[term],
                    Markup(found[0]),  # noqa: S704 - a word of ours
                )
                parts[place] = part[: found.start()] + str(link) + part[found.end() :]
                break
        return "".join(parts)

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """What the page's end has of each word that it used: its anchor, the word, what it is."""
        yield from ((anchor(term), term, words) for term, words in TERMS.items() if term in self._used)


def anchor(term: str) -> str:
    """Where a word is explained."""
    return "term-" + term.replace(" ", "-")
