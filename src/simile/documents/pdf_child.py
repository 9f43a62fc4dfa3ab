"""Print the text of a PDF's pages as JSON; run as a program in a child process.

Imports nothing of simile and is started by its path, so that it needs only pypdfium2. Limits its
own memory before reading the PDF; the parent limits its time.
Arguments: path, bytes of memory, characters of text. Exit status 3: the reason is on stdout.
"""

import json
import re
import sys

_SOFT_HYPHEN = re.compile("[\ufffe\x02]\r?\n?")
"""PDFium's mark for a hyphen from a line break: the word is joined again."""


def limit_memory(size_bytes: int) -> None:
    """Make allocations beyond the size fail, where the platform supports it."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = size_bytes if hard == resource.RLIM_INFINITY else min(size_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (size, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def read(path: str, max_characters: int) -> dict[str, object]:
    """Return title and pages. Raises what pypdfium2 raises."""
    import pypdfium2  # type: ignore[import-untyped,unused-ignore]

    document = pypdfium2.PdfDocument(path)
    pages = []
    room = max_characters
    for number in range(len(document)):
        page = document[number]
        words = page.get_textpage()
        text = _SOFT_HYPHEN.sub("", words.get_text_range()).replace("\r\n", "\n")
        words.close()
        page.close()
        room -= len(text)
        if room < 0:
            raise ValueError(f"its text is longer than {max_characters:,} characters")
        pages.append(text.replace("\0", ""))
    return {"title": document.get_metadata_value("Title"), "pages": pages}


def main(path: str, memory_bytes: str, max_characters: str) -> int:
    """Print the pages, or why they cannot be read; return the exit status."""
    limit_memory(int(memory_bytes))
    try:
        answer, status = json.dumps(read(path, int(max_characters))), 0
    except MemoryError:
        answer, status = json.dumps({"reason": "out of memory"}), 3
    except (RuntimeError, ValueError, OSError) as exc:
        answer, status = json.dumps({"reason": str(exc)}), 3
    sys.stdout.write(answer)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
