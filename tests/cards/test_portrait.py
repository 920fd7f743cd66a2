"""The drawn portrait: the same for the same character, and always a fitting picture."""

import io
import time

import pytest
from PIL import Image, ImageChops, ImageFont

from cards.art import lettering, style
from cards.art.figure import BODIES, HAIR, HATS
from cards.art.garments import GARMENTS
from cards.art.scene import LANDS
from cards.art.things import THINGS
from cards.card import Card
from cards.errors import CardError
from cards.portrait import PAINTERS, STYLES, draw_portrait, portrait_of

NAMES = (
    "Sir Galahad",
    "X",
    "",
    "Профессор Анна Иванова",
    "桜井 小春",
    "The Most Honourable and Illustrious Archduchess Philippa Wilhelmina of Greater Ravensmoor",
    "W" * 200,
    "🦊🔥",
    "ليلى",
    "\x00\n",
    "half \ud83e",
    "Z\u0338\u0322\u031ba\u0337\u0335l\u0337go",
    "Ọlọ́run",
    "देवी अनुष्का",
    "שרה בת אברהם",
    "ann\u202eevil",
)
every_style = pytest.mark.parametrize("drawn_as", STYLES)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


@every_style
def test_the_same_character_has_the_same_portrait(drawn_as):
    once, again = (draw_portrait("Mara", tags=["sea"], style=drawn_as) for _ in range(2))
    assert once == again


@every_style
def test_other_names_or_tags_have_other_portraits(drawn_as):
    pictures = {draw_portrait(name, tags=tags, style=drawn_as) for name in ("Mara", "Tom") for tags in ((), ("sea",))}
    assert len(pictures) == 4


def test_every_style_draws_another_picture_and_tarot_is_the_default():
    pictures = {name: draw_portrait("Mara", tags=["sea"], style=name) for name in STYLES}
    assert list(STYLES) == list(PAINTERS) == ["tarot", "glass", "poster"]
    assert len(set(pictures.values())) == 3
    assert draw_portrait("Mara", tags=["sea"]) == pictures["tarot"]
    card = Card(name="Mara", tags=("sea",))
    assert [portrait_of(card), portrait_of(card, "glass")] == [pictures["tarot"], pictures["glass"]]


def test_an_unknown_style_is_refused_with_the_known_ones():
    for draw in (lambda: draw_portrait("Mara", style="oil"), lambda: portrait_of(Card(name="Mara"), "oil")):
        with pytest.raises(CardError, match="'oil': choose tarot, glass, poster"):
            draw()


@every_style
@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_a_picture_of_modest_size(name, drawn_as):
    png = draw_portrait(name, style=drawn_as)
    assert opened(png).size == (400, 600)
    assert opened(png).text == {}
    assert len(png) < 250_000


@every_style
@pytest.mark.parametrize("size", [(16, 16), (64, 96), (512, 512), (800, 400), (200, 600), (512, 768)])
def test_any_shape_is_filled(size, drawn_as):
    png = draw_portrait("Mara Voss", size=size, style=drawn_as)
    assert opened(png).size == size
    assert len(png) < 250_000


@pytest.mark.parametrize("size", [(0, 0), (8, 600), (400, 5000)])
def test_absurd_sizes_are_refused(size):
    with pytest.raises(CardError, match="16 to 2048"):
        draw_portrait("Mara", size=size)


@every_style
def test_drawing_is_quick(drawn_as):
    draw_portrait("warm", style=drawn_as)
    start = time.process_time()
    for name in ("a", "b", "c"):
        draw_portrait(name, style=drawn_as)
    assert (time.process_time() - start) / 3 < 1  # about 0.1 s of a core; loose for slow machines


