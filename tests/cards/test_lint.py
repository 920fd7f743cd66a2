"""Each lint rule: a card that it fires on, and one that it leaves alone."""

import re
from dataclasses import replace

import pytest

from cards.card import Book, Card, Entry
from cards.lint import RULES, Finding, lint_book, lint_card
from tests.cards.test_lint_good import GERMAN, SMITH

BOOK = SMITH.book or Book()
LONG = "The long road winds on between the hills, and nobody counts the milestones any more. "
SOURCE = (
    "Name: Brannoch Ironhand\nAge: 50\nHeight: 182 cm\n\n"
    + "Brannoch owes the guild a debt. Kestrel taught Brannoch to weld. Kestrel left. She misses Kestrel. "
    + "Everybody in Dunmarrow knew Kestrel by her red coat and by the songs she sang at the forge. " * 8
)
TRAITS = "patience, thrift, pride, temper, courage, doubt"


def entry(**changes) -> Card:
    """The good card with the first entry changed."""
    return replace(SMITH, book=replace(BOOK, entries=(replace(BOOK.entries[0], **changes), *BOOK.entries[1:])))


def card(**changes) -> Card:
    return replace(SMITH, **changes)


def greeting(told: str) -> Card:
    """The good card with a sentence within its first message."""
    return card(
        first_mes=f'{told} {{{{char}}}} waits.\n\n"Sit down, {{{{user}}}}," she says. "{LONG}{LONG}What is it?"'
    )


def found(subject: Card, **asked) -> list[Finding]:
    return lint_card(subject, **asked)


ENTRY = "character_book.entries[0]"

