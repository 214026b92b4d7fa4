"""The XMP packet inside every output: which recipe made it, from which frames (ISO 16684-1).

Written by hand and read by hand: a packet is a few kilobytes from a stranger, so it never meets an XML parser.
"""

from __future__ import annotations

import os
import re

from fotohaus.raw.exif import software
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe

NAMESPACE = "https://fotohaus.org/ns/1.0/"
MAX_PACKET = 1 << 20
NO_RECIPE = "it holds no fotohaus recipe"
_MAX_NAMES = 20_000
"""Characters of source names: a packet must fit into one segment of a JPEG."""

_ILLEGAL = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class XmpError(ValueError):
    """The packet holds no recipe, or one that can't be taken out."""


def packet(recipe: Recipe | None, capture: CaptureInfo) -> bytes:
    """The packet of an output: its recipe as TOML, the number of frames, and the names of their files."""
    sources = ""
    length = 0
    for source in capture.sources:
        # The folder is nobody's business; a Windows path may arrive on any system.
        name = re.split(r"[\\/]", os.fspath(source))[-1]
        length += len(name)
        if length > _MAX_NAMES:
            break
        sources += f"     <rdf:li>{_escape(name)}</rdf:li>\n"
    if sources:
        sources = f"   <fotohaus:sources>\n    <rdf:Seq>\n{sources}    </rdf:Seq>\n   </fotohaus:sources>\n"
    made_by = "" if recipe is None else f"   <fotohaus:recipe>{_escape(recipe.to_toml())}</fotohaus:recipe>\n"
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:fotohaus="{NAMESPACE}">
   <xmp:CreatorTool>{_escape(software())}</xmp:CreatorTool>
   <fotohaus:frames>{capture.frames}</fotohaus:frames>
{sources}{made_by}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


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
