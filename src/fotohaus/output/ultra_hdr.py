"""Ultra HDR: a JPEG whose SDR image every viewer shows, with the gain map that leads to the HDR rendition.

What leads readers to the gain map is said in all three ways that they know: the XMP of Ultra HDR (Android's "Ultra HDR
Image Format v1.1": hdrgm properties after Adobe's "Gain Map 1.0", and a container directory), ISO 21496-1:2025, annex C
(binary metadata in APP2), and the index of CIPA DC-007 (MPF).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from fotohaus.output.jpeg_coder import encode_samples
from fotohaus.output.jpeg_stream import segment, segments
from fotohaus.output.mpf import index_segment
from fotohaus.render.gain_map import GainMap

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
QUALITY = 95
"""Of the gain map's JPEG: an error of a step or two in 255, where a step is a hundredth of a stop or so."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_VERSIONS = bytes(4)  # the version that a reader must know, the version that the writer knew: 0, 0
_EACH_CHANNEL, _BASE_COLORS = 0x80, 0x40
_UNIT = 1_000_000  # of the fractions


def with_gain_map(gain: GainMap, xmp: bytes, base: Callable[[Sequence[bytes], bytes], list[bytes]]) -> list[bytes]:
    """The file of a picture and its gain map, in pieces.

    xmp : the picture's packet. base : makes the picture's own JPEG, in pieces, from segments that it should carry after
    what it has, and the packet that it should have. The segments are in a piece of their own, the last of them.
    """
    second = encode_gain_map(gain)
    iso = segment(0xE2, ISO + _VERSIONS)
    place = index_segment((1 << 16, len(second)), 0)  # of the same length with any sizes
    pieces = base((iso, place), with_container(xmp, len(second)))
    at = pieces.index(place)
    size = sum(map(len, pieces))
    pieces[at] = index_segment((size, len(second)), sum(map(len, pieces[:at])))
    return [*pieces, second]


def encode_gain_map(gain: GainMap, quality: int = QUALITY) -> bytes:
    """The JPEG file of a gain map, grey or RGB in full colour resolution, with its metadata in both forms."""
    data = encode_samples(gain.pixels, quality, full_chroma=True)
    header, _ = segments(data)
    after = 2 + sum(4 + len(body) for marker, body in header if marker == 0xE0)
    metadata = segment(0xE1, _XMP + hdrgm_packet(gain)) + segment(0xE2, ISO + iso_metadata(gain))
    return data[:after] + metadata + data[after:]


def iso_metadata(gain: GainMap) -> bytes:
    """ISO 21496-1:2025, C.2.2: the metadata of a gain map, one set if its channels agree."""
    parts = [gain.low, gain.high, gain.gamma, gain.offset_sdr, gain.offset_hdr]
    channels = 1 if all(len(set(part)) == 1 for part in parts) else 3
    out = _VERSIONS + bytes([_BASE_COLORS | (_EACH_CHANNEL if channels == 3 else 0)])
    for headroom in (0.0, gain.headroom):
        out += struct.pack(">II", round(headroom * _UNIT), _UNIT)
    for i in range(channels):
        for kind, part in zip("iiIii", parts, strict=True):
            out += struct.pack(f">{kind}I", round(part[i] * _UNIT), _UNIT)
    return out


def hdrgm_packet(gain: GainMap) -> bytes:
    """The XMP packet of a gain map."""
    values = {
        "GainMapMin": gain.low,
        "GainMapMax": gain.high,
        "Gamma": gain.gamma,
        "OffsetSDR": gain.offset_sdr,
        "OffsetHDR": gain.offset_hdr,
        "HDRCapacityMin": (0.0,),
        "HDRCapacityMax": (gain.headroom,),
    }
    attributes, elements = "", ""
    for name, triple in values.items():
        if len(set(triple)) == 1:
            attributes += f'\n    hdrgm:{name}="{_number(triple[0])}"'
        else:
            items = "".join(f"<rdf:li>{_number(v)}</rdf:li>" for v in triple)
            elements += f"\n   <hdrgm:{name}><rdf:Seq>{items}</rdf:Seq></hdrgm:{name}>"
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{_RDF}">
  <rdf:Description rdf:about=""
    xmlns:hdrgm="{HDRGM}"
    hdrgm:Version="1.0"{attributes}
    hdrgm:BaseRenditionIsHDR="False">{elements}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def with_container(xmp: bytes, size: int) -> bytes:
    """A picture's packet that also says that a gain map of so many bytes follows the picture."""
    directory = f"""  <rdf:Description rdf:about=""
    xmlns:Container="{_CONTAINER}"
    xmlns:Item="{_CONTAINER}item/"
    xmlns:hdrgm="{HDRGM}"
    hdrgm:Version="1.0">
   <Container:Directory>
    <rdf:Seq>
     <rdf:li rdf:parseType="Resource">
      <Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/>
     </rdf:li>
     <rdf:li rdf:parseType="Resource">
      <Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{size}"/>
     </rdf:li>
    </rdf:Seq>
   </Container:Directory>
  </rdf:Description>
""".encode()
    end = xmp.rindex(b"</rdf:RDF>")
    return xmp[:end] + b"\n" + directory + b" " + xmp[end:]