# rule, card, what was asked for, field
FIRES = [
    ("C01", card(name=" "), {}, "name"),
    ("C01", card(name="x" * 61), {}, "name"),
    ("C01", card(name="{{char}}"), {}, "name"),
    ("C01", card(name="A\nB"), {}, "name"),
    ("C02", card(description=""), {}, "description"),
    ("C02", card(first_mes="\n"), {}, "first_mes"),
    ("C03", card(description=LONG * 120), {}, "description"),
    ("C03", card(scenario=LONG * 25), {}, "scenario"),
    ("C03", card(description="A smith.", personality="", scenario=""), {}, "description"),
    (
        "C04",
        card(description="A smith of the hills who has two fingers less.", personality=LONG * 12),
        {},
        "description",
    ),
    ("C04", card(first_mes=LONG * 40), {}, "first_mes"),
    ("C05", card(description="As an AI language model, I describe Mara."), {}, "description"),
    ("C05", card(scenario="Here is the character card you wanted."), {}, "scenario"),
    ("C05", card(personality="Dry.\\nPatient."), {}, "personality"),
    ("C05", card(mes_example="<START>\n{{char}}: [insert line]"), {}, "mes_example"),
    ("C05", entry(content="<think>hm</think> A town."), {}, f"{ENTRY}.content"),
    ("C05", card(scenario="TODO: the harbour."), {}, "scenario"),
    ("C06", card(description="{{char} sails."), {}, "description"),
    ("C06", card(description="sails }} on."), {}, "description"),
    ("C06", card(description="{{charr}} sails."), {}, "description"),
    ("C06", card(description="{{original}} sails."), {}, "description"),
    ("C06", card(description="{{}} sails."), {}, "description"),
    ("C07", card(description="She sails and then"), {}, "description"),
    ("C07", card(first_mes='*Nods.* "You are late.'), {}, "first_mes"),
    ("C07", card(scenario="*Night."), {}, "scenario"),
    ("C08", card(scenario=SMITH.description), {}, "scenario"),
    ("C08", card(personality=f"{SMITH.personality}\nScenario: she is at the forge."), {}, "personality"),
    ("C08", card(description=f"{SMITH.description}\n**First message:** Hello."), {}, "description"),
    ("C08", card(description=f"{SMITH.description}\n<START>"), {}, "description"),
    ("C08", card(scenario="Lore.\n1. The Tower: old.\n2. The Well: dry.\n3. The Gate: shut."), {}, "scenario"),
    ("C08", card(scenario="She waits.\nKeywords: tower, gate"), {}, "scenario"),
    ("C09", card(description=f"{LONG}\n\n{SMITH.description}\n\n{LONG}"), {}, "description"),
    (
        "C09",
        card(personality="She likes to cook. She likes to sing. She likes to fish. She likes to nap."),
        {},
        "personality",
    ),
    ("C10", SMITH, {"name": "Mara Voss"}, "name"),
    ("C10", card(description=SMITH.description.replace("fifty", "forty")), {"source": SOURCE}, "description"),
    ("C10", SMITH, {"source": SOURCE}, "description"),
    ("C10", card(scenario=f"{SMITH.scenario} Kestral is gone."), {"source": SOURCE}, "description"),
    (
        "C11",
        card(scenario="She met Captain Orlo Venn in Tarsis, then Widow Hale in Brock, and Old Pim in Sallow."),
        {"source": SOURCE},
        "scenario",
    ),
    ("C12", SMITH, {"language": "de"}, "description"),
    ("C12", card(personality="Blunt and 非常 patient with her tools."), {}, "personality"),
    ("C12", card(personality="Blunt and очень patient with her tools."), {}, "personality"),
    ("C13", card(tags=("sea",)), {}, "tags"),
    ("C13", card(tags=("a", "b", "c", "Sea")), {}, "tags[3]"),
    ("C13", card(tags=("a", "b", "c", "a")), {}, "tags[3]"),
    ("C13", card(tags=("a", "b", "c", "brannoch ironhand")), {}, "tags[3]"),
    ("C13", card(tags=("a", "b", "c", "one two three four")), {}, "tags[3]"),
    ("C14", card(creator_notes="Have fun."), {}, "creator_notes"),
    ("C14", card(character_version=""), {}, "character_version"),
    ("C15", card(scenario="Seraphina waits in the glade of the town."), {}, "scenario"),
    (
        "C16",
        card(personality="Her voice barely above a whisper sends shivers down spines, a testament to her will."),
        {},
        "personality",
    ),
    ("C17", card(description=f"{SMITH.description} {SMITH.first_mes[:150]}"), {}, "description"),
    ("C17", card(scenario=LONG * 13), {}, "scenario"),
    ("G01", card(first_mes='*Nods.* "You?"'), {}, "first_mes"),
    ("G01", card(first_mes=SMITH.first_mes.replace("\n\n", " ") * 2), {}, "first_mes"),
    ("G02", card(first_mes="*She looks at you.*"), {}, "first_mes"),
    ("G02", card(alternate_greetings=('"You are late."',)), {}, "alternate_greetings[0]"),
    ("G03", card(first_mes='*She coils a rope.* "Late again, as ever."'), {}, "first_mes"),
    ("G04", greeting("You nod and agree to help."), {}, "first_mes"),
    ("G04", greeting("{{user}} nods and agrees to help."), {}, "first_mes"),
    ("G04", greeting("{{user}} steps closer and nods."), {}, "first_mes"),
    ("G04", greeting("As the door shuts, you feel a pang of regret."), {}, "first_mes"),
    ("G04", greeting("You feel safe at once."), {}, "first_mes"),
    ("G04", greeting("You can't help but smile."), {}, "first_mes"),
    ("G04", greeting('"Help me!" you say.'), {}, "first_mes"),
    ("G04", card(first_mes=f"{SMITH.first_mes}\n{{{{user}}}}: I will."), {}, "first_mes"),
    ("G04", card(first_mes="Die Tür geht auf. Du nickst und folgst ihr in das Haus."), {}, "first_mes"),
    ("G04", card(first_mes="La puerta se abre. Asientes y la sigues hasta la casa de su padre."), {}, "first_mes"),
    ("G04", card(first_mes="La porte est ouverte. Tu acceptes et tu la suis dans la maison."), {}, "first_mes"),
    ("G04", card(first_mes="Дверь открыта. Ты соглашаешься и идёшь за ней."), {}, "first_mes"),
    ("G04", card(first_mes="门开了。你点了点头，跟着她走进屋里。"), {}, "first_mes"),
    (
        "G05",
        card(first_mes=f'"Hm." {LONG * 3}She closed the shutters. The rain fell on the roofs of the town.'),
        {},
        "first_mes",
    ),
    ("G05", card(first_mes=f"{SMITH.first_mes} And so it began."), {}, "first_mes"),
    ("G06", card(first_mes='*Hello there!* "How are you, {{user}}?"'), {}, "first_mes"),
    ("G06", card(first_mes='"How may I help you?" She smiles at the door.'), {}, "first_mes"),
    ("G06", card(first_mes="„Guten Tag, {{user}}“, sagt sie und lächelt ihn an."), {}, "first_mes"),
    (
        "G07",
        greeting("I sigh. I wave. My cat yawns. {{char}} frowns. {{char}} shrugs. {{char}} coughs."),
        {},
        "first_mes",
    ),
    (
        "G07",
        greeting(
            "She walked in. She smiled. He laughed. She turned. It rained. "
            "She takes a chair. She pours tea. He waits. She sees a rat. She asks for salt."
        ),
        {},
        "first_mes",
    ),
    ("G08", card(alternate_greetings=(SMITH.first_mes,)), {}, "alternate_greetings[0]"),
    ("G08", card(alternate_greetings=()), {}, "alternate_greetings"),
    ("G08", card(alternate_greetings=tuple(f"{n}. {LONG}" for n in "abcdef")), {}, "alternate_greetings"),
    (
        "G08",
        card(alternate_greetings=(f"{SMITH.first_mes.split('.')[0]}. {LONG}{LONG}{LONG}",)),
        {},
        "alternate_greetings[0]",
    ),
    ("G09", card(alternate_greetings=(f"The next morning, you are late. {LONG}",)), {}, "alternate_greetings[0]"),
    ("X01", card(mes_example="{{char}}: No."), {}, "mes_example"),
    ("X01", card(mes_example="<START>\n{{char}}: No.\n<start>\n{{char}}: Yes."), {}, "mes_example"),
    ("X02", card(mes_example="<START>\n{{user}}: Storm?"), {}, "mes_example"),
    ("X02", card(mes_example="<START>\nBrannoch: By noon.\n{{char}}: No."), {}, "mes_example"),
    ("X03", card(mes_example="<START>\n{{char}}: No.\n" * 6), {}, "mes_example"),
    ("X03", card(mes_example="<START>\n" + "{{char}}: No.\n" * 15), {}, "mes_example"),
    (
        "X03",
        card(mes_example=f"{SMITH.mes_example}\n<START>\n{{{{user}}}}: Once again, why?\n{{{{char}}}}: No."),
        {},
        "mes_example",
    ),
    ("X04", card(mes_example="<START>\n{{char}}: No."), {}, "mes_example"),
    ("X04", card(mes_example=f"<START>\n{{{{char}}}}: {LONG * 50}"), {}, "mes_example"),
    ("X04", card(mes_example=f"<START>\n{{{{char}}}}: {LONG * 3}"), {}, "mes_example"),
    ("X05", card(mes_example=f"<START>\n{{{{char}}}}: {SMITH.first_mes}"), {}, "mes_example"),
    ("X05", card(mes_example=f"<START>\n{{{{user}}}}: {LONG * 3}\n{{{{char}}}}: No."), {}, "mes_example"),
    ("L01", entry(content=" "), {}, f"{ENTRY}.content"),
    ("L01", entry(keys=()), {}, f"{ENTRY}.keys"),
    ("L02", entry(keys=("hill town",)), {}, f"{ENTRY}.keys"),
    ("L03", entry(keys=("a, b", "c")), {}, f"{ENTRY}.keys[0]"),
    ("L03", entry(keys=(" a", "c")), {}, f"{ENTRY}.keys[0]"),
    ("L03", entry(keys=("", "c")), {}, f"{ENTRY}.keys[0]"),
    ("L03", entry(keys=("a", "A")), {}, f"{ENTRY}.keys[1]"),
    ("L03", entry(keys=("a", "/(/")), {}, f"{ENTRY}.keys[1]"),
    ("L03", entry(keys=("a", "/a/b/")), {}, f"{ENTRY}.keys[1]"),
    ("L03", entry(keys=("a", "/(a+)+$/")), {}, f"{ENTRY}.keys[1]"),
    ("L03", entry(keys=("a", "x" * 61)), {}, f"{ENTRY}.keys[1]"),
    ("L03", entry(selective=True, secondary_keys=("x,y",)), {}, f"{ENTRY}.secondary_keys[0]"),
    ("L04", entry(keys=("dunmarrow", "the")), {}, f"{ENTRY}.keys[1]"),
    ("L04", entry(keys=("dunmarrow", "Town")), {}, f"{ENTRY}.keys[1]"),
    ("L04", entry(keys=("dunmarrow", "DM")), {}, f"{ENTRY}.keys[1]"),
    ("L05", entry(keys=("Brannoch Ironhand", "brig")), {}, f"{ENTRY}.keys[0]"),
    ("L05", entry(keys=("brig", "{{char}}")), {}, f"{ENTRY}.keys[1]"),
    ("L06", entry(keys=("garrison", "siege")), {}, f"{ENTRY}.keys"),
    ("L06", entry(content="Dunmarrow is a hill town, also known as Crowfoot by its people."), {}, f"{ENTRY}.keys"),
    (
        "L06",
        entry(keys=("dunmarrow", "knight"), content="Dunmarrow keeps nine knights in its tower."),
        {},
        f"{ENTRY}.keys",
    ),
    ("L07", entry(content=f"Dunmarrow. {LONG * 16}"), {}, f"{ENTRY}.content"),
    ("L07", entry(content="Dunmarrow is a town."), {}, f"{ENTRY}.content"),
    ("L08", entry(content="It stands on a hill. Dunmarrow has a bridge."), {}, f"{ENTRY}.content"),
    ("L08", entry(content="A river runs past the walls, and there is one bridge."), {}, f"{ENTRY}.content"),
    ("L08", entry(content="Dunmarrow stands on a hill. As mentioned, it has a bridge."), {}, f"{ENTRY}.content"),
    (
        "L09",
        entry(content='Dunmarrow was rich. "We paid for it all!" says one. "And we starve for it."'),
        {},
        f"{ENTRY}.content",
    ),
    ("L09", entry(content="Dunmarrow is a town.\n{{char}}: I live there."), {}, f"{ENTRY}.content"),
    ("L09", entry(content="Dunmarrow is a town. You should avoid it."), {}, f"{ENTRY}.content"),
    (
        "L09",
        entry(content="Dunmarrow was a town. It had a wall. They had a mill. It fell and it was sad."),
        {},
        f"{ENTRY}.content",
    ),
    ("L10", entry(content=SMITH.description[:200]), {}, f"{ENTRY}.content"),
    ("L11", entry(extensions={"probability": 101}), {}, f"{ENTRY}.extensions.probability"),
    ("L11", entry(extensions={"depth": ""}), {}, f"{ENTRY}.extensions.depth"),
    ("L11", entry(extensions={"position": 8}), {}, f"{ENTRY}.extensions.position"),
    ("L11", entry(extensions={"sticky": True}), {}, f"{ENTRY}.extensions.sticky"),
    ("L11", entry(selective=True), {}, f"{ENTRY}.secondary_keys"),
    ("L11", entry(position="at_depth"), {}, f"{ENTRY}.position"),
    ("L11", entry(insertion_order=1.5), {}, f"{ENTRY}.insertion_order"),
]

