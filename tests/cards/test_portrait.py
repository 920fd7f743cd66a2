"""The drawn portrait: the same for the same character, and always a fitting picture."""

import io
import time

import pytest
from PIL import Image, ImageChops, ImageFont

from cards.art import lettering, style
from cards.art.figure import BODIES, HAIR, HATS
from cards.art.scene import LANDS
from cards.card import Card
from cards.errors import CardError
from cards.portrait import draw_portrait, portrait_of

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
)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def test_the_same_character_has_the_same_portrait():
    assert draw_portrait("Mara", tags=["sea"]) == draw_portrait("Mara", tags=["sea"])


def test_other_names_or_tags_have_other_portraits():
    pictures = {draw_portrait(name, tags=tags) for name in ("Mara", "Tom") for tags in ((), ("sea",))}
    assert len(pictures) == 4


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_a_picture_of_modest_size(name):
    png = draw_portrait(name)
    assert opened(png).size == (400, 600)
    assert opened(png).text == {}
    assert len(png) < 250_000


@pytest.mark.parametrize("size", [(64, 96), (512, 512), (800, 400), (512, 768)])
def test_any_shape_is_filled(size):
    png = draw_portrait("Mara Voss", size=size)
    assert opened(png).size == size
    assert len(png) < 250_000


@pytest.mark.parametrize("size", [(0, 0), (8, 600), (400, 5000)])
def test_absurd_sizes_are_refused(size):
    with pytest.raises(CardError, match="16 to 2048"):
        draw_portrait("Mara", size=size)


def test_drawing_is_quick():
    draw_portrait("warm")
    start = time.perf_counter()
    for name in ("a", "b", "c"):
        draw_portrait(name)
    assert (time.perf_counter() - start) / 3 < 2  # about 0.15 s on one core; loose for busy machines


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
    assert {palette for row in style.TABLE["genres"] for palette in row["palettes"]} <= set(style.TABLE["palettes"])


def test_a_portrait_follows_how_the_card_speaks_of_its_character() -> None:
    drawn = {
        portrait_of(Card(name="Mara Voss", description=text))
        for text in ("She keeps her ship.", "He keeps his ship.", "The ship keeps.")
    }
    assert len(drawn) == 3
    assert portrait_of(Card(name="Mara Voss", tags=("she",))) in drawn
