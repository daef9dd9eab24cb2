#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Checks that includes in userspace/ go down the list of layers (userspace/layers), so that no
folders form a cycle, and that the texts draw that list; prints it, or what is wrong and exits with 1.
Usage: layers.py [PATH_OF_USERSPACE]
"""
import os
import re
import sys
from pathlib import Path

TEXTS = ("ARCHITECTURE.md", "CONTRIBUTING.md")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)


def listed(root):
    """The folders in their order, with what each is."""
    layers = {}
    for line in (root / "layers").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, what = line.partition("\t")
            layers[name] = what.strip()
    return layers


def folder_of(root, source, target):
    """The folder of userspace/ that an include leads to, ".." for one outside, or None."""
    for base in (source.parent, root):
        folder = Path(os.path.normpath(base / target)).parent
        if target.startswith("../") and not folder.is_relative_to(root):
            return ".."
        if folder != root and folder.is_relative_to(root) and folder.is_dir():
            return folder.relative_to(root).as_posix()
    return None


def faults_of(root, layers, source):
    """The includes of one file that go up or out."""
    own = source.parent.relative_to(root).as_posix()
    text = source.read_text(errors="replace")
    for match in INCLUDE.finditer(text):
        target = folder_of(root, source, match[1])
        where = f"userspace/{source.relative_to(root)}:" + str(text.count("\n", 0, match.start()) + 1)
        if target == "..":
            yield f"{where}: {match[1]} leaves userspace/"
        elif target in layers and own in layers and layers.index(target) < layers.index(own):
            yield f"{where}: {own} includes {match[1]}, which is above it"


def faults(root):
    layers = list(listed(root))
    sources = sorted(p for p in root.rglob("*.[ch]"))
    folders = {p.parent.relative_to(root).as_posix() for p in sources}
    for name in sorted(folders - set(layers)):
        yield f"userspace/{name}: not in userspace/layers"
    for name in layers:
        if name not in folders:
            yield f"userspace/layers: no folder {name} with sources"
    for source in sources:
        yield from faults_of(root, layers, source)
    for text in TEXTS:
        drawn = re.findall(r"^\| `userspace/([^`]+)` \|", (root.parent / text).read_text(), re.MULTILINE)
        if drawn != layers:
            yield f"{text}: its table of userspace/ is not userspace/layers, line by line"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "userspace").resolve()
    found = list(faults(root))
    if found:
        print("\n".join(found))
        return 1
    for name, what in listed(root).items():
        print(f"           {name:20}{what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
