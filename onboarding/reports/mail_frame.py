"""A message's HTML in a frame that shows it and nothing more, for a page that fetches nothing.

The frame's document has a policy of its own, before anything that the message says, and the page
gives the frame an empty `sandbox`: no script, no form, no window, no way to the page around it.
Pictures from the internet become boxes that name them. Pictures inside the message become boxes
too: a page holds each of them once, and its script puts them in. Pure.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What the document in a frame may load. The page's own policy holds there as well."""

# A link opens nothing: the sandbox allows no window, and without `target` the message itself would
# be replaced. With the doctype here, that of the message is ignored, so the policy comes first.
HEAD = (
    "<!doctype html>"
    f'<meta http-equiv="Content-Security-Policy" content="{FRAME_POLICY}">'
    '<meta http-equiv="x-dns-prefetch-control" content="off">'
    '<base target="_blank">'
    "<style>:root{-webkit-print-color-adjust:exact;print-color-adjust:exact}</style>"
)

REMOVED_ELEMENTS = (
    "base, link, script, meta[http-equiv], iframe, frame, object, embed, audio, video"
)
"""Elements that could lead the frame elsewhere, or look up a name: no mail program shows them."""

BACKGROUND = re.compile(r"""url\(\s*['"]?((?:https?:)?//[^'")\s]+)""", re.IGNORECASE)
"""A picture that a style sheet names. The policy keeps it from being loaded."""

# In an image, SVG runs no script and loads nothing, so a box may hold any label.
BOX = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="64">'
    '<rect x="1" y="1" width="318" height="62" rx="6" fill="#f4f5f8" stroke="#566074"'
    ' stroke-dasharray="5 4"/>'
    '<text x="160" y="37" font-family="sans-serif" font-size="13" fill="#566074"'
    ' text-anchor="middle">{}</text></svg>'
)
LONGEST_LABEL = 46
"""Characters that fit into a box."""


@dataclass(frozen=True, slots=True)
class MailFrame:
    """A frame's document, and the names of the pictures that it would load from the internet."""

    document: str
    remote_pictures: tuple[str, ...]


def build_frame(html: str) -> MailFrame:
    """Build the document of a frame from a message's HTML."""
    parsed = LexborHTMLParser(html)
    for node in parsed.css(REMOVED_ELEMENTS):
        node.decompose()
    pictures = [_box_picture(picture) for picture in parsed.css("img, input[type=image]")]
    _remove_comments(parsed)
    shown = parsed.html or ""
    # Not boxed: without the policy's leave they load nothing, but the reader should know of them.
    backgrounds = [node.attributes["background"] or "" for node in parsed.css("[background]")]
    backgrounds += BACKGROUND.findall(shown)
    # Each is named once, in the order of the message.
    names = dict.fromkeys(filter(None, (*pictures, *map(_name_picture, backgrounds))))
    return MailFrame(f"{HEAD}{shown}", tuple(names))


def build_box(label: str) -> str:
    """Build a box with a label, as a `data:` address: what is shown in place of a picture."""
    if len(label) > LONGEST_LABEL:
        label = f"{label[: LONGEST_LABEL - 1]}…"
    return f"data:image/svg+xml,{quote(BOX.format(escape(label)))}"


def box_for(content_id: str) -> str:
    """Build the box of a picture that travels inside the message, by its Content-ID."""
    return build_box(f"Picture {content_id.partition('@')[0]}")


def count_lines(text: str, width: int) -> int:
    """Count the lines of a text if no line is longer than `width` characters."""
    return sum(1 + len(line) // width for line in text.splitlines())


def _box_picture(picture: LexborNode) -> str:
    """Put a box in place of a picture; one with a `data:` address stays.

    Returns the name of a remote picture, else an empty string.
    """
    attributes = picture.attrs
    # A choice of further addresses: the box is the only one.
    if "srcset" in attributes:
        del attributes["srcset"]
    address = (attributes.get("src") or "").strip()
    scheme, _, rest = address.partition(":")
    match scheme.lower():
        case "data":
            return ""
        case "cid":
            attributes["src"] = box_for(rest)
            return ""
    name = _name_picture(address)
    attributes["src"] = build_box(f"Picture from {name}")
    return name


def _name_picture(address: str) -> str:
    """Name a picture by its host, and its path without what may be personal (query, fragment)."""
    try:
        parts = urlsplit(address)
    # Such as brackets that hold no IPv6 address: the message is still to be shown.
    except ValueError:
        return "an address that can't be read"
    return f"{parts.hostname or ''}{parts.path}" or "no address"


def _remove_comments(parsed: LexborHTMLParser) -> None:
    """Remove comments: they are for old mail programs, and a fifth of a message."""
    # All are found first: to remove one while walking would end the walk there.
    for comment in list(_find_comments(parsed.root)):
        comment.decompose()


def _find_comments(root: LexborNode | None) -> Iterator[LexborNode]:
    nodes: Iterable[LexborNode] = root.traverse(include_text=True) if root else ()
    return (node for node in nodes if node.is_comment_node)