# rule, card, what was asked for
PASSES = [
    ("C01", card(name="Æ"), {}),
    ("C02", card(scenario="", personality=""), {}),
    ("C03", card(personality=""), {}),
    ("C04", card(first_mes="*Nods.* " + LONG * 3), {}),
    ("C05", card(description="Mara lo sabe todo."), {}),
    ("C05", card(first_mes='*Bars the door.* "I cannot let you pass, {{user}}."'), {}),
    (
        "C06",
        card(description="{{// a note}}{{random::a::{{user}}}} {{char}} {{ User }}, {{if x}}a{{else}}b{{/if}}."),
        {},
    ),
    ("C06", card(description="{{time_UTC+2}} {{getvar::mood}} {{.mood}} {{roll 1d6}} {{Char}} {{idle_duration}}."), {}),
    ("C06", card(system_prompt="{{original}} Write as {{char}}."), {}),
    ("C07", card(description="* sails\n* owes nobody."), {}),
    ("C07", card(description="彼女は船長だ。", personality="[dry; patient]"), {}),
    ("C07", card(personality="dry, patient, loyal", scenario="Place: harbour"), {}),
    ("C08", card(description=f"{SMITH.description}\nAppearance: broad."), {}),
    ("C08", card(description=f"{SMITH.description}\nPersonality: blunt.", personality=""), {}),
    ("C08", card(scenario="Town rules: 1. Pay. 2. Leave."), {}),
    ("C09", card(personality="- She cooks.\n- She sings.\n- She fishes.\n- She naps."), {}),
    ("C09", card(personality="She cooks well. She sings badly. She fishes often. She naps late."), {}),
    ("C10", SMITH, {"name": "brannoch"}),
    ("C10", SMITH, {"source": "Brannoch is 50 years old."}),
    ("C10", card(description=SMITH.description.replace("fifty", "50")), {"source": "Age: 50"}),
    ("C11", SMITH, {"source": SOURCE + SMITH.description + BOOK.entries[0].content + BOOK.entries[1].content}),
    (
        "C11",
        card(scenario="She met Orlo Venn in Tarsis, Widow Hale in Brock, Old Pim in Sallow."),
        {"source": "A smith."},
    ),
    ("C12", SMITH, {"language": "en"}),
    ("C12", SMITH, {"language": "fi"}),
    ("C12", replace(GERMAN, personality="Stolz, stur, fleißig, " * 12 + "mutig."), {"language": "de"}),
    ("C12", card(personality="Blunt. She signs her work 刀鍛冶 now.", nickname="刀鍛冶"), {}),
    ("C12", card(personality='Blunt. Her blades bear the sign "刀" only.'), {}),
    ("C13", card(tags=("tag one", "b", "c", "d")), {}),
    ("C14", card(creator_notes=LONG * 4), {}),
    ("C15", card(scenario="Seraphina waits."), {"source": "Seraphina is a healer."}),
    ("C16", card(personality="A piercing gaze and porcelain skin."), {}),
    ("C17", SMITH, {}),
    ("G01", card(first_mes=SMITH.first_mes * 2), {}),
    ("G02", card(first_mes="— Опять ты, — капитан сматывает трос и смотрит на тебя.\nДождь идёт."), {}),
    ("G02", card(first_mes="*She waves.* Hello, you are late again."), {}),
    ("G02", card(first_mes="‘You’re late,’ she says, and shuts the door behind you."), {}),
    ("G03", card(first_mes="彼女は縄を巻く。「あなた、遅い」", alternate_greetings=()), {}),
    ("G03", card(first_mes="Han kysyy: “Kuka siellä?” {{user}}"), {}),
    ("G04", greeting("You see a light. {{user}} enters the forge and stops."), {}),
    ("G04", greeting("If you agree, she will pay. She wonders whether {{user}} agrees."), {}),
    ("G04", greeting("You feel the heat of the coals. You feel her hand on your arm."), {}),
    ("G04", greeting("She waits until you answer, and asks what you think."), {}),
    ("G04", greeting("Before you say a word, she has the bundle. You could smile at that."), {}),
    ("G04", greeting("She hopes {{user}} agrees, and likes how {{user}} smiles."), {}),
    ("G04", greeting("She likes the way you smile, and the songs you love."), {}),
    ("G04", card(first_mes="hey, you want pizza or not? you promised. i think you love the one with olives."), {}),
    ("G04", greeting("You answered her letter, and here you are."), {}),
    ("G04", greeting('"You agree, then," she says. "You want my help."'), {}),
    ("G04", card(first_mes="*She shrugs.* You want it back? You say it is yours. I believe you, friend."), {}),
    ("G04", greeting("You love the old forge songs."), {"source": "You love the old forge songs and her bread."}),
    ("G04", card(first_mes="Die Tür geht auf. Wenn du nickst, beginnt sie. Du spürst den Wind."), {}),
    ("G05", card(first_mes=f"{LONG} She holds the door open."), {}),
    ("G05", card(first_mes=f"{LONG} Then the lamp goes out…"), {}),
    ("G05", card(first_mes="Elle ferme la porte. La pluie tombe sur les toits de la ville."), {}),
    ("G06", card(first_mes='The bell rings. "Hello, {{user}}."'), {}),
    ("G06", card(first_mes="Hide! They come for you, {{user}}."), {}),
    ("G07", greeting("I sigh. I wave at the cat. She yawns. He frowns. She shrugs."), {}),
    ("G08", SMITH, {}),
    ("G09", card(alternate_greetings=(f"In the morning you are late. {LONG}",)), {}),
    ("X01", card(mes_example=""), {}),
    ("X01", card(mes_example="\n<START>\n{{char}}: No."), {}),
    ("X02", card(mes_example="<START>\n{{char}}: Note: the tide turns.\nThe bell rang."), {}),
    ("X03", SMITH, {}),
    ("X04", SMITH, {}),
    ("X05", SMITH, {}),
    ("L01", entry(keys=(), constant=True), {}),
    ("L02", entry(keys=("one",), constant=True), {}),
    ("L02", entry(keys=("/dun(marrow)?/i",)), {}),
    ("L03", entry(keys=("/a{1,2}/", "/(?<name>dun)\\/marrow/i", "/\\p{L}+ner/u", "/(red|blue) dragons?/")), {}),
    ("L03", entry(keys=("/the .*king/", "/\\b(?:orc|elf)s?\\b/"), case_sensitive=True), {}),
    ("L03", entry(keys=("Art", "art"), case_sensitive=True), {}),
    ("L04", entry(keys=("town", "DM"), selective=True, secondary_keys=("hill",)), {}),
    ("L04", entry(keys=("桜", "東京", "DMZ")), {}),
    ("L04", entry(keys=("DM", "KO"), extensions={"match_whole_words": True}), {}),
    ("L05", entry(keys=("Brannoch Ironhand", "brig"), constant=True), {}),
    ("L06", entry(name="The Order of Ash", keys=("ashen order", "ash")), {}),
    ("L06", entry(name="Dunmarrow", keys=("/dunmar+ow/i",)), {}),
    ("L06", entry(keys=("siege",), constant=True), {}),
    ("L07", SMITH, {}),
    ("L08", entry(content="@@depth 4\nDunmarrow stands on a hill."), {}),
    ("L08", entry(content="They call it Dunmarrow, the town on the hill."), {}),
    ("L08", entry(content="The people of the hill towns pay no toll."), {}),
    (
        "L08",
        entry(name="башня", keys=("башня", "шпиль"), content="В башне живёт звонарь, и он не спускается вниз."),
        {},
    ),
    ("L09", entry(content='Dunmarrow is called "the Crow". Its motto is "We do not bend the knee."'), {}),
    ("L10", entry(content=f"Dunmarrow is a town. {LONG}"), {}),
    (
        "L11",
        entry(selective=True, secondary_keys=("x",), extensions={"probability": 40, "depth": 0, "sticky": None}),
        {},
    ),
]


