"""The markup of the pages: names of controls, languages, contrasts; what can be seen without a browser."""

import html.parser
import importlib.resources
import re

import pytest

from signjax.rendering import html_player, style

EMPTY = ("input", "meta", "path", "link", "br")
LIVE = {"status", "alert", "log", "timer", "marquee"}


class _Tree(html.parser.HTMLParser):
    """Elements as (tag, attributes, tags and attributes of those around it, [text])."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), tuple(self.open), [])
        self.elements.append(element)
        if tag not in EMPTY:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[3].append(data)


@pytest.fixture(
    scope="module", params=[None, html_player.LivePage("a notice", ("hello",))], ids=["clips", "viewer"]
)
def tree(request):
    return _Tree(html_player.format_page([], None, "a title", live=request.param)).elements


def find(tree, **attributes):
    return [one for one in tree if all(one[1].get(name) == value for name, value in attributes.items())]


def test_every_control_has_a_name(tree):
    """By a label around it, its own text, or an aria-label; the play button gets its own from the program."""
    controls = [one for one in tree if one[0] in ("input", "select", "button", "progress", "form", "canvas")]
    assert len(controls) >= 7
    for tag, attributes, around, text in controls:
        labels = ["".join(one[3]).strip() for one in around if one[0] == "label"]
        own = "".join(text).strip() if tag == "button" else ""
        is_named_later = attributes.get("class") == "play" or attributes.get("role") == "img"
        hidden = attributes.get("aria-hidden") == "true"
        assert any(labels) or own or attributes.get("aria-label") or is_named_later or hidden, (
            tag,
            attributes,
        )
    program = html_player._read_asset("player.js")
    assert 'play.setAttribute("aria-label"' in program and 'canvas.setAttribute("aria-label"' in program


def test_no_frame_is_read_aloud(tree):
    [counter] = find(tree, **{"class": "time"})
    for tag, attributes, *_ in (counter, *counter[2]):
        assert tag != "output" and "aria-live" not in attributes and attributes.get("role") not in LIVE
    [_, attributes, *_] = next(iter(find(tree, id="problem")))
    assert attributes["role"] == "alert"


def test_texts_of_others_have_no_language_but_their_direction(tree):
    """The page is English, but screen readers must not read the texts of its clips as English."""
    assert find(tree, lang="en")[0][0] == "html"
    of_others = [one for one in tree if one[0] in ("h1", "h2", "figcaption") or one[1].get("name") == "text"]
    assert len(of_others) >= 3
    assert all(one[1].get("dir") == "auto" and one[1].get("lang") == "" for one in of_others)


def test_keys_are_taken_in_players_only():
    folder = importlib.resources.files("signjax.rendering")
    for file in folder.iterdir():
        if file.name.endswith(".js"):
            assert not re.search(r"(document|window|body)\.addEventListener\(\s*.key", file.read_text()), file
    assert html_player._read_asset("player.js").count('addEventListener("keydown"') == 1


def test_pages_can_be_enlarged_and_ids_are_unique(tree):
    viewport = find(tree, name="viewport")[0][1]["content"]
    assert "scal" not in viewport.replace("initial-scale=1", "")
    ids = [attributes["id"] for _, attributes, *_ in tree if "id" in attributes]
    assert len(ids) == len(set(ids))


def measure_contrast(one, other):
    """The contrast of two colours "#rrggbb" (WCAG 2)."""
    lights = []
    for color in (one, other):
        shares = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("over, under, least", [
    ("text", "paper", 4.5), ("text", "stage", 4.5), ("muted", "paper", 4.5), ("paper", "accent", 4.5),
    ("accent", "paper", 3), ("right", "stage", 3), ("left", "stage", 3),
])  # fmt: skip
def test_colors_stand_out(over, under, least):
    assert measure_contrast("#000000", "#ffffff") == pytest.approx(21)
    for colors in (style.COLORS, style.COLORS | style.DARK):
        assert measure_contrast(colors[over], colors[under]) >= least


def test_muted_text_stands_on_paper_alone():
    """On the stage it would be too faint in the light; controls have the stage as their ground."""
    for name in ("player.html", "viewer.html"):
        for rule in re.findall(r"\{([^{}]*)\}", html_player._read_asset(name)):
            assert not (
                "color: var(--muted)" in rule.replace("border: 1px solid var(--muted)", "")
                and "background: var(--stage)" in rule
            ), rule
