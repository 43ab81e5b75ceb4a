"""Packs GNU Unifont's glyphs (unifont.hex) for charts: python3 make.py unifont.hex >unifont.bin.gz

First a byte for each character of the basic plane: how many bytes wide its glyph is, 0 for none. Then the glyphs, sixteen
rows each, one after the other.
"""
import gzip, sys

widths, glyphs = bytearray(65536), []
for line in open(sys.argv[1]):
    code, _, rows = line.strip().partition(":")
    code, rows = int(code, 16), bytes.fromhex(rows)
    if code < 65536:
        widths[code] = len(rows) // 16
        glyphs.append((code, rows))
data = bytes(widths) + b"".join(rows for _, rows in sorted(glyphs))
sys.stdout.buffer.write(gzip.compress(data, 9, mtime=0))