def at(subject: Card, path: str):
    """What stands at the path of a finding."""
    value = subject
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        if index:
            value = value[int(index)]
        else:
            field = "book" if name == "character_book" else name
            value = value.get(field) if isinstance(value, dict) else getattr(value, field)
    return value


@pytest.mark.parametrize(("rule", "faulty", "asked", "field"), FIRES)
def test_the_rule_fires_at_the_place(rule, faulty, asked, field):
    assert (rule, field) in {(finding.rule, finding.field) for finding in found(faulty, **asked)}


@pytest.mark.parametrize(("rule", "fine", "asked"), PASSES)
def test_the_rule_leaves_it_alone(rule, fine, asked):
    assert [finding for finding in found(fine, **asked) if finding.rule == rule] == []


def test_every_rule_for_cards_is_tested_both_ways():
    rules = {rule for rule, each in RULES.items() if each.check and rule[0] != "B"}
    assert {rule for rule, *_ in FIRES} == rules
    assert {rule for rule, *_ in PASSES} == rules


@pytest.mark.parametrize(("rule", "faulty", "asked", "field"), FIRES)
def test_every_path_leads_to_a_field_and_every_span_into_it(rule, faulty, asked, field):
    for finding in found(faulty, **asked):
        value = at(faulty, finding.field)
        if finding.span:
            start, end = finding.span
            assert 0 <= start < end <= len(value), finding