@pytest.mark.parametrize("name", [name for name in NAMES if lettering.fit(name, 300, 60)])
@pytest.mark.parametrize(
    ("drawn_as", "box"),
    [("tarot", (36, 527, 364, 586)), ("glass", (56, 517, 344, 577)), ("poster", (20, 508, 380, 590))],
)
def test_the_name_keeps_clear_of_the_edges_of_its_place(name, drawn_as, box):
    """Along the inside of the box around the name there is nothing but the plain ground."""
    place = opened(draw_portrait(name, style=drawn_as)).convert("RGB").crop(box)
    ground = place.getpixel((0, 0))
    plain = Image.new("RGB", place.size, ground)
    written = ImageChops.difference(place, plain).convert("L").point(lambda level: 255 if level > 24 else 0).getbbox()
    left, top, right, bottom = written
    assert min(left, top) >= 2
    assert place.width - right >= 2
    assert place.height - bottom >= 2


@pytest.mark.parametrize("name", ["Mara Voss", "W" * 90, "Grumpy Dragon Librarian", "Ann " * 22])
def test_the_name_stays_within_its_banner(name):
    setting = lettering.fit(name, 300, 60)
    image = Image.new("RGB", (400, 100))
    from PIL import ImageDraw

    lettering.draw(ImageDraw.Draw(image), setting, (200, 50), (255, 255, 255))
    left, top, right, bottom = ImageChops.difference(image, Image.new("RGB", image.size)).getbbox()
    assert left >= 48
    assert right <= 352
    assert top >= 18
    assert bottom <= 82


def test_a_long_name_ends_in_an_ellipsis():
    setting = lettering.fit("word " * 40, 300, 60)
    assert len(setting.lines) == 2
    assert setting.lines[-1].endswith(("…", "..."))


def test_letters_no_font_has_are_not_drawn_as_boxes(monkeypatch):
    own = ImageFont.load_default(size=20)
    monkeypatch.setattr(lettering, "_fonts", lambda: iter([own]))
    assert lettering.fit("桜井", 300, 60) is None
    assert lettering.fit("🦊🔥", 300, 60) is None
    assert lettering.fit("🦊 Kit", 300, 60).lines == ("KIT",)


def test_marks_that_no_font_has_are_left_out_and_no_letter_carries_a_pile(monkeypatch):
    own = ImageFont.load_default(size=20)
    monkeypatch.setattr(lettering, "_fonts", lambda: iter([own]))
    assert lettering.fit("Z\u0338\u0322\u031ba\u0337lgo", 300, 60).lines == ("ZALGO",)
    assert lettering.fit("दे", 300, 60) is None  # there a mark is a vowel
    monkeypatch.undo()
    piled = lettering.fit("a" + "\u0323\u0324\u0325\u0330" * 10, 300, 60).lines[0]
    assert len(piled) <= 3


def test_a_mark_takes_no_room_of_its_own(monkeypatch):
    font = next((font for font in lettering._fonts() if lettering._has_all(font, "ọ́")), None)
    if font is None:
        pytest.skip("no font of this machine has the marks")
    assert lettering._line_wide("ọ́ọ", font, 3.0) == lettering._line_wide("ọọ", font, 3.0)


def test_tags_choose_the_world():
    assert style.choose("A", ["cyberpunk", "hacker"]).scene == "city"
    assert style.choose("A", ["pirate"]).scene == "sea"


def test_every_listed_scene_and_hat_can_be_drawn():
    listed = [*style.TABLE["genres"], style.TABLE]
    assert {scene for row in listed for scene in row["scenes"]} == set(LANDS)
    hats = {hat for row in listed for hat in row["hats"]}
    from cards.art.figure import BEHIND

    assert hats <= {"none", *HATS, *BEHIND}
    assert len(HAIR) * len(BODIES) > 40
    assert set(GARMENTS) == set(BODIES)
    assert {thing for row in listed for thing in row["things"]} == {"none", *THINGS}
    assert {palette for row in style.TABLE["genres"] for palette in row["palettes"]} <= set(style.TABLE["palettes"])


def test_a_portrait_follows_how_the_card_speaks_of_its_character() -> None:
    drawn = {
        portrait_of(Card(name="Mara Voss", description=text))
        for text in ("She keeps her ship.", "He keeps his ship.", "The ship keeps.")
    }
    assert len(drawn) == 3
    assert portrait_of(Card(name="Mara Voss", tags=("she",))) in drawn
