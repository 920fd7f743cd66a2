"""What is said aloud in a source, and which of it the character says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cards.text import Block, ProperNoun
from providers.offline.lists import is_section
from providers.offline.notes import ended, upper_first
from providers.offline.subjects import PRONOUN_GENDER, Spotter

QUOTED = re.compile(
    r"“([^”]{2,400})”|\"([^\"]{2,400})\"|«\s*([^»]{2,400}?)\s*»|„([^“”\"]{2,400})[“”\"]|「([^」]{2,200})」"
)
DASHED = re.compile(r"^\s*[—–]\s*([^—–]+?)\s*(?:[—–]\s*(?P<tag>[^—–]+?)(?:[—–][.,]?\s*(?P<more>.+))?)?$")
TAGS = re.compile(
    r"\b(?:said|says|say|asked|asks|replied|replies|answered|answers|whispered|whispers|muttered|mutters|told|tells|growled"
    r"|murmured|snapped|called|calls|shouted|laughed|added|sagte|sagt|fragte|antwortete|flüsterte|murmelte|rief|dijo|dice|preguntó|respondió|susurró"
    r"|dit|demanda|répondit|murmura|disse|dice|chiese|rispose|perguntou|respondeu|сказал\w*|спросил\w*|ответил\w*)\b"
)
INNER_TAG = re.compile(r",\s*(?:dit|demanda|répondit|murmura|sagte|dijo|disse)\s[^,.;!?]{1,40},\s*")


@dataclass(frozen=True)
class Quote:
    """Something said aloud, without its quotation marks. ``by_main``: the tag or the text around says it was them."""

    text: str
    place: int
    by_main: bool
    answers: str = ""


def quotes_of(
    parts: list[Block], forms: tuple[str, ...], nouns: tuple[ProperNoun, ...], code: str, spotter: Spotter
) -> list[Quote]:
    """What was said aloud, in order, each with the words of somebody else that it answers where it answers any."""
    found: list[Quote] = []
    others = {
        form for noun in nouns if noun.kind in {"person", "unknown"} for form in (noun.name, *noun.aliases)
    } - set(forms)
    for place, block in enumerate(parts):
        said = [next(filter(None, match.groups())) for match in QUOTED.finditer(block.text)]
        outside = QUOTED.sub(" § ", block.text)
        dashed = DASHED.match(block.text)
        if dashed and not said:
            said = [" ".join(ended(one) for one in (dashed.group(1), dashed["more"]) if one)]
            outside = dashed["tag"] or ""
        if is_section(f"{block.section} {block.label}", "quotes") and block.kind != "heading":
            for text in said or [block.text]:
                found.append(Quote(_tidy(text), place, by_main=True))
            continue
        if not said or not _is_speech(said, outside, block, code):
            continue
        by_main = _said_by_main(outside, block.text, forms, others, spotter)
        before = found[-1] if found and found[-1].place >= place - 1 and not found[-1].by_main else None
        spoken = [one for one in said if len(one.split()) > 1 or one.rstrip()[-1] in ".,!?…。" or len(said) == 1]
        for text in _run_together(spoken):
            if _is_whole(text) and (len(text.split()) > 1 or text.rstrip()[-1] in ".,!?…。" or code in {"ja", "zh"}):
                found.append(Quote(_tidy(text), place, by_main, before.text if before and by_main else ""))
                before = None
    return found


def _run_together(said: list[str]) -> list[str]:
    """Two halves of one speech around its tag, as one: where they are short enough to be said in a breath."""
    if len(said) < 2 or sum(len(one.split()) for one in said) > 40:
        return said
    pieces = [
        one.strip().rstrip(",")
        if one.strip()[-1] == "," and said[place + 1 : place + 2] and said[place + 1][:1].isupper()
        else one.strip()
        for place, one in enumerate(said)
    ]
    return [
        " ".join(
            piece if piece[-1] == "," or place == len(pieces) - 1 else ended(piece)
            for place, piece in enumerate(pieces)
        )
    ]


def _is_speech(said: list[str], outside: str, block: Block, code: str) -> bool:
    """Not a title or a single word in quotation marks."""
    words_ = max(len(text.split()) for text in said)
    return (
        bool(TAGS.search(outside) or INNER_TAG.search(block.text))
        or any(text.rstrip()[-1] in ".,!?…。！？" for text in said)
        or (code in {"ja", "zh"} and max(map(len, said)) > 6)
        or words_ > 4
    )


def _said_by_main(outside: str, whole: str, forms: tuple[str, ...], others: set[str], spotter: Spotter) -> bool:
    """Whether the words around a quotation make the character its speaker: first person named, or only pronoun."""
    inner = INNER_TAG.search(whole)
    context = outside + (" " + inner.group() if inner else "")
    first = _first_named(context, forms)
    tag = re.search(r"§\s*(\w+)\s(?=" + TAGS.pattern + ")", outside)
    if tag and tag.group(1).lower() in PRONOUN_GENDER:
        return spotter.means_main(tag.group(1).lower())
    other = _first_named(context, tuple(others))
    if first >= 0:
        # "Not for me." Wren said to Anselm: the character has to do the talking.
        before = context[:first].split()
        return (other < 0 or first < other) and not (
            before and before[-1] in {"to", "told", "asked", "for", "at", "zu", "a", "à"}
        )
    if other >= 0 or not re.sub(r"[\s§.,;:!?—–-]", "", outside):
        return False
    pronouns = [word for word in re.findall(r"\w+", outside.lower()) if word in PRONOUN_GENDER]
    return bool(pronouns) and spotter.means_main(pronouns[0])


def _first_named(context: str, forms: tuple[str, ...]) -> int:
    places = [
        match.start()
        for form in forms
        if form in context
        for match in re.finditer(rf"(?<!\w){re.escape(form)}(?!\w)", context)
    ]
    # In scripts without spaces a name runs straight on into its particle.
    wide = [context.find(form) for form in forms if not form.isascii() and form in context]
    return min(places + wide, default=-1)


def _is_whole(text: str) -> bool:
    return len(text) > 12 or (len(text) > 5 and not text.isascii())


def _tidy(text: str) -> str:
    """The words without the tag inside them, ended, and without marks that would upset a greeting."""
    text = INNER_TAG.sub(", ", text).strip().strip('"“”«»„*').strip()
    text = text.replace('"', "'").replace("“", "'").replace("”", "'")
    if text.endswith(","):
        text = text[:-1]
    return upper_first(ended(text))