SPANS = [
    ("C05", card(personality="Dry. As an AI, I pass."), "As an AI"),
    ("C06", card(description="A {{charr}} sails."), "{{charr}}"),
    ("C06", card(description="A {{char sails."), "{{"),
    ("C07", card(scenario='She says "no.'), '"'),
    ("C08", card(personality="Dry.\nScenario: a bridge."), "Scenario"),
    ("C12", card(personality="Blunt and 非常 patient with her tools."), "非常"),
    ("C15", card(scenario="Here Seraphina waits."), "Seraphina"),
    ("C16", card(personality="A testament to will, a piercing gaze, porcelain skin."), "A testament to"),
    ("G04", greeting("Rain. You slowly nod at her."), "You slowly nod"),
    ("G04", greeting("Then {{user}} agrees."), "{{user}} agrees"),
    ("G04", greeting('"Come!" {{user}} takes the tongs and nods.'), "{{user}} takes the tongs and nods"),
    ("G05", card(first_mes=f"{SMITH.first_mes} And so it began."), "And so it began."),
    ("G06", card(first_mes='"Welcome, {{user}}!" She bows.'), "Welcome"),
    ("X01", card(mes_example="<START>\n{{char}}: No.\n<start>\n{{char}}: Yes."), "<start>"),
    ("X02", card(mes_example="<START>\n{{char}}: Yes.\nBrannoch: No."), "Brannoch"),
    ("L03", entry(keys=("dunmarrow", "a, b")), ","),
    ("L08", entry(content="It stands on a hill. Dunmarrow has a bridge."), "It stands on a hill."),
    ("L09", entry(content="Dunmarrow is a town. You should avoid it."), "You should"),
]


