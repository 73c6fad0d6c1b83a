"""The mechanical part of plain words: Markdown wraps, riddling phrases and old names stay away."""

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = 100
PAGES = sorted(
    [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")), *ROOT.glob("docs/**/*.md")]
)
MODULES = sorted(ROOT.glob("src/**/*.py"))

# A riddling phrase, and plain words for it.
PHRASES = {
    r"untold": "say what is missing",
    r"of (one's|ones) own": "your own, or name the thing",
    r"what there (is|are)": "name the thing",
    r"where there (is|are) (one|some|none)": "if there is one",
    r"(is|are|was|were|be|been|being) told": "is printed, is reported, receives",
    r"told (by|apart|of|once|to|in)": "reported, separated, warned",
    r"tells (apart|of|whether|which|how|what|it|them|torch|autograd)": "says, reports, shows",
    r"(is|are|was|were) asked (of|for|to|by)": "must, needs, takes",
    r"asks? of": "require",
    r"asked of": "required from",
    r"as (it|they) (is|are)(?=[.,;:)])": "unchanged",
    r"(?<![a-z,] )who (trains|wants|doubts|studies|teaches) (a|an|one|the|to)": "a person who",
    r"for want of": "because there is no",
}
# Names that had better successors, and those.
NAMES = {
    "Turn": "PlayerStep", "Known": "FlatCheck", "form_of": "decompose",
    "Kept": "StateArrays", "keeps": "decay_factors", "takes_in": "updates_state",
    "way_through": "schedule", "told": "arguments", "_tell": "_pack", "_untold": "_no_progress",
    "_Sight": "_Snapshot", "Journal": "Recorder", "Wanted": "Placeholder", "Share": "Draws",
    "goodness": "scores", "of_ones_own": "for_custom_sweep", "Purpose": "StudyInfo",
    "MOST_COMPARED": "MAX_PAIRED_SAMPLES", "customary": "aliases", "as_one": "is_global",
    "SweepStudy": "Study", "_unfinite": "_divergence", "conduct": "runner", "held": "locked",
}  # fmt: skip

# All phrases in one pattern, because a search for each takes several times as long.
_PHRASES = re.compile("|".join(rf"\b({p})\b".replace(" ", r"\s") for p in PHRASES))
_NAMES = re.compile(rf"\b({'|'.join(NAMES)})\b")


def long_lines(text: str) -> list[str]:
    """Every line that could be wrapped and is not."""
    found, in_code = [], False
    for number, line in enumerate(text.split("\n"), start=1):
        fence = line.lstrip().startswith(("```", "~~~"))
        in_code ^= fence
        if in_code or fence or re.match(r"    |\s*(\||#|!\[|<|:::|\[[^\]]+\]:)", line):
            continue
        # Nothing that is longer than a line by itself, such as a link, can be wrapped.
        text_only = re.sub(r"\]\([^)]*\)", "]", line)
        if len(line) > COLUMNS and len(text_only.split()) > 1 and len(text_only) > COLUMNS:
            found.append(f"line {number}: wrap it")
    return found


def riddles(text: str) -> list[str]:
    """Every riddling phrase with its line, and plain words for it."""
    # A phrase may go over the end of a line of prose or of a comment.
    lines = re.sub(r"^[ \t]*#?[ \t]*", "", text.lower(), flags=re.MULTILINE)
    return [
        f"line {lines.count(chr(10), 0, match.start()) + 1}, {' '.join(match[0].split())!r}: {use}"
        for match in _PHRASES.finditer(lines)
        for phrase, use in PHRASES.items()
        if re.fullmatch(phrase.partition("(?=")[0].replace(" ", r"\s"), match[0])
    ]


def old_names(text: str) -> list[str]:
    """Every old name of a class, function, argument, attribute or variable, with its line and successor."""
    if not _NAMES.search(text):
        return []
    found = []
    for node in ast.walk(ast.parse(text)):
        names = {getattr(node, attribute, None) for attribute in ("name", "id", "arg", "attr")}
        found += [f"line {node.lineno}, {name}: {NAMES[name]}" for name in names if name in NAMES]
    return found


def problems(check: Callable[[str], list[str]], paths: Iterable[Path]) -> str:
    found = [(path, each) for path in paths for each in check(path.read_text(encoding="utf-8"))]
    return "\n".join(f"{path.relative_to(ROOT).as_posix()}, {each}" for path, each in found)


def test_markdown_wraps_at_100_columns():
    assert problems(long_lines, PAGES) == ""


def test_no_riddling_phrase():
    assert problems(riddles, [*PAGES, *MODULES]) == ""


def test_no_old_name():
    assert problems(old_names, MODULES) == ""


def test_the_checks_find_what_they_look_for():
    page = ["word " * 30, "| " + "cell " * 30, "```", "code " * 30, "```", f"[{'x' * 120}](y)"]
    assert long_lines("\n".join(page)) == ["line 1: wrap it"]
    assert riddles("x = 1\n# What is asked\n# of it is\n#   told once.") != []
    assert riddles("A wrapped phrase for\nwant of better.") == ["line 1, 'for want of': because there is no"]
    assert old_names("class Turn:\n    def goodness(self, told): ...") != []
    assert old_names('"""Turn it off."""\nTurned = 1') == []
