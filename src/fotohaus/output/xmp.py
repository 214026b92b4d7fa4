"""The XMP packet inside every output: which recipe made it, from which frames (ISO 16684-1).

Written by hand and read by hand: a packet is a few kilobytes from a stranger, so it never meets an XML parser.
"""

from __future__ import annotations

import os
import re

from fotohaus.output.xmp_facts import NAMESPACES, facts
from fotohaus.raw.exif import software
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe

NAMESPACE = "https://fotohaus.org/ns/1.0/"
MAX_PACKET = 1 << 20
NO_RECIPE = "it holds no fotohaus recipe"
_NAMESPACES = "".join(
    f'\n    xmlns:{prefix}="{address}"' for prefix, address in (*NAMESPACES.items(), ("fotohaus", NAMESPACE))
)
_MAX_NAMES = 20_000
"""Bytes of source names: a packet must fit into one segment of a JPEG."""

_ILLEGAL = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class XmpError(ValueError):
    """The packet holds no recipe, or one that can't be taken out."""


def packet(recipe: Recipe | None, capture: CaptureInfo, *, private: bool = False, bare: bool = False) -> bytes:
    """The packet of an output: its recipe as TOML, the frames that it was made of, and the capture's facts as in EXIF.

    The recipe's files, and the frames', are named without their folders. private : also the place and serial numbers
    that the capture knows. bare : a packet that says nothing.
    """
    body = "" if bare else _body(recipe, capture, private)
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""{"" if bare else _NAMESPACES}>
{body}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def _body(recipe: Recipe | None, capture: CaptureInfo, private: bool) -> str:
    sources: list[str] = []
    length = 0
    for source in capture.sources:
        # The folder is nobody's business; a Windows path may arrive on any system.
        name = _escape(re.split(r"[\\/]", os.fspath(source))[-1])
        length += len(name.encode())
        if length > _MAX_NAMES:
            break
        sources.append(name)
    toml = None if recipe is None else recipe.without_folders().to_toml()
    parts = [
        _element("xmp:CreatorTool", software()),
        *(_element(*fact) for fact in facts(capture, private)),
        _element("fotohaus:frames", str(capture.frames)),
        _element("fotohaus:sources", sources, "Seq", escaped=True),
        _element("fotohaus:recipe", toml),
    ]
    return "".join(parts)


def _element(name: str, value: str | list[str] | None, kind: str = "", *, escaped: bool = False) -> str:
    """A property: a text, or an array of `kind`; nothing for no value."""
    if not value:
        return ""
    if isinstance(value, str):
        return f"   <{name}>{value if escaped else _escape(value)}</{name}>\n"
    language = ' xml:lang="x-default"' if kind == "Alt" else ""
    items = "".join(f"     <rdf:li{language}>{v if escaped else _escape(v)}</rdf:li>\n" for v in value)
    return f"   <{name}>\n    <rdf:{kind}>\n{items}    </rdf:{kind}>\n   </{name}>\n"


def recipe_text(xmp: bytes) -> str:
    """The recipe's TOML out of a packet, also where another program has rewritten the packet.

    Raises XmpError.
    """
    if len(xmp) > MAX_PACKET:
        raise XmpError("its XMP is unreasonably large")
    try:
        text = xmp.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise XmpError("its XMP is not UTF-8") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise XmpError("its XMP declares entities, which is not allowed")
    declared = re.search(r"xmlns:([A-Za-z_][\w.-]{0,63})\s*=\s*[\"']" + re.escape(NAMESPACE) + "[\"']", text)
    if not declared:
        raise XmpError(NO_RECIPE)
    name = f"{declared[1]}:recipe"
    begin, end = text.find(f"<{name}>"), text.find(f"</{name}>")
    if 0 <= begin < end:
        return _unescape(text[begin + len(name) + 2 : end])
    attribute = re.search(rf"\s{re.escape(name)}\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')", text)
    if not attribute:
        raise XmpError(NO_RECIPE)
    return _unescape(attribute[1] or attribute[2] or "")


def _escape(text: str) -> str:
    # Compiling the pattern takes longer than writing a packet, which is rarely in need of it.
    if not text.isascii() or any(c < " " and c not in "\t\n\r" for c in text):
        text = re.sub(_ILLEGAL, "\ufffd", text)
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = text.replace(plain, escaped)
    return text


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("#"):
            code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
            return chr(code) if code <= 0x10FFFF else "\ufffd"
        return _ENTITIES.get(name, match[0])

    return re.sub(r"&(#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[a-z]{2,4});", one, text)