@pytest.mark.parametrize(("rule", "faulty", "words"), SPANS)
def test_a_span_points_at_the_words(rule, faulty, words):
    pointed = [finding for finding in found(faulty) if finding.rule == rule and finding.span]
    assert words in {at(faulty, finding.field)[slice(*finding.span)] for finding in pointed}


def test_too_many_keys_are_worse_than_many():
    def severity(*keys: str) -> str:
        return next(finding.severity for finding in found(entry(keys=keys)) if finding.rule == "L02")

    assert severity("Dunmarrow") == "I"
    assert severity("hill town") == "W"
    assert severity(*(f"key{number}" for number in range(9))) == "W"
    assert severity(*(f"key{number}" for number in range(26))) == "E"


def test_an_entry_over_the_budget_of_its_book_is_an_error():
    book = Book(token_budget=20, entries=(Entry(name="Road", keys=("road", "hills"), content=f"The road. {LONG * 2}"),))
    assert ("L07", "E") in {(finding.rule, finding.severity) for finding in lint_book(book)}


def test_a_lost_name_is_an_error_and_a_lost_age_a_warning():
    faulty = card(description="{{char}} is a smith.")
    severities = {finding.severity for finding in found(faulty, name="Mara", source="Age: 50") if finding.rule == "C10"}
    assert severities == {"E", "W"}


def test_a_finding_is_json():
    finding = Finding("C02", "E", "description", "empty", "write it", (0, 4))
    assert finding.to_dict() == {
        "rule": "C02",
        "severity": "E",
        "field": "description",
        "message": "empty",
        "fix": "write it",
        "span": [0, 4],
    }


def test_a_book_by_itself_has_paths_of_its_own_and_only_rules_for_books():
    book = Book(entries=(Entry(name="Sea", keys=("a, b",), content="<START> It is deep."),))
    findings = lint_book(book)
    assert "entries[0].keys[0]" in {finding.field for finding in findings}
    assert {finding.rule[0] for finding in findings} <= {"L", "B"}
